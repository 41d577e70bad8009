#!/usr/bin/env bash
# Builds and runs the tests of some rooms with g++'s line counters and prints which share of the library's lines they run.
#
#     scripts/coverage.sh [LABEL]...         labels of tests; model, runtime and hostile where none is given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

labels=("$@")
[[ ${#labels[@]} -gt 0 ]] || labels=(model runtime hostile)

cmake --preset coverage >/dev/null
cmake --build --preset coverage --target $(printf 'tests_%s ' "${labels[@]}")
find build/coverage -name '*.gcda' -delete
ctest --preset coverage -L "^($(IFS='|'; echo "${labels[*]}"))\$"
scripts/coverage.py build/coverage
