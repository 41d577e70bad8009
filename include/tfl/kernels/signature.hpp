#pragma once
// What a runner reads from an op's Types, folds and traits: the same for the interpreter, which picks a kernel while it prepares, and for
// static plans, where the compiler picks it.

#include <cstddef>
#include <iterator>
#include <type_traits>

#include "tfl/core/shape.hpp"
#include "tfl/core/tensor.hpp"
#include "tfl/core/type.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl::detail {

template <class O> constexpr OpTraits traits_of() {
  if constexpr (requires { O::traits; }) {
    return O::traits;
  } else {
    return {};
  }
}

/// The C++ type of an element named in a Signature, and which tensor types it stands for.
template <class T> struct ElementOf {
  using type = T;
  static constexpr bool matches(TensorType t) { return t == tensor_type_of<T>; }
};
template <int N> struct ElementOf<Raw<N>> {
  using type = Raw<N>;
  static constexpr bool matches(TensorType t) { return bits_of(t) == 8 * N; }
};
template <> struct ElementOf<Unread> {
  using type = std::byte;
  static constexpr bool matches(TensorType) { return true; }
};
template <> struct ElementOf<AnyType> : ElementOf<Unread> {};
template <class T> struct ElementOf<Mutable<T>> : ElementOf<T> {};
template <class T> struct ElementOf<Many<T>> : ElementOf<T> {};

/// What a tensor without elements points to: it still isn't an absent one.
inline constexpr std::byte no_bytes[64] = {};

template <class O> constexpr Fold fold_of(std::size_t position) {
  if constexpr (requires { O::folds; }) {
    return position < std::size(O::folds) ? O::folds[position] : Fold::flat;
  } else {
    return Fold::flat;
  }
}

}  // namespace tfl::detail
