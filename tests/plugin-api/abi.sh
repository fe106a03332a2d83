#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# abi: the lock and each public header, alone, with both compilers and both languages. Speaks TAP.
# Where abigail-tools are installed it also reports how today's ABI differs from the one kept in
# daedalus-plugin-1.abi: a report, not a verdict, until ABI 1 is released.
set -u
here=$(cd "$(dirname "$0")" && pwd)
api=$here/../../plugin-api
flags="-Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers -I$api $(pkg-config --cflags gio-2.0)"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
n=0

tell() { # STATUS NAME: the compiler's words are in $scratch/said
  n=$((n + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $n - $2"
  else
    echo "not ok $n - $2"
    sed 's/^/# /' "$scratch/said"
  fi
}

for cc in gcc clang; do
  command -v $cc >/dev/null || continue
  # shellcheck disable=SC2086
  $cc -std=gnu11 $flags -fsyntax-only "$here/lock-1.0.c" >"$scratch/said" 2>&1
  tell $? "lock 1.0 holds ($cc)"
done

for header in "$api"/*.h "$api"/services/*.h; do
  name=${header#"$api"/}
  printf '#include "%s"\nint nothing;\n' "$header" >"$scratch/alone.c"
  cp "$scratch/alone.c" "$scratch/alone.cc"
  # shellcheck disable=SC2086
  gcc -std=c11 $flags -fsyntax-only "$scratch/alone.c" >"$scratch/said" 2>&1
  tell $? "$name stands alone in C11"
  command -v clang++ >/dev/null || continue
  # shellcheck disable=SC2086
  clang++ -std=c++20 $flags -fsyntax-only "$scratch/alone.cc" >"$scratch/said" 2>&1
  tell $? "$name stands alone in C++20"
done

if command -v abidiff >/dev/null && [ -f "$here/daedalus-plugin-1.abi" ]; then
  # shellcheck disable=SC2086
  gcc -g -std=gnu11 -shared -fPIC $flags "$here/abi-probe.c" -o "$scratch/probe.so" 2>"$scratch/said"
  tell $? "the ABI probe compiles"
  abidiff "$here/daedalus-plugin-1.abi" "$scratch/probe.so" 2>&1 | sed 's/^/# abidiff: /'
fi
echo "1..$n"
