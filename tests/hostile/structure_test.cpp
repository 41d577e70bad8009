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
Bytes sparse(const Dims& segments, const Dims& indices, const Dims& order = {0, 1}) {
  OneNode node;
  node.in({1, 4});
  const int weights = add_sparse(node.builder, segments, indices, order);
  const int dense = node.builder.add_tensor({.name = "d", .type = float32, .shape = {4, 4}});
  node.builder.add_operator(Code::DENSIFY, {weights}, {dense});
  return node.out().of(Code::NEG);
}

/// Two subgraphs of one bool each: main calls the other one with these tensors, of which it gives these.
Bytes call(Code code, Dims inputs, Dims outputs, void (*other)(ModelBuilder& b)) {
  ModelBuilder b;
  for (const char* name : {"main", "called"}) {
    b.begin_subgraph(name);
    b.add_tensor({.name = "x", .type = boolean, .shape = {1}});
    b.add_tensor({.name = "y", .type = boolean, .shape = {1}});
  }
  b.set_inputs({0});
  b.set_outputs({0});
  other(b);
  b.select_subgraph(0);
  b.set_inputs({0});
  b.set_outputs(outputs);
  if (code == Code::CALL) {
    b.add_operator(code, inputs, outputs, [](auto& t) { return schema::CreateCallOptions(t, 1); });
  } else if (code == Code::CALL_ONCE) {
    b.add_operator(code, inputs, outputs, [](auto& t) { return schema::CreateCallOnceOptions(t, 1); });
  } else if (code == Code::IF) {
    b.add_operator(code, inputs, outputs, [](auto& t) { return schema::CreateIfOptions(t, 1, 1); });
  } else {
    b.add_operator(code, inputs, outputs, [](auto& t) { return schema::CreateStablehloCaseOptions(t); });
  }
  return b.finish();
}
void nothing(ModelBuilder&) {}
/// y = x as a float, which becomes the output.
void cast_to_float(ModelBuilder& b) {
  b.add_tensor({.name = "f", .type = float32, .shape = {1}});
  b.add_operator(Code::CAST, {0}, {2});
  b.set_outputs({2});
}
/// A constant of two strings.
Bytes strings(std::vector<std::int32_t> head, std::size_t characters) {
  OneNode node;
  std::vector<std::uint8_t> bytes(head.size() * 4 + characters);
  std::memcpy(bytes.data(), head.data(), head.size() * 4);
  const int s = node.builder.add_constant({.name = "s", .type = string, .shape = {2}}, bytes);
  const int r = node.builder.add_tensor({.name = "r", .type = string, .shape = {2}});
  node.builder.add_operator(Code::SQUEEZE, {s}, {r});
  return node.in({4}).out().of(Code::NEG);
}
Bytes rescaled(float from, float to) {
  return OneNode()
      .in({4}, int8, {.scales = {from}, .zero_points = {0}})
      .out(int8, {4}, {.scales = {to}, .zero_points = {0}})
      .of(Code::QUANTIZE);
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
     "node 0 NEG: input 0 is absent: must not be absent"},
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
    {"Cycle", "cycle",
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
    {"LoopWithoutEnd", "endless loop", [] { return loops(2, [](ModelBuilder& b, int g) { g == 0 ? add_while(b, 1, 1) : pass_on(b); }); },
     "node 0 WHILE: subgraphs were called 1000 times at once, as often as Limits::calls allows: a loop without an end?"},
    {"LoopIntoNowhere", "subgraph reference", [] { return loops(1, [](ModelBuilder& b, int) { add_while(b, -1, 77); }); },
     "node 0 WHILE: calls subgraph -1, but the model has 1"},
    {"IfIntoNowhere", "subgraph reference",
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
    {"TwoScales", "quantization by channel where no op reads it",
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
    {"SparseIndexBelow", "CVE-2022-23560",
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
    {"SparseSegmentsBeyond", "CVE-2022-23560",
     [] {
       return sparse({0, 1, 2, 3, 1 << 30}, {0, 1, 2, 3});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a compressed level whose segments do not cover its indices"},
    {"SparseOrderBeyond", "CVE-2022-23560",
     [] {
       return sparse({0, 1, 2, 3, 4}, {0, 1, 2, 3}, {0, 5});
     },
     "model: subgraph 0: tensor 1 'w' is sparse and has a traversal order that is not a permutation"},
    {"NineDimensions", "rank over 8", [] { return OneNode().in(Dims(9, 2)).out().of(Code::NEG); },
     "model: subgraph 0: tensor 0 't0' has 9 dimensions; at most 8 are possible, beside leading ones"},
    {"ShapeOverflows", "integer overflow",
     [] {
       return OneNode().in({65536, 65536}).out().of(Code::NEG);
     },
     "model: subgraph 0: tensor 0 't0' has shape [65536,65536]: a dimension is negative, or their product passes 2^31 - 1"},
    {"ArenaOverflows", "integer overflow", [] { return OneNode().in({2'147'483'647}).out().of(Code::NEG); },
     sizeof(std::size_t) > 4 ? "arena: no memory for 8589934588 bytes"
                             : "node 0 NEG: output 0 't1' float32[2147483647]: would take 8589934588 bytes, more than can be addressed"},
    {"ConvOfRankTwo", "out-of-bounds read",
     [] {
       return OneNode().in({4, 4}).constant({3, 1, 1, 2}, std::vector<float>(6)).out().of(Code::CONV_2D, [](auto& t) {
         return schema::CreateConv2DOptions(t, schema::Padding::SAME, 1, 1, no_activation, 1, 1);
       });
     },
     "node 0 CONV_2D: input 0 't0' float32[4,4]: must have 4 dimensions, not 2"},
    {"ConvScratchOverflows", "integer overflow",
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
    {"TableThatNobodyMade", "type confusion",
     [] {
       return OneNode()
           .in({1}, resource)
           .in({2}, int64)
           .constant({1}, std::vector<std::int64_t>{0})
           .out(int64)
           .of(Code::HASHTABLE_FIND, [](auto& t) { return schema::CreateHashtableFindOptions(t); });
     },
     "node 0 HASHTABLE_FIND: input 1 't1' int64[2]: must be int64 with strings as values, or string with int64"},
    {"LoopConditionIsNoBool", "type confusion",
     [] { return loops(3, [](ModelBuilder& b, int g) { g == 0   ? add_while(b, 1, 2)
                                                       : g == 1 ? cast_to_float(b)
                                                                : pass_on(b); }); },
     "node 0 WHILE: has a condition, subgraph 1, that does not give a bool", 1},
    {"LoopBodyGivesTwo", "subgraph arity",
     [] { return loops(3, [](ModelBuilder& b, int g) {
            g == 0 ? add_while(b, 1, 2) : g == 1 ? pass_on(b) : b.set_outputs({0, 0});
          }); },
     "node 0 WHILE: has 1 outputs, but subgraph 2 gives 2"},
    {"LoopBodyGivesAnotherType", "type confusion",
     [] { return loops(3, [](ModelBuilder& b, int g) { g == 0   ? add_while(b, 1, 2)
                                                       : g == 1 ? pass_on(b)
                                                                : cast_to_float(b); }); },
     "node 0 WHILE: output 0 'y' bool[1]: must have the type of what is stored there"},
    {"LoopConditionTakesTwo", "subgraph arity",
     [] {
       return loops(3, [](ModelBuilder& b, int g) {
         g == 0 ? add_while(b, 1, 2) : pass_on(b);
         if (g == 1) b.set_inputs({0, 1});
       });
     },
     "node 0 WHILE: calls subgraph 1 with 1 inputs, but it takes 2"},
    {"LoopConditionGivesNothing", "subgraph arity",
     [] { return loops(3, [](ModelBuilder& b, int g) { g == 0   ? add_while(b, 1, 2)
                                                       : g == 1 ? b.set_outputs({})
                                                                : pass_on(b); }); },
     "node 0 WHILE: has a condition, subgraph 1, that does not give a bool"},
    {"LoopLosesATensor", "subgraph arity",
     [] {
       return loops(2, [](ModelBuilder& b, int g) {
         if (g == 0) b.add_operator(Code::WHILE, {0, 0}, {1}, [](auto& t) { return schema::CreateWhileOptions(t, 1, 1); });
         pass_on(b);
       });
     },
     "node 0 WHILE: has 2 inputs, but 1 outputs"},
    {"IfBranchGivesTwo", "subgraph arity",
     [] {
       return call(Code::IF, {0, 0}, {1}, [](ModelBuilder& b) { b.set_outputs({0, 0}); });
     },
     "node 0 IF: has 1 outputs, but subgraph 1 gives 2"},
    {"IfConditionAbsent", "null pointer dereference",
     [] {
       return call(Code::IF, {-1, 0}, {1}, nothing);
     },
     "node 0 IF: input 0 is absent: must be one bool"},
    {"IfBranchGivesAnotherType", "type confusion",
     [] {
       return call(Code::IF, {0, 0}, {1}, cast_to_float);
     },
     "node 0 IF: output 0 'y' bool[1]: must have the type of what is stored there"},
    {"CallWithTooFew", "subgraph arity", [] { return call(Code::CALL, {0}, {1}, [](ModelBuilder& b) {
                                                b.set_inputs({0, 1});
                                              }); },
     "node 0 CALL: calls subgraph 1 with 1 inputs, but it takes 2"},
    {"CallWithoutAnInput", "null pointer dereference", [] { return call(Code::CALL, {-1}, {1}, nothing); },
     "node 0 CALL: leaves out input 0 of subgraph 1"},
    {"CallFillsAConstant", "aliasing",
     [] {
       return call(Code::CALL, {0}, {1}, [](ModelBuilder& b) {
         b.add_constant({.name = "c", .type = boolean, .shape = {1}}, std::vector<std::uint8_t>{1});
         b.set_inputs({2});
         b.set_outputs({2});
       });
     },
     "node 0 CALL: calls subgraph 1, whose input 0 has constant data"},
    {"CallOnceWithInputs", "subgraph arity", [] { return call(Code::CALL_ONCE, {}, {}, nothing); },
     "node 0 CALL_ONCE: calls subgraph 1 with 0 inputs, but it takes 1"},
    {"CaseWithoutBranches", "subgraph reference",
     [] {
       return call(Code::STABLEHLO_CASE, {0, 0}, {1}, nothing);
     },
     "node 0 STABLEHLO_CASE: has no branches"},
    {"CallsTooDeep", "CVE-2021-29591",
     [] {
       return loops(40, [](ModelBuilder& b, int g) {
         if (g == 39) return pass_on(b);
         b.add_operator(Code::CALL, {0}, {1}, [&](auto& t) { return schema::CreateCallOptions(t, static_cast<std::uint32_t>(g + 1)); });
       });
     },
     "subgraph 32: node 0 CALL: calls subgraph 33 from a depth of 32 calls, the most"},
    {"CallsDoubleWithEveryDepth", "exponential time",
     [] {
       return loops(30, [](ModelBuilder& b, int g) {
         if (g == 29) return pass_on(b);
         const auto next = [&](auto& t) { return schema::CreateCallOptions(t, static_cast<std::uint32_t>(g + 1)); };
         b.add_tensor({.name = "z", .type = boolean, .shape = {1}});
         b.add_operator(Code::CALL, {0}, {2}, next);
         b.add_operator(Code::CALL, {2}, {1}, next);
       });
     },
     "subgraph 28: node 1 CALL: subgraphs were called 1000 times at once, as often as Limits::calls allows: a loop without an end?"},
    {"StringsRight", "string offsets",
     [] {
       return strings({2, 16, 17, 19}, 3);
     },
     ""},
    {"StringEndsBeyond", "string offsets",
     [] {
       return strings({2, 16, 17, 20}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"StringsDescend", "string offsets",
     [] {
       return strings({2, 16, 12, 19}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"StringBeginsInTheTable", "string offsets",
     [] {
       return strings({2, 4, 17, 19}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"StringOffsetNegative", "string offsets",
     [] {
       return strings({2, -1, 17, 19}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"StringsTooMany", "string offsets",
     [] {
       return strings({2'147'483'647, 16, 17, 19}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"StringsNegative", "string offsets",
     [] {
       return strings({-2, 16, 17, 19}, 3);
     },
     "model: subgraph 0: tensor 0 's' string[2] has damaged data in buffer 1: another number of strings, or one that ends outside of it"},
    {"SparseStandsForGigabytes", "memory exhaustion",
     [] {
       OneNode node;
       auto& t = node.builder.tables();
       const auto ints = [&t](const std::vector<std::int32_t>& values) {
         return schema::CreateInt32Vector(t, t.CreateVector(values)).Union();
       };
       const auto segments = ints({0, 1}), indices = ints({7});
       const std::vector<flatbuffers::Offset<schema::DimensionMetadata>> dimensions{
           schema::CreateDimensionMetadata(t, schema::DimensionType::SPARSE_CSR, 0, schema::SparseIndexVector::Int32Vector, segments,
                                           schema::SparseIndexVector::Int32Vector, indices)};
       const auto sparsity =
           schema::CreateSparsityParameters(t, t.CreateVector(std::vector<std::int32_t>{0}), 0, t.CreateVector(dimensions));
       const int weights = node.builder.add_constant({.name = "w", .shape = {2'000'000'000}, .sparsity = sparsity}, std::vector<float>{1});
       const int dense = node.builder.add_tensor({.name = "d", .type = float32, .shape = {4}});
       node.builder.add_operator(Code::DENSIFY, {weights}, {dense});
       return node.in({4}).out().of(Code::NEG);
     },
     "model: subgraph 0: tensor 0 'w' is sparse; with it all sparse tensors would take 8000000000 bytes, more than 64 times the file's "
     "592"},
    {"Int4OfOddCount", "out-of-bounds read",
     [] {
       return OneNode()
           .in({1, 3}, int8, {.scales = {1}, .zero_points = {0}})
           .constant({3, 3}, std::vector<std::uint8_t>(5, 0x12), {.scales = {1}, .zero_points = {0}}, int4)
           .out(int8, {1, 3}, {.scales = {1}, .zero_points = {0}})
           .of(Code::FULLY_CONNECTED, [](auto& t) { return schema::CreateFullyConnectedOptions(t, no_activation); });
     },
     ""},
    {"Int4TooShort", "CVE-2020-15208",
     [] {
       OneNode node;
       const int w = node.builder.add_constant({.name = "w", .type = int4, .shape = {3}}, std::vector<std::uint8_t>{0x12});
       const int f = node.builder.add_tensor({.name = "f", .type = float32, .shape = {3}});
       node.builder.add_operator(Code::DEQUANTIZE, {w}, {f});
       return node.in({4}).out().of(Code::NEG);
     },
     "model: subgraph 0: tensor 0 'w' int4[3] takes 2 bytes, but its buffer 1 holds 1"},
    {"ScaleRatioBeyondOne", "CVE-2022-29212", [] { return rescaled(100, 0.5f); }, ""},
    {"ScaleRatioHuge", "CVE-2022-29212", [] { return rescaled(1e38f, 1e-38f); },
     "node 0 QUANTIZE: input 0 't0' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"ScaleRatioTiny", "CVE-2022-29212", [] { return rescaled(1e-38f, 1e38f); },
     "node 0 QUANTIZE: output 0 't1' int8[4]: must have a positive scale and a zero point in the range of its type"},
    {"ZeroPointOfPackedIntegersOutOfRange", "signed overflow",
     [] { return OneNode().in({4}, int4, {.scales = {1}, .zero_points = {2147483647}}).out().of(Code::DEQUANTIZE); },
     "node 0 DEQUANTIZE: input 0 't0' int4[4]: must have positive scales, one per channel or one for all, and zero points in the range of "
     "its type"},
    {"CustomOpThatNobodyKnows", "null pointer dereference", [] { return OneNode().in({4}).out().of_custom("Nobody"); },
     "node 0 Nobody: this op is not in the registry; add it to the template arguments of OpRegistry"},
    {"FlexOpWithoutTensorFlow", "null pointer dereference",
     [] {
       return OneNode().in({4}).out().of_custom("FlexNeg", {0x12, 0x34});
     },
     "node 0 FlexNeg: this op is not in the registry; add it to the template arguments of OpRegistry"},
    {"DetectionWithoutOptions", "custom options",
     [] {
       return OneNode().in({1, 2, 4}).in({1, 2, 3}).in({2, 4}).out().out().out().out().of_custom("TFLite_Detection_PostProcess");
     },
     "node 0 TFLite_Detection_PostProcess: has max_classes_per_detection 0, which must be 1 or more"},
    {"DetectionWithDamagedOptions", "custom options",
     [] {
       return OneNode().in({1, 2, 4}).in({1, 2, 3}).in({2, 4}).out().out().out().out().of_custom(
           "TFLite_Detection_PostProcess", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x27, 0x08});
     },
     "node 0 TFLite_Detection_PostProcess: has max_classes_per_detection 0, which must be 1 or more"},
    {"MfccWithoutOptions", "custom options",
     [] {
       return OneNode().in({1, 2, 9}).ints({8000}).out().of_custom("Mfcc");
     },
     "node 0 Mfcc: must have a filterbank_channel_count of at least 1, not 0"},
    {"SpectrogramWithoutOptions", "custom options",
     [] {
       return OneNode().in({64, 1}).out().of_custom("AudioSpectrogram");
     },
     "node 0 AudioSpectrogram: must have a window_size from 2 to 2^24, not 0"},
    {"Pool3DWithoutOptions", "custom options",
     [] {
       return OneNode().in({1, 4, 4, 4, 1}).out().of_custom("MaxPool3D");
     },
     "node 0 MaxPool3D: has an unknown padding"},
};

}  // namespace
}  // namespace tfl::test

TFL_CORPUS(Structure, spots)
