// needs: exceptions
// Descriptions of models as JSON, in the form in which TensorFlow Lite's tools print metadata.

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/converter/emit/metadata.hpp"
#include "tools/converter/import/import_error.hpp"
#include "tools/converter/import/keras/json.hpp"

namespace tfl::converter {

namespace {

std::string text_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file || text.empty()) throw ImportError("cannot read '" + path.string() + "'");
  return text;
}

std::vector<float> floats_of(const Json& array) {
  std::vector<float> values;
  for (const Json& item : array.items()) values.push_back(static_cast<float>(item.number()));
  return values;
}

void fill(std::string& field, const Json& value) {
  if (field.empty()) field = value.text();
}

}  // namespace

bool read_description(const std::string& path, ModelDescription& to, Problems& problems) {
  try {
    const Json json = Json::parse(text_of_file(path), "'" + path + "'");
    if (!json.is_object()) throw ImportError("'" + path + "' holds no object");
    fill(to.name, json["name"]);
    fill(to.description, json["description"]);
    fill(to.version, json["version"]);
    fill(to.author, json["author"]);
    fill(to.license, json["license"]);
    for (const Json& graph : json["subgraph_metadata"].items()) {
      for (const Json& input : graph["input_tensor_metadata"].items()) {
        for (const Json& unit : input["process_units"].items()) {
          if (unit["options_type"].text() != "NormalizationOptions") continue;
          if (to.mean.empty()) to.mean = floats_of(unit["options"]["mean"]);
          if (to.deviation.empty()) to.deviation = floats_of(unit["options"]["std"]);
        }
      }
      for (const Json& output : graph["output_tensor_metadata"].items()) {
        for (const Json& file : output["associated_files"].items()) {
          if (!file["type"].text().ends_with("LABELS") || !to.labels_name.empty()) continue;
          const std::filesystem::path name = file["name"].text();
          // Beside the description, wherever that is.
          if (name.empty() || name != name.filename()) throw ImportError("the file '" + name.string() + "' must lie beside '" + path + "'");
          to.labels_name = name.string();
          to.labels_text = text_of_file(std::filesystem::path(path).parent_path() / name);
        }
      }
    }
    return true;
  } catch (const ImportError& error) {
    problems.add("--metadata", error.sentence());
    return false;
  }
}

}  // namespace tfl::converter
