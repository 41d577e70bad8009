// bench_models FOLDER [NAME...]: writes the networks of bench/models as NAME_float.tflite and NAME_int8.tflite, all or the named
// ones. Single layers are written where they are named.

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/models/architectures.hpp"

namespace {

int fail(const std::string& sentence) {
  std::fprintf(stderr, "bench_models: %s\n", sentence.c_str());
  return 1;
}

int write(const std::string& folder, const std::string& name, const tfl::Result<std::vector<std::uint8_t>>& bytes) {
  if (!bytes) return fail(name + ": " + std::string(bytes.message()));
  const std::string path = folder + "/" + name + ".tflite";
  if (auto r = tfl::ModelBuilder::write_file(path, *bytes); !r) return fail(std::string(r.message()));
  std::printf("%s: %zu bytes\n", path.c_str(), bytes->size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_models FOLDER [NAME...]\nnames:");
    for (const auto& architecture : tfl::bench::architectures()) std::fprintf(stderr, " %s", std::string(architecture.name).c_str());
    std::fprintf(stderr, "\nlayers:");
    for (const auto& layer : tfl::bench::layers()) std::fprintf(stderr, " %s", std::string(layer.name).c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  std::vector<const tfl::bench::Architecture*> chosen;
  for (int i = 2; i < argc; ++i) {
    const auto* found = tfl::bench::find_architecture(argv[i]);
    if (found == nullptr) return fail("there is no network " + std::string(argv[i]));
    chosen.push_back(found);
  }
  if (argc == 2) {
    for (const auto& architecture : tfl::bench::architectures()) chosen.push_back(&architecture);
  }
  const std::string folder = argv[1];
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail("cannot make the folder " + folder + ": " + error.message());
  for (const auto* architecture : chosen) {
    const std::string name(architecture->name);
    if (const int failed = write(folder, name + "_float", tfl::bench::build_float(*architecture)); failed != 0) return failed;
    if (const int failed = write(folder, name + "_int8", tfl::bench::build_int8(*architecture)); failed != 0) return failed;
  }
  return 0;
}
