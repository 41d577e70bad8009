#pragma once
// An ONNX model while it is read: its graph, and those of branches and loops inside of it.

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

namespace onnx {
class AttributeProto;
class GraphProto;
class ModelProto;
class TensorProto;
class ValueInfoProto;
}  // namespace onnx

/// Turns the nodes that write a GELU of single operators into one node.
void fuse_onnx_gelus(std::vector<OnnxNode>& nodes, const onnx::GraphProto& graph);

class OnnxImporter {
 public:
  OnnxImporter(std::string path, Problems& problems);
  ~OnnxImporter();

  std::unique_ptr<Model> read();

 private:
  /// A graph while its nodes are followed. Those inside of another one read its values, too.
  struct Scope {
    Emitter& emit;
    Reordered& reordered;  // of the graph into which `emit` writes
    Scope* outer = nullptr;
    bool apart = false;  // writes into a graph of its own, which gets values from outside as further inputs
    std::unordered_map<std::string, OnnxValue> values{};
    // Tensors of the graph outside, and the inputs that stand for them.
    std::vector<std::pair<Tensor*, Tensor*>> captured{};
  };
  /// A graph of its own for a branch or a part of a loop.
  struct Inner {
    std::size_t number;  // in the model
    Emitter emit;
    Reordered reordered{};
    Scope scope;
    Inner(OnnxImporter& importer, Scope& outer, const std::string& name);
    /// What is captured enters as inputs behind these.
    void finish(Values inputs, Values outputs, Problems& problems);
  };
  /// A value that goes from one step of a loop to the next.
  struct State {
    Tensor* initial;  // outside
    Tensor* inside;   // the body's input
    Tensor* next = nullptr;
  };
  struct Loop;

  void parse();
  std::vector<OnnxNode> read_nodes(onnx::GraphProto& source);
  void read_attribute(onnx::AttributeProto& attribute, OnnxNode& node);
  void read_inputs(const onnx::GraphProto& source, Scope& scope);
  void read_initializer(onnx::TensorProto& tensor, Scope& scope);
  void run_graph(onnx::GraphProto& source, Scope& scope);
  void run(const OnnxNode& node, Scope& scope);
  Tensor* output_tensor(const onnx::ValueInfoProto& output, Scope& scope);
  template <class F> void guard(const OnnxNode& node, F&& body);

  /// Null where there is no such value.
  const OnnxValue* find(Scope& scope, const std::string& name);
  OnnxValue capture(Scope& scope, const OnnxValue& outside);

  // ---- control_flow.cpp

  static bool is_control_flow(const OnnxNode& node);
  std::vector<OnnxValue> control_flow(const OnnxNode& node, Scope& scope, const OnnxCall& call);
  std::vector<OnnxValue> if_else(const OnnxNode& node, Scope& scope, const OnnxCall& call);
  std::vector<OnnxValue> loop(const OnnxNode& node, Scope& scope, const OnnxCall& call);
  std::vector<OnnxValue> scan(const OnnxNode& node, Scope& scope, const OnnxCall& call);
  std::vector<OnnxValue> finish_loop(Loop& loop, const OnnxCall& call);
  /// The graph's outputs in ONNX' order of axes. Throws where one has a problem, which has been told.
  Values results_of(const onnx::GraphProto& source, Scope& scope);

  std::string path_;
  Problems& problems_;
  Model* model_ = nullptr;
  std::unique_ptr<onnx::ModelProto> proto_;
  std::int64_t opset_ = 0;
  int depth_ = 0;  // of graphs inside of graphs
  std::vector<std::pair<std::string, Tensor*>> inputs_;
};

}  // namespace tfl::converter
