#!/usr/bin/env bash
# On a fresh Debian 12: installs what is missing, builds the programs, converts the digit model that PyTorch exported to ONNX, and lets
# each of its forms classify the digits that the training never saw.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

digits=examples/data/digits
bin=build/release/bin
work=build/release/tools/digits
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
# The demo does without GoogleTest and reads ONNX only: a tree that already builds more keeps it, and a fresh one does not need it.
less=()
[[ -f build/release/CMakeCache.txt ]] || less=(-DTFL_BUILD_TESTS=OFF -DTFL_CONVERTER_TENSORFLOW=OFF -DTFL_CONVERTER_KERAS=OFF)
quietly cmake --preset release "${less[@]}"
quietly cmake --build --preset release --target digits 02_classify_image

# 8x8 grey values as two characters a pixel.
show() {
  tail -c 64 "$1" | od -An -v -tu1 -w8 | awk '
    BEGIN { split("  ,░░,▒▒,▓▓,██", shade, ",") }
    { line = "    "; for (i = 1; i <= NF; ++i) line = line shade[1 + int($i * 4 / 255 + 0.5)]; print line }'
}

echo
echo "== digits.onnx, as PyTorch itself read the digits that the training never saw"
cat "$digits/digits_pytorch.txt"

for kind in float int8; do
  echo
  echo "== digits_$kind.tflite, as tfl_convert made it: $(stat -c %s "$work/digits_$kind.tflite") bytes"
  "$bin/classify_digits" "$work/digits_$kind.tflite" "$digits/digits_heldout.bin"
done
echo
echo "== digits_int8.hpp, the same model as a C++ type"
"$bin/classify_digits_static" "$digits/digits_heldout.bin"

echo
echo "== one of them, by examples/02_classify_image"
picture=$(find "$digits/heldout" -name '7_*.pgm' | sort | head -n 1)
show "$picture"
"$bin/02_classify_image" "$work/digits_int8.tflite" "$picture"
