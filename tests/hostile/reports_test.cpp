// archs: none
// sources: support/all_ops.cpp
// What was reported of TensorFlow Lite, LiteRT and TFLite Micro without a CVE number, by the or the pull request's number; and
// models of the ops that only newer ones have.

#include <flatbuffers/flexbuffers.h>

#include <limits>

#include "hostile/corpus.hpp"

namespace tfl::test {
namespace {

using enum TensorType;
using Code = BuiltinOperator;
constexpr auto no_activation = schema::ActivationFunctionType::NONE;
constexpr auto same = schema::Padding::SAME;
constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();

/// Custom options: these keys with these integers.
std::vector<std::uint8_t> map_of(std::initializer_list<std::pair<const char*, std::int64_t>> values) {
  flexbuffers::Builder b;
  b.Map([&] {
    for (const auto& [key, value] : values) b.Int(key, value);
  });
  b.Finish();
  return b.GetBuffer();
}
Bytes detection(std::int64_t detections, std::int64_t classes, std::int64_t per_class = 1) {
  flexbuffers::Builder b;
  b.Map([&] {
    b.Int("max_detections", detections);
    b.Int("max_classes_per_detection", classes);
    b.Int("detections_per_class", per_class);
    b.Int("num_classes", 2);
    b.Bool("use_regular_nms", per_class != 1);
    for (const char* scale : {"y_scale", "x_scale", "h_scale", "w_scale"}) b.Float(scale, 10.0f);
    b.Float("nms_score_threshold", 0.0f);
    b.Float("nms_iou_threshold", 0.5f);
  });
  b.Finish();
  return OneNode()
      .in({1, 2, 4})
      .in({1, 2, 3})
      .constant({2, 4}, std::vector<float>(8, 0.5f))
      .out()
      .out()
      .out()
      .out()
      .of_custom("TFLite_Detection_PostProcess", b.GetBuffer());
}
Bytes stacked(std::int64_t channels, std::int64_t left, std::int64_t right, std::int64_t step) {
  return OneNode()
      .in({4}, int16)
      .out(int16, {12})
      .out(boolean)
      .of_custom(
          "SignalStacker",
          map_of({{"num_channels", channels}, {"stacker_left_context", left}, {"stacker_right_context", right}, {"stacker_step", step}}));
}
/// Indices of 70 dimensions, more than any list of the ops has room for.
std::vector<std::int64_t> many() { return std::vector<std::int64_t>(70, 1); }

Bytes bilinear(std::int32_t height, std::int32_t width, bool align, bool half) {
  return OneNode().in({1, 3, 3, 1}).ints({height, width}).out().of(Code::RESIZE_BILINEAR, [&](auto& t) {
    return schema::CreateResizeBilinearOptions(t, align, half);
  });
}
/// Windows over x of 4 x 4, which subgraph 1 adds up.
Bytes window(std::vector<std::int64_t> sizes, std::vector<std::int64_t> strides, std::vector<std::int64_t> paddings) {
  ModelBuilder b;
  b.begin_subgraph("main");
  b.add_tensor({.name = "x", .type = float32, .shape = {4, 4}});
  b.add_constant({.name = "zero", .shape = {}}, std::vector<float>{0});
  b.add_tensor({.name = "y", .type = float32, .shape = {4, 4}});
  b.add_operator(Code::STABLEHLO_REDUCE_WINDOW, {0, 1}, {2}, [&](auto& t) {
    const std::vector<std::int64_t> ones(sizes.size(), 1);
    return schema::CreateStablehloReduceWindowOptions(t, t.CreateVector(sizes), t.CreateVector(strides), t.CreateVector(ones),
                                                      t.CreateVector(ones), t.CreateVector(paddings), 1);
  });
  b.set_inputs({0});
  b.set_outputs({2});
  b.begin_subgraph("sum");
  for (const char* name : {"a", "b", "c"}) b.add_tensor({.name = name, .type = float32, .shape = {}});
  b.add_operator(Code::STABLEHLO_ADD, {0, 1}, {2});
  b.set_inputs({0, 1});
  b.set_outputs({2});
  return b.finish();
}
Bytes suppressed(std::int32_t most, Dims boxes, Dims scores) {
  return OneNode()
      .in(std::move(boxes))
      .in(std::move(scores))
      .ints({}, {most})
      .constant({}, std::vector<float>{0.5f})
      .constant({}, std::vector<float>{0.0f})
      .out(int32, {2})
      .out(int32, {})
      .of(Code::NON_MAX_SUPPRESSION_V4);
}
/// Groups of the words of a string that has so many of them; no string at all for 0.
Bytes word_groups(std::int32_t size, std::int32_t skip, int words) {
  std::string text;
  for (int k = 0; k < words; ++k) text += "a ";
  const std::int32_t strings = words > 0 ? 1 : 0;
  std::vector<std::byte> data(static_cast<std::size_t>(string_bytes_for(strings, static_cast<std::int64_t>(text.size()))));
  StringsWriter writer(data.data(), strings);
  if (words > 0) writer.add(text);
  return OneNode().constant({strings}, data, {}, string).out(string).of(Code::SKIP_GRAM, [&](auto& t) {
    return schema::CreateSkipGramOptions(t, size, skip, true);
  });
}
/// main calls subgraph 1, which doubles its tensor until there is no memory left.
Bytes doubling_loop() {
  ModelBuilder b;
  for (const char* name : {"main", "condition", "body"}) {
    b.begin_subgraph(name);
    b.add_tensor({.name = "x", .type = float32, .shape = {16}, .shape_signature = {-1}});
    b.set_inputs({0});
    if (std::string_view(name) == "main") {
      b.add_tensor({.name = "y", .type = float32, .shape = {16}, .shape_signature = {-1}});
      b.add_operator(Code::WHILE, {0}, {1}, [](auto& t) { return schema::CreateWhileOptions(t, 1, 2); });
      b.set_outputs({1});
    } else if (std::string_view(name) == "condition") {
      b.add_constant({.name = "true", .type = boolean, .shape = {1}}, std::vector<std::uint8_t>{1});
      b.set_outputs({1});
    } else {
      b.add_tensor({.name = "y", .type = float32, .shape = {32}, .shape_signature = {-1}});
      b.add_operator(Code::CONCATENATION, {0, 0}, {1}, [](auto& t) { return schema::CreateConcatenationOptions(t, 0); });
      b.set_outputs({1});
    }
  }
  return b.finish();
}
/// y = x reduced by subgraph 1, or whichever the options name.
Bytes scattered(std::int32_t subgraph) {
  ModelBuilder b;
  b.begin_subgraph("main");
  for (const char* name : {"x", "y"}) b.add_tensor({.name = name, .type = float32, .shape = {4}});
  b.add_constant({.name = "i", .shape = {1, 1}}, std::vector<std::int32_t>{3});
  b.add_constant({.name = "u", .shape = {1}}, std::vector<float>{2});
  b.set_inputs({0});
  b.set_outputs({1});
  b.add_operator(Code::STABLEHLO_SCATTER, {0, 2, 3}, {1}, [&](auto& t) {
    const std::vector<std::int64_t> none{}, zero{0};
    return schema::CreateStablehloScatterOptions(t, false, t.CreateVector(none), t.CreateVector(zero), t.CreateVector(zero), 1, false,
                                                 subgraph);
  });
  return b.finish();
}
/// x times weights of 4 x 4 that are sparse in their columns, with these indices.
Bytes sparse_fully_connected(const Dims& segments, const Dims& indices) {
  OneNode node;
  const int weights = add_sparse(node.builder, segments, indices);
  const int x = node.builder.add_tensor({.name = "x", .type = float32, .shape = {1, 4}});
  const int y = node.builder.add_tensor({.name = "y", .type = float32, .shape = {1, 4}});
  node.builder.add_operator(Code::FULLY_CONNECTED, {x, weights, -1}, {y},
                            [](auto& f) { return schema::CreateFullyConnectedOptions(f, no_activation); });
  node.builder.set_inputs({x});
  node.builder.set_outputs({y});
  return node.builder.finish();
}
/// CONV_2D with a filter of 3 x 2 x 2 x 2 that has one scale for each of `scales` channels along `axis`.
Bytes filter_scales(int scales, int axis) {
  QuantizationSpec q;
  q.scales.assign(static_cast<std::size_t>(scales), 0.5f);
  q.zero_points.assign(static_cast<std::size_t>(scales), 0);
  q.quantized_dimension = axis;
  return OneNode()
      .in({1, 4, 4, 2}, int8, {.scales = {1}, .zero_points = {0}})
      .constant({3, 2, 2, 2}, std::vector<std::int8_t>(24, 1), q)
      .constant({3}, std::vector<std::int32_t>(3))
      .out(int8, {1}, {.scales = {1}, .zero_points = {0}})
      .of(Code::CONV_2D, [](auto& t) { return schema::CreateConv2DOptions(t, same, 1, 1, no_activation); });
}

/// A custom op whose options lie behind the tables, at the end of all addresses.
Bytes options_far_away() {
  flatbuffers::FlatBufferBuilder b;
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
  for (const char* name : {"x", "y"}) {
    tensors.push_back(schema::CreateTensor(b, b.CreateVector(Dims{4}), schema::TensorType::FLOAT32, 0, b.CreateString(name)));
  }
  const auto in = b.CreateVector(Dims{0}), out = b.CreateVector(Dims{1});
  schema::OperatorBuilder node(b);
  node.add_inputs(in);
  node.add_outputs(out);
  node.add_large_custom_options_offset(~0ull - 15);
  node.add_large_custom_options_size(32);
  const std::vector<flatbuffers::Offset<schema::Operator>> nodes{node.Finish()};
  const std::vector<flatbuffers::Offset<schema::SubGraph>> graphs{
      schema::CreateSubGraph(b, b.CreateVector(tensors), b.CreateVector(Dims{0}), b.CreateVector(Dims{1}), b.CreateVector(nodes))};
  const std::vector<flatbuffers::Offset<schema::OperatorCode>> codes{
      schema::CreateOperatorCode(b, 32, b.CreateString("Mfcc"), 1, schema::BuiltinOperator::CUSTOM)};
  const std::vector<flatbuffers::Offset<schema::Buffer>> buffers{schema::CreateBuffer(b)};
  schema::FinishModelBuffer(
      b, schema::CreateModel(b, 3, b.CreateVector(codes), b.CreateVector(graphs), b.CreateString("far"), b.CreateVector(buffers)));
  return {b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
}

const WeakSpot spots[] = {
    {"Conv2DBiasOfNothing", "CVE-2022-23557",
     [] {
       return OneNode().in({1, 4, 4, 2}).constant({3, 2, 2, 2}, std::vector<float>(24)).in({0}).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, same, 1, 1, no_activation);
       });
     },
     "node 0 CONV_2D: input 2 't2' float32[0]: must have one element for each of 3 filters, not 0"},
    {"SumWithNothing", "CVE-2021-37688",
     [] {
       return OneNode().in({2, 0, 3}).in({1, 1, 3}).out().of(Code::ADD);
     },
     ""},
    {"SparseFullyConnected", "CVE-2022-23561",
     [] {
       return sparse_fully_connected({0, 1, 2, 3, 4}, {0, 1, 2, 3});
     },
     ""},
    {"SparseFullyConnectedBeyond", "CVE-2022-23561",
     [] {
       return sparse_fully_connected({0, 1, 2, 3, 4}, {0, 1, 2, 4});
     },
     "model: subgraph 0: tensor 0 'w' is sparse and has an index outside of its dimension"},
    {"Conv3DTransposeOfOtherChannels", "CVE-2022-41894",
     [] {
       return OneNode()
           .ints({1, 2, 2, 2, 1})
           .constant({2, 2, 2, 1, 3}, std::vector<float>(24, 1.0f))
           .in({1, 2, 2, 2, 3})
           .constant({1}, std::vector<float>{1})
           .out()
           .of(Code::CONV_3D_TRANSPOSE, [](auto& t) { return schema::CreateConv3DOptions(t, same, 1, 1, 1); });
     },
     ""},
    {"SumOverNoAxes", "CVE-2021-37689",
     [] {
       return OneNode().in({2, 3}).ints(Dims{}).out().of(Code::SUM, [](auto& t) { return schema::CreateReducerOptions(t, false); });
     },
     ""},
    {"DepthwiseStrideBeyond16Bits", "tensorflow#61905",
     [] {
       return OneNode().in({1, 4, 4, 2}).constant({1, 2, 2, 2}, std::vector<float>(8)).out().of(Code::DEPTHWISE_CONV_2D, [](auto& t) {
         return schema::CreateDepthwiseConv2DOptions(t, same, 65536, 65536, 1, no_activation);
       });
     },
     "node 0 DEPTHWISE_CONV_2D: must have strides and dilations of at most 32767"},
    {"BatchMatMulOfMixedTypes", "type confusion",
     [] {
       const QuantizationSpec q{.scales = {1}, .zero_points = {0}};
       return OneNode().in({2, 2}, int8, q).in({2, 2}).out(int8, {2, 2}, q).of(Code::BATCH_MATMUL, [](auto& t) {
         return schema::CreateBatchMatMulOptions(t, false, false);
       });
     },
     "node 0 BATCH_MATMUL: has no kernel for these types: int8 float32 -> int8"},
    {"CustomOptionsFarAway", "LiteRT#8180", options_far_away,
     "model: subgraph 0: node 0 CUSTOM: keeps its custom options behind the tables, which only files of more than 2 GB need; convert the "
     "model with its options inside"},
    {"BatchMatMulOfNothing", "tensorflow#61901",
     [] {
       return OneNode().in({4, 0, 0, 0}).in({4, 0, 0, 0}).out().of(Code::BATCH_MATMUL, [](auto& t) {
         return schema::CreateBatchMatMulOptions(t, true, true);
       });
     },
     ""},
    {"ReshapeOfAConstantToMoreDimensions", "tensorflow#124982",
     [] {
       return OneNode().constant({1}, std::vector<float>{1}).ints({1, 1, 1, 1, 1, 1}).out().of(Code::RESHAPE);
     },
     ""},
    {"ReshapeToABillion", "tensorflow#124982",
     [] {
       return OneNode().constant({1}, std::vector<float>{1}).ints({0x41414141, 0x41414141, 0x41414141}).out().of(Code::RESHAPE);
     },
     "node 0 RESHAPE: the new shape has more than 2^31 - 1 elements"},
    {"ConstantLongerThanItsShape", "tensorflow#126600",
     [] {
       return OneNode().constant({2}, std::vector<float>(64)).ints({1, 2}).out().of(Code::RESHAPE);
     },
     "model: subgraph 0: tensor 0 't0' float32[2] takes 8 bytes, but its buffer 1 holds 256"},
    {"SliceIntoAGivenShape", "tensorflow#126177",
     [] {
       return OneNode().in({1, 4}).ints({0, 2}).ints({1, 8}).out(float32, {1, 8}).of(Code::SLICE);
     },
     "node 0 SLICE: input 2 't2' int32[2]: asks for 8 elements in dimension 1, where 2 remain"},
    {"StridedSliceToTheLargestInt", "tensorflow#58035",
     [] {
       return OneNode().in({1, 4}).ints({0, 0}).ints({largest, largest}).ints({1, 1}).out().of(Code::STRIDED_SLICE, [](auto& t) {
         return schema::CreateStridedSliceOptions(t);
       });
     },
     ""},
    {"SumWraps", "tensorflow#122082",
     [] {
       return OneNode().in({4}, int32).in({4}, int32).out(int32).of(Code::ADD, [](auto& t) {
         return schema::CreateAddOptions(t, no_activation);
       });
     },
     "", largest},
    {"ProductWraps", "tensorflow#122082",
     [] {
       return OneNode().in({4}, int64).in({4}, int64).out(int64).of(Code::MUL, [](auto& t) {
         return schema::CreateMulOptions(t, no_activation);
       });
     },
     "", std::numeric_limits<std::int32_t>::min()},
    {"TileToFourBillion", "tensorflow#111637", [] { return OneNode().in({65537}).ints({65536}).out().of(Code::TILE); },
     "node 0 TILE: input 1 't1' int32[1]: repeats dimension 0, which is 65537, 65536 times"},
    {"DetectionsWrap", "tensorflow#111638", [] { return detection(65536, 65536); },
     "node 0 TFLite_Detection_PostProcess: asks for 65536 detections of 65536 classes, which is too many"},
    {"DetectionsNegative", "tensorflow#111638", [] { return detection(-1, 1); },
     "node 0 TFLite_Detection_PostProcess: has max_detections -1, which must be 0 or more"},
    {"DetectionsOfEachClassHuge", "tensorflow#111638", [] { return detection(largest, 1, largest); },
     "node 0 TFLite_Detection_PostProcess: asks for 2147483647 detections of 1 classes, which is too many"},
    {"StablehloGatherOfManyDimensions", "tensorflow#124563",
     [] {
       return OneNode().in({2, 2}).ints({1, 1}, {0}).out().of(Code::STABLEHLO_GATHER, [](auto& t) {
         const auto list = t.CreateVector(many());
         return schema::CreateStablehloGatherOptions(t, list, list, list, 1, list);
       });
     },
     "node 0 STABLEHLO_GATHER: an option lists 70 dimensions, at most 8 are possible"},
    {"StablehloScatterOfManyDimensions", "tensorflow#124563",
     [] {
       return OneNode().in({2, 2}).ints({1, 1}, {0}).in({1}).out().of(Code::STABLEHLO_SCATTER, [](auto& t) {
         const auto list = t.CreateVector(many());
         return schema::CreateStablehloScatterOptions(t, false, list, list, list, 1, false, 0);
       });
     },
     "node 0 STABLEHLO_SCATTER: has a list in its options that is longer than 8 dimensions"},
    {"StablehloScatterIntoNowhere", "subgraph reference", [] { return scattered(77); },
     "node 0 STABLEHLO_SCATTER: must have a body, not subgraph 77, without a node or with one: STABLEHLO_ADD, MULTIPLY, MAXIMUM or "
     "MINIMUM"},
    {"StablehloScatterBelow", "subgraph reference", [] { return scattered(-1); },
     "node 0 STABLEHLO_SCATTER: must have a body, not subgraph -1, without a node or with one: STABLEHLO_ADD, MULTIPLY, MAXIMUM or "
     "MINIMUM"},
    {"StablehloScatterByItself", "CVE-2021-29591", [] { return scattered(0); },
     "node 0 STABLEHLO_SCATTER: must have a body, not subgraph 0, without a node or with one: STABLEHLO_ADD, MULTIPLY, MAXIMUM or MINIMUM"},
    {"StablehloSliceBeyond", "out-of-bounds read",
     [] {
       return OneNode().in({4}).out().of(Code::STABLEHLO_SLICE, [](auto& t) {
         const std::vector<std::int64_t> begin{2}, end{9}, step{1};
         return schema::CreateStablehloSliceOptions(t, t.CreateVector(begin), t.CreateVector(end), t.CreateVector(step));
       });
     },
     "node 0 STABLEHLO_SLICE: this op is not in the registry; add it to the template arguments of OpRegistry"},
    {"WindowOfNothing", "division by zero",
     [] {
       return window({0, 1}, {1, 1}, {0, 0, 0, 0});
     },
     "node 0 STABLEHLO_REDUCE_WINDOW: has a window, stride or dilation of 0 in dimension 0, which must be positive"},
    {"WindowStrideZero", "division by zero",
     [] {
       return window({1, 1}, {0, 1}, {0, 0, 0, 0});
     },
     "node 0 STABLEHLO_REDUCE_WINDOW: has a window, stride or dilation of 0 in dimension 0, which must be positive"},
    {"WindowOfTrillions", "integer overflow",
     [] {
       return window({1ll << 62, 1ll << 62}, {1, 1}, {1ll << 62, 1ll << 62, 1, 1});
     },
     "node 0 STABLEHLO_REDUCE_WINDOW: has a window, stride or dilation of 4611686018427387904 in dimension 0, which must be positive"},
    {"WindowWithTooFewPaddings", "out-of-bounds read",
     [] {
       return window({1, 1}, {1, 1}, {0});
     },
     ""},
    {"WindowPaddingNegative", "out-of-bounds read",
     [] {
       return window({2, 2}, {1, 1}, {-9, -9, -9, -9});
     },
     "node 0 STABLEHLO_REDUCE_WINDOW: cuts off all of dimension 0"},
    {"StackerWithoutContext", "tflite-micro#3604", [] { return stacked(4, 0, -1, 1); },
     "node 0 SignalStacker: has a size of -1, which must be at least 0 and at most 2^24"},
    {"StackerWraps", "tflite-micro#3604", [] { return stacked(65536, 65535, 0, 1); },
     "node 0 SignalStacker: input 0 't0' int16[4]: must have the 65536 channels of the options, not 4"},
    {"StackerStepBeyond", "tflite-micro#3604", [] { return stacked(4, 1, 1, 100); }, ""},
    {"StackerOfNothing", "tflite-micro#3604", [] { return stacked(0, 1, 1, 1); },
     "node 0 SignalStacker: has a size of 0, which must be at least 1 and at most 2^24"},
    {"IntermediateBeyond", "tflite-micro#3076",
     [] {
       ModelBuilder b;
       for (const char* name : {"x", "y"}) b.add_tensor({.name = name, .type = float32, .shape = {4}});
       b.add_operator(Code::NEG, {0}, {1}, [](auto& t) { return schema::CreateNegOptions(t); }, 1, {77});
       b.set_inputs({0});
       b.set_outputs({1});
       return b.finish();
     },
     "model: subgraph 0: node 0 NEG: intermediate 0 is tensor 77, but there are 2 tensors"},
    {"ScalesFewerThanChannels", "tflite-micro#3582", [] { return filter_scales(2, 0); },
     "model: subgraph 0: tensor 1 't1' has 2 scales, but 3 channels in dimension 0"},
    {"ScalesAlongAnotherAxis", "tflite-micro#3582", [] { return filter_scales(2, 3); },
     "node 0 CONV_2D: input 1 't1' int8[3,2,2,2]: must have its scales along axis 0, not 3"},
    {"ScalesAlongNoAxis", "tflite-micro#3582", [] { return filter_scales(3, 9); },
     "model: subgraph 0: tensor 1 't1' is quantized along dimension 9, but has 4 dimensions"},
    {"CropsOfOneAxis", "tensorflow#127292",
     [] {
       return OneNode().in({4, 2, 2, 1}).ints({2, 2}).ints({2, 1}, {0, 0}).out().of(Code::BATCH_TO_SPACE_ND);
     },
     "node 0 BATCH_TO_SPACE_ND: input 2 't2' int32[2,1]: must have the shape [2, 2]"},
    {"PaddingsOfOneAxis", "tensorflow#127292",
     [] {
       return OneNode().in({1, 4, 4, 1}).ints({2, 2}).ints({2, 1}, {0, 0}).out().of(Code::SPACE_TO_BATCH_ND);
     },
     "node 0 SPACE_TO_BATCH_ND: input 2 't2' int32[2,1]: must have the shape [2, 2]"},
    {"BilinearToOneAligned", "division by zero", [] { return bilinear(1, 1, true, false); }, ""},
    {"BilinearAlignedAndHalfPixel", "options out of range", [] { return bilinear(2, 2, true, true); },
     "node 0 RESIZE_BILINEAR: has both align_corners and half_pixel_centers"},
    {"SuppressionNegative", "out-of-bounds write",
     [] {
       return suppressed(-5, {2, 4}, {2});
     },
     "node 0 NON_MAX_SUPPRESSION_V4: input 2 't2' int32[]: asks for -5 boxes"},
    {"SuppressionHuge", "memory exhaustion",
     [] {
       return suppressed(largest, {2, 4}, {2});
     },
     sizeof(std::size_t) > 4
         ? "arena: no memory for 8589934676 bytes"
         : "node 0 NON_MAX_SUPPRESSION_V4: output 0 't5' int32[2147483647]: would take 8589934588 bytes, more than can be addressed"},
    {"SuppressionOfOtherBoxes", "out-of-bounds read",
     [] {
       return suppressed(2, {2, 4}, {9});
     },
     "node 0 NON_MAX_SUPPRESSION_V4: input 1 't1' float32[9]: must have one score for each of the 2 boxes"},
    {"SuppressionOfTriangles", "out-of-bounds read",
     [] {
       return suppressed(2, {2, 3}, {2});
     },
     "node 0 NON_MAX_SUPPRESSION_V4: input 0 't0' float32[2,3]: must have 4 numbers a box, not 3"},
    {"LoopThatDoubles", "memory exhaustion", doubling_loop, "node 0 WHILE: no memory for a tensor outside of the arena"},
    {"RandomNegative", "integer overflow",
     [] {
       return OneNode().ints({-1, 4}).out().of(Code::RANDOM_UNIFORM, [](auto& t) { return schema::CreateRandomOptions(t, 1, 2); });
     },
     "node 0 RANDOM_UNIFORM: input 0 't0' int32[2]: asks for dimension 0 = -1"},
    {"RandomHuge", "memory exhaustion",
     [] { return OneNode().in({3}, int32).out().of(Code::RANDOM_UNIFORM, [](auto& t) { return schema::CreateRandomOptions(t, 1, 2); }); },
     "node 0 RANDOM_UNIFORM: output 0 't1' float32[1048576,1048576,1048576]: would have a negative dimension or more than 2^31 - 1 "
     "elements",
     1 << 20},
    {"MultinomialHuge", "memory exhaustion",
     [] {
       return OneNode().in({2, 3}).in({}, int32).out(int64).of(Code::MULTINOMIAL,
                                                               [](auto& t) { return schema::CreateRandomOptions(t, 1, 2); });
     },
     "node 0 MULTINOMIAL: output 0 't2' int64[2,2147483647]: would have a negative dimension or more than 2^31 - 1 elements", largest},
    {"MultinomialOfNothing", "division by zero",
     [] {
       return OneNode().in({2, 0}).ints({}, {3}).out(int64).of(Code::MULTINOMIAL,
                                                               [](auto& t) { return schema::CreateRandomOptions(t, 1, 2); });
     },
     "node 0 MULTINOMIAL: input 0 't0' float32[2,0]: must have at least one class"},
    {"SkipGramNegative", "options out of range", [] { return word_groups(-1, -1, 40); }, ""},
    {"SkipGramHuge", "exponential time", [] { return word_groups(largest, largest, 40); }, ""},
    {"SkipGramOfNoString", "out-of-bounds read", [] { return word_groups(2, 1, 0); }, ""},
    {"DiagonalOfAnotherLength", "out-of-bounds write",
     [] {
       return OneNode().in({2, 3, 4}).in({2, 9}).out().of(Code::MATRIX_SET_DIAG);
     },
     "node 0 MATRIX_SET_DIAG: input 1 't1' float32[2,9]: must have the 6 elements of 2 diagonals, not 18"},
    {"RowsOfAScalar", "out-of-bounds read", [] { return OneNode().in({}).out().of(Code::MATRIX_DIAG); },
     "node 0 MATRIX_DIAG: input 0 't0' float32[]: must have 1 to 7 dimensions, not 0"},
    {"FourierOfAnotherLength", "out-of-bounds read",
     [] {
       return OneNode().in({4, 4}).ints({1 << 30, 1 << 30}).out(complex64).of(Code::RFFT2D);
     },
     "node 0 RFFT2D: input 1 't1' int32[2]: asks for a transform of 1073741824 x 1073741824, which is too large"},
    {"FourierLengthNegative", "options out of range",
     [] {
       return OneNode().in({4, 4}).in({2}, int32).out(complex64).of(Code::RFFT2D);
     },
     "node 0 RFFT2D: input 1 't1' int32[2]: must hold powers of two, not -8", -8},
    {"RealPartOfReals", "type confusion", [] { return OneNode().in({4}).out().of(Code::REAL); },
     "node 0 REAL: input 0 't0' float32[4]: must be complex64 or complex128"},
    {"UniqueOfAMatrix", "out-of-bounds read",
     [] {
       return OneNode().in({2, 2}, int32).out(int32).out(int32).of(Code::UNIQUE, [](auto& t) {
         return schema::CreateUniqueOptions(t, schema::TensorType::INT32);
       });
     },
     "node 0 UNIQUE: input 0 't0' int32[2,2]: must have 1 dimensions, not 2"},
    {"WhereOfRankZero", "out-of-bounds write", [] { return OneNode().in({}, boolean).out(int64).of(Code::WHERE); },
     "node 0 WHERE: input 0 't0' bool[]: must have 1 to 8 dimensions, not 0"},
    {"TableOfFloats", "type confusion",
     [] {
       return OneNode().out(resource).of(Code::HASHTABLE, [](auto& t) {
         return schema::CreateHashtableOptions(t, 1, schema::TensorType::FLOAT32, schema::TensorType::FLOAT32);
       });
     },
     "node 0 HASHTABLE: must map int64 to string or string to int64: -> resource"},
    {"VariableAsAFloat", "type confusion", [] { return OneNode().in({1}).out().of(Code::READ_VARIABLE); },
     "node 0 READ_VARIABLE: input 0 't0' float32[1]: must be one resource"},
    {"AssignsToNumbers", "type confusion", [] { return OneNode().in({1}, int32).in({4}).of(Code::ASSIGN_VARIABLE); },
     "node 0 ASSIGN_VARIABLE: input 0 't0' int32[1]: must be one resource", 5},
    {"FramerStepZero", "division by zero",
     [] {
       return OneNode()
           .in({8}, int16)
           .out(int16, {1, 4})
           .out(boolean)
           .of_custom("SignalFramer", map_of({{"frame_size", 4}, {"frame_step", 0}}));
     },
     "node 0 SignalFramer: has a size of 0, which must be at least 1 and at most 2^24"},
    {"FramerHuge", "integer overflow",
     [] {
       return OneNode()
           .in({8}, int16)
           .out(int16, {1, 4})
           .out(boolean)
           .of_custom("SignalFramer", map_of({{"frame_size", largest}, {"frame_step", largest}}));
     },
     "node 0 SignalFramer: has a size of 2147483647, which must be at least 1 and at most 2^24"},
    {"DelayNegative", "out-of-bounds read",
     [] {
       return OneNode().in({1, 8}, int16).out(int16, {1, 8}).of_custom("SignalDelay", map_of({{"delay_length", -5}}));
     },
     "node 0 SignalDelay: has a size of -5, which must be at least 0 and at most 2^24"},
    {"DelayHuge", "memory exhaustion",
     [] {
       return OneNode().in({1 << 14, 1}, int16).out(int16, {1 << 14, 1}).of_custom("SignalDelay", map_of({{"delay_length", 1 << 24}}));
     },
     sizeof(std::size_t) > 4 ? "no memory for what a node keeps between runs"
                             : "node 0 SignalDelay: would work with 549755813888 bytes, more than can be addressed"},
    {"FilterBankBeyond", "out-of-bounds read",
     [] {
       return OneNode()
           .in({9}, uint32)
           .constant({4}, std::vector<std::int16_t>(4, 1))
           .constant({4}, std::vector<std::int16_t>(4, 1))
           .constant({3}, std::vector<std::int16_t>{0, 900, 2})
           .constant({3}, std::vector<std::int16_t>{0, 900, -2})
           .constant({3}, std::vector<std::int16_t>{30000, 30000, -1})
           .out(uint64, {2})
           .of_custom("SignalFilterBank", map_of({{"num_channels", 2}}));
     },
     "node 0 SignalFilterBank: input 3 't3' int16[3]: lets channel 0 read beyond the 9 energies, from 0 on"},
    {"TransformOfAnotherLength", "out-of-bounds write",
     [] {
       return OneNode().in({6}, int16).out(int16, {4}).of_custom("SignalRfft", map_of({{"fft_length", 1ll << 40}, {"T", 7}}));
     },
     "node 0 SignalRfft: must have an fft_length that is a power of two from 4 on"},
    {"OverlapAddStepZero", "division by zero",
     [] {
       return OneNode().in({1, 4}, int16).out(int16, {4}).of_custom("SignalOverlapAdd", map_of({{"frame_step", 0}, {"T", 7}}));
     },
     "node 0 SignalOverlapAdd: has a size of 0, which must be at least 1 and at most 2^24"},
    {"RollOfOtherAxes", "out-of-bounds read",
     [] {
       return OneNode().in({2, 3}).ints({1, 1, 1}).ints({0, 1}).out().of_custom("Roll");
     },
     "node 0 Roll: input 2 't2' int32[2]: must have one axis for each of the 3 shifts, not 2"},
    {"TokensByDamagedOptions", "custom options",
     [] {
       return OneNode().in({1}, string).out(string).of_custom("tftext:Ngrams", {0x01, 0x02, 0xff});
     },
     "node 0 tftext:Ngrams: has width 0, which must be positive"},
    {"MaxPool3DWindowBeyondItsInput", "signed integer overflow",
     [] {
       flexbuffers::Builder b;
       b.Map([&] {
         b.String("data_format", "NDHWC");
         b.String("padding", "SAME");
         for (const char* key : {"ksize", "strides"}) {
           b.TypedVector(key, [&] {
             for (const std::int32_t extent : {1, largest, largest, largest, 1}) b.Int(key[0] == 'k' ? extent : 1 + (extent > 1 ? 1 : 0));
           });
         }
       });
       b.Finish();
       return OneNode().in({1, 2, 2, 2, 2}).out().of_custom("MaxPool3D", b.GetBuffer());
     },
     ""},
    {"OptionsThatAreNoMap", "custom options",
     [] {
       flexbuffers::Builder b;
       b.Vector([&] { b.Int(1); });
       b.Finish();
       return OneNode().in({1, 2, 4}).in({1, 2, 3}).in({2, 4}).out().out().out().out().of_custom("TFLite_Detection_PostProcess",
                                                                                                 b.GetBuffer());
     },
     "node 0 TFLite_Detection_PostProcess: has max_classes_per_detection 0, which must be 1 or more"},
};

}  // namespace
}  // namespace tfl::test

TFL_CORPUS(Reports, spots)
