// libraries: tfl_converter
// programs: tfl_convert
// tfl_convert on an ONNX file of more than 100 MB: how long it takes and how much memory. The file is written here, field by field.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "converter/onnx_message.hpp"

namespace tfl::converter {
namespace {

namespace fs = std::filesystem;
using test::Message;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
#else
constexpr bool sanitized = false;
#endif

constexpr double most_seconds = 10;
constexpr double most_memory = 3;  // times the file's size
constexpr std::uint64_t channels = 512, layers = 11, classes = 1000;

/// A tensor of pseudo-random floats, which is not held in memory as a whole.
struct Weights {
  std::string name;
  std::vector<std::uint64_t> dims;

  std::uint64_t data_bytes() const {
    std::uint64_t count = sizeof(float);
    for (const std::uint64_t d : dims) count *= d;
    return count;
  }
  /// TensorProto without its data, but with the field's header at the end.
  Message head() const {
    Message result;
    for (const std::uint64_t d : dims) result.number(1, d);
    return result.number(2, 1).text(8, name).header(9, data_bytes());
  }
  std::uint64_t size() const { return head().bytes().size() + data_bytes(); }
};

/// Convolutions of 512 channels, a mean and a dense layer.
void write_model(const fs::path& path) {
  Message nodes;
  std::vector<Weights> weights;
  std::string x = "x";
  for (std::uint64_t i = 0; i < layers; ++i) {
    const std::string name = std::to_string(i);
    const Message pads = test::onnx_integers("pads", {1, 1, 1, 1});
    weights.push_back({"w" + name, {channels, channels, 3, 3}});
    weights.push_back({"b" + name, {channels}});
    nodes.message(1, test::onnx_node("Conv", {x, "w" + name, "b" + name}, {"conv" + name}, {pads}));
    nodes.message(1, test::onnx_node("Relu", {"conv" + name}, {"relu" + name}));
    x = "relu" + name;
  }
  weights.push_back({"dense", {channels, classes}});
  nodes.message(1, test::onnx_node("GlobalAveragePool", {x}, {"mean"}));
  nodes.message(1, test::onnx_node("Flatten", {"mean"}, {"flat"}));
  nodes.message(1, test::onnx_node("Gemm", {"flat", "dense"}, {"y"}));
  Message ends;
  ends.message(11, test::onnx_value("x", {1, channels, 7, 7})).message(12, test::onnx_value("y", {1, classes}));
  std::uint64_t graph_size = nodes.bytes().size() + ends.bytes().size();
  for (const Weights& w : weights) graph_size += Message().header(5, w.size()).bytes().size() + w.size();

  std::ofstream file(path, std::ios::binary);
  const auto write = [&file](const Message& m) { file.write(m.bytes().data(), static_cast<std::streamsize>(m.bytes().size())); };
  write(Message().number(1, 8).message(8, Message().number(2, 13)).header(7, graph_size));
  write(nodes);
  std::uint32_t state = 1;
  std::vector<float> row;
  for (const Weights& w : weights) {
    write(Message().header(5, w.size()));
    write(w.head());
    for (std::uint64_t left = w.data_bytes() / sizeof(float); left > 0; left -= row.size()) {
      row.resize(left < 4096 ? left : 4096);
      for (float& value : row) {
        state = state * 1664525 + 1013904223;
        value = static_cast<float>(static_cast<std::int32_t>(state)) * 1e-11f;
      }
      file.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size() * sizeof(float)));
    }
  }
  write(ends);
}

TEST(Large, OnnxOf100MegabytesTakesLittleTimeAndMemory) {
#ifndef TFL_CONVERTER_WITH_ONNX
  GTEST_SKIP() << "tfl_convert reads no ONNX";
#endif
  const char* program = std::getenv("TFL_CONVERT");
  if (program == nullptr) GTEST_SKIP() << "TFL_CONVERT does not say where tfl_convert is";
  const fs::path folder = fs::path(testing::TempDir()) / "tfl_large_model", source = folder / "large.onnx",
                 result = folder / "large.tflite";
  fs::create_directories(folder);
  write_model(source);
  const auto size = static_cast<double>(fs::file_size(source));
  ASSERT_GE(size, 100e6);

  std::string arguments[] = {program, source.string(), "-o", result.string(), "--quiet"};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), arguments[4].data(), nullptr};
  pid_t child = 0;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(posix_spawn(&child, program, nullptr, nullptr, argv, environ), 0);
  int status = -1;
  rusage usage{};
  ASSERT_EQ(wait4(child, &status, 0, &usage), child);
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(status, 0);
  EXPECT_GE(static_cast<double>(fs::exists(result) ? fs::file_size(result) : 0), 100e6);
  fs::remove_all(folder);

  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  const double memory = 1024 * static_cast<double>(usage.ru_maxrss);
  std::printf("%.1f MB: %.2f s of processor time, %.2f s in all, %.0f MB of memory, %.2f times the file\n", size / 1e6,
              seconds(usage.ru_utime) + seconds(usage.ru_stime), wall, memory / 1e6, memory / size);
  EXPECT_LT(seconds(usage.ru_utime) + seconds(usage.ru_stime), most_seconds);
  if (!sanitized) {
    EXPECT_LT(memory, most_memory * size);
  }
}

}  // namespace
}  // namespace tfl::converter
