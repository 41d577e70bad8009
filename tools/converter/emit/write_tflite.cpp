#include "tools/converter/emit/write_tflite.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "tfl/model/builder.hpp"
#include "tools/converter/archive/zip.hpp"
#include "tools/converter/emit/options_table.hpp"
#include "tools/converter/emit/runtime_version.hpp"
#include "tools/converter/emit/versions.hpp"

namespace tfl::converter {
namespace {

class Writer {
 public:
  Writer(const Model& model, Problems& problems, bool drops_constants) : model_(model), problems_(problems), drops_(drops_constants) {}

  std::vector<std::uint8_t> write(std::vector<std::vector<const Tensor*>>* numbers) {
    if (!fits()) return {};
    for (std::size_t g = 0; g < model_.graphs.size(); ++g) write_graph(g);
    if (numbers != nullptr) {
      for (const auto& own : numbers_) {
        numbers->emplace_back(own.size());
        for (const auto& [tensor, number] : own) numbers->back()[static_cast<std::size_t>(number)] = tensor;
      }
    }
    for (const Signature& signature : model_.signatures) write_signature(signature);
    for (const Metadata& entry : model_.metadata) write_metadata(entry);
    builder_.set_description(model_.description);
    if (problems_.any()) return {};
    std::vector<std::uint8_t> bytes = builder_.finish();
    std::vector<ZipMember> members;
    for (const Metadata& file : model_.attached) members.push_back({file.name, file.data});
    if (!members.empty()) append_zip(bytes, members);
    return bytes;
  }

 private:
  /// flatbuffers gives up where a file would exceed 2 GB: better asked before.
  bool fits() {
    std::unordered_set<const Bytes*> seen;
    std::uint64_t bytes = 0;
    for (const auto& graph : model_.graphs) {
      for (const auto& tensor : graph->tensors()) {
        if (tensor->data != nullptr && seen.insert(tensor->data.get()).second) bytes += tensor->data->size();
      }
    }
    if (bytes < 2'000'000'000) {
      builder_.reserve(static_cast<std::size_t>(bytes) + (std::size_t{1} << 16));
      return true;
    }
    problems_.add("its constants have " + std::to_string(bytes) + " bytes, but a .tflite file holds less than 2 GB; quantize the weights");
    return false;
  }

  void write_metadata(const Metadata& entry) {
    if (entry.name != runtime_version_entry) return builder_.add_metadata(entry.name, std::span<const std::uint8_t>(entry.data));
    std::string version = min_runtime_version(model_);
    version.resize(16);
    builder_.add_metadata(entry.name, std::string_view(version));
  }

  void write_graph(std::size_t g) {
    const Graph& graph = *model_.graphs[g];
    builder_.begin_subgraph(graph.name);
    numbers_.emplace_back();
    std::unordered_map<const Tensor*, std::int32_t>& numbers = numbers_.back();
    // All numbers first: a tensor may refer to others (scales of blocks).
    for (const auto& tensor : graph.tensors()) {
      if (is_used(graph, g, tensor.get())) numbers.emplace(tensor.get(), static_cast<std::int32_t>(numbers.size()));
    }
    for (const auto& tensor : graph.tensors()) {
      if (numbers.contains(tensor.get())) write_tensor(*tensor, numbers);
      if (drops_) tensor->data.reset();
    }
    for (const auto& node : graph.nodes()) write_node(*node, numbers);
    builder_.set_inputs(pick(graph.inputs(), numbers));
    builder_.set_outputs(pick(graph.outputs(), numbers));
  }

  bool is_used(const Graph& graph, std::size_t g, const Tensor* tensor) {
    if (used_.size() <= g) {
      std::unordered_set<const Tensor*> used(graph.inputs().begin(), graph.inputs().end());
      used.insert(graph.outputs().begin(), graph.outputs().end());
      for (const auto& node : graph.nodes()) {
        for (const auto list : {node->inputs(), node->outputs(), node->intermediates()}) used.insert(list.begin(), list.end());
      }
      for (const Signature& s : model_.signatures) {
        for (const auto* list : {&s.inputs, &s.outputs}) {
          for (const auto& [name, t] : *list) {
            if (s.graph == g) used.insert(t);
          }
        }
      }
      for (const auto& t : graph.tensors()) {
        if (!used.contains(t.get())) continue;
        used.insert(t->quantization.block_scales);
        used.insert(t->quantization.block_zero_points);
      }
      used_.push_back(std::move(used));
    }
    return used_[g].contains(tensor);
  }

  static std::vector<std::int32_t> pick(std::span<Tensor* const> list, const std::unordered_map<const Tensor*, std::int32_t>& numbers) {
    std::vector<std::int32_t> result;
    for (const Tensor* t : list) result.push_back(t == nullptr ? -1 : numbers.at(t));
    return result;
  }

  void write_tensor(const Tensor& tensor, const std::unordered_map<const Tensor*, std::int32_t>& numbers) {
    TensorSpec spec{tensor.name, tensor.type, tensor.example_shape()};
    if (!tensor.is_static()) spec.shape_signature = tensor.shape;
    spec.has_rank = tensor.declares_rank;
    spec.is_variable = tensor.is_variable;
    if (tensor.type == TensorType::none) problems_.add("tensor '" + tensor.name + "'", "has no type that .tflite knows");
    const TensorQuantization& q = tensor.quantization;
    spec.quantization = {q.scales, q.zero_points, q.axis, q.min, q.max};
    if (q.block_scales != nullptr) {
      const auto number = [&](const Tensor* t) { return t == nullptr ? -1 : numbers.at(t); };
      spec.quantization.details_type = schema::QuantizationDetails::BlockwiseQuantization;
      spec.quantization.details =
          schema::CreateBlockwiseQuantization(builder_.tables(), number(q.block_scales), number(q.block_zero_points), q.block_size).Union();
    } else if (!q.custom.empty()) {
      builder_.tables().ForceVectorAlignment(q.custom.size(), 1, 16);
      const auto bytes = builder_.tables().CreateVector(q.custom);
      spec.quantization.details_type = schema::QuantizationDetails::CustomQuantization;
      spec.quantization.details = schema::CreateCustomQuantization(builder_.tables(), bytes).Union();
    }
    if (tensor.sparsity != nullptr) spec.sparsity = write_sparsity(*tensor.sparsity);
    if (tensor.data != nullptr && !tensor.data->empty()) {
      std::uint32_t& buffer = buffers_[tensor.data.get()];
      if (buffer == 0) buffer = builder_.add_buffer(*tensor.data);
      spec.buffer = buffer;
    }
    builder_.add_tensor(std::move(spec));
  }

  flatbuffers::Offset<schema::SparsityParameters> write_sparsity(const Sparsity& sparsity) {
    auto& tables = builder_.tables();
    const auto indices = [&](const std::vector<std::int32_t>& values) -> std::pair<schema::SparseIndexVector, flatbuffers::Offset<void>> {
      const std::int32_t most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
      const auto narrow = [&](auto zero) { return std::vector<decltype(zero)>(values.begin(), values.end()); };
      if (most < 256) {
        tables.ForceVectorAlignment(values.size(), 1, 4);
        return {schema::SparseIndexVector::Uint8Vector,
                schema::CreateUint8Vector(tables, tables.CreateVector(narrow(std::uint8_t{}))).Union()};
      }
      if (most < 65536) {
        tables.ForceVectorAlignment(values.size(), 2, 4);
        return {schema::SparseIndexVector::Uint16Vector,
                schema::CreateUint16Vector(tables, tables.CreateVector(narrow(std::uint16_t{}))).Union()};
      }
      return {schema::SparseIndexVector::Int32Vector, schema::CreateInt32Vector(tables, tables.CreateVector(values)).Union()};
    };
    std::vector<flatbuffers::Offset<schema::DimensionMetadata>> dimensions;
    for (const Sparsity::Dimension& d : sparsity.dimensions) {
      if (!d.compressed) {
        dimensions.push_back(schema::CreateDimensionMetadata(tables, schema::DimensionType::DENSE, d.dense_size));
        continue;
      }
      const auto segments = indices(d.segments), positions = indices(d.indices);
      dimensions.push_back(schema::CreateDimensionMetadata(tables, schema::DimensionType::SPARSE_CSR, d.dense_size, segments.first,
                                                           segments.second, positions.first, positions.second));
    }
    const auto order = tables.CreateVector(sparsity.traversal_order), blocks = tables.CreateVector(sparsity.block_map);
    return schema::CreateSparsityParameters(tables, order, blocks, tables.CreateVector(dimensions));
  }

  void write_node(const Node& node, const std::unordered_map<const Tensor*, std::int32_t>& numbers) {
    if (node.operation.is_source()) return problems_.add(node.where(), "has no translation to .tflite");
    OperatorSpec spec;
    const bool custom = node.is(BuiltinOperator::CUSTOM);
    const int version = std::max({node.version, required_version(node), 1});
    spec.opcode_index = builder_.find_operator_code(node.operation.code(), custom ? node.operation.name() : std::string_view(), version);
    spec.inputs = pick(node.inputs(), numbers);
    spec.outputs = pick(node.outputs(), numbers);
    spec.intermediates = pick(node.intermediates(), numbers);
    spec.custom_options = node.custom_options;
    if (!custom) spec.options = write_options(builder_.tables(), node, problems_);
    builder_.add_operator(std::move(spec));
  }

  void write_signature(const Signature& signature) {
    const auto entries = [&](const std::vector<std::pair<std::string, Tensor*>>& list) {
      std::vector<NamedTensor> result;
      for (const auto& [name, tensor] : list) result.push_back({name, static_cast<std::uint32_t>(numbers_[signature.graph].at(tensor))});
      return result;
    };
    builder_.add_signature(signature.key, entries(signature.inputs), entries(signature.outputs), static_cast<int>(signature.graph));
  }

  const Model& model_;
  Problems& problems_;
  bool drops_;
  ModelBuilder builder_;
  std::vector<std::unordered_map<const Tensor*, std::int32_t>> numbers_;
  std::vector<std::unordered_set<const Tensor*>> used_;
  std::unordered_map<const Bytes*, std::uint32_t> buffers_;
};

}  // namespace

std::vector<std::uint8_t> write_tflite(const Model& model, Problems& problems, std::vector<std::vector<const Tensor*>>* numbers) {
  return Writer(model, problems, false).write(numbers);
}

std::vector<std::uint8_t> write_last(Model& model, Problems& problems) { return Writer(model, problems, true).write(nullptr); }

}  // namespace tfl::converter
