// The smallest useful program: load a model, name its ops, run it.

#include <cstdio>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"

// Only these kernels are compiled. Name tfl::AllOps (from tfl/tfl.hpp) to run any model.
using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::MaxPool2D, tfl::FullyConnected, tfl::Reshape, tfl::Softmax>;

int main(int argc, char** argv) {
  if (argc != 2) return std::printf("usage: 01_minimal digits_int8.tflite\n"), 2;
  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return std::printf("%s\n", model.message().data()), 1;
  auto interpreter = tfl::Interpreter<Ops>::create(*model);
  if (!interpreter) return std::printf("%s\n", interpreter.message().data()), 1;

  // A seven, drawn by hand: '#' is ink. The model takes pixels less 128.
  const char* picture =
      "  ####  "
      " #####  "
      "    ##  "
      "    #   "
      "  ##### "
      "   ##   "
      "  ##    "
      "  ##    ";
  auto input = interpreter->input<std::int8_t>(0);
  if (!input) return std::printf("%s\n", input.message().data()), 1;
  for (std::size_t i = 0; i < input->size(); ++i) (*input)[i] = picture[i] == '#' ? 127 : -128;

  if (auto r = interpreter->invoke(); !r) return std::printf("%s\n", r.message().data()), 1;

  auto output = interpreter->output<std::int8_t>(0);
  if (!output) return std::printf("%s\n", output.message().data()), 1;
  int best = 0;
  for (int digit = 0; digit < 10; ++digit) {
    if ((*output)[static_cast<std::size_t>(digit)] > (*output)[static_cast<std::size_t>(best)]) best = digit;
  }
  const float probability =
      output->quantization().scale * static_cast<float>((*output)[static_cast<std::size_t>(best)] - output->quantization().zero_point);
  std::printf("this is a %d (%.0f %%), arena %zu bytes\n", best, 100.0 * static_cast<double>(probability), interpreter->arena_bytes());
  return 0;
}
