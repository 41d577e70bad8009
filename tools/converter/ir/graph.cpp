#include "tools/converter/ir/graph.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace tfl::converter {

bool Tensor::is_static() const {
  return rank_known && std::all_of(shape.begin(), shape.end(), [](std::int32_t d) { return d >= 0; });
}

std::int64_t Tensor::count() const {
  if (!is_static()) return -1;
  std::int64_t product = 1;
  for (const std::int32_t d : shape) {
    if (d == 0) return 0;
    // 128 bits an element at most: the number of bits must fit too.
    if (product > std::numeric_limits<std::int64_t>::max() / 128 / d) return -1;
    product *= d;
  }
  return product;
}

std::vector<std::int32_t> Tensor::example_shape() const {
  std::vector<std::int32_t> result = shape;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] < 0) result[i] = file_shape.size() == result.size() ? file_shape[i] : 1;
  }
  return result;
}

std::vector<std::int64_t> Tensor::integers() const {
  std::vector<std::int64_t> result;
  if (data == nullptr) return result;
  const auto copy = [&](const auto& elements) { result.assign(elements.begin(), elements.end()); };
  switch (type) {
    case TensorType::int8: copy(values<std::int8_t>()); break;
    case TensorType::int16: copy(values<std::int16_t>()); break;
    case TensorType::int32: copy(values<std::int32_t>()); break;
    case TensorType::int64: copy(values<std::int64_t>()); break;
    default: break;
  }
  return result;
}

std::string Node::where() const {
  const std::string_view type = source_type.empty() ? operation.name() : std::string_view(source_type);
  std::string text = "node";
  if (!source_name.empty()) text += " '" + source_name + "'";
  return text + " (" + std::string(type) + ")";
}

Tensor* Graph::add_tensor(std::string tensor_name, TensorType type, std::vector<std::int32_t> shape) {
  auto tensor = std::make_unique<Tensor>();
  tensor->name = std::move(tensor_name);
  tensor->type = type;
  tensor->shape = std::move(shape);
  tensors_.push_back(std::move(tensor));
  return tensors_.back().get();
}

Tensor* Graph::add_constant(std::string tensor_name, TensorType type, std::vector<std::int32_t> shape, std::shared_ptr<const Bytes> data) {
  Tensor* tensor = add_tensor(std::move(tensor_name), type, std::move(shape));
  tensor->data = std::move(data);
  return tensor;
}

Tensor* Graph::own_constant(Node* node, std::size_t i) {
  Tensor* tensor = node->input(i);
  if (tensor->users.size() == 1 && !is_output(tensor)) return tensor;
  Tensor* copy = add_constant(tensor->name, tensor->type, tensor->shape, tensor->data);
  copy->quantization = tensor->quantization;
  set_input(node, i, copy);
  return copy;
}

bool Graph::is_input(const Tensor* tensor) const { return std::find(inputs_.begin(), inputs_.end(), tensor) != inputs_.end(); }
bool Graph::is_output(const Tensor* tensor) const { return std::find(outputs_.begin(), outputs_.end(), tensor) != outputs_.end(); }
Node* Graph::only_user(const Tensor* tensor) const {
  return tensor != nullptr && tensor->users.size() == 1 && !is_output(tensor) ? tensor->users.front() : nullptr;
}

Node* Graph::place(Nodes::iterator before, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
                   Attributes attributes) {
  const auto at = nodes_.insert(before, std::unique_ptr<Node>(new Node(std::move(operation))));
  Node* node = at->get();
  node->self_ = at;
  node->attributes = std::move(attributes);
  set_inputs(node, std::move(inputs));
  set_outputs(node, std::move(outputs));
  return node;
}

Node* Graph::append(Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs, Attributes attributes) {
  return place(nodes_.end(), std::move(operation), std::move(inputs), std::move(outputs), std::move(attributes));
}
Node* Graph::insert_before(Node* where, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
                           Attributes attributes) {
  Node* node = place(where->self_, std::move(operation), std::move(inputs), std::move(outputs), std::move(attributes));
  node->source_name = where->source_name;
  node->source_type = where->source_type;
  return node;
}
Node* Graph::insert_after(Node* where, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
                          Attributes attributes) {
  Node* node = place(std::next(where->self_), std::move(operation), std::move(inputs), std::move(outputs), std::move(attributes));
  node->source_name = where->source_name;
  node->source_type = where->source_type;
  return node;
}

void Graph::set_input(Node* node, std::size_t i, Tensor* tensor) {
  if (node->inputs_.size() <= i) node->inputs_.resize(i + 1, nullptr);
  if (Tensor* old = node->inputs_[i]; old != nullptr) old->users.erase(std::find(old->users.begin(), old->users.end(), node));
  node->inputs_[i] = tensor;
  if (tensor != nullptr) tensor->users.push_back(node);
}

void Graph::set_inputs(Node* node, std::vector<Tensor*> inputs) {
  for (std::size_t i = 0; i < node->inputs_.size(); ++i) set_input(node, i, nullptr);
  node->inputs_.assign(inputs.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) set_input(node, i, inputs[i]);
}

void Graph::set_outputs(Node* node, std::vector<Tensor*> outputs) {
  for (Tensor* old : node->outputs_) {
    if (old != nullptr && old->producer == node) old->producer = nullptr;
  }
  node->outputs_ = std::move(outputs);
  for (Tensor* output : node->outputs_) {
    if (output != nullptr) output->producer = node;
  }
}

void Graph::replace_uses(Tensor* from, Tensor* to) {
  if (from == to) return;
  const std::vector<Node*> users = from->users;
  for (Node* user : users) {
    for (std::size_t i = 0; i < user->inputs_.size(); ++i) {
      if (user->inputs_[i] == from) set_input(user, i, to);
    }
  }
  replace_output(from, to);
}

void Graph::replace_output(Tensor* from, Tensor* to) { std::replace(outputs_.begin(), outputs_.end(), from, to); }

void Graph::erase(Node* node) {
  set_inputs(node, {});
  set_outputs(node, {});
  nodes_.erase(node->self_);
}

bool Graph::sort(Problems& problems) {
  // How many inputs of each node are still to be written; nodes without any are taken in their present order.
  std::unordered_map<Node*, std::size_t> waiting, position;
  std::size_t next = 0;
  for (const auto& node : nodes_) {
    position[node.get()] = next++;
    std::size_t count = 0;
    for (const Tensor* input : node->inputs_) count += input != nullptr && input->producer != nullptr ? 1U : 0U;
    waiting[node.get()] = count;
  }
  const auto earlier = [&](Node* a, Node* b) { return position[a] < position[b]; };
  std::set<Node*, decltype(earlier)> ready(earlier);
  for (const auto& node : nodes_) {
    if (waiting[node.get()] == 0) ready.insert(node.get());
  }
  Nodes sorted;
  while (!ready.empty()) {
    Node* node = *ready.begin();
    ready.erase(ready.begin());
    sorted.splice(sorted.end(), nodes_, node->self_);
    for (const Tensor* output : node->outputs_) {
      if (output == nullptr || output->producer != node) continue;
      for (Node* user : output->users) {
        if (--waiting[user] == 0) ready.insert(user);
      }
    }
  }
  const bool complete = nodes_.empty();
  for (const auto& node : nodes_) problems.add(node->where(), "its inputs depend on its own outputs: the graph has a cycle");
  sorted.splice(sorted.end(), nodes_);
  nodes_ = std::move(sorted);
  return complete;
}

void Graph::drop_unused_tensors(std::span<Tensor* const> keep) {
  std::unordered_set<const Tensor*> used(inputs_.begin(), inputs_.end());
  used.insert(outputs_.begin(), outputs_.end());
  used.insert(keep.begin(), keep.end());
  for (const auto& node : nodes_) {
    for (const auto* list : {&node->inputs_, &node->outputs_, &node->intermediates_}) used.insert(list->begin(), list->end());
  }
  for (const auto& tensor : tensors_) {
    if (!used.contains(tensor.get())) continue;
    used.insert(tensor->quantization.block_scales);
    used.insert(tensor->quantization.block_zero_points);
  }
  std::erase_if(tensors_, [&](const std::unique_ptr<Tensor>& tensor) { return !used.contains(tensor.get()); });
}

Graph& Model::add_graph(std::string name) {
  graphs.push_back(std::make_unique<Graph>());
  graphs.back()->name = std::move(name);
  return *graphs.back();
}

void Model::replace_uses(Graph& graph, Tensor* from, Tensor* to) {
  graph.replace_uses(from, to);
  replace_output(graph, from, to);
}

void Model::replace_output(Graph& graph, Tensor* from, Tensor* to) {
  graph.replace_output(from, to);
  for (Signature& signature : signatures) {
    if (graphs[signature.graph].get() != &graph) continue;
    for (auto& [name, tensor] : signature.outputs) {
      if (tensor == from) tensor = to;
    }
  }
}

std::string describe(const Tensor& tensor) {
  std::string text = name_of(tensor.type);
  if (!tensor.rank_known) return text + "[...]";
  text += '[';
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) text += ',';
    text += tensor.shape[i] < 0 ? std::string("?") : std::to_string(tensor.shape[i]);
  }
  return text + ']';
}

}  // namespace tfl::converter
