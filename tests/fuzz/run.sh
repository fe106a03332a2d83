#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run: builds the fuzz targets with clang, ASan and UBSan and runs each for a while. Prints TAP.
#
#   tests/fuzz/run.sh SECONDS [NOUN ...]
#
# FUZZ_BUILD names the build directory (build-fuzz). What is found is kept there in NOUN.finding-*;
# new inputs worth keeping go to NOUN.corpus, and those of tests/fuzz/corpus/NOUN are read only.
# AFL=1 builds with afl-clang-fast and replay.c instead and runs nothing.
set -u
seconds=${1:?seconds for each target}
shift
cd "$(dirname "$0")" || exit 1
here=$PWD
build=${FUZZ_BUILD:-$here/../../build-fuzz}
if [ $# -eq 0 ]; then
  for file in fuzz-*.c; do
    file=${file#fuzz-}
    set -- "$@" "${file%.c}"
  done
fi

if [ "${AFL:-}" = 1 ]; then
  compiler=afl-clang-fast instrument='' main=replay.c
else
  compiler=clang instrument=-fsanitize=fuzzer-no-link main=''
fi
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=suppressions=$here/../lsan.supp:print_suppressions=0

libraries='host/libdaedalus-host.a plugins/libplugin-common.a'
prepare() {
  [ -f "$build/build.ninja" ] ||
    CC=$compiler meson setup "$build" "$here/../.." -Dtests=false -Db_sanitize=address,undefined \
      -Db_lundef=false -Dc_args="$instrument" || return
  # shellcheck disable=SC2086
  ninja -C "$build" $libraries
}

compile() { # NOUN
  # shellcheck disable=SC2046,SC2086
  "$compiler" -std=gnu11 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wno-unused-parameter \
    -Wno-missing-field-initializers -D_GNU_SOURCE \
    -fsanitize=address,undefined ${main:--fsanitize=fuzzer} \
    -I. -I../../host -I../../plugin-api -I../../plugins/common -I../../plugins \
    "fuzz-$1.c" fuzz.c -o "$build/fuzz-$1" \
    $(cd "$build" && printf "$build/%s " $libraries) $(pkg-config --cflags --libs \
      gio-unix-2.0 libsoup-3.0 json-glib-1.0 libpq sqlite3) -ldl
}

fuzz() { # NOUN
  mkdir -p "$build/$1.corpus"
  "$build/fuzz-$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
    -artifact_prefix="$build/$1.finding-" -print_final_stats=1 -verbosity=1 \
    "$build/$1.corpus" "corpus/$1"
}

number=0 failed=0
report() { # status name log
  number=$((number + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $number - fuzz $2"
  else
    echo "not ok $number - fuzz $2"
    tail -n 40 "$3" | sed 's/^/# /'
    failed=1
  fi
}

mkdir -p "$build"
prepare >"$build/prepare.log" 2>&1
status=$?
report $status build "$build/prepare.log"
[ $status -eq 0 ] || { echo 1..1; exit 1; }
for noun in "$@"; do
  log=$build/$noun.log
  compile "$noun" >"$log" 2>&1 || { report 1 "$noun" "$log"; continue; }
  [ -z "$main" ] || { report 0 "$noun" "$log"; continue; }
  fuzz "$noun" >"$log" 2>&1
  report $? "$noun: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s" "$log"
done
echo "1..$number"
exit $failed
