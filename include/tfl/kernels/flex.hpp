#pragma once
// TensorFlow's own ops in a model (`Flex` and the name of the op), run by the kernels of the TensorFlow Lite ops that compute the same. The
// attributes come from the NodeDef in the custom options. What has no such op is computed here, element by element.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/activation.hpp"
#include "tfl/kernels/add_n.hpp"
#include "tfl/kernels/arg_min_max.hpp"
#include "tfl/kernels/atan2.hpp"
#include "tfl/kernels/batch_matmul.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/bitcast.hpp"
#include "tfl/kernels/bitwise.hpp"
#include "tfl/kernels/broadcast_args.hpp"
#include "tfl/kernels/cast.hpp"
#include "tfl/kernels/comparison.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/cumsum.hpp"
#include "tfl/kernels/diagonal.hpp"
#include "tfl/kernels/fill.hpp"
#include "tfl/kernels/flex_einsum.hpp"
#include "tfl/kernels/flex_own.hpp"
#include "tfl/kernels/gather.hpp"
#include "tfl/kernels/logical.hpp"
#include "tfl/kernels/measured.hpp"
#include "tfl/kernels/op.hpp"
#include "tfl/kernels/pad.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reduce.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/resize.hpp"
#include "tfl/kernels/reverse.hpp"
#include "tfl/kernels/roll.hpp"
#include "tfl/kernels/scatter.hpp"
#include "tfl/kernels/segment.hpp"
#include "tfl/kernels/select.hpp"
#include "tfl/kernels/slice.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/kernels/space_depth.hpp"
#include "tfl/kernels/split.hpp"
#include "tfl/kernels/tile.hpp"
#include "tfl/kernels/top_k.hpp"
#include "tfl/kernels/transpose.hpp"
#include "tfl/kernels/unary.hpp"

namespace tfl {

namespace detail {

/// A node's attributes under the names that the options of the schema have.
template <class Def, int UsualAxis> class FlexTable {
 public:
  struct List {
    std::int64_t values[max_rank + 1] = {};
    unsigned count = 0;
    unsigned size() const { return count; }
    std::int32_t Get(unsigned i) const { return static_cast<std::int32_t>(values[i]); }
  };

  explicit FlexTable(const Def& def) : def_(def) {
    squeeze_dims_.count = static_cast<unsigned>(def.integers("squeeze_dims", squeeze_dims_.values));
    def.integers("ksize", window_);
    def.integers("strides", strides_);
  }

  bool keep_dims() const { return def_.boolean("keep_dims"); }
  bool adj_x() const { return def_.boolean("adj_x") || def_.boolean("transpose_a"); }
  bool adj_y() const { return def_.boolean("adj_y") || def_.boolean("transpose_b"); }
  bool asymmetric_quantize_inputs() const { return false; }
  int fused_activation_function() const { return 0; }
  float alpha() const { return def_.real("alpha", 0.2f); }
  float beta() const { return 1; }
  std::int32_t axis() const { return integer("axis", UsualAxis); }
  std::int32_t num() const { return integer("num"); }
  std::int32_t num_splits() const { return integer("num_split"); }
  std::int32_t values_count() const { return integer("N"); }
  std::int32_t block_size() const { return integer("block_size"); }
  bool exclusive() const { return def_.boolean("exclusive"); }
  bool reverse() const { return def_.boolean("reverse"); }
  std::int32_t begin_mask() const { return integer("begin_mask"); }
  std::int32_t end_mask() const { return integer("end_mask"); }
  std::int32_t ellipsis_mask() const { return integer("ellipsis_mask"); }
  std::int32_t new_axis_mask() const { return integer("new_axis_mask"); }
  std::int32_t shrink_axis_mask() const { return integer("shrink_axis_mask"); }
  bool offset() const { return false; }
  std::int32_t batch_dims() const { return integer("batch_dims"); }
  std::int32_t seq_dim() const { return integer("seq_dim"); }
  std::int32_t batch_dim() const { return integer("batch_dim"); }
  bool align_corners() const { return def_.boolean("align_corners"); }
  bool half_pixel_centers() const { return def_.boolean("half_pixel_centers"); }
  std::int32_t filter_height() const { return of_image(window_, 1); }
  std::int32_t filter_width() const { return of_image(window_, 2); }
  std::int32_t stride_h() const { return of_image(strides_, 1); }
  std::int32_t stride_w() const { return of_image(strides_, 2); }
  int padding() const { return def_.text("padding") == "SAME" ? 0 : def_.text("padding") == "VALID" ? 1 : 2; }
  int mode() const { return def_.text("mode") == "SYMMETRIC" ? 1 : 0; }
  const List* squeeze_dims() const { return &squeeze_dims_; }
  const List* new_shape() const { return nullptr; }

 private:
  static std::int32_t narrow(std::int64_t value) {
    return value >= -0x7fffffff && value <= 0x7fffffff ? static_cast<std::int32_t>(value) : -0x7fffffff;
  }
  std::int32_t integer(std::string_view name, std::int64_t otherwise = 0) const { return narrow(def_.integer(name, otherwise)); }

  /// Of a list for batches, rows, columns and channels; 0, which no window may be, where batches or channels go together.
  static std::int32_t of_image(const std::int64_t (&list)[4], int i) { return list[0] == 1 && list[3] == 1 ? narrow(list[i]) : 0; }

  const Def& def_;
  List squeeze_dims_;
  std::int64_t window_[4] = {}, strides_[4] = {};
};

template <class T> inline constexpr bool is_result = false;
template <class T, class E> inline constexpr bool is_result<Result<T, E>> = true;

/// The TensorFlow op that computes what Op does.
template <class Op, int UsualAxis = 0> struct Flex : Op {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr int max_version = 1;
  static constexpr bool is_flex = true;

  struct Options : Op::Options {
    template <class Custom> static Result<Options, Violation> read(const Custom& custom) {
      const auto def = custom.node_def();
      if (def.op().empty()) return node_violation(ErrorCode::invalid_option, "has no NodeDef in its options");
      const std::string_view format = def.text("data_format");
      if (!format.empty() && format != "NHWC") return node_violation(ErrorCode::invalid_option, "must have the data_format NHWC");
      const FlexTable<std::remove_cv_t<decltype(def)>, UsualAxis> table(def);
      auto options = Op::Options::read(table);
      if constexpr (is_result<decltype(options)>) {
        if (!options) return options.error();
        return Options{*options};
      } else {
        return Options{options};
      }
    }
  };
};

/// y = F(x) for float and double.
template <class F> struct FlexFunction {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr bool is_flex = true;
  static constexpr OpTraits traits{.in_place = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  using Prepared = NothingPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription&, std::span<Multiplier>) { return Prepared{}; }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    run.executor.parallel_for(in.count(), 20, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) out[i] = F::apply(in[i]);
    });
  }

  using Types = Signatures<Signature<Takes<float>, Gives<float>>, Signature<Takes<double>, Gives<double>>>;
};

struct SoftplusFunction {
  template <class T> static T apply(T x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
};
struct SoftsignFunction {
  template <class T> static T apply(T x) { return x / (T(1) + std::fabs(x)); }
};
struct SeluFunction {
  template <class T> static T apply(T x) {
    constexpr double scale = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717;
    return x < 0 ? static_cast<T>(scale * alpha) * std::expm1(x) : static_cast<T>(scale) * x;
  }
};
struct ReciprocalFunction {
  template <class T> static T apply(T x) { return T(1) / x; }
};
#define TFL_STANDARD_FUNCTION(name, function)                      \
  struct name##Function {                                          \
    template <class T> static T apply(T x) { return function(x); } \
  };
TFL_STANDARD_FUNCTION(Erf, std::erf)
TFL_STANDARD_FUNCTION(Erfc, std::erfc)
TFL_STANDARD_FUNCTION(Log1p, std::log1p)
TFL_STANDARD_FUNCTION(Expm1, std::expm1)
TFL_STANDARD_FUNCTION(Tan, std::tan)
TFL_STANDARD_FUNCTION(Asin, std::asin)
TFL_STANDARD_FUNCTION(Acos, std::acos)
TFL_STANDARD_FUNCTION(Atan, std::atan)
TFL_STANDARD_FUNCTION(Sinh, std::sinh)
TFL_STANDARD_FUNCTION(Cosh, std::cosh)
TFL_STANDARD_FUNCTION(Asinh, std::asinh)
TFL_STANDARD_FUNCTION(Acosh, std::acosh)
TFL_STANDARD_FUNCTION(Atanh, std::atanh)
#undef TFL_STANDARD_FUNCTION

/// The same bytes.
struct FlexCopy {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 1;
  static constexpr bool is_flex = true;
  static constexpr OpTraits traits{.is_view = true};

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_whole_bytes(node, 0)) return v;
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }

  struct Prepared {
    std::int64_t bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).bytes()};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    if (in.data() != out.data()) copy_bytes<typename Run::Arch>(run.executor, out.data(), in.data(), run.prepared.bytes);
  }

  using Types = Signatures<Signature<Takes<AnyType>, Gives<AnyType>>>;
};

}  // namespace detail

// clang-format off
/// Calls row(name of the TensorFlow op, what computes it) for every op of this file.
#define TFL_FOR_EACH_FLEX_OP(row) \
  row(Add, Flex<tfl::Add>) row(AddV2, Flex<tfl::Add>) row(BiasAdd, Flex<tfl::Add>) row(Sub, Flex<tfl::Sub>) row(Mul, Flex<tfl::Mul>) \
  row(Div, Flex<tfl::Div>) row(RealDiv, Flex<tfl::Div>) row(FloorDiv, Flex<tfl::FloorDiv>) row(FloorMod, Flex<tfl::FloorMod>) \
  row(Maximum, Flex<tfl::Maximum>) row(Minimum, Flex<tfl::Minimum>) row(SquaredDifference, Flex<tfl::SquaredDifference>) \
  row(Pow, Flex<tfl::Pow>) row(Atan2, Flex<tfl::Atan2>) row(AddN, Flex<tfl::AddN>) \
  row(Equal, Flex<tfl::Equal>) row(NotEqual, Flex<tfl::NotEqual>) row(Less, Flex<tfl::Less>) row(LessEqual, Flex<tfl::LessEqual>) \
  row(Greater, Flex<tfl::Greater>) row(GreaterEqual, Flex<tfl::GreaterEqual>) row(LogicalAnd, Flex<tfl::LogicalAnd>) \
  row(LogicalOr, Flex<tfl::LogicalOr>) row(LogicalNot, Flex<tfl::LogicalNot>) row(Select, Flex<tfl::Select>) row(SelectV2, Flex<tfl::SelectV2>) \
  row(Relu, Flex<tfl::Relu>) row(Relu6, Flex<tfl::Relu6>) row(LeakyRelu, Flex<tfl::LeakyRelu>) row(Elu, Flex<tfl::Elu>) \
  row(Softmax, Flex<tfl::Softmax>) row(LogSoftmax, Flex<tfl::LogSoftmax>) row(Sigmoid, Flex<tfl::Logistic>) row(Tanh, Flex<tfl::Tanh>) \
  row(Abs, Flex<tfl::Abs>) row(Neg, Flex<tfl::Neg>) row(Sign, Flex<tfl::Sign>) row(Square, Flex<tfl::Square>) row(Sqrt, Flex<tfl::Sqrt>) \
  row(Rsqrt, Flex<tfl::Rsqrt>) row(Exp, Flex<tfl::Exp>) row(Log, Flex<tfl::Log>) row(Sin, Flex<tfl::Sin>) row(Cos, Flex<tfl::Cos>) \
  row(Floor, Flex<tfl::Floor>) row(Ceil, Flex<tfl::Ceil>) row(Round, Flex<tfl::Round>) row(Rint, Flex<tfl::Round>) row(Cast, Flex<tfl::Cast>) \
  row(Mean, Flex<tfl::Mean>) row(Sum, Flex<tfl::Sum>) row(Prod, Flex<tfl::ReduceProd>) row(Max, Flex<tfl::ReduceMax>) \
  row(Min, Flex<tfl::ReduceMin>) row(Any, Flex<tfl::ReduceAny>) row(All, Flex<tfl::ReduceAll>) row(ArgMax, Flex<tfl::ArgMax>) \
  row(ArgMin, Flex<tfl::ArgMin>) row(Cumsum, Flex<tfl::Cumsum>) row(SegmentSum, Flex<tfl::SegmentSum>) \
  row(UnsortedSegmentSum, Flex<tfl::UnsortedSegmentSum>) row(UnsortedSegmentProd, Flex<tfl::UnsortedSegmentProd>) \
  row(UnsortedSegmentMax, Flex<tfl::UnsortedSegmentMax>) row(UnsortedSegmentMin, Flex<tfl::UnsortedSegmentMin>) \
  row(Reshape, Flex<tfl::Reshape>) row(Squeeze, Flex<tfl::Squeeze>) row(ExpandDims, Flex<tfl::ExpandDims>) row(Shape, Flex<tfl::ShapeOf>) \
  row(Rank, Flex<tfl::Rank>) row(Transpose, Flex<tfl::Transpose>) row(Pad, Flex<tfl::Pad>) row(PadV2, Flex<tfl::PadV2>) \
  row(MirrorPad, Flex<tfl::MirrorPad>) row(Pack, Flex<tfl::Pack>) row(Unpack, Flex<tfl::Unpack>) row(Split, Flex<tfl::Split>) \
  row(SplitV, Flex<tfl::SplitV>) row(Slice, Flex<tfl::Slice>) row(StridedSlice, Flex<tfl::StridedSlice>) row(GatherNd, Flex<tfl::GatherNd>) \
  row(ScatterNd, Flex<tfl::ScatterNd>) row(Tile, Flex<tfl::Tile>) row(BroadcastTo, Flex<tfl::BroadcastTo>) \
  row(BroadcastArgs, Flex<tfl::BroadcastArgs>) row(Fill, Flex<tfl::Fill>) row(ZerosLike, Flex<tfl::ZerosLike>) \
  row(OneHot, Flex<tfl::OneHot, -1>) row(Range, Flex<tfl::Range>) row(Where, Flex<tfl::Where>) row(TopKV2, Flex<tfl::TopK>) \
  row(ReverseV2, Flex<tfl::ReverseV2>) row(MatrixDiag, Flex<tfl::MatrixDiag>) row(Bitcast, Flex<tfl::Bitcast>) \
  row(SpaceToDepth, Flex<tfl::SpaceToDepth>) row(DepthToSpace, Flex<tfl::DepthToSpace>) \
  row(MatMul, Flex<tfl::BatchMatMul>) row(BatchMatMul, Flex<tfl::BatchMatMul>) row(BatchMatMulV2, Flex<tfl::BatchMatMul>) \
  row(BatchMatMulV3, Flex<tfl::BatchMatMul>) \
  row(Softplus, FlexFunction<detail::SoftplusFunction>) row(Softsign, FlexFunction<detail::SoftsignFunction>) \
  row(Reciprocal, FlexFunction<detail::ReciprocalFunction>) row(Inv, FlexFunction<detail::ReciprocalFunction>) \
  row(Erf, FlexFunction<detail::ErfFunction>) row(Erfc, FlexFunction<detail::ErfcFunction>) row(Log1p, FlexFunction<detail::Log1pFunction>) \
  row(Expm1, FlexFunction<detail::Expm1Function>) row(Tan, FlexFunction<detail::TanFunction>) row(Asin, FlexFunction<detail::AsinFunction>) \
  row(Acos, FlexFunction<detail::AcosFunction>) row(Atan, FlexFunction<detail::AtanFunction>) row(Sinh, FlexFunction<detail::SinhFunction>) \
  row(Cosh, FlexFunction<detail::CoshFunction>) row(Asinh, FlexFunction<detail::AsinhFunction>) row(Acosh, FlexFunction<detail::AcoshFunction>) \
  row(Atanh, FlexFunction<detail::AtanhFunction>) \
  row(Selu, FlexFunction<detail::SeluFunction>) row(IsNan, FlexTest<detail::IsNanTest>) row(IsInf, FlexTest<detail::IsInfTest>) \
  row(IsFinite, FlexTest<detail::IsFiniteTest>) row(ClipByValue, FlexClip) row(Size, FlexSize) \
  row(ConcatV2, FlexConcat) row(GatherV2, FlexGather) row(Gather, Flex<tfl::Gather>) row(FusedBatchNorm, FlexBatchNorm) \
  row(FusedBatchNormV2, FlexBatchNorm) row(FusedBatchNormV3, FlexBatchNorm) row(MaxPool, Flex<tfl::MaxPool2D>) \
  row(AvgPool, Flex<tfl::AveragePool2D>) row(Roll, Flex<tfl::Roll>) row(ReverseSequence, Flex<tfl::ReverseSequence>) \
  row(ResizeBilinear, Flex<tfl::ResizeBilinear>) row(ResizeNearestNeighbor, Flex<tfl::ResizeNearestNeighbor>) \
  row(MatrixSetDiag, Flex<tfl::MatrixSetDiag>) row(BitwiseXor, Flex<tfl::BitwiseXor>) row(RightShift, Flex<tfl::RightShift>) \
  row(Identity, FlexCopy) row(StopGradient, FlexCopy) row(PreventGradient, FlexCopy) row(Snapshot, FlexCopy)
// clang-format on

/// The ops by name: tfl::flex::AddV2 runs "FlexAddV2".
namespace flex {
#define TFL_FLEX_OP(name, ...)                                    \
  struct name : tfl::detail::__VA_ARGS__ {                        \
    static constexpr std::string_view custom_name = "Flex" #name; \
  };
TFL_FOR_EACH_FLEX_OP(TFL_FLEX_OP)
#undef TFL_FLEX_OP
}  // namespace flex

}  // namespace tfl
