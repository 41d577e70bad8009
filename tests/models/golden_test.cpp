// sources: support/all_ops.cpp
// Real models give the bytes that TensorFlow Lite's reference kernels gave: outputs, and every layer.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/all_ops.hpp"
#include "support/single_op.hpp"
#include "tools/common/print.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace {

namespace fs = std::filesystem;
using tfl::test::AnyInterpreter;

const fs::path data_root = TFL_TEST_DATA;

struct ModelCase {
  fs::path model, golden;
  std::string name;
};

std::vector<ModelCase> cases() {
  std::vector<ModelCase> list;
  for (const char* folder : {"mlperf_tiny", "micro", "vision", "ops"}) {
    if (!fs::is_directory(data_root / "goldens" / folder)) continue;
    std::set<fs::path> sorted;
    for (const auto& entry : fs::directory_iterator(data_root / "goldens" / folder)) sorted.insert(entry.path());
    for (const fs::path& golden : sorted) {
      std::string name = std::string(folder) + "_" + golden.filename().string();
      for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      }
      list.push_back({data_root / "models" / folder / (golden.filename().string() + ".tflite"), golden, name});
    }
  }
  return list;
}

std::vector<char> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// "" or the first difference. Integers equal in every byte (or within `lsb`), floats within 1e-5 relative + 1e-6 absolute.
std::string difference(tfl::TensorType type, const std::byte* got, const std::vector<char>& want, int lsb) {
  std::ostringstream out;
  if (type == tfl::TensorType::float32) {
    for (std::size_t i = 0; i < want.size() / 4; ++i) {
      float g = 0, w = 0;
      std::memcpy(&g, got + 4 * i, 4);
      std::memcpy(&w, want.data() + 4 * i, 4);
      if (g == w || (std::isnan(g) && std::isnan(w))) continue;
      if (std::fabs(g - w) <= 1e-6f + 1e-5f * std::fabs(w)) continue;
      out << "element " << i << " is " << g << ", not " << w;
      return out.str();
    }
    return {};
  }
  if (std::equal(want.begin(), want.end(), reinterpret_cast<const char*>(got))) return {};
  if (lsb > 0) {
    int worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      int g = static_cast<std::int8_t>(got[i]), w = static_cast<std::int8_t>(want[i]);
      worst = std::max(worst, std::abs(g - w));
    }
    if (worst <= lsb) return {};
  }
  std::size_t i = 0;
  while (static_cast<char>(got[i]) == want[i]) ++i;
  out << "byte " << i << " of " << want.size() << " differs";
  return out.str();
}

class Golden : public ::testing::TestWithParam<ModelCase> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Golden);

/// Without fusion every layer exists and is compared; with it the outputs are.
void compare_with_golden(const ModelCase& c, bool fuse) {
  auto model = tfl::Model::from_file(c.model.c_str());
  ASSERT_TRUE(model) << model.message();
  const int lsb = c.name.find("dtln") != std::string::npos ? 2 : 0;
  for (const int seed : {1, 2, 3}) {
    const fs::path golden = c.golden / ("seed" + std::to_string(seed));
    if (!fs::exists(golden / "out0.bin")) continue;
    // Exactly arena_bytes() between guard bytes: what a first interpreter needs is what a second one gets.
    auto first = AnyInterpreter::create(*model, {.fuse = fuse});
    if (!first && first.error().code() == tfl::ErrorCode::unsupported_op) GTEST_SKIP() << first.message();
    ASSERT_TRUE(first) << first.message();
    tfl::test::GuardedArena arena;
    auto made = AnyInterpreter::create(*model, {.arena = arena.of(std::max<std::size_t>(first->arena_bytes(), 1)), .fuse = fuse});
    ASSERT_TRUE(made) << made.message();
    AnyInterpreter& interpreter = *made;
    tfl::tools::SeededStream stream(static_cast<std::uint32_t>(seed));
    for (int i = 0; i < interpreter.input_count(); ++i) {
      auto view = interpreter.input<std::byte>(i);
      ASSERT_TRUE(view) << view.message();
      stream.fill(view->type(), *view);
    }
    std::vector<std::string> lines;
    auto invoked = interpreter.invoke([&](const tfl::NodeEvent& event) {
      for (std::size_t o = 0; o < event.outputs.size(); ++o) lines.push_back(tfl::tools::layer_line(event, o));
    });
    ASSERT_TRUE(invoked) << invoked.message();
    EXPECT_TRUE(arena.untouched()) << "a byte beside the arena was written";

    std::ifstream layers(golden / "layers.txt");
    std::string want;
    for (std::size_t l = 0; lsb == 0 && !fuse && std::getline(layers, want); ++l) {
      ASSERT_LT(l, lines.size());
      if (want.find(" float32 ") != std::string::npos) continue;
      ASSERT_EQ(lines[l], want) << "seed " << seed << ": the first layer that differs";
    }
    for (int o = 0; o < interpreter.output_count(); ++o) {
      const std::vector<char> bytes = read(golden / ("out" + std::to_string(o) + ".bin"));
      auto view = interpreter.output<std::byte>(o);
      ASSERT_TRUE(view) << view.message();
      ASSERT_EQ(view->size(), bytes.size()) << "output " << o;
      EXPECT_EQ(difference(view->type(), view->data(), bytes, lsb), "") << "seed " << seed << " output " << o;
    }
  }
}

TEST_P(Golden, SeedsGiveTheSameBytes) { compare_with_golden(GetParam(), false); }
TEST_P(Golden, SeedsGiveTheSameBytesWhereNodesAreFused) { compare_with_golden(GetParam(), true); }

INSTANTIATE_TEST_SUITE_P(Models, Golden, ::testing::ValuesIn(cases()), [](const auto& info) { return info.param.name; });

TEST(GoldenData, IsThere) {
  if (cases().empty()) GTEST_SKIP() << "no goldens under " << data_root << ": set TFL_TEST_DATA to compare with real models";
}

/// A model without a golden: the hash over every layer's output, as other runtimes print it.
TEST(GoldenData, KeywordModelHasTheKnownHashOfAllLayers) {
  const fs::path path = data_root / "models/micro/keyword_scrambled_8bit.tflite";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is absent";
  auto model = tfl::Model::from_file(path.c_str());
  ASSERT_TRUE(model) << model.message();
  auto interpreter = AnyInterpreter::create(*model, {.fuse = false});
  ASSERT_TRUE(interpreter) << interpreter.message();
  tfl::tools::SeededStream stream(1);
  auto view = interpreter->input<std::byte>(0);
  ASSERT_TRUE(view) << view.message();
  stream.fill(view->type(), *view);
  std::uint32_t hash = 2166136261u;
  ASSERT_TRUE(interpreter->invoke([&](const tfl::NodeEvent& event) {
    for (const tfl::Tensor* t : event.outputs) hash = tfl::tools::fnv1a({t->data, static_cast<std::size_t>(t->description.bytes())}, hash);
  }));
  EXPECT_EQ(hash, 0x44cb3a43u);
}

/// The most bytes of tensors that are alive at one step, from nothing but the graph: written at or before it, read at or after it.
std::size_t live_set(const tfl::GraphSubgraph& graph) {
  const int end = static_cast<int>(graph.nodes.size());
  std::vector<int> first(graph.tensors.size(), -1), last(graph.tensors.size(), -2);
  for (const auto t : graph.inputs) first[static_cast<std::size_t>(t)] = 0;
  for (int n = 0; n < end; ++n) {
    for (const auto t : graph.nodes[static_cast<std::size_t>(n)].outputs)
      first[static_cast<std::size_t>(t)] = n, last[static_cast<std::size_t>(t)] = n;
    for (const auto t : graph.nodes[static_cast<std::size_t>(n)].inputs) {
      if (t >= 0) last[static_cast<std::size_t>(t)] = n;
    }
  }
  for (const auto t : graph.outputs) last[static_cast<std::size_t>(t)] = end;
  std::size_t most = 0;
  for (int n = 0; n < end; ++n) {
    std::size_t live = 0;
    for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
      if (graph.tensors[t].description.is_constant || first[t] < 0 || first[t] > n || last[t] < n) continue;
      live += static_cast<std::size_t>(graph.tensors[t].description.bytes());
    }
    most = std::max(most, live);
  }
  return most;
}

TEST(Arena, IsAtMostATenthAboveTheLargestLiveSet) {
  if (!fs::is_directory(data_root / "models/mlperf_tiny")) GTEST_SKIP() << "no models under " << data_root;
  std::printf("%-28s %10s %10s %7s\n", "model", "live set", "arena", "ratio");
  for (const char* name : {"kws_ref_model", "vww_96_int8", "pretrainedResnet_quant", "ad01_int8", "str_ww_ref_model"}) {
    auto model = tfl::Model::from_file((data_root / "models/mlperf_tiny" / (std::string(name) + ".tflite")).c_str());
    ASSERT_TRUE(model) << model.message();
    auto interpreter = AnyInterpreter::create(*model);
    ASSERT_TRUE(interpreter) << interpreter.message();
    const std::size_t live = live_set(model->subgraphs()[0]), arena = interpreter->arena_bytes();
    std::printf("%-28s %10zu %10zu %7.3f\n", name, live, arena, static_cast<double>(arena) / static_cast<double>(live));
    EXPECT_LE(static_cast<double>(arena), 1.1 * static_cast<double>(live)) << name;
  }
}

}  // namespace
