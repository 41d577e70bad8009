#pragma once
// The words that a generated header is written in: a model as a type.
//
// struct name {
//   static constexpr std::size_t alignment = 4;                            of tensors; 16 where nothing is said
//   alignas(16) static constexpr unsigned char weights[] = "...";          the constants' bytes, little-endian
//   alignas(16) static constexpr unsigned char packed[] = "...";           for microcontrollers: the tables of nodes that want some
//   static constexpr tfl::plan::Tensor tensors[] = {...};
//   struct node_0_CONV_2D {
//     using Op = tfl::Conv2D;
//     static constexpr Op::Options options{...};
//     static constexpr tfl::plan::Indices<3> inputs{0, 1, 2};              of tensors; -1: absent
//     static constexpr tfl::plan::Indices<1> outputs{3};
//     static constexpr tfl::plan::Indices<0> intermediates{};
//     static constexpr int version = 1;
//   };
//   using Nodes = tfl::plan::Nodes<node_0_CONV_2D, ...>;                   in the order in which they run
//   static constexpr tfl::plan::Indices<1> inputs{0}, outputs{3};
// };

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "tfl/core/memory.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl::plan {

static_assert(std::endian::native == std::endian::little, "tfl: the weights of a generated header are little-endian");

/// Where a tensor that has no bytes there would lie.
inline constexpr std::int64_t nowhere = -1;

/// A tensor of a generated model. Its bytes lie in the model's weights or in the arena, or nobody reads them.
struct Tensor {
  const char* name = "";
  TensorType type = TensorType::none;
  Shape shape;
  Quantization quantization{};
  std::int64_t weights_at = nowhere;
  std::int64_t arena_at = nowhere;
  bool is_variable = false, is_sparse = false;
  /// The tensor whose bytes these are some of, -1 where it has bytes of its own. Nodes read parts of a tensor that is there, or write the
  /// parts that together are a tensor which no node writes as a whole.
  std::int32_t part_of = -1;
  KnownIntegers integers{};  // the values of a constant that decide a shape: the compiler can't read them from the weights' bytes

  constexpr bool is_constant() const { return weights_at != nowhere; }
  constexpr bool is_placed() const { return arena_at != nowhere; }
  constexpr std::int64_t bytes() const { return bytes_of(type, shape.count()); }
  constexpr TensorDescription description() const { return {type, shape, quantization, integers, is_constant(), is_variable, is_sparse}; }
};

/// Tensors lie at multiples of this, in the weights and in the arena. Less than 16 is for compact kernels alone.
template <class Model> constexpr std::int64_t alignment_of() {
  if constexpr (requires { Model::alignment; }) {
    return std::int64_t{Model::alignment};
  } else {
    return std::int64_t{arena_alignment};
  }
}

template <std::size_t N> using Indices = std::array<std::int32_t, N>;

template <class... Node> struct Nodes {};

template <class Model> inline constexpr std::int32_t tensor_count = static_cast<std::int32_t>(std::size(Model::tensors));

/// Values for KnownIntegers.
template <class T, std::size_t N> constexpr KnownIntegers known(const T (&values)[N]) { return KnownIntegers(std::span<const T>(values)); }

/// The descriptions of a node's tensors, for as long as an op looks at them. Requires indices in range.
template <class Model, class Node> class Described {
 public:
  constexpr Described() {
    describe(Node::inputs, inputs_, described_inputs_);
    describe(Node::outputs, outputs_, described_outputs_);
    describe(Node::intermediates, intermediates_, described_intermediates_);
  }
  Described(const Described&) = delete;
  Described& operator=(const Described&) = delete;

  constexpr NodeDescription node() {
    return {{inputs_.data(), Node::inputs.size()},
            {outputs_.data(), Node::outputs.size()},
            Node::version,
            1,
            {intermediates_.data(), Node::intermediates.size()}};
  }

 private:
  template <std::size_t N, class Pointers, class Descriptions>
  static constexpr void describe(const Indices<N>& indices, Pointers& pointers, Descriptions& descriptions) {
    for (std::size_t i = 0; i < N; ++i) {
      if (indices[i] < 0) continue;
      descriptions[i] = Model::tensors[indices[i]].description();
      pointers[i] = &descriptions[i];
    }
  }
  template <class T, std::size_t N> using List = std::array<T, N + 1>;  // never empty

  List<TensorDescription, Node::inputs.size()> described_inputs_{};
  List<TensorDescription, Node::outputs.size()> described_outputs_{};
  List<TensorDescription, Node::intermediates.size()> described_intermediates_{};
  List<const TensorDescription*, Node::inputs.size()> inputs_{};
  List<TensorDescription*, Node::outputs.size()> outputs_{};
  List<const TensorDescription*, Node::intermediates.size()> intermediates_{};
};

}  // namespace tfl::plan
