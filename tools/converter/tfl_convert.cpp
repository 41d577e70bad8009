// tfl_convert INPUT -o OUT.tflite: models of TensorFlow, Keras, ONNX or TensorFlow Lite itself as optimized, quantized .tflite.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tools/common/seeded_inputs.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/evaluate/evaluator.hpp"
#include "tools/converter/import/import.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"
#include "tools/converter/ir/print.hpp"
#include "tools/converter/passes/pass.hpp"
#include "tools/converter/quantize/calibrate.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/samples.hpp"

namespace {

using namespace tfl::converter;
namespace fs = std::filesystem;

struct Arguments {
  std::string input, out, quantize = "none", weights = "int8", io = "float32", method = "min-max", calibration, dump_after, dump;
  std::vector<std::string> without, keep_float, inputs, outputs, signatures;
  std::string tag = "serve";
  double percentile = 99.99;
  std::size_t samples = 1000;
  int verify = 0;
  bool per_tensor = false, dense_per_tensor = false, per_channel = false, strip = false, no_optimize = false, list_ops = false,
       quiet = false;
};

int fail(const Problems& problems) {
  for (const Problem& p : problems.list()) std::fprintf(stderr, "tfl_convert: %s\n", p.text().c_str());
  if (problems.count() > problems.list().size())
    std::fprintf(stderr, "tfl_convert: ... and %zu problems more\n", problems.count() - problems.list().size());
  return 1;
}

void warn(const Problems& problems) {
  for (const Problem& p : problems.warnings()) std::fprintf(stderr, "tfl_convert: warning: %s\n", p.text().c_str());
}

[[maybe_unused]] void list(const char* format, const std::vector<std::string>& names) {
  std::printf("%s:\n", format);
  for (const std::string& name : names) std::printf("  %s\n", name.c_str());
}

int list_ops() {
#ifdef TFL_CONVERTER_WITH_KERAS
  list("Keras layers", keras_layer_names());
#endif
#ifdef TFL_CONVERTER_WITH_ONNX
  list("ONNX operators", onnx_operator_names());
#endif
#ifdef TFL_CONVERTER_WITH_TENSORFLOW
  list("TensorFlow operators", tensorflow_operator_names());
#endif
  std::printf("TensorFlow Lite: every operator of the format\n");
  return 0;
}

std::unique_ptr<Model> read_lite(const std::string& path, Problems& problems) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return problems.add("cannot open '" + path + "'"), nullptr;
  const std::streamoff size = file.tellg();
  // The format's own offsets end at 2 GB; what lies behind the tables may go on.
  constexpr std::streamoff most = std::streamoff{16} << 30;
  if (size < 0 || size > most) return problems.add("'" + path + "' is no file that tfl_convert can read"), nullptr;
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!file) return problems.add("cannot read '" + path + "'"), nullptr;
  auto model = std::make_unique<Model>();
  if (!read_tflite(bytes, *model, problems)) return nullptr;
  return model;
}

std::unique_ptr<Model> read_model(const Arguments& a, Problems& problems) {
  const std::string extension = fs::path(a.input).extension().string();
  if (!fs::exists(a.input)) return problems.add("'" + a.input + "' does not exist"), nullptr;
  if (extension == ".tflite") return read_lite(a.input, problems);
  if (extension == ".h5" || extension == ".hdf5" || extension == ".keras") {
#ifdef TFL_CONVERTER_WITH_KERAS
    return import_keras(a.input, problems);
#else
    return problems.add("this tfl_convert was built without TFL_CONVERTER_KERAS and reads no " + extension), nullptr;
#endif
  }
  if (extension == ".onnx") {
#ifdef TFL_CONVERTER_WITH_ONNX
    return import_onnx(a.input, problems);
#else
    return problems.add("this tfl_convert was built without TFL_CONVERTER_ONNX and reads no .onnx"), nullptr;
#endif
  }
  if (extension == ".pb" || extension == ".pbtxt" || fs::is_directory(a.input)) {
#ifdef TFL_CONVERTER_WITH_TENSORFLOW
    return import_tensorflow(a.input, {a.inputs, a.outputs, a.tag, a.signatures}, problems);
#else
    return problems.add("this tfl_convert was built without TFL_CONVERTER_TENSORFLOW and reads no SavedModel or GraphDef"), nullptr;
#endif
  }
  problems.add(
      "'" + a.input +
      "': tfl_convert knows models by their names: .tflite, .h5, .hdf5, .keras, .onnx, .pb, .pbtxt, or the folder of a SavedModel");
  return nullptr;
}

/// As text, or for Graphviz where the name ends in .dot.
bool dump(const Model& model, const std::string& path, Problems& problems) {
  const std::string text = path.ends_with(".dot") ? to_graphviz(model) : to_text(model);
  if (path.empty()) return std::fputs(text.c_str(), stdout) >= 0;
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) return problems.add("cannot write '" + path + "'"), false;
  return true;
}

bool quantize(Model& model, const Arguments& a, Problems& problems) {
  const tfl::TensorType weights = a.weights == "int4" ? tfl::TensorType::int4 : tfl::TensorType::int8;
  const std::set<std::string> keep(a.keep_float.begin(), a.keep_float.end());
  if (a.quantize == "dynamic" || a.quantize == "float16") {
    WeightOptions options{a.quantize == "float16" ? tfl::TensorType::float16 : weights, a.per_channel};
    options.keep_float = keep;
    return quantize_weights(model, options, problems);
  }
  QuantizeOptions options;
  options.activations = a.quantize == "int16x8" ? tfl::TensorType::int16 : tfl::TensorType::int8;
  options.weights = weights;
  options.per_channel = !a.per_tensor;
  options.per_channel_dense = !a.dense_per_tensor && !a.per_tensor;
  options.keep_float = keep;
  const std::vector<std::pair<std::string, tfl::TensorType>> types{{"float32", tfl::TensorType::float32},
                                                                   {"int8", tfl::TensorType::int8},
                                                                   {"uint8", tfl::TensorType::uint8},
                                                                   {"int16", tfl::TensorType::int16}};
  for (const auto& [name, type] : types) {
    if (name == a.io) options.input_output = type;
  }
  const bool shorts = options.activations == tfl::TensorType::int16;
  if (options.input_output != tfl::TensorType::float32 && shorts != (options.input_output == tfl::TensorType::int16))
    return problems.add("--io " + a.io + " does not go with --quantize " + a.quantize), false;
  if (!a.calibration.empty()) {
    CalibrateOptions calibration;
    calibration.activations = options.activations;
    calibration.percentile = a.percentile;
    using tfl::quant::Calibration;
    const std::vector<std::pair<std::string, Calibration>> methods{{"moving-average", Calibration::moving_average},
                                                                   {"percentile", Calibration::percentile},
                                                                   {"entropy", Calibration::entropy},
                                                                   {"mse", Calibration::mse}};
    for (const auto& [name, method] : methods) {
      if (name == a.method) calibration.method = method;
    }
    if (!a.quiet) {
      calibration.progress = [](std::size_t done, std::size_t all) {
        if (done % 100 == 0 || done == all) std::fprintf(stderr, "\rcalibration: %zu of %zu%s", done, all, done == all ? "\n" : "");
      };
    }
    const auto samples = read_samples(a.calibration, model, a.samples, problems);
    if (problems.any() || !calibrate(model, samples, calibration, problems)) return false;
  }
  return quantize_integers(model, options, problems);
}

double as_real(const Tensor& tensor, const Bytes& data, std::size_t i) {
  const auto at = [&]<class T>(T) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  };
  const double scale = tensor.quantization.scales.size() == 1 ? static_cast<double>(tensor.quantization.scales[0]) : 1.0;
  const double zero = tensor.quantization.zero_points.size() == 1 ? static_cast<double>(tensor.quantization.zero_points[0]) : 0.0;
  switch (tensor.type) {
    case tfl::TensorType::float32: return at(float{});
    case tfl::TensorType::int8: return scale * (at(std::int8_t{}) - zero);
    case tfl::TensorType::uint8: return scale * (at(std::uint8_t{}) - zero);
    case tfl::TensorType::int16: return scale * (at(std::int16_t{}) - zero);
    case tfl::TensorType::int32: return at(std::int32_t{});
    case tfl::TensorType::int64: return at(std::int64_t{});
    default: return data[i];
  }
}

/// The source's input as the result takes it.
Bytes as_input(const Tensor& from, const Bytes& data, const Tensor& to) {
  if (from.type == to.type || from.type != tfl::TensorType::float32 || to.quantization.scales.size() != 1) return data;
  const std::size_t count = data.size() / sizeof(float);
  const std::size_t size = static_cast<std::size_t>(tfl::bits_of(to.type) / 8);
  Bytes result(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t value = tfl::quant::quantize_value(
        static_cast<float>(as_real(from, data, i)), {to.quantization.scales[0], static_cast<std::int32_t>(to.quantization.zero_points[0])},
        tfl::quant::integer_range(to.type));
    std::memcpy(result.data() + i * size, &value, size);
  }
  return result;
}

/// Runs the source's graph and the result side by side and prints how far apart they are.
bool verify(const Model& source, const Model& result, int runs, Problems& problems) {
  const auto before = Evaluator::make(source, problems), after = Evaluator::make(result, problems);
  if (before == nullptr || after == nullptr) return false;
  const Graph &a = *source.graphs.front(), &b = *result.graphs.front();
  std::vector<double> worst(a.outputs().size(), 0.0), squares(a.outputs().size(), 0.0), signal(a.outputs().size(), 0.0);
  for (int run = 0; run < runs; ++run) {
    tfl::tools::SeededStream stream(static_cast<std::uint32_t>(run + 1));
    std::vector<Bytes> inputs, converted;
    for (std::size_t i = 0; i < a.inputs().size(); ++i) {
      inputs.emplace_back(before->input_bytes(i));
      stream.fill(a.inputs()[i]->type, std::as_writable_bytes(std::span(inputs.back())));
      converted.push_back(as_input(*a.inputs()[i], inputs.back(), *b.inputs()[i]));
    }
    for (const std::string& error : {before->run(inputs), after->run(converted)}) {
      if (!error.empty()) return problems.add("--verify: " + error), false;
    }
    for (std::size_t o = 0; o < worst.size(); ++o) {
      const Bytes want = before->output(o), got = after->output(o);
      const std::size_t size = static_cast<std::size_t>(std::max(8, tfl::bits_of(a.outputs()[o]->type)) / 8);
      for (std::size_t i = 0; i < want.size() / size; ++i) {
        const double w = as_real(*a.outputs()[o], want, i), d = as_real(*b.outputs()[o], got, i) - w;
        worst[o] = std::max(worst[o], std::fabs(d));
        squares[o] += d * d;
        signal[o] += w * w;
      }
    }
  }
  for (std::size_t o = 0; o < worst.size(); ++o) {
    const double ratio = squares[o] > 0 ? 10 * std::log10(signal[o] / squares[o]) : 999;
    std::printf("output %zu '%s': at most %.3g off in %d runs, signal to noise %.1f dB\n", o, a.outputs()[o]->name.c_str(), worst[o], runs,
                ratio);
  }
  return true;
}

int run(const Arguments& a) {
  Problems problems;
  auto model = read_model(a, problems);
  if (model == nullptr || problems.any()) return fail(problems);
  Problems order;
  for (const auto& graph : model->graphs) {
    if (!graph->sort(order)) return fail(order);
  }
  std::vector<std::uint8_t> original;
  if (a.verify > 0) {
    original = write_tflite(*model, problems);
    if (original.empty()) return fail(problems);
  }
  if (!a.no_optimize) {
    OptimizeOptions options;
    options.without = {a.without.begin(), a.without.end()};
    options.after = [&](const Pass& pass, const Model& now) {
      if (a.dump_after == pass.name) dump(now, a.dump, problems);
    };
    optimize(*model, options);
  }
  if (a.quantize != "none" && !quantize(*model, a, problems)) return fail(problems);
  if (a.quantize != "none" && !a.no_optimize) {
    OptimizeOptions options;
    options.without = {a.without.begin(), a.without.end()};
    optimize(*model, options);
  }
  if (a.quantize != "none" || a.strip) {
    // Observed ranges have done their work.
    for (const auto& graph : model->graphs) {
      for (const auto& tensor : graph->tensors()) tensor->quantization.min = tensor->quantization.max = {};
    }
  }
  if (a.strip) {
    model->metadata.clear();
    model->description.clear();
  }
  if (a.dump_after == "all") dump(*model, a.dump, problems);
  const std::vector<std::uint8_t> bytes = write_tflite(*model, problems);
  warn(problems);
  if (problems.any()) return fail(problems);
  // What is written must be what readers accept.
  Model again;
  if (!read_tflite(std::as_bytes(std::span(bytes)), again, problems)) return fail(problems);
  if (auto written = tfl::ModelBuilder::write_file(a.out, bytes); !written) {
    problems.add(std::string(written.message()));
    return fail(problems);
  }
  if (!a.quiet) {
    std::size_t nodes = 0;
    for (const auto& graph : model->graphs) nodes += graph->size();
    std::printf("%s: %zu nodes, %zu bytes\n", a.out.c_str(), nodes, bytes.size());
  }
  if (a.verify > 0) {
    Model source;
    if (!read_tflite(std::as_bytes(std::span(original)), source, problems) || !verify(source, again, a.verify, problems))
      return fail(problems);
  }
  return 0;
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const Pass& pass : all_passes()) names.emplace_back(pass.name);
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"Converts models of TensorFlow, Keras, ONNX and TensorFlow Lite to optimized, quantized .tflite files."};
  app.add_option("input", a.input, "a .tflite, .h5, .hdf5, .keras, .onnx, .pb or .pbtxt file, or the folder of a SavedModel");
  app.add_option("-o,--out", a.out, "the .tflite file to write");
  app.add_option("--quantize", a.quantize, "int8, int16x8: integers throughout; dynamic: integer weights; float16: half weights")
      ->check(CLI::IsMember({"none", "int8", "int16x8", "dynamic", "float16"}));
  app.add_option("--weights", a.weights, "int8 or int4 (convolutions and dense layers)")->check(CLI::IsMember({"int8", "int4"}));
  app.add_option("--io", a.io, "the type of inputs and outputs, with int8 and int16x8")
      ->check(CLI::IsMember({"float32", "int8", "uint8", "int16"}));
  app.add_option("--calibration", a.calibration, "typical inputs: .npy, .npz, or raw bytes; without it the ranges in a .tflite file serve");
  app.add_option("--method", a.method, "how ranges follow from calibration")
      ->check(CLI::IsMember({"min-max", "moving-average", "percentile", "entropy", "mse"}));
  app.add_option("--percentile", a.percentile, "how many of a hundred values a range holds, with --method percentile")
      ->check(CLI::Range(50.0, 100.0));
  app.add_option("--samples", a.samples, "how many calibration samples are used at most");
  app.add_flag("--per-tensor", a.per_tensor, "one scale for all channels of convolutions and dense layers");
  app.add_flag("--dense-per-tensor", a.dense_per_tensor, "one scale for all channels of dense layers, as older runtimes want");
  app.add_flag("--per-channel", a.per_channel, "a scale for each channel, with --quantize dynamic");
  app.add_option("--keep-float", a.keep_float, "nodes (by source name or output's name) that stay in float")->take_all();
  app.add_option("--no-pass", a.without, "a pass that does not run: --list-passes names them")
      ->check(CLI::IsMember(pass_names()))
      ->take_all();
  app.add_option("--dump-after", a.dump_after, "prints the graph after every run of this pass that changed it; all: at the end");
  app.add_option("--dump", a.dump, "the file to which --dump-after writes; .dot: for Graphviz");
  app.add_option("--verify", a.verify, "runs source and result on so many random inputs and prints the differences")
      ->check(CLI::Range(0, 10000));
  app.add_option("--inputs", a.inputs, "inputs of a GraphDef")->delimiter(',');
  app.add_option("--outputs", a.outputs, "outputs of a GraphDef")->delimiter(',');
  app.add_option("--tag", a.tag, "the tag of a SavedModel");
  app.add_option("--signature", a.signatures, "the signatures of a SavedModel to keep; without it all")->take_all();
  app.add_flag("--strip", a.strip, "leaves out metadata, the description and stored ranges");
  app.add_flag("--no-optimize", a.no_optimize, "no pass runs");
  app.add_flag("--quiet", a.quiet, "prints nothing but problems");
  app.add_flag("--list-ops", a.list_ops, "prints what each input format may hold");
  bool list_passes = false;
  app.add_flag("--list-passes", list_passes, "prints the passes in their order");
  CLI11_PARSE(app, argc, argv);
  if (a.list_ops) return list_ops();
  if (list_passes) {
    for (const Pass& pass : all_passes()) std::printf("%-20s %s\n", pass.name, pass.what);
    return 0;
  }
  if (a.input.empty() || a.out.empty()) {
    std::fprintf(stderr, "tfl_convert: an input and --out are needed; --help tells more\n");
    return 2;
  }
  try {
    return run(a);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "tfl_convert: memory ran out\n");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tfl_convert: %s\n", e.what());
  }
  return 1;
}
