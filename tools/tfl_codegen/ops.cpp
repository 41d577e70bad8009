// The table of ops, compiled in a file of its own: it takes long, and changes rarely.

#include "tools/tfl_codegen/ops.hpp"

#include <array>
#include <cstddef>
#include <type_traits>

#include "tfl/runtime/all_ops.hpp"
#include "tools/tfl_codegen/options_text.hpp"

namespace tfl::codegen {
namespace {

template <class Op> std::string options_text(const void* options) {
  using Options = typename Op::Options;
  const auto& value = *static_cast<const Options*>(options);
  if constexpr (std::is_base_of_v<tfl::detail::LstmOptions, Options> && !std::is_same_v<tfl::detail::LstmOptions, Options>) {
    return '{' + initializer_text<tfl::detail::LstmOptions>(value) + '}';
  } else {
    return initializer_text(value);
  }
}

/// Null for ops that need an interpreter: they work on frames or on strings, or look at another subgraph.
template <class Op> constexpr auto options_function() -> std::string (*)(const void*) {
  if constexpr (WorksOnFrame<Op> || tfl::detail::is_for_strings<Op> || std::is_same_v<Op, Ngrams> ||
                requires(typename Op::Options o) { o.body; }) {
    return nullptr;
  } else {
    return &options_text<Op>;
  }
}

template <class Unused, class... Op> using ListedOps = OpRegistry<Op...>;

// clang-format off
// A row for every op: its header, and its name there.
#define TFL_CODEGEN_OPS(row) \
  row(conv_2d, Conv2D) row(depthwise_conv_2d, DepthwiseConv2D) row(transpose_conv, TransposeConv) row(fully_connected, FullyConnected) \
  row(batch_matmul, BatchMatMul) row(pool, AveragePool2D) row(pool, MaxPool2D) row(pool, L2Pool2D) \
  row(binary, Add) row(binary, Sub) row(binary, Mul) row(binary, Div) row(binary, FloorDiv) row(binary, FloorMod) row(binary, Minimum) \
  row(binary, Maximum) row(binary, SquaredDifference) row(binary, Pow) \
  row(comparison, Equal) row(comparison, NotEqual) row(comparison, Less) row(comparison, LessEqual) row(comparison, Greater) \
  row(comparison, GreaterEqual) row(logical, LogicalAnd) row(logical, LogicalOr) row(logical, LogicalNot) \
  row(select, Select) row(select, SelectV2) \
  row(activation, Relu) row(activation, Relu6) row(activation, ReluN1To1) row(activation, Relu0To1) row(activation, LeakyRelu) \
  row(activation, HardSwish) row(activation, Logistic) row(activation, Tanh) row(activation, Elu) row(activation, Gelu) \
  row(prelu, Prelu) row(softmax, Softmax) row(softmax, LogSoftmax) row(normalization, L2Normalization) \
  row(unary, Abs) row(unary, Neg) row(unary, Sign) row(unary, Square) row(unary, Sqrt) row(unary, Rsqrt) row(unary, Exp) row(unary, Log) \
  row(unary, Sin) row(unary, Cos) row(unary, Floor) row(unary, Ceil) row(unary, Round) row(cast, Cast) row(quantize, Quantize) \
  row(quantize, Dequantize) \
  row(reduce, Mean) row(reduce, Sum) row(reduce, ReduceProd) row(reduce, ReduceMax) row(reduce, ReduceMin) row(reduce, ReduceAny) \
  row(reduce, ReduceAll) row(arg_min_max, ArgMax) row(arg_min_max, ArgMin) \
  row(reshape, Reshape) row(reshape, Squeeze) row(reshape, ExpandDims) row(reshape, ShapeOf) row(reshape, Rank) row(transpose, Transpose) \
  row(pad, Pad) row(pad, PadV2) row(pad, MirrorPad) row(concatenation, Concatenation) row(concatenation, Pack) row(split, Split) \
  row(split, SplitV) row(split, Unpack) row(slice, Slice) row(slice, StridedSlice) row(gather, Gather) row(gather, GatherNd) \
  row(tile, Tile) row(tile, BroadcastTo) row(space_depth, SpaceToDepth) row(space_depth, DepthToSpace) row(space_depth, SpaceToBatchNd) \
  row(space_depth, BatchToSpaceNd) row(resize, ResizeBilinear) row(resize, ResizeNearestNeighbor) \
  row(measured, Where) row(measured, Unique) row(measured, Range) row(non_max_suppression, NonMaxSuppressionV4) row(non_max_suppression, NonMaxSuppressionV5) \
  row(sparse_to_dense, SparseToDense) row(reduce_window, ReduceWindow) row(reduce_window, StablehloReduceWindow) \
  row(stablehlo_scatter, StablehloScatter) row(control_flow, If) row(control_flow, While) row(control_flow, CallOnce) \
  row(control_flow, Call) row(control_flow, StablehloCase) row(control_flow, StablehloComposite) row(variables, VarHandle) \
  row(variables, ReadVariable) row(variables, AssignVariable) row(hash_tables, Hashtable) row(hash_tables, HashtableImport) \
  row(hash_tables, HashtableFind) row(hash_tables, HashtableSize) \
  row(strings, EqualStrings) row(strings, NotEqualStrings) row(strings, HashtableLookup) row(strings, SkipGram) \
  row(text, WhitespaceTokenizer) row(text, Ngrams) \
  row(for_strings, ForStrings<Reshape>) row(for_strings, ForStrings<Squeeze>) row(for_strings, ForStrings<ExpandDims>) row(for_strings, ForStrings<Gather>) \
  row(for_strings, ForStrings<GatherNd>) row(for_strings, ForStrings<Slice>) row(for_strings, ForStrings<StridedSlice>) row(for_strings, ForStrings<Tile>) \
  row(for_strings, ForStrings<BroadcastTo>) row(for_strings, ForStrings<Concatenation>) row(for_strings, ForStrings<Pack>) row(for_strings, ForStrings<Unpack>) \
  row(for_strings, ForStrings<Split>) row(for_strings, ForStrings<SplitV>) row(for_strings, ForStrings<Transpose>) row(for_strings, ForStrings<Fill>) row(for_strings, ForStrings<Roll>) \
  row(lstm, Lstm) row(lstm, UnidirectionalSequenceLstm) row(svdf, Svdf) row(detection_postprocess, DetectionPostprocess) \
  row(add_n, AddN) row(atan2, Atan2) row(atan2, CustomAtan2) row(bitcast, Bitcast) row(bitwise, BitwiseXor) row(bitwise, RightShift) \
  row(broadcast_args, BroadcastArgs) row(bucketize, Bucketize) row(conv_3d, Conv3D) row(conv_3d, Conv3DTranspose) row(cumsum, Cumsum) \
  row(diagonal, MatrixDiag) row(diagonal, MatrixSetDiag) row(dynamic_update_slice, DynamicUpdateSlice) \
  row(embedding_lookup, EmbeddingLookup) row(embedding_lookup, EmbeddingLookupSparse) row(fake_quant, FakeQuant) row(fill, Fill) \
  row(fill, ZerosLike) row(fill, OneHot) row(normalization, LocalResponseNormalization) row(reverse, ReverseV2) \
  row(reverse, ReverseSequence) row(scatter, ScatterNd) row(segment, SegmentSum) row(segment, UnsortedSegmentSum) \
  row(segment, UnsortedSegmentProd) row(segment, UnsortedSegmentMax) row(segment, UnsortedSegmentMin) row(spread, Dilate) \
  row(spread, StablehloPad) row(stablehlo, StablehloAdd) row(stablehlo, StablehloMultiply) row(stablehlo, StablehloMaximum) \
  row(stablehlo, StablehloMinimum) row(stablehlo, StablehloAnd) row(stablehlo, StablehloShiftLeft) row(top_k, TopK) \
  row(stablehlo_gather, StablehloGather) row(random, RandomUniform) row(random, RandomStandardNormal) row(random, Multinomial) \
  row(random, RngBitGenerator) row(fourier, Rfft2D) row(fourier, Real) row(fourier, Imag) row(fourier, ComplexAbs) \
  row(fourier, Irfft2D) row(fourier, Irfft2DUpperCase) row(lsh_projection, LshProjection) row(rnn, Rnn) \
  row(rnn, UnidirectionalSequenceRnn) row(rnn, BidirectionalSequenceRnn) row(bidirectional_lstm, BidirectionalSequenceLstm) \
  row(signal, SignalWindow) row(signal, SignalEnergy) row(signal, SignalFilterBank) row(signal, SignalFilterBankSquareRoot) \
  row(signal, SignalFilterBankSpectralSubtraction) row(signal, SignalPcan) row(signal, SignalFilterBankLog) \
  row(signal_stream, SignalFramer) row(signal_stream, SignalOverlapAdd) row(signal_stream, SignalStacker) \
  row(signal_stream, SignalDelay) row(signal_fft, SignalRfft) row(signal_fft, SignalIrfft) row(signal_fft, SignalFftAutoScale) \
  row(audio, AudioSpectrogram) row(audio, Mfcc) row(custom_elementwise, CustomSign) row(custom_elementwise, Table) \
  row(custom_elementwise, NumericVerify) row(hadamard_rotation, HadamardRotation) row(dense_image_warp, DenseImageWarp) \
  row(pool_3d, MaxPool3D) row(pool_3d, AveragePool3D) row(pool_argmax, MaxPoolWithArgmax) row(pool_argmax, MaxPoolingWithArgmax2D) \
  row(pool_argmax, MaxUnpooling2D) row(roll, Roll) row(broadcast_args, BroadcastGradientArgs) \
  row(densify, Densify) row(random_custom, CustomMultinomial) \
  row(ctc_beam_search, CtcBeamSearchDecoder) row(attention, ScaledDotProductAttention) row(attention, UpdateKvCache) \
  row(attention, UpdateExternalKvCache) row(transpose_conv_bias, Convolution2DTransposeBias) \
  row(random_custom, CustomRandomUniform) row(random_custom, CustomRandomStandardNormal) row(random_custom, RandomUniformInt)

#define TFL_CODEGEN_TYPE(header, op) , tfl::op
using Registry = ListedOps<void TFL_CODEGEN_OPS(TFL_CODEGEN_TYPE)>;
#define TFL_CODEGEN_TEXT(header, op) OpText{#op, "tfl/kernels/" #header ".hpp", options_function<tfl::op>()},
constexpr std::array texts{TFL_CODEGEN_OPS(TFL_CODEGEN_TEXT)};
// clang-format on

static_assert(Registry::size == AllOps::size, "codegen: a new op needs a row here");

}  // namespace

std::span<const OpEntry> entries() { return Registry::entries<simd::Scalar, SerialExecutor>(); }

const OpText& text_of(const OpEntry& entry) { return texts[static_cast<std::size_t>(&entry - entries().data())]; }

}  // namespace tfl::codegen
