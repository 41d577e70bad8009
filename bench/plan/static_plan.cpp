// bench_plan FOLDER: static plans beside the interpreter, in turn on one thread. Prints the medians of an invoke, the median of the rounds'
// ratios (below 1: the plan is faster), and how long it takes until an interpreter is ready. Plans are: they are constant-initialized.

#include "tfl/plan/static_plan.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "kws_ref_model.hpp"
#include "pretrainedResnet_quant.hpp"
#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tools/common/seeded_inputs.hpp"
#include "vww_96_int8.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Ops =
    tfl::OpRegistry<tfl::Add, tfl::AveragePool2D, tfl::Conv2D, tfl::DepthwiseConv2D, tfl::FullyConnected, tfl::Reshape, tfl::Softmax>;

/// Every node a kernel of its own, and nothing to do at start.
template <class Model>
using Plan = tfl::StaticPlan<Model, tfl::PlanExtents::fixed, tfl::PlanArena::member, tfl::simd::NativeArch, tfl::PlanPacking::linked>;

double microseconds_since(Clock::time_point start) { return std::chrono::duration<double, std::micro>(Clock::now() - start).count(); }
double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}
template <class Runner> double time_of(Runner& runner, int runs) {
  const auto start = Clock::now();
  for (int i = 0; i < runs; ++i) (void)runner.invoke();
  return microseconds_since(start) / runs;
}

template <class Plan> int compare(const char* name, const std::string& path) {
  const auto start = Clock::now();
  auto model = tfl::Model::from_file(path.c_str());
  if (!model) return std::printf("%s\n", std::string(model.message()).c_str()), 1;
  auto interpreter = tfl::Interpreter<Ops>::create(*model);
  if (!interpreter) return std::printf("%s\n", std::string(interpreter.message()).c_str()), 1;
  const double creation = microseconds_since(start);
  static_assert(!Plan::has_start_up);
  static constinit Plan plan;

  tfl::tools::SeededStream first(1), second(1);
  auto input = interpreter->input<std::byte>(0);
  auto plan_input = plan.template input<0>();
  if (!input) return 1;
  first.fill(tfl::TensorType::int8, *input);
  second.fill(tfl::TensorType::int8, std::as_writable_bytes(std::span(plan_input)));
  (void)interpreter->invoke();
  plan.invoke();
  auto output = interpreter->output<std::byte>(0);
  if (!output || std::memcmp(output->data(), plan.template output<0>().data(), output->size()) != 0) {
    return std::printf("%s: the outputs differ\n", name), 1;
  }
  constexpr int rounds = 101;
  constexpr double slice = 3000;  // microseconds
  const int runs = std::max(1, static_cast<int>(slice / time_of(*interpreter, 20)));
  std::vector<double> interpreted, planned, ratios;
  for (int round = 0; round < rounds; ++round) {
    // Whoever comes second has no advantage.
    double a = 0, b = 0;
    if (round % 2 == 0) a = time_of(*interpreter, runs);
    b = time_of(plan, runs);
    if (round % 2 != 0) a = time_of(*interpreter, runs);
    interpreted.push_back(a);
    planned.push_back(b);
    ratios.push_back(b / a);
  }
  std::printf("%-18s interpreter %9.2f us, ready after %7.0f us; plan %9.2f us, ready at once; ratio %.3f\n", name, median(interpreted),
              creation, median(planned), median(ratios));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "bench_plan FOLDER (of the models of MLPerf Tiny)\n"), 2;
  const std::string folder = std::string(argv[1]) + '/';
  return compare<Plan<kws_ref_model>>("keyword spotting", folder + "kws_ref_model.tflite") |
         compare<Plan<vww_96_int8>>("person detection", folder + "vww_96_int8.tflite") |
         compare<Plan<pretrainedResnet_quant>>("ResNet-8", folder + "pretrainedResnet_quant.tflite");
}
