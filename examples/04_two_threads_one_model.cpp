// One model, verified and mapped once; an interpreter a thread. Packed weights are made once and shared.

#include <cstdio>
#include <thread>
#include <vector>

#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"

using Ops = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::MaxPool2D, tfl::FullyConnected, tfl::Reshape, tfl::Softmax>;

int main(int argc, char** argv) {
  if (argc != 2) return std::printf("usage: 04_two_threads_one_model digits_int8.tflite\n"), 2;
  auto model = tfl::Model::from_file(argv[1]);
  if (!model) return std::printf("%s\n", model.message().data()), 1;

  constexpr int runs = 1000;
  std::vector<long> sums(2, -1);
  const auto work = [&](std::size_t thread) {
    auto interpreter = tfl::Interpreter<Ops>::create(*model);  // a copy of the handle: the model itself is shared
    if (!interpreter) return;
    long sum = 0;
    for (int run = 0; run < runs; ++run) {
      auto input = interpreter->input<std::int8_t>(0);
      if (!input) return;
      for (std::size_t i = 0; i < input->size(); ++i)
        (*input)[i] = static_cast<std::int8_t>((run * 31 + static_cast<int>(i) * 7) % 256 - 128);
      if (auto r = interpreter->invoke(); !r) return;
      auto output = interpreter->output<std::int8_t>(0);
      if (!output) return;
      for (const std::int8_t value : *output) sum += value;
    }
    sums[thread] = sum;
  };
  std::thread other(work, std::size_t{1});
  work(0);
  other.join();
  std::printf("%d runs on each of two threads: %s (checksum %ld)\n", runs,
              sums[0] == sums[1] && sums[0] != -1 ? "same results" : "DIFFERENT results", sums[0]);
  return sums[0] == sums[1] ? 0 : 1;
}
