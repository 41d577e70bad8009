#include "tfl/model/builder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

namespace {

using tfl::BuiltinOperator;
using tfl::ModelBuilder;
using tfl::TensorType;
namespace schema = tfl::schema;

bool verifies(const std::vector<std::uint8_t>& bytes) {
  flatbuffers::Verifier verifier(bytes.data(), bytes.size());
  return schema::VerifyModelBuffer(verifier);
}

template <class T> std::vector<T> values(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr ? std::vector<T>() : std::vector<T>(vector->begin(), vector->end());
}

std::string text(const flatbuffers::String* string) { return string == nullptr ? "(absent)" : string->str(); }

std::vector<std::uint8_t> data_of(const schema::Model* model, const schema::Tensor* tensor) {
  return values(model->buffers()->Get(tensor->buffer())->data());
}

using Integers = std::vector<std::int32_t>;

TEST(ModelBuilder, EmptyModel) {
  ModelBuilder builder;
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  EXPECT_EQ(std::string(bytes.begin() + 4, bytes.begin() + 8), "TFL3");
  const auto* model = schema::GetModel(bytes.data());
  EXPECT_EQ(model->version(), 3u);
  EXPECT_EQ(model->subgraphs()->size(), 0u);
  EXPECT_EQ(model->operator_codes()->size(), 0u);
  ASSERT_EQ(model->buffers()->size(), 1u);
  EXPECT_EQ(model->buffers()->Get(0)->data(), nullptr);
  EXPECT_EQ(model->description(), nullptr);
  EXPECT_EQ(model->metadata(), nullptr);
  EXPECT_EQ(model->signature_defs(), nullptr);
}

TEST(ModelBuilder, TensorFields) {
  ModelBuilder builder;
  EXPECT_EQ(builder.add_tensor({.name = "plain", .type = TensorType::float32, .shape = {1, 2, 3}}), 0);
  EXPECT_EQ(builder.add_tensor(
                {.name = "quantized",
                 .type = TensorType::int8,
                 .shape = {2, 4},
                 .quantization = {.scales = {0.5f, 0.25f}, .zero_points = {3, -4}, .quantized_dimension = 1, .min = {-1.0f}, .max = {2.0f}},
                 .is_variable = true,
                 .shape_signature = {-1, 4},
                 .buffer = 7,
                 .has_rank = true}),
            1);
  EXPECT_EQ(builder.add_tensor({"scalar", TensorType::int64}), 2);
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* graph = schema::GetModel(bytes.data())->subgraphs()->Get(0);
  EXPECT_EQ(text(graph->name()), "main");
  ASSERT_EQ(graph->tensors()->size(), 3u);

  const auto* plain = graph->tensors()->Get(0);
  EXPECT_EQ(text(plain->name()), "plain");
  EXPECT_EQ(plain->type(), schema::TensorType::FLOAT32);
  EXPECT_EQ(values(plain->shape()), (Integers{1, 2, 3}));
  EXPECT_EQ(plain->buffer(), 0u);
  EXPECT_EQ(plain->quantization(), nullptr);
  EXPECT_FALSE(plain->is_variable());
  EXPECT_EQ(plain->shape_signature(), nullptr);
  EXPECT_EQ(plain->sparsity(), nullptr);
  EXPECT_FALSE(plain->has_rank());

  const auto* quantized = graph->tensors()->Get(1);
  EXPECT_EQ(quantized->type(), schema::TensorType::INT8);
  EXPECT_EQ(values(quantized->quantization()->scale()), (std::vector<float>{0.5f, 0.25f}));
  EXPECT_EQ(values(quantized->quantization()->zero_point()), (std::vector<std::int64_t>{3, -4}));
  EXPECT_EQ(values(quantized->quantization()->min()), std::vector<float>{-1.0f});
  EXPECT_EQ(values(quantized->quantization()->max()), std::vector<float>{2.0f});
  EXPECT_EQ(quantized->quantization()->quantized_dimension(), 1);
  EXPECT_TRUE(quantized->is_variable());
  EXPECT_EQ(values(quantized->shape_signature()), (Integers{-1, 4}));
  EXPECT_EQ(quantized->buffer(), 7u);
  EXPECT_TRUE(quantized->has_rank());

  const auto* scalar = graph->tensors()->Get(2);
  EXPECT_EQ(scalar->type(), schema::TensorType::INT64);
  ASSERT_NE(scalar->shape(), nullptr);
  EXPECT_EQ(scalar->shape()->size(), 0u);
}

TEST(ModelBuilder, EveryTensorTypeIsKept) {
  ModelBuilder builder;
  for (int type = 0; type < tfl::tensor_type_count; ++type) builder.add_tensor({.type = static_cast<TensorType>(type)});
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* tensors = schema::GetModel(bytes.data())->subgraphs()->Get(0)->tensors();
  for (int type = 0; type < tfl::tensor_type_count; ++type) {
    EXPECT_EQ(static_cast<int>(tensors->Get(static_cast<unsigned>(type))->type()), type);
  }
}

TEST(ModelBuilder, QuantizationAndSparsityTables) {
  ModelBuilder builder;
  const auto blockwise = schema::CreateBlockwiseQuantization(builder.tables(), 4, -1, 32);
  const auto order = builder.tables().CreateVector(Integers{0, 1});
  const auto sparsity = schema::CreateSparsityParameters(builder.tables(), order);
  builder.add_tensor({.name = "w",
                      .type = TensorType::int4,
                      .shape = {8, 32},
                      .quantization = {.details_type = schema::QuantizationDetails::BlockwiseQuantization, .details = blockwise.Union()},
                      .sparsity = sparsity});
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* tensor = schema::GetModel(bytes.data())->subgraphs()->Get(0)->tensors()->Get(0);
  const auto* details = tensor->quantization()->details_as_BlockwiseQuantization();
  ASSERT_NE(details, nullptr);
  EXPECT_EQ(details->scales(), 4);
  EXPECT_EQ(details->block_size(), 32);
  EXPECT_EQ(values(tensor->sparsity()->traversal_order()), (Integers{0, 1}));
}

TEST(ModelBuilder, ConstantsAreAlignedSharedAndTyped) {
  ModelBuilder builder;
  const std::vector<float> weights = {1.0f, -2.0f, 3.5f};
  const std::array<std::uint8_t, 5> raw = {1, 2, 3, 4, 5};
  const int first = builder.add_constant({.name = "a", .shape = {3}}, weights);
  const int second = builder.add_constant({.name = "b", .shape = {3}}, std::span<const float>(weights));
  const int shape = builder.add_constant({.name = "shape", .shape = {2}}, {1, -1});
  const int wide = builder.add_constant<std::int64_t>({.name = "wide", .shape = {2}}, {1, -1});
  const int packed = builder.add_constant({.name = "packed", .type = TensorType::int4, .shape = {9}}, raw);
  const int empty = builder.add_constant({.name = "empty", .shape = {0}}, std::vector<std::int32_t>());
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  const auto* tensors = model->subgraphs()->Get(0)->tensors();
  const auto tensor = [&](int index) { return tensors->Get(static_cast<unsigned>(index)); };

  EXPECT_EQ(model->buffers()->size(), 6u) << "buffer 0, and one for each different constant";
  EXPECT_EQ(tensor(first)->buffer(), tensor(second)->buffer());
  EXPECT_EQ(tensor(first)->type(), schema::TensorType::FLOAT32);
  EXPECT_EQ(tensor(shape)->type(), schema::TensorType::INT32);
  EXPECT_EQ(tensor(wide)->type(), schema::TensorType::INT64);
  EXPECT_EQ(tensor(packed)->type(), schema::TensorType::INT4);
  const auto data = data_of(model, tensor(first));
  ASSERT_EQ(data.size(), sizeof(float) * weights.size());
  EXPECT_EQ(std::memcmp(data.data(), weights.data(), data.size()), 0);
  EXPECT_EQ(data_of(model, tensor(shape)), (std::vector<std::uint8_t>{1, 0, 0, 0, 255, 255, 255, 255}));
  EXPECT_EQ(data_of(model, tensor(wide)).size(), 16u);
  EXPECT_EQ(data_of(model, tensor(packed)), (std::vector<std::uint8_t>{1, 2, 3, 4, 5}));
  EXPECT_NE(tensor(empty)->buffer(), 0u);
  EXPECT_EQ(data_of(model, tensor(empty)).size(), 0u);
  for (const auto* buffer : *model->buffers()) {
    if (buffer->data() == nullptr || buffer->data()->size() == 0) continue;
    EXPECT_EQ((buffer->data()->data() - bytes.data()) % 16, 0);
  }
}

TEST(ModelBuilder, SharedConstantsAreFoundAmongMany) {
  ModelBuilder builder;
  std::vector<std::uint32_t> numbers;
  for (int i = 0; i < 500; ++i) {
    const std::vector<std::uint8_t> data(static_cast<std::size_t>(1 + i % 7), static_cast<std::uint8_t>(i));
    numbers.push_back(builder.add_buffer(data));
    builder.tables().CreateString("tables move the data that were written before");
  }
  for (int i = 0; i < 500; ++i) {
    const std::vector<std::uint8_t> data(static_cast<std::size_t>(1 + i % 7), static_cast<std::uint8_t>(i));
    EXPECT_EQ(builder.add_buffer(data), numbers[static_cast<std::size_t>(i)]);
  }
}

TEST(ModelBuilder, StringConstant) {
  ModelBuilder builder;
  const std::vector<std::string> words = {"ab", "", "xyz"};
  builder.add_string_constant({.name = "words", .shape = {3}}, words);
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  const auto* tensor = model->subgraphs()->Get(0)->tensors()->Get(0);
  EXPECT_EQ(tensor->type(), schema::TensorType::STRING);
  EXPECT_EQ(data_of(model, tensor), (std::vector<std::uint8_t>{3,  0, 0, 0, 20, 0, 0, 0, 22,  0,   0,   0,  //
                                                               22, 0, 0, 0, 25, 0, 0, 0, 'a', 'b', 'x', 'y', 'z'}));
}

TEST(ModelBuilder, OptionsOfBothUnions) {
  ModelBuilder builder;
  builder.add_operator(BuiltinOperator::CONV_2D, {0, 1, -1}, {3}, [](auto& tables) {
    return schema::CreateConv2DOptions(tables, schema::Padding::VALID, 2, 3, schema::ActivationFunctionType::RELU6);
  });
  builder.add_operator(BuiltinOperator::SOFTMAX, {3}, {4}, builder.options(schema::CreateSoftmaxOptions, 0.5f), 2);
  builder.add_operator(BuiltinOperator::STABLEHLO_CONCATENATE, {0, 1}, {5},
                       [](auto& tables) { return schema::CreateStablehloConcatenateOptions(tables, 4); });
  builder.add_operator(BuiltinOperator::RELU, {5}, {6}, 3);
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  const auto* operators = model->subgraphs()->Get(0)->operators();
  ASSERT_EQ(operators->size(), 4u);

  const auto* conv = operators->Get(0);
  EXPECT_EQ(values(conv->inputs()), (Integers{0, 1, -1}));
  EXPECT_EQ(values(conv->outputs()), Integers{3});
  ASSERT_NE(conv->builtin_options_as_Conv2DOptions(), nullptr);
  EXPECT_EQ(conv->builtin_options_as_Conv2DOptions()->padding(), schema::Padding::VALID);
  EXPECT_EQ(conv->builtin_options_as_Conv2DOptions()->stride_w(), 2);
  EXPECT_EQ(conv->builtin_options_as_Conv2DOptions()->stride_h(), 3);
  EXPECT_EQ(conv->builtin_options_as_Conv2DOptions()->fused_activation_function(), schema::ActivationFunctionType::RELU6);
  EXPECT_EQ(conv->builtin_options_as_Conv2DOptions()->dilation_w_factor(), 1);
  EXPECT_EQ(conv->builtin_options_2_type(), schema::BuiltinOptions2::NONE);

  ASSERT_NE(operators->Get(1)->builtin_options_as_SoftmaxOptions(), nullptr);
  EXPECT_EQ(operators->Get(1)->builtin_options_as_SoftmaxOptions()->beta(), 0.5f);
  EXPECT_EQ(model->operator_codes()->Get(operators->Get(1)->opcode_index())->version(), 2);

  const auto* concatenate = operators->Get(2);
  EXPECT_EQ(concatenate->builtin_options_type(), schema::BuiltinOptions::NONE);
  ASSERT_NE(concatenate->builtin_options_2_as_StablehloConcatenateOptions(), nullptr);
  EXPECT_EQ(concatenate->builtin_options_2_as_StablehloConcatenateOptions()->dimension(), 4);

  EXPECT_EQ(operators->Get(3)->builtin_options_type(), schema::BuiltinOptions::NONE);
  EXPECT_EQ(model->operator_codes()->Get(operators->Get(3)->opcode_index())->version(), 3);
}

TEST(ModelBuilder, OperatorCodesAreSharedAndOldReadersAreServed) {
  ModelBuilder builder;
  builder.add_operator(BuiltinOperator::RELU, {0}, {1});
  builder.add_operator(BuiltinOperator::GELU, {1}, {2});
  builder.add_operator(BuiltinOperator::RELU, {2}, {3});
  builder.add_operator(BuiltinOperator::RELU, {3}, {4}, 2);
  builder.add_custom_operator("Mine", {4}, {5});
  builder.add_custom_operator("Mine", {5}, {6});
  builder.add_custom_operator("Other", {6}, {7});
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  const auto* codes = model->operator_codes();
  ASSERT_EQ(codes->size(), 5u);
  EXPECT_EQ(codes->Get(0)->deprecated_builtin_code(), 19);
  EXPECT_EQ(codes->Get(0)->builtin_code(), schema::BuiltinOperator::RELU);
  EXPECT_EQ(codes->Get(0)->version(), 1);
  EXPECT_EQ(codes->Get(0)->custom_code(), nullptr);
  EXPECT_EQ(codes->Get(1)->deprecated_builtin_code(), 127);
  EXPECT_EQ(codes->Get(1)->builtin_code(), schema::BuiltinOperator::GELU);
  EXPECT_EQ(codes->Get(2)->version(), 2);
  EXPECT_EQ(codes->Get(3)->builtin_code(), schema::BuiltinOperator::CUSTOM);
  EXPECT_EQ(codes->Get(3)->deprecated_builtin_code(), 32);
  EXPECT_EQ(text(codes->Get(3)->custom_code()), "Mine");
  EXPECT_EQ(text(codes->Get(4)->custom_code()), "Other");
  Integers used;
  for (const auto* entry : *model->subgraphs()->Get(0)->operators()) used.push_back(static_cast<std::int32_t>(entry->opcode_index()));
  EXPECT_EQ(used, (Integers{0, 1, 0, 2, 3, 3, 4}));
}

TEST(ModelBuilder, CustomOptionsAndIntermediates) {
  ModelBuilder builder;
  const std::array<std::uint8_t, 3> options = {9, 8, 7};
  builder.add_custom_operator("Mine", {0}, {1}, options, 4);
  builder.add_operator(BuiltinOperator::LSTM, {0, 1, 2}, {3}, [](auto& tables) { return schema::CreateLSTMOptions(tables); }, 1,
                       {10, 11, 12, 13, 14});
  builder.add_operator({.opcode_index = 5,
                        .inputs = {0},
                        .outputs = {1},
                        .mutating_variable_inputs = {1, 0},
                        .large_custom_options_offset = 1000,
                        .large_custom_options_size = 20});
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  const auto* operators = model->subgraphs()->Get(0)->operators();
  EXPECT_EQ(values(operators->Get(0)->custom_options()), (std::vector<std::uint8_t>{9, 8, 7}));
  EXPECT_EQ(model->operator_codes()->Get(0)->version(), 4);
  EXPECT_EQ(values(operators->Get(1)->intermediates()), (Integers{10, 11, 12, 13, 14}));
  EXPECT_EQ(values(operators->Get(2)->mutating_variable_inputs()), (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(operators->Get(2)->large_custom_options_offset(), 1000u);
  EXPECT_EQ(operators->Get(2)->large_custom_options_size(), 20u);
}

TEST(ModelBuilder, SubgraphsSignaturesAndMetadata) {
  ModelBuilder builder;
  EXPECT_EQ(builder.begin_subgraph("outer"), 0);
  const int condition = builder.add_tensor({"condition", TensorType::boolean});
  const int result = builder.add_tensor({"result", TensorType::float32, {2}});
  builder.add_operator(BuiltinOperator::IF, {condition}, {result}, [](auto& tables) { return schema::CreateIfOptions(tables, 1, 2); });
  builder.set_inputs({condition});
  builder.set_outputs({result});
  EXPECT_EQ(builder.begin_subgraph("then"), 1);
  EXPECT_EQ(builder.add_constant({.name = "one", .shape = {2}}, {1.0f, 1.0f}), 0) << "tensor numbers start again in each subgraph";
  builder.set_outputs({0});
  EXPECT_EQ(builder.begin_subgraph("else"), 2);
  builder.add_constant({.name = "two", .shape = {2}}, {2.0f, 2.0f});
  builder.set_outputs({0});
  builder.select_subgraph(0);
  EXPECT_EQ(builder.add_tensor({"late", TensorType::float32}), 2);
  builder.add_signature("serving_default", {{"condition", 0}}, {{"result", 1}, {"again", 1}});
  builder.add_signature("then", {}, {{"one", 0}}, 1);
  builder.add_metadata("note", "hello");
  builder.set_description("two branches");
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes));
  const auto* model = schema::GetModel(bytes.data());
  EXPECT_EQ(text(model->description()), "two branches");
  ASSERT_EQ(model->subgraphs()->size(), 3u);
  EXPECT_EQ(text(model->subgraphs()->Get(0)->name()), "outer");
  EXPECT_EQ(model->subgraphs()->Get(0)->tensors()->size(), 3u);
  EXPECT_EQ(values(model->subgraphs()->Get(0)->inputs()), Integers{condition});
  EXPECT_EQ(values(model->subgraphs()->Get(0)->outputs()), Integers{result});
  EXPECT_EQ(text(model->subgraphs()->Get(1)->name()), "then");
  EXPECT_EQ(model->subgraphs()->Get(1)->inputs()->size(), 0u);
  EXPECT_EQ(model->subgraphs()->Get(1)->operators()->size(), 0u);
  EXPECT_EQ(text(model->subgraphs()->Get(2)->tensors()->Get(0)->name()), "two");

  ASSERT_EQ(model->signature_defs()->size(), 2u);
  const auto* serving = model->signature_defs()->Get(0);
  EXPECT_EQ(text(serving->signature_key()), "serving_default");
  EXPECT_EQ(text(serving->inputs()->Get(0)->name()), "condition");
  EXPECT_EQ(serving->inputs()->Get(0)->tensor_index(), 0u);
  ASSERT_EQ(serving->outputs()->size(), 2u);
  EXPECT_EQ(text(serving->outputs()->Get(1)->name()), "again");
  EXPECT_EQ(serving->outputs()->Get(1)->tensor_index(), 1u);
  EXPECT_EQ(serving->subgraph_index(), 0u);
  EXPECT_EQ(model->signature_defs()->Get(1)->subgraph_index(), 1u);
  EXPECT_EQ(model->signature_defs()->Get(1)->inputs()->size(), 0u);

  ASSERT_EQ(model->metadata()->size(), 1u);
  EXPECT_EQ(text(model->metadata()->Get(0)->name()), "note");
  EXPECT_EQ(values(model->buffers()->Get(model->metadata()->Get(0)->buffer())->data()),
            (std::vector<std::uint8_t>{'h', 'e', 'l', 'l', 'o'}));
}

TEST(ModelBuilder, WrongModelsCanBeWritten) {
  constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
  ModelBuilder builder;
  builder.set_version(99);
  builder.add_tensor({.name = "huge", .type = TensorType::float32, .shape = {most, most, -5}, .buffer = 12345});
  builder.add_tensor({.type = static_cast<TensorType>(77)});
  EXPECT_EQ(builder.add_outside_buffer(1u << 30, 64), 1u);
  builder.add_operator_code(-3, -7, "", -1);
  builder.add_operator({.opcode_index = 4000000000u, .inputs = {-2, most}, .outputs = {0, 0}});
  builder.set_inputs({99});
  builder.set_outputs({-1});
  builder.add_signature("wrong", {{"x", 4000000000u}}, {}, 17);
  const auto bytes = builder.finish();
  ASSERT_TRUE(verifies(bytes)) << "wrong as a model, well-formed as a flatbuffer";
  const auto* model = schema::GetModel(bytes.data());
  const auto* graph = model->subgraphs()->Get(0);
  EXPECT_EQ(model->version(), 99u);
  EXPECT_EQ(values(graph->tensors()->Get(0)->shape()), (Integers{most, most, -5}));
  EXPECT_EQ(graph->tensors()->Get(0)->buffer(), 12345u);
  EXPECT_EQ(static_cast<int>(graph->tensors()->Get(1)->type()), 77);
  EXPECT_EQ(model->buffers()->Get(1)->offset(), 1u << 30);
  EXPECT_EQ(model->buffers()->Get(1)->size(), 64u);
  EXPECT_EQ(static_cast<int>(model->operator_codes()->Get(0)->builtin_code()), -3);
  EXPECT_EQ(model->operator_codes()->Get(0)->deprecated_builtin_code(), -7);
  EXPECT_EQ(model->operator_codes()->Get(0)->version(), -1);
  EXPECT_EQ(graph->operators()->Get(0)->opcode_index(), 4000000000u);
  EXPECT_EQ(values(graph->operators()->Get(0)->inputs()), (Integers{-2, most}));
  EXPECT_EQ(values(graph->inputs()), Integers{99});
  EXPECT_EQ(model->signature_defs()->Get(0)->subgraph_index(), 17u);
}

TEST(ModelBuilder, TheSameCallsGiveTheSameBytes) {
  ModelBuilder builder;
  const auto build = [&builder] {
    const int x = builder.add_tensor({"x", TensorType::float32, {1, 4}});
    const int w = builder.add_constant({.name = "w", .shape = {2, 4}}, std::vector<float>(8, 0.25f));
    const int y = builder.add_tensor({"y", TensorType::float32, {1, 2}});
    builder.add_operator(BuiltinOperator::FULLY_CONNECTED, {x, w, -1}, {y},
                         [](auto& tables) { return schema::CreateFullyConnectedOptions(tables); });
    builder.set_inputs({x});
    builder.set_outputs({y});
    builder.add_metadata("note", "n");
    return builder.finish();
  };
  const auto first = build();
  EXPECT_EQ(first, build()) << "finish leaves an empty builder";
  ASSERT_TRUE(verifies(first));
}

TEST(ModelBuilder, WriteFile) {
  const std::string path = ::testing::TempDir() + "tfl_builder_test.tflite";
  const std::vector<std::uint8_t> bytes = ModelBuilder().finish();
  ASSERT_TRUE(ModelBuilder::write_file(path, bytes));
  std::vector<std::uint8_t> read(bytes.size() + 1);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  ASSERT_NE(file, nullptr);
  read.resize(std::fread(read.data(), 1, read.size(), file));
  std::fclose(file);
  std::remove(path.c_str());
  EXPECT_EQ(read, bytes);
  EXPECT_FALSE(ModelBuilder::write_file(::testing::TempDir() + "no/such/folder/model.tflite", bytes));
}

}  // namespace
