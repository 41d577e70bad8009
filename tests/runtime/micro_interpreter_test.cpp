// sources: support/all_ops.cpp
// The interpreter for small programs gives what the other one gives, in an arena whose size it tells exactly.

#include "tfl/runtime/micro_interpreter.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "support/micro_ops.hpp"
#include "tfl/kernels/compact.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/model/builder.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace {

namespace fs = std::filesystem;
using tfl::test::AnyInterpreter;
using tfl::test::AnyMicroInterpreter;

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).message()

/// Bytes that start at a multiple of 16 and end where sanitizers look.
class Block {
 public:
  explicit Block(std::size_t size) : bytes_(static_cast<std::byte*>(::operator new (size + 1, std::align_val_t{16}))), size_(size) {
    std::memset(bytes_.get(), 0x5a, size);
  }
  std::span<std::byte> span() const { return {bytes_.get(), size_}; }

 private:
  struct Delete {
    void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{16}); }
  };
  std::unique_ptr<std::byte, Delete> bytes_;
  std::size_t size_;
};

Block read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  Block block(bytes.size());
  if (!bytes.empty()) std::memcpy(block.span().data(), bytes.data(), bytes.size());
  return block;
}
const fs::path digits = fs::path(TFL_SOURCE_DIR) / "examples/data/digits";

/// Fills every input from the seed, runs, and puts all outputs behind each other.
template <class Interpreter> std::vector<std::byte> run(Interpreter& interpreter, std::uint32_t seed) {
  tfl::tools::SeededStream stream(seed);
  for (int i = 0; i < interpreter.input_count(); ++i) {
    auto input = interpreter.template input<std::byte>(i);
    if (!input) return {};
    stream.fill(interpreter.input_description(i).type, *input);
  }
  if (auto r = interpreter.invoke(); !r) {
    ADD_FAILURE() << r.message();
    return {};
  }
  std::vector<std::byte> all;
  for (int i = 0; i < interpreter.output_count(); ++i) {
    auto output = interpreter.template output<std::byte>(i);
    if (output) all.insert(all.end(), output->begin(), output->end());
  }
  return all;
}

/// The largest difference of both interpreters' floats, or 0 or 1 for whether other bytes are equal.
void expect_same(const std::vector<std::byte>& a, const std::vector<std::byte>& b, bool floats) {
  ASSERT_EQ(a.size(), b.size());
  if (!floats) {
    EXPECT_EQ(a, b);
    return;
  }
  for (std::size_t i = 0; i + 4 <= a.size(); i += 4) {
    float x = 0, y = 0;
    std::memcpy(&x, a.data() + i, 4);
    std::memcpy(&y, b.data() + i, 4);
    ASSERT_NEAR(x, y, 1e-4f * (1 + std::abs(x))) << "element " << i / 4;
  }
}

template <class Micro> void compare(const fs::path& path) {
  const Block file = read(path);
  auto model = tfl::Model::from_memory(std::span<const std::byte>(file.span()));
  ASSERT_OK(model);
  auto whole = AnyInterpreter::create(*model, {.fuse = false, .pack = false});
  ASSERT_OK(whole);
  const Block large(std::size_t{16} << 20);
  auto first = Micro::create(file.span(), large.span());
  ASSERT_OK(first);
  const std::size_t bytes = first->arena_bytes();

  const Block less(bytes - 16);
  auto refused = Micro::create(file.span(), less.span());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), tfl::ErrorCode::out_of_memory) << refused.message();

  const Block exact(bytes);
  auto micro = Micro::create(file.span(), exact.span());
  ASSERT_OK(micro);
  EXPECT_EQ(micro->arena_bytes(), bytes);
  ASSERT_EQ(micro->output_count(), whole->output_count());
  EXPECT_EQ(micro->output_description(0).shape, whole->output_description(0).shape);
  const bool floats = micro->output_description(0).type == tfl::TensorType::float32;
  for (std::uint32_t seed = 1; seed <= 3; ++seed) expect_same(run(*micro, seed), run(*whole, seed), floats);
}

template <class Op> using Int8 = tfl::CompactOnly<Op>;
using CompactOps = tfl::OpRegistry<Int8<tfl::Conv2D>, Int8<tfl::DepthwiseConv2D>, Int8<tfl::FullyConnected>, Int8<tfl::MaxPool2D>,
                                   tfl::Reshape, Int8<tfl::Softmax>>;

TEST(MicroInterpreter, DigitsByCompactKernelsAlone) {
  compare<tfl::MicroInterpreter<CompactOps, tfl::simd::CortexM>>(digits / "digits_int8.tflite");
}
TEST(MicroInterpreter, DigitsByAllKernels) {
  compare<AnyMicroInterpreter>(digits / "digits_int8.tflite");
  compare<AnyMicroInterpreter>(digits / "digits_float.tflite");
}

TEST(MicroInterpreter, RealModels) {
  int found = 0;
  for (const char* folder : {"mlperf_tiny", "micro"}) {
    const fs::path models = fs::path(TFL_TEST_DATA) / "models" / folder;
    if (!fs::is_directory(models)) continue;
    for (const auto& entry : fs::directory_iterator(models)) {
      if (entry.path().extension() != ".tflite") continue;
      SCOPED_TRACE(entry.path());
      const Block file = read(entry.path()), arena(std::size_t{16} << 20);
      if (auto micro = AnyMicroInterpreter::create(file.span(), arena.span()); !micro) {
        // Some need what only the other interpreter has; all of them are told why.
        EXPECT_FALSE(micro.message().empty());
        std::printf("%s: %.*s\n", entry.path().filename().c_str(), static_cast<int>(micro.message().size()), micro.message().data());
        continue;
      }
      compare<AnyMicroInterpreter>(entry.path());
      ++found;
    }
  }
  if (found == 0) GTEST_SKIP() << "no models in " << TFL_TEST_DATA;
}

TEST(MicroInterpreter, SaysWhatIsWrong) {
  const Block arena(65536);
  const auto message = [&](std::span<const std::byte> file) {
    auto micro = tfl::MicroInterpreter<tfl::OpRegistry<tfl::Reshape>>::create(file, arena.span());
    return micro ? std::string() : std::string(micro.message());
  };
  const Block file = read(digits / "digits_int8.tflite");
  EXPECT_EQ(message(file.span()), "node 0 CONV_2D: is an op that this program does not hold");
  EXPECT_EQ(message(file.span().first(7)), "model: the file lacks the identifier TFL3 at byte 4: this is not a .tflite file");
  EXPECT_EQ(message(file.span().subspan(1)), "model: the file does not start at a multiple of 16 bytes");
  EXPECT_EQ(message(file.span().first(4096)),
            "model: tensor 0 '' float32[]: has a damaged structure: an offset or a length points outside of the file");

  tfl::ModelBuilder b;
  b.add_tensor({.name = "x", .type = tfl::TensorType::float32, .shape = {2, 3}});
  b.add_tensor({.name = "y", .type = tfl::TensorType::float32, .shape = {7}});
  b.add_constant<std::int32_t>({.name = "shape", .shape = {1}}, {7});
  b.add_operator(tfl::BuiltinOperator::RESHAPE, {0, 2}, {1});
  b.set_inputs({0});
  b.set_outputs({1});
  const auto bytes = b.finish();
  const Block other(bytes.size());
  std::memcpy(other.span().data(), bytes.data(), bytes.size());
  EXPECT_EQ(message(other.span()), "node 0 RESHAPE: input 0 'x' float32[2,3]: its 6 elements do not fill the new shape, which has 7");

  auto micro = tfl::MicroInterpreter<CompactOps, tfl::simd::CortexM>::create(file.span(), arena.span());
  ASSERT_OK(micro);
  EXPECT_EQ(micro->input<float>(0).message(), "input 0 holds int8, not float32");
  EXPECT_EQ(micro->output<std::int8_t>(1).message(), "output 1 does not exist: the model has 1");
}

// Every byte of a sound file, changed: refused, or run within the arena. Sanitizers watch.
TEST(MicroInterpreter, SurvivesChangedBytes) {
  const Block file = read(digits / "digits_int8.tflite"), arena(65536);
  auto sound = tfl::MicroInterpreter<CompactOps, tfl::simd::CortexM>::create(file.span(), arena.span());
  ASSERT_OK(sound);
  int runs = 0, refusals = 0;
  for (std::size_t at = 0; at < file.span().size(); at += 1) {
    std::byte& changed = file.span()[at];
    const std::byte before = changed;
    for (const int flip : {0x01, 0x80, 0xff}) {
      changed = before ^ static_cast<std::byte>(flip);
      auto micro = tfl::MicroInterpreter<CompactOps, tfl::simd::CortexM>::create(file.span(), arena.span());
      if (!micro) {
        ++refusals;
        ASSERT_FALSE(micro.message().empty()) << at;
      } else if (at % 16 == 0) {
        ++runs;
        static_cast<void>(micro->invoke());
      }
    }
    changed = before;
  }
  EXPECT_GT(runs, 0);
  EXPECT_GT(refusals, 100);
}

}  // namespace
