#include "tools/converter/import/read_model.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tools/converter/import/tflite/read_tflite.hpp"

namespace tfl::converter {
namespace {

namespace fs = std::filesystem;

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

[[maybe_unused]] std::unique_ptr<Model> not_built(const std::string& option, const std::string& what, Problems& problems) {
  problems.add("this tfl_convert was built without " + option + " and reads no " + what);
  return nullptr;
}

std::unique_ptr<Model> read_any(const std::string& path, [[maybe_unused]] const TensorFlowOptions& options, Problems& problems) {
  const std::string extension = fs::path(path).extension().string();
  std::error_code error;
  if (!fs::exists(path, error)) return problems.add("'" + path + "' does not exist"), nullptr;
  if (extension == ".tflite") return read_lite(path, problems);
  if (extension == ".h5" || extension == ".hdf5" || extension == ".keras") {
#ifdef TFL_CONVERTER_WITH_KERAS
    return import_keras(path, problems);
#else
    return not_built("TFL_CONVERTER_KERAS", extension, problems);
#endif
  }
  if (extension == ".onnx") {
#ifdef TFL_CONVERTER_WITH_ONNX
    return import_onnx(path, problems);
#else
    return not_built("TFL_CONVERTER_ONNX", extension, problems);
#endif
  }
  if (extension == ".pb" || extension == ".pbtxt" || fs::is_directory(path, error)) {
#ifdef TFL_CONVERTER_WITH_TENSORFLOW
    return import_tensorflow(path, options, problems);
#else
    return not_built("TFL_CONVERTER_TENSORFLOW", "SavedModel or GraphDef", problems);
#endif
  }
  problems.add(
      "'" + path +
      "': tfl_convert knows models by their names: .tflite, .h5, .hdf5, .keras, .onnx, .pb, .pbtxt, or the folder of a SavedModel");
  return nullptr;
}

}  // namespace

std::unique_ptr<Model> read_model(const std::string& path, const TensorFlowOptions& options, Problems& problems) {
  auto model = read_any(path, options, problems);
  if (model == nullptr || problems.any()) return nullptr;
  const bool sorted = std::all_of(model->graphs.begin(), model->graphs.end(), [&](const auto& graph) { return graph->sort(problems); });
  return sorted ? std::move(model) : nullptr;
}

}  // namespace tfl::converter
