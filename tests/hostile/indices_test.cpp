// archs: none
// sources: support/all_ops.cpp
// Indices, axes and sizes that lead out of a tensor, whether the file gives them or the caller while running.

#include <limits>

#include "hostile/corpus.hpp"

namespace tfl::test {
namespace {

using enum TensorType;
using Code = BuiltinOperator;
constexpr auto no_activation = schema::ActivationFunctionType::NONE;
constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();

Bytes gather(bool given) {
  OneNode node;
  node.in({4, 2});
  given ? node.in({2}, int32) : node.ints({1, -1});
  return node.out().of(Code::GATHER, [](auto& t) { return schema::CreateGatherOptions(t, 0, 0); });
}
Bytes gather_nd() { return OneNode().in({4, 2}).in({2, 1}, int32).out().of(Code::GATHER_ND); }
Bytes scatter_nd() { return OneNode().in({2, 1}, int32).in({2}).ints({4}).out().of(Code::SCATTER_ND); }
Bytes segment_sum(Dims ids) { return OneNode().in({3, 2}).ints(ids).out().of(Code::SEGMENT_SUM); }
Bytes given_segments() { return OneNode().in({3, 2}).in({3}, int32).out().of(Code::SEGMENT_SUM); }
template <Code code> Bytes unsorted() { return OneNode().in({3, 2}).in({3}, int32).ints({}, {2}).out().of(code); }
Bytes lookup() { return OneNode().in({2}, int32).in({4, 3}).out().of(Code::EMBEDDING_LOOKUP); }
Bytes slice(Dims begin, Dims size) { return OneNode().in({4}).ints(begin).ints(size).out().of(Code::SLICE); }
Bytes given_slice() { return OneNode().in({4}).in({1}, int32).ints({2}).out().of(Code::SLICE); }
template <Code code> Bytes arg(std::int32_t axis) { return OneNode().in({2, 3}).ints({}, {axis}).out(int32).of(code); }
Bytes mean(std::int32_t axis) {
  return OneNode().in({2, 3}).ints({axis}).out().of(Code::MEAN, [](auto& t) { return schema::CreateReducerOptions(t, false); });
}
Bytes split_v(Dims sizes) {
  return OneNode().in({4}).ints(sizes).ints({}, {0}).out().out().of(Code::SPLIT_V,
                                                                    [](auto& t) { return schema::CreateSplitVOptions(t, 2); });
}
Bytes transpose(Dims permutation) { return OneNode().in({2, 3, 4}).ints(permutation).out().of(Code::TRANSPOSE); }
Bytes blocks(Code code, Dims around) { return OneNode().in({4, 4, 4, 1}).ints({2, 2}).ints({2, 2}, around).out().of(code); }
Bytes pad(Code code, Dims around) {
  return OneNode().in({2, 3}).ints({2, 2}, around).out().of(code, [](auto& t) {
    return schema::CreateMirrorPadOptions(t, schema::MirrorPadMode::REFLECT);
  });
}
Bytes fill(Dims shape) { return OneNode().ints(shape).constant({}, std::vector<float>{1}).out().of(Code::FILL); }
Bytes broadcast_to(Dims shape) { return OneNode().in({2, 3}).ints(shape).out().of(Code::BROADCAST_TO); }
Bytes tile(Dims times) { return OneNode().in({2, 3}).ints(times).out().of(Code::TILE); }

const WeakSpot spots[] = {
    {"GatherConstantBelow", "CVE-2021-37687", [] { return gather(false); },
     "node 0 GATHER: input 1 't1' int32[2]: must hold indices from 0 to 3, but element 1 is -1"},
    {"GatherBelow", "CVE-2021-37687", [] { return gather(true); },
     "node 0 GATHER: input 1 't1' int32[2]: must hold indices from 0 to 3, but element 0 is -1", -1},
    {"GatherBeyond", "CVE-2021-37687", [] { return gather(true); },
     "node 0 GATHER: input 1 't1' int32[2]: must hold indices from 0 to 3, but element 0 is 4", 4},
    {"GatherLeastInt", "CVE-2021-37687", [] { return gather(true); },
     "node 0 GATHER: input 1 't1' int32[2]: must hold indices from 0 to 3, but element 0 is -2147483648", -largest - 1},
    {"GatherAxis", "axis out of range",
     [] {
       return OneNode().in({4, 2}).ints({0}).out().of(Code::GATHER, [](auto& t) { return schema::CreateGatherOptions(t, 2, 0); });
     },
     "node 0 GATHER: has axis 2, which an input of 2 dimensions does not have"},
    {"GatherBatchDims", "axis out of range",
     [] {
       return OneNode().in({4, 2}).ints({0}).out().of(Code::GATHER, [](auto& t) { return schema::CreateGatherOptions(t, 0, 5); });
     },
     "node 0 GATHER: has batch_dims 5, which must be at most 1 (the indices' dimensions) and at most the axis 0"},
    {"GatherNdBelow", "CVE-2021-37687", gather_nd,
     "node 0 GATHER_ND: input 1 't1' int32[2,1]: holds an index outside of input 0: element 0 is -1, but must be from 0 to 3", -1},
    {"GatherNdBeyond", "CVE-2022-35937, CVE-2022-35938", gather_nd,
     "node 0 GATHER_ND: input 1 't1' int32[2,1]: holds an index outside of input 0: element 0 is 4, but must be from 0 to 3", 4},
    {"GatherNdDeep", "CVE-2022-35937",
     [] {
       return OneNode().in({4}).in({1, 2}, int32).out().of(Code::GATHER_ND);
     },
     "node 0 GATHER_ND: input 1 't1' int32[1,2]: has indices of 2 coordinates (its last dimension), but input 0 has 1 dimensions"},
    {"ScatterNdBelow", "CVE-2022-35939", scatter_nd,
     "node 0 SCATTER_ND: input 0 't0' int32[2,1]: holds an index outside of the output: element 0 is -1, but must be from 0 to 3", -1},
    {"ScatterNdBeyond", "CVE-2022-35939", scatter_nd,
     "node 0 SCATTER_ND: input 0 't0' int32[2,1]: holds an index outside of the output: element 0 is 4, but must be from 0 to 3", 4},
    {"ScatterNdShapeNegative", "integer overflow",
     [] {
       return OneNode().in({2, 1}, int32).in({2}).ints({-4}).out().of(Code::SCATTER_ND);
     },
     "node 0 SCATTER_ND: input 2 't2' int32[1]: asks for dimension 0 = -4"},
    {"SegmentSumBelow", "CVE-2020-15212",
     [] {
       return segment_sum({-1, 0, 1});
     },
     "node 0 SEGMENT_SUM: input 1 't1' int32[3]: must begin with 0 and rise by 0 or 1, but element 0 is -1"},
    {"SegmentSumGivenBelow", "CVE-2020-15212", given_segments,
     "node 0 SEGMENT_SUM: input 1 't1' int32[3]: must begin with 0 and rise by 0 or 1, but element 0 is -1", -1},
    {"SegmentSumUnsorted", "CVE-2020-15214",
     [] {
       return segment_sum({1, 0, 1});
     },
     "node 0 SEGMENT_SUM: input 1 't1' int32[3]: must begin with 0 and rise by 0 or 1, but element 0 is 1"},
    {"SegmentSumHuge", "CVE-2020-15213",
     [] {
       return segment_sum({0, 1, largest});
     },
     "node 0 SEGMENT_SUM: input 1 't1' int32[3]: must begin with 0 and rise by 0 or 1, but element 2 is 2147483647"},
    {"SegmentSumGivenHuge", "CVE-2020-15213", given_segments,
     "node 0 SEGMENT_SUM: input 1 't1' int32[3]: must begin with 0 and rise by 0 or 1, but element 0 is 2147483646", largest - 1},
    {"SegmentSumIdsTooFew", "CVE-2020-15212",
     [] {
       return segment_sum({0, 1});
     },
     "node 0 SEGMENT_SUM: input 1 't1' int32[2]: must have one id for each of the 3 slices, not 2"},
    {"UnsortedSegmentSumBeyond", "out-of-bounds write", unsorted<Code::UNSORTED_SEGMENT_SUM>,
     "node 0 UNSORTED_SEGMENT_SUM: input 1 't1' int32[3]: must hold ids below 2, but element 0 is 2", 2},
    {"UnsortedSegmentMaxBelow", "out-of-bounds write", unsorted<Code::UNSORTED_SEGMENT_MAX>, "", -7},
    {"EmbeddingLookupBeyond", "out-of-bounds read", lookup,
     "node 0 EMBEDDING_LOOKUP: input 0 't0' int32[2]: must hold indices from 0 to 3, but element 0 is 4", 4},
    {"EmbeddingLookupBelow", "out-of-bounds read", lookup,
     "node 0 EMBEDDING_LOOKUP: input 0 't0' int32[2]: must hold indices from 0 to 3, but element 0 is -1", -1},
    {"EmbeddingLookupSparseOverflow", "CVE-2022-23559",
     [] {
       return OneNode()
           .ints({2}, {0, 1})
           .ints({2, 2}, {0, 0, 1, 0})
           .ints({65536, 65536})
           .constant({2}, std::vector<float>{1, 1})
           .in({4, 3})
           .out()
           .of(Code::EMBEDDING_LOOKUP_SPARSE, [](auto& t) { return schema::CreateEmbeddingLookupSparseOptions(t); });
     },
     ""},
    {"EmbeddingLookupSparseBeyond", "out-of-bounds read",
     [] {
       return OneNode()
           .in({2}, int32)
           .ints({2, 2}, {0, 0, 1, 0})
           .ints({2, 1})
           .constant({2}, std::vector<float>{1, 1})
           .in({4, 3})
           .out()
           .of(Code::EMBEDDING_LOOKUP_SPARSE, [](auto& t) { return schema::CreateEmbeddingLookupSparseOptions(t); });
     },
     "node 0 EMBEDDING_LOOKUP_SPARSE: input 0 't0' int32[2]: must hold rows from 0 to 3, but element 0 is 9", 9},
    {"ArgMaxAxis", "CVE-2021-29603", [] { return arg<Code::ARG_MAX>(2); },
     "node 0 ARG_MAX: input 1 't1' int32[]: is axis 2, which an input of 2 dimensions does not have"},
    {"ArgMinAxisNegative", "CVE-2021-29603", [] { return arg<Code::ARG_MIN>(-3); },
     "node 0 ARG_MIN: input 1 't1' int32[]: is axis -3, which an input of 2 dimensions does not have"},
    {"ArgMaxOfNothing", "CVE-2021-29603",
     [] {
       return OneNode().in({2, 0}).ints({}, {1}).out(int32).of(Code::ARG_MAX);
     },
     "node 0 ARG_MAX: input 0 't0' float32[2,0]: has no elements along axis 1 to choose from"},
    {"ReduceAxisNegative", "CVE-2020-15207", [] { return mean(-7); },
     "node 0 MEAN: input 1 't1' int32[1]: lists axis -7, which an input of 2 dimensions does not have"},
    {"ReduceAxisBeyond", "CVE-2020-15207", [] { return mean(2); },
     "node 0 MEAN: input 1 't1' int32[1]: lists axis 2, which an input of 2 dimensions does not have"},
    {"ReduceAxisGiven", "CVE-2020-15207",
     [] {
       return OneNode().in({2, 3}).in({1}, int32).out().of(Code::MEAN, [](auto& t) { return schema::CreateReducerOptions(t, false); });
     },
     "node 0 MEAN: input 1 't1' int32[1]: lists axis -7, which an input of 2 dimensions does not have", -7},
    {"ExpandDimsAxis", "CVE-2021-37685", [] { return OneNode().in({4}).ints({-5}).out().of(Code::EXPAND_DIMS); },
     "node 0 EXPAND_DIMS: input 1 't1' int32[1]: is axis -5, which is outside of [-2, 2)"},
    {"SplitVBeyond", "CVE-2021-29606",
     [] {
       return split_v({3, 4});
     },
     "node 0 SPLIT_V: input 1 't1' int32[2]: takes more than the 4 elements of dimension 0"},
    {"SplitVNegative", "CVE-2021-29606",
     [] {
       return split_v({-4, 8});
     },
     "node 0 SPLIT_V: input 1 't1' int32[2]: gives output 0 the size -4"},
    {"SplitVTwoOpen", "CVE-2021-29606",
     [] {
       return split_v({-1, -1});
     },
     "node 0 SPLIT_V: input 1 't1' int32[2]: has -1 twice, for outputs 0 and 1"},
    {"SplitAxis", "axis out of range",
     [] { return OneNode().ints({}, {3}).in({4}).out().out().of(Code::SPLIT, [](auto& t) { return schema::CreateSplitOptions(t, 2); }); },
     "node 0 SPLIT: input 0 't0' int32[]: is axis 3, which is outside of [-1, 1)"},
    {"SliceBeyond", "out-of-bounds read", [] { return slice({3}, {2}); },
     "node 0 SLICE: input 2 't2' int32[1]: asks for 2 elements in dimension 0, where 1 remain"},
    {"SliceBelow", "out-of-bounds read", [] { return slice({-1}, {2}); },
     "node 0 SLICE: input 1 't1' int32[1]: begins at -1 in dimension 0, which has 4 elements"},
    {"SliceSizeNegative", "out-of-bounds read", [] { return slice({0}, {-2}); },
     "node 0 SLICE: input 2 't2' int32[1]: asks for -2 elements in dimension 0; -1 means all that remain"},
    {"SliceOverflows", "out-of-bounds read", [] { return slice({largest}, {largest}); },
     "node 0 SLICE: input 1 't1' int32[1]: begins at 2147483647 in dimension 0, which has 4 elements"},
    {"SliceGivenBeyond", "out-of-bounds read", given_slice,
     "node 0 SLICE: input 2 't2' int32[1]: asks for 2 elements in dimension 0, where 1 remain", 3},
    {"UnpackAxis", "out-of-bounds read",
     [] {
       return OneNode().in({2, 2}).out().out().of(Code::UNPACK, [](auto& t) { return schema::CreateUnpackOptions(t, 2, 5); });
     },
     "node 0 UNPACK: axis 5 is outside of the input's 2 dimensions"},
    {"ConcatenationAxis", "out-of-bounds write",
     [] {
       return OneNode().in({2, 2}).in({2, 2}).out().of(Code::CONCATENATION,
                                                       [](auto& t) { return schema::CreateConcatenationOptions(t, 2, no_activation); });
     },
     "node 0 CONCATENATION: axis 2 is outside of the inputs' 2 dimensions"},
    {"ConcatenationShapes", "CVE-2020-15208",
     [] {
       return OneNode().in({2, 2}).in({2, 3}).out().of(Code::CONCATENATION,
                                                       [](auto& t) { return schema::CreateConcatenationOptions(t, 0, no_activation); });
     },
     "node 0 CONCATENATION: input 1 't1' float32[2,3]: must have dimension 1 = 2 as input 0, not 3"},
    {"ConcatenationOverflows", "CVE-2021-29601",
     [] {
       return OneNode().in({1 << 30}).in({1 << 30}).out().of(
           Code::CONCATENATION, [](auto& t) { return schema::CreateConcatenationOptions(t, 0, no_activation); });
     },
     "node 0 CONCATENATION: output 0 't2' float32[1]: would have 2147483648 elements in dimension 0"},
    {"ConcatenationScales", "signed integer overflow",
     [] {
       const QuantizationSpec coarse{.scales = {1e20f}, .zero_points = {0}}, fine{.scales = {1e-10f}, .zero_points = {200}};
       return OneNode().in({2}, TensorType::uint8, coarse).out(TensorType::uint8, {2}, fine).of(Code::CONCATENATION, [](auto& t) {
         return schema::CreateConcatenationOptions(t, 0, no_activation);
       });
     },
     ""},
    {"MinimumShapes", "CVE-2021-29590",
     [] {
       return OneNode().in({2, 3}).in({0}).out().of(Code::MINIMUM);
     },
     "node 0 MINIMUM: input 1 't1' float32[0]: does not broadcast: its dimension 0 is 0, that of an input before it 3"},
    {"MaximumShapes", "CVE-2021-29590",
     [] {
       return OneNode().in({2, 3}).in({4}).out().of(Code::MAXIMUM);
     },
     "node 0 MAXIMUM: input 1 't1' float32[4]: does not broadcast: its dimension 0 is 4, that of an input before it 3"},
    {"TransposeAxisTwice", "out-of-bounds read",
     [] {
       return transpose({0, 0, 1});
     },
     "node 0 TRANSPOSE: input 1 't1' int32[3]: names dimension 0 twice"},
    {"TransposeAxisBeyond", "out-of-bounds read",
     [] {
       return transpose({0, 1, 3});
     },
     "node 0 TRANSPOSE: input 1 't1' int32[3]: names dimension 3 of 3"},
    {"SpaceToBatchPaddings", "out-of-bounds write",
     [] {
       return blocks(Code::SPACE_TO_BATCH_ND, {-2, 0, 0, 0});
     },
     "node 0 SPACE_TO_BATCH_ND: input 2 't2' int32[2,2]: must not hold negative numbers; element 0 is -2"},
    {"BatchToSpaceCrops", "out-of-bounds read",
     [] {
       return blocks(Code::BATCH_TO_SPACE_ND, {6, 6, 0, 0});
     },
     "node 0 BATCH_TO_SPACE_ND: input 2 't2' int32[2,2]: leaves -4 elements in dimension 1"},
    {"PadNegative", "out-of-bounds write",
     [] {
       return pad(Code::PAD, {-3, 0, 0, 0});
     },
     "node 0 PAD: input 1 't1' int32[2,2]: pads dimension 0 by -3 and 0; negative numbers are not possible"},
    {"PadOverflows", "integer overflow",
     [] {
       return pad(Code::PAD, {largest, largest, 0, 0});
     },
     "node 0 PAD: input 1 't1' int32[2,2]: pads dimension 0 by 2147483647 and 2147483647, past 2^31 - 1"},
    {"MirrorPadBeyond", "out-of-bounds read",
     [] {
       return pad(Code::MIRROR_PAD, {2, 0, 0, 0});
     },
     "node 0 MIRROR_PAD: input 1 't1' int32[2,2]: pads dimension 0 by 2, its reflection has 1 elements"},
    {"TopKBeyond", "out-of-bounds read", [] { return OneNode().in({4}).in({1}, int32).out().out(int32).of(Code::TOPK_V2); },
     "node 0 TOPK_V2: input 1 't1' int32[1]: asks for 5 elements of rows that have 4", 5},
    {"ReverseSequenceBeyond", "out-of-bounds read",
     [] {
       return OneNode().in({4, 2}).in({2}, int32).out().of(Code::REVERSE_SEQUENCE, [](auto& t) {
         return schema::CreateReverseSequenceOptions(t, 0, 1);
       });
     },
     "node 0 REVERSE_SEQUENCE: input 1 't1' int32[2]: must hold lengths of at most 4, but element 0 is 5", 5},
    {"ReverseAxis", "out-of-bounds read", [] { return OneNode().in({4}).ints({1}).out().of(Code::REVERSE_V2); },
     "node 0 REVERSE_V2: input 1 't1' int32[1]: lists axis 1, which an input of 1 dimensions does not have"},
    {"UpdateSliceTooLarge", "out-of-bounds write",
     [] {
       return OneNode().in({2, 2}).in({3, 1}).in({2}, int32).out().of(Code::DYNAMIC_UPDATE_SLICE);
     },
     "node 0 DYNAMIC_UPDATE_SLICE: input 1 't1' float32[3,1]: has 3 elements in dimension 0, where input 0 has 2"},
    {"UpdateSliceFarAway", "out-of-bounds write",
     [] {
       return OneNode().in({2, 2}).in({1, 1}).in({2}, int32).out().of(Code::DYNAMIC_UPDATE_SLICE);
     },
     "", largest},
    {"OneHotAxis", "out-of-bounds write",
     [] {
       return OneNode()
           .in({3}, int32)
           .ints({}, {4})
           .constant({}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::ONE_HOT, [](auto& t) { return schema::CreateOneHotOptions(t, 3); });
     },
     "node 0 ONE_HOT: has axis 3, which an output of 2 dimensions does not have"},
    {"OneHotBeyond", "out-of-bounds write",
     [] {
       return OneNode()
           .in({3}, int32)
           .ints({}, {4})
           .constant({}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::ONE_HOT, [](auto& t) { return schema::CreateOneHotOptions(t, -1); });
     },
     "", 1000},
    {"FillNegative", "integer overflow",
     [] {
       return fill({2, -3});
     },
     "node 0 FILL: input 0 't0' int32[2]: asks for dimension 1 = -3"},
    {"FillOverflows", "integer overflow",
     [] {
       return fill({65536, 65536});
     },
     "node 0 FILL: output 0 't2' float32[65536,65536]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"BroadcastToOverflows", "integer overflow",
     [] {
       return broadcast_to({1 << 20, 1 << 10, 2, 3});
     },
     "node 0 BROADCAST_TO: output 0 't2' float32[1048576,1024,2,3]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"BroadcastToNineDimensions", "rank over 8",
     [] {
       return broadcast_to({2, 1, 1, 1, 1, 1, 1, 2, 3});
     },
     "node 0 BROADCAST_TO: input 1 't1' int32[9]: asks for dimension 0 = 2; all beyond the last 8 must be 1"},
    {"BroadcastToNegative", "out-of-bounds write",
     [] {
       return broadcast_to({-2, 3});
     },
     "node 0 BROADCAST_TO: input 1 't1' int32[2]: asks for dimension 0 = -2"},
    {"TileNegative", "integer overflow",
     [] {
       return tile({-1, 2});
     },
     "node 0 TILE: input 1 't1' int32[2]: repeats dimension 0, which is 2, -1 times"},
    {"TileOverflows", "integer overflow",
     [] {
       return tile({largest, largest});
     },
     "node 0 TILE: input 1 't1' int32[2]: repeats dimension 0, which is 2, 2147483647 times"},
    {"RangeHuge", "integer overflow",
     [] { return OneNode().ints({}, {-largest}).ints({}, {largest}).ints({}, {1}).out(int32).of(Code::RANGE); },
     "node 0 RANGE: would give more than 2^31 - 1 elements"},
    {"ReshapeHuge", "rank over 8", [] { return OneNode().in({4}).in({9}, int32).out().of(Code::RESHAPE); },
     "node 0 RESHAPE: input 1 't1' int32[9]: asks for 9 dimensions; all beyond the last 8 must be 1", 2},
    {"Conv3DTransposeShape", "CVE-2022-41894",
     [] {
       return OneNode()
           .ints({1, 2, 2, 2, 9})
           .constant({2, 2, 2, 1, 3}, std::vector<float>(24))
           .in({1, 2, 2, 2, 3})
           .out()
           .of(Code::CONV_3D_TRANSPOSE, [](auto& t) { return schema::CreateConv3DOptions(t, schema::Padding::SAME, 1, 1, 1); });
     },
     "node 0 CONV_3D_TRANSPOSE: input 0 't0' int32[5]: must ask for the filter's 1 output channels, not 9"},
    {"TransposeConvShape", "out-of-bounds write",
     [] {
       return OneNode()
           .ints({1, 1, 90, 3})
           .constant({3, 2, 2, 2}, std::vector<float>(24))
           .in({1, 4, 4, 2})
           .out()
           .of(Code::TRANSPOSE_CONV,
               [](auto& t) { return schema::CreateTransposeConvOptions(t, schema::Padding::VALID, 1, 1, no_activation); });
     },
     "node 0 TRANSPOSE_CONV: input 2 't2' float32[1,4,4,2]: has 4 elements along axis 1, but a convolution of the wanted output has 0"},
    {"GatherOverflows", "integer overflow",
     [] {
       return OneNode().in({2, 40000}).in({60000}, int32).out().of(Code::GATHER, [](auto& t) {
         return schema::CreateGatherOptions(t, 0, 0);
       });
     },
     "node 0 GATHER: output 0 't2' float32[60000,40000]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"OneHotOverflows", "integer overflow",
     [] {
       return OneNode()
           .in({3}, int32)
           .ints({}, {largest})
           .constant({}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::ONE_HOT, [](auto& t) { return schema::CreateOneHotOptions(t, -1); });
     },
     "node 0 ONE_HOT: output 0 't4' float32[3,2147483647]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"ResizeOverflows", "integer overflow",
     [] {
       return OneNode().in({1, 2, 2, 1}).ints({largest, largest}).out().of(Code::RESIZE_NEAREST_NEIGHBOR, [](auto& t) {
         return schema::CreateResizeNearestNeighborOptions(t, false, false);
       });
     },
     "node 0 RESIZE_NEAREST_NEIGHBOR: output 0 't2' float32[1,2147483647,2147483647,1]: would have a negative dimension or more than 2^31 "
     "- 1 elements"},
    {"MatrixDiagOverflows", "integer overflow", [] { return OneNode().in({100000}).out().of(Code::MATRIX_DIAG); },
     "node 0 MATRIX_DIAG: output 0 't1' float32[100000,100000]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"PackOverflows", "integer overflow",
     [] { return OneNode().in({1 << 30}).in({1 << 30}).out().of(Code::PACK, [](auto& t) { return schema::CreatePackOptions(t, 2, 0); }); },
     "node 0 PACK: output 0 't2' float32[2,1073741824]: would have a negative dimension or more than 2^31 - 1 elements"},
    {"PackNineDimensions", "rank over 8",
     [] {
       return OneNode().in(Dims(8, 2)).in(Dims(8, 2)).out().of(Code::PACK, [](auto& t) { return schema::CreatePackOptions(t, 2, 0); });
     },
     "node 0 PACK: input 0 't0' float32[2,2,2,2,2,2,2,2]: has 8 dimensions already"},
    {"TransposeConvOverflows", "integer overflow",
     [] {
       return OneNode()
           .ints({1, largest, largest, 3})
           .constant({3, 2, 2, 2}, std::vector<float>(24))
           .in({1, 4, 4, 2})
           .out()
           .of(Code::TRANSPOSE_CONV,
               [](auto& t) { return schema::CreateTransposeConvOptions(t, schema::Padding::SAME, 1, 1, no_activation); });
     },
     "node 0 TRANSPOSE_CONV: input 0 't0' int32[4]: asks for an output with a negative dimension or too many elements"},
    {"DynamicReshapeHuge", "CVE-2021-29605, CVE-2022-23558", [] { return OneNode().in({4}).in({1 << 20}, int32).out().of(Code::RESHAPE); },
     "node 0 RESHAPE: input 1 't1' int32[1048576]: asks for 1048576 dimensions; all beyond the last 8 must be 1", 1},
    {"SparseToDenseBeyond", "out-of-bounds write",
     [] {
       return OneNode()
           .in({2, 1}, int32)
           .ints({4})
           .constant({2}, std::vector<float>{1, 2})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::SPARSE_TO_DENSE, [](auto& t) { return schema::CreateSparseToDenseOptions(t, false); });
     },
     "node 0 SPARSE_TO_DENSE: input 0 't0' int32[2,1]: holds an index outside of the output: element 0 is 4, but must be from 0 to 3", 4},
    {"SparseToDenseBelow", "out-of-bounds write",
     [] {
       return OneNode()
           .in({2, 1}, int32)
           .ints({4})
           .constant({2}, std::vector<float>{1, 2})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::SPARSE_TO_DENSE, [](auto& t) { return schema::CreateSparseToDenseOptions(t, false); });
     },
     "node 0 SPARSE_TO_DENSE: input 0 't0' int32[2,1]: holds an index outside of the output: element 0 is -1, but must be from 0 to 3", -1},
    {"SparseToDenseHuge", "integer overflow",
     [] {
       return OneNode()
           .ints({1, 1}, {0})
           .in({1}, int32)
           .constant({1}, std::vector<float>{1})
           .constant({}, std::vector<float>{0})
           .out()
           .of(Code::SPARSE_TO_DENSE, [](auto& t) { return schema::CreateSparseToDenseOptions(t, false); });
     },
     "node 0 SPARSE_TO_DENSE: output 0 't4' float32[100000000]: finds no memory for its 400000000 bytes", 100'000'000},
    {"BatchMatMulRows", "out-of-bounds read",
     [] {
       return OneNode().in({2, 3}).in({4, 5}).out().of(Code::BATCH_MATMUL,
                                                       [](auto& t) { return schema::CreateBatchMatMulOptions(t, false, false); });
     },
     "node 0 BATCH_MATMUL: input 1 't1' float32[4,5]: must have as many rows as input 0 has columns: 4 is not 3"},
    {"PreluShapes", "out-of-bounds read",
     [] {
       return OneNode().in({2, 3}).constant({5}, std::vector<float>(5)).out().of(Code::PRELU);
     },
     "node 0 PRELU: input 1 't1' float32[5]: does not broadcast: its dimension 0 is 5, that of an input before it 3"},
    {"SelectShapes", "out-of-bounds read",
     [] {
       return OneNode().in({5}, boolean).in({2, 3}).in({2, 3}).out().of(Code::SELECT);
     },
     "node 0 SELECT: input 0 't0' bool[5]: must have the shape of input 1, be a scalar, or have one dimension, the first of input 1"},
    {"BoolsThatAreNone", "undefined behaviour",
     [] {
       return OneNode().constant({4}, std::vector<std::uint8_t>{2, 0, 255, 1}, {}, boolean).in({4}).in({4}).out().of(Code::SELECT);
     },
     ""},
    {"ShiftBeyondTheType", "undefined behaviour", [] { return OneNode().in({4}, int32).in({4}, int32).out(int32).of(Code::RIGHT_SHIFT); },
     "", largest},
    {"LeastIntegerDividedByMinusOne", "undefined behaviour",
     [] {
       return OneNode().ints({2}, {-largest - 1, 1}).in({2}, int32).out(int32).of(Code::DIV, [](auto& t) {
         return schema::CreateDivOptions(t);
       });
     },
     "", -1},
    {"SumOverflows", "integer overflow",
     [] {
       return OneNode().in({4}, int32).ints({0}).out(int32).of(Code::SUM, [](auto& t) { return schema::CreateReducerOptions(t, false); });
     },
     "", largest},
    {"SumOfScalesFarApart", "undefined behaviour",
     [] {
       return OneNode()
           .in({4}, uint8, {.scales = {1e19f}, .zero_points = {3}})
           .ints({0})
           .out(uint8, {1}, {.scales = {1e-19f}, .zero_points = {0}})
           .of(Code::SUM, [](auto& t) { return schema::CreateReducerOptions(t, false); });
     },
     ""},
    {"EmptyOfHugeDimensions", "endless loop",
     [] {
       return OneNode().in({largest, 0}).out().of(Code::NEG);
     },
     ""},
};

}  // namespace
}  // namespace tfl::test

TFL_CORPUS(Indices, spots)
