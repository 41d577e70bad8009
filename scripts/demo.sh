#!/usr/bin/env bash
# On a fresh Debian 12: installs what is missing, builds the programs, makes the digit model and classifies the held-out digits.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

digits=examples/data/digits
bin=build/release/bin
work=build/release/demo
log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
  echo "> $*"
  if ! "$@" >"$log" 2>&1; then
    cat "$log"
    exit 1
  fi
}

scripts/install_dependencies.sh demo
# The demo does without GoogleTest, so a tree that already builds the tests keeps them and a fresh one does not need them.
tests=()
[[ -f build/release/CMakeCache.txt ]] || tests=(-DTFL_BUILD_TESTS=OFF)
quietly cmake --preset release "${tests[@]}"
quietly cmake --build --preset release --target build_digit_model classify_digits 02_classify_image

# 8x8 grey values as two characters a pixel.
show() {
  tail -c 64 "$1" | od -An -v -tu1 -w8 | awk '
    BEGIN { split("  ,░░,▒▒,▓▓,██", shade, ",") }
    { line = "    "; for (i = 1; i <= NF; ++i) line = line shade[1 + int($i * 4 / 255 + 0.5)]; print line }'
}

mkdir -p "$work"
echo
echo "The models, written by tfl::ModelBuilder from trained weights:"
"$bin/build_digit_model" "$digits" "$work"

for kind in float int8; do
  echo
  echo "== digits_$kind.tflite on the digits that the training never saw"
  "$bin/classify_digits" "$work/digits_$kind.tflite" "$digits/digits_heldout.bin"
done

echo
echo "== one of them, by examples/02_classify_image"
picture=$(find "$digits/heldout" -name '7_*.pgm' | sort | head -n 1)
show "$picture"
"$bin/02_classify_image" "$work/digits_int8.tflite" "$picture"
