// Kernels that read weights where they lie in the model give what they give on packed weights, with less memory.

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using DigitOps = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::FullyConnected, tfl::MaxPool2D, tfl::Reshape, tfl::Softmax>;
using DigitInterpreter = tfl::Interpreter<DigitOps>;

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).message()

/// Counts the bytes that are taken through it.
struct CountingHeap {
  std::size_t bytes = 0;
  tfl::Allocator allocator() {
    return {[](void* context, std::size_t bytes) -> void* {
              static_cast<CountingHeap*>(context)->bytes += bytes;
              const tfl::Allocator heap = tfl::heap_allocator();
              return heap.allocate(heap.context, bytes);
            },
            [](void*, void* block, std::size_t bytes) {
              const tfl::Allocator heap = tfl::heap_allocator();
              heap.deallocate(heap.context, block, bytes);
            },
            this};
  }
};

/// Output 0 of the digit model as numbers, and the bytes that the model took for packed weights.
template <class T> void run(const char* name, bool pack, std::vector<T>& outputs, std::size_t& packed_bytes) {
  CountingHeap heap;
  auto model = tfl::Model::from_file((std::string(TFL_SOURCE_DIR) + "/examples/data/digits/" + name + ".tflite").c_str(), heap.allocator());
  ASSERT_OK(model);
  const std::size_t before = heap.bytes;
  tfl::InterpreterOptions options;
  options.pack = pack;
  auto interpreter = DigitInterpreter::create(*model, options);
  ASSERT_OK(interpreter);
  packed_bytes = heap.bytes - before;
  auto input = interpreter->input<T>(0);
  ASSERT_OK(input);
  for (std::size_t i = 0; i < input->size(); ++i) (*input)[i] = static_cast<T>(static_cast<int>(i * 37 % 101) - 50);
  auto done = interpreter->invoke();
  ASSERT_OK(done);
  auto output = interpreter->output<T>(0);
  ASSERT_OK(output);
  outputs.assign(output->begin(), output->end());
}

TEST(NoPack, BytesAreEqual) {
  std::vector<std::int8_t> packed, in_place;
  std::size_t packed_bytes = 0, bytes = 0;
  run("digits_int8", true, packed, packed_bytes);
  run("digits_int8", false, in_place, bytes);
  EXPECT_FALSE(packed.empty());
  EXPECT_EQ(packed, in_place);
  EXPECT_LE(bytes, packed_bytes);
}

TEST(NoPack, FloatsAreClose) {
  std::vector<float> packed, in_place;
  std::size_t packed_bytes = 0, bytes = 0;
  run("digits_float", true, packed, packed_bytes);
  run("digits_float", false, in_place, bytes);
  ASSERT_EQ(packed.size(), in_place.size());
  for (std::size_t i = 0; i < packed.size(); ++i) EXPECT_NEAR(packed[i], in_place[i], 1e-4f) << i;
  EXPECT_LE(bytes, packed_bytes);
}

}  // namespace
