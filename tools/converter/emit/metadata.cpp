#include "tools/converter/emit/metadata.hpp"

#include <algorithm>

#include "tools/converter/emit/metadata_generated.h"
#include "tools/converter/quantize/samples.hpp"

namespace tfl::converter {
namespace {

namespace m = metadata;
using Tables = flatbuffers::FlatBufferBuilder;

constexpr const char* entry_name = "TFLITE_METADATA";

bool is_image(const Tensor& tensor) {
  if (tensor.rank() != 4) return false;
  const std::int32_t channels = tensor.shape[channel_axis_of(tensor)];
  return channels == 1 || channels == 3;
}

std::int64_t line_count(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n') + (text.empty() || text.back() == '\n' ? 0 : 1);
}

flatbuffers::Offset<m::TensorMetadata> input_entry(Tables& tables, const Tensor& input, const ModelDescription& d) {
  flatbuffers::Offset<m::Content> content;
  std::vector<flatbuffers::Offset<m::ProcessUnit>> units;
  if (is_image(input)) {
    const std::size_t axis = channel_axis_of(input);
    const auto side = [&](std::size_t i) { return static_cast<std::uint32_t>(std::max(input.shape[i], 0)); };
    const auto size = m::CreateImageSize(tables, side(axis == 1 ? 3 : 2), side(axis == 1 ? 2 : 1));
    const auto color = input.shape[axis] == 3 ? m::ColorSpaceType::RGB : m::ColorSpaceType::GRAYSCALE;
    const auto properties = m::CreateImageProperties(tables, color, size);
    content = m::CreateContent(tables, m::ContentProperties::ImageProperties, properties.Union());
    if (!d.mean.empty() || !d.deviation.empty()) {
      const std::vector<float> mean = d.mean.empty() ? std::vector<float>{0} : d.mean;
      const std::vector<float> deviation = d.deviation.empty() ? std::vector<float>{1} : d.deviation;
      const auto options = m::CreateNormalizationOptionsDirect(tables, &mean, &deviation);
      units.push_back(m::CreateProcessUnit(tables, m::ProcessUnitOptions::NormalizationOptions, options.Union()));
    }
  } else {
    content = m::CreateContent(tables, m::ContentProperties::FeatureProperties, m::CreateFeatureProperties(tables).Union());
  }
  return m::CreateTensorMetadataDirect(tables, input.name.c_str(), nullptr, nullptr, content, units.empty() ? nullptr : &units);
}

flatbuffers::Offset<m::TensorMetadata> output_entry(Tables& tables, const Tensor& output, const ModelDescription& d, bool& labelled) {
  std::vector<flatbuffers::Offset<m::AssociatedFile>> files;
  if (!d.labels_name.empty() && output.rank() > 0 && output.shape.back() == line_count(d.labels_text)) {
    files.push_back(
        m::CreateAssociatedFileDirect(tables, d.labels_name.c_str(), "a line a class", m::AssociatedFileType::TENSOR_AXIS_LABELS));
    labelled = true;
  }
  const auto content = m::CreateContent(tables, m::ContentProperties::FeatureProperties, m::CreateFeatureProperties(tables).Union());
  return m::CreateTensorMetadataDirect(tables, output.name.c_str(), nullptr, nullptr, content, nullptr, {},
                                       files.empty() ? nullptr : &files);
}

}  // namespace

void describe_model(Model& model, const ModelDescription& d, Problems& problems) {
  Tables tables;
  std::vector<flatbuffers::Offset<m::TensorMetadata>> inputs, outputs;
  bool labelled = d.labels_name.empty();
  for (const Tensor* t : model.main().inputs()) inputs.push_back(input_entry(tables, *t, d));
  for (const Tensor* t : model.main().outputs()) outputs.push_back(output_entry(tables, *t, d, labelled));
  if (!labelled) {
    problems.add("the labels",
                 "are " + std::to_string(line_count(d.labels_text)) + " lines, but no output has as many elements in its last dimension");
    return;
  }
  const std::vector<flatbuffers::Offset<m::SubGraphMetadata>> graphs{
      m::CreateSubGraphMetadataDirect(tables, nullptr, nullptr, &inputs, &outputs)};
  const auto text = [](const std::string& value) { return value.empty() ? nullptr : value.c_str(); };
  m::FinishModelMetadataBuffer(tables, m::CreateModelMetadataDirect(tables, text(d.name), text(d.description), text(d.version), &graphs,
                                                                    text(d.author), text(d.license), nullptr, "1.0.0"));
  std::erase_if(model.metadata, [](const Metadata& entry) { return entry.name == entry_name; });
  model.metadata.push_back({entry_name, Bytes(tables.GetBufferPointer(), tables.GetBufferPointer() + tables.GetSize())});
  if (!d.description.empty()) model.description = d.description;
  if (d.labels_name.empty()) return;
  std::erase_if(model.attached, [&](const Metadata& file) { return file.name == d.labels_name; });
  model.attached.push_back({d.labels_name, Bytes(d.labels_text.begin(), d.labels_text.end())});
}

}  // namespace tfl::converter
