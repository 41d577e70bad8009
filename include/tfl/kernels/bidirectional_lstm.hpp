#pragma once
// BIDIRECTIONAL_SEQUENCE_LSTM: one cell over time, another one over time backwards; float, or hybrid with weights of 8 bits.
//
// Inputs, by number:
//   0      input: [batch, time, input] or, time-major, [time, batch, input]
//   1-17   the forward cell's weights, recurrent weights, peepholes, biases and projection, as in lstm.hpp
//   18-34  the backward cell's
//   35-38  output state and cell state of the forward cell, then of the backward one: variables
//   39     auxiliary input, optional; with weights of its own (40-43 forwards, 44-47 backwards) both cells add it,
//          without them the backward cell reads it instead of input 0

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>

#include "tfl/kernels/lstm.hpp"
#include "tfl/kernels/lstm_cell.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

struct BidirectionalLstmOptions {
  LstmOptions cell{};
  bool merged = false;
  template <class Table> static constexpr BidirectionalLstmOptions read(const Table& table) {
    return {{activation_from(static_cast<std::int64_t>(table.fused_activation_function())), table.cell_clip(), table.proj_clip(),
             table.time_major(), table.asymmetric_quantize_inputs(), true},
            table.merge_outputs()};
  }
};

/// One direction of the node as a node of UNIDIRECTIONAL_SEQUENCE_LSTM.
class LstmDirection {
 public:
  constexpr LstmDirection(const NodeDescription& node, bool backward) : backward_(backward) {
    for (int i = 0; i < 20; ++i) {
      const int from = input_of(node, i);
      inputs_[static_cast<std::size_t>(i)] = node.has_input(from) ? &node.input(from) : nullptr;
    }
    output_.type = TensorType::float32;
    outputs_[0] = &output_;
  }
  LstmDirection(const LstmDirection&) = delete;
  LstmDirection& operator=(const LstmDirection&) = delete;

  constexpr NodeDescription node() { return {inputs_, outputs_}; }
  /// The input of the whole node that is input `i` of this one.
  constexpr int input_of(const NodeDescription& node, int i) const {
    if (i == 0) return backward_ && node.has_input(39) && !node.has_input(41) ? 39 : 0;
    if (i >= 18) return (backward_ ? 37 : 35) + i - 18;
    return (backward_ ? 17 : 0) + i;
  }

 private:
  std::array<const TensorDescription*, 20> inputs_{};
  std::array<TensorDescription*, 1> outputs_{};
  TensorDescription output_{};
  bool backward_;
};

constexpr Violation infer_lstm_direction(const BidirectionalLstmOptions& options, const NodeDescription& node, bool backward,
                                         Shape& output) {
  LstmDirection direction(node, backward);
  Violation v = infer_lstm(options.cell, direction.node(), true);
  if (v) {
    if (v.operand == Violation::Operand::input) v.index = static_cast<std::int16_t>(direction.input_of(node, v.index));
    return v;
  }
  output = direction.node().output(0).shape;
  if (!node.has_input(41)) return {};
  const std::int32_t cells = node.input(backward ? 21 : 4).shape[0];
  for (int g = 0; g < gate_count; ++g) {
    const int aux = (backward ? 44 : 40) + g, weights = (backward ? 18 : 1) + g;
    if (node.has_input(aux) != node.has_input(weights)) {
      return input_violation(aux, ErrorCode::invalid_model,
                             node.has_input(aux) ? "must be absent, since input {} is" : "must be there, since input {} is", weights);
    }
    if (!node.has_input(aux)) continue;
    if (node.input(aux).type != node.input(2).type) return input_violation(aux, ErrorCode::invalid_type, "must have the type of input 2");
    if (const Violation w = require_lstm_matrix(node, aux, cells, node.input(39).shape.last())) return w;
    if (node.input(aux).type != TensorType::float32) {
      if (const Violation w = require_quantized_input(node, aux)) return w;
    }
  }
  return {};
}

constexpr LstmPrepared describe_lstm_direction(const BidirectionalLstmOptions& options, const NodeDescription& node, bool backward) {
  LstmDirection direction(node, backward);
  LstmPrepared p = describe_lstm(options.cell, direction.node(), true);
  p.backward = backward;
  p.scales = lstm_scales(direction.node());
  if (node.has_input(41)) {
    p.aux_inputs = node.input(39).shape.last();
    for (int g = 0; g < gate_count; ++g) p.scales.aux[g] = node.input((backward ? 44 : 40) + g).quantization.scale;
    p.scratch = lay_out_lstm_scratch(p);
  }
  return p;
}

}  // namespace detail

struct BidirectionalSequenceLstm {
  static constexpr BuiltinOperator code = BuiltinOperator::BIDIRECTIONAL_SEQUENCE_LSTM;
  static constexpr Arity inputs = 48, outputs{1, 2};
  static constexpr int max_version = 3;
  static constexpr OpTraits traits{.has_side_effects = true};

  using Options = detail::BidirectionalLstmOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.output_count() != (options.merged ? 1 : 2)) {
      return node_violation(ErrorCode::invalid_model, "must have {} outputs, not {}", options.merged ? 1 : 2, node.output_count());
    }
    if (!node.has_input(0)) return input_violation(0, ErrorCode::invalid_model, "must be there");
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    for (int i = 0; i < node.output_count(); ++i) {
      if (node.output(i).type != TensorType::float32) return output_violation(i, ErrorCode::invalid_type, "must be float32");
    }
    if (const Violation v = require_rank(node, 0, 3)) return v;
    const Shape& in = node.input(0).shape;
    if (node.has_input(41) && !node.has_input(39)) return input_violation(39, ErrorCode::invalid_model, "must be there, since input 41 is");
    if (node.has_input(39)) {
      if (node.input(39).type != TensorType::float32) return input_violation(39, ErrorCode::invalid_type, "must be float32");
      if (const Violation v = require_rank(node, 39, 3)) return v;
      if (node.input(39).shape[0] != in[0] || node.input(39).shape[1] != in[1]) {
        return input_violation(39, ErrorCode::invalid_shape, "must have the first dimensions of input 0, {} and {}", in[0], in[1]);
      }
    }
    Shape forward, backward;
    if (const Violation v = detail::infer_lstm_direction(options, node, false, forward)) return v;
    if (const Violation v = detail::infer_lstm_direction(options, node, true, backward)) return v;
    if (node.input(19).type != node.input(2).type) return input_violation(19, ErrorCode::invalid_type, "must have the type of input 2");
    for (const int i : {8, 25}) {
      if (const Violation v = require_rank(node, i, 2)) return v;
    }
    node.output(0).shape = forward;
    if (options.merged) {
      if (std::int64_t{forward[2]} + backward[2] > 0x7fffffff) return node_violation(ErrorCode::invalid_shape, "has too many outputs");
      node.output(0).shape[2] += backward[2];
    } else {
      node.output(1).shape = backward;
    }
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const auto p = prepare(options, node, {});
    const std::int64_t forward = p->forward.scratch.bytes, backward = p->backward.scratch.bytes;
    return {.scratch_bytes = forward > backward ? forward : backward};
  }

  struct Prepared {
    detail::LstmPrepared forward, backward;
    bool merged = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p{detail::describe_lstm_direction(options, node, false), detail::describe_lstm_direction(options, node, true), options.merged};
    if (p.merged) p.forward.output_step = p.backward.output_step = std::int64_t{p.forward.outputs} + p.backward.outputs;
    return p;
  }

  template <class Run, class... V> static void eval(const Run& run, V... views) {
    const std::tuple<V...> all(views...);
    const Prepared& p = run.prepared;
    float* const out = std::get<48>(all).data();
    run_direction<0>(run, all, p.forward, out);
    run_direction<17>(run, all, p.backward, p.merged ? out + p.forward.outputs : std::get<49>(all).data());
  }

 private:
  template <int First, class Run, class All>
  static void run_direction(const Run& run, const All& all, const detail::LstmPrepared& p, float* out) {
    const auto at = [&]<int I>() { return detail::lstm_data(std::get<I>(all).data()); };
    constexpr int state = First == 0 ? 35 : 37, aux_weights = First == 0 ? 40 : 44;
    using W = detail::LstmElement<decltype(at.template operator()<2>())>;
    const bool reads_aux = First != 0 && std::get<39>(all) && !std::get<41>(all);
    const detail::LstmTensors<float, W, W, W, float, float, float, float> t{
        reads_aux ? std::get<39>(all).data() : std::get<0>(all).data(),
        {at.template operator()<First + 1>(), at.template operator()<First + 2>(), at.template operator()<First + 3>(),
         at.template operator()<First + 4>()},
        {at.template operator()<First + 5>(), at.template operator()<First + 6>(), at.template operator()<First + 7>(),
         at.template operator()<First + 8>()},
        {at.template operator()<First + 9>(), at.template operator()<First + 10>(), nullptr, at.template operator()<First + 11>()},
        {at.template operator()<First + 12>(), at.template operator()<First + 13>(), at.template operator()<First + 14>(),
         at.template operator()<First + 15>()},
        at.template operator()<First + 16>(),
        at.template operator()<First + 17>(),
        std::get<state>(all).data(),
        std::get<state + 1>(all).data(),
        {nullptr, nullptr, nullptr, nullptr},
        out,
        std::get<39>(all).data(),
        {at.template operator()<aux_weights>(), at.template operator()<aux_weights + 1>(), at.template operator()<aux_weights + 2>(),
         at.template operator()<aux_weights + 3>()}};
    using E = std::remove_reference_t<decltype(run.executor)>;
    detail::run_float_lstm(tfl::Run<typename Run::Arch, detail::LstmPrepared, E>{p, {}, nullptr, run.scratch, run.executor}, t);
  }

  // 17 tensors of a cell: 11 of weights, 4 biases, projection and its bias.
  template <class W>
  using Of = Signature<Takes<float,                                                                                           //
                             W, W, W, W, W, W, W, W, W, W, W, float, float, float, float, W, float,                           //
                             W, W, W, W, W, W, W, W, W, W, W, float, float, float, float, W, float,                           //
                             Mutable<float>, Mutable<float>, Mutable<float>, Mutable<float>, float, W, W, W, W, W, W, W, W>,  //
                       Gives<float, float>>;

 public:
  using Types = Signatures<Of<float>, Of<Raw<1>>>;
};

}  // namespace tfl
