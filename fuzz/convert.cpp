// Any bytes as a model of another framework, or as one that tfl_convert changes: ONNX, GraphDef (binary and text), Keras (HDF5 and zip),
// .tflite. Those of a SavedModel's folder are not tried.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "tools/converter/import/import.hpp"
#include "tools/converter/import/tflite/read_tflite.hpp"

namespace {

using namespace tfl::converter;

/// What importers read, gone with the program.
class File {
 public:
  explicit File(const char* ending) : path_("/tmp/tfl_fuzz_convert_" + std::to_string(getpid()) + ending) {}
  ~File() { std::remove(path_.c_str()); }
  const std::string& with(std::string_view bytes) const {
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() || std::fclose(file) != 0) std::abort();
    return path_;
  }

 private:
  std::string path_;
};

/// Every model that is refused has a sentence.
template <class Import> void run(Import import) {
  Problems problems;
  if (!import(problems) && problems.text().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.substr(0, 4) == "\x89HDF") {
    static const File file(".h5");
    run([&](Problems& problems) { return import_keras(file.with(bytes), problems) != nullptr; });
  } else if (bytes.substr(0, 2) == "PK") {
    static const File file(".keras");
    run([&](Problems& problems) { return import_keras(file.with(bytes), problems) != nullptr; });
  } else if (size >= 8 && bytes.substr(4, 4) == "TFL3") {
    run([&](Problems& problems) {
      Model model;
      return read_tflite(std::as_bytes(std::span(data, size)), model, problems);
    });
  } else if (bytes.substr(0, 6) == "node {") {
    static const File file(".pbtxt");
    run([&](Problems& problems) { return import_tensorflow(file.with(bytes), {}, problems) != nullptr; });
  } else {
    static const File graph(".pb"), onnx(".onnx");
    run([&](Problems& problems) { return import_tensorflow(graph.with(bytes), {}, problems) != nullptr; });
    run([&](Problems& problems) { return import_onnx(onnx.with(bytes), problems) != nullptr; });
  }
  return 0;
}
