#pragma once
// The converter's view of a model: graphs of nodes and tensors that passes can rewrite.
//
// An importer builds nodes in the dialect of its format ("tf.Conv2D", "onnx.Conv", "keras.Dense"); legalization turns them into the
// operators of .tflite, which everything behind it works on.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/type.hpp"
#include "tools/converter/ir/attributes.hpp"
#include "tools/converter/ir/problems.hpp"

namespace tfl::converter {

class Graph;
struct Node;

/// real = scale * (integer - zero_point): one scale, or one for each index of `axis`.
struct TensorQuantization {
  std::vector<float> scales{};
  std::vector<std::int64_t> zero_points{};
  std::int32_t axis = 0;
  std::vector<float> min{}, max{};  // observed or learned ranges, where known
  // Blocks of weights share a scale: the tensors of the scales (float16) and zero points, and how many elements a block has.
  struct Tensor* block_scales = nullptr;
  struct Tensor* block_zero_points = nullptr;
  std::int32_t block_size = 0;
  Bytes custom{};  // a format of somebody else's, kept as it is

  bool present() const { return !scales.empty() || block_scales != nullptr; }
  friend bool operator==(const TensorQuantization&, const TensorQuantization&) = default;
};

/// Where the elements of sparse weights lie, as .tflite describes it.
struct Sparsity {
  struct Dimension {
    bool compressed = false;
    std::int32_t dense_size = 0;
    std::vector<std::int32_t> segments{}, indices{};
  };
  std::vector<std::int32_t> traversal_order{}, block_map{};
  std::vector<Dimension> dimensions{};
};

/// How a tensor's dimensions are ordered, as far as a source format lets us know.
enum class Layout : std::uint8_t { unknown, channels_last, channels_first };

/// A value that nodes read and write. Owned by its graph, at a fixed address.
struct Tensor {
  std::string name;
  TensorType type = TensorType::none;
  std::vector<std::int32_t> shape{};       // -1: a dimension that is not known
  bool declares_rank = false;              // what a .tflite file says; its readers make no use of it
  bool rank_known = true;                  // without it `shape` is empty and says nothing
  std::vector<std::int32_t> file_shape{};  // sizes that a file gave beside unknown ones; empty: 1 stands for each unknown one
  TensorQuantization quantization{};
  std::shared_ptr<const Bytes> data{};  // of a constant, as in Literal; shared between equal ones
  bool is_variable = false;             // state that outlives a run
  Layout layout = Layout::unknown;
  std::shared_ptr<const Sparsity> sparsity{};  // of sparse weights: what `data` leaves out

  Node* producer = nullptr;    // kept by the Graph; null: an input, a constant or a variable
  std::vector<Node*> users{};  // kept by the Graph; a node that reads it twice stands here twice

  bool is_constant() const { return data != nullptr; }
  int rank() const { return static_cast<int>(shape.size()); }
  /// Whether every dimension is known.
  bool is_static() const;
  /// Number of elements, or -1 where it isn't known or doesn't fit.
  std::int64_t count() const;
  /// Sizes with 1 (or what the file gave) for unknown ones.
  std::vector<std::int32_t> example_shape() const;
  /// The constant's elements. Requires is_constant() and the right T; checks nothing but the alignment, which Bytes always suits.
  template <class T> std::span<const T> values() const { return {reinterpret_cast<const T*>(data->data()), data->size() / sizeof(T)}; }
  /// The integers of a constant of type int8, int16, int32 or int64; empty for others.
  std::vector<std::int64_t> integers() const;
  std::int64_t bytes() const { return count() < 0 ? -1 : bytes_of(type, count()); }
};

/// What a node does: an operator of .tflite, a custom one, or one of a source dialect.
class Operation {
 public:
  Operation(BuiltinOperator code) : code_(code) {}  // NOLINT: an operator is an operation
  static Operation custom(std::string name) { return {BuiltinOperator::CUSTOM, std::move(name)}; }
  /// "tf.Conv2D"
  static Operation source(std::string name) { return {not_builtin, std::move(name)}; }

  bool is(BuiltinOperator code) const { return code_ == code; }
  bool is(std::string_view source_name) const { return is_source() && name_ == source_name; }
  bool is_source() const { return code_ == not_builtin; }
  /// PLACEHOLDER_FOR_GREATER_OP_CODES for source dialects.
  BuiltinOperator code() const { return code_; }
  /// "CONV_2D", the custom op's name, or "tf.Conv2D".
  std::string_view name() const { return name_.empty() ? std::string_view(name_of(code_)) : std::string_view(name_); }
  friend bool operator==(const Operation&, const Operation&) = default;

 private:
  static constexpr BuiltinOperator not_builtin = BuiltinOperator::PLACEHOLDER_FOR_GREATER_OP_CODES;
  Operation(BuiltinOperator code, std::string name) : code_(code), name_(std::move(name)) {}

  BuiltinOperator code_;
  std::string name_{};
};

/// One step of a graph. Inputs and outputs change through Graph only, which keeps producers and users right.
struct Node {
  Operation operation;
  Attributes attributes{};    // of .tflite's options table: its fields by name, absent ones have the schema's default
  Bytes custom_options{};     // of a custom operator
  std::string source_name{};  // the node of the source model from which it was made
  std::string source_type{};  // and what it was there: "tf.Conv2D"; empty: the same as the operation
  int version = 0;            // of a .tflite operator as the file says; the writer writes at least what the node needs

  bool is(BuiltinOperator code) const { return operation.is(code); }
  bool is(std::string_view source_operation) const { return operation.is(source_operation); }

  /// A null pointer is an optional input that is absent.
  std::span<Tensor* const> inputs() const { return inputs_; }
  std::span<Tensor* const> outputs() const { return outputs_; }
  /// Tensors that hold inner quantizations (LSTM); no values.
  std::span<Tensor* const> intermediates() const { return intermediates_; }
  /// Null beyond the end too.
  Tensor* input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  Tensor* output(std::size_t i = 0) const { return i < outputs_.size() ? outputs_[i] : nullptr; }

  /// "node 'block1/conv' (tf.Conv2D)", for a Problem.
  std::string where() const;

 private:
  friend class Graph;
  explicit Node(Operation what) : operation(std::move(what)) {}
  std::vector<Tensor*> inputs_{}, outputs_{}, intermediates_{};
  std::list<std::unique_ptr<Node>>::iterator self_{};
};

/// Nodes in an order in which every tensor is written before it is read (once sort() succeeded), and the tensors between them.
class Graph {
 public:
  using Nodes = std::list<std::unique_ptr<Node>>;

  std::string name = "main";

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // ---- tensors

  Tensor* add_tensor(std::string tensor_name, TensorType type = TensorType::none, std::vector<std::int32_t> shape = {});
  /// A constant; the data's size is for the caller to get right.
  Tensor* add_constant(std::string tensor_name, TensorType type, std::vector<std::int32_t> shape, std::shared_ptr<const Bytes> data);
  Tensor* add_constant(std::string tensor_name, const Literal& value) {
    return add_constant(std::move(tensor_name), value.type, value.shape, value.data);
  }
  template <class T> Tensor* add_constant(std::string tensor_name, std::vector<std::int32_t> shape, std::span<const T> values) {
    auto bytes = std::make_shared<Bytes>(values.size_bytes());
    if (!values.empty()) std::memcpy(bytes->data(), values.data(), values.size_bytes());
    return add_constant(std::move(tensor_name), tensor_type_of<T>, std::move(shape), std::move(bytes));
  }
  template <class T> Tensor* add_constant(std::string tensor_name, std::vector<std::int32_t> shape, const std::vector<T>& values) {
    return add_constant(std::move(tensor_name), std::move(shape), std::span<const T>(values));
  }
  std::span<const std::unique_ptr<Tensor>> tensors() const { return tensors_; }
  /// The constant that the node reads as input `i`, copied first where others read it too: free to change.
  Tensor* own_constant(Node* node, std::size_t i);

  void set_inputs(std::vector<Tensor*> tensors) { inputs_ = std::move(tensors); }
  void set_outputs(std::vector<Tensor*> tensors) { outputs_ = std::move(tensors); }
  std::span<Tensor* const> inputs() const { return inputs_; }
  std::span<Tensor* const> outputs() const { return outputs_; }
  bool is_input(const Tensor* tensor) const;
  bool is_output(const Tensor* tensor) const;
  /// The only node that reads the tensor, where nobody else sees it; else null.
  Node* only_user(const Tensor* tensor) const;

  // ---- nodes

  const Nodes& nodes() const { return nodes_; }
  std::size_t size() const { return nodes_.size(); }
  /// Adds a node behind all others. An output tensor must have no other producer.
  Node* append(Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs, Attributes attributes = {});
  Node* insert_before(Node* where, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
                      Attributes attributes = {});
  Node* insert_after(Node* where, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
                     Attributes attributes = {});
  void set_input(Node* node, std::size_t i, Tensor* tensor);
  void set_inputs(Node* node, std::vector<Tensor*> inputs);
  void set_outputs(Node* node, std::vector<Tensor*> outputs);
  void set_intermediates(Node* node, std::vector<Tensor*> tensors) { node->intermediates_ = std::move(tensors); }
  /// Everybody who reads `from` reads `to` afterwards, the graph's outputs too. Signatures are kept by Model::replace_uses.
  void replace_uses(Tensor* from, Tensor* to);
  /// Only the graph's outputs that are `from`.
  void replace_output(Tensor* from, Tensor* to);
  /// Removes the node; its outputs stay, without a producer.
  void erase(Node* node);

  /// Puts the nodes in order (stable). False where the graph has a cycle: then it says which nodes form it.
  bool sort(Problems& problems);
  /// Drops tensors that no node, input or output mentions (and that no signature in `keep` names).
  void drop_unused_tensors(std::span<Tensor* const> keep = {});

 private:
  Node* place(Nodes::iterator before, Operation operation, std::vector<Tensor*> inputs, std::vector<Tensor*> outputs,
              Attributes attributes);

  std::vector<std::unique_ptr<Tensor>> tensors_;
  Nodes nodes_;
  std::vector<Tensor*> inputs_, outputs_;
};

/// Names by which callers know the inputs and outputs of a graph.
struct Signature {
  std::string key;  // "serving_default"
  std::size_t graph = 0;
  std::vector<std::pair<std::string, Tensor*>> inputs{}, outputs{};
};

struct Metadata {
  std::string name;
  Bytes data;
};

struct Model {
  std::vector<std::unique_ptr<Graph>> graphs{};  // the first one is the main one
  std::vector<Signature> signatures{};
  std::vector<Metadata> metadata{};
  std::vector<Metadata> attached{};  // files that stand behind the tables, as an archive (labels)
  std::string description{};

  Graph& main() { return *graphs.front(); }
  Graph& add_graph(std::string name);
  /// As Graph::replace_uses, and in signatures.
  void replace_uses(Graph& graph, Tensor* from, Tensor* to);
  /// The graph's outputs and signatures that name `from` name `to` afterwards; nodes still read `from`.
  void replace_output(Graph& graph, Tensor* from, Tensor* to);
};

/// "float32[1,?,8]"
std::string describe(const Tensor& tensor);
/// A copy of the values as a constant's data.
template <class T> std::shared_ptr<const Bytes> make_data(std::span<const T> values) {
  auto bytes = std::make_shared<Bytes>(values.size_bytes());
  if (!values.empty()) std::memcpy(bytes->data(), values.data(), values.size_bytes());
  return bytes;
}

}  // namespace tfl::converter
