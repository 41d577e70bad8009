// tfl_codegen MODEL -o HEADER: writes a model as a C++ type, for tfl::StaticPlan; prints its ops and what it takes.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tools/common/print.hpp"
#include "tools/tfl_codegen/generate.hpp"

namespace {

using namespace tfl::codegen;

struct Arguments {
  std::string model, out, name, target = "generic", extents = "dynamic", weights = "inline";
  bool quiet = false, tile = false;
};

int fail(const std::string& sentence) {
  std::fprintf(stderr, "tfl_codegen: %s\n", sentence.c_str());
  return 1;
}

bool write_file(const std::string& path, const void* data, std::size_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  return static_cast<bool>(file.flush());
}

int run(Arguments a) {
  if (a.name.empty()) a.name = name_from(a.model);
  auto file = tfl::Model::from_file(a.model.c_str());
  if (!file) return fail(tfl::tools::text(file.message()));
  const GenerateOptions options{.name = a.name,
                                .source = std::filesystem::path(a.model).filename().string(),
                                .target = a.target,
                                .extents = a.extents,
                                .blob = a.weights == "blob",
                                .tile = a.tile,
                                .prints = !a.quiet};
  Generated generated;
  if (const std::string error = generate(*file, options, generated); !error.empty()) return fail(error);
  if (!write_file(a.out, generated.header.data(), generated.header.size())) return fail("cannot write '" + a.out + "'");
  if (options.blob) {
    const std::string path = (std::filesystem::path(a.out).parent_path() / (a.name + ".bin")).string();
    if (!write_file(path, generated.weights.data(), generated.weights.size())) return fail("cannot write '" + path + "'");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app{"Writes a .tflite model as a C++ header for tfl::StaticPlan."};
  app.add_option("model", a.model, "the .tflite file")->required();
  app.add_option("-o,--out", a.out, "the header to write")->required();
  app.add_option("--name", a.name, "the name of the struct; without it that of the file");
  app.add_option("--target", a.target,
                 "the processor that memory is planned for; cortex-m, cortex-m-dsp and helium let tensors lie closer together, and their "
                 "headers run nowhere else. Which kernels run is what the header's compiler is told")
      ->check(CLI::IsMember({"generic", "cortex-m", "cortex-m-dsp", "helium", "x86", "aarch64"}));
  app.add_option("--extents", a.extents,
                 "the extents that NAME_plan lets the compiler know: none (dynamic), those of constants (filters), all (fixed)")
      ->check(CLI::IsMember({"dynamic", "filters", "fixed"}));
  app.add_option("--weights", a.weights, "inline: in the header; blob: in NAME.bin beside it, which the program links as NAME_weights")
      ->check(CLI::IsMember({"inline", "blob"}));
  app.add_flag("--tile", a.tile, "runs the first convolutions strip by strip where that needs less memory; some rows are computed twice");
  app.add_flag("--quiet", a.quiet, "prints nothing of what the model takes");
  CLI11_PARSE(app, argc, argv);
  return run(a);
}
