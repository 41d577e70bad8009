// libraries: tfl_tool_ops
// tfl_run MODEL: loads any .tflite model, runs it and says what it computed, how long it took and how much memory it needed.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tfl/runtime/interpreter.hpp"
#include "tools/common/all_ops.hpp"
#include "tools/common/print.hpp"
#include "tools/common/seeded_inputs.hpp"

namespace {

using Interpreter = tfl::Interpreter<tfl::tools::PrecompiledOps, tfl::NoDelegates, tfl::tools::SharedPool>;
using tfl::tools::text;

struct Arguments {
  std::string model, out, signature;
  std::vector<std::string> inputs, shapes;
  std::uint32_t seed = 1;
  int threads = 1, repeat = 1;
  bool verbose = false, apart = false;
};

int fail(const std::string& sentence) {
  std::fprintf(stderr, "tfl_run: %s\n", sentence.c_str());
  return 1;
}

/// "3=FILE" or "name=FILE": which input, and the rest; -1 where there is no such input.
int input_of(const Interpreter& interpreter, const std::string& argument, std::string& rest) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos) return -1;
  const std::string key = argument.substr(0, equals);
  rest = argument.substr(equals + 1);
  for (int i = 0; i < interpreter.input_count(); ++i) {
    if (key == std::to_string(i) || key == text(interpreter.input_name(i))) return i;
  }
  return -1;
}

int run(const Arguments& a) {
  auto model = tfl::Model::from_file(a.model.c_str());
  if (!model) return fail(text(model.message()));
  tfl::ThreadPool pool(a.threads);
  const tfl::InterpreterOptions options{.fuse = !a.apart && !a.verbose};
  auto made =
      a.signature.empty() ? Interpreter::create(*model, options, {&pool}) : Interpreter::create(*model, a.signature, options, {&pool});
  if (!made) return fail(text(made.message()));
  Interpreter& interpreter = *made;

  bool resized = false;
  for (const std::string& argument : a.shapes) {
    std::string rest;
    const int i = input_of(interpreter, argument, rest);
    if (i < 0) return fail("--shape " + argument + ": expected INPUT=DIM,DIM,... with the number or the name of an input");
    std::vector<std::int32_t> dims;
    for (std::size_t at = 0; at < rest.size();) {
      std::size_t end = rest.find(',', at);
      if (end == std::string::npos) end = rest.size();
      dims.push_back(std::atoi(rest.substr(at, end - at).c_str()));
      at = end + 1;
    }
    if (auto r = interpreter.resize_input(i, dims); !r) return fail(text(r.message()));
    resized = true;
  }
  if (resized) {
    if (auto r = interpreter.allocate(); !r) return fail(text(r.message()));
  }

  std::vector<std::vector<std::byte>> inputs(static_cast<std::size_t>(interpreter.input_count()));
  tfl::tools::SeededStream stream(a.seed);
  const auto is_string = [&](int i) { return interpreter.input_description(i).type == tfl::TensorType::string; };
  for (int i = 0; i < interpreter.input_count(); ++i) {
    if (is_string(i)) {
      std::printf("input %d '%s' %s, empty unless --input gives the bytes of a tensor of strings\n", i,
                  text(interpreter.input_name(i)).c_str(), tfl::tools::describe(interpreter.input_description(i)).c_str());
      continue;
    }
    auto view = interpreter.input<std::byte>(i);
    if (!view) return fail(text(view.message()));
    inputs[static_cast<std::size_t>(i)].resize(view->size());
    stream.fill(view->type(), inputs[static_cast<std::size_t>(i)]);
    std::printf("input %d '%s' %s\n", i, text(view->name()).c_str(), tfl::tools::describe(interpreter.input_description(i)).c_str());
  }
  for (const std::string& argument : a.inputs) {
    std::string path;
    const int i = input_of(interpreter, argument, path);
    if (i < 0) return fail("--input " + argument + ": expected INPUT=FILE with the number or the name of an input");
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail("--input " + argument + ": cannot open '" + path + "'");
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    auto& input = inputs[static_cast<std::size_t>(i)];
    if (is_string(i)) {
      input.resize(bytes.size());
      std::memcpy(input.data(), bytes.data(), bytes.size());
      if (auto r = interpreter.set_string_bytes(i, input); !r) return fail(text(r.message()));
      continue;
    }
    if (bytes.size() != input.size()) {
      return fail("input " + std::to_string(i) + " '" + text(interpreter.input_name(i)) + "' " +
                  tfl::tools::describe(interpreter.input_description(i)) + " takes " + std::to_string(input.size()) + " bytes, but '" +
                  path + "' has " + std::to_string(bytes.size()));
    }
    std::memcpy(input.data(), bytes.data(), bytes.size());
  }
  const auto fill = [&] {
    for (int i = 0; i < interpreter.input_count(); ++i) {
      if (is_string(i)) continue;  // strings stay until others are set
      auto view = interpreter.input<std::byte>(i);
      if (view && !view->empty()) std::memcpy(view->data(), inputs[static_cast<std::size_t>(i)].data(), view->size());
    }
  };

  fill();
  auto first = a.verbose ? interpreter.invoke([](const tfl::NodeEvent& event) {
    for (std::size_t o = 0; o < event.outputs.size(); ++o) std::printf("%s\n", tfl::tools::layer_line(event, o).c_str());
  })
                         : interpreter.invoke();
  if (!first) return fail(text(first.message()));

  if (!a.out.empty()) std::filesystem::create_directories(a.out);
  for (int i = 0; i < interpreter.output_count(); ++i) {
    auto view = interpreter.output<std::byte>(i);
    if (!view) return fail(text(view.message()));
    std::printf("output %d '%s' %s\n", i, text(view->name()).c_str(), tfl::tools::describe(interpreter.output_description(i)).c_str());
    if (a.out.empty()) continue;
    const std::string path = a.out + "/out" + std::to_string(i) + ".bin";
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(view->data()), static_cast<std::streamsize>(view->size()));
    if (!file.flush()) return fail("cannot write '" + path + "'");
  }

  std::vector<double> times;
  for (int i = 0; i < a.repeat; ++i) {
    fill();
    const auto start = std::chrono::steady_clock::now();
    if (auto r = interpreter.invoke(); !r) return fail(text(r.message()));
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  std::printf("nodes %zu, of which %d run\n", interpreter.subgraph().graph().nodes.size(), interpreter.subgraph().nodes_to_run());
  std::printf("arena %zu bytes%s\n", interpreter.arena_bytes(),
              interpreter.subgraph().has_dynamic_tensors() ? " (and tensors on the heap, whose shapes depend on data)" : "");
  std::printf("latency %.1f us (median of %d, %d thread%s, %s)\n", times[times.size() / 2], a.repeat, a.threads, a.threads == 1 ? "" : "s",
              tfl::simd::name_of(tfl::simd::NativeArch{}));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"Runs a .tflite model: fills its inputs, invokes it, writes and describes its outputs."};
  app.add_option("model", a.model, "the .tflite file")->required();
  app.add_option("--input", a.inputs, "INPUT=FILE: raw bytes for an input, by number or name; others get pseudo-random values")->take_all();
  app.add_option("--shape", a.shapes, "INPUT=DIM,DIM,...: a new shape for an input")->take_all();
  app.add_option("--seed", a.seed, "seed of the pseudo-random inputs");
  app.add_option("--out", a.out, "folder for out0.bin, out1.bin, ... (raw bytes)");
  app.add_option("--threads", a.threads, "threads that share the work of large ops")->check(CLI::Range(1, 256));
  app.add_option("--repeat", a.repeat, "timed runs after the first")->check(CLI::Range(1, 1'000'000));
  app.add_option("--signature", a.signature, "the signature to run");
  app.add_flag("--verbose", a.verbose, "a line with a hash for every tensor that a node writes; implies --apart");
  app.add_flag("--apart", a.apart, "no fusion: every node of the file runs by itself");
  CLI11_PARSE(app, argc, argv);
  return run(a);
}
