// libraries: tfl_converter
// needs: exceptions
// Damaged files of every format: each is refused with a sentence or converted, with one or another way to quantize it, which runs it,
// within limits of time and memory.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tools/common/seeded_inputs.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/evaluate/compare_runs.hpp"
#include "tools/converter/import/read_model.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"
#include "tools/converter/passes/channels_last.hpp"
#include "tools/converter/passes/pass.hpp"
#include "tools/converter/quantize/calibrate.hpp"
#include "tools/converter/quantize/compress.hpp"
#include "tools/converter/quantize/prepare.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/report.hpp"
#include "tools/converter/quantize/samples.hpp"
#ifdef TFL_CONVERTER_WITH_TENSORFLOW
#include "tools/converter/import/tensorflow/messages.hpp"
#endif

namespace tfl::converter {
namespace {

namespace fs = std::filesystem;

constexpr int ways = 6;
constexpr int rounds = 2 * ways;
constexpr double most_seconds = 10;
constexpr long most_kilobytes = 2L << 20;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class Mutator {
 public:
  explicit Mutator(const char* seed) : random_(seed == nullptr ? 1u : static_cast<std::uint32_t>(std::atoi(seed))) {}
  std::string operator()(std::string bytes) {
    switch (below(5)) {
      case 0: bytes.resize(below(bytes.size())); break;
      case 1:
        for (std::size_t n = 1 + below(20); n > 0; --n) bytes[below(bytes.size())] = static_cast<char>(below(256));
        break;
      case 2: {
        const std::size_t at = below(bytes.size()), count = std::min(1 + below(64), bytes.size() - at);
        constexpr char fills[] = {'\0', '\xFF', '\x7F', '\x80'};
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), count, fills[below(4)]);
        break;
      }
      case 3: {
        const std::size_t to = below(bytes.size()), from = below(bytes.size());
        const std::size_t count = std::min({1 + below(200), bytes.size() - to, bytes.size() - from});
        bytes.replace(to, count, bytes.substr(from, count));
        break;
      }
      default: {
        const std::size_t at = below(bytes.size());
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
      }
    }
    return bytes;
  }

 private:
  std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }
  std::mt19937 random_;
};

/// Two samples of random numbers; none where a damaged shape asks for more than models do.
std::vector<std::vector<Bytes>> samples_for(const Model& model) {
  constexpr std::int64_t most_bytes = 1 << 24;
  std::vector<std::vector<Bytes>> samples(2);
  tools::SeededStream stream(1);
  for (auto& sample : samples) {
    for (const Tensor* input : model.graphs.front()->inputs()) {
      Tensor example;
      example.type = input->type;
      example.shape = input->example_shape();
      if (example.bytes() < 0 || example.bytes() > most_bytes) return {};
      sample.emplace_back(static_cast<std::size_t>(example.bytes()));
      stream.fill(input->type, std::as_writable_bytes(std::span(sample.back())));
    }
  }
  return samples;
}

bool to_integers(Model& model, int way, Problems& problems) {
  const auto samples = samples_for(model);
  if (samples.empty()) return problems.add("an input is too large"), false;
  ChannelMeans means;
  CalibrateOptions calibration;
  QuantizeOptions options;
  if (way == 1) {
    calibration.channel_means = &means;
    options.channel_means = &means;
    options.input_output = TensorType::int8;
    equalize_channels(model);
  } else if (way == 2) {
    calibration.method = quant::Calibration::entropy;
    options.per_channel = options.per_channel_dense = false;
    options.input_output = TensorType::uint8;
  } else {
    calibration.method = quant::Calibration::percentile;
    calibration.activations = options.activations = options.input_output = TensorType::int16;
  }
  if (!calibrate(model, samples, calibration, problems)) return false;
  const auto in_float = write_tflite(model, problems);
  Model source;
  if (problems.any() || !read_tflite(std::as_bytes(std::span(in_float)), source, problems)) return false;
  if (!quantize_integers(model, options, problems)) return false;
  Problems of_runs;
  compare_layers(source, model, samples, of_runs);
  return true;
}

/// The whole way of tfl_convert; `way` is how it quantizes.
void convert(const fs::path& path, int way) {
  Problems problems;
  const auto model = read_model(path.string(), {}, problems);
  EXPECT_EQ(model == nullptr, problems.any()) << problems.text();
  if (model == nullptr) return;
  if (way == 4) move_channels_last(*model);
  absorb_fake_quant(*model);
  optimize(*model, {});
  switch (way) {
    case 1:
    case 2:
    case 3: to_integers(*model, way, problems); break;
    case 4: quantize_weights(*model, {.weights = TensorType::int4, .fewest_elements = 32, .block_size = 32}, problems); break;
    case 5: quantize_weights(*model, {.weights = TensorType::float16}, problems); break;
    default: cluster_weights(*model, 16); encode_sparse_weights(*model);
  }
  if (problems.any()) return;
  optimize(*model, {});
  const auto bytes = write_tflite(*model, problems);
  EXPECT_EQ(bytes.empty(), problems.any()) << problems.text();
  Problems of_runs;
  if (!bytes.empty() && !samples_for(*model).empty()) compare_runs(*model, *model, {}, of_runs);
}

void read_calibration(const fs::path& path) {
  const bool digits = path.extension() == ".npy";
  Model model;
  Graph& graph = model.add_graph("main");
  graph.set_inputs({graph.add_tensor("x", TensorType::float32, digits ? std::vector{1, 8, 8, 1} : std::vector{1, 30, 1, 40})});
  Problems problems;
  const auto samples = read_samples(path.string(), model, {}, problems);
  EXPECT_TRUE(!samples.empty() || problems.any());
}

TEST(Hostile, DamagedFilesOfEveryFormat) {
  struct Source {
    fs::path path;
    std::string inside{};  // of a folder
  };
  std::vector<Source> sources;
  const fs::path here = fs::path(TFL_SOURCE_DIR), data = fs::path(TFL_TEST_DATA) / "models" / "source";
  for (const char* name : {"block.onnx", "shuffled.onnx", "lstm.onnx", "loop.onnx", "gru.onnx", "encoder.onnx", "unet.onnx", "image.h5",
                           "sequence.h5", "image.keras", "graph.pbtxt"})
    sources.push_back({here / "tests/converter/samples" / name});
  sources.push_back({here / "examples/data/digits/digits_int8.tflite"});
  sources.push_back({here / "examples/data/digits/digits_calibration.npy"});
  if (fs::exists(data)) {
    sources.push_back({data / "str_ww_ref_model.h5"});
    sources.push_back({data / "str_ww_calibration_samples.npz"});
    for (const char* inside : {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"})
      sources.push_back({data / "kws_saved_model", inside});
  }
  const fs::path scratch = fs::path(testing::TempDir()) / "tfl_hostile_models", frozen = fs::path(testing::TempDir()) / "tfl_frozen.pb";
#ifdef TFL_CONVERTER_WITH_TENSORFLOW
  tensorflow::GraphDef graph;
  parse_tensorflow_file((here / "tests/converter/samples/graph.pbtxt").string(), graph);
  std::ofstream(frozen, std::ios::binary) << graph.SerializeAsString();
  sources.push_back({frozen});
#endif
  fs::remove_all(scratch);
  Mutator mutated(std::getenv("TFL_HOSTILE_SEED"));
  double slowest = 0;
  for (const Source& source : sources) {
    const fs::path copy = scratch / ("damaged" + source.path.extension().string());
    for (int round = 0; round < rounds; ++round) {
      SCOPED_TRACE(source.path.filename().string() + " " + source.inside + ", round " + std::to_string(round));
      fs::create_directories(scratch);
      if (!source.inside.empty()) fs::copy(source.path, copy, fs::copy_options::recursive);
      const fs::path from = source.inside.empty() ? source.path : source.path / source.inside;
      const fs::path to = source.inside.empty() ? copy : copy / source.inside;
      fs::remove(to);
      std::ofstream(to, std::ios::binary) << mutated(bytes_of(from));
      const auto start = std::chrono::steady_clock::now();
      if (copy.extension() == ".npy" || copy.extension() == ".npz") {
        read_calibration(copy);
      } else {
        convert(copy, round % ways);
      }
      slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      fs::remove_all(scratch);
    }
  }
  fs::remove(frozen);
  EXPECT_LT(slowest, most_seconds);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, most_kilobytes);
  std::printf("%zu files, slowest %.2f s, at most %ld MB\n", sources.size() * rounds, slowest, usage.ru_maxrss >> 10);
}

}  // namespace
}  // namespace tfl::converter
