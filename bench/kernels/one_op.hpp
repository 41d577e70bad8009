#pragma once
// One node on random data as a benchmark: its answer is checked against the scalar kernels first (integers to the bit), then it is timed
// beside what this core can do at most.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/kernels/machine.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/registry.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace tfl::bench {

[[noreturn]] inline void stop(const std::string& name, std::string_view message) {
  std::fprintf(stderr, "%s: %.*s\n", name.c_str(), static_cast<int>(message.size()), message.data());
  std::exit(1);
}

/// What the time of a node is held against.
enum class Bound {
  float_products,  // the peak of float multiply-adds
  byte_products,   // the peak of byte dot products
  memory           // a copy of as many bytes as the node reads and writes
};

inline QuantizationSpec quantized(float scale, std::int64_t zero_point) { return {.scales = {scale}, .zero_points = {zero_point}}; }

/// A model of one node, from its tensors in order.
class OneOp {
 public:
  explicit OneOp(std::string name) : name_(std::move(name)), stream_(7) {}

  OneOp& input(TensorType type, std::vector<std::int32_t> shape, QuantizationSpec quantization = {}) {
    bytes_read_ += bytes_of_tensor(type, shape);
    const int tensor = builder_.add_tensor({"input", type, std::move(shape), std::move(quantization)});
    inputs_.push_back(tensor);
    runtime_inputs_.push_back(tensor);
    return *this;
  }
  /// Random weights, a bias (32 bits: small numbers), or `values` as they are.
  OneOp& constant(TensorType type, std::vector<std::int32_t> shape, QuantizationSpec quantization = {}) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(bytes_of_tensor(type, shape)));
    stream_.fill(type, std::as_writable_bytes(std::span(bytes)));
    // Per-channel weights are symmetric: the converter writes no -128.
    if (type == TensorType::int8) std::replace(bytes.begin(), bytes.end(), std::uint8_t{0x80}, std::uint8_t{0x81});
    bytes_read_ += static_cast<std::int64_t>(bytes.size());
    inputs_.push_back(builder_.add_constant({"constant", type, std::move(shape), std::move(quantization)}, bytes));
    return *this;
  }
  OneOp& integers(std::vector<std::int32_t> shape, const std::vector<std::int32_t>& values) {
    inputs_.push_back(builder_.add_constant({"integers", TensorType::int32, std::move(shape)}, values));
    return *this;
  }
  OneOp& output(TensorType type, std::vector<std::int32_t> shape, QuantizationSpec quantization = {}) {
    bytes_written_ += bytes_of_tensor(type, shape);
    outputs_.push_back(builder_.add_tensor({"output", type, std::move(shape), std::move(quantization)}));
    return *this;
  }
  /// `make` gets the flatbuffers builder and returns the node's options table.
  template <class Make> OneOp& options(Make make) {
    options_ = builder_.options(make(builder_.tables()));
    return *this;
  }
  OneOp& operations(double count) {
    operations_ = count;
    return *this;
  }

  /// Registers the benchmark; the model is built, checked and timed when it runs.
  template <class Op> void add(Bound bound) && {
    auto one = std::make_shared<OneOp>(std::move(*this));
    one->finish(Op::code);
    benchmark::RegisterBenchmark(one->name_.c_str(), [one, bound](benchmark::State& state) {
      one->time<Op>(state, bound);
    })->Unit(benchmark::kMicrosecond);
  }

 private:
  static std::int64_t bytes_of_tensor(TensorType type, const std::vector<std::int32_t>& shape) {
    std::int64_t count = 1;
    for (const std::int32_t extent : shape) count *= extent;
    return count * bits_of(type) / 8;
  }

  void finish(BuiltinOperator code) {
    builder_.add_operator(OperatorSpec{
        .opcode_index = builder_.find_operator_code(code, "", 1), .inputs = inputs_, .outputs = outputs_, .options = options_});
    builder_.set_inputs(runtime_inputs_);
    builder_.set_outputs(outputs_);
    file_ = builder_.finish();
  }

  template <class Op, class A> using OneInterpreter = Interpreter<OpRegistry<Op>, NoDelegates, SerialExecutor, A>;

  template <class Op, class A> OneInterpreter<Op, A> prepared(const Model& model) const {
    InterpreterOptions options;
    options.preserve_inputs = true;
    auto interpreter = OneInterpreter<Op, A>::create(model, options);
    if (!interpreter) stop(name_, interpreter.message());
    tools::SeededStream stream(1);
    for (int i = 0; i < interpreter->input_count(); ++i) {
      auto in = interpreter->template input<std::byte>(i);
      if (!in) stop(name_, in.message());
      stream.fill(in->type(), std::span<std::byte>(in->data(), in->size()));
    }
    if (auto r = interpreter->invoke(); !r) stop(name_, r.message());
    return std::move(*interpreter);
  }

  template <class Op> void time(benchmark::State& state, Bound bound) const {
    auto model = Model::from_memory(std::span<const std::uint8_t>(file_));
    if (!model) stop(name_, model.message());
    auto timed = prepared<Op, Arch>(*model);
    {
      auto reference = prepared<Op, simd::Scalar>(*model);
      for (int i = 0; i < timed.output_count(); ++i) check(*timed.template output<std::byte>(i), *reference.template output<std::byte>(i));
    }
    double fastest = 1e30;
    for (auto _ : state) {
      const double start = seconds_now();
      if (auto r = timed.invoke(); !r) stop(name_, r.message());
      const double took = seconds_now() - start;
      fastest = std::min(fastest, took);
      state.SetIterationTime(took);
    }
    const double bytes = static_cast<double>(bytes_read_ + bytes_written_);
    switch (bound) {
      case Bound::float_products: return share(state, operations_ / fastest, float_peak(), "GFLOP/s");
      case Bound::byte_products: return share_of_products(state, operations_ / fastest);
      case Bound::memory:
        return share(state, bytes / fastest,
                     copy_bandwidth(static_cast<std::size_t>(bytes_read_), static_cast<std::size_t>(bytes_written_)), "GB/s");
    }
  }

  static void share(benchmark::State& state, double rate, double peak, const char* unit) {
    state.counters[unit] = rate * 1e-9;
    if (peak > 0) state.counters["of_peak_%"] = 100 * rate / peak;
  }

  /// Beside dot products, and beside tiles where there are any.
  static void share_of_products(benchmark::State& state, double rate) {
    share(state, rate, dot_peak(), "GOP/s");
#if TFL_HAS_TILES
    if (simd::tiles_allowed()) state.counters["of_tile_peak_%"] = 100 * rate / tile_peak();
#endif
  }

  template <class V> void check(const V& got, const V& wanted) const {
    if (got.size() != wanted.size()) stop(name_, "the output has another size than the scalar kernels'");
    const TensorType type = got.type();
    if (type != TensorType::float32) {
      if (std::memcmp(got.data(), wanted.data(), got.size()) != 0) stop(name_, "an integer output differs from the scalar kernels'");
      return;
    }
    const auto* a = reinterpret_cast<const float*>(got.data());
    const auto* b = reinterpret_cast<const float*>(wanted.data());
    float largest = 1e-6f, apart = 0;
    for (std::size_t i = 0; i < got.size() / sizeof(float); ++i) {
      largest = std::max(largest, std::abs(b[i]));
      apart = std::max(apart, std::abs(a[i] - b[i]));
    }
    if (!(apart <= 1e-4f * largest)) stop(name_, "a float output is further than 1e-4 of the largest from the scalar kernels'");
  }

  std::string name_;
  tools::SeededStream stream_;
  ModelBuilder builder_;
  OperatorOptions options_;
  std::vector<std::int32_t> inputs_, outputs_, runtime_inputs_;
  std::int64_t bytes_read_ = 0, bytes_written_ = 0;
  double operations_ = 0;
  std::vector<std::uint8_t> file_;
};

}  // namespace tfl::bench
