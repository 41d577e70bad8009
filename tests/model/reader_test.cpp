// What is read out of files that are right, odd ones among them.

#include "tfl/model/reader.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "model/net.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::Model;
using tfl::ModelBuilder;
using tfl::TensorType;
using tfl::test::Bytes;
using tfl::test::float4;
using tfl::test::load;
using tfl::test::message_of;
using tfl::test::Net;

TEST(Reader, NodesOutOfOrderAreSorted) {
  ModelBuilder builder;
  std::vector<int> t;
  for (int i = 0; i < 6; ++i) t.push_back(builder.add_tensor(float4("t" + std::to_string(i))));
  // In the file: t4 -> t5, t2 -> t3, t0 -> t1, t3 -> t4, t1 -> t2.
  for (const int from : {4, 2, 0, 3, 1}) {
    builder.add_operator(BuiltinOperator::NEG, {t[static_cast<std::size_t>(from)]}, {t[static_cast<std::size_t>(from + 1)]});
  }
  builder.set_inputs({t[0]});
  builder.set_outputs({t[5]});
  const Bytes bytes = builder.finish();
  auto model = load(bytes);
  ASSERT_TRUE(model) << model.message();
  std::vector<int> order;
  for (const tfl::GraphNode& node : model->subgraphs()[0].nodes) {
    order.push_back(node.inputs[0]);
    EXPECT_EQ(node.outputs[0], node.inputs[0] + 1);
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(model->subgraphs()[0].nodes[0].file_index, 2);  // errors tell the file's numbers
  EXPECT_EQ(model->subgraphs()[0].nodes[4].file_index, 0);
}

TEST(Reader, ManyNodesInReverseAreSortedFast) {
  constexpr std::int32_t count = 100'000;  // a sweep for each would take minutes
  ModelBuilder b;
  for (std::int32_t t = 0; t <= count; ++t) b.add_tensor({.name = "", .type = TensorType::float32, .shape = {1}});
  for (std::int32_t t = count; t > 0; --t) b.add_operator(BuiltinOperator::NEG, {t - 1}, {t});
  b.set_inputs({0});
  b.set_outputs({count});
  const auto model = load(b.finish());
  ASSERT_TRUE(model) << model.message();
  std::int32_t next = 0;
  for (const tfl::GraphNode& node : model->subgraphs()[0].nodes) ASSERT_EQ(node.inputs[0], next++);
}

TEST(Reader, OrderOfTheFileIsKeptWhereItIsOne) {
  Net net;
  const int a = net.builder.add_tensor(float4("a")), b = net.builder.add_tensor(float4("b"));
  net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {b});
  net.builder.add_operator(BuiltinOperator::SQUARE, {net.x}, {a});
  const Bytes bytes = net.finish();
  auto model = load(bytes);
  ASSERT_TRUE(model) << model.message();
  EXPECT_EQ(model->subgraphs()[0].nodes[0].outputs[0], b);
  EXPECT_EQ(model->subgraphs()[0].nodes[1].outputs[0], a);
}

TEST(Reader, LiesAtAnyAddress) {
  Net net;
  const std::vector<double> values{1.5, -2.5, 3.5};
  net.builder.add_constant({.name = "w", .shape = {3}}, values);
  const Bytes bytes = net.finish();
  for (std::size_t shift = 0; shift < 17; ++shift) {
    std::vector<std::uint8_t> memory(bytes.size() + 64);
    std::memcpy(memory.data() + shift, bytes.data(), bytes.size());
    auto model = Model::from_memory(std::span<const std::uint8_t>(memory.data() + shift, bytes.size()));
    ASSERT_TRUE(model) << model.message();
    const auto data = model->subgraphs()[0].tensors[2].data;
    ASSERT_EQ(data.size(), 24u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data.data()) % 8, 0u);
    EXPECT_EQ(std::memcmp(data.data(), values.data(), 24), 0);
  }
}

/// The bytes of a model followed by `data`, which lie `padding` bytes behind its end.
Bytes with_data_behind(const std::vector<float>& values, std::size_t padding, std::size_t* offset = nullptr) {
  const auto make = [&](std::uint64_t at) {
    Net net;
    const auto buffer = net.builder.add_outside_buffer(at, values.size() * sizeof(float));
    net.builder.add_tensor(
        {.name = "w", .type = TensorType::float32, .shape = {static_cast<std::int32_t>(values.size())}, .buffer = buffer});
    return net.finish();
  };
  const std::size_t tables = make(1 << 20).size();
  Bytes bytes = make(tables + padding);
  bytes.resize(tables + padding + values.size() * sizeof(float));
  std::memcpy(bytes.data() + tables + padding, values.data(), values.size() * sizeof(float));
  if (offset != nullptr) *offset = tables + padding;
  return bytes;
}

TEST(Reader, DataBehindTheTablesAreFoundAndRealigned) {
  const std::vector<float> values{1, 2, 3, 4, 5};
  for (const std::size_t padding : {0u, 1u, 2u, 3u, 16u}) {
    std::size_t offset = 0;
    const Bytes bytes = with_data_behind(values, padding, &offset);
    auto model = load(bytes);
    ASSERT_TRUE(model) << model.message();
    const tfl::GraphTensor& tensor = model->subgraphs()[0].tensors[2];
    ASSERT_TRUE(tensor.description.is_constant);
    ASSERT_EQ(tensor.data.size(), 20u);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % 4, 0u);
    EXPECT_EQ(std::memcmp(tensor.data.data(), values.data(), 20), 0);
    // Only what lies badly is copied.
    EXPECT_EQ(tensor.data.data() == model->file().data() + offset, offset % 4 == 0);
  }
}

TEST(Reader, SignaturesAndMetadataAreRead) {
  Net net;
  net.builder.add_signature("serve", {{"image", 0}}, {{"scores", 1}});
  net.builder.add_signature("train", {}, {});
  net.builder.add_metadata("labels", std::string_view("cat\ndog\n"));
  net.builder.add_metadata("min_runtime_version", std::string_view("2.3.0"));
  net.builder.set_description("a model");
  const Bytes bytes = net.finish();
  auto model = load(bytes);
  ASSERT_TRUE(model) << model.message();
  EXPECT_EQ(model->description(), "a model");
  ASSERT_EQ(model->signature_count(), 2);
  EXPECT_EQ(model->signature_name(0), "serve");
  EXPECT_EQ(model->find_signature("train"), 1);
  EXPECT_EQ(model->find_signature("test"), -1);
  ASSERT_EQ(model->signature_input_count(0), 1);
  EXPECT_EQ(model->signature_input(0, 0).name, "image");
  EXPECT_EQ(model->signature_input(0, 0).tensor, 0);
  EXPECT_EQ(model->signature_output(0, 0).name, "scores");
  EXPECT_EQ(model->signature_output(0, 0).tensor, 1);
  EXPECT_EQ(model->signature_input_count(1), 0);
  ASSERT_EQ(model->metadata_count(), 2);
  EXPECT_EQ(model->metadata_name(1), "min_runtime_version");
  const auto labels = model->metadata("labels");
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(labels.data()), labels.size()), "cat\ndog\n");
  EXPECT_TRUE(model->metadata("other").empty());
}

TEST(Reader, TensorsWithoutElementsNeedNoData) {
  Net net;
  const int empty = net.builder.add_tensor({.name = "empty", .type = TensorType::int32, .shape = {0}});
  net.builder.add_custom_operator("op", {net.x, empty, -1}, {net.y});
  net.with_node = false;
  const Bytes bytes = net.finish();
  auto model = load(bytes);
  ASSERT_TRUE(model) << model.message();
  EXPECT_TRUE(model->subgraphs()[0].tensors[static_cast<std::size_t>(empty)].description.is_constant);
  EXPECT_EQ(model->subgraphs()[0].nodes[0].name(), "op");
}

TEST(Reader, OddButAllowed) {
  // Scalars, strings, sub-byte constants, a scale of 0, one scale with a strange axis, an unused operator code, an empty subgraph.
  Net net;
  net.builder.add_constant({.name = "scalar"}, {7});
  net.builder.add_string_constant({.name = "words", .shape = {2}}, std::vector<std::string>{"a", "bc"});
  net.builder.add_constant({.name = "nibbles", .type = TensorType::int4, .shape = {3}}, std::vector<std::uint8_t>{0x21, 0x03});
  net.builder.add_tensor({.name = "zero", .type = TensorType::int8, .quantization = {.scales = {0}, .zero_points = {0}}});
  net.builder.add_tensor(
      {.name = "axis", .type = TensorType::int8, .quantization = {.scales = {1}, .zero_points = {0}, .quantized_dimension = 9}});
  net.builder.find_operator_code(BuiltinOperator::CONV_2D, "", 99);
  EXPECT_EQ(message_of(net.finish()), "");
  ModelBuilder builder;
  builder.begin_subgraph("empty");
  EXPECT_EQ(message_of(builder.finish()), "");
}

TEST(Reader, CopiesShareOneFile) {
  const Bytes bytes = Net().finish();
  Model outer;
  EXPECT_FALSE(outer);
  {
    auto model = load(bytes);
    ASSERT_TRUE(model) << model.message();
    outer = *model;
    EXPECT_EQ(outer.file().data(), model->file().data());
  }
  ASSERT_TRUE(outer);
  EXPECT_EQ(outer.subgraphs()[0].tensors[0].name, "x");
}

}  // namespace
