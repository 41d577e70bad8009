#pragma once
// Convolution2DTransposeBias, a custom op of MediaPipe's models: TRANSPOSE_CONV's kernel behind other inputs and options.

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/transpose_conv.hpp"

namespace tfl {

/// Convolution2DTransposeBias: input[N,H,W,I], filter[O,KH,KW,I], bias[O] -> output[N,OH,OW,O]: OH is H * stride (SAME) or
/// (H - 1) * stride + KH (VALID). Options are the bytes of TensorFlow Lite's TfLiteTransposeConvParams: padding (1 same, 2 valid),
/// strides, width first.
struct Convolution2DTransposeBias {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "Convolution2DTransposeBias";
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr std::array<Fold, 4> folds{Fold::nhwc, Fold::nhwc, Fold::flat, Fold::nhwc};

  struct Options {
    TransposeConv::Options convolution{};
    template <class Custom> static constexpr Result<Options, Violation> read(const Custom& custom) {
      const auto bytes = custom.bytes();
      if (bytes.size() < 12) return node_violation(ErrorCode::invalid_option, "must have options of at least 12 bytes");
      std::uint32_t numbers[3] = {};
      for (std::size_t i = 0; i < 12; ++i) numbers[i / 4] |= std::uint32_t{bytes[i]} << (i % 4 * 8);
      if (numbers[0] != 1 && numbers[0] != 2) return node_violation(ErrorCode::invalid_option, "has an unknown padding");
      return Options{{numbers[0] == 1 ? Padding::same : Padding::valid, static_cast<std::int32_t>(numbers[2]),
                      static_cast<std::int32_t>(numbers[1]), Activation::none}};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (int i = 0; i < 3; ++i) {
      if (node.input(i).type != TensorType::float32) return input_violation(i, ErrorCode::invalid_type, "must be float32");
    }
    for (int i = 0; i < 2; ++i) {
      if (const Violation v = require_rank(node, i, 4)) return v;
    }
    if (const Violation v = require_window_options(options.convolution.stride_h, options.convolution.stride_w)) return v;
    const Shape &in = node.input(0).shape, &filter = node.input(1).shape;
    const bool same = options.convolution.padding == Padding::same;
    const std::int64_t height = extent(in[1], options.convolution.stride_h, filter[1], same),
                       width = extent(in[2], options.convolution.stride_w, filter[2], same);
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (height > most || width > most || height < 0 || width < 0)
      return output_violation(0, ErrorCode::invalid_shape, "would have a dimension outside of [0, 2^31)");
    node.output(0).shape = {in[0], static_cast<std::int32_t>(height), static_cast<std::int32_t>(width), filter[0]};
    Rearranged rearranged(node);
    Violation v = TransposeConv::infer(options.convolution, rearranged.node());
    if (v.operand == Violation::Operand::input) v.index = original[v.index];
    return v;
  }

  using Prepared = TransposeConv::Prepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier> m) {
    Rearranged rearranged(node);
    return TransposeConv::prepare(options.convolution, rearranged.node(), m);
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    Rearranged rearranged(node);
    return TransposeConv::needs<Arch>(options.convolution, rearranged.node());
  }

  template <class Run, class In, class Filter, class Bias>
  static void pack(const Run& run, In in, Filter filter, Bias bias, std::byte* to) {
    TransposeConv::pack(run, View<const std::int32_t>(), filter, in, bias, to);
  }
  template <class Run, class In, class Filter, class Bias, class Out>
  static void eval(const Run& run, In in, Filter filter, Bias bias, Out out) {
    TransposeConv::eval(run, View<const std::int32_t>(), filter, in, bias, out);
  }

  using Types = Signatures<Signature<Takes<float, float, float>, Gives<float>>>;

 private:
  static constexpr std::int64_t extent(std::int64_t input, std::int64_t stride, std::int64_t filter, bool same) {
    return same ? input * stride : (input - 1) * stride + filter;
  }
  static constexpr std::int16_t original[4] = {0, 1, 0, 2};  // TRANSPOSE_CONV's inputs here: the wanted shape follows from the input

  /// The node as TRANSPOSE_CONV sees it.
  class Rearranged {
   public:
    constexpr explicit Rearranged(const NodeDescription& node) : workers_(node.workers()), packs_(node.packs(1)) {
      const Shape& output = node.output(0).shape;
      for (int i = 0; i < 4; ++i) dims_[i] = i < output.rank() ? output[i] : 0;
      wanted_.type = TensorType::int32;
      wanted_.shape = {4};
      wanted_.integers = KnownIntegers(std::span<const std::int32_t>(dims_));
      inputs_[0] = &wanted_;
      inputs_[1] = &node.input(1);
      inputs_[2] = &node.input(0);
      inputs_[3] = &node.input(2);
      outputs_[0] = &node.output(0);
    }
    constexpr NodeDescription node() { return NodeDescription(inputs_, outputs_, 1, workers_, {}, packs_); }

   private:
    std::int32_t dims_[4] = {};
    TensorDescription wanted_{};
    const TensorDescription* inputs_[4] = {};
    TensorDescription* outputs_[1] = {};
    int workers_;
    bool packs_;
  };
};

}  // namespace tfl
