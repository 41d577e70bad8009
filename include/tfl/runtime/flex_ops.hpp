#pragma once
// TensorFlow's own ops that this library runs without TensorFlow, for programs that want all of them.

#include "tfl/kernels/flex.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl {

namespace detail {
template <class Unused, class... Op> using FlexList = OpRegistry<Op...>;
template <class Ops, class More> struct Joined;
template <class Ops, class... More> struct Joined<Ops, OpRegistry<More...>> { using type = typename Ops::template With<More...>; };
}  // namespace detail

#define TFL_FLEX_TYPE(name, ...) , flex::name
/// The ops of kernels/flex.hpp and flex_einsum.hpp.
using FlexOps = detail::FlexList<void TFL_FOR_EACH_FLEX_OP(TFL_FLEX_TYPE), FlexEinsum>;
#undef TFL_FLEX_TYPE

/// A registry and the `Flex` ops: `WithFlexOps<AllOps>`.
template <class Ops> using WithFlexOps = typename detail::Joined<Ops, FlexOps>::type;

}  // namespace tfl
