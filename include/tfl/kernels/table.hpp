#pragma once
// Functions of one quantized tensor through tables: 256 entries for 8 bits, 513 with interpolation for int16. Tables are packed once.

#include <cstddef>
#include <cstdint>

#include "tfl/kernels/op.hpp"
#include "tfl/quant/lut.hpp"
#include "tfl/simd/lookup.hpp"

namespace tfl::detail {

/// What a table is made from.
struct TableScales {
  float scale_in = 0, scale_out = 0;
  std::int32_t zero_in = 0, zero_out = 0;

  static constexpr TableScales of(const NodeDescription& node) {
    const Quantization &in = node.input(0).quantization, &out = node.output(0).quantization;
    return {in.scale, out.scale, in.zero_point, out.zero_point};
  }
  constexpr Quantization in() const {
    Quantization q;
    q.scale = scale_in;
    q.zero_point = zero_in;
    return q;
  }
  constexpr Quantization out() const {
    Quantization q;
    q.scale = scale_out;
    q.zero_point = zero_out;
    return q;
  }
};

constexpr std::int64_t table_bytes(TensorType type) {
  if (type == TensorType::int8 || type == TensorType::uint8) return lut::bytes_of<std::int8_t>;
  return type == TensorType::int16 ? lut::bytes_of<std::int16_t> : 0;
}

/// Packs y = f(x) for elements of T. f maps float to float.
template <class A, class T, class F> void pack_table(const TableScales& scales, F f, std::byte* packed) {
  lut::fill<A>(scales.in(), scales.out(), f, reinterpret_cast<T*>(packed));
}

/// Through the table that was packed for the type of the elements.
template <class Run, class In, class Out> void eval_table(const Run& run, In in, Out out) {
  using T = typename In::value_type;
  run.executor.parallel_for(in.count(), sizeof(T), [&](std::int64_t first, std::int64_t last, int) {
    if constexpr (sizeof(T) == 1) {
      simd::lookup_bytes<typename Run::Arch>(reinterpret_cast<const std::uint8_t*>(run.packed),
                                             reinterpret_cast<const std::uint8_t*>(in.data()) + first,
                                             reinterpret_cast<std::uint8_t*>(out.data()) + first, last - first);
    } else {
      const auto* table = reinterpret_cast<const std::int16_t*>(run.packed);
      for (std::int64_t i = first; i < last; ++i) out[i] = lut::at(table, in[i]);
    }
  });
}

}  // namespace tfl::detail
