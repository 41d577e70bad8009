#pragma once
// WHERE, UNIQUE, RANGE: ops whose outputs are as long as the data says. measure() counts before eval() writes.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// Calls f with a value of the C++ type of these elements; false where it is none of T.
template <class... T, class F> constexpr bool with_element_type(TensorType type, F f) {
  return ((type == tensor_type_of<T> && (f(T{}), true)) || ...);
}

}  // namespace detail

/// WHERE: condition of any type and 1 to 8 dimensions -> [number of elements that are not 0, rank] int64: their coordinates, in order.
struct Where {
  static constexpr BuiltinOperator code = BuiltinOperator::WHERE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 2;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (node.output(0).type != TensorType::int64) return output_violation(0, ErrorCode::invalid_type, "must be int64");
    return data_decides_shape();
  }
  static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte*) {
    const TensorDescription& condition = node.input(0);
    std::int64_t found = 0;
    const bool known =
        detail::with_element_type<Boolean, float, double, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t,
                                  std::uint32_t, std::int64_t, std::uint64_t>(condition.type, [&](auto element) {
          const auto* values = inputs.at<decltype(element)>(0);
          for (std::int64_t i = 0; i < condition.count(); ++i) found += is_true(values[i]) ? 1 : 0;
        });
    if (!known) return input_violation(0, ErrorCode::unsupported_type, "must be bool, float or integer");
    node.output(0).shape = Shape{static_cast<std::int32_t>(found), condition.rank()};
    return {};
  }

  struct Prepared {
    Shape shape;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In condition, Out out) {
    const Shape& shape = run.prepared.shape;
    const int rank = shape.rank();
    Shape at = Shape::of_rank(rank, 0);
    std::int64_t next = 0;
    for (std::int64_t i = 0; i < condition.count(); ++i) {
      if (is_true(condition[i])) {
        for (int axis = 0; axis < rank; ++axis) out[next++] = at[axis];
      }
      for (int axis = rank - 1; axis >= 0 && ++at[axis] == shape[axis]; --axis) at[axis] = 0;
    }
  }

  template <class T> using From = Signature<Takes<T>, Gives<std::int64_t>>;
  using Types = Signatures<From<Boolean>, From<float>, From<double>, From<std::int8_t>, From<std::uint8_t>, From<std::int16_t>,
                           From<std::uint16_t>, From<std::int32_t>, From<std::uint32_t>, From<std::int64_t>, From<std::uint64_t>>;

 private:
  template <class T> static constexpr bool is_true(T value) {
    if constexpr (std::same_as<T, Boolean>) {
      return value;
    } else {
      return value != T{0};
    }
  }
};

/// UNIQUE: x[n] -> its different values in order of first appearance, and for each element of x the index of its value among them.
/// All NaNs count as one value.
struct Unique {
  static constexpr BuiltinOperator code = BuiltinOperator::UNIQUE;
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const TensorType type = node.output(1).type;
    if (type != TensorType::int32 && type != TensorType::int64)
      return output_violation(1, ErrorCode::invalid_type, "must be int32 or int64");
    node.output(1).shape = node.input(0).shape;
    return data_decides_shape();
  }
  /// Positions in order of their values, then for each element the position of the first one that equals it.
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = 2 * static_cast<std::int64_t>(sizeof(std::int32_t)) * node.input(0).count()};
  }
  static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte* scratch) {
    const auto count = static_cast<std::int32_t>(node.input(0).count());
    std::int32_t different = 0;
    const bool known = detail::with_element_type<float, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, std::int64_t>(
        node.input(0).type, [&](auto element) { different = find(inputs.at<decltype(element)>(0), count, scratch); });
    if (!known) return input_violation(0, ErrorCode::unsupported_type, "must be float32, int8, uint8, int16, int32 or int64");
    node.output(0).shape = Shape{different};
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Values, class Indices> static void eval(const Run& run, In in, Values values, Indices indices) {
    const std::int32_t* first = reinterpret_cast<const std::int32_t*>(run.scratch) + in.count();
    std::int32_t next = 0;
    for (std::int64_t i = 0; i < in.count(); ++i) {
      if (first[i] == i) {
        values[next] = in[i];
        indices[i] = next++;
      } else {
        indices[i] = indices[first[i]];
      }
    }
  }

  template <class T, class Index> using To = Signature<Takes<T>, Gives<T, Index>>;
  using Types = Signatures<To<float, std::int32_t>, To<std::int8_t, std::int32_t>, To<std::uint8_t, std::int32_t>,
                           To<std::int16_t, std::int32_t>, To<std::int32_t, std::int32_t>, To<std::int64_t, std::int32_t>,
                           To<float, std::int64_t>, To<std::int8_t, std::int64_t>, To<std::uint8_t, std::int64_t>,
                           To<std::int16_t, std::int64_t>, To<std::int32_t, std::int64_t>, To<std::int64_t, std::int64_t>>;

 private:
  template <class T> static bool before(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(b) ? !std::isnan(a) : a < b;
    return a < b;
  }
  template <class T> static std::int32_t find(const T* values, std::int32_t count, std::byte* scratch) {
    auto* order = reinterpret_cast<std::int32_t*>(scratch);
    std::int32_t* first = order + count;
    for (std::int32_t i = 0; i < count; ++i) order[i] = i;
    std::sort(order, order + count,
              [&](std::int32_t a, std::int32_t b) { return before(values[a], values[b]) || (!before(values[b], values[a]) && a < b); });
    std::int32_t different = 0;
    for (std::int32_t i = 0; i < count; ++i) {
      const bool starts = i == 0 || before(values[order[i - 1]], values[order[i]]);
      first[order[i]] = starts ? order[i] : first[order[i - 1]];
      different += starts ? 1 : 0;
    }
    return different;
  }
};

/// RANGE: start, limit, delta (scalars of one type) -> start, start + delta, ... as long as limit is not reached.
struct Range {
  static constexpr BuiltinOperator code = BuiltinOperator::RANGE;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 2;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 3; ++i) {
      if (node.input(i).count() != 1) return input_violation(i, ErrorCode::invalid_shape, "must have one element");
      if (node.input(i).type != node.input(0).type) return input_violation(i, ErrorCode::invalid_type, "must have the type of input 0");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    return data_decides_shape();
  }
  static Violation measure(const Options&, const NodeDescription& node, const InputData& inputs, std::byte*) {
    std::int64_t count = 0;
    const bool known = detail::with_element_type<std::int32_t, std::int64_t, float>(node.input(0).type, [&](auto element) {
      using T = decltype(element);
      count = elements(*inputs.at<T>(0), *inputs.at<T>(1), *inputs.at<T>(2));
    });
    if (!known) return input_violation(0, ErrorCode::unsupported_type, "must be int32, int64 or float32");
    if (count == no_way) return input_violation(2, ErrorCode::invalid_value, "must lead from input 0 to input 1, and not be 0");
    if (count == too_many) return node_violation(ErrorCode::invalid_value, "would give more than 2^31 - 1 elements");
    node.output(0).shape = Shape{static_cast<std::int32_t>(count)};
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run&, In start, In, In delta, Out out) {
    using T = typename Out::value_type;
    T value = start[0];
    for (std::int64_t i = 0; i < out.count(); ++i) {
      out[i] = value;
      if constexpr (std::is_integral_v<T>) {  // the last step may pass the type's range
        value = static_cast<T>(static_cast<std::make_unsigned_t<T>>(value) + static_cast<std::make_unsigned_t<T>>(delta[0]));
      } else {
        value += delta[0];
      }
    }
  }

  template <class T> using Of = Signature<Takes<T, T, T>, Gives<T>>;
  using Types = Signatures<Of<std::int32_t>, Of<std::int64_t>, Of<float>>;

 private:
  static constexpr std::int64_t no_way = -1, too_many = -2;

  template <class T> static std::int64_t elements(T start, T limit, T delta) {
    if (!((start <= limit && delta > 0) || (start >= limit && delta < 0))) return no_way;
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if constexpr (std::is_integral_v<T>) {
      const auto distance = [](std::int64_t from, std::int64_t to) {
        return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
      };
      const std::uint64_t way = delta > 0 ? distance(start, limit) : distance(limit, start);
      const std::uint64_t step = delta > 0 ? distance(0, delta) : distance(delta, 0);
      const std::uint64_t count = way / step + (way % step != 0 ? 1 : 0);
      return count > static_cast<std::uint64_t>(most) ? too_many : static_cast<std::int64_t>(count);
    } else {
      const T count = std::ceil(std::abs((limit - start) / delta));
      return !(count <= static_cast<T>(most - 64)) ? too_many : static_cast<std::int64_t>(count);  // floats near 2^31 lie 128 apart
    }
  }
};

}  // namespace tfl
