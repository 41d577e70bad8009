// libraries: tfl_converter
// needs: exceptions
// A SavedModel with functions and variables: what the importer makes of it gives what its graph gives, followed node by node in double
// precision by the few lines here.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/converter/sample.hpp"
#include "tools/converter/import/import.hpp"
#include "tools/converter/passes/pass.hpp"

#if defined(TFL_CONVERTER_WITH_TENSORFLOW)

#include "tools/converter/import/tensorflow/bundle.hpp"
#include "tools/converter/import/tensorflow/tensorflow.pb.h"

namespace tfl::converter {
namespace {

namespace pb = tensorflow;

const std::string folder = TFL_TEST_DATA "/models/source/kws_saved_model";

/// Numbers in rows, or the name of a variable.
struct Array {
  std::vector<int> shape{};
  std::vector<double> values{};
  std::string variable{};
  int count() const { return std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<>()); }
};

Array windowed(const Array& x, const pb::NodeDef& node, int height, int width, int channels, const auto& sum) {
  const auto& strides = node.attr().at("strides").list().i();
  const bool same = node.attr().at("padding").s() == "SAME";
  const int stride[2] = {static_cast<int>(strides[1]), static_cast<int>(strides[2])}, window[2] = {height, width};
  int size[2], before[2];
  for (int d = 0; d < 2; ++d) {
    const int in = x.shape[static_cast<std::size_t>(1 + d)];
    size[d] = same ? (in + stride[d] - 1) / stride[d] : (in - window[d]) / stride[d] + 1;
    before[d] = same ? std::max((size[d] - 1) * stride[d] + window[d] - in, 0) / 2 : 0;
  }
  Array y{{1, size[0], size[1], channels}};
  for (int r = 0; r < size[0]; ++r) {
    for (int c = 0; c < size[1]; ++c) {
      for (int o = 0; o < channels; ++o) y.values.push_back(sum(r * stride[0] - before[0], c * stride[1] - before[1], o));
    }
  }
  return y;
}

class PlainEvaluation {
 public:
  PlainEvaluation() : bundle_(folder) {
    pb::SavedModel saved;
    std::ifstream file(folder + "/saved_model.pb", std::ios::binary);
    EXPECT_TRUE(saved.ParseFromIstream(&file));
    meta_ = saved.meta_graphs(0);
    for (const pb::FunctionDef& f : meta_.graph_def().library().function()) functions_[f.signature().name()] = &f;
    for (const pb::NodeDef& n : meta_.graph_def().node()) nodes_[n.name()] = &n;
    find_variables();
  }

  /// The serving function's first output.
  Array run(const Array& input) {
    const pb::SignatureDef& signature = meta_.signature_def().at("serving_default");
    const std::string output = signature.outputs().begin()->second.name();
    const pb::NodeDef& call = *nodes_.at(output.substr(0, output.find(':')));
    std::vector<Array> arguments;
    for (const std::string& i : call.input()) {
      if (i[0] != '^') arguments.push_back(nodes_.at(i)->op() == "VarHandleOp" ? Array{.variable = i} : input);
    }
    return called(call.attr().at("f").func().name(), arguments);
  }

 private:
  /// Which key of the checkpoint each variable gets: the restore function assigns the outputs of RestoreV2 to its arguments.
  void find_variables() {
    const pb::NodeDef& restore = *nodes_.at(meta_.saver_def().restore_op_name());
    const pb::FunctionDef& body = *functions_.at(restore.attr().at("f").func().name());
    std::map<std::string, const pb::NodeDef*> inner;
    for (const pb::NodeDef& n : body.node_def()) inner[n.name()] = &n;
    const auto node_of = [&](const std::string& reference) { return inner.at(reference.substr(0, reference.find(':'))); };
    for (const pb::NodeDef& n : body.node_def()) {
      if (n.op() != "AssignVariableOp") continue;
      const pb::NodeDef& identity = *node_of(n.input(1));
      const std::string& source = identity.input(0);
      const pb::NodeDef& reader = *node_of(source);
      const pb::NodeDef& names = *node_of(reader.input(1));
      const int which = std::stoi(source.substr(source.rfind(':') + 1));
      for (int a = 0; a < body.signature().input_arg_size(); ++a) {
        if (body.signature().input_arg(a).name() == n.input(0)) {
          keys_[restore.input(a)] = names.attr().at("value").tensor().string_val(which);
        }
      }
    }
  }

  Array called(const std::string& name, const std::vector<Array>& arguments) {
    const pb::FunctionDef& body = *functions_.at(name);
    std::map<std::string, Array> done;
    for (int a = 0; a < body.signature().input_arg_size(); ++a)
      done[body.signature().input_arg(a).name()] = arguments.at(static_cast<std::size_t>(a));
    std::map<std::string, const pb::NodeDef*> inner;
    for (const pb::NodeDef& n : body.node_def()) inner[n.name()] = &n;
    const auto value = [&](const auto& self, const std::string& reference) -> Array {
      const std::string node = reference.substr(0, reference.find(':'));
      if (const auto found = done.find(node); found != done.end()) return found->second;
      std::vector<Array> inputs;
      for (const std::string& i : inner.at(node)->input()) {
        if (i[0] != '^') inputs.push_back(self(self, i));
      }
      return done[node] = computed(*inner.at(node), inputs);
    };
    return value(value, body.ret().at(body.signature().output_arg(0).name()));
  }

  Array computed(const pb::NodeDef& node, const std::vector<Array>& in) {
    const std::string& op = node.op();
    if (op == "StatefulPartitionedCall" || op == "PartitionedCall") return called(node.attr().at("f").func().name(), in);
    if (op == "Identity") return in[0];
    if (op == "ReadVariableOp") {
      const Literal literal = bundle_.value(keys_.at(in[0].variable));
      const auto* floats = reinterpret_cast<const float*>(literal.data->data());
      return {{literal.shape.begin(), literal.shape.end()}, {floats, floats + literal.data->size() / sizeof(float)}};
    }
    if (op == "Const") {
      Array result{{node.attr().at("value").tensor().tensor_shape().dim_size() == 0 ? 1 : 2}};
      return result;
    }
    if (op == "Reshape") return {{1, in[0].count()}, in[0].values};
    Array y = in[0];
    if (op == "Relu") {
      for (double& v : y.values) v = std::max(v, 0.0);
    } else if (op == "BiasAdd") {
      for (std::size_t i = 0; i < y.values.size(); ++i) y.values[i] += in[1].values[i % in[1].values.size()];
    } else if (op == "FusedBatchNormV3") {
      EXPECT_FALSE(node.attr().at("is_training").b());
      const double epsilon = static_cast<double>(node.attr().at("epsilon").f());
      const std::size_t channels = in[1].values.size();
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        const std::size_t c = i % channels;
        y.values[i] = (y.values[i] - in[3].values[c]) / std::sqrt(in[4].values[c] + epsilon) * in[1].values[c] + in[2].values[c];
      }
    } else if (op == "Softmax") {
      double sum = 0;
      for (double& v : y.values) sum += v = std::exp(v);
      for (double& v : y.values) v /= sum;
    } else if (op == "MatMul") {
      const int rows = in[1].shape[0], columns = in[1].shape[1];
      y = {{1, columns}, std::vector<double>(static_cast<std::size_t>(columns))};
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c)
          y.values[static_cast<std::size_t>(c)] +=
              in[0].values[static_cast<std::size_t>(r)] * in[1].values[static_cast<std::size_t>(r * columns + c)];
      }
    } else if (op == "Conv2D" || op == "DepthwiseConv2dNative" || op == "AvgPool") {
      y = over_windows(node, in);
    } else {
      ADD_FAILURE() << "no plain evaluation of " << op;
    }
    return y;
  }

  static Array over_windows(const pb::NodeDef& node, const std::vector<Array>& in) {
    const Array& x = in[0];
    const int height = x.shape[1], width = x.shape[2], channels = x.shape[3];
    const auto pixel = [&](int r, int c, int i) {
      const bool inside = r >= 0 && r < height && c >= 0 && c < width;
      return inside ? x.values[static_cast<std::size_t>((r * width + c) * channels + i)] : 0.0;
    };
    const bool pools = node.op() == "AvgPool";
    const int rows = pools ? static_cast<int>(node.attr().at("ksize").list().i(1)) : in[1].shape[0];
    const int columns = pools ? static_cast<int>(node.attr().at("ksize").list().i(2)) : in[1].shape[1];
    const bool mixes = node.op() == "Conv2D";
    const int outer = mixes ? in[1].shape[3] : channels;
    return windowed(x, node, rows, columns, outer, [&](int top, int left, int o) {
      double sum = 0;
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) {
          for (int i = mixes ? 0 : o; i < (mixes ? channels : o + 1); ++i) {
            const int at = ((r * columns + c) * channels + i) * (mixes ? outer : 1) + (mixes ? o : 0);
            sum += pixel(top + r, left + c, i) * (pools ? 1.0 / (rows * columns) : in[1].values[static_cast<std::size_t>(at)]);
          }
        }
      }
      return sum;
    });
  }

  pb::MetaGraphDef meta_;
  VariablesBundle bundle_;
  std::map<std::string, const pb::FunctionDef*> functions_;
  std::map<std::string, const pb::NodeDef*> nodes_;
  std::map<std::string, std::string> keys_;
};

TEST(SavedModel, VariablesAndFunctions) {
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  Problems problems;
  const auto model = import_tensorflow(folder, {}, problems);
  ASSERT_NE(model, nullptr) << problems.text();
  ASSERT_FALSE(model->signatures.empty());
  EXPECT_EQ(model->signatures[0].key, "serving_default");
  optimize(*model, {});

  // The reference is another training run of the same structure, its weights in integers.
  std::vector<std::string> operators, wanted{"CONV_2D"};
  for (const auto& node : model->main().nodes()) operators.emplace_back(node->operation.name());
  for (int block = 0; block < 4; ++block) wanted.insert(wanted.end(), {"DEPTHWISE_CONV_2D", "CONV_2D"});
  wanted.insert(wanted.end(), {"AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"});
  EXPECT_EQ(operators, wanted);

  const auto evaluator = Evaluator::make(*model, problems);
  ASSERT_NE(evaluator, nullptr) << problems.text();
  PlainEvaluation plain;
  std::mt19937 random(1);
  for (int run = 0; run < 3; ++run) {
    Array input{{1, 49, 10, 1}};
    std::vector<float> values(490);
    for (float& v : values) v = std::uniform_real_distribution<float>(-2, 2)(random);
    input.values.assign(values.begin(), values.end());
    Bytes bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    ASSERT_EQ(evaluator->run({bytes}), "");
    const Array want = plain.run(input);
    const Bytes got = evaluator->output(0);
    ASSERT_EQ(got.size(), want.values.size() * sizeof(float));
    double largest = 0;
    for (std::size_t i = 0; i < want.values.size(); ++i) {
      float value = 0;
      std::memcpy(&value, got.data() + i * sizeof(float), sizeof(float));
      EXPECT_NEAR(static_cast<double>(value), want.values[i], 2e-5) << "element " << i;
      largest = std::max(largest, want.values[i]);
    }
    EXPECT_LT(largest, 0.99999) << "a saturated result hides errors";
  }
}

}  // namespace
}  // namespace tfl::converter

#endif
