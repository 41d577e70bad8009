// One program for every processor of a family: it holds kernels for several architectures, and runs the best that the machine has.
// TFL_ARCH=avx2 in the environment asks for another.

#include <cstdio>
#include <string_view>

#include "ops.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using Dispatched = tfl::Dispatched<Ops>;

/// What digit the model sees in a seven drawn by hand, or -1 after saying what went wrong.
int classify(const tfl::Model& model) {
  auto interpreter = tfl::Interpreter<Dispatched>::create(model);
  if (!interpreter) return std::printf("%s\n", interpreter.message().data()), -1;
  const std::string_view picture =
      "  ####  "
      " #####  "
      "    ##  "
      "    #   "
      "  ##### "
      "   ##   "
      "  ##    "
      "  ##    ";
  auto input = interpreter->input<std::int8_t>(0);
  if (!input) return std::printf("%s\n", input.message().data()), -1;
  for (std::size_t i = 0; i < input->size() && i < picture.size(); ++i) (*input)[i] = picture[i] == '#' ? 127 : -128;
  if (auto r = interpreter->invoke(); !r) return std::printf("%s\n", r.message().data()), -1;
  auto output = interpreter->output<std::int8_t>(0);
  if (!output) return std::printf("%s\n", output.message().data()), -1;
  std::size_t best = 0;
  for (std::size_t digit = 0; digit < output->size(); ++digit) {
    if ((*output)[digit] > (*output)[best]) best = digit;
  }
  return static_cast<int>(best);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::printf("usage: 05_dispatch digits_int8.tflite\n"), 2;
  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return std::printf("%s\n", model.message().data()), 1;

  const int digit = classify(*model);
  const auto architecture = Dispatched::architecture();
  if (digit < 0 || !architecture) return 1;
  std::printf("this is a %d, say the kernels for %s\n", digit, architecture->data());

  // A program need not ask, but it may: every architecture gives the same bytes.
  for (const tfl::Architecture& other : Dispatched::architectures()) {
    if (!other.runs_here()) continue;
    if (auto r = Dispatched::use_architecture(other.name); !r) return std::printf("%s\n", r.message().data()), 1;
    if (classify(*model) != digit) return std::printf("%s sees another digit\n", other.name.data()), 1;
    std::printf("%s agrees\n", other.name.data());
  }
  std::puts("all agree");
  return 0;
}
