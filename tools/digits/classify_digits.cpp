// classify_digits MODEL digits_heldout.bin: how many of the digits that the training never saw a digit model reads right.

#include <chrono>
#include <cstdio>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/support/image.hpp"
#include "tfl/support/labels.hpp"
#include "tools/digits/held_out.hpp"

namespace {

using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::MaxPool2D, tfl::FullyConnected, tfl::Reshape, tfl::Softmax>;

int fail(const char* sentence) {
  std::fprintf(stderr, "classify_digits: %s\n", sentence);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return fail("usage: classify_digits MODEL digits_heldout.bin");
  const tfl::tools::HeldOutDigits digits(argv[2]);
  if (digits.count() == 0) return fail("the file of digits is absent or damaged");

  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return fail(model.message().data());
  auto interpreter = tfl::Interpreter<Ops>::create(*model);
  if (!interpreter) return fail(interpreter.message().data());

  std::size_t right = 0;
  double microseconds = 0;
  for (std::size_t i = 0; i < digits.count(); ++i) {
    auto input = interpreter->input<std::byte>(0);
    if (!input) return fail(input.message().data());
    const tfl::ImageView image{digits.picture(i), 8, 8, 1};
    if (auto r = tfl::fill_with_image(*input, interpreter->input_description(0), image); !r) return fail(r.message().data());
    const auto start = std::chrono::steady_clock::now();
    if (auto r = interpreter->invoke(); !r) return fail(r.message().data());
    microseconds += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    auto output = interpreter->output<std::byte>(0);
    if (!output) return fail(output.message().data());
    tfl::Score best;
    tfl::top_scores(*output, interpreter->output_description(0), {&best, 1});
    if (best.label == digits.label(i)) ++right;
  }
  digits.print(right, microseconds, interpreter->arena_bytes());
  return 0;
}
