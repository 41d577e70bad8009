#pragma once
// SCATTER_ND: indices[..., K], updates[..., inner...], shape -> a tensor of this shape, 0 but where the updates lie; those of equal
// indices are added up.

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

struct ScatterNd {
  static constexpr BuiltinOperator code = BuiltinOperator::SCATTER_ND;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    node.output(0).type = node.input(1).type;  // whatever the file says, as in TFLite
    for (const int i : {0, 2}) {
      if (node.input(i).type != TensorType::int32) return input_violation(i, ErrorCode::invalid_type, "must be int32");
    }
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = require_rank_between(node, 1, 1, max_rank)) return v;
    if (const Violation v = detail::require_integer_vector(node, 2)) return v;
    const Shape &indices = node.input(0).shape, &updates = node.input(1).shape;
    const KnownIntegers& wanted = node.input(2).integers;
    if (wanted.size() > max_rank) {
      return input_violation(2, ErrorCode::invalid_shape, "asks for {} dimensions, at most {} are possible", wanted.size(), max_rank);
    }
    Shape shape;
    for (int i = 0; i < wanted.size(); ++i) {
      if (wanted[i] < 0) return input_violation(2, ErrorCode::invalid_value, "asks for dimension {} = {}", i, wanted[i]);
      shape.push_back(static_cast<std::int32_t>(wanted[i]));
    }
    const int outer = indices.rank() - 1;
    const std::int32_t coordinates = indices.last();
    if (coordinates > shape.rank() || updates.rank() != outer + shape.rank() - coordinates) {
      return input_violation(1, ErrorCode::invalid_shape,
                             "must have the indices' first {} dimensions and the output's behind the {} that an index covers", outer,
                             coordinates);
    }
    for (int i = 0; i < updates.rank(); ++i) {
      const std::int32_t expected = i < outer ? indices[i] : shape[coordinates + i - outer];
      if (updates[i] != expected) {
        return input_violation(1, ErrorCode::invalid_shape, "must have {} elements in dimension {}, not {}", expected, i, updates[i]);
      }
    }
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t tuples = 0, run = 0;             // elements that one index covers
    std::int32_t coordinates = 0;                 // of an index
    std::array<std::int32_t, max_rank> extent{};  // what each coordinate counts
    std::array<std::int64_t, max_rank> step{};    // elements from one of its values to the next
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &indices = node.input(0).shape, &out = node.output(0).shape;
    Prepared p;
    p.coordinates = indices.last();
    p.tuples = indices.count(0, indices.rank() - 1);
    p.run = out.count(p.coordinates, out.rank());
    for (int i = 0; i < p.coordinates; ++i) {
      p.extent[static_cast<std::size_t>(i)] = out[i];
      p.step[static_cast<std::size_t>(i)] = out.count(i + 1, out.rank());
    }
    return p;
  }

  template <class Run, class Indices, class In, class Size, class Out>
  static Violation eval(const Run& run, Indices indices, In updates, Size, Out out) {
    const Prepared& p = run.prepared;
    const auto coordinates = static_cast<std::size_t>(p.coordinates);
    if (out.count() > 0) std::memset(static_cast<void*>(out.data()), 0, static_cast<std::size_t>(out.count()) * sizeof(*out.data()));
    for (std::int64_t i = 0; i < p.tuples; ++i) {
      const std::int32_t* index = indices.data() + i * p.coordinates;
      std::int64_t at = 0;
      for (std::size_t c = 0; c < coordinates; ++c) {
        if (index[c] < 0 || index[c] >= p.extent[c]) {
          return input_violation(0, ErrorCode::invalid_value,
                                 "holds an index outside of the output: element {} is {}, but must be from 0 to {}",
                                 i * p.coordinates + static_cast<std::int64_t>(c), index[c], p.extent[c] - 1);
        }
        at += index[c] * p.step[c];
      }
      for (std::int64_t k = 0; k < p.run; ++k) out[at + k] = sum(out[at + k], updates[i * p.run + k]);
    }
    return {};
  }

 private:
  template <class T> static T sum(T a, T b) {
    if constexpr (std::is_same_v<T, Boolean>) {
      return a || b;
    } else if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<U>(static_cast<U>(a) + static_cast<U>(b)));
    } else {
      return a + b;
    }
  }
  template <class T> using Of = Signature<Takes<std::int32_t, T, Unread>, Gives<T>>;

 public:
  using Types = Signatures<Of<float>, Of<std::uint8_t>, Of<Boolean>, Of<std::int8_t>, Of<std::int64_t>, Of<std::int32_t>>;
};

}  // namespace tfl
