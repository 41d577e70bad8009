#pragma once
// LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM: options, checks and preparation. The kernels are in lstm_cell.hpp and lstm_quantized.hpp.
//
// Inputs, by number:
//   0      input: [batch, input] (LSTM), [batch, time, input] or, time-major, [time, batch, input]
//   1-4    weights of the gates input, forget, cell, output: [cells, input]; 1, 5, 9, 12 and 20 are absent in a coupled (CIFG) cell
//   5-8    recurrent weights: [cells, output], or [cells] for a diagonal matrix
//   9-11   peephole weights of the gates input, forget, output: [cells], all or none
//   12-15  biases: [cells]
//   16-17  projection weights [output, cells] and bias [output], optional
//   18-19  output state [batch, output] and cell state [batch, cells]: variables that the kernel updates
//   20-23  layer normalization weights: [cells], all or none
//
// LSTM has a second form, the basic cell: see lstm_basic.hpp.

#include <bit>
#include <cstdint>
#include <span>

#include "tfl/kernels/lstm_cell.hpp"
#include "tfl/kernels/lstm_narrow.hpp"
#include "tfl/kernels/lstm_quantized.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

struct LstmOptions {
  Activation activation = Activation::none;
  float cell_clip = 0, projection_clip = 0;
  bool time_major = true, asymmetric = false, is_full_kernel = true;
};

constexpr Violation require_lstm_type(const NodeDescription& node, int i, TensorType type) {
  if (!node.has_input(i) || node.input(i).type == type) return {};
  const char* rule = type == TensorType::float32 ? "must be float32"
                     : type == TensorType::int8  ? "must be int8"
                     : type == TensorType::int16 ? "must be int16"
                     : type == TensorType::int32 ? "must be int32"
                                                 : "must be uint8";
  return input_violation(i, ErrorCode::invalid_type, rule);
}
constexpr Violation require_lstm_vector(const NodeDescription& node, int i, std::int32_t size) {
  if (!node.has_input(i)) return {};
  const Shape& s = node.input(i).shape;
  if (s.rank() == 1 && s[0] == size) return {};
  return input_violation(i, ErrorCode::invalid_shape, "must have one dimension of {}", size);
}
constexpr Violation require_lstm_matrix(const NodeDescription& node, int i, std::int32_t rows, std::int32_t columns) {
  if (!node.has_input(i)) return {};
  const Shape& s = node.input(i).shape;
  if (s.rank() == 2 && s[0] == rows && s[1] == columns) return {};
  return input_violation(i, ErrorCode::invalid_shape, "must have the shape [{}, {}]", rows, columns);
}
/// All of the inputs, but the first where the cell is coupled, or none.
constexpr Violation require_all_or_none(const NodeDescription& node, std::span<const int> list, bool coupled) {
  const bool wanted = node.has_input(list.back());
  for (std::size_t k = 0; k < list.size(); ++k) {
    const bool needed = wanted && !(k == 0 && coupled);
    if (node.has_input(list[k]) != needed) {
      return input_violation(list[k], ErrorCode::invalid_model, needed ? "must be there, since input {} is" : "must be absent in this cell",
                             list.back());
    }
  }
  return {};
}

/// Of LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM.
constexpr LstmKind kind_of_lstm(const NodeDescription& node) {
  if (node.input(0).type == TensorType::int8) return node.intermediate(5).present() ? LstmKind::narrow : LstmKind::integer;
  return node.input(2).type == TensorType::float32 ? LstmKind::real : LstmKind::hybrid;
}

constexpr Violation check_lstm_presence(const NodeDescription& node) {
  if (node.input_count() != 20 && node.input_count() != 24) {
    return node_violation(ErrorCode::invalid_model, "has {} inputs, not 20 or 24", node.input_count());
  }
  for (const int i : {0, 2, 3, 4, 6, 7, 8, 13, 14, 15, 18, 19}) {
    if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there");
  }
  const bool coupled = !node.has_input(1);
  for (const int i : {5, 12}) {
    if (node.has_input(i) == coupled) {
      return input_violation(i, ErrorCode::invalid_model, coupled ? "must be absent, since input 1 is" : "must be there, since input 1 is");
    }
  }
  constexpr int peepholes[] = {9, 10, 11}, norms[] = {20, 21, 22, 23};
  if (const Violation v = require_all_or_none(node, peepholes, coupled)) return v;
  if (const Violation v = require_all_or_none(node, norms, coupled)) return v;
  if (node.has_input(17) && !node.has_input(16)) return input_violation(17, ErrorCode::invalid_model, "must be absent, since input 16 is");
  for (const int i : {18, 19}) {
    if (!node.input(i).is_variable) return input_violation(i, ErrorCode::invalid_model, "must be a variable tensor");
  }
  return {};
}

constexpr Violation check_lstm_types(const NodeDescription& node, LstmKind kind, bool diagonal) {
  using enum TensorType;
  const bool integer = kind == LstmKind::integer || kind == LstmKind::narrow;
  const TensorType weights = node.input(2).type;
  if (integer ? weights != int8 : weights != float32 && weights != int8 && weights != uint8) {
    return input_violation(2, ErrorCode::invalid_type, integer ? "must be int8" : "must be float32, int8 or uint8");
  }
  const TensorType real = float32;
  if (const Violation v = require_lstm_type(node, 0, integer ? int8 : real)) return v;
  for (const int i : {1, 3, 4, 16}) {
    if (const Violation v = require_lstm_type(node, i, weights)) return v;
  }
  for (int i = 5; i <= 8; ++i) {
    if (const Violation v = require_lstm_type(node, i, diagonal ? real : weights)) return v;
  }
  for (int i = 9; i <= 11; ++i) {
    if (const Violation v = require_lstm_type(node, i, integer ? int16 : weights)) return v;
  }
  for (const int i : {12, 13, 14, 15, 17}) {
    if (const Violation v = require_lstm_type(node, i, integer ? int32 : real)) return v;
  }
  if (const Violation v = require_lstm_type(node, 18, !integer ? real : node.input(18).type == int16 ? int16 : int8)) return v;
  if (const Violation v = require_lstm_type(node, 19, integer ? int16 : real)) return v;
  for (int i = 20; i <= 23; ++i) {
    if (const Violation v = require_lstm_type(node, i, integer ? int16 : real)) return v;
  }
  return require_same_type(node, 0, 0);
}

constexpr Violation check_lstm_quantization(const NodeDescription& node, LstmKind kind, bool sequence) {
  if (kind == LstmKind::real) return {};
  const bool integer = kind == LstmKind::integer || kind == LstmKind::narrow;
  for (int i = 0; i < node.input_count(); ++i) {
    const bool scaled = (i >= 1 && i <= 11) || i == 16 || (integer && (i == 0 || i >= 18));
    if (!scaled || !node.has_input(i) || node.input(i).type == TensorType::float32) continue;
    if (node.input(i).quantization.per_channel()) {
      return input_violation(i, ErrorCode::invalid_quantization, "must have one scale, not one for each channel");
    }
    if (const Violation v = require_quantized_input(node, i)) return v;
  }
  if (!integer) return {};
  if (const Violation v = require_quantized_output(node, 0)) return v;
  if (kind == LstmKind::narrow && sequence) {
    return node_violation(ErrorCode::unsupported_type, "has gates of 8 bits, which only LSTM can have: 5 intermediate tensors at most");
  }
  if (kind == LstmKind::narrow) return check_narrow_lstm(node);
  const int exponent = exponent_of_power_of_two(node.input(19).quantization.scale);
  if (exponent < -15 || exponent > -9) {
    return input_violation(19, ErrorCode::invalid_quantization, "must have a scale of 2^-15 to 2^-9");
  }
  for (int i = node.has_input(21) ? (node.has_input(1) ? 0 : 1) : 4; i < 5; ++i) {
    if (!is_usable(node.intermediate(i).quantization, TensorType::int8)) {
      return node_violation(ErrorCode::invalid_quantization, "must have the scale and zero point of intermediate tensor {}", i);
    }
  }
  return {};
}

/// Everything but the options' spelling is the same for both ops. `sequence`: the input has a time axis.
constexpr Violation infer_lstm(const LstmOptions& options, const NodeDescription& node, bool sequence) {
  if (!options.is_full_kernel) return infer_basic_lstm(node);
  if (node.output_count() != 1) return node_violation(ErrorCode::invalid_model, "has {} outputs, not 1", node.output_count());
  if (!(options.cell_clip >= 0)) return node_violation(ErrorCode::invalid_option, "has a cell_clip that is negative or no number");
  if (!(options.projection_clip >= 0)) return node_violation(ErrorCode::invalid_option, "has a proj_clip that is negative or no number");
  if (const Violation v = check_float_activation(options.activation)) return v;
  if (const Violation v = check_lstm_presence(node)) return v;
  if (const Violation v = require_rank(node, 0, sequence ? 3 : 2)) return v;
  if (const Violation v = require_rank(node, 4, 2)) return v;
  if (const Violation v = require_rank_between(node, 8, 1, 2)) return v;
  const Shape& input = node.input(0).shape;
  const bool diagonal = node.input(8).rank() == 1;
  const std::int32_t batches = input[sequence && options.time_major ? 1 : 0], inputs = input.last(), cells = node.input(4).shape[0];
  const std::int32_t outputs = diagonal ? cells : node.input(8).shape[1];
  const LstmKind kind = kind_of_lstm(node);
  if (diagonal && kind != LstmKind::real && kind != LstmKind::hybrid)
    return input_violation(8, ErrorCode::invalid_shape, "must have 2 dimensions beside int8 activations");
  if (cells == 0) return input_violation(4, ErrorCode::invalid_shape, "must have at least one row: the cells");
  if (const Violation v = check_lstm_types(node, kind, diagonal)) return v;
  for (int i = 1; i <= 4; ++i) {
    if (const Violation v = require_lstm_matrix(node, i, cells, inputs)) return v;
  }
  for (int i = 5; i <= 8; ++i) {
    if (const Violation v = diagonal ? require_lstm_vector(node, i, cells) : require_lstm_matrix(node, i, cells, outputs)) return v;
  }
  for (const int i : {9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23}) {
    if (const Violation v = require_lstm_vector(node, i, cells)) return v;
  }
  if (const Violation v = require_lstm_matrix(node, 16, outputs, cells)) return v;
  if (const Violation v = require_lstm_vector(node, 17, outputs)) return v;
  if (!node.has_input(16) && outputs != cells) {
    return input_violation(8, ErrorCode::invalid_shape, "must have as many columns as rows, {}, since nothing projects the cells", cells);
  }
  for (const int i : {18, 19}) {
    const std::int64_t wanted = std::int64_t{batches} * (i == 18 ? outputs : cells);
    if (node.input(i).count() != wanted) {
      return input_violation(i, ErrorCode::invalid_shape, "must have {} elements, as many as the batch times {}, not {}", wanted,
                             i == 18 ? outputs : cells, node.input(i).count());
    }
  }
  if (const Violation v = check_lstm_quantization(node, kind, sequence)) return v;
  Shape output = input;
  output[output.rank() - 1] = outputs;
  node.output(0).shape = output;
  return {};
}

/// The sizes. Requires a node that passed infer_lstm().
constexpr LstmPrepared describe_lstm(const LstmOptions& options, const NodeDescription& node, bool sequence) {
  LstmPrepared p;
  const Shape& input = node.input(0).shape;
  p.time_major = options.time_major;
  p.steps = sequence ? input[options.time_major ? 0 : 1] : 1;
  p.batches = input[sequence && options.time_major ? 1 : 0];
  p.inputs = input.last();
  p.cells = node.input(4).shape[0];
  p.diagonal = node.input(8).rank() == 1;
  p.outputs = p.diagonal ? p.cells : node.input(8).shape[1];
  p.output_step = p.outputs;
  p.kind = kind_of_lstm(node);
  p.coupled = !node.has_input(1);
  p.normalized = node.has_input(21);
  p.projected = node.has_input(16);
  p.asymmetric = options.asymmetric;
  p.activation = options.activation;
  p.cell_clip = options.cell_clip;
  p.projection_clip = options.projection_clip;
  p.scratch = lay_out_lstm_scratch(p);
  return p;
}

/// The input of a gate's weights, recurrent weights, peephole and norm; -1: none.
constexpr int lstm_peephole_input(int gate) { return gate == cell_gate ? -1 : gate == output_gate ? 11 : 9 + gate; }

/// Beside sparse recurrent weights, TFLite scales R h by the input's scale instead of the state's; the results must agree.
constexpr LstmScales lstm_scales(const NodeDescription& node) {
  LstmScales s;
  for (int g = 0; g < gate_count; ++g) {
    s.input[g] = node.input(1 + g).quantization.scale;
    s.recurrent[g] = node.input(5 + g).quantization.scale;
    s.state_as_input[g] = node.input(5 + g).is_sparse;
    if (const int i = lstm_peephole_input(g); i >= 0) s.peephole[g] = node.input(i).quantization.scale;
  }
  s.projection = node.input(16).quantization.scale;
  return s;
}

/// A clip in the integers of `scale`, cut to [.., most].
constexpr std::int32_t quantized_lstm_clip(float clip, float scale, float most) {
  if (!(clip > 0)) return 0;
  const float quotient = clip / scale;
  return static_cast<std::int32_t>(quotient < most ? quotient : most);
}

constexpr Result<LstmIntegers, Violation> lstm_integers(const NodeDescription& node) {
  LstmIntegers s;
  const auto scale = [&](int i) { return node.input(i).quantization.scale; };
  const int exponent = exponent_of_power_of_two(scale(19));
  const auto cell_scale = 1.0 / static_cast<double>(1 << -exponent);
  const bool normalized = node.has_input(21);
  bool fits = true;
  // The quotients are floats, as TFLite forms them.
  const auto multiplier = [&](float real, int headroom = 0) {
    const Multiplier m = quantize_multiplier(static_cast<double>(real));
    fits = fits && m.shift + headroom <= 31;
    return m;
  };
  for (int g = node.has_input(1) ? input_gate : forget_gate; g < gate_count; ++g) {
    const float gate_scale = normalized ? node.intermediate(g).quantization.scale : 1.0f / 4096;
    s.input[g] = multiplier(scale(1 + g) * scale(0) / gate_scale);
    s.recurrent[g] = multiplier(scale(5 + g) * scale(18) / gate_scale);
    if (const int i = lstm_peephole_input(g); i >= 0 && node.has_input(i)) {
      s.peephole[g] = multiplier(static_cast<float>(cell_scale * static_cast<double>(scale(i)) / static_cast<double>(gate_scale)));
    }
    if (normalized) {
      s.norm[g] = multiplier(scale(20 + g), 12);
      const float guard = 10000 * scale(20 + g);
      s.variance_guard[g] = guard >= 1 ? static_cast<std::int32_t>(guard < 1e9f ? guard : 1e9f) : 1;
    }
  }
  const Quantization& hidden = node.intermediate(4).quantization;
  s.hidden = multiplier(static_cast<float>(1.0 / 32768 / static_cast<double>(hidden.scale) / 32768));
  if (node.has_input(16)) s.projection = multiplier(scale(16) * hidden.scale / scale(18));
  if (!fits) return node_violation(ErrorCode::invalid_quantization, "combines scales so that a multiplier passes 2^31");
  s.hidden_zero_point = hidden.zero_point;
  s.cell_integer_bits = 15 + exponent;
  return s;
}

constexpr Result<LstmPrepared, Violation> prepare_lstm(const LstmOptions& options, const NodeDescription& node, bool sequence) {
  if (!options.is_full_kernel) {
    LstmPrepared p;
    p.basic = prepare_basic_lstm(node);
    return p;
  }
  LstmPrepared p = describe_lstm(options, node, sequence);
  if (p.kind == LstmKind::hybrid) p.scales = lstm_scales(node);
  if (p.kind == LstmKind::integer) {
    const auto integers = lstm_integers(node);
    if (!integers) return integers.error();
    p.integers = *integers;
  }
  if (p.kind == LstmKind::narrow) {
    if (const Violation v = prepare_narrow_lstm(node, p)) return v;
  }
  if (p.in_integers()) {
    p.integers.input_zero_point = node.input(0).quantization.zero_point;
    p.integers.state_zero_point = node.input(18).quantization.zero_point;
    p.integers.cell_clip = quantized_lstm_clip(options.cell_clip, node.input(19).quantization.scale, 32767);
    p.integers.projection_clip = quantized_lstm_clip(options.projection_clip, node.output(0).quantization.scale, 127);
  }
  return p;
}

template <class X, class W, class R, class P, class B, class H, class C, class N>
using LstmSignature = Signature<Takes<X, W, W, W, W, R, R, R, R, P, P, P, B, B, B, B, W, B, Mutable<H>, Mutable<C>, N, N, N, N>, Gives<X>>;

/// The basic cell has no input where every full one has weights.
struct NoTensor {};
template <class X, class B, class S>
using BasicLstmSignature = Signature<Takes<X, Mutable<X>, X, B, Mutable<S>, NoTensor, NoTensor>, Gives<X, S, X, S>>;
template <class... T>
Signatures<BasicLstmSignature<float, float, float>, BasicLstmSignature<std::uint8_t, std::int32_t, std::int16_t>, T...> with_basic_lstm(
    Signatures<T...>);

/// What both ops share. Sequence: whether the input has a time axis.
template <bool Sequence> struct LstmOp {
  static constexpr Arity inputs{Sequence ? 20 : basic_lstm_inputs, 24}, outputs{1, Sequence ? 1 : basic_lstm_outputs};
  static constexpr int max_version = 4;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = LstmOptions;
  static constexpr Violation infer(const Options& options, const NodeDescription& node) { return infer_lstm(options, node, Sequence); }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    if (!options.is_full_kernel) return {};
    return {.scratch_bytes = describe_lstm(options, node, Sequence).scratch.bytes};
  }

  using Prepared = LstmPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return prepare_lstm(options, node, Sequence);
  }

  template <class Run, class X, class A, class W, class B, class S, class None, class Y, class T, class J, class G>
  static void eval(const Run& run, X in, A activation, W weights, B bias, S state, None, None, Y activation_out, T state_out, J joined,
                   G gates) {
    run_basic_lstm(run.prepared.basic, in.data(), activation.data(), weights.data(), bias.data(), state.data(), activation_out.data(),
                   state_out.data(), joined.data(), gates.data());
  }
  template <class Run, class... V> static void eval(const Run& run, V... views) requires(sizeof...(V) > 20) {
    const auto tensors = gather_lstm_tensors(views...);
    if constexpr (std::is_same_v<decltype(tensors.output), std::int8_t*>) {
      if constexpr (!Sequence) {
        if (run.prepared.kind == LstmKind::narrow) return run_narrow_lstm(run, tensors);
      }
      run_integer_lstm(run, tensors);
    } else {
      run_float_lstm(run, tensors);
    }
  }

  using FullTypes = Signatures<
      LstmSignature<float, float, float, float, float, float, float, float>,
      LstmSignature<float, Raw<1>, Raw<1>, Raw<1>, float, float, float, float>,
      LstmSignature<float, Raw<1>, float, Raw<1>, float, float, float, float>,
      LstmSignature<std::int8_t, std::int8_t, std::int8_t, std::int16_t, std::int32_t, std::int8_t, std::int16_t, std::int16_t>,
      LstmSignature<std::int8_t, std::int8_t, std::int8_t, std::int16_t, std::int32_t, std::int16_t, std::int16_t, std::int16_t>>;
  using Types = std::conditional_t<Sequence, FullTypes, decltype(with_basic_lstm(FullTypes{}))>;
};

}  // namespace detail

/// LSTM: one step of a cell. input[batch, input] -> output[batch, output]
struct Lstm : detail::LstmOp<false> {
  static constexpr BuiltinOperator code = BuiltinOperator::LSTM;
  struct Options : detail::LstmOptions {
    template <class Table> static constexpr Options read(const Table& table) {
      return {{activation_from(static_cast<std::int64_t>(table.fused_activation_function())), table.cell_clip(), table.proj_clip(), true,
               table.asymmetric_quantize_inputs(), static_cast<std::int64_t>(table.kernel_type()) == 0}};
    }
  };
};

/// UNIDIRECTIONAL_SEQUENCE_LSTM: a cell over time. input[batch, time, input] -> output[batch, time, output], or time first in both.
struct UnidirectionalSequenceLstm : detail::LstmOp<true> {
  static constexpr BuiltinOperator code = BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM;
  struct Options : detail::LstmOptions {
    template <class Table> static constexpr Options read(const Table& table) {
      return {{activation_from(static_cast<std::int64_t>(table.fused_activation_function())), table.cell_clip(), table.proj_clip(),
               table.time_major(), table.asymmetric_quantize_inputs(), true}};
    }
  };
};

}  // namespace tfl
