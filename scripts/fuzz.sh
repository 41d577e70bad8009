#!/usr/bin/env bash
# Runs the fuzzers, one after another, with what earlier runs have kept in build/fuzz/corpus.
#
#     scripts/fuzz.sh MINUTES [load | model | op | convert]...
#
# MINUTES are for each. A finding ends the run; its bytes are in build/fuzz/findings, and `build/fuzz/bin/fuzz_NAME FILE` shows it again.
# Models of the conformance corpus are seeds, where TFL_TEST_DATA (../shared) has one. At the end stand the executions per second.
#
# With AFL++ (Debian: afl++) instead of libFuzzer:
#
#     cmake --preset fuzz -B build/afl -DCMAKE_CXX_COMPILER=afl-clang-fast++ -DTFL_FUZZ_MAIN=ON && cmake --build build/afl --target fuzz_load
#     afl-fuzz -i build/fuzz/seeds -o build/afl/found -m none -- build/afl/bin/fuzz_load
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:?"usage: scripts/fuzz.sh MINUTES [load | model | op | convert]..."}
shift
names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(load model op convert)

data=${TFL_TEST_DATA:-../shared}
mkdir -p build/fuzz/seeds build/fuzz/findings
if [[ -d $data/conformance ]]; then scripts/fuzz_seeds.py "$data/conformance" build/fuzz/seeds; fi

cmake --preset fuzz >/dev/null
for name in "${names[@]}"; do
  cmake --build --preset fuzz --target "fuzz_$name"
  corpus=("build/fuzz/corpus/$name")
  mkdir -p "${corpus[0]}"
  case $name in
    op) ;;  # its bytes are choices, no files
    convert) corpus+=(tests/converter/samples) ;;
    *) corpus+=(build/fuzz/seeds) ;;
  esac
  echo "== $name"
  # Timeouts count as findings: nothing that is right takes seconds within the limits of the fuzzers.
  UBSAN_OPTIONS=print_stacktrace=1 "build/fuzz/bin/fuzz_$name" "${corpus[@]}" -artifact_prefix=build/fuzz/findings/ \
    -max_total_time=$((minutes * 60)) -max_len=65536 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
done
