#!/usr/bin/env bash
# Runs the fuzzers, one after another, with what earlier runs have kept in build/fuzz/corpus.
#
#     scripts/fuzz.sh MINUTES [load | model | op | convert | plan]...
#
# MINUTES are for each, of processor time: the promise is the same on a busy machine. A finding ends the run; its bytes are in
# build/fuzz/findings, and `build/fuzz/bin/fuzz_NAME FILE` shows it again. Models of the conformance corpus are seeds, where TFL_TEST_DATA
# (../shared) has one. At the end stand the executions per second.
#
# With AFL++ (Debian: afl++) instead of libFuzzer:
#
#     cmake --preset fuzz -B build/afl -DCMAKE_CXX_COMPILER=afl-clang-fast++ -DTFL_FUZZ_MAIN=ON && cmake --build build/afl --target fuzz_load
#     afl-fuzz -i build/fuzz/seeds -o build/afl/found -m none -- build/afl/bin/fuzz_load
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:?"usage: scripts/fuzz.sh MINUTES [load | model | op | convert | plan]..."}
shift
names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(load model op convert plan)

data=${TFL_TEST_DATA:-../shared}
mkdir -p build/fuzz/seeds build/fuzz/findings
if [[ -d $data/conformance ]]; then scripts/fuzz_seeds.py "$data/conformance" build/fuzz/seeds; fi

# processor_time PID: seconds that a process and the children that it waited for had of processors. Importers try some files in children.
processor_time() { awk -v ticks="$(getconf CLK_TCK)" '{print int(($14 + $15 + $16 + $17) / ticks)}' "/proc/$1/stat" 2>/dev/null; }

# stop_after SECONDS PID: asks libFuzzer to end, and to print its figures, once it has had so much of a processor.
stop_after() {
  local used
  while used=$(processor_time "$2") && [[ -n $used ]]; do
    if ((used >= $1)); then
      kill -USR1 "$2"
      return
    fi
    sleep 1
  done
}

cmake --preset fuzz >/dev/null
for name in "${names[@]}"; do
  cmake --build --preset fuzz --target "fuzz_$name"
  corpus=("build/fuzz/corpus/$name")
  mkdir -p "${corpus[0]}"
  case $name in
    op | plan) options=(-len_control=0 -max_len=1024) ;;  # their bytes are choices, no files
    *) options=(-max_len=65536) ;;
  esac
  case $name in
    load | model) corpus+=(build/fuzz/seeds) ;;
    convert)
      corpus+=(tests/converter/samples)
      options+=(-detect_leaks=0)  # libhdf5 keeps memory for files to come
      ;;
  esac
  echo "== $name"
  # Timeouts count as findings: nothing that is right takes seconds within the limits of the fuzzers.
  UBSAN_OPTIONS=print_stacktrace=1 "build/fuzz/bin/fuzz_$name" "${corpus[@]}" -artifact_prefix=build/fuzz/findings/ "${options[@]}" \
    -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 &
  fuzzer=$!
  trap 'kill "$fuzzer"' EXIT
  stop_after $((minutes * 60)) "$fuzzer"
  trap - EXIT
  wait "$fuzzer"
done
