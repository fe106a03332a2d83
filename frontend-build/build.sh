#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the page into a folder, with .br and .gz beside each file. Does nothing where the folder is newer
# than all sources. usage: frontend-build/build.sh OUTPUT_DIR
# PAGE_VERSION names the build; NODE_TOOLS is where node.sh may put its Node.
set -eu

if [ $# -ne 1 ]; then
  printf 'usage: %s OUTPUT_DIR\n' "$0" >&2
  exit 64
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
output=$(CDPATH='' cd -- "$1" && pwd)
stamp=$output.stamp
PAGE_VERSION=${PAGE_VERSION:-$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/package.json")}
export PAGE_VERSION

# current: whether the output is of this version and newer than every source.
current ()
{
  [ -f "$output/index.html" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$PAGE_VERSION" ] &&
    [ -z "$(find "$here/src" "$here/static" "$here/package.json" "$here/package-lock.json" "$here/.npmrc" \
      "$here/vite.config.ts" "$here/tsconfig.json" "$here/build.sh" "$here/node.sh" -newer "$stamp" -print -quit)" ]
}

if current; then
  exit 0
fi

mkdir -p "$here/node_modules"
exec 9>"$here/node_modules.lock"
flock 9
if current; then
  exit 0
fi

bin=$("$here/node.sh")
PATH=$bin:$PATH
export PATH
cd "$here"

# The packages are installed anew where the lock file or Node has changed.
wanted=$(node -v)\ $(sha256sum package-lock.json)
if [ "$(cat node_modules/.installed 2>/dev/null || true)" != "$wanted" ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  printf '%s\n' "$wanted" >node_modules/.installed
fi

began=$(mktemp)
trap 'rm -f "$began"; rm -rf "$output.new"' EXIT
PAGE_OUTPUT=$output.new
export PAGE_OUTPUT
rm -rf "$output.new"
node_modules/.bin/svelte-kit sync >&2
node_modules/.bin/vite build --logLevel warn >&2

rm -rf "$output"
mv "$output.new" "$output"
printf '%s\n' "$PAGE_VERSION" >"$stamp"
touch -r "$began" "$stamp"
