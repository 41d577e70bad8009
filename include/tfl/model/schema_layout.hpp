#pragma once
// The fields of the schema's tables. Made from schema.fbs by scripts/make_schema_layout.py; not to be edited by hand.

#include <cstdint>

namespace tfl::detail {

/// What a field holds. Widths 1, 2, 4 and 8 stand for themselves, and in `list_of + width` for the elements of a list.
/// `table`, `tables` and `choice` are followed by the number of the table, of the elements' table, or of the union.
enum SchemaField : std::uint8_t { no_more = 0, list_of = 16, text = 32, table, tables, choice, unused };

// clang-format off
/// For each table its fields in order, then no_more.
inline constexpr std::uint8_t schema_fields[] = {
  list_of + 1, no_more,  // 0 CustomQuantization
  4, 4, 4, no_more,  // 1 BlockwiseQuantization
  4, 4, 4, list_of + 4, no_more,  // 2 MultiAxisQuantization
  list_of + 4, list_of + 4, list_of + 4, list_of + 8, 1, choice, 0, 4, no_more,  // 3 QuantizationParameters
  list_of + 4, no_more,  // 4 Int32Vector
  list_of + 2, no_more,  // 5 Uint16Vector
  list_of + 1, no_more,  // 6 Uint8Vector
  1, 4, 1, choice, 1, 1, choice, 1, no_more,  // 7 DimensionMetadata
  list_of + 4, list_of + 4, tables, 7, no_more,  // 8 SparsityParameters
  list_of + 4, 1, 1, no_more,  // 9 VariantSubType
  list_of + 4, 1, 4, text, table, 3, 1, table, 8, list_of + 4, 1, tables, 9, 4, no_more,  // 10 Tensor
  list_of + 8, list_of + 8, list_of + 8, 8, list_of + 8, 1, no_more,  // 11 StablehloGatherOptions
  list_of + 8, no_more,  // 12 StablehloTransposeOptions
  list_of + 8, list_of + 8, list_of + 8, list_of + 8, list_of + 4, no_more,  // 13 StablehloDotGeneralOptions
  list_of + 8, list_of + 8, list_of + 8, list_of + 8, list_of + 8, 4, no_more,  // 14 StablehloReduceWindowOptions
  4, 4, no_more,  // 15 StablehloWhileOptions
  8, 1, 4, no_more,  // 16 StablehloSortOptions
  8, no_more,  // 17 StablehloConcatenateOptions
  list_of + 8, no_more,  // 18 StablehloBroadcastInDimOptions
  4, 4, no_more,  // 19 StablehloCompareOptions
  list_of + 8, no_more,  // 20 StablehloDynamicSliceOptions
  list_of + 8, list_of + 8, list_of + 8, no_more,  // 21 StablehloPadOptions
  8, no_more,  // 22 StablehloIotaOptions
  text, 1, text, 4, list_of + 4, list_of + 1, no_more,  // 23 StablehloCustomCallOptions
  list_of + 8, 4, no_more,  // 24 StablehloReduceOptions
  list_of + 8, list_of + 8, list_of + 8, no_more,  // 25 StablehloSliceOptions
  list_of + 8, list_of + 8, list_of + 8, list_of + 8, list_of + 1, 8, 8, list_of + 8, 8, 8, list_of + 8, 8, 8, list_of + 8, 8, 8, list_of + 4, no_more,  // 26 StablehloConvolutionOptions
  1, list_of + 8, list_of + 8, list_of + 8, 8, 1, 4, no_more,  // 27 StablehloScatterOptions
  list_of + 4, no_more,  // 28 StablehloCaseOptions
  1, no_more,  // 29 StablehloRngBitGeneratorOptions
  1, 4, 4, 1, 4, 4, 1, no_more,  // 30 Conv2DOptions
  1, 4, 4, 4, 1, 4, 4, 4, no_more,  // 31 Conv3DOptions
  1, 4, 4, 4, 4, 1, no_more,  // 32 Pool2DOptions
  1, 4, 4, 4, 1, 4, 4, no_more,  // 33 DepthwiseConv2DOptions
  4, list_of + 4, list_of + 4, no_more,  // 34 ConcatEmbeddingsOptions
  1, no_more,  // 35 LSHProjectionOptions
  4, 1, 1, no_more,  // 36 SVDFOptions
  1, 1, no_more,  // 37 RNNOptions
  1, 1, 1, no_more,  // 38 SequenceRNNOptions
  1, 1, 1, 1, no_more,  // 39 BidirectionalSequenceRNNOptions
  1, 1, 1, 1, 1, no_more,  // 40 FullyConnectedOptions
  4, no_more,  // 41 SoftmaxOptions
  4, 1, no_more,  // 42 ConcatenationOptions
  1, 1, no_more,  // 43 AddOptions
  1, no_more,  // 44 MulOptions
  1, no_more,  // 45 L2NormOptions
  4, 4, 4, 4, no_more,  // 46 LocalResponseNormalizationOptions
  1, 4, 4, 1, 1, no_more,  // 47 LSTMOptions
  1, 4, 4, 1, 1, 1, no_more,  // 48 UnidirectionalSequenceLSTMOptions
  1, 4, 4, 1, 1, 1, no_more,  // 49 BidirectionalSequenceLSTMOptions
  unused, unused, 1, 1, no_more,  // 50 ResizeBilinearOptions
  1, 1, no_more,  // 51 ResizeNearestNeighborOptions
  4, no_more,  // 52 CallOptions
  no_more,  // 53 PadOptions
  no_more,  // 54 PadV2Options
  list_of + 4, no_more,  // 55 ReshapeOptions
  no_more,  // 56 SpaceToBatchNDOptions
  no_more,  // 57 BatchToSpaceNDOptions
  4, 4, 1, no_more,  // 58 SkipGramOptions
  4, no_more,  // 59 SpaceToDepthOptions
  4, no_more,  // 60 DepthToSpaceOptions
  1, 1, no_more,  // 61 SubOptions
  1, no_more,  // 62 DivOptions
  no_more,  // 63 TopKV2Options
  1, no_more,  // 64 EmbeddingLookupSparseOptions
  4, 4, no_more,  // 65 GatherOptions
  no_more,  // 66 TransposeOptions
  no_more,  // 67 ExpOptions
  no_more,  // 68 CosOptions
  1, no_more,  // 69 ReducerOptions
  list_of + 4, no_more,  // 70 SqueezeOptions
  4, no_more,  // 71 SplitOptions
  4, no_more,  // 72 SplitVOptions
  4, 4, 4, 4, 4, 1, no_more,  // 73 StridedSliceOptions
  no_more,  // 74 LogSoftmaxOptions
  1, 1, no_more,  // 75 CastOptions
  no_more,  // 76 DequantizeOptions
  no_more,  // 77 MaximumMinimumOptions
  no_more,  // 78 TileOptions
  1, no_more,  // 79 ArgMaxOptions
  1, no_more,  // 80 ArgMinOptions
  no_more,  // 81 GreaterOptions
  no_more,  // 82 GreaterEqualOptions
  no_more,  // 83 LessOptions
  no_more,  // 84 LessEqualOptions
  no_more,  // 85 NegOptions
  no_more,  // 86 SelectOptions
  no_more,  // 87 SliceOptions
  1, 4, 4, 1, 1, no_more,  // 88 TransposeConvOptions
  no_more,  // 89 ExpandDimsOptions
  1, no_more,  // 90 SparseToDenseOptions
  no_more,  // 91 EqualOptions
  no_more,  // 92 NotEqualOptions
  1, no_more,  // 93 ShapeOptions
  no_more,  // 94 RankOptions
  no_more,  // 95 PowOptions
  4, 4, 4, 1, no_more,  // 96 FakeQuantOptions
  4, 4, no_more,  // 97 PackOptions
  no_more,  // 98 LogicalOrOptions
  4, no_more,  // 99 OneHotOptions
  no_more,  // 100 AbsOptions
  no_more,  // 101 HardSwishOptions
  no_more,  // 102 LogicalAndOptions
  no_more,  // 103 LogicalNotOptions
  4, 4, no_more,  // 104 UnpackOptions
  no_more,  // 105 FloorDivOptions
  no_more,  // 106 SquareOptions
  no_more,  // 107 ZerosLikeOptions
  no_more,  // 108 FillOptions
  no_more,  // 109 FloorModOptions
  no_more,  // 110 RangeOptions
  4, no_more,  // 111 LeakyReluOptions
  no_more,  // 112 SquaredDifferenceOptions
  1, no_more,  // 113 MirrorPadOptions
  1, no_more,  // 114 UniqueOptions
  no_more,  // 115 ReverseV2Options
  no_more,  // 116 AddNOptions
  no_more,  // 117 GatherNdOptions
  no_more,  // 118 WhereOptions
  4, 4, no_more,  // 119 ReverseSequenceOptions
  no_more,  // 120 MatrixDiagOptions
  no_more,  // 121 QuantizeOptions
  no_more,  // 122 MatrixSetDiagOptions
  4, 4, no_more,  // 123 IfOptions
  4, no_more,  // 124 CallOnceOptions
  4, 4, no_more,  // 125 WhileOptions
  no_more,  // 126 NonMaxSuppressionV4Options
  no_more,  // 127 NonMaxSuppressionV5Options
  no_more,  // 128 ScatterNdOptions
  no_more,  // 129 SelectV2Options
  no_more,  // 130 DensifyOptions
  no_more,  // 131 SegmentSumOptions
  1, 1, 1, no_more,  // 132 BatchMatMulOptions
  1, 1, no_more,  // 133 CumsumOptions
  no_more,  // 134 BroadcastToOptions
  no_more,  // 135 Rfft2dOptions
  4, 1, 1, no_more,  // 136 HashtableOptions
  no_more,  // 137 HashtableFindOptions
  no_more,  // 138 HashtableImportOptions
  no_more,  // 139 HashtableSizeOptions
  text, text, no_more,  // 140 VarHandleOptions
  no_more,  // 141 ReadVariableOptions
  no_more,  // 142 AssignVariableOptions
  8, 8, no_more,  // 143 RandomOptions
  list_of + 4, no_more,  // 144 BucketizeOptions
  1, no_more,  // 145 GeluOptions
  no_more,  // 146 DynamicUpdateSliceOptions
  no_more,  // 147 UnsortedSegmentProdOptions
  no_more,  // 148 UnsortedSegmentMaxOptions
  no_more,  // 149 UnsortedSegmentSumOptions
  no_more,  // 150 ATan2Options
  no_more,  // 151 UnsortedSegmentMinOptions
  no_more,  // 152 SignOptions
  no_more,  // 153 BitcastOptions
  no_more,  // 154 BitwiseXorOptions
  no_more,  // 155 RightShiftOptions
  no_more,  // 156 DilateOptions
  4, no_more,  // 157 ReduceWindowOptions
  1, text, 4, 4, no_more,  // 158 OperatorCode
  text, 4, list_of + 1, 1, 4, no_more,  // 159 StableHLOCompositeOptions
  no_more,  // 160 StablehloShiftLeftOptions
  4, list_of + 4, list_of + 4, 1, choice, 2, list_of + 1, 1, list_of + 1, list_of + 4, 8, 8, 1, choice, 3, 4, no_more,  // 161 Operator
  tables, 10, list_of + 4, list_of + 4, tables, 161, text, 4, no_more,  // 162 SubGraph
  list_of + 1, 8, 8, no_more,  // 163 Buffer
  text, no_more,  // 164 ExternalBufferGroup
  4, 4, 8, 8, text, no_more,  // 165 ExternalBuffer
  text, 4, no_more,  // 166 Metadata
  text, 4, no_more,  // 167 TensorMap
  tables, 167, tables, 167, text, unused, 4, no_more,  // 168 SignatureDef
  4, tables, 158, tables, 162, text, tables, 163, list_of + 4, tables, 166, tables, 168, tables, 164, tables, 165, no_more,  // 169 Model
};
// clang-format on

inline constexpr int schema_tables = 170, schema_root = 169;

/// For each union how many tables it chooses from, then their numbers.
// clang-format off
inline constexpr std::uint8_t schema_unions[] = {
  3,  // 0 QuantizationDetails
  0, 1, 2,
  3,  // 1 SparseIndexVector
  4, 5, 6,
  126,  // 2 BuiltinOptions
  30, 33, 34, 35, 32, 36, 37, 40, 41, 42, 43, 45, 46, 47, 50, 52, 55, 58, 59, 64, 44, 53, 65, 57,
  56, 66, 69, 61, 62, 70, 38, 73, 67, 63, 71, 74, 75, 76, 77, 79, 83, 85, 54, 81, 82, 84, 86, 87,
  88, 90, 78, 89, 91, 92, 93, 95, 80, 96, 97, 98, 99, 102, 103, 104, 105, 106, 107, 108, 49, 39, 48, 109,
  110, 51, 111, 112, 113, 100, 72, 114, 115, 116, 117, 68, 118, 94, 119, 120, 121, 122, 101, 123, 125, 60, 126, 127,
  128, 129, 130, 131, 132, 133, 124, 134, 135, 31, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 151,
  149, 150, 152, 153, 154, 155,
  23,  // 3 BuiltinOptions2
  17, 18, 25, 26, 23, 24, 27, 19, 20, 21, 22, 13, 14, 16, 15, 11, 12, 156, 29, 157, 159, 160, 28,
};
// clang-format on

}  // namespace tfl::detail
