#pragma once
// SVDF: a fully connected layer over time in two small steps. Each filter f looks at the input of now and remembers what it saw:
//
//   state[b, f, :] = (state[b, f, 1:], feature[f] . input[b])          the last `memory` values
//   output[b, u]   = activation(bias[u] + sum over the rank filters f of unit u of time[f] . state[b, f])
//
// input[batch, input], feature weights[filters, input], time weights[filters, memory], bias[units] (optional), state[batch, memory *
// filters] (a variable) -> output[batch, units], filters = units * rank. In float; float with 8-bit weights; int8 with int16 or int8 time
// weights and state.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/recurrent.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/quant/fixed_point.hpp"
#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/dot_rows.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl {

namespace detail {

struct SvdfPrepared {
  std::int32_t batches = 0, inputs = 0, filters = 0, units = 0, rank = 1, memory = 0;
  bool asymmetric = false;
  Activation activation = Activation::none;
  float feature_scale = 1, time_scale = 1;  // of 8-bit weights beside float activations
  Multiplier to_state, to_output;           // of int8 activations
  std::int32_t input_zero_point = 0, state_zero_point = 0, output_zero_point = 0;
};

/// Moves a filter's memory one step on and appends what it sees now.
template <class S> void remember(S* memory, std::int64_t size, S newest) {
  std::memmove(memory, memory + 1, static_cast<std::size_t>(size - 1) * sizeof(S));
  memory[size - 1] = newest;
}

/// sum of scale * weights[i] * x[i]
template <class A> float scaled_dot(const std::int8_t* weights, float scale, const float* x, std::int64_t n) {
  using V = simd::Batch<float, A>;
  constexpr int lanes = simd::lanes<float, A>;
  V sums(0.0f);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    sums = simd::fma(simd::to_float<A>(simd::load_int32<A>(weights + i)) * V(scale), simd::load<A>(x + i), sums);
  }
  float sum = simd::sum(sums);
  for (; i < n; ++i) sum += static_cast<float>(weights[i]) * scale * x[i];
  return sum;
}

/// sum of weights[i] * (x[i] - zero_point), wrapping
template <class A> std::int32_t centred_dot(const std::int8_t* weights, const std::int8_t* x, std::int32_t zero_point, std::int64_t n) {
  constexpr std::int64_t chunk = 128;
  std::int16_t centred[chunk];
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < n; i += chunk) {
    const std::int64_t count = n - i < chunk ? n - i : chunk;
    simd::centre_row<A>(x + i, zero_point, centred, count);
    std::int32_t part = 0;
    simd::dot_rows<A>(weights + i, 1, count, centred, &part);
    sum = fixed_point::plus(sum, part);
  }
  return sum;
}

constexpr std::int32_t saturate_to(std::int64_t x, Int32Range range) {
  return static_cast<std::int32_t>(x < range.lo ? range.lo : x > range.hi ? range.hi : x);
}

inline const std::int8_t* svdf_weights(const Raw<1>* w) { return reinterpret_cast<const std::int8_t*>(w); }
template <class T> const T* svdf_weights(const T* w) { return w; }

inline constexpr int svdf_filters_at_once = 64;

}  // namespace detail

struct Svdf {
  static constexpr BuiltinOperator code = BuiltinOperator::SVDF;
  static constexpr Arity inputs = 5, outputs = 1;
  static constexpr int max_version = 4;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t rank = 1;
    Activation activation = Activation::none;
    bool asymmetric = false;
    template <class Table> static constexpr Options read(const Table& table) {
      return {table.rank(), activation_from(static_cast<std::int64_t>(table.fused_activation_function())),
              table.asymmetric_quantize_inputs()};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (const int i : {0, 1, 2, 4}) {
      if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there");
      if (const Violation v = require_rank(node, i, 2)) return v;
    }
    if (!node.input(4).is_variable) return input_violation(4, ErrorCode::invalid_model, "must be a variable tensor");
    const Shape &input = node.input(0).shape, &feature = node.input(1).shape, &time = node.input(2).shape, &state = node.input(4).shape;
    const std::int32_t filters = feature[0], memory = time[1];
    if (options.rank < 1) return node_violation(ErrorCode::invalid_option, "has rank {}, which must be 1 or more", options.rank);
    if (filters % options.rank != 0)
      return input_violation(1, ErrorCode::invalid_shape, "has {} filters, no multiple of the rank {}", filters, options.rank);
    if (feature[1] != input[1]) return input_violation(1, ErrorCode::invalid_shape, "must have {} columns, as input 0 has", input[1]);
    if (time[0] != filters) return input_violation(2, ErrorCode::invalid_shape, "must have {} rows, as input 1 has", filters);
    if (memory < 1) return input_violation(2, ErrorCode::invalid_shape, "must have at least one column: the memory");
    const std::int32_t units = filters / options.rank;
    if (node.has_input(3) && (node.input(3).rank() != 1 || node.input(3).shape[0] != units)) {
      return input_violation(3, ErrorCode::invalid_shape, "must have one dimension of {}", units);
    }
    if (state[0] != input[0] || state[1] != std::int64_t{memory} * filters) {
      return input_violation(4, ErrorCode::invalid_shape, "must have the shape [{}, {}]", input[0], std::int64_t{memory} * filters);
    }
    if (const Violation v = check_types(options, node)) return v;
    node.output(0).shape = {input[0], units};
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    const Shape& input = node.input(0).shape;
    if (node.input(1).type == TensorType::float32) return {};
    return {.scratch_bytes = scale_bytes(input[0]) + input.count() * 2};
  }

  using Prepared = detail::SvdfPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    p.batches = node.input(0).shape[0];
    p.inputs = node.input(0).shape[1];
    p.filters = node.input(1).shape[0];
    p.rank = options.rank;
    p.units = p.filters / p.rank;
    p.memory = node.input(2).shape[1];
    p.asymmetric = options.asymmetric;
    p.activation = options.activation;
    const auto scale = [&](int i) { return node.input(i).quantization.scale; };
    p.feature_scale = scale(1);
    p.time_scale = scale(2);
    if (node.input(0).type == TensorType::int8) {
      p.to_state = quantize_multiplier(static_cast<double>(scale(0) * scale(1) / scale(4)));
      p.to_output = quantize_multiplier(static_cast<double>(scale(4) * scale(2) / node.output(0).quantization.scale));
      if (p.to_state.shift > 31 || p.to_output.shift > 31) {
        return node_violation(ErrorCode::invalid_quantization, "combines scales so that a multiplier passes 2^31");
      }
      p.input_zero_point = node.input(0).quantization.zero_point;
      // An int16 state has no zero point, whatever the model says.
      p.state_zero_point = node.input(4).type == TensorType::int8 ? node.input(4).quantization.zero_point : 0;
      p.output_zero_point = node.output(0).quantization.zero_point;
    }
    return p;
  }

  template <class Run, class In, class Feature, class Time, class Bias, class State, class Out>
  static void eval(const Run& run, In input, Feature feature, Time time, Bias bias, State state, Out output) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    const auto* features = detail::svdf_weights(feature.data());
    const auto* times = detail::svdf_weights(time.data());
    constexpr bool integer = sizeof(*input.data()) == 1, hybrid = !integer && sizeof(*features) == 1;
    [[maybe_unused]] auto* scales = reinterpret_cast<float*>(run.scratch);
    [[maybe_unused]] auto* rows = reinterpret_cast<std::int16_t*>(run.scratch + (integer || hybrid ? scale_bytes(p.batches) : 0));
    for (std::int64_t b = 0; b < (integer || hybrid ? p.batches : 0); ++b) {
      if constexpr (integer) {
        simd::centre_row<A>(input.data() + b * p.inputs, p.input_zero_point, rows + b * p.inputs, p.inputs);
      } else if constexpr (hybrid) {
        scales[b] =
            p.feature_scale * detail::quantize_row_centred<A>(input.data() + b * p.inputs, p.inputs, p.asymmetric, rows + b * p.inputs);
      }
    }
    run.executor.parallel_for(
        p.filters, detail::product_cost(std::int64_t{p.batches} * p.inputs), [&](std::int64_t first, std::int64_t last, int) {
          constexpr int chunk = detail::svdf_filters_at_once;
          for (std::int64_t f = first; f < last; f += chunk) {
            const std::int64_t count = last - f < chunk ? last - f : chunk;
            for (std::int64_t b = 0; b < p.batches; ++b) {
              std::conditional_t<integer || hybrid, std::int32_t, float> sums[chunk];
              if constexpr (integer || hybrid) {
                simd::dot_rows<A>(features + f * p.inputs, count, p.inputs, rows + b * p.inputs, sums);
              } else {
                simd::dot_rows<A>(features + f * p.inputs, count, p.inputs, input.data() + b * p.inputs, sums);
              }
              auto* memory = state.data() + (b * p.filters + f) * p.memory;
              for (std::int64_t i = 0; i < count; ++i) {
                if constexpr (integer) {
                  using S = typename State::value_type;
                  const std::int32_t newest = detail::saturate_to(multiply(sums[i], p.to_state), integer_range_of(tensor_type_of<S>));
                  detail::remember(memory + i * p.memory, p.memory, static_cast<S>(newest + p.state_zero_point));
                } else if constexpr (hybrid) {
                  detail::remember(memory + i * p.memory, p.memory, static_cast<float>(sums[i]) * scales[b]);
                } else {
                  detail::remember(memory + i * p.memory, p.memory, sums[i]);
                }
              }
            }
          }
        });
    const std::int64_t unit_products = std::int64_t{p.batches} * p.rank * p.memory;
    run.executor.parallel_for(p.units, detail::product_cost(unit_products), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t b = 0; b < p.batches; ++b) {
        auto* out = output.data() + b * p.units;
        for (std::int64_t u = first; u < last; ++u) {
          std::conditional_t<integer, std::int32_t, float> sum = 0;
          for (std::int64_t f = u * p.rank; f < (u + 1) * p.rank; ++f) {
            const auto* memory = state.data() + (b * p.filters + f) * p.memory;
            const auto* weights = times + f * p.memory;
            if constexpr (integer && sizeof(*memory) == 1) {
              sum = fixed_point::plus(sum, detail::centred_dot<A>(weights, memory, p.state_zero_point, p.memory));
            } else if constexpr (hybrid) {
              sum += detail::scaled_dot<A>(weights, p.time_scale, memory, p.memory);
            } else {
              auto part = sum;
              simd::dot_rows<A>(weights, 1, p.memory, memory, &part);
              if constexpr (integer) {
                sum = fixed_point::plus(sum, part);
              } else {
                sum += part;
              }
            }
          }
          if constexpr (integer) {
            if (bias) sum = fixed_point::plus(sum, bias[u]);
            const std::int64_t scaled = std::int64_t{multiply(sum, p.to_output)} + p.output_zero_point;
            out[u] = static_cast<std::int8_t>(detail::saturate_to(scaled, {-128, 127}));
          } else {
            out[u] = bias ? sum + bias[u] : sum;
          }
        }
        if constexpr (!integer) detail::activate_floats<A>(p.activation, out + first, out + first, last - first);
      }
    });
  }

  using Types =
      Signatures<Signature<Takes<float, float, float, float, Mutable<float>>, Gives<float>>,
                 Signature<Takes<float, Raw<1>, Raw<1>, float, Mutable<float>>, Gives<float>>,
                 Signature<Takes<std::int8_t, std::int8_t, std::int16_t, std::int32_t, Mutable<std::int16_t>>, Gives<std::int8_t>>,
                 Signature<Takes<std::int8_t, std::int8_t, std::int8_t, std::int32_t, Mutable<std::int8_t>>, Gives<std::int8_t>>>;

 private:
  static constexpr std::int64_t scale_bytes(std::int64_t batches) { return (batches * 4 + 15) / 16 * 16; }

  static constexpr Violation check_types(const Options& options, const NodeDescription& node) {
    using enum TensorType;
    const auto type = [&](int i) { return node.input(i).type; };
    const bool integer = type(0) == int8, real = type(1) == float32;
    if (!integer && type(0) != float32) return input_violation(0, ErrorCode::invalid_type, "must be float32 or int8");
    const auto is_byte = [&](int i) { return type(i) == int8 || type(i) == uint8; };
    if (integer ? type(1) != int8 : !real && !is_byte(1)) {
      return input_violation(1, ErrorCode::invalid_type, integer ? "must be int8" : "must be float32, int8 or uint8");
    }
    if (integer ? type(2) != int16 && type(2) != int8 : real ? type(2) != float32 : !is_byte(2)) {
      return input_violation(2, ErrorCode::invalid_type,
                             integer ? "must be int16 or int8"
                             : real  ? "must be float32"
                                     : "must be int8 or uint8");
    }
    if (node.has_input(3) && type(3) != (integer ? int32 : float32)) {
      return input_violation(3, ErrorCode::invalid_type, integer ? "must be int32" : "must be float32");
    }
    if (type(4) != (integer ? type(2) : float32)) {
      return input_violation(4, ErrorCode::invalid_type, integer ? "must have the type of the time weights" : "must be float32");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    for (const int i : {0, 1, 2, 4}) {
      if (type(i) == float32) continue;
      if (node.input(i).quantization.per_channel()) {
        return input_violation(i, ErrorCode::invalid_quantization, "must have one scale, not one for each channel");
      }
      if (const Violation v = require_quantized_input(node, i)) return v;
    }
    if (!integer) return detail::check_float_activation(options.activation);
    if (options.activation != Activation::relu && options.activation != Activation::none) {
      return node_violation(ErrorCode::invalid_option, "cannot apply fused_activation_function {} to int8, only RELU and NONE",
                            static_cast<int>(options.activation));
    }
    return require_quantized_output(node, 0);
  }
};

}  // namespace tfl
