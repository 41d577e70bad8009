// archs: none
// sources: support/all_ops.cpp
// Graphs that lead in circles, tensors without data or quantization, and operands that are not there.

#include "hostile/corpus.hpp"

namespace tfl::test {
namespace {

using enum TensorType;
using Code = BuiltinOperator;
constexpr auto no_activation = schema::ActivationFunctionType::NONE;

/// x and y are tensors 0 and 1 of four floats.
Bytes graph(void (*add_nodes)(ModelBuilder& b), Dims inputs = {0}, Dims outputs = {1}) {
  ModelBuilder b;
  for (const char* name : {"x", "y"}) b.add_tensor({.name = name, .type = float32, .shape = {4}});
  add_nodes(b);
  b.set_inputs(std::move(inputs));
  b.set_outputs(std::move(outputs));
  return b.finish();
}
Bytes added(QuantizationSpec a, QuantizationSpec b, QuantizationSpec sum) {
  return OneNode().in({4}, int8, std::move(a)).in({4}, int8, std::move(b)).out(int8, {4}, std::move(sum)).of(Code::ADD, [](auto& t) {
    return schema::CreateAddOptions(t, no_activation, false);
  });
}
/// `graphs` subgraphs of one bool that call each other: main is 0, and each of them runs a WHILE with what `options` says.
Bytes loops(int graphs, void (*options)(ModelBuilder& b, int graph)) {
  ModelBuilder b;
  for (int g = 0; g < graphs; ++g) {
    b.begin_subgraph("g" + std::to_string(g));
    b.add_tensor({.name = "x", .type = boolean, .shape = {1}});
    b.add_tensor({.name = "y", .type = boolean, .shape = {1}});
    b.set_inputs({0});
    b.set_outputs({1});
    options(b, g);
  }
  return b.finish();
}
void add_while(ModelBuilder& b, int condition, int body) {
  b.add_operator(Code::WHILE, {0}, {1}, [&](auto& t) { return schema::CreateWhileOptions(t, condition, body); });
}
/// x -> x, without a node.
void pass_on(ModelBuilder& b) { b.set_outputs({0}); }

/// y = x times sparse weights of 4 x 4, with this list of segments and these indices.
Bytes sparse(std::vector<std::int32_t> segments, std::vector<std::int32_t> indices, std::vector<std::int32_t> order = {0, 1}) {
  OneNode node;
  auto& t = node.builder.tables();
  const auto ints = [&t](const std::vector<std::int32_t>& values) { return schema::CreateInt32Vector(t, t.CreateVector(values)).Union(); };
  const auto segment_list = ints(segments), index_list = ints(indices);
  const std::vector<flatbuffers::Offset<schema::DimensionMetadata>> dimensions{
      schema::CreateDimensionMetadata(t, schema::DimensionType::DENSE, 4),
      schema::CreateDimensionMetadata(t, schema::DimensionType::SPARSE_CSR, 0, schema::SparseIndexVector::Int32Vector, segment_list,
                                      schema::SparseIndexVector::Int32Vector, index_list)};
  const auto sparsity = schema::CreateSparsityParameters(t, t.CreateVector(order), 0, t.CreateVector(dimensions));
  node.in({1, 4});
  const std::vector<float> values(4, 1.0f);
  const int weights = node.builder.add_constant({.name = "w", .shape = {4, 4}, .sparsity = sparsity}, values);
  const int dense = node.builder.add_tensor({.name = "d", .type = float32, .shape = {4, 4}});
  node.builder.add_operator(Code::DENSIFY, {weights}, {dense});
  return node.out().of(Code::NEG);
}

const WeakSpot spots[] = {
    {"ReshapeWithoutShape", "CVE-2021-29592", [] { return OneNode().in({4}).out().of(Code::RESHAPE); },
     "node 0 RESHAPE: input 0 't0' float32[4]: its 4 elements do not fill the new shape, which has 1"},
    {"ReshapeShapeWithoutData", "CVE-2021-29592",
     [] {
       return graph([](ModelBuilder& b) {
         b.add_tensor({.name = "shape", .type = int32, .shape = {1}});
         b.add_operator(Code::RESHAPE, {0, 2}, {1});
       });
     },
     "model: subgraph 0: node 0 RESHAPE: input 1 is tensor 2 'shape', which has no data and which nobody writes"},
    {"OutputIsItsInput", "CVE-2020-15210", [] { return graph([](ModelBuilder& b) { b.add_operator(Code::NEG, {1}, {1}); }); },
     "model: subgraph 0: node 0 NEG: input 0 is tensor 1, which no order of the nodes writes in time: the graph has a cycle"},
    {"OutputIsAnInputOfTheModel", "CVE-2020-15210",
     [] { return graph([](ModelBuilder& b) { b.add_operator(Code::NEG, {0}, {0}); }, {0}, {0}); },
     "model: subgraph 0: node 0 NEG: output 0 is tensor 0, an input of the subgraph"},
    {"InputAbsent", "CVE-2020-15211", [] { return graph([](ModelBuilder& b) { b.add_operator(Code::NEG, {-1}, {1}); }); },
     "node 0 NEG: output 0 'y' float32[4]: must have the type of input 0"},
    {"InputsOfAddAbsent", "CVE-2020-15211", [] { return OneNode().in({4}).absent().out().of(Code::ADD); },
     "node 0 ADD: input 1 is absent: must not be absent"},
    {"OutputAbsent", "CVE-2020-15211", [] { return graph([](ModelBuilder& b) { b.add_operator(Code::NEG, {0}, {-1}); }); },
     "model: subgraph 0: node 0 NEG: output 0 is tensor -1, but there are 2 tensors"},
    {"OutputIsConstant", "CVE-2020-15209",
     [] {
       return graph(
           [](ModelBuilder& b) {
             b.add_constant({.name = "c", .shape = {4}}, {1.0f, 2.0f, 3.0f, 4.0f});
             b.add_operator(Code::NEG, {0}, {2});
           },
           {0}, {2});
     },
     "model: subgraph 0: node 0 NEG: output 0 is tensor 2, which has constant data"},
    {"InputWithoutData", "CVE-2020-15209",
     [] {
       return graph([](ModelBuilder& b) {
         b.add_tensor({.name = "null", .type = float32, .shape = {4}});
         b.add_operator(Code::ADD, {0, 2}, {1});
       });
     },
     "model: subgraph 0: node 0 ADD: input 1 is tensor 2 'null', which has no data and which nobody writes"},
    {"OutputWithoutWriter", "CVE-2020-15209", [] { return graph([](ModelBuilder&) {}); },
     "model: subgraph 0: output 0 is tensor 1 'y', which has no data and which nobody writes"},
    {"BufferShorterThanItsShape", "CVE-2020-15208",
     [] {
       return graph([](ModelBuilder& b) {
         b.add_constant({.name = "w", .type = float32, .shape = {4}}, {1.0f, 2.0f});
         b.add_operator(Code::ADD, {0, 2}, {1});
       });
     },
     "model: subgraph 0: tensor 2 'w' float32[4] takes 16 bytes, but its buffer 1 holds 8"},
    {"Cycle", "CVE-2021-29591",
     [] {
       return graph([](ModelBuilder& b) {
         b.add_tensor({.name = "z", .type = float32, .shape = {4}});
         b.add_operator(Code::ADD, {0, 2}, {1});
         b.add_operator(Code::NEG, {1}, {2});
       });
     },
     "model: subgraph 0: node 0 ADD: input 1 is tensor 2, which no order of the nodes writes in time: the graph has a cycle"},
    {"TwoWriters", "aliasing",
     [] {
       return graph([](ModelBuilder& b) {
         b.add_operator(Code::NEG, {0}, {1});
         b.add_operator(Code::NEG, {0}, {1});
       });
     },
     "model: subgraph 0: node 1 NEG: output 0 is tensor 1, which node 0 writes already"},
    {"UnusedInputIsAbsent", "CVE-2020-15211",
     [] {
       return graph([](ModelBuilder& b) { b.add_operator(Code::NEG, {0}, {1}); }, {0, -1});
     },
     ""},
    {"LoopRunsItself", "CVE-2021-29591", [] { return loops(2, [](ModelBuilder& b, int g) { g == 0 ? add_while(b, 1, 0) : pass_on(b); }); },
     "node 0 WHILE: calls subgraph 0, which is running already: a subgraph cannot call itself"},
    {"LoopInACircle", "CVE-2021-29591",
     [] { return loops(3, [](ModelBuilder& b, int g) { add_while(b, g == 0 ? 1 : 3 - g, g == 0 ? 2 : 3 - g); }); },
     "subgraph 2: node 0 WHILE: calls subgraph 1, which is running already: a subgraph cannot call itself"},
    {"LoopWithoutEnd", "CVE-2021-29591", [] { return loops(2, [](ModelBuilder& b, int g) { g == 0 ? add_while(b, 1, 1) : pass_on(b); }); },
     "node 0 WHILE: subgraphs were called 1000 times at once, as often as Limits::calls allows: a loop without an end?"},
    {"LoopIntoNowhere", "CVE-2021-29591", [] { return loops(1, [](ModelBuilder& b, int) { add_while(b, -1, 77); }); },
     "node 0 WHILE: calls subgraph -1, but the model has 1"},
    {"IfIntoNowhere", "CVE-2021-29591",
     [] {
       return loops(1, [](ModelBuilder& b, int) {
         b.add_operator(Code::IF, {0, 0}, {1}, [](auto& t) { return schema::CreateIfOptions(t, 0, 1 << 30); });
       });
     },
     "node 0 IF: calls subgraph 0, which is running already: a subgraph cannot call itself"},
    {"QuantizationMissing", "CVE-2021-37682", [] { return added({}, {}, {}); },
     "node 0 ADD: input 0 't0' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"QuantizationOfTheOutputMissing", "CVE-2021-37682",
     [] { return added({.scales = {1}, .zero_points = {0}}, {.scales = {1}, .zero_points = {0}}, {}); },
     "node 0 ADD: output 0 't2' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"ScaleZero", "CVE-2021-37682",
     [] { return added({.scales = {1}, .zero_points = {0}}, {.scales = {1}, .zero_points = {0}}, {.scales = {0}, .zero_points = {0}}); },
     "node 0 ADD: output 0 't2' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"ZeroPointOutOfRange", "CVE-2021-37682",
     [] { return added({.scales = {1}, .zero_points = {1000}}, {.scales = {1}, .zero_points = {0}}, {.scales = {1}, .zero_points = {0}}); },
     "node 0 ADD: input 0 't0' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"TwoScales", "CVE-2022-36027",
     [] {
       return OneNode()
           .in({4}, int8, {.scales = {1, 1, 1, 1}, .zero_points = {0, 0, 0, 0}})
           .out(int8, {4}, {.scales = {1}, .zero_points = {0}})
           .of(Code::NEG);
     },
     ""},
    {"SparseRight", "CVE-2022-23560",
     [] {
       return sparse({0, 1, 2, 3, 4}, {0, 1, 2, 3});
     },
     ""},
    {"SparseIndexBeyond", "CVE-2022-23560",
     [] {
       return sparse({0, 1, 2, 3, 4}, {0, 1, 2, 4});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has an index outside of its dimension"},
    {"SparseIndexBelow", "CVE-2022-23561",
     [] {
       return sparse({0, 1, 2, 3, 4}, {0, -1, 2, 3});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has an index outside of its dimension"},
    {"SparseSegmentsDescend", "CVE-2022-23560",
     [] {
       return sparse({0, 4, 2, 3, 4}, {0, 1, 2, 3});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a compressed level whose segments are not in order"},
    {"SparseSegmentsTooFew", "CVE-2022-23560",
     [] {
       return sparse({0, 4}, {0, 1, 2, 3});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a compressed level whose segments do not fit the level before it"},
    {"SparseSegmentsBeyond", "CVE-2022-23561",
     [] {
       return sparse({0, 1, 2, 3, 1 << 30}, {0, 1, 2, 3});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a compressed level whose segments do not cover its indices"},
    {"SparseOrderBeyond", "CVE-2022-23560",
     [] {
       return sparse({0, 1, 2, 3, 4}, {0, 1, 2, 3}, {0, 5});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a traversal order that is not a permutation"},
    {"NineDimensions", "CVE-2022-23558", [] { return OneNode().in(Dims(9, 2)).out().of(Code::NEG); },
     "model: subgraph 0: tensor 0 't0' has 9 dimensions; at most 8 are possible, beside leading ones"},
    {"ShapeOverflows", "CVE-2021-29605",
     [] {
       return OneNode().in({65536, 65536}).out().of(Code::NEG);
     },
     "model: subgraph 0: tensor 0 't0' has shape [65536,65536]: a dimension is negative, or their product passes 2^31 - 1"},
    {"ArenaOverflows", "CVE-2021-29605", [] { return OneNode().in({2'147'483'647}).out().of(Code::NEG); },
     sizeof(std::size_t) > 4 ? "arena: no memory for 8589934588 bytes"
                             : "node 0 NEG: output 0 't1' float32[2147483647]: would take 8589934588 bytes, more than can be addressed"},
    {"ConvOfRankTwo", "CVE-2020-15208",
     [] {
       return OneNode().in({4, 4}).constant({3, 1, 1, 2}, std::vector<float>(6)).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, schema::Padding::SAME, 1, 1, no_activation, 1, 1);
       });
     },
     "node 0 CONV_2D: input 0 't0' float32[4,4]: must have 4 dimensions, not 2"},
    {"ConvScratchOverflows", "CVE-2021-29605",
     [] {
       return OneNode().in({1, 30000, 30000, 1}).constant({1, 50, 50, 1}, std::vector<float>(2500)).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, schema::Padding::SAME, 1, 1, no_activation, 1, 1);
       });
     },
     sizeof(std::size_t) > 4
         ? "arena: no memory for 7200000000 bytes"
         : "node 0 CONV_2D: output 0 't2' float32[1,30000,30000,1]: would take 3600000000 bytes, more than can be addressed"},
    {"LstmWithoutInputs", "CVE-2020-15211",
     [] {
       OneNode node;
       node.in({1, 2, 3});
       for (int k = 1; k < 24; ++k) node.absent();
       return node.out().of(Code::UNIDIRECTIONAL_SEQUENCE_LSTM,
                            [](auto& t) { return schema::CreateUnidirectionalSequenceLSTMOptions(t, no_activation, 0, 0, false); });
     },
     "node 0 UNIDIRECTIONAL_SEQUENCE_LSTM: input 2 is absent: must be there"},
    {"OptionsOfAnotherOp", "type confusion",
     [] {
       return OneNode().in({1, 4, 4, 1}).out().of(Code::MAX_POOL_2D, [](auto& t) { return schema::CreateSoftmaxOptions(t, 1); });
     },
     "node 0 MAX_POOL_2D: must have windows of at least 1 x 1, not 0 x 0"},
    {"NoOptions", "null pointer dereference",
     [] {
       return OneNode().in({1, 4, 4, 1}).out().of(Code::MAX_POOL_2D);
     },
     "node 0 MAX_POOL_2D: must have windows of at least 1 x 1, not 0 x 0"},
    {"VariableThatNobodyMade", "null pointer dereference",
     [] { return OneNode().in({1}, resource).out().of(Code::READ_VARIABLE, [](auto& t) { return schema::CreateReadVariableOptions(t); }); },
     "node 0 READ_VARIABLE: input 0 't0' resource[1]: is the handle of no variable"},
    {"TableThatNobodyMade", "CVE-2021-29604",
     [] {
       return OneNode()
           .in({1}, resource)
           .in({2}, int64)
           .constant({1}, std::vector<std::int64_t>{0})
           .out(int64)
           .of(Code::HASHTABLE_FIND, [](auto& t) { return schema::CreateHashtableFindOptions(t); });
     },
     "node 0 HASHTABLE_FIND: input 1 't1' int64[2]: must be int64 with strings as values, or string with int64"},
};

}  // namespace
}  // namespace tfl::test

TFL_CORPUS(Structure, spots)
