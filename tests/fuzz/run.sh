#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run: builds the fuzz targets with clang, ASan and UBSan and runs them. Prints TAP.
#
#   tests/fuzz/run.sh SECONDS [NOUN ... | all]
#       Fuzzes each NOUN for SECONDS, from its corpus. Without nouns: the parsers of what strangers
#       and upstreams send; the others only read their corpus once more. 0 seconds: every corpus is only read.
#   tests/fuzz/run.sh merge [NOUN ...]
#       Adds to tests/fuzz/corpus what was found since and reaches more than the corpus does, and
#       drops what was added so before and is needed no more. Inputs with a name stay as they are.
#
# FUZZ_BUILD   the build directory (build-fuzz; build-fuzz-afl for AFL++). Findings are kept in it in
#              NOUN.finding-* and new inputs in NOUN.corpus (libFuzzer) or NOUN.afl (AFL++).
# FUZZ_ENGINE  libfuzzer, or afl: AFL++ with its own driver of the same targets.
# FUZZ_FOUND   a folder with more inputs for merge, in FUZZ_FOUND/NOUN: AFL++'s queues, say.
# FUZZ_JOBS    how many run at once (2).
set -u
what=${1:?seconds for each target, or merge}
shift
cd "$(dirname "$0")" || exit 1
here=$PWD
engine=${FUZZ_ENGINE:-libfuzzer}
parsers=(http-head http-body json target request header sse upstream jwt)
all=(fuzz-*.c)
all=("${all[@]#fuzz-}")
all=("${all[@]%.c}")

is_parser() { # NOUN
  [[ " ${parsers[*]} " == *" $1 "* ]]
}

case $engine in
  libfuzzer) compiler=clang instrument=-fsanitize=fuzzer-no-link
    build=${FUZZ_BUILD:-$here/../../build-fuzz} ;;
  afl) compiler=afl-clang-fast instrument=
    build=${FUZZ_BUILD:-$here/../../build-fuzz-afl}
    export AFL_QUIET=1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_AUTORESUME=1 \
      AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 ;;
  *) echo "no such engine: $engine" >&2; exit 2 ;;
esac

libraries=(host/libdaedalus-host.a plugins/libplugin-common.a)
prepare() {
  # meson lists the files of a room when it sets up
  local files
  files=$(cd ../.. && find host plugins plugin-api -name node_modules -prune -o -type f -print | sort)
  if [ ! -f "$build/build.ninja" ]; then
    CC=$compiler meson setup "$build" "$here/../.." -Dtests=false -Db_sanitize=address,undefined \
      -Db_lundef=false -Dc_args="$instrument" || return
  elif [ "$files" != "$(cat "$build/.files" 2>/dev/null)" ]; then
    meson setup --reconfigure "$build" "$here/../.." || return
  fi
  echo "$files" >"$build/.files"
  ninja -C "$build" "${libraries[@]}"
}

compile() { # NOUN
  # shellcheck disable=SC2046
  "$compiler" -std=gnu11 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Werror \
    -Wno-unused-parameter -Wno-missing-field-initializers -D_GNU_SOURCE \
    -fsanitize=address,undefined,fuzzer \
    -I. -I../../host -I../../plugin-api -I../../plugins/common -I../../plugins \
    "fuzz-$1.c" fuzz.c json-plain.c -o "$build/fuzz-$1" "${libraries[@]/#/$build/}" \
    $(pkg-config --cflags --libs jansson gio-unix-2.0 libsoup-3.0 json-glib-1.0 libpq sqlite3) -ldl
}

# Limits of a size are reached, and no more: small inputs are quick.
max_length() { # NOUN
  case $1 in
    http-head) echo 40960 ;;
    http-body) echo 9216 ;;
    answer | upstream) echo 16384 ;;
    *) echo 4096 ;;
  esac
}

dictionary() { # NOUN: fails if there is none
  words=dictionaries/$1.dict
  [ "$1" != upstream ] || words=dictionaries/answer.dict
  [ -f "$words" ]
}

# Freed memory is kept long enough to see a use of it, and not
# so long that memory runs out.
sanitize() { # leaks on_error
  export ASAN_OPTIONS=detect_leaks=$1:abort_on_error=$2:symbolize=$1:quarantine_size_mb=32
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:abort_on_error=$2
}

fuzz_libfuzzer() { # NOUN SECONDS
  local options=(-timeout=25 -rss_limit_mb=2048 "-max_len=$(max_length "$1")" -verbosity=1
    "-artifact_prefix=$build/$1.finding-" -print_final_stats=1)

  sanitize 1 0
  dictionary "$1" && options+=("-dict=$words")
  if [ "$2" -eq 0 ]; then
    "$build/fuzz-$1" "${options[@]}" -runs=0 "corpus/$1"
    return
  fi
  mkdir -p "$build/$1.corpus"
  "$build/fuzz-$1" "${options[@]}" "-max_total_time=$2" "$build/$1.corpus" "corpus/$1"
}

fuzz_afl() { # NOUN SECONDS
  local options=(-i "corpus/$1" -o "$build/$1.afl" -m none -t 2000 -G "$(max_length "$1")")

  sanitize 0 1
  if [ "$2" -eq 0 ]; then
    "$build/fuzz-$1" "corpus/$1"/*
    return
  fi
  dictionary "$1" && options+=(-x "$words")
  afl-fuzz "${options[@]}" -V "$2" -- "$build/fuzz-$1" || return
  # its status tells nothing of what it found
  grep -E '^(execs_done|edges_found|saved_)' "$build/$1.afl/default/fuzzer_stats"
  grep -q '^saved_crashes *: 0$' "$build/$1.afl/default/fuzzer_stats" &&
    grep -q '^saved_hangs *: 0$' "$build/$1.afl/default/fuzzer_stats"
}

executions() { # log
  sed -n -e 's/^stat::number_of_executed_units: *//p' -e 's/^execs_done *: *//p' "$1" | tail -n 1
}

run_one() { # NOUN SECONDS
  { compile "$1" && "fuzz_$engine" "$1" "$2"; } >"$build/$1.log" 2>&1
}

merge_one() { # NOUN
  local from=() old
  {
    compile "$1" || return
    sanitize 1 0
    old=$(mktemp -d "$build/$1.old.XXXXXX")
    # an input that nobody named bears its checksum
    find "corpus/$1" -regextype posix-extended -type f -regex '.*/[0-9a-f]{40}' -exec mv -t "$old" {} +
    for folder in "$build/$1.corpus" ${FUZZ_FOUND:+"$FUZZ_FOUND/$1"}; do
      [ ! -d "$folder" ] || from+=("$folder")
    done
    "$build/fuzz-$1" -merge=1 -timeout=25 "-max_len=$(max_length "$1")" "corpus/$1" "$old" \
      ${from[@]+"${from[@]}"} && rm -r "$old"
  } >"$build/$1.log" 2>&1
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

told() { # NOUN SECONDS: what was done
  if [ "$what" = merge ]; then
    echo "$1: $(find "corpus/$1" -type f | wc -l) inputs in its corpus"
  elif [ "$2" -eq 0 ]; then
    echo "$1: its corpus once more"
  else
    echo "$1: $(executions "$build/$1.log") inputs in $2 s"
  fi
}

named=("$@")
[ $# -gt 0 ] && [ "$1" != all ] || named=("${all[@]}")
mkdir -p "$build"
prepare >"$build/prepare.log" 2>&1
status=$?
report $status build "$build/prepare.log"
[ $status -eq 0 ] || { echo 1..1; exit 1; }

declare -A seconds=() process=()
running=0
for noun in "${named[@]}"; do
  seconds[$noun]=$what
  [ $# -gt 0 ] || is_parser "$noun" || [ "$what" = merge ] || seconds[$noun]=0
  if [ $running -ge "${FUZZ_JOBS:-2}" ]; then
    wait -n
    running=$((running - 1))
  fi
  if [ "$what" = merge ]; then
    merge_one "$noun" &
  else
    run_one "$noun" "${seconds[$noun]}" &
  fi
  process[$noun]=$!
  running=$((running + 1))
done
for noun in "${named[@]}"; do
  wait "${process[$noun]}"
  report $? "$(told "$noun" "${seconds[$noun]}")" "$build/$noun.log"
done
echo "1..$number"
exit $failed
