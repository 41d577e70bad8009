#include "tools/tfl_codegen/generate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "tfl/kernels/binary.hpp"
#include "tfl/kernels/conv_2d.hpp"
#include "tfl/kernels/depthwise_conv_2d.hpp"
#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/pool.hpp"
#include "tfl/kernels/softmax.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tools/common/print.hpp"
#include "tools/tfl_codegen/borders.hpp"
#include "tools/tfl_codegen/described.hpp"
#include "tools/tfl_codegen/ops.hpp"
#include "tools/tfl_codegen/parts.hpp"
#include "tools/tfl_codegen/plan_memory.hpp"
#include "tools/tfl_codegen/tile.hpp"
#include "tools/tfl_codegen/write_header.hpp"

namespace tfl::codegen {
namespace {

using tools::text;
using CodegenInterpreter = Interpreter<Ops, NoDelegates, SerialExecutor, simd::Scalar>;

/// Whether the op refuses the node, or infers other shapes, where it doesn't know the integers of this input.
bool decides_shapes(const ModelPlan& model, const NodePlan& node, std::size_t input) {
  Described described(model, node);
  if (!described[input].integers.known()) return false;
  described[input].integers = {};
  if (node.entry->infer(node.options.data(), described.node())) return true;
  for (std::size_t o = 0; o < node.outputs.size(); ++o) {
    if (described[node.inputs.size() + o].shape != model.tensors[static_cast<std::size_t>(node.outputs[o])].description.shape) return true;
  }
  return false;
}

/// The first subgraph as the interpreter inferred it: constants computed, nodes that only made constants gone, tensors numbered anew.
std::string read_model(const CodegenInterpreter& interpreter, ModelPlan& model) {
  const tfl::Subgraph& subgraph = interpreter.subgraph();
  for (const tfl::GraphNode& node : subgraph.graph().nodes) {
    const tfl::OpEntry& entry = *tfl::find_op(entries(), subgraph.graph(), node);
    if (entry.for_strings)
      return "node " + std::to_string(node.file_index) + ' ' + text(node.name()) + " has strings: only an interpreter can run it";
    if (text_of(entry).options != nullptr) continue;
    return "node " + std::to_string(node.file_index) + ' ' + text(node.name()) +
           " needs other subgraphs or resources: only an interpreter can run it";
  }
  if (subgraph.has_dynamic_tensors()) return "the shapes of this model depend on data: only an interpreter can run it";
  const tfl::GraphSubgraph& graph = subgraph.graph();
  std::map<std::int32_t, std::int32_t> numbers;
  const auto number_of = [&](std::int32_t t) {
    if (t < 0) return std::int32_t{-1};
    const auto [found, is_new] = numbers.try_emplace(t, static_cast<std::int32_t>(model.tensors.size()));
    if (!is_new) return found->second;
    const tfl::Tensor& tensor = subgraph.tensor(t);
    TensorPlan plan;
    plan.name = subgraph.graph_tensor(t).name;
    plan.description = tensor.description;
    plan.description.is_constant = tensor.description.is_constant || !tensor.own.empty();
    if (plan.description.is_constant) plan.data = {tensor.data, plan.bytes()};
    model.tensors.push_back(plan);
    return found->second;
  };
  const auto numbers_of = [&](std::span<const std::int32_t> list) {
    std::vector<std::int32_t> result;
    for (const std::int32_t t : list) result.push_back(number_of(t));
    return result;
  };
  model.inputs = numbers_of(graph.inputs);
  for (const tfl::GraphNode& source : graph.nodes) {
    const bool folded = !source.outputs.empty() && std::all_of(source.outputs.begin(), source.outputs.end(),
                                                               [&](std::int32_t t) { return !subgraph.tensor(t).own.empty(); });
    if (folded) continue;
    NodePlan node;
    node.entry = tfl::find_op(entries(), source.code, source.custom_name);
    node.file_index = source.file_index;
    node.version = source.version;
    node.inputs = numbers_of(source.inputs);
    node.outputs = numbers_of(source.outputs);
    node.intermediates = numbers_of(source.intermediates);
    node.options.resize(node.entry->options_bytes + 1);
    if (node.entry->read(*source.source, node.options.data()))
      return "node " + std::to_string(source.file_index) + " has options that cannot be read";
    node.needs = node.entry->needs(node.options.data(), Described(model, node).node());
    if (node.needs.state_bytes > 0) {
      return "node " + std::to_string(source.file_index) + ' ' + text(source.name()) +
             " keeps memory of its own between runs: only an interpreter can run it";
    }
    model.nodes.push_back(std::move(node));
  }
  model.outputs = numbers_of(graph.outputs);
  for (const NodePlan& node : model.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] >= 0 && decides_shapes(model, node, i))
        model.tensors[static_cast<std::size_t>(node.inputs[i])].knows_integers = true;
    }
  }
  for (const TensorPlan& tensor : model.tensors) {
    bool finite = std::isfinite(tensor.description.quantization.scale);
    for (const float scale : tensor.description.quantization.channel_scales) finite = finite && std::isfinite(scale);
    if (!finite) return "tensor '" + text(tensor.name) + "' has a scale that is not finite";
  }
  return {};
}

/// What a model for microcontrollers has otherwise: the working memory of compact kernels, and tensors that lie closer together where no
/// other kernel and no wider element is in it.
void measure_compact(ModelPlan& model) {
  const auto compact = tfl::OpRegistry<tfl::Conv2D, tfl::DepthwiseConv2D, tfl::FullyConnected, tfl::AveragePool2D, tfl::MaxPool2D,
                                       tfl::Softmax, tfl::Add, tfl::Sub>::entries<tfl::simd::CortexM, tfl::SerialExecutor>();
  bool close = true;
  for (NodePlan& node : model.nodes) {
    const tfl::OpEntry* entry = tfl::find_op(compact, node.entry->code, "");
    if (entry != nullptr) node.needs = entry->needs(node.options.data(), Described(model, node).node());
    close = close && (entry != nullptr || node.needs.scratch_bytes == 0);
  }
  for (const TensorPlan& tensor : model.tensors) close = close && tfl::bits_of(tensor.description.type) <= 32;
  if (close) model.alignment = 4;
}

/// The tables of kernels that want some: microcontrollers neither compute them nor have RAM for them.
std::string pack_tables(ModelPlan& model) {
  for (const NodePlan& node : model.nodes) {
    if (node.needs.packed_bytes == 0) continue;
    BoundNode bound(model, node);
    tfl::EvalFunction eval = nullptr;
    tfl::PackFunction pack = nullptr;
    if (node.entry->prepare(bound.call(), bound.node(), eval, pack) || pack == nullptr)
      return "node " + std::to_string(node.file_index) + " cannot be prepared";
    const std::size_t at = model.packed.size();
    model.packed.resize(at + tfl::align_up(static_cast<std::size_t>(node.needs.packed_bytes), tfl::block_alignment));
    pack(bound.call(), model.packed.data() + at);
  }
  return {};
}

/// Constants that share their bytes in the model share them here. Those that nobody reads have no place.
void place_weights(ModelPlan& model) {
  std::set<std::int32_t> read(model.outputs.begin(), model.outputs.end());
  for (const NodePlan& node : model.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  std::map<std::pair<const std::byte*, std::size_t>, std::int64_t> places;
  for (std::size_t t = 0; t < model.tensors.size(); ++t) {
    TensorPlan& tensor = model.tensors[t];
    if (!tensor.is_constant()) continue;
    if (read.count(static_cast<std::int32_t>(t)) == 0) {
      tensor.knows_integers = false;
      continue;
    }
    const auto [place, is_new] =
        places.try_emplace({tensor.data.data(), tensor.data.size()}, static_cast<std::int64_t>(model.weight_bytes));
    tensor.weights_at = place->second;
    if (is_new) model.weight_bytes = tfl::align_up(model.weight_bytes + tensor.data.size(), model.alignment);
  }
}

void print_table(const ModelPlan& model) {
  std::printf("%-34s %12s %12s %12s\n", "node", "weights", "prepared", "scratch");
  std::size_t prepared = 0;
  for (std::size_t n = 0; n < model.nodes.size(); ++n) {
    const NodePlan& node = model.nodes[n];
    std::size_t weights = 0;
    for (const std::int32_t t : node.inputs) {
      if (t >= 0 && model.tensors[static_cast<std::size_t>(t)].is_constant()) weights += model.tensors[static_cast<std::size_t>(t)].bytes();
    }
    const std::size_t own = node.entry->prepared_bytes + static_cast<std::size_t>(node.needs.multipliers) * sizeof(tfl::Multiplier);
    prepared += own;
    std::printf("%3zu %-30s %12zu %12zu %12lld\n", n, text(node.entry->name()).c_str(), weights, own,
                static_cast<long long>(node.needs.scratch_bytes));
  }
  std::printf("flash: %zu bytes of weights, %zu of tables, about %zu of prepared constants, and the kernels\n", model.weight_bytes,
              model.packed.size(), prepared);
  std::printf("RAM: an arena of about %zu bytes (the plan's arena_bytes is exact for the target); the largest live set has %zu\n",
              model.arena_bytes, model.live_bytes);
}

void print_ops(const ModelPlan& model) {
  std::set<std::string_view> names;
  for (const NodePlan& node : model.nodes) names.insert(text_of(*node.entry).name);
  std::printf("ops: tfl::OpRegistry<");
  const char* separator = "";
  for (const std::string_view name : names) {
    std::printf("%stfl::%.*s", separator, static_cast<int>(name.size()), name.data());
    separator = ", ";
  }
  std::printf(">\n");
}

}  // namespace

std::string name_from(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  for (char& c : name) c = detail::is_name(c) ? c : '_';
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name = "model_" + name;
  return name;
}

std::string generate(const tfl::Model& file, const GenerateOptions& options, Generated& result) {
  const bool is_name = !options.name.empty() && std::all_of(options.name.begin(), options.name.end(), &detail::is_name) &&
                       !(options.name[0] >= '0' && options.name[0] <= '9');
  if (!is_name) return "'" + options.name + "' is no name in C++";
  auto interpreter = CodegenInterpreter::create(file, {.fuse = false});
  if (!interpreter) return text(interpreter.message());

  ModelPlan model;
  if (std::string error = read_model(*interpreter, model); !error.empty()) return error;
  fold_borders(model);
  const bool compact = options.target.starts_with("cortex-m") || options.target == "helium";
  if (compact) measure_compact(model);
  plan_memory_and_order(model);
  drop_copies(model, [](const ModelPlan& m, const NodePlan& node) { return Described(m, node); });
  if (options.tile) {
    tile_first_blocks(model, [&](ModelPlan& tiled) {
      for (NodePlan& node : tiled.nodes) node.needs = node.entry->needs(node.options.data(), Described(tiled, node).node());
      if (compact) measure_compact(tiled);
    });
  }
  if (compact) {
    if (std::string error = pack_tables(model); !error.empty()) return error;
  }
  place_weights(model);
  HeaderWriter writer(model, {options.name, options.source, options.extents, options.blob});
  result.header = writer.write();
  if (options.blob) result.weights = writer.weights();
  if (options.prints) {
    print_table(model);
    print_ops(model);
  }
  return {};
}

}  // namespace tfl::codegen
