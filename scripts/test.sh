#!/usr/bin/env bash
# Configures, builds and tests the preset release. Quiet until something fails; ctest's summary comes last.
#
#     scripts/test.sh [-DNAME=VALUE]... [CTEST-ARGUMENT]...
#
# Arguments that begin with -D go to cmake, all others to ctest. TFL_PRESET names another preset.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${TFL_PRESET:-release}
jobs=$(nproc)
# A build directory remembers: the demo may have left the tests out of it, and CI may have asked for more architectures.
settings=(-DTFL_BUILD_TESTS=ON -DTFL_BUILD_TOOLS=ON -DTFL_BUILD_EXAMPLES=ON -DTFL_TEST_ARCHS=)
selection=()
for argument in "$@"; do
  if [[ $argument == -D* ]]; then settings+=("$argument"); else selection+=("$argument"); fi
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log"
    echo "failed: $*" >&2
    exit 1
  fi
}

quietly cmake --preset "$preset" "${settings[@]}"
quietly cmake --build --preset "$preset" -j "$jobs"
# --output-on-failure alone still lists every test that passed.
result=0
ctest --preset "$preset" -j "$jobs" --output-junit "$PWD/build/$preset/ctest.xml" "${selection[@]}" >"$log" 2>&1 || result=$?
if [[ $result -ne 0 ]]; then
  cat "$log"
else
  sed -n '/tests passed/,$p' "$log"
fi
exit "$result"
