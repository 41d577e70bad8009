// tfl_compare: ours beside XNNPACK and ONNX Runtime, in one process, in turn, after a check that all compute the same.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/compare/contest.hpp"
#include "bench/compare/report.hpp"
#include "bench/models/architectures.hpp"
#include "bench/peers/runner.hpp"

namespace {

namespace fs = std::filesystem;
using namespace tfl::bench;

struct Arguments {
  std::vector<std::string> models, files, peers{"xnnpack", "onnxruntime"};
  std::vector<int> threads{1};
  Timing timing;
  std::string json, svg;
  bool check_only = false, quiet = false;
};

struct Case {
  std::string name;
  tfl::Model model;
  std::vector<std::uint8_t> bytes{};  // of a model that was built here
};

tfl::Model load(tfl::Result<tfl::Model> model, const std::string& name) {
  if (!model) throw CannotRun(name + ": " + std::string(model.message()));
  return *model;
}

Case from_file(const fs::path& path) { return {path.stem().string(), load(tfl::Model::from_file(path.string().c_str()), path.string())}; }

Case built(const Architecture& architecture, bool quantized) {
  Case c{std::string(architecture.name) + (quantized ? "_int8" : "_float"), {}};
  auto bytes = quantized ? build_int8(architecture) : build_float(architecture);
  if (!bytes) throw CannotRun(c.name + ": " + std::string(bytes.message()));
  c.bytes = std::move(*bytes);
  c.model = load(tfl::Model::from_memory(c.bytes), c.name);
  return c;
}

/// Calls `run` for each model that the arguments name; one at a time is in memory.
template <class F> void for_each_case(const Arguments& arguments, F run) {
  for (const std::string& file : arguments.files) run(from_file(file));
  if (arguments.models.empty() && !arguments.files.empty()) return;
  if (arguments.models.size() == 1 && fs::is_directory(arguments.models[0])) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(arguments.models[0])) {
      if (entry.path().extension() == ".tflite") paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    if (paths.empty()) throw CannotRun("no .tflite file lies in " + arguments.models[0]);
    for (const fs::path& path : paths) run(from_file(path));
    return;
  }
  std::vector<std::string> names = arguments.models;
  if (names.empty()) {
    for (const Architecture& architecture : architectures()) names.emplace_back(architecture.name);
  }
  for (const std::string& name : names) {
    const bool in_int8 = name.ends_with("_int8"), in_float = name.ends_with("_float");
    const std::string stem = in_int8 ? name.substr(0, name.size() - 5) : in_float ? name.substr(0, name.size() - 6) : name;
    const Architecture* architecture = find_architecture(stem);
    if (architecture == nullptr) throw CannotRun("--models: there is neither a network nor a folder " + name);
    if (!in_int8) run(built(*architecture, false));
    if (!in_float) run(built(*architecture, true));
  }
}

bool wanted(const Arguments& arguments, const char* peer) {
  return std::find(arguments.peers.begin(), arguments.peers.end(), peer) != arguments.peers.end();
}

template <class Make> void enter(Contest& contest, const char* name, Make make) {
  try {
    contest.contestants.push_back({name, make()});
  } catch (const CannotRun& reason) {
    contest.absent.push_back({name, reason.what()});
  }
}

#ifdef TFL_HAVE_ONNXRUNTIME
/// Of models in bytes, whichever kind of bytes it runs faster.
std::unique_ptr<Runner> best_of_onnxruntime(const tfl::Model& model, int threads) {
  const auto make = [&](Activations activations) { return run_by_onnxruntime(model, threads, activations, TFL_ONNXRUNTIME_LIBRARY); };
  const tfl::GraphSubgraph& graph = model.subgraphs()[0];
  const bool quantized = std::any_of(graph.tensors.begin(), graph.tensors.end(),
                                     [](const tfl::GraphTensor& tensor) { return tensor.description.quantization.present(); });
  if (!quantized) return make(Activations::as_in_the_model);
  auto in_unsigned = make(Activations::unsigned_bytes), in_signed = make(Activations::signed_bytes);
  return fastest_run(*in_signed) < fastest_run(*in_unsigned) ? std::move(in_signed) : std::move(in_unsigned);
}
#endif

Contest gather(const Arguments& arguments, const Case& c, int threads) {
  Contest contest{.model = c.name, .threads = threads};
  contest.contestants.push_back({"tfl", run_by_tfl(c.model, threads)});
#ifdef TFL_HAVE_XNNPACK
  if (wanted(arguments, "xnnpack")) enter(contest, "XNNPACK", [&] { return run_by_xnnpack(c.model, threads); });
#endif
#ifdef TFL_HAVE_ONNXRUNTIME
  if (wanted(arguments, "onnxruntime")) enter(contest, "ONNX Runtime", [&] { return best_of_onnxruntime(c.model, threads); });
#endif
  return contest;
}

int run(const Arguments& arguments) {
  std::vector<Contest> contests;
  bool right = true;
  if (!arguments.check_only) std::printf("%s", table_head().c_str());
  for_each_case(arguments, [&](const Case& c) {
    for (const int threads : arguments.threads) {
      pin_to_processors(threads);
      Contest contest = gather(arguments, c, threads);
      std::vector<std::string> notes;
      const std::string wrong = check_results(c.model, contest, notes);
      if (!arguments.quiet) {
        for (const std::string& note : notes) std::fprintf(stderr, "%s\n", note.c_str());
      }
      if (!wrong.empty()) {
        std::fprintf(stderr, "tfl_compare: a result is wrong: %s\n", wrong.c_str());
        right = false;
        continue;
      }
      if (arguments.check_only) {
        for (const Absent& absent : contest.absent)
          std::fprintf(stderr, "%s: no %s: %s\n", c.name.c_str(), absent.name.c_str(), absent.reason.c_str());
        continue;
      }
      time_in_turn(contest, arguments.timing);
      std::printf("%s", table_rows(contest).c_str());
      std::fflush(stdout);
      for (Contestant& contestant : contest.contestants) contestant.runner.reset();
      contests.push_back(std::move(contest));
    }
  });
  const Circumstances circumstances{processor_name(), tfl_architecture(), TFL_PEERS, arguments.timing};
  for (const auto& [path, write] : {std::pair(&arguments.json, &write_json), std::pair(&arguments.svg, &write_picture)}) {
    if (path->empty() || contests.empty()) continue;
    if (const std::string sentence = write(*path, circumstances, contests); !sentence.empty()) throw CannotRun(sentence);
  }
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Times networks with this library, XNNPACK and ONNX Runtime in turn, after checking that their results agree."};
  app.add_option("--models", arguments.models,
                 "names of built-in networks (NAME, NAME_float, NAME_int8), or a folder; default: all built-in")
      ->delimiter(',');
  app.add_option("--model", arguments.files, "a .tflite file; may be repeated");
  app.add_option("--threads", arguments.threads, "thread counts")->delimiter(',')->check(CLI::Range(1, 256));
  app.add_option("--peer", arguments.peers, "who else runs")->delimiter(',')->check(CLI::IsMember({"xnnpack", "onnxruntime"}));
  app.add_option("--rounds", arguments.timing.rounds, "rounds, in each of which everyone runs")->check(CLI::Range(1, 100000));
  app.add_option("--slice", arguments.timing.slice_milliseconds, "milliseconds for each library in a round")->check(CLI::Range(1, 10000));
  app.add_flag("--processor-time", arguments.timing.processor_time,
               "of one thread: counts the time that it had a processor, for machines that others use too");
  app.add_option("--json", arguments.json, "file for all figures");
  app.add_option("--svg", arguments.svg, "file for a bar chart");
  app.add_flag("--check-only", arguments.check_only, "checks the results and times nothing");
  app.add_flag("--quiet", arguments.quiet, "does not say how far the peers' results are from ours");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(arguments);
  } catch (const std::exception& reason) {
    std::fprintf(stderr, "tfl_compare: %s\n", reason.what());
    return 1;
  }
}
