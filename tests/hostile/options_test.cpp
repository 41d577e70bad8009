// archs: none
// sources: support/all_ops.cpp
// Options and sizes of zero that something is divided by, and those that are out of their range.

#include <limits>

#include "hostile/corpus.hpp"

namespace tfl::test {
namespace {

using enum TensorType;
using Code = BuiltinOperator;
constexpr auto no_activation = schema::ActivationFunctionType::NONE;
constexpr auto same = schema::Padding::SAME, valid = schema::Padding::VALID;

Bytes conv(int stride_w, int stride_h, int dilation = 1, schema::Padding padding = same) {
  return OneNode()
      .in({1, 4, 4, 2})
      .constant({3, 2, 2, 2}, std::vector<float>(24))
      .constant({3}, std::vector<float>(3))
      .out()
      .of(Code::CONV_2D,
          [&](auto& t) { return schema::CreateConv2DOptions(t, padding, stride_w, stride_h, no_activation, dilation, dilation); });
}
Bytes pool(Code code, int stride, int filter) {
  return OneNode().in({1, 4, 4, 2}).out().of(code, [&](auto& t) {
    return schema::CreatePool2DOptions(t, same, stride, stride, filter, filter, no_activation);
  });
}
Bytes depthwise(int stride, int multiplier) {
  return OneNode().in({1, 4, 4, 2}).constant({1, 2, 2, 4}, std::vector<float>(16)).out().of(Code::DEPTHWISE_CONV_2D, [&](auto& t) {
    return schema::CreateDepthwiseConv2DOptions(t, valid, stride, stride, multiplier, no_activation, 1, 1);
  });
}
template <Code code> Bytes blocks(std::int32_t height, std::int32_t width) {
  return OneNode().in({4, 4, 4, 1}).ints({height, width}).ints({2, 2}, {0, 0, 0, 0}).out().of(code);
}
template <Code code> Bytes divided(TensorType type) { return OneNode().in({4}, type).in({4}, type).out(type).of(code); }

const WeakSpot spots[] = {
    {"Conv2DStrideWidth", "CVE-2021-29585, CVE-2021-29594", [] { return conv(0, 1); },
     "node 0 CONV_2D: must have strides of at least 1, not 1 (height) and 0 (width)"},
    {"Conv2DStrideHeight", "CVE-2021-29585, CVE-2021-29594", [] { return conv(1, 0); },
     "node 0 CONV_2D: must have strides of at least 1, not 0 (height) and 1 (width)"},
    {"Conv2DStrideNegative", "CVE-2021-29585", [] { return conv(-1, 1); },
     "node 0 CONV_2D: must have strides of at least 1, not 1 (height) and -1 (width)"},
    {"Conv2DDilation", "division by zero", [] { return conv(1, 1, 0); },
     "node 0 CONV_2D: must have dilations of at least 1, not 0 (height) and 0 (width)"},
    {"Conv2DDilationOverflows", "integer overflow", [] { return conv(1, 1, 2'147'483'647, valid); },
     "node 0 CONV_2D: input 0 't0' float32[1,4,4,2]: is smaller than the window without padding: 4 elements under one that spans "
     "2147483648"},
    {"Conv2DFilterWithoutChannels", "CVE-2023-27579",
     [] {
       return OneNode().in({1, 4, 4, 2}).in({3, 2, 2, 0}).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, same, 1, 1, no_activation, 1, 1);
       });
     },
     "node 0 CONV_2D: input 1 't1' float32[3,2,2,0]: must have no empty dimension; dimension 3 is 0"},
    {"Conv2DGroups", "CVE-2021-29594",
     [] {
       return OneNode().in({1, 4, 4, 4}).constant({3, 1, 1, 3}, std::vector<float>(9)).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, same, 1, 1, no_activation, 1, 1);
       });
     },
     "node 0 CONV_2D: input 1 't1' float32[3,1,1,3]: must have a last dimension that divides the input's 4 channels; it is 3"},
    {"Conv2DBiasTooShort", "CVE-2022-23557",
     [] {
       return OneNode()
           .in({1, 4, 4, 2})
           .constant({3, 1, 1, 2}, std::vector<float>(6))
           .constant({0}, std::vector<float>{})
           .out()
           .of(Code::CONV_2D, [](auto& t) { return schema::CreateConv2DOptions(t, same, 1, 1, no_activation, 1, 1); });
     },
     "node 0 CONV_2D: input 2 't2' float32[0]: must have one element for each of 3 filters, not 0"},
    {"DepthwiseStride", "CVE-2021-29602", [] { return depthwise(0, 2); },
     "node 0 DEPTHWISE_CONV_2D: must have strides of at least 1, not 0 (height) and 0 (width)"},
    {"DepthwiseMultiplierZero", "CVE-2021-29602, CVE-2022-21741", [] { return depthwise(1, 0); }, ""},
    {"DepthwiseMultiplierWrong", "options against operands", [] { return depthwise(1, 7); }, ""},
    {"AveragePoolStride", "CVE-2021-37684, CVE-2021-29586", [] { return pool(Code::AVERAGE_POOL_2D, 0, 2); },
     "node 0 AVERAGE_POOL_2D: must have strides of at least 1, not 0 (height) and 0 (width)"},
    {"MaxPoolStride", "CVE-2021-37684", [] { return pool(Code::MAX_POOL_2D, 0, 2); },
     "node 0 MAX_POOL_2D: must have strides of at least 1, not 0 (height) and 0 (width)"},
    {"L2PoolStride", "CVE-2021-37684", [] { return pool(Code::L2_POOL_2D, 0, 2); },
     "node 0 L2_POOL_2D: must have strides of at least 1, not 0 (height) and 0 (width)"},
    {"MaxPoolFilter", "CVE-2021-29586", [] { return pool(Code::MAX_POOL_2D, 1, 0); },
     "node 0 MAX_POOL_2D: must have windows of at least 1 x 1, not 0 x 0"},
    {"AveragePoolFilterNegative", "options out of range", [] { return pool(Code::AVERAGE_POOL_2D, 1, -3); },
     "node 0 AVERAGE_POOL_2D: must have windows of at least 1 x 1, not -3 x -3"},
    {"MaxPoolFilterBeyondItsInput", "signed integer overflow", [] { return pool(Code::MAX_POOL_2D, 4, 0x7fffffff); }, ""},
    {"TransposeConvStrideBeyondItsOutput", "options out of range",
     [] {
       return OneNode()
           .ints({1, 1, 1, 3})
           .constant({3, 2, 2, 2}, std::vector<float>(24))
           .in({1, 1, 1, 2})
           .out()
           .of(Code::TRANSPOSE_CONV,
               [](auto& t) { return schema::CreateTransposeConvOptions(t, same, 0x7fffffff, 0x7fffffff, no_activation); });
     },
     "node 0 TRANSPOSE_CONV: must have strides of at most 32767"},
    {"TransposeConvStride", "CVE-2021-29588",
     [] {
       return OneNode()
           .ints({1, 8, 8, 3})
           .constant({3, 2, 2, 2}, std::vector<float>(24))
           .in({1, 4, 4, 2})
           .out()
           .of(Code::TRANSPOSE_CONV, [](auto& t) { return schema::CreateTransposeConvOptions(t, same, 0, 0, no_activation); });
     },
     "node 0 TRANSPOSE_CONV: must have strides of at least 1, not 0 (height) and 0 (width)"},
    {"SpaceToDepthBlock", "CVE-2021-29587",
     [] {
       return OneNode().in({1, 4, 4, 2}).out().of(Code::SPACE_TO_DEPTH, [](auto& t) { return schema::CreateSpaceToDepthOptions(t, 0); });
     },
     "node 0 SPACE_TO_DEPTH: has block_size 0, which must be at least 1"},
    {"DepthToSpaceBlock", "CVE-2021-29595",
     [] {
       return OneNode().in({1, 4, 4, 4}).out().of(Code::DEPTH_TO_SPACE, [](auto& t) { return schema::CreateDepthToSpaceOptions(t, 0); });
     },
     "node 0 DEPTH_TO_SPACE: has block_size 0, which must be at least 1"},
    {"DepthToSpaceBlockOverflows", "integer overflow",
     [] {
       return OneNode().in({1, 4, 4, 4}).out().of(Code::DEPTH_TO_SPACE, [](auto& t) {
         return schema::CreateDepthToSpaceOptions(t, 65536);
       });
     },
     "node 0 DEPTH_TO_SPACE: input 0 't0' float32[1,4,4,4]: has 4 channels, which are not a multiple of block_size * block_size = "
     "4294967296"},
    {"SpaceToBatchBlock", "CVE-2021-29597", [] { return blocks<Code::SPACE_TO_BATCH_ND>(0, 2); },
     "node 0 SPACE_TO_BATCH_ND: input 1 't1' int32[2]: must hold sizes of at least 1; element 0 is 0"},
    {"BatchToSpaceBlock", "CVE-2021-29593", [] { return blocks<Code::BATCH_TO_SPACE_ND>(2, 0); },
     "node 0 BATCH_TO_SPACE_ND: input 1 't1' int32[2]: must hold sizes of at least 1; element 1 is 0"},
    {"SplitIntoNothing", "CVE-2021-29599",
     [] { return OneNode().ints({}, {0}).in({4}).out().of(Code::SPLIT, [](auto& t) { return schema::CreateSplitOptions(t, 0); }); },
     "node 0 SPLIT: num_splits is 0, the node has 1 outputs"},
    {"SplitUneven", "options against operands",
     [] {
       return OneNode().ints({}, {0}).in({4}).out().out().out().of(Code::SPLIT, [](auto& t) { return schema::CreateSplitOptions(t, 3); });
     },
     "node 0 SPLIT: input 1 't1' float32[4]: has dimension 0 = 4, which does not split into 3 equal parts"},
    {"SvdfRank", "CVE-2021-29598",
     [] {
       return OneNode()
           .in({1, 3})
           .constant({4, 3}, std::vector<float>(12))
           .constant({4, 2}, std::vector<float>(8))
           .absent()
           .variable({1, 8})
           .out()
           .of(Code::SVDF, [](auto& t) { return schema::CreateSVDFOptions(t, 0, no_activation); });
     },
     "node 0 SVDF: has rank 0, which must be 1 or more"},
    {"SvdfWithoutState", "CVE-2021-37681",
     [] {
       return OneNode()
           .in({1, 3})
           .constant({4, 3}, std::vector<float>(12))
           .constant({4, 2}, std::vector<float>(8))
           .absent()
           .absent()
           .out()
           .of(Code::SVDF, [](auto& t) { return schema::CreateSVDFOptions(t, 1, no_activation); });
     },
     "node 0 SVDF: input 4 is absent: must be there"},
    {"SvdfStateIsNoVariable", "CVE-2021-37681",
     [] {
       return OneNode()
           .in({1, 3})
           .constant({4, 3}, std::vector<float>(12))
           .constant({4, 2}, std::vector<float>(8))
           .absent()
           .in({1, 8})
           .out()
           .of(Code::SVDF, [](auto& t) { return schema::CreateSVDFOptions(t, 1, no_activation); });
     },
     "node 0 SVDF: input 4 't3' float32[1,8]: must be a variable tensor"},
    {"FullyConnectedWithoutColumns", "CVE-2021-37680",
     [] {
       return OneNode().in({2, 3}).constant({4, 0}, std::vector<float>{}).absent().out().of(Code::FULLY_CONNECTED, [](auto& t) {
         return schema::CreateFullyConnectedOptions(t, no_activation);
       });
     },
     "node 0 FULLY_CONNECTED: input 0 't0' float32[2,3]: must have 0 as last dimension, as the weights do, not 3"},
    {"DivInt32", "CVE-2021-37683", [] { return divided<Code::DIV>(int32); },
     "node 0 DIV: input 1 't1' int32[4]: must not hold 0, which its element 0 is: division by zero", 0},
    {"FloorDivInt32", "division by zero", [] { return divided<Code::FLOOR_DIV>(int32); },
     "node 0 FLOOR_DIV: input 1 't1' int32[4]: must not hold 0, which its element 0 is: division by zero", 0},
    {"FloorModInt32", "division by zero", [] { return divided<Code::FLOOR_MOD>(int32); },
     "node 0 FLOOR_MOD: input 1 't1' int32[4]: must not hold 0, which its element 0 is: division by zero", 0},
    {"FloorModInt64", "division by zero", [] { return divided<Code::FLOOR_MOD>(int64); },
     "node 0 FLOOR_MOD: input 1 't1' int64[4]: must not hold 0, which its element 0 is: division by zero", 0},
    {"OneHotOfNothing", "CVE-2021-29600",
     [] {
       return OneNode()
           .in({0, 3}, int32)
           .ints({}, {4})
           .constant({}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::ONE_HOT, [](auto& t) { return schema::CreateOneHotOptions(t, -1); });
     },
     ""},
    {"OneHotDepthNegative", "integer overflow",
     [] {
       return OneNode()
           .in({3}, int32)
           .ints({}, {-4})
           .constant({}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::ONE_HOT, [](auto& t) { return schema::CreateOneHotOptions(t, -1); });
     },
     "node 0 ONE_HOT: input 1 't1' int32[]: must not be negative; it is -4"},
    {"EmbeddingLookupWithoutRows", "CVE-2021-29596",
     [] {
       return OneNode().in({2}, int32).in({0, 4}).out().of(Code::EMBEDDING_LOOKUP);
     },
     "node 0 EMBEDDING_LOOKUP: input 0 't0' int32[2]: must hold indices from 0 to -1, but element 0 is 0"},
    {"GatherNdOfNothing", "CVE-2021-29589",
     [] {
       return OneNode().in({0, 4}).in({2, 1}, int32).out().of(Code::GATHER_ND);
     },
     "node 0 GATHER_ND: input 1 't1' int32[2,1]: holds an index outside of input 0: element 0 is 0, but must be from 0 to -1"},
    {"ReshapeOfNothing", "division by zero",
     [] {
       return OneNode().in({0, 4}).ints({0, -1}).out().of(Code::RESHAPE);
     },
     ""},
    {"ResizeToNothing", "division by zero",
     [] {
       return OneNode().in({1, 4, 4, 1}).ints({0, 0}).out().of(Code::RESIZE_BILINEAR, [](auto& t) {
         return schema::CreateResizeBilinearOptions(t, true, false);
       });
     },
     "node 0 RESIZE_BILINEAR: input 1 't1' int32[2]: must hold sizes of at least 1; element 0 is 0"},
    {"ResizeOfNothing", "division by zero",
     [] {
       return OneNode().in({1, 0, 4, 1}).ints({2, 2}).out().of(Code::RESIZE_NEAREST_NEIGHBOR, [](auto& t) {
         return schema::CreateResizeNearestNeighborOptions(t, false, false);
       });
     },
     "node 0 RESIZE_NEAREST_NEIGHBOR: input 0 't0' float32[1,0,4,1]: has no pixels to make 2 x 2 from"},
    {"RangeWithoutStep", "division by zero", [] { return OneNode().ints({}, {0}).ints({}, {5}).ints({}, {0}).out(int32).of(Code::RANGE); },
     "node 0 RANGE: input 2 't2' int32[]: must lead from input 0 to input 1, and not be 0"},
    {"StridedSliceWithoutStride", "CVE-2021-37686",
     [] {
       return OneNode().in({4}).ints({0}).ints({4}).ints({0}).out().of(
           Code::STRIDED_SLICE, [](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 0); });
     },
     "node 0 STRIDED_SLICE: input 3 't3' int32[1]: has stride 0 in element 0"},
    {"StridedSliceStrideIsLeast", "integer overflow",
     [] {
       return OneNode().in({4}).ints({3}).ints({0}).ints({-2'147'483'647 - 1}).out().of(Code::STRIDED_SLICE, [](auto& t) {
         return schema::CreateStridedSliceOptions(t, 1, 1, 0, 0, 0);
       });
     },
     "node 0 STRIDED_SLICE: input 3 't3' int32[1]: has -2147483648 in element 0, which is not between -2^31 and 2^31"},
    {"PackCount", "options against operands",
     [] { return OneNode().in({4}).in({4}).out().of(Code::PACK, [](auto& t) { return schema::CreatePackOptions(t, 3, 0); }); },
     "node 0 PACK: values_count is 3, the node has 2 inputs"},
    {"UnpackCount", "options against operands",
     [] {
       return OneNode().in({4, 2}).out().out().of(Code::UNPACK, [](auto& t) { return schema::CreateUnpackOptions(t, 2, 0); });
     },
     "node 0 UNPACK: input 0 't0' float32[4,2]: must have dimension 0 = 2, the number of outputs, not 4"},
    {"HashtableLookupWithoutRows", "CVE-2021-29604",
     [] {
       return OneNode().in({2}, int32).in({0}, int32).in({0, 3}).out().out(uint8).of(Code::HASHTABLE_LOOKUP);
     },
     ""},
    {"LshOfNothing", "CVE-2021-37691",
     [] {
       return OneNode().in({0, 2}).in({0}, int32).out(int32).of(Code::LSH_PROJECTION, [](auto& t) {
         return schema::CreateLSHProjectionOptions(t, schema::LSHProjectionType::DENSE);
       });
     },
     "node 0 LSH_PROJECTION: input 1 't1' int32[0]: must not be empty"},
    {"LshWithoutElements", "CVE-2021-37691",
     [] {
       return OneNode().in({2, 2}).in({0}, int32).out(int32).of(Code::LSH_PROJECTION, [](auto& t) {
         return schema::CreateLSHProjectionOptions(t, schema::LSHProjectionType::SPARSE);
       });
     },
     "node 0 LSH_PROJECTION: input 1 't1' int32[0]: must not be empty"},
    {"LshOfNoKind", "options out of range",
     [] {
       return OneNode().in({2, 2}).in({4}, int32).out(int32).of(Code::LSH_PROJECTION, [](auto& t) {
         return schema::CreateLSHProjectionOptions(t, static_cast<schema::LSHProjectionType>(77));
       });
     },
     "node 0 LSH_PROJECTION: must be dense or sparse"},
    {"Conv3DStride", "division by zero",
     [] {
       return OneNode().in({1, 4, 4, 4, 1}).constant({2, 2, 2, 1, 1}, std::vector<float>(8)).out().of(Code::CONV_3D, [](auto& t) {
         return schema::CreateConv3DOptions(t, same, 1, 0, 1);
       });
     },
     "node 0 CONV_3D: must have strides of at least 1, not 1 (height) and 0 (width)"},
    {"PaddingOfNoKind", "options out of range", [] { return conv(1, 1, 1, static_cast<schema::Padding>(9)); },
     "node 0 CONV_2D: has a padding that is neither SAME nor VALID"},
    {"ActivationOfNoKind", "options out of range",
     [] {
       return OneNode().in({4}).in({4}).out().of(
           Code::ADD, [](auto& t) { return schema::CreateAddOptions(t, static_cast<schema::ActivationFunctionType>(99), false); });
     },
     "node 0 ADD: its fused activation 99 is not one that this op can apply"},
    {"SoftmaxBetaIsNoNumber", "options out of range",
     [] {
       return OneNode()
           .in({4}, int8, {.scales = {1}, .zero_points = {0}})
           .out(int8, {4}, {.scales = {0.00390625f}, .zero_points = {-128}})
           .of(Code::SOFTMAX, [](auto& t) { return schema::CreateSoftmaxOptions(t, std::numeric_limits<float>::quiet_NaN()); });
     },
     "node 0 SOFTMAX: beta must be finite"},
    {"LeakyReluAlphaHuge", "options out of range",
     [] {
       return OneNode()
           .in({4}, int8, {.scales = {1}, .zero_points = {0}})
           .out(int8, {4}, {.scales = {1}, .zero_points = {0}})
           .of(Code::LEAKY_RELU, [](auto& t) { return schema::CreateLeakyReluOptions(t, std::numeric_limits<float>::infinity()); });
     },
     "node 0 LEAKY_RELU: alpha must be finite"},
    {"LocalResponseRadiusNegative", "options out of range",
     [] {
       return OneNode().in({1, 2, 2, 4}).out().of(Code::LOCAL_RESPONSE_NORMALIZATION, [](auto& t) {
         return schema::CreateLocalResponseNormalizationOptions(t, -2'147'483'647 - 1, 1, 1, 0.5f);
       });
     },
     ""},
    {"FakeQuantBits", "options out of range",
     [] {
       return OneNode().in({4}).out().of(Code::FAKE_QUANT, [](auto& t) { return schema::CreateFakeQuantOptions(t, -1, 1, 40, false); });
     },
     "node 0 FAKE_QUANT: must have 2 to 16 bits, not 40"},
    {"FakeQuantRangeEmpty", "division by zero",
     [] { return OneNode().in({4}).out().of(Code::FAKE_QUANT, [](auto& t) { return schema::CreateFakeQuantOptions(t, 0, 0, 8, false); }); },
     "node 0 FAKE_QUANT: must have a range that holds 0 and more"},
    {"CumsumAxis", "axis out of range",
     [] {
       return OneNode().in({4}).ints({}, {7}).out().of(Code::CUMSUM, [](auto& t) { return schema::CreateCumsumOptions(t, false, false); });
     },
     "node 0 CUMSUM: input 1 't1' int32[]: is axis 7, which is outside of [-1, 1)"},
    {"BucketizeUnsorted", "options out of range",
     [] {
       return OneNode().in({4}).out(int32).of(Code::BUCKETIZE, [](auto& t) {
         return schema::CreateBucketizeOptions(t, t.CreateVector(std::vector<float>{3, 1, std::numeric_limits<float>::quiet_NaN()}));
       });
     },
     "node 0 BUCKETIZE: must have boundaries in rising order, but number 1 is less than the one before"},
    {"BucketizeWithoutBoundaries", "null pointer dereference",
     [] { return OneNode().in({4}).out(int32).of(Code::BUCKETIZE, [](auto& t) { return schema::CreateBucketizeOptions(t); }); }, ""},
    {"FourierLength", "options out of range",
     [] {
       return OneNode().in({4, 4}).ints({3, 0}).out(complex64).of(Code::RFFT2D);
     },
     "node 0 RFFT2D: input 1 't1' int32[2]: must hold powers of two, not 3"},
    {"SqueezeAxis", "axis out of range",
     [] {
       return OneNode().in({1, 4}).out().of(Code::SQUEEZE, [](auto& t) {
         return schema::CreateSqueezeOptions(t, t.CreateVector(std::vector<std::int32_t>{-9, 5}));
       });
     },
     "node 0 SQUEEZE: squeeze_dims lists axis -9 of a tensor of 2 dimensions"},
    {"StridedSliceTwoEllipses", "options out of range",
     [] {
       return OneNode().in({4, 4}).ints({0, 0}).ints({1, 1}).ints({1, 1}).out().of(
           Code::STRIDED_SLICE, [](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 0, 3, 0, 0); });
     },
     "node 0 STRIDED_SLICE: ellipsis_mask has two bits, 0 and 1"},
    {"StridedSliceNineAxes", "rank over 8",
     [] {
       return OneNode().in(Dims(8, 2)).ints(Dims(9, 0)).ints(Dims(9, 2)).ints(Dims(9, 1)).out().of(Code::STRIDED_SLICE, [](auto& t) {
         return schema::CreateStridedSliceOptions(t, 0, 0, 0, 256, 0);
       });
     },
     "node 0 STRIDED_SLICE: the output would have 9 dimensions, at most 8 are possible"},
    {"StridedSliceShrinksBeyond", "out-of-bounds read",
     [] {
       return OneNode().in({4}).ints({9}).ints({10}).ints({1}).out().of(
           Code::STRIDED_SLICE, [](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 1); });
     },
     ""},  // TensorFlow Lite gives zeros
    {"StridedSliceMasksOfAllBits", "options out of range",
     [] {
       return OneNode().in({4}).ints({0}).ints({4}).ints({1}).out().of(
           Code::STRIDED_SLICE, [](auto& t) { return schema::CreateStridedSliceOptions(t, -1, -1, -1, -1, -1); });
     },
     ""},
    {"StablehloPadNegative", "integer overflow",
     [] {
       return OneNode().in({4}).constant({}, std::vector<float>{1}).out().of(Code::STABLEHLO_PAD, [](auto& t) {
         const auto list = [&t](std::int64_t x) { return t.CreateVector(std::vector<std::int64_t>{x}); };
         const auto low = list(std::numeric_limits<std::int64_t>::min()), high = list(std::numeric_limits<std::int64_t>::max()),
                    inner = list(-1);
         return schema::CreateStablehloPadOptions(t, low, high, inner);
       });
     },
     "node 0 STABLEHLO_PAD: has a padding of -9223372036854775808, beyond 31 bits"},
    {"StablehloGatherOptions", "out-of-bounds read",
     [] {
       return OneNode().in({4, 4}).in({1, 2}, int32).out().of(Code::STABLEHLO_GATHER, [](auto& t) {
         const auto list = [&t](std::vector<std::int64_t> x) { return t.CreateVector(x); };
         const auto offsets = list({-1, 9}), collapsed = list({7}), map = list({0, 99}), sizes = list({-5, std::int64_t{1} << 40});
         return schema::CreateStablehloGatherOptions(t, offsets, collapsed, map, 1, sizes);
       });
     },
     "node 0 STABLEHLO_GATHER: lists -1, which is no dimension or size"},
    {"DilateNegative", "integer overflow",
     [] { return OneNode().in({4}).ints({-3}).constant({}, std::vector<float>{0}).out().of(Code::DILATE); },
     "node 0 DILATE: input 1 't1' int32[1]: must be at least 1, but element 0 is -3"},
};

}  // namespace
}  // namespace tfl::test

TFL_CORPUS(Options, spots)
