// sources: support/all_ops.cpp
// Files cut short and files with random bytes changed: each is refused with a sentence, or runs. TFL_HOSTILE_FLIPS says how many
// changed files are tried over all models (default 3000); meant to be built with -fsanitize=address,undefined now and then.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "support/all_ops.hpp"
#include "tfl/model/builder.hpp"

namespace {

namespace fs = std::filesystem;
namespace schema = tfl::schema;
using tfl::BuiltinOperator;
using tfl::Model;
using tfl::TensorType;
using tfl::test::AnyInterpreter;
using Bytes = std::vector<std::uint8_t>;

/// The heap up to a limit, so that a shape of 2^31 elements is "out of memory" on every machine.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : left_(bytes) {}
  tfl::Allocator allocator() {
    return {[](void* context, std::size_t bytes) -> void* {
              auto& self = *static_cast<Budget*>(context);
              if (bytes > self.left_) return nullptr;
              void* block = ::operator new (bytes, std::align_val_t{tfl::block_alignment}, std::nothrow);
              if (block != nullptr) self.left_ -= bytes;
              return block;
            },
            [](void* context, void* block, std::size_t bytes) {
              static_cast<Budget*>(context)->left_ += bytes;
              ::operator delete (block, std::align_val_t{tfl::block_alignment});
            },
            this};
  }

 private:
  std::size_t left_;
};

struct NamedModel {
  std::string name;
  Bytes bytes;
};

/// What converters write but the digit models lack: signatures, metadata, shapes from tensors, variables, strings, many options.
Bytes built_model() {
  tfl::ModelBuilder b;
  int tensors = 0;
  const auto tensor = [&b, &tensors](std::vector<std::int32_t> shape, TensorType type = TensorType::float32) {
    return b.add_tensor({.name = "t" + std::to_string(tensors++), .type = type, .shape = std::move(shape)});
  };
  const auto node = [&](BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> shape, auto options) {
    const int y = tensor(std::move(shape));
    b.add_operator(code, std::move(inputs), {y}, options);
    return y;
  };
  const auto plain = [&](BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> shape) {
    const int y = tensor(std::move(shape));
    b.add_operator(code, std::move(inputs), {y});
    return y;
  };
  const auto integers = [&](std::vector<std::int32_t> values) {
    return b.add_constant({.name = "c", .shape = {static_cast<std::int32_t>(values.size())}}, values);
  };
  const auto weights = [&](std::vector<std::int32_t> shape) {
    std::int32_t count = 1;
    for (const std::int32_t d : shape) count *= d;
    std::vector<float> values;
    for (std::int32_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i % 7) - 3);
    return b.add_constant({.name = "w", .shape = std::move(shape)}, values);
  };
  const auto none = schema::ActivationFunctionType::NONE;
  const int x = tensor({1, 6, 6, 2}), shape = tensor({2}, TensorType::int32);
  int y = node(BuiltinOperator::CONV_2D, {x, weights({4, 3, 3, 2}), weights({4})}, {1, 6, 6, 4},
               [&](auto& t) { return schema::CreateConv2DOptions(t, schema::Padding::SAME, 1, 1, none, 1, 1); });
  y = node(BuiltinOperator::DEPTHWISE_CONV_2D, {y, weights({1, 3, 3, 8}), weights({8})}, {1, 2, 2, 8},
           [&](auto& t) { return schema::CreateDepthwiseConv2DOptions(t, schema::Padding::VALID, 2, 2, 2, none, 1, 1); });
  y = plain(BuiltinOperator::PAD, {y, b.add_constant({.name = "c", .shape = {4, 2}}, {0, 0, 1, 1, 1, 1, 0, 0})}, {1, 4, 4, 8});
  y = node(BuiltinOperator::MAX_POOL_2D, {y}, {1, 2, 2, 8},
           [&](auto& t) { return schema::CreatePool2DOptions(t, schema::Padding::SAME, 2, 2, 2, 2, none); });
  y = plain(BuiltinOperator::TRANSPOSE, {y, integers({0, 3, 1, 2})}, {1, 8, 2, 2});
  y = node(BuiltinOperator::STRIDED_SLICE, {y, integers({0, 0, 0, 0}), integers({1, 8, 2, 2}), integers({1, 2, 1, 1})}, {1, 4, 2, 2},
           [&](auto& t) { return schema::CreateStridedSliceOptions(t, 0, 0, 0, 0, 0); });
  y = node(BuiltinOperator::CONCATENATION, {y, y}, {1, 4, 2, 4}, [&](auto& t) { return schema::CreateConcatenationOptions(t, 3, none); });
  y = node(BuiltinOperator::MEAN, {y, integers({2})}, {1, 4, 4}, [&](auto& t) { return schema::CreateReducerOptions(t, false); });
  y = node(BuiltinOperator::GATHER, {y, integers({3, 0})}, {1, 2, 4}, [&](auto& t) { return schema::CreateGatherOptions(t, 1, 0); });
  y = node(BuiltinOperator::ADD, {y, weights({4})}, {1, 2, 4}, [&](auto& t) { return schema::CreateAddOptions(t, none, false); });
  const int parts[] = {tensor({1, 1, 4}), tensor({1, 1, 4})};
  b.add_operator(BuiltinOperator::SPLIT, {b.add_constant({.name = "c"}, {1}), y}, {parts[0], parts[1]},
                 [](auto& t) { return schema::CreateSplitOptions(t, 2); });
  y = node(BuiltinOperator::FULLY_CONNECTED, {parts[0], weights({6, 4}), -1}, {1, 6}, [&](auto& t) {
    return schema::CreateFullyConnectedOptions(t, none, schema::FullyConnectedOptionsWeightsFormat::DEFAULT, false);
  });
  y = node(BuiltinOperator::SOFTMAX, {y}, {1, 6}, [](auto& t) { return schema::CreateSoftmaxOptions(t, 1.0f); });
  const int dynamic = plain(BuiltinOperator::RESHAPE, {y, shape}, {6});
  const int z = plain(BuiltinOperator::NEG, {dynamic}, {6});
  b.add_string_constant({.name = "words", .shape = {2}}, std::vector<std::string>{"cat", "dog"});
  b.add_signature("serve", {{"image", static_cast<std::uint32_t>(x)}}, {{"scores", static_cast<std::uint32_t>(z)}});
  b.add_metadata("labels", std::string_view("cat\ndog\n"));
  b.set_inputs({x, shape});
  b.set_outputs({z, parts[1]});
  return b.finish();
}

std::vector<NamedModel> models() {
  std::vector<NamedModel> list{{"built", built_model()}};
  const fs::path digits = fs::path(TFL_SOURCE_DIR) / "examples/data/digits", shared = fs::path(TFL_TEST_DATA) / "models/micro";
  for (const fs::path& path : {digits / "digits_int8.tflite", digits / "digits_float.tflite", shared / "micro_speech_quantized.tflite",
                               shared / "trained_lstm_int8.tflite"}) {
    std::ifstream file(path, std::ios::binary);
    if (!file) continue;
    list.push_back({path.stem().string(), Bytes(std::istreambuf_iterator<char>(file), {})});
  }
  return list;
}

/// How far a file came.
enum Stage { not_loaded, not_created, not_run, ran, stages };

/// Everything a program would do with the file. Fails where an error lacks its sentence.
Stage use(const Bytes& bytes) {
  Budget budget(std::size_t{64} << 20);
  const auto told = [](const auto& result) { EXPECT_NE(result.message(), "") << static_cast<int>(result.error().code()); };
  auto model = Model::from_memory(std::span<const std::uint8_t>(bytes), budget.allocator());
  if (!model) return told(model), not_loaded;
  std::size_t seen = model->description().size();
  for (int i = 0; i < model->metadata_count(); ++i) {
    for (const std::byte b : model->metadata_bytes(i)) seen += static_cast<std::size_t>(b);
  }
  for (int s = 0; s < model->signature_count(); ++s) {
    seen += model->signature_name(s).size();
    for (int i = 0; i < model->signature_input_count(s); ++i) seen += model->signature_input(s, i).name.size();
    for (int i = 0; i < model->signature_output_count(s); ++i) seen += model->signature_output(s, i).name.size();
  }
  auto interpreter = AnyInterpreter::create(*model, {.allocator = budget.allocator()});
  if (!interpreter) return told(interpreter), not_created;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < interpreter->input_count(); ++i) {
      auto view = interpreter->input<std::byte>(i);
      if (!view) {
        told(view);
        continue;
      }
      seen += view->name().size();
      std::uint32_t state = 12345;
      for (std::byte& b : *view) b = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24);
      if (view->type() == TensorType::int32 && view->size() == 8) {  // a shape that fits
        const std::int32_t two_by_three[] = {2, 3};
        std::memcpy(view->data(), two_by_three, 8);
      }
    }
    if (auto invoked = interpreter->invoke(); !invoked) return told(invoked), not_run;
    for (int o = 0; o < interpreter->output_count(); ++o) {
      auto view = interpreter->output<std::byte>(o);
      if (!view) {
        told(view);
        continue;
      }
      for (const std::byte b : *view) seen += static_cast<std::size_t>(b);
    }
  }
  EXPECT_GT(seen, 0u);
  return ran;
}

TEST(Hostile, ModelsRunAsTheyAre) {
  for (const NamedModel& model : models()) {
    EXPECT_EQ(use(model.bytes), ran) << model.name << ": " << [&] {
      auto loaded = Model::from_memory(std::span<const std::uint8_t>(model.bytes));
      if (!loaded) return std::string(loaded.message());
      auto made = AnyInterpreter::create(*loaded);
      return std::string(made ? std::string_view("invoke failed") : made.message());
    }();
  }
}

/// The bytes before the archive of labels that may follow a model.
std::size_t bytes_of_model(const Bytes& file) {
  constexpr std::uint8_t archive[] = {'P', 'K', 3, 4};
  return static_cast<std::size_t>(std::search(file.begin(), file.end(), std::begin(archive), std::end(archive)) - file.begin());
}

TEST(Hostile, CutAtEvery64thByte) {
  for (const NamedModel& model : models()) {
    for (std::size_t size = 0; size < bytes_of_model(model.bytes); size += size < 128 ? 1 : 64) {
      // A vector of exactly this size: reading beyond it is seen.
      EXPECT_EQ(use(Bytes(model.bytes.begin(), model.bytes.begin() + static_cast<std::ptrdiff_t>(size))), not_loaded)
          << model.name << " of " << size << " bytes";
    }
  }
}

/// Where the file holds something else than weights: changes are worth most there.
std::vector<std::size_t> tables_of(const Bytes& bytes) {
  std::vector<bool> is_weight(bytes.size());
  const auto model = Model::from_memory(std::span<const std::uint8_t>(bytes));
  for (const tfl::GraphSubgraph& graph : model->subgraphs()) {
    for (const tfl::GraphTensor& t : graph.tensors) {
      const auto start = reinterpret_cast<const std::uint8_t*>(t.data.data()) - bytes.data();
      if (t.data.size() < 64 || start < 0 || static_cast<std::size_t>(start) + t.data.size() > bytes.size()) continue;
      std::fill_n(is_weight.begin() + start, t.data.size(), true);
    }
  }
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (!is_weight[i]) list.push_back(i);
  }
  return list;
}

TEST(Hostile, RandomBytes) {
  const char* wanted = std::getenv("TFL_HOSTILE_FLIPS");
  const int total = wanted != nullptr ? std::atoi(wanted) : 3000;
  const auto list = models();
  std::printf("%-26s %8s %10s %12s %8s %6s %8s %12s\n", "model", "files", "no model", "no program", "no run", "ran", "s", "slowest, ms");
  for (const NamedModel& model : list) {
    const std::vector<std::size_t> tables = tables_of(model.bytes);
    std::mt19937 random(1);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    int counts[stages] = {};
    double slowest = 0, all = 0;
    const int files = total / static_cast<int>(list.size());
    for (int f = 0; f < files; ++f) {
      Bytes bytes = model.bytes;
      const std::size_t flips = below(10) < 7 ? 1 : 2 + below(7);
      std::string what;
      for (std::size_t k = 0; k < flips; ++k) {
        const std::size_t at = below(2) == 0 ? tables[below(tables.size())] : below(bytes.size());
        constexpr std::uint8_t favourites[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff};
        const auto value = below(2) == 0 ? static_cast<std::uint8_t>(random()) : favourites[below(std::size(favourites))];
        what += ' ' + std::to_string(at) + '=' + std::to_string(value);
        bytes[at] = value;
      }
      SCOPED_TRACE(model.name + ", file " + std::to_string(f) + ", bytes" + what);
      const auto start = std::chrono::steady_clock::now();
      ++counts[use(bytes)];
      const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (took > 1) std::printf("  %s, file %d took %.1f s: bytes%s\n", model.name.c_str(), f, took, what.c_str());
      slowest = std::max(slowest, took);
      all += took;
    }
    std::printf("%-26s %8d %10d %12d %8d %6d %8.1f %12.1f\n", model.name.c_str(), files, counts[not_loaded], counts[not_created],
                counts[not_run], counts[ran], all, slowest * 1000);
  }
}

}  // namespace
