#pragma once
// Every op of the library. Programs that name their ops include the kernels' own headers instead.

#include "tfl/kernels/activation.hpp"
#include "tfl/kernels/add_n.hpp"
#include "tfl/kernels/arg_min_max.hpp"
#include "tfl/kernels/atan2.hpp"
#include "tfl/kernels/attention.hpp"
#include "tfl/kernels/audio.hpp"
#include "tfl/kernels/batch_matmul.hpp"
#include "tfl/kernels/bidirectional_lstm.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/bitcast.hpp"
#include "tfl/kernels/bitwise.hpp"
#include "tfl/kernels/broadcast_args.hpp"
#include "tfl/kernels/bucketize.hpp"
#include "tfl/kernels/cast.hpp"
#include "tfl/kernels/comparison.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/conv_3d.hpp"
#include "tfl/kernels/ctc_beam_search.hpp"
#include "tfl/kernels/cumsum.hpp"
#include "tfl/kernels/custom_elementwise.hpp"
#include "tfl/kernels/dense_image_warp.hpp"
#include "tfl/kernels/densify.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/detection_postprocess.hpp"
#include "tfl/kernels/diagonal.hpp"
#include "tfl/kernels/dynamic_update_slice.hpp"
#include "tfl/kernels/embedding_lookup.hpp"
#include "tfl/kernels/fake_quant.hpp"
#include "tfl/kernels/fill.hpp"
#include "tfl/kernels/fourier.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/gather.hpp"
#include "tfl/kernels/hadamard_rotation.hpp"
#include "tfl/kernels/logical.hpp"
#include "tfl/kernels/lsh_projection.hpp"
#include "tfl/kernels/lstm.hpp"
#include "tfl/kernels/measured.hpp"
#include "tfl/kernels/non_max_suppression.hpp"
#include "tfl/kernels/normalization.hpp"
#include "tfl/kernels/pad.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/pool_3d.hpp"
#include "tfl/kernels/pool_argmax.hpp"
#include "tfl/kernels/prelu.hpp"
#include "tfl/kernels/quantize.hpp"
#include "tfl/kernels/random.hpp"
#include "tfl/kernels/random_custom.hpp"
#include "tfl/kernels/reduce.hpp"
#include "tfl/kernels/reduce_window.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/resize.hpp"
#include "tfl/kernels/reverse.hpp"
#include "tfl/kernels/rnn.hpp"
#include "tfl/kernels/roll.hpp"
#include "tfl/kernels/scatter.hpp"
#include "tfl/kernels/segment.hpp"
#include "tfl/kernels/select.hpp"
#include "tfl/kernels/signal.hpp"
#include "tfl/kernels/signal_fft.hpp"
#include "tfl/kernels/signal_stream.hpp"
#include "tfl/kernels/slice.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/kernels/space_depth.hpp"
#include "tfl/kernels/sparse_to_dense.hpp"
#include "tfl/kernels/split.hpp"
#include "tfl/kernels/spread.hpp"
#include "tfl/kernels/stablehlo.hpp"
#include "tfl/kernels/stablehlo_gather.hpp"
#include "tfl/kernels/stablehlo_scatter.hpp"
#include "tfl/kernels/strings.hpp"
#include "tfl/kernels/svdf.hpp"
#include "tfl/kernels/text.hpp"
#include "tfl/kernels/tile.hpp"
#include "tfl/kernels/top_k.hpp"
#include "tfl/kernels/transpose.hpp"
#include "tfl/kernels/transpose_conv.hpp"
#include "tfl/kernels/transpose_conv_bias.hpp"
#include "tfl/kernels/unary.hpp"
#include "tfl/runtime/control_flow.hpp"
#include "tfl/runtime/for_strings.hpp"
#include "tfl/runtime/hash_tables.hpp"
#include "tfl/runtime/registry.hpp"
#include "tfl/runtime/variables.hpp"

namespace tfl {

/// Runs any model whose ops this library has; a large program. In the order of the families.
using AllOps = OpRegistry<
    // convolution, pooling, matrix products
    Conv3D, Conv3DTranspose, Conv2D, DepthwiseConv2D, TransposeConv, FullyConnected, BatchMatMul, AveragePool2D, MaxPool2D, L2Pool2D,
    // arithmetic of two tensors
    AddN, Atan2, BitwiseXor, RightShift, StablehloAdd, StablehloMultiply, StablehloMaximum, StablehloMinimum, StablehloAnd,
    StablehloShiftLeft, Add, Sub, Mul, Div, FloorDiv, FloorMod, Minimum, Maximum, SquaredDifference, Pow,
    // comparison, logic, choice
    Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalNot, Select, SelectV2,
    // activations
    LocalResponseNormalization, Relu, Relu6, ReluN1To1, Relu0To1, LeakyRelu, Prelu, HardSwish, Logistic, Tanh, Elu, Gelu, Softmax,
    LogSoftmax, L2Normalization,
    // functions of one tensor
    RandomUniform, RandomStandardNormal, Multinomial, RngBitGenerator, Rfft2D, Real, Imag, ComplexAbs, LshProjection, Bucketize, FakeQuant,
    Abs, Neg, Sign, Square, Sqrt, Rsqrt, Exp, Log, Sin, Cos, Floor, Ceil, Round, Cast, Quantize, Dequantize,
    // reductions
    Cumsum, SegmentSum, UnsortedSegmentSum, UnsortedSegmentProd, UnsortedSegmentMax, UnsortedSegmentMin, Mean, Sum, ReduceProd, ReduceMax,
    ReduceMin, ReduceAny, ReduceAll, ArgMax, ArgMin,
    // shapes and movement
    Densify, StablehloGather, Bitcast, BroadcastArgs, MatrixDiag, MatrixSetDiag, DynamicUpdateSlice, EmbeddingLookup, EmbeddingLookupSparse,
    Fill, ZerosLike, OneHot, ReverseV2, ReverseSequence, ScatterNd, Dilate, StablehloPad, TopK, Reshape, Squeeze, ExpandDims, ShapeOf, Rank,
    Transpose, Pad, PadV2, MirrorPad, Concatenation, Split, SplitV, Pack, Unpack, Slice, StridedSlice, Gather, GatherNd, Tile, BroadcastTo,
    SpaceToDepth, DepthToSpace, SpaceToBatchNd, BatchToSpaceNd, ResizeBilinear, ResizeNearestNeighbor,
    // sequences
    Rnn, UnidirectionalSequenceRnn, BidirectionalSequenceRnn, BidirectionalSequenceLstm, Lstm, UnidirectionalSequenceLstm, Svdf,
    // as long as the data says
    Where, Unique, Range, NonMaxSuppressionV4, NonMaxSuppressionV5, SparseToDense,
    // with a region
    ReduceWindow, StablehloReduceWindow, StablehloScatter,
    // other subgraphs, variables, tables
    If, While, CallOnce, Call, StablehloCase, StablehloComposite, VarHandle, ReadVariable, AssignVariable, Hashtable, HashtableImport,
    HashtableFind, HashtableSize,
    // strings
    EqualStrings, NotEqualStrings, HashtableLookup, SkipGram, WhitespaceTokenizer, Ngrams, ForStrings<Reshape>, ForStrings<Squeeze>,
    ForStrings<ExpandDims>, ForStrings<Gather>, ForStrings<GatherNd>, ForStrings<Slice>, ForStrings<StridedSlice>, ForStrings<Tile>,
    ForStrings<BroadcastTo>, ForStrings<Concatenation>, ForStrings<Pack>, ForStrings<Unpack>, ForStrings<Split>, ForStrings<SplitV>,
    ForStrings<Transpose>, ForStrings<Fill>, ForStrings<Roll>,
    // custom
    CtcBeamSearchDecoder, CustomMultinomial, AudioSpectrogram, Mfcc, CustomSign, Table, NumericVerify, HadamardRotation, DenseImageWarp,
    MaxPool3D, AveragePool3D, MaxPoolWithArgmax, MaxPoolingWithArgmax2D, MaxUnpooling2D, Roll, BroadcastGradientArgs, Irfft2D,
    Irfft2DUpperCase, SignalWindow, SignalEnergy, SignalFilterBank, SignalFilterBankSquareRoot, SignalFilterBankSpectralSubtraction,
    SignalPcan, SignalFilterBankLog, SignalFramer, SignalOverlapAdd, SignalStacker, SignalDelay, SignalRfft, SignalIrfft,
    SignalFftAutoScale, CustomAtan2, DetectionPostprocess, ScaledDotProductAttention, UpdateKvCache, UpdateExternalKvCache,
    Convolution2DTransposeBias, CustomRandomUniform, CustomRandomStandardNormal, RandomUniformInt>;

}  // namespace tfl
