// Every rule that a file can break before any op sees it: one wrong model for each, and the sentence that says so.

#include "tfl/model/verifier.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/net.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::ErrorCode;
using tfl::Model;
using tfl::ModelBuilder;
using tfl::TensorSpec;
using tfl::TensorType;
namespace schema = tfl::schema;
using tfl::test::Bytes;
using tfl::test::float4;
using tfl::test::load;
using tfl::test::message_of;
using tfl::test::Net;

/// A right model with one more tensor, which nobody uses.
Bytes with_tensor(TensorSpec spec) {
  Net net;
  net.builder.add_tensor(std::move(spec));
  return net.finish();
}
/// x -> the given operator -> y.
Bytes with_operator(tfl::OperatorSpec spec) {
  Net net;
  net.with_node = false;
  spec.opcode_index = spec.opcode_index != 0 ? spec.opcode_index : net.builder.find_operator_code(BuiltinOperator::NEG);
  net.builder.find_operator_code(BuiltinOperator::NEG);
  net.builder.add_operator(std::move(spec));
  return net.finish();
}
Bytes with_code(std::int32_t builtin, std::int8_t deprecated, std::int32_t version = 1) {
  Net net;
  net.builder.add_operator_code(builtin, deprecated, "", version);
  return net.finish();
}
Bytes quantized(tfl::QuantizationSpec quantization, std::vector<std::int32_t> shape = {2, 3}) {
  return with_tensor({.name = "q", .type = TensorType::int8, .shape = std::move(shape), .quantization = std::move(quantization)});
}
/// A right model with a constant of 1 x 5 whose second dimension is compressed; one element is stored.
Bytes sparse(const std::vector<std::int32_t>& segments, const std::vector<std::int32_t>& indices) {
  Net net;
  auto& tables = net.builder.tables();
  const auto list = [&](const std::vector<std::int32_t>& values) {
    return schema::CreateInt32Vector(tables, tables.CreateVector(values)).Union();
  };
  const auto rows = schema::CreateDimensionMetadata(tables, schema::DimensionType::DENSE, 1);
  const auto columns = schema::CreateDimensionMetadata(tables, schema::DimensionType::SPARSE_CSR, 0, schema::SparseIndexVector::Int32Vector,
                                                       list(segments), schema::SparseIndexVector::Int32Vector, list(indices));
  const auto order = tables.CreateVector(std::vector<std::int32_t>{0, 1});
  const auto metadata = tables.CreateVector(std::vector{rows, columns});
  net.builder.add_constant(
      {.name = "w", .type = TensorType::float32, .shape = {1, 5}, .sparsity = schema::CreateSparsityParameters(tables, order, 0, metadata)},
      {1.0f});
  return net.finish();
}
/// A right model but for the blocks of a tensor, whose scales have no data.
Bytes in_blocks(int size) {
  Net net;
  const auto blocks = schema::CreateBlockwiseQuantization(net.builder.tables(), 0, -1, size);
  net.builder.add_tensor({.name = "w",
                          .type = TensorType::int4,
                          .shape = {3, 4},
                          .quantization = {.details_type = schema::QuantizationDetails::BlockwiseQuantization, .details = blocks.Union()}});
  return net.finish();
}
Bytes patched(std::size_t at, std::uint8_t value) {
  Bytes bytes = Net().finish();
  bytes[at] = value;
  return bytes;
}

/// Parts of the format that ModelBuilder never writes.
template <class Metadata, class Tensor> Bytes by_hand(Metadata metadata, Tensor tensor) {
  flatbuffers::FlatBufferBuilder b;
  const std::vector<flatbuffers::Offset<schema::Tensor>> tensors{tensor(b)};
  const std::vector<flatbuffers::Offset<schema::SubGraph>> subgraphs{schema::CreateSubGraph(b, b.CreateVector(tensors))};
  const std::vector<flatbuffers::Offset<schema::Buffer>> buffers{schema::CreateBuffer(b)};
  const std::vector<flatbuffers::Offset<schema::Metadata>> entries{metadata(b)};
  const auto s = b.CreateVector(subgraphs);
  const auto n = b.CreateVector(buffers);
  const auto m = b.CreateVector(entries);
  schema::FinishModelBuffer(b, schema::CreateModel(b, 3, 0, s, 0, n, 0, m));
  return {b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
}

struct WrongModel {
  const char* name;
  Bytes (*make)();
  std::string message;
};

constexpr float infinity = std::numeric_limits<float>::infinity();

const WrongModel wrong_models[] = {
    // ---- The file
    {"NoBytes", [] { return Bytes{}; }, "model: the file is only 0 bytes long"},
    {"SevenBytes", [] { return Bytes(7, 'T'); }, "model: the file is only 7 bytes long"},
    {"Identifier", [] { return patched(7, '2'); }, "model: the file lacks the identifier TFL3 at byte 4: this is not a .tflite file"},
    {"RootOutsideOfTheFile", [] { return patched(2, 0x7f); },
     "model: the file has a damaged structure: an offset or a length points outside of the file"},
    {"HeaderOnly",
     [] {
       Bytes bytes = Net().finish();
       bytes.resize(8);
       return bytes;
     },
     "model: the file has a damaged structure: an offset or a length points outside of the file"},
    {"CutInTheMiddle",
     [] {
       Bytes bytes = Net().finish();
       bytes.resize(bytes.size() / 2);
       return bytes;
     },
     "model: the file has a damaged structure: an offset or a length points outside of the file"},
    {"Version",
     [] {
       Net net;
       net.builder.set_version(4);
       return net.finish();
     },
     "model: the file has schema version 4; this library reads version 3"},
    {"NoSubgraph", [] { return ModelBuilder().finish(); }, "model: the file has no subgraph"},

    // ---- Operator codes
    {"UnknownCode", [] { return with_code(300, 127); }, "model: the file names operator code 300, which the schema does not have"},
    {"NegativeCode", [] { return with_code(-7, -3); }, "model: the file names operator code -3, which the schema does not have"},
    {"CustomWithoutName", [] { return with_code(32, 32); }, "model: the file has a custom operator without a name: operator code 0"},
    {"VersionZero", [] { return with_code(59, 59, 0); }, "model: the file has operator code 0 with version 0"},
    {"NegativeVersion", [] { return with_code(59, 59, -2); }, "model: the file has operator code 0 with version -2"},
    {"CodeIndex", [] { return with_operator({.opcode_index = 7, .inputs = {0}, .outputs = {1}}); },
     "model: subgraph 0: node 0: uses operator code 7, but there are 1"},

    // ---- Indices
    {"NodeInput", [] { return with_operator({.inputs = {9}, .outputs = {1}}); },
     "model: subgraph 0: node 0 NEG: input 0 is tensor 9, but there are 2 tensors"},
    {"NodeInputBelowAbsent",
     [] {
       return with_operator({.inputs = {0, -2}, .outputs = {1}});
     },
     "model: subgraph 0: node 0 NEG: input 1 is tensor -2, but there are 2 tensors"},
    {"NodeOutput", [] { return with_operator({.inputs = {0}, .outputs = {2}}); },
     "model: subgraph 0: node 0 NEG: output 0 is tensor 2, but there are 2 tensors"},
    {"NodeOutputAbsent",
     [] {
       return with_operator({.inputs = {0}, .outputs = {1, -1}});
     },
     "model: subgraph 0: node 0 NEG: output 1 is tensor -1, but there are 2 tensors"},
    {"NodeIntermediate",
     [] {
       return with_operator({.inputs = {0}, .outputs = {1}, .intermediates = {-1, 5}});
     },
     "model: subgraph 0: node 0 NEG: intermediate 1 is tensor 5, but there are 2 tensors"},
    {"NodeIntermediateBelowAbsent", [] { return with_operator({.inputs = {0}, .outputs = {1}, .intermediates = {-2}}); },
     "model: subgraph 0: node 0 NEG: intermediate 0 is tensor -2, but there are 2 tensors"},
    {"SubgraphInput",
     [] {
       Net net;
       net.finish();
       net.builder.add_tensor(float4("x"));
       net.builder.set_inputs({0, 1});
       return net.builder.finish();
     },
     "model: subgraph 0: input 1 is tensor 1, but there are 1 tensors"},
    {"SubgraphOutputAbsent",
     [] {
       ModelBuilder builder;
       builder.set_outputs({-1});
       return builder.finish();
     },
     "model: subgraph 0: output 0 is tensor -1, but there are 0 tensors"},
    {"SecondSubgraph",
     [] {
       Net net;
       Bytes unused = net.finish();
       net.builder.begin_subgraph("first");
       net.builder.begin_subgraph("second");
       net.builder.set_inputs({0});
       return net.builder.finish();
     },
     "model: subgraph 1: input 0 is tensor 0, but there are 0 tensors"},

    // ---- Tensors
    {"UnknownType", [] { return with_tensor({.name = "t", .type = static_cast<TensorType>(77)}); },
     "model: subgraph 0: tensor 2 't' has type 77, which the schema does not have"},
    {"NegativeType", [] { return with_tensor({.name = "t", .type = static_cast<TensorType>(-5)}); },
     "model: subgraph 0: tensor 2 't' has type -5, which the schema does not have"},
    {"RankNine", [] { return with_tensor({.name = "t", .type = TensorType::int8, .shape = std::vector<std::int32_t>(9, 2)}); },
     "model: subgraph 0: tensor 2 't' has 9 dimensions; at most 8 are possible, beside leading ones"},
    {"NegativeDimension",
     [] {
       return with_tensor({.name = "t", .type = TensorType::int8, .shape = {2, -1}});
     },
     "model: subgraph 0: tensor 2 't' has shape [2,-1]: a dimension is negative, or their product passes 2^31 - 1"},
    {"ProductOverflows32Bits",
     [] {
       return with_tensor({.name = "t", .type = TensorType::int8, .shape = {65536, 32768}});
     },
     "model: subgraph 0: tensor 2 't' has shape [65536,32768]: a dimension is negative, or their product passes 2^31 - 1"},
    {"ProductOverflows64Bits",
     [] {
       return with_tensor({.name = "t", .type = TensorType::int8, .shape = {1 << 30, 1 << 30, 1 << 30}});
     },
     "model: subgraph 0: tensor 2 't' has shape [1073741824,1073741824,1073741824]: a dimension is negative, or their product passes 2^31 "
     "- "
     "1"},
    {"ProductOverflowsBesideZero",
     [] {
       return with_tensor({.name = "t", .type = TensorType::int8, .shape = {0, 1 << 30, 1 << 30, 1 << 30}});
     },
     "model: subgraph 0: tensor 2 't' has shape [0,1073741824,1073741824,1073741824]: a dimension is negative, or their product passes "
     "2^31 - 1"},
    {"SignatureRank",
     [] {
       return with_tensor({.name = "t", .type = TensorType::int8, .shape = {1, 2}, .shape_signature = {-1, 2, 1}});
     },
     "model: subgraph 0: tensor 2 't' has 2 dimensions, but a shape signature of 3"},
    {"NameIsMadePrintable",
     [] { return with_tensor({.name = "a\x1b[31m" + std::string(100, 'b'), .type = TensorType::int8, .shape = {-1}}); },
     "model: subgraph 0: tensor 2 'a?[31m" + std::string(74, 'b') +
         "...' has shape [-1]: a dimension is negative, or their product passes 2^31 - 1"},
    {"ExternalBuffer",
     [] {
       return by_hand([](auto& b) { return schema::CreateMetadata(b); },
                      [](auto& b) {
                        const auto name = b.CreateString("t");
                        schema::TensorBuilder tensor(b);
                        tensor.add_name(name);
                        tensor.add_external_buffer(3);
                        return tensor.Finish();
                      });
     },
     "model: subgraph 0: tensor 0 't' keeps its data in external buffer 3, a file of its own; convert the model with its weights inside"},

    // ---- Buffers
    {"BufferIndex", [] { return with_tensor({.name = "t", .type = TensorType::int8, .shape = {1}, .buffer = 5}); },
     "model: subgraph 0: tensor 2 't' uses buffer 5, but there are 1 buffers"},
    {"BufferTooSmall",
     [] {
       Net net;
       net.builder.add_constant({.name = "w", .type = TensorType::float32, .shape = {2, 3}}, std::vector<float>(5));
       return net.finish();
     },
     "model: subgraph 0: tensor 2 'w' float32[2,3] takes 24 bytes, but its buffer 1 holds 20"},
    {"BufferTooLarge",
     [] {
       Net net;
       net.builder.add_constant({.name = "w", .type = TensorType::int4, .shape = {3}}, std::vector<std::uint8_t>(3));
       return net.finish();
     },
     "model: subgraph 0: tensor 2 'w' int4[3] takes 2 bytes, but its buffer 1 holds 3"},
    {"BufferOffset",
     [] {
       Net net;
       net.builder.add_outside_buffer(1'000'000, 4);
       return net.finish();
     },
     "model: the file has buffer 1 at offset 1000000 with 4 bytes, which ends outside of the file's "},
    {"BufferSize",
     [] {
       Net net;
       net.builder.add_outside_buffer(16, 1'000'000);
       return net.finish();
     },
     "model: the file has buffer 1 at offset 16 with 1000000 bytes, which ends outside of the file's "},
    {"BufferEndOverflows64Bits",
     [] {
       Net net;
       net.builder.add_outside_buffer(16, std::numeric_limits<std::uint64_t>::max() - 8);
       return net.finish();
     },
     "model: the file has buffer 1 at offset 16 with 18446744073709551607 bytes, which ends outside of the file's "},
    {"VariableWithData",
     [] {
       Net net;
       net.builder.add_constant({.name = "v", .shape = {1}, .is_variable = true}, {1.0f});
       return net.finish();
     },
     "model: subgraph 0: tensor 2 'v' is variable, but has constant data"},
    {"Metadata",
     [] { return by_hand([](auto& b) { return schema::CreateMetadata(b, 0, 9); }, [](auto& b) { return schema::CreateTensor(b); }); },
     "model: the file has metadata 0 in buffer 9, but there are 1 buffers"},

    // ---- Quantization
    {"ScaleNaN", [] { return quantized({.scales = {std::numeric_limits<float>::quiet_NaN()}, .zero_points = {0}}); },
     "model: subgraph 0: tensor 2 'q' has a scale that is negative or not finite, for channel 0"},
    {"ScaleInfinite",
     [] {
       return quantized({.scales = {1, infinity, 1}, .zero_points = {0, 0, 0}, .quantized_dimension = 1});
     },
     "model: subgraph 0: tensor 2 'q' has a scale that is negative or not finite, for channel 1"},
    {"ScaleNegative", [] { return quantized({.scales = {-0.5f}, .zero_points = {0}}); },
     "model: subgraph 0: tensor 2 'q' has a scale that is negative or not finite, for channel 0"},
    {"ZeroPointsMissing", [] { return quantized({.scales = {1}}); }, "model: subgraph 0: tensor 2 'q' has 1 scales, but 0 zero points"},
    {"ZeroPointCount",
     [] {
       return quantized({.scales = {1, 1, 1}, .zero_points = {0, 0}, .quantized_dimension = 1});
     },
     "model: subgraph 0: tensor 2 'q' has 3 scales, but 2 zero points"},
    {"ZeroPointTooWide", [] { return quantized({.scales = {1}, .zero_points = {std::int64_t{1} << 40}}); },
     "model: subgraph 0: tensor 2 'q' has zero point 1099511627776, which doesn't fit 32 bits"},
    {"ZeroPointsMisaligned",
     [] {
       Bytes bytes = quantized({.scales = {1}, .zero_points = {1, 0}});
       const auto* table = schema::GetModel(bytes.data())->subgraphs()->Get(0)->tensors()->Get(2)->quantization();
       const auto* field = reinterpret_cast<const flatbuffers::Table*>(table)->GetAddressOf(schema::QuantizationParameters::VT_ZERO_POINT);
       bytes[static_cast<std::size_t>(field - bytes.data())] += 4;  // the first number's lower half becomes the length
       return bytes;
     },
     "model: subgraph 0: tensor 2 'q' keeps its zero points where 64-bit numbers cannot lie"},
    {"AxisTooHigh",
     [] {
       return quantized({.scales = {1, 1, 1}, .zero_points = {0, 0, 0}, .quantized_dimension = 2});
     },
     "model: subgraph 0: tensor 2 'q' is quantized along dimension 2, but has 2 dimensions"},
    {"AxisNegative",
     [] {
       return quantized({.scales = {1, 1, 1}, .zero_points = {0, 0, 0}, .quantized_dimension = -1});
     },
     "model: subgraph 0: tensor 2 'q' is quantized along dimension -1, but has 2 dimensions"},
    {"ChannelCount",
     [] {
       return quantized({.scales = {1, 1, 1}, .zero_points = {0, 0, 0}});
     },
     "model: subgraph 0: tensor 2 'q' has 3 scales, but 2 channels in dimension 0"},

    // ---- Who writes what
    {"TwoWriters",
     [] {
       Net net;
       net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {net.y});
       return net.finish();
     },
     "model: subgraph 0: node 1 NEG: output 0 is tensor 1, which node 0 writes already"},
    {"OneNodeWritesTwice",
     [] {
       return with_operator({.inputs = {0}, .outputs = {1, 1}});
     },
     "model: subgraph 0: node 0 NEG: output 1 is tensor 1, which node 0 writes already"},
    {"WritesAnInput",
     [] {
       Net net;
       net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {net.x});
       return net.finish();
     },
     "model: subgraph 0: node 0 SQUARE: output 0 is tensor 0, an input of the subgraph"},
    {"WritesAConstant",
     [] {
       Net net;
       const int w = net.builder.add_constant({.name = "w", .shape = {1}}, {1.0f});
       net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {w});
       return net.finish();
     },
     "model: subgraph 0: node 0 SQUARE: output 0 is tensor 2, which has constant data"},
    {"WritesAVariable",
     [] {
       Net net;
       const int v = net.builder.add_tensor({.name = "v", .type = TensorType::float32, .shape = {4}, .is_variable = true});
       net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {v});
       return net.finish();
     },
     "model: subgraph 0: node 0 SQUARE: output 0 is tensor 2, which is variable"},
    {"ReadOfWhatNobodyWrites",
     [] {
       Net net;
       const int a = net.builder.add_tensor(float4("a")), b = net.builder.add_tensor(float4("b"));
       net.builder.add_operator(BuiltinOperator::SQUARE, {a}, {b});
       return net.finish();
     },
     "model: subgraph 0: node 0 SQUARE: input 0 is tensor 2 'a', which has no data and which nobody writes"},
    {"CustomOpReadsWhatNobodyWrites",
     [] {
       Net net;
       const int a = net.builder.add_tensor(float4("a")), b = net.builder.add_tensor(float4("b"));
       net.builder.add_custom_operator("my\nop", {-1, a}, {b});
       return net.finish();
     },
     "model: subgraph 0: node 0 my?op: input 1 is tensor 2 'a', which has no data and which nobody writes"},
    {"OutputThatNobodyWrites",
     [] {
       Net net;
       net.with_node = false;
       return net.finish();
     },
     "model: subgraph 0: output 0 is tensor 1 'y', which has no data and which nobody writes"},
    {"CycleOfOneNode",
     [] {
       Net net;
       const int a = net.builder.add_tensor(float4("a"));
       net.builder.add_operator(BuiltinOperator::SQUARE, {a}, {a});
       return net.finish();
     },
     "model: subgraph 0: node 0 SQUARE: input 0 is tensor 2, which no order of the nodes writes in time: the graph has a cycle"},
    {"CycleOfTwoNodes",
     [] {
       Net net;
       const int a = net.builder.add_tensor(float4("a")), b = net.builder.add_tensor(float4("b"));
       net.builder.add_operator(BuiltinOperator::NEG, {net.x}, {net.y});
       net.builder.add_operator(BuiltinOperator::SQUARE, {a}, {b});
       net.builder.add_operator(BuiltinOperator::NEG, {b}, {a});
       net.with_node = false;
       return net.finish();
     },
     "model: subgraph 0: node 1 SQUARE: input 0 is tensor 2, which no order of the nodes writes in time: the graph has a cycle"},
    {"BehindACycle",
     [] {
       Net net;
       const int a = net.builder.add_tensor(float4("a")), b = net.builder.add_tensor(float4("b"));
       net.builder.add_custom_operator("add", {net.x, b}, {net.y});
       net.builder.add_operator(BuiltinOperator::SQUARE, {a}, {b});
       net.builder.add_operator(BuiltinOperator::NEG, {b}, {a});
       net.with_node = false;
       return net.finish();
     },
     "model: subgraph 0: node 0 add: input 1 is tensor 3, which no order of the nodes writes in time: the graph has a cycle"},
    {"SparseWithoutPlaces",
     [] {
       Net net;
       auto& tables = net.builder.tables();
       net.builder.add_constant(
           {.name = "w", .type = TensorType::float32, .shape = {1000}, .sparsity = schema::CreateSparsityParameters(tables)}, {1.0f});
       return net.finish();
     },
     "model: subgraph 0: tensor 2 'w' is sparse and must have a place in its traversal order and metadata for each dimension and each "
     "blocked dimension"},
    {"BlockScales", [] { return in_blocks(2); },
     "model: subgraph 0: tensor 2 'w' has 0 bytes in the scales of its blocks; constant float16, one for each of 6 blocks, is needed"},
    {"BlockSize", [] { return in_blocks(3); },
     "model: subgraph 0: tensor 2 'w' is quantized in blocks of 3, which do not divide its last dimension, 4"},
    {"SparseIndex",
     [] {
       return sparse({0, 1}, {5});
     },
     "model: subgraph 0: tensor 2 'w' is sparse and has an index outside of its dimension"},
    {"SparseSegments",
     [] {
       return sparse({0, 2}, {3});
     },
     "model: subgraph 0: tensor 2 'w' is sparse and has a compressed level whose segments do not cover its indices"},
    {"SparseData",
     [] {
       return sparse({0, 2}, {3, 4});
     },
     "model: subgraph 0: tensor 2 'w' float32[1,5] takes 8 bytes, but its buffer 1 holds 4"},

    // ---- Signatures
    {"SignatureSubgraph",
     [] {
       Net net;
       net.builder.add_signature("serve", {}, {}, 1);
       return net.finish();
     },
     "model: the file has signature 0 for subgraph 1, but there are 1"},
    {"SignatureInput",
     [] {
       Net net;
       net.builder.add_signature("serve", {{"x", 2}}, {{"y", 1}});
       return net.finish();
     },
     "model: the file has signature 0 that names tensor 2, but there are 2"},
    {"SignatureOutput",
     [] {
       Net net;
       net.builder.add_signature("first", {{"x", 0}}, {{"y", 1}});
       net.builder.add_signature("second", {{"x", 0}}, {{"y", 0xffffffffu}});
       return net.finish();
     },
     "model: the file has signature 1 that names tensor 4294967295, but there are 2"},
};

class Wrong : public ::testing::TestWithParam<WrongModel> {};

TEST_P(Wrong, IsToldInOneSentence) {
  const Bytes bytes = GetParam().make();
  const auto model = load(bytes);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::invalid_model);
  std::string expected = GetParam().message;
  if (expected.ends_with("the file's ")) expected += std::to_string(bytes.size());
  EXPECT_EQ(model.message(), expected);
}
INSTANTIATE_TEST_SUITE_P(Models, Wrong, ::testing::ValuesIn(wrong_models), [](const auto& info) { return std::string(info.param.name); });

TEST(WrongModel, ErrorKnowsTheNodeAndTheTensor) {
  const auto at_node = load(with_operator({.inputs = {9}, .outputs = {1}}));
  ASSERT_FALSE(at_node);
  EXPECT_EQ(at_node.error().subgraph(), 0);
  EXPECT_EQ(at_node.error().node(), 0);
  EXPECT_EQ(at_node.error().tensor(), -1);
  const auto at_tensor = load(quantized({.scales = {1}}));
  ASSERT_FALSE(at_tensor);
  EXPECT_EQ(at_tensor.error().node(), -1);
  EXPECT_EQ(at_tensor.error().tensor(), 2);
}

TEST(WrongModel, EveryShorterFileIsRefused) {
  Net net;
  net.builder.add_constant({.name = "w", .shape = {8}}, std::vector<float>(8));
  net.builder.add_signature("serve", {{"in", 0}}, {{"out", 1}});
  const Bytes bytes = net.finish();
  ASSERT_EQ(message_of(bytes), "");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(message_of(cut), "") << size << " of " << bytes.size() << " bytes";
  }
}

TEST(WrongModel, FilesThatAreNone) {
  const auto absent = Model::from_file("/nowhere/model.tflite");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), ErrorCode::io);
  EXPECT_EQ(absent.message(), "model: cannot open '/nowhere/model.tflite': No such file or directory");
  const auto folder = Model::from_file("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.message(), "model: '/' is not a regular file");
  const auto empty = Model::from_file("/dev/null");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code(), ErrorCode::io);
  const std::string pipe = testing::TempDir() + "tfl_pipe_" + std::to_string(getpid());
  if (mkfifo(pipe.c_str(), 0600) != 0) GTEST_SKIP() << "no pipes here";
  const auto waiting = Model::from_file(pipe.c_str());
  unlink(pipe.c_str());
  ASSERT_FALSE(waiting);
  EXPECT_EQ(waiting.message(), "model: '" + pipe + "' is not a regular file");
}

TEST(WrongModel, TablesThatAreSharedTooOftenAreNotReadForHours) {
  flatbuffers::FlatBufferBuilder b;
  const std::size_t count = 100'000;
  const auto scales = b.CreateVector(std::vector<float>(count, 1.0f));
  const auto zero_points = b.CreateVector(std::vector<std::int64_t>(count, 0));
  const auto quantization = schema::CreateQuantizationParameters(b, 0, 0, scales, zero_points);
  const auto shape = b.CreateVector(std::vector<std::int32_t>{static_cast<std::int32_t>(count)});
  const auto tensor = schema::CreateTensor(b, shape, schema::TensorType::INT8, 0, 0, quantization);
  const auto tensors = b.CreateVector(std::vector<flatbuffers::Offset<schema::Tensor>>(count, tensor));
  const std::vector<flatbuffers::Offset<schema::SubGraph>> subgraphs{schema::CreateSubGraph(b, tensors)};
  schema::FinishModelBuffer(b, schema::CreateModel(b, 3, 0, b.CreateVector(subgraphs)));
  EXPECT_EQ(message_of({b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()}),
            "model: the file has tables that share lists so often that reading them takes more than 16 times its size");
}

TEST(WrongModel, ListsOfNodesThatAreSharedTooOftenAreNotReadForHours) {
  flatbuffers::FlatBufferBuilder b;
  const std::size_t count = 100'000;
  const std::vector<flatbuffers::Offset<schema::Tensor>> tensors{schema::CreateTensor(b)};
  const auto inputs = b.CreateVector(std::vector<std::int32_t>(count, 0));
  const auto node = schema::CreateOperator(b, 0, inputs);
  const auto nodes = b.CreateVector(std::vector<flatbuffers::Offset<schema::Operator>>(count, node));
  const std::vector<flatbuffers::Offset<schema::OperatorCode>> codes{schema::CreateOperatorCode(b)};
  const std::vector<flatbuffers::Offset<schema::SubGraph>> subgraphs{schema::CreateSubGraph(b, b.CreateVector(tensors), 0, 0, nodes)};
  schema::FinishModelBuffer(b, schema::CreateModel(b, 3, b.CreateVector(codes), b.CreateVector(subgraphs)));
  EXPECT_EQ(message_of({b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()}),
            "model: the file has tables that share lists so often that reading them takes more than 16 times its size");
}

TEST(WrongModel, ConstantsThatLieBadlyAreNotCopiedForEachTensor) {
  int refused = 0;
  for (const std::size_t count : {2000u, 2001u}) {  // with one of them the data are where 64-bit numbers cannot lie
    flatbuffers::FlatBufferBuilder b;
    const auto bytes = b.CreateVector(std::vector<std::uint8_t>(8 * 2000));
    const std::vector<flatbuffers::Offset<schema::Buffer>> buffers{schema::CreateBuffer(b), schema::CreateBuffer(b, bytes)};
    const auto shape = b.CreateVector(std::vector<std::int32_t>{2000});
    const auto tensor = schema::CreateTensor(b, shape, schema::TensorType::INT64, 1);
    const auto tensors = b.CreateVector(std::vector<flatbuffers::Offset<schema::Tensor>>(count, tensor));
    const std::vector<flatbuffers::Offset<schema::SubGraph>> subgraphs{schema::CreateSubGraph(b, tensors)};
    schema::FinishModelBuffer(b, schema::CreateModel(b, 3, 0, b.CreateVector(subgraphs), 0, b.CreateVector(buffers)));
    const std::string message = message_of({b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()});
    if (message.empty()) continue;
    ++refused;
    EXPECT_EQ(message, "model: the file has constants where their types cannot lie, in so many tensors that they take " +
                           std::to_string(16000 * count) + " bytes elsewhere");
  }
  EXPECT_EQ(refused, 1);
}

}  // namespace
