// classify_digits MODEL digits_heldout.bin: how many of the digits that the training never saw a digit model reads right.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/support/image.hpp"
#include "tfl/support/labels.hpp"

namespace {

using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::MaxPool2D, tfl::FullyConnected, tfl::Reshape, tfl::Softmax>;
constexpr std::size_t pixels = 64, record = pixels + 1;

int fail(const char* sentence) {
  std::fprintf(stderr, "classify_digits: %s\n", sentence);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("usage: classify_digits MODEL digits_heldout.bin");
  std::ifstream file(argv[2], std::ios::binary);
  const std::vector<char> data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::uint32_t count = 0;
  if (data.size() >= 4) std::memcpy(&count, data.data(), 4);
  if (count == 0 || data.size() != 4 + std::size_t{count} * record) return fail("the file of digits is absent or damaged");

  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return fail(model.message().data());
  auto interpreter = tfl::Interpreter<Ops>::create(*model);
  if (!interpreter) return fail(interpreter.message().data());

  std::uint32_t right = 0;
  double microseconds = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const char* digit = data.data() + 4 + i * record;
    auto input = interpreter->input<std::byte>(0);
    if (!input) return fail(input.message().data());
    const tfl::ImageView image{reinterpret_cast<const std::uint8_t*>(digit), 8, 8, 1};
    if (auto r = tfl::fill_with_image(*input, interpreter->input_description(0), image); !r) return fail(r.message().data());
    const auto start = std::chrono::steady_clock::now();
    if (auto r = interpreter->invoke(); !r) return fail(r.message().data());
    microseconds += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    auto output = interpreter->output<std::byte>(0);
    if (!output) return fail(output.message().data());
    tfl::Score best;
    tfl::top_scores(*output, interpreter->output_description(0), {&best, 1});
    if (best.label == static_cast<unsigned char>(digit[pixels])) ++right;
  }
  std::printf("%u of %u right (%.1f %%), %.1f us a digit, arena %zu bytes\n", right, count, 100.0 * right / count, microseconds / count,
              interpreter->arena_bytes());
  return 0;
}
