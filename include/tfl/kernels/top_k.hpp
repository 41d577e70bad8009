#pragma once
// TOPK_V2: input[..., n], k -> the k largest elements along the last axis in falling order, and where they were. Of equal elements the
// first comes first; NaN comes after all numbers.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl {

struct TopK {
  static constexpr BuiltinOperator code = BuiltinOperator::TOPK_V2;
  static constexpr Arity inputs = 2, outputs = 2;
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.any_rank = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (node.input(1).type != TensorType::int32 && node.input(1).type != TensorType::int16) {
      return input_violation(1, ErrorCode::invalid_type, "must be int32 or int16");
    }
    const TensorType index = node.output(1).type;
    if (index != TensorType::int32 && index != TensorType::int16) {
      return output_violation(1, ErrorCode::invalid_type, "must be int32 or int16");
    }
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (node.input(1).count() != 1) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one element, not {}", node.input(1).count());
    }
    if (const Violation v = require_known(node, 1)) return v;
    const std::int64_t k = k_of(node);
    Shape shape = node.input(0).shape;
    const std::int32_t row = shape.last();
    if (k > row) return input_violation(1, ErrorCode::invalid_value, "asks for {} elements of rows that have {}", k, row);
    if (k > 0 && index == TensorType::int16 && row > std::numeric_limits<std::int16_t>::max()) {
      return output_violation(1, ErrorCode::invalid_type, "cannot count the {} elements of a row in int16", row);
    }
    shape[shape.rank() - 1] = static_cast<std::int32_t>(k);
    node.output(0).shape = node.output(1).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t rows = 0, columns = 0, k = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{in.count(0, in.rank() - 1), in.last(), k_of(node)};
  }

  template <class Run, class In, class K, class Out, class Places> static void eval(const Run& run, In in, K, Out out, Places places) {
    using Place = typename Places::value_type;
    const Prepared& p = run.prepared;
    if (p.k == 0) return;
    run.executor.parallel_for(p.rows, 4 + p.columns * 2, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const auto* x = in.data() + row * p.columns;
        const auto before = [x](Place a, Place b) { return precedes<typename Run::Arch>(x[a], x[b], a, b); };
        // The places found so far are a heap, the worst of them on top.
        Place *const heap = places.data() + row * p.k, *const end = heap + p.k;
        for (std::int64_t i = 0; i < p.k; ++i) heap[i] = static_cast<Place>(i);
        std::make_heap(heap, end, before);
        for (std::int64_t i = p.k; i < p.columns; ++i) {
          if (!before(static_cast<Place>(i), heap[0])) continue;
          std::pop_heap(heap, end, before);
          end[-1] = static_cast<Place>(i);
          std::push_heap(heap, end, before);
        }
        std::sort_heap(heap, end, before);
        for (std::int64_t i = 0; i < p.k; ++i) out[row * p.k + i] = x[heap[i]];
      }
    });
  }

 private:
  static constexpr std::int64_t k_of(const NodeDescription& node) {
    const std::int64_t k = node.input(1).integers[0];
    return k > 0 ? k : 0;  // negative ones count as none, as in TFLite
  }
  template <class A, class T, class Place> static bool precedes(T a, T b, Place at_a, Place at_b) {
    if constexpr (std::is_floating_point_v<T>) {
      const bool a_is_number = a == a, b_is_number = b == b;
      if (a_is_number != b_is_number) return a_is_number;
    }
    return a > b || (!(a < b) && at_a < at_b);
  }
  template <class T, class Place> using Of = Signature<Takes<T, Unread>, Gives<T, Place>>;

 public:
  using Types = Signatures<Of<float, std::int32_t>, Of<std::int8_t, std::int32_t>, Of<std::uint8_t, std::int32_t>,
                           Of<std::int16_t, std::int32_t>, Of<std::int32_t, std::int32_t>, Of<std::int64_t, std::int32_t>,
                           Of<float, std::int16_t>, Of<std::int8_t, std::int16_t>, Of<std::uint8_t, std::int16_t>,
                           Of<std::int16_t, std::int16_t>, Of<std::int32_t, std::int16_t>, Of<std::int64_t, std::int16_t>>;
};

}  // namespace tfl
