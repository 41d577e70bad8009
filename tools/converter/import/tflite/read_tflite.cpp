#include "tools/converter/import/tflite/read_tflite.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "tfl/model/model.hpp"
#include "tools/converter/archive/zip.hpp"
#include "tools/converter/emit/options_table.hpp"

namespace tfl::converter {
namespace {

template <class T> std::vector<std::int32_t> integers_of(const flatbuffers::Vector<T>* list) {
  return list == nullptr ? std::vector<std::int32_t>() : std::vector<std::int32_t>(list->begin(), list->end());
}
std::vector<float> floats_of(const flatbuffers::Vector<float>* list) {
  return list == nullptr ? std::vector<float>() : std::vector<float>(list->begin(), list->end());
}

std::vector<std::int32_t> indices_of(schema::SparseIndexVector kind, const void* table) {
  switch (table == nullptr ? schema::SparseIndexVector::NONE : kind) {
    case schema::SparseIndexVector::Int32Vector: return integers_of(static_cast<const schema::Int32Vector*>(table)->values());
    case schema::SparseIndexVector::Uint16Vector: return integers_of(static_cast<const schema::Uint16Vector*>(table)->values());
    case schema::SparseIndexVector::Uint8Vector: return integers_of(static_cast<const schema::Uint8Vector*>(table)->values());
    default: return {};
  }
}

std::shared_ptr<const Sparsity> read_sparsity(const schema::SparsityParameters* source) {
  if (source == nullptr) return {};
  auto result = std::make_shared<Sparsity>();
  result->traversal_order = integers_of(source->traversal_order());
  result->block_map = integers_of(source->block_map());
  for (unsigned i = 0; i < (source->dim_metadata() == nullptr ? 0U : source->dim_metadata()->size()); ++i) {
    const schema::DimensionMetadata& d = *source->dim_metadata()->Get(i);
    result->dimensions.push_back({d.format() == schema::DimensionType::SPARSE_CSR, d.dense_size(),
                                  indices_of(d.array_segments_type(), d.array_segments()),
                                  indices_of(d.array_indices_type(), d.array_indices())});
  }
  return result;
}

constexpr std::size_t most_attached = std::size_t{1} << 28;

class Reader {
 public:
  Reader(const tfl::Model& file, Model& model, Problems& problems)
      : file_(file), root_(*schema::GetModel(file.file().data())), model_(model), problems_(problems) {}

  bool read() {
    model_.description = std::string(file_.description());
    for (std::size_t g = 0; g < file_.subgraphs().size(); ++g) read_graph(g);
    for (int s = 0; s < file_.signature_count(); ++s) read_signature(s);
    for (int m = 0; m < file_.metadata_count(); ++m) {
      const std::span<const std::byte> bytes = file_.metadata_bytes(m);
      const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
      model_.metadata.push_back({std::string(file_.metadata_name(m)), Bytes(begin, begin + bytes.size())});
    }
    read_attached();
    return !problems_.any();
  }

 private:
  /// Files behind the tables; a damaged archive is none of the model's business.
  void read_attached() {
    const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(file_.file().data()), file_.file().size());
    if (!ends_with_zip(bytes)) return;
    std::vector<ZipMember> members;
    Problems damage;
    if (!read_zip(bytes, "the archive behind the model", most_attached, members, damage))
      return problems_.warn({}, "files attached to the model are lost: " + damage.text());
    for (ZipMember& member : members) model_.attached.push_back({std::move(member.name), std::move(member.bytes)});
  }

  void read_graph(std::size_t g) {
    const GraphSubgraph& source = file_.subgraphs()[g];
    const schema::SubGraph& table = *root_.subgraphs()->Get(static_cast<unsigned>(g));
    Graph& graph = model_.add_graph(std::string(source.name));
    std::vector<Tensor*> tensors;
    for (const GraphTensor& t : source.tensors) tensors.push_back(graph.add_tensor(std::string(t.name)));
    for (std::size_t i = 0; i < tensors.size(); ++i)
      read_tensor(source.tensors[i], *table.tensors()->Get(static_cast<unsigned>(i)), tensors, *tensors[i]);
    const auto pick = [&](std::span<const std::int32_t> list) {
      std::vector<Tensor*> result;
      for (const std::int32_t t : list) result.push_back(t < 0 ? nullptr : tensors[static_cast<std::size_t>(t)]);
      return result;
    };
    for (const GraphNode& n : source.nodes) read_node(graph, n, pick);
    graph.set_inputs(pick(source.inputs));
    graph.set_outputs(pick(source.outputs));
    all_tensors_.push_back(std::move(tensors));
  }

  void read_tensor(const GraphTensor& source, const schema::Tensor& table, const std::vector<Tensor*>& tensors, Tensor& tensor) {
    tensor.type = source.description.type;
    const auto shape = integers_of(table.shape());
    tensor.shape =
        table.shape_signature() != nullptr && table.shape_signature()->size() != 0 ? integers_of(table.shape_signature()) : shape;
    if (tensor.shape != shape) tensor.file_shape = shape;
    tensor.declares_rank = table.has_rank();
    tensor.is_variable = source.description.is_variable;
    tensor.sparsity = read_sparsity(source.sparsity);
    if (source.description.is_constant) tensor.data = shared_data(tensor.sparsity == nullptr ? source.data : stored_data(table));
    const schema::QuantizationParameters* q = table.quantization();
    if (q == nullptr) return;
    tensor.quantization.scales = floats_of(q->scale());
    if (q->zero_point() != nullptr) tensor.quantization.zero_points.assign(q->zero_point()->begin(), q->zero_point()->end());
    tensor.quantization.axis = q->quantized_dimension();
    tensor.quantization.min = floats_of(q->min());
    tensor.quantization.max = floats_of(q->max());
    if (const schema::BlockwiseQuantization* blocks = q->details_as_BlockwiseQuantization(); blocks != nullptr) {
      const auto at = [&](std::int32_t t) {
        return t < 0 || static_cast<std::size_t>(t) >= tensors.size() ? nullptr : tensors[static_cast<std::size_t>(t)];
      };
      tensor.quantization.block_scales = at(blocks->scales());
      tensor.quantization.block_zero_points = at(blocks->zero_points());
      tensor.quantization.block_size = blocks->block_size();
    } else if (const schema::CustomQuantization* custom = q->details_as_CustomQuantization(); custom != nullptr) {
      if (custom->custom() != nullptr) tensor.quantization.custom.assign(custom->custom()->begin(), custom->custom()->end());
    } else if (q->details_type() != schema::QuantizationDetails::NONE) {
      problems_.add("tensor '" + tensor.name + "'", "is quantized along several axes, which tfl_convert cannot write");
    }
  }

  /// What the file holds of a sparse tensor, which the model has with all its elements. The verifier has seen it.
  std::span<const std::byte> stored_data(const schema::Tensor& table) const {
    const schema::Buffer& buffer = *root_.buffers()->Get(table.buffer());
    if (buffer.data() != nullptr) return std::as_bytes(std::span(buffer.data()->data(), buffer.data()->size()));
    return file_.file().subspan(buffer.offset(), buffer.size());
  }

  /// Constants that share a buffer in the file share their bytes here.
  std::shared_ptr<const Bytes> shared_data(std::span<const std::byte> data) {
    std::shared_ptr<const Bytes>& known = data_[{data.data(), data.size()}];
    if (known == nullptr) {
      const auto* begin = reinterpret_cast<const std::uint8_t*>(data.data());
      known = data.empty() ? std::make_shared<Bytes>() : std::make_shared<Bytes>(begin, begin + data.size());
    }
    return known;
  }

  template <class Pick> void read_node(Graph& graph, const GraphNode& source, Pick pick) {
    const Operation operation = source.code == BuiltinOperator::CUSTOM ? Operation::custom(std::string(source.custom_name)) : source.code;
    Node* node = graph.append(operation, pick(source.inputs), pick(source.outputs));
    graph.set_intermediates(node, pick(source.intermediates));
    node->version = source.version;
    node->source_name = std::to_string(source.file_index);
    const schema::Operator& table = *source.source;
    if (table.custom_options() != nullptr) {
      node->custom_options.assign(table.custom_options()->begin(), table.custom_options()->end());
    } else if (table.large_custom_options_offset() > 1) {
      const auto bytes = file_.file();
      const std::uint64_t offset = table.large_custom_options_offset(), size = table.large_custom_options_size();
      if (offset > bytes.size() || size > bytes.size() - offset)
        return problems_.add(node->where(), "its custom options lie outside of the file");
      const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data()) + offset;
      node->custom_options.assign(begin, begin + size);
    }
    const auto read_union = [&](std::uint8_t number, const void* options, bool second) {
      const std::string_view name = options_table_name(number, second);
      if (options == nullptr || name.empty()) return;
      // Some writers leave another operator's options where it has none of its own.
      if (name != options_table_of(source.code)) return;
      node->attributes = read_options(*static_cast<const flatbuffers::Table*>(options), name, node->where(), problems_);
    };
    read_union(static_cast<std::uint8_t>(table.builtin_options_type()), table.builtin_options(), false);
    read_union(static_cast<std::uint8_t>(table.builtin_options_2_type()), table.builtin_options_2(), true);
  }

  void read_signature(int s) {
    Signature signature{std::string(file_.signature_name(s)), static_cast<std::size_t>(file_.signature_subgraph(s))};
    const std::vector<Tensor*>& tensors = all_tensors_[signature.graph];
    const auto entry = [&](const SignatureEntry& e) { return std::pair(std::string(e.name), tensors[static_cast<std::size_t>(e.tensor)]); };
    for (int i = 0; i < file_.signature_input_count(s); ++i) signature.inputs.push_back(entry(file_.signature_input(s, i)));
    for (int i = 0; i < file_.signature_output_count(s); ++i) signature.outputs.push_back(entry(file_.signature_output(s, i)));
    model_.signatures.push_back(std::move(signature));
  }

  const tfl::Model& file_;
  const schema::Model& root_;
  Model& model_;
  Problems& problems_;
  std::vector<std::vector<Tensor*>> all_tensors_;
  std::map<std::pair<const std::byte*, std::size_t>, std::shared_ptr<const Bytes>> data_;
};

}  // namespace

bool read_tflite(std::span<const std::byte> file, Model& model, Problems& problems) {
  auto opened = tfl::Model::from_memory(file);
  if (!opened) {
    problems.add(std::string(opened.message()));
    return false;
  }
  return Reader(*opened, model, problems).read();
}

}  // namespace tfl::converter
