// libraries: tfl_converter
// The converter's graphs: uses stay right whatever a pass does, nodes find an order, cycles are told.

#include "tools/converter/ir/graph.hpp"

#include <gtest/gtest.h>

namespace tfl::converter {
namespace {

using B = BuiltinOperator;

struct Chain {
  Graph graph;
  Tensor* x = graph.add_tensor("x", TensorType::float32, {1, 4});
  Tensor* y = graph.add_tensor("y", TensorType::float32, {1, 4});
  Tensor* z = graph.add_tensor("z", TensorType::float32, {1, 4});
  Chain() {
    graph.set_inputs({x});
    graph.set_outputs({z});
  }
};

TEST(Graph, KeepsProducersAndUsers) {
  Chain c;
  Node* relu = c.graph.append(B::RELU, {c.x}, {c.y});
  Node* add = c.graph.append(B::ADD, {c.y, c.y}, {c.z});
  EXPECT_EQ(c.y->producer, relu);
  EXPECT_EQ(c.y->users, (std::vector<Node*>{add, add}));
  EXPECT_EQ(c.graph.only_user(c.y), nullptr);
  EXPECT_EQ(c.graph.only_user(c.x), relu);
  c.graph.replace_uses(c.y, c.x);
  EXPECT_TRUE(c.y->users.empty());
  EXPECT_EQ(add->input(0), c.x);
  EXPECT_EQ(add->input(1), c.x);
  c.graph.erase(relu);
  EXPECT_EQ(c.y->producer, nullptr);
  EXPECT_EQ(c.x->users.size(), 2u);
  c.graph.drop_unused_tensors();
  EXPECT_EQ(c.graph.tensors().size(), 2u);
}

TEST(Graph, SortsNodesAndKeepsTheirOrderOtherwise) {
  Chain c;
  Node* second = c.graph.append(B::ABS, {c.y}, {c.z});
  Node* first = c.graph.append(B::RELU, {c.x}, {c.y});
  Problems problems;
  EXPECT_TRUE(c.graph.sort(problems));
  EXPECT_EQ(c.graph.nodes().front().get(), first);
  EXPECT_EQ(c.graph.nodes().back().get(), second);
}

TEST(Graph, TellsTheNodesOfACycle) {
  Chain c;
  c.graph.append(B::ABS, {c.z}, {c.y})->source_name = "there";
  c.graph.append(B::RELU, {c.y}, {c.z})->source_name = "back";
  Problems problems;
  EXPECT_FALSE(c.graph.sort(problems));
  EXPECT_EQ(problems.count(), 2u);
  EXPECT_NE(problems.text().find("node 'there' (ABS)"), std::string::npos);
  EXPECT_EQ(c.graph.size(), 2u);
}

TEST(Graph, CountsOnlyWhatFits) {
  Tensor t;
  t.shape = {2, 3};
  EXPECT_EQ(t.count(), 6);
  t.shape = {2, -1};
  EXPECT_EQ(t.count(), -1);
  t.shape = {1 << 30, 1 << 30, 1 << 30};
  EXPECT_EQ(t.count(), -1);
  t.shape = {1 << 30, 0, 1 << 30};
  EXPECT_EQ(t.count(), 0);
}

TEST(Problems, KeepsAFewAndCountsAll) {
  Problems problems;
  for (int i = 0; i < 1000; ++i) problems.add("node 'a' (tf.Foo)", "has no translation");
  EXPECT_EQ(problems.count(), 1000u);
  EXPECT_LT(problems.list().size(), 1000u);
  EXPECT_NE(problems.text().find("more"), std::string::npos);
}

}  // namespace
}  // namespace tfl::converter
