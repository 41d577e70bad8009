#!/usr/bin/env bash
# Cross compiles the largest tiles of the matrix products for 64-bit Arm and counts the instructions of their innermost loops.
#
#     bench/arm/inner_loops.sh [XNNPACK_SOURCES PTHREADPOOL_HEADERS]
#
# With the sources of XNNPACK (and the directory of pthreadpool.h), its tiles for the same instructions stand below ours, compiled by the same compiler.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
compiler=${CXX_AARCH64:-aarch64-linux-gnu-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v "$compiler" >/dev/null || { echo "$compiler is missing (Debian: g++-aarch64-linux-gnu)"; exit 1; }
# The cross compiler must not see the other architecture's system headers: only these two libraries are linked into its path.
for library in xsimd flatbuffers; do
  [[ -d /usr/include/$library ]] || { echo "/usr/include/$library is missing (Debian: libxsimd-dev, libflatbuffers-dev)"; exit 1; }
  ln -s "/usr/include/$library" "$work/$library"
done

count() {  # FLAGS NAME INSTANTIATION...
  local flags=$1 name=$2
  shift 2
  { echo '#include "tfl/linalg/microkernel.hpp"'; printf 'namespace tfl::linalg { %s }\n' "$*"; } >"$work/$name.cpp"
  # shellcheck disable=SC2086: several flags
  "$compiler" -std=c++20 -O3 -DNDEBUG $flags -I"$root/include" -isystem "$work" -c "$work/$name.cpp" -o "$work/$name.o"
  "$here/inner_loops.py" "$work/$name.o" --function '(float|byte)_tile' | sed 's/tfl::simd:://g; s/tfl::linalg:://g; s/void //'
}

neon_float='template void float_tile<simd::Neon, 8, 2>(const TileInput<float>&, const float*, const FloatTileOutput&);'
byte() { echo "template void byte_tile<simd::$1, std::int8_t, $2, 2${3:-}>(const TileInput<std::int8_t>&, const std::uint8_t*, const std::int32_t*, std::int32_t*);"; }
echo "NEON"
count "" neon "$neon_float" "$(byte Neon 8 ", true")"
echo "dotprod"
count "-march=armv8.2-a+dotprod" dotprod "$(byte NeonDotprod 8)"
echo "i8mm"
count "-march=armv8.2-a+dotprod+i8mm" i8mm "$(byte NeonI8mm 8)"

if [[ -n ${1:-} ]]; then
  echo "XNNPACK"
  c=${compiler/g++/gcc}
  for kernel in f32-gemm/gen/f32-gemm-6x8-minmax-aarch64-neonfma-lane-ld128 qs8-qc8w-gemm/gen/qs8-qc8w-gemm-4x16c4-minmax-fp32-neondot \
                qs8-qc8w-gemm/gen/qs8-qc8w-gemm-4x16-minmax-fp32-neonv8-mlal-lane qs8-qc8w-gemm/gen/qs8-qc8w-gemm-4x16c8-minmax-fp32-neoni8mm; do
    [[ -f $1/src/$kernel.c ]] || { echo "$1/src/$kernel.c is missing"; continue; }
    "$c" -O3 -DNDEBUG -march=armv8.2-a+dotprod+fp16+i8mm -I"$1" -I"$1/src" -I"$1/include" -I"${2:-/usr/include}" -c "$1/src/$kernel.c" -o "$work/peer.o"
    "$here/inner_loops.py" "$work/peer.o"
  done
fi
