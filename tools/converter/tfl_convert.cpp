// tfl_convert INPUT -o OUT.tflite: models of TensorFlow, Keras, ONNX or TensorFlow Lite itself as optimized, quantized .tflite.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "tfl/model/builder.hpp"
#include "tfl/model/model.hpp"
#include "tools/converter/emit/metadata.hpp"
#include "tools/converter/emit/runtime_version.hpp"
#include "tools/converter/emit/write_tflite.hpp"
#include "tools/converter/evaluate/compare_runs.hpp"
#include "tools/converter/import/read_model.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"
#include "tools/converter/ir/print.hpp"
#include "tools/converter/passes/channels_last.hpp"
#include "tools/converter/passes/pass.hpp"
#include "tools/converter/progress.hpp"
#include "tools/converter/quantize/calibrate.hpp"
#include "tools/converter/quantize/compress.hpp"
#include "tools/converter/quantize/prepare.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/report.hpp"
#include "tools/converter/quantize/samples.hpp"
#include "tools/tfl_codegen/generate.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace {

using namespace tfl::converter;
namespace fs = std::filesystem;

struct Arguments {
  std::string input, out, quantize = "none", weights = "int8", io = "float32", method = "min-max", calibration, dump_after, dump, labels,
                          emit_cpp, report, metadata;
  std::vector<std::string> without, keep_float, inputs, outputs, signatures;
  std::string tag = "serve";
  std::vector<float> mean, deviation;
  ModelDescription description;
  double percentile = 99.99;
  std::size_t samples = 1000;
  int verify = 0, clusters = 0;
  std::int32_t block_size = 0;
  bool per_tensor = false, dense_per_tensor = false, per_channel = false, strip = false, no_optimize = false, list_ops = false,
       quiet = false, channels_last = false, bias_correction = false, equalize = false, sparse = false;
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

bool write_text(const std::string& path, const std::string& text, Problems& problems) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) return problems.add("cannot write '" + path + "'"), false;
  return true;
}

/// As text, for Graphviz where the name ends in .dot, as a picture where it ends in .svg.
bool dump(const Model& model, const std::string& path, Problems& problems) {
  const std::string text = path.ends_with(".dot") ? to_graphviz(model) : path.ends_with(".svg") ? to_svg(model) : to_text(model);
  if (path.empty()) return std::fputs(text.c_str(), stdout) >= 0;
  return write_text(path, text, problems);
}

/// `samples` gets those of the calibration; `learned`: the model's training knew some ranges.
bool quantize(Model& model, const Arguments& a, bool learned, std::vector<std::vector<Bytes>>& samples, Progress& progress,
              Problems& problems) {
  progress.stage("quantization");
  const tfl::TensorType weights = a.weights == "int4" ? tfl::TensorType::int4 : tfl::TensorType::int8;
  const std::set<std::string> keep(a.keep_float.begin(), a.keep_float.end());
  if (a.quantize == "dynamic" || a.quantize == "float16") {
    WeightOptions options{a.quantize == "float16" ? tfl::TensorType::float16 : weights, a.per_channel};
    options.keep_float = keep;
    options.block_size = a.block_size;
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
  ChannelMeans means;
  if (!a.calibration.empty()) {
    CalibrateOptions calibration;
    calibration.keeps_ranges = learned;
    if (a.bias_correction) options.channel_means = calibration.channel_means = &means;
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
    calibration.progress = progress.steps();
    progress.stage("reading samples");
    samples = read_samples(a.calibration, model, {a.samples, a.mean, a.deviation}, problems);
    progress.stage("calibration");
    if (problems.any() || !calibrate(model, samples, calibration, problems)) return false;
    progress.stage("quantization");
  } else if (a.bias_correction) {
    return problems.add("--bias-correction needs --calibration"), false;
  }
  return quantize_integers(model, options, problems);
}

/// Runs the source's graph and the result side by side and prints how far apart they are.
bool verify(const Model& source, const Model& result, const CompareOptions& options, Problems& problems) {
  Problems own;
  for (const auto& [name, deviation] : compare_runs(source, result, options, own)) {
    std::printf("output '%s': at most %.3g off in %d runs, signal to noise %.1f dB\n", name.c_str(), deviation.largest, options.runs,
                deviation.ratio());
  }
  for (const Problem& p : own.list()) problems.add("--verify: " + p.text());
  return !own.any();
}

bool describe(Model& model, const Arguments& a, Problems& problems) {
  ModelDescription description = a.description;
  description.mean = a.mean;
  description.deviation = a.deviation;
  if (!a.labels.empty()) {
    std::ifstream file(a.labels, std::ios::binary);
    description.labels_text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || description.labels_text.empty()) return problems.add("cannot read '" + a.labels + "'"), false;
    description.labels_name = fs::path(a.labels).filename().string();
  }
  if (!description.empty()) describe_model(model, description, problems);
  return !problems.any();
}

/// The passes, and what they change on --dump-after. Returns whether anything changed.
bool optimize_as_told(Model& model, const Arguments& a, Progress& progress, Problems& problems) {
  if (a.no_optimize) return false;
  bool changed = false;
  OptimizeOptions options;
  progress.stage("optimization");
  options.before = [&](const Pass& pass) { progress.part(pass.name); };
  options.without = {a.without.begin(), a.without.end()};
  options.after = [&](const Pass& pass, const Model& now) {
    changed = true;
    if (a.dump_after == pass.name) dump(now, a.dump, problems);
  };
  optimize(model, options);
  return changed;
}

/// The header of the result as a C++ type.
bool emit_cpp(const std::vector<std::uint8_t>& bytes, const Arguments& a, Problems& problems) {
  const auto model = tfl::Model::from_memory(std::span<const std::uint8_t>(bytes));
  tfl::codegen::Generated generated;
  const std::string error = tfl::codegen::generate(
      *model, {.name = tfl::codegen::name_from(a.emit_cpp), .source = fs::path(a.out).filename().string()}, generated);
  if (!error.empty()) return problems.add("--emit-cpp: " + error), false;
  return write_text(a.emit_cpp, generated.header, problems);
}

/// How far each layer of the quantized model is from the float model on the calibration samples.
bool report(const std::vector<std::uint8_t>& in_float, const Model& quantized, std::vector<std::vector<Bytes>> samples, const Arguments& a,
            Problems& problems) {
  constexpr std::size_t most_samples = 20;
  if (samples.empty()) return problems.add("--report needs --calibration and --quantize int8 or int16x8"), false;
  samples.resize(std::min(samples.size(), most_samples));
  Model source;
  if (!read_tflite(std::as_bytes(std::span(in_float)), source, problems)) return false;
  const auto layers = compare_layers(source, quantized, samples, problems);
  return !problems.any() &&
         write_text(a.report, report_page(fs::path(a.out).filename().string() + " against float", layers, samples.size()), problems);
}

int run(Arguments a) {
  Problems problems;
  if (!a.metadata.empty()) {
#ifdef TFL_CONVERTER_WITH_KERAS
    a.description.mean = a.mean;
    a.description.deviation = a.deviation;
    if (!read_description(a.metadata, a.description, problems)) return fail(problems);
    a.mean = a.description.mean;
    a.deviation = a.description.deviation;
#else
    return problems.add("--metadata: this tfl_convert was built without a reader of JSON"), fail(problems);
#endif
  }
  Progress progress(a.quiet);
  std::error_code no_file;
  if (const std::uintmax_t size = fs::file_size(a.input, no_file); !no_file) progress.expect_bytes(size);
  progress.stage("reading " + a.input);
  auto model = read_model(a.input, {a.inputs, a.outputs, a.tag, a.signatures}, problems);
  if (model == nullptr || problems.any()) return fail(problems);
  const bool quantizes = a.quantize != "none", is_lite = fs::path(a.input).extension() == ".tflite";
  if (!is_lite) model->metadata.push_back({runtime_version_entry, {}});
  if (a.channels_last && move_channels_last(*model) == 0)
    problems.warn({}, "--channels-last: no input or output is an image with its channels first");
  std::vector<std::uint8_t> original;
  if (a.verify > 0) {
    original = write_tflite(*model, problems);
    if (original.empty()) return fail(problems);
  }
  const bool to_integers = a.quantize == "int8" || a.quantize == "int16x8";
  const bool learned = to_integers && absorb_fake_quant(*model) > 0;
  bool changed = optimize_as_told(*model, a, progress, problems);
  if (a.equalize && equalize_channels(*model) == 0) problems.warn({}, "--equalize: no convolution follows another one");
  if (a.clusters > 0) changed = cluster_weights(*model, a.clusters) > 0 || changed;
  if (quantizes) {
    std::vector<std::uint8_t> in_float;
    if (!a.report.empty()) in_float = write_tflite(*model, problems);
    std::vector<std::vector<Bytes>> samples;
    if (problems.any() || !quantize(*model, a, learned, samples, progress, problems)) return fail(problems);
    optimize_as_told(*model, a, progress, problems);
    if (!a.report.empty()) progress.stage("report");
    if (!a.report.empty() && !report(in_float, *model, std::move(samples), a, problems)) return fail(problems);
    changed = true;
  }
  if (a.sparse) changed = encode_sparse_weights(*model) > 0 || changed;
  CompareOptions comparison{.runs = a.verify, .progress = progress.steps()};
  for (const Tensor* input : model->main().inputs()) {
    const TensorQuantization& q = input->quantization;
    comparison.ranges.push_back(q.min.size() == 1 && q.max.size() == 1 ? std::optional(std::pair(q.min[0], q.max[0])) : std::nullopt);
  }
  if (quantizes || a.strip) {
    // Observed ranges have done their work.
    for (const auto& graph : model->graphs) {
      for (const auto& tensor : graph->tensors()) tensor->quantization.min = tensor->quantization.max = {};
    }
  }
  if (a.strip) {
    model->metadata.clear();
    model->attached.clear();
    model->description.clear();
  }
  if (!describe(*model, a, problems)) return fail(problems);
  if (a.dump_after == "all") dump(*model, a.dump, problems);
  progress.stage("writing " + a.out);
  std::vector<std::uint8_t> bytes = write_last(*model, problems);
  warn(problems);
  if (problems.any()) return fail(problems);
  if (is_lite && !changed && !a.strip && a.description.empty() && a.labels.empty() && bytes.size() > fs::file_size(a.input)) {
    // Some writers leave out what aligns constants; where there was nothing to improve, their file is the smaller one.
    std::ifstream file(a.input, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  // What is written must be what readers accept.
  if (const auto readable = tfl::Model::from_memory(std::span<const std::uint8_t>(bytes)); !readable) {
    problems.add(std::string(readable.message()));
    return fail(problems);
  }
  if (auto written = tfl::ModelBuilder::write_file(a.out, bytes); !written) {
    problems.add(std::string(written.message()));
    return fail(problems);
  }
  if (!a.emit_cpp.empty() && !emit_cpp(bytes, a, problems)) return fail(problems);
  if (!a.quiet) {
    std::size_t nodes = 0;
    for (const auto& graph : model->graphs) nodes += graph->size();
    std::printf("%s: %zu nodes, %zu bytes\n", a.out.c_str(), nodes, bytes.size());
  }
  if (a.verify > 0) {
    progress.stage("comparison of source and result");
    Model source, result;
    if (!read_tflite(std::as_bytes(std::span(original)), source, problems) ||
        !read_tflite(std::as_bytes(std::span(bytes)), result, problems) || !verify(source, result, comparison, problems))
      return fail(problems);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // Weights come and go whole: what is freed goes back at once. By default blocks as large as one that was freed fragment the heap.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
  Arguments a;
  CLI::App app{"Converts models of TensorFlow, Keras, ONNX and TensorFlow Lite to optimized, quantized .tflite files."};
  app.add_option("input", a.input, "a .tflite, .h5, .hdf5, .keras, .onnx, .pb or .pbtxt file, or the folder of a SavedModel");
  app.add_option("-o,--out", a.out, "the .tflite file to write");
  app.add_option("--quantize", a.quantize, "int8, int16x8: integers throughout; dynamic: integer weights; float16: half weights")
      ->check(CLI::IsMember({"none", "int8", "int16x8", "dynamic", "float16"}));
  app.add_option("--weights", a.weights, "int8 or int4 (convolutions and dense layers)")->check(CLI::IsMember({"int8", "int4"}));
  app.add_option("--io", a.io, "the type of inputs and outputs, with int8 and int16x8")
      ->check(CLI::IsMember({"float32", "int8", "uint8", "int16"}));
  app.add_option("--calibration", a.calibration,
                 "typical inputs: .npy, .npz, raw bytes, or a folder of pictures; without it the ranges in a .tflite file serve");
  app.add_option("--method", a.method, "how ranges follow from calibration")
      ->check(CLI::IsMember({"min-max", "moving-average", "percentile", "entropy", "mse"}));
  app.add_option("--percentile", a.percentile, "how many of a hundred values a range holds, with --method percentile")
      ->check(CLI::Range(50.0, 100.0));
  app.add_option("--samples", a.samples, "how many calibration samples are used at most");
  app.add_flag("--per-tensor", a.per_tensor, "one scale for all channels of convolutions and dense layers");
  app.add_flag("--dense-per-tensor", a.dense_per_tensor, "one scale for all channels of dense layers, as older runtimes want");
  app.add_flag("--per-channel", a.per_channel, "a scale for each channel, with --quantize dynamic");
  app.add_option("--keep-float", a.keep_float, "nodes (by source name or output's name) that stay in float")->take_all();
  for (const Pass& pass : all_passes()) {
    const std::string name = pass.name;
    app.add_flag_callback(
        "--no-" + name, [&a, name] { a.without.push_back(name); }, "no pass that " + std::string(pass.what));
  }
  app.add_option("--dump-after", a.dump_after, "prints the graph after every run of this pass that changed it; all: at the end");
  app.add_option("--dump", a.dump, "the file to which --dump-after writes; .dot: for Graphviz, .svg: a picture");
  app.add_option("--verify", a.verify, "runs source and result on so many random inputs and prints the differences")
      ->check(CLI::Range(0, 10000));
  app.add_option("--block-size", a.block_size,
                 "with --quantize dynamic --weights int4: a scale for so many neighbours in embeddings and dense layers")
      ->check(CLI::IsMember({16, 32, 64, 128, 256}));
  app.add_flag("--bias-correction", a.bias_correction, "biases make up for what rounded weights shift on average");
  app.add_flag("--equalize", a.equalize,
               "scales channels between convolutions so that their weights have like ranges (cross-layer equalization)");
  app.add_option("--cluster", a.clusters, "float weight tensors hold at most so many different values")->check(CLI::Range(2, 65536));
  app.add_flag("--sparse", a.sparse, "stores dense layers' weights that are mostly zeros as sparse blocks, where that is smaller");
  app.add_option("--report", a.report, "an HTML page on what quantization costs, layer by layer, and which layers to leave in float");
  app.add_option("--emit-cpp", a.emit_cpp, "also writes the result as a C++ header for tfl::StaticPlan, named like the file");
  app.add_option("--mean", a.mean, "what numbers of samples are less before --deviation divides them; one, or one a channel")
      ->delimiter(',');
  app.add_option("--deviation", a.deviation, "see --mean; both stand in the metadata, too")->delimiter(',');
  app.add_flag("--channels-last", a.channels_last, "images of ONNX models have their channels last in the result's inputs and outputs");
  app.add_option("--labels", a.labels, "a file with a line for each class, attached to the result");
  app.add_option("--metadata", a.metadata,
                 "a JSON file as TensorFlow Lite's tools print metadata: what the options around this one say, where they don't");
  app.add_option("--model-name", a.description.name, "for the metadata");
  app.add_option("--description", a.description.description, "for the metadata");
  app.add_option("--model-version", a.description.version, "for the metadata");
  app.add_option("--author", a.description.author, "for the metadata");
  app.add_option("--license", a.description.license, "for the metadata");
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
