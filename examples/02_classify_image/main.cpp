// 02_classify_image MODEL PICTURE [LABELS] [MEAN DEVIATION]: the five best labels for a BMP, PNG, JPEG or PGM picture.
// MEAN and DEVIATION normalize pixels for float models (0 and 255 without them).

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "picture.hpp"
#include "tfl/kernels/activation.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/concatenation.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pad.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/quantize.hpp"
#include "tfl/kernels/reduce.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/support/image.hpp"
#include "tfl/support/labels.hpp"

namespace {

// What image classifiers are made of, and nothing else is compiled; a model that needs more is refused with the name of the missing op.
using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::FullyConnected, tfl::AveragePool2D, tfl::MaxPool2D, tfl::Add, tfl::Mul,
                            tfl::Mean, tfl::Pad, tfl::Concatenation, tfl::Reshape, tfl::Squeeze, tfl::Relu, tfl::Relu6, tfl::HardSwish,
                            tfl::Logistic, tfl::Softmax, tfl::Quantize, tfl::Dequantize>;

int fail(const char* sentence) {
  std::fprintf(stderr, "02_classify_image: %s\n", sentence);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return fail("usage: 02_classify_image MODEL PICTURE [LABELS] [MEAN DEVIATION]");
  std::vector<std::string> labels;
  if (argc > 3) {
    std::ifstream file(argv[3]);
    if (!file) return fail("cannot open the labels");
    for (std::string line; std::getline(file, line);) labels.push_back(line);
  }
  tfl::Normalization normalization;
  if (argc > 5) normalization = {std::strtof(argv[4], nullptr), std::strtof(argv[5], nullptr)};

  const Picture picture(argv[2]);
  if (!picture) return fail(picture.why_not());

  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return fail(model.message().data());
  auto interpreter = tfl::Interpreter<Ops>::create(*model);
  if (!interpreter) return fail(interpreter.message().data());

  auto input = interpreter->input<std::byte>(0);
  if (!input) return fail(input.message().data());
  if (auto r = tfl::fill_with_image(*input, interpreter->input_description(0), picture.view(), normalization); !r)
    return fail(r.message().data());
  if (auto r = interpreter->invoke(); !r) return fail(r.message().data());
  auto output = interpreter->output<std::byte>(0);
  if (!output) return fail(output.message().data());

  std::array<tfl::Score, 5> best;
  tfl::top_scores(*output, interpreter->output_description(0), best);
  for (const tfl::Score& s : best) {
    if (s.label < 0) break;
    const auto index = static_cast<std::size_t>(s.label);
    std::printf("%.3f  %s\n", static_cast<double>(s.value),
                index < labels.size() ? labels[index].c_str() : std::to_string(s.label).c_str());
  }
  return 0;
}
