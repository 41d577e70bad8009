#!/usr/bin/env bash
# Runs the fuzzers, one after another, with what earlier runs have kept in build/fuzz/corpus.
#
#     scripts/fuzz.sh MINUTES [load | model | op]...
#
# MINUTES are for each. A finding ends the run; its bytes are in build/fuzz/findings, and `build/fuzz/bin/fuzz_NAME FILE` shows it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

minutes=${1:?"usage: scripts/fuzz.sh MINUTES [load | model | op]..."}
shift
names=("$@")
[[ ${#names[@]} -gt 0 ]] || names=(load model op)

cmake --preset fuzz >/dev/null
for name in "${names[@]}"; do
  cmake --build --preset fuzz --target "fuzz_$name"
  mkdir -p "build/fuzz/corpus/$name" build/fuzz/findings
  echo "== $name"
  # Timeouts count as findings: nothing that is right takes seconds within the limits of the fuzzers.
  UBSAN_OPTIONS=print_stacktrace=1 "build/fuzz/bin/fuzz_$name" "build/fuzz/corpus/$name" -artifact_prefix=build/fuzz/findings/ \
    -max_total_time=$((minutes * 60)) -max_len=16384 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
done
