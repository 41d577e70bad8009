#pragma once
// The parts of XNNPACK's subgraph API that changed over the years, under one set of names. TFL_XNNPACK_2022: the library is so old that
// every elementwise operator has a function of its own (Debian 12 and Ubuntu 22.04 ship such a one).

#include <xnnpack.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/peers/graph.hpp"
#include "bench/peers/runner.hpp"

namespace tfl::bench::xnnpack {

enum class Unary { absolute, convert, hard_swish, sigmoid, square_root, tanh };
enum class Binary { add, subtract, multiply, divide, maximum, minimum };

inline void check(xnn_status status, const char* what) {
  if (status == xnn_status_success) return;
  throw CannotRun(std::string("XNNPACK refuses ") + what + " (status " + std::to_string(static_cast<int>(status)) + ")");
}

#ifndef TFL_XNNPACK_2022

inline void unary(xnn_subgraph_t subgraph, Unary kind, std::uint32_t x, std::uint32_t y) {
  constexpr xnn_unary_operator operators[] = {xnn_unary_abs,     xnn_unary_convert,     xnn_unary_hardswish,
                                              xnn_unary_sigmoid, xnn_unary_square_root, xnn_unary_tanh};
  check(xnn_define_unary(subgraph, operators[static_cast<int>(kind)], nullptr, x, y, 0), "its function of one tensor");
}

inline void clamp(xnn_subgraph_t subgraph, Bounds bounds, std::uint32_t x, std::uint32_t y) {
  xnn_unary_params params;
  params.clamp.min = bounds.min;
  params.clamp.max = bounds.max;
  check(xnn_define_unary(subgraph, xnn_unary_clamp, &params, x, y, 0), "its clamp");
}

inline void binary(xnn_subgraph_t subgraph, Binary kind, Bounds bounds, std::uint32_t a, std::uint32_t b, std::uint32_t y) {
  constexpr xnn_binary_operator operators[] = {xnn_binary_add,    xnn_binary_subtract, xnn_binary_multiply,
                                               xnn_binary_divide, xnn_binary_maximum,  xnn_binary_minimum};
  const xnn_binary_params params{bounds.min, bounds.max};
  check(xnn_define_binary(subgraph, operators[static_cast<int>(kind)], bounds.present() ? &params : nullptr, a, b, y, 0),
        "its function of two tensors");
}

inline void mean(xnn_subgraph_t subgraph, const std::vector<std::size_t>& axes, std::uint32_t x, std::uint32_t y, bool keep_dimensions) {
  check(xnn_define_static_reduce(subgraph, xnn_reduce_mean, axes.size(), axes.data(), x, y, keep_dimensions ? XNN_FLAG_KEEP_DIMS : 0),
        "its mean");
}

inline void pad(xnn_subgraph_t subgraph, const std::vector<std::size_t>& before, const std::vector<std::size_t>& after, std::uint32_t x,
                std::uint32_t y) {
  check(xnn_define_static_constant_pad_v2(subgraph, before.size(), before.data(), after.data(), 0.0f, x, y, 0), "its padding");
}

inline void concatenate(xnn_subgraph_t subgraph, int axis, const std::vector<std::uint32_t>& inputs, std::uint32_t y) {
  check(xnn_define_concatenate(subgraph, axis, inputs.size(), inputs.data(), y, 0), "its concatenation");
}

inline void batch_matmul(xnn_subgraph_t subgraph, std::uint32_t a, std::uint32_t b, std::uint32_t y, bool transpose_b) {
  check(xnn_define_batch_matrix_multiply(subgraph, a, b, y, transpose_b ? XNN_FLAG_TRANSPOSE_B : 0), "its matrix product");
}

inline void transpose(xnn_subgraph_t subgraph, const std::vector<std::size_t>& order, std::uint32_t x, std::uint32_t y) {
  check(xnn_define_static_transpose(subgraph, order.size(), order.data(), x, y, 0), "its transpose");
}

#else

inline void unary(xnn_subgraph_t subgraph, Unary kind, std::uint32_t x, std::uint32_t y) {
  constexpr const char* what = "its function of one tensor";
  switch (kind) {
    case Unary::absolute: return check(xnn_define_abs(subgraph, x, y, 0), what);
    case Unary::convert: return check(xnn_define_convert(subgraph, x, y, 0), what);
    case Unary::hard_swish: return check(xnn_define_hardswish(subgraph, x, y, 0), what);
    case Unary::sigmoid: return check(xnn_define_sigmoid(subgraph, x, y, 0), what);
    case Unary::square_root: return check(xnn_define_square_root(subgraph, x, y, 0), what);
    case Unary::tanh: throw CannotRun("XNNPACK: this old one has no tanh");
  }
}

inline void clamp(xnn_subgraph_t subgraph, Bounds bounds, std::uint32_t x, std::uint32_t y) {
  check(xnn_define_clamp(subgraph, bounds.min, bounds.max, x, y, 0), "its clamp");
}

inline void binary(xnn_subgraph_t subgraph, Binary kind, Bounds bounds, std::uint32_t a, std::uint32_t b, std::uint32_t y) {
  constexpr const char* what = "its function of two tensors";
  switch (kind) {
    case Binary::add: return check(xnn_define_add2(subgraph, bounds.min, bounds.max, a, b, y, 0), what);
    case Binary::subtract: return check(xnn_define_subtract(subgraph, bounds.min, bounds.max, a, b, y, 0), what);
    case Binary::multiply: return check(xnn_define_multiply2(subgraph, bounds.min, bounds.max, a, b, y, 0), what);
    case Binary::divide: return check(xnn_define_divide(subgraph, bounds.min, bounds.max, a, b, y, 0), what);
    case Binary::maximum: return check(xnn_define_maximum2(subgraph, a, b, y, 0), what);
    case Binary::minimum: return check(xnn_define_minimum2(subgraph, a, b, y, 0), what);
  }
}

inline void mean(xnn_subgraph_t subgraph, const std::vector<std::size_t>& axes, std::uint32_t x, std::uint32_t y, bool keep_dimensions) {
  if (axes != std::vector<std::size_t>{1, 2} || !keep_dimensions) throw CannotRun("XNNPACK: this old one has means of whole pictures only");
  check(xnn_define_global_average_pooling_2d(subgraph, Bounds{}.min, Bounds{}.max, x, y, 0), "its mean");
}

inline void pad(xnn_subgraph_t subgraph, const std::vector<std::size_t>& before, const std::vector<std::size_t>& after, std::uint32_t x,
                std::uint32_t y) {
  check(xnn_define_static_constant_pad(subgraph, before.data(), after.data(), 0.0f, x, y, 0), "its padding");
}

inline void concatenate(xnn_subgraph_t subgraph, int axis, const std::vector<std::uint32_t>& inputs, std::uint32_t y) {
  const auto along = static_cast<std::size_t>(axis);
  constexpr const char* what = "its concatenation";
  switch (inputs.size()) {
    case 2: return check(xnn_define_concatenate2(subgraph, along, inputs[0], inputs[1], y, 0), what);
    case 3: return check(xnn_define_concatenate3(subgraph, along, inputs[0], inputs[1], inputs[2], y, 0), what);
    case 4: return check(xnn_define_concatenate4(subgraph, along, inputs[0], inputs[1], inputs[2], inputs[3], y, 0), what);
    default: throw CannotRun("XNNPACK: this old one concatenates two to four tensors");
  }
}

inline void batch_matmul(xnn_subgraph_t, std::uint32_t, std::uint32_t, std::uint32_t, bool) {
  throw CannotRun("XNNPACK: this old one multiplies no two activations");
}

inline void transpose(xnn_subgraph_t, const std::vector<std::size_t>&, std::uint32_t, std::uint32_t) {
  throw CannotRun("XNNPACK: this old one has no transpose");
}

#endif

}  // namespace tfl::bench::xnnpack
