#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "tfl/quant/quantize.hpp"
#include "tools/converter/quantize/op_rules.hpp"
#include "tools/converter/quantize/quantize.hpp"
#include "tools/converter/quantize/quantized_constants.hpp"

namespace tfl::converter {
namespace {

using B = BuiltinOperator;
using quant::AffineParameters;
using Scales = QuantizationRule::Scales;

class IntegerQuantizer {
 public:
  IntegerQuantizer(Model& model, const QuantizeOptions& options, Problems& problems)
      : model_(model), graph_(model.main()), options_(options), problems_(problems) {}

  bool run() {
    for (const auto& node : graph_.nodes()) {
      if (runs_on_integers(*node)) integer_nodes_.insert(node.get());
    }
    join_backwards();
    for (Tensor* input : graph_.inputs()) choose(input);
    for (const auto& node : graph_.nodes()) {
      for (Tensor* output : node->outputs()) choose(output);
    }
    if (problems_.any()) return false;
    std::vector<Node*> nodes;
    for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
    for (Node* node : nodes) {
      if (integer_nodes_.contains(node)) quantize_constants(node);
    }
    std::vector<Tensor*> tensors;
    for (const auto& tensor : graph_.tensors()) tensors.push_back(tensor.get());
    for (Tensor* tensor : tensors) {
      if (parameters_.contains(tensor)) quantize_tensor(tensor);
    }
    return !problems_.any();
  }

 private:
  static bool is_float(const Tensor* tensor) { return tensor != nullptr && tensor->type == TensorType::float32; }

  bool is_kept_float(const Node& node) const {
    if (options_.keep_float.contains(node.source_name)) return true;
    return std::any_of(node.outputs().begin(), node.outputs().end(),
                       [&](const Tensor* t) { return t != nullptr && options_.keep_float.contains(t->name); });
  }

  bool runs_on_integers(const Node& node) const {
    const QuantizationRule* rule = quantization_rule(node);
    if (rule == nullptr || is_kept_float(node)) return false;
    if (options_.activations == TensorType::int16 && !rule->int16) return false;
    const std::string activation = node.attributes.text("fused_activation_function", "NONE");
    if (activation == "TANH" || activation == "SIGN_BIT") return false;
    if (!std::all_of(node.outputs().begin(), node.outputs().end(), is_float)) return false;
    for (const std::size_t i : activation_inputs(node, *rule)) {
      if (!is_float(node.input(i)) || node.input(i)->is_variable) return false;
    }
    if (rule->weights >= 0) {
      const Tensor* weights = node.input(static_cast<std::size_t>(rule->weights));
      if (!is_float(weights) || !weights->is_constant() || weights->sparsity != nullptr) return false;
      if (node.input(rule->activations[0]) == nullptr || node.input(rule->activations[0])->is_constant()) return false;
      const Tensor* bias = node.input(static_cast<std::size_t>(rule->bias));
      if (bias != nullptr && (!is_float(bias) || !bias->is_constant())) return false;
    }
    return true;
  }

  const QuantizationRule* rule_of(const Node* node) const {
    return node != nullptr && integer_nodes_.contains(node) ? quantization_rule(*node) : nullptr;
  }

  static bool has_range(const Tensor* tensor) { return tensor->quantization.min.size() == 1 && tensor->quantization.max.size() == 1; }
  AffineParameters from_range(const Tensor* tensor) const {
    return quant::choose_activation_parameters(tensor->quantization.min[0], tensor->quantization.max[0], options_.activations);
  }

  /// Inputs of joined operators take the range of the result, and so do the inputs of what only moves data into them.
  void join_backwards() {
    for (auto at = graph_.nodes().rbegin(); at != graph_.nodes().rend(); ++at) {
      Node* node = at->get();
      const QuantizationRule* rule = rule_of(node);
      if (rule == nullptr || rule->scales == Scales::free) continue;
      Tensor* output = node->output();
      const auto forced = parameters_.find(output);
      AffineParameters wanted;
      if (forced != parameters_.end()) {
        wanted = forced->second;
      } else if (rule->scales == Scales::joined && has_range(output)) {
        wanted = from_range(output);
        parameters_.emplace(output, wanted);
      } else {
        continue;
      }
      for (const std::size_t i : activation_inputs(*node, *rule)) {
        Tensor* input = node->input(i);
        // Outputs of one node that only moves data have the same parameters: one of them can't change alone.
        const bool has_siblings = input->producer != nullptr && input->producer->outputs().size() > 1;
        if (input->is_constant() || has_siblings || has_fixed_parameters(input)) continue;
        // Who asks first wins: the other one gets a QUANTIZE.
        parameters_.emplace(input, wanted);
      }
    }
  }

  bool has_fixed_parameters(const Tensor* tensor) const {
    return rule_of(tensor->producer) != nullptr &&
           quant::fixed_output_parameters(tensor->producer->operation.code(), options_.activations).scale != 0;
  }

  /// Whether an integer node writes the tensor or reads it as an activation.
  bool is_activation(const Tensor* tensor) const {
    if (!is_float(tensor) || tensor->is_constant()) return false;
    if (rule_of(tensor->producer) != nullptr) return true;
    return std::any_of(tensor->users.begin(), tensor->users.end(), [&](const Node* user) { return reads_as_activation(user, tensor); });
  }
  bool reads_as_activation(const Node* node, const Tensor* tensor) const {
    const QuantizationRule* rule = rule_of(node);
    if (rule == nullptr) return false;
    for (const std::size_t i : activation_inputs(*node, *rule)) {
      if (node->input(i) == tensor) return true;
    }
    return false;
  }

  void choose(Tensor* tensor) {
    if (tensor == nullptr || !is_activation(tensor) || parameters_.contains(tensor)) return;
    const QuantizationRule* rule = rule_of(tensor->producer);
    if (rule != nullptr) {
      const AffineParameters fixed = quant::fixed_output_parameters(tensor->producer->operation.code(), options_.activations);
      if (fixed.scale != 0) {
        parameters_.emplace(tensor, fixed);
        return;
      }
      if (rule->scales == Scales::same) {
        const Tensor* input = tensor->producer->input(rule->activations[0]);
        if (const auto known = parameters_.find(input); known != parameters_.end()) {
          parameters_.emplace(tensor, known->second);
          return;
        }
      }
    }
    if (!has_range(tensor)) {
      problems_.add("tensor '" + tensor->name + "'", "has no range: calibrate the model with inputs that are typical of it");
      return;
    }
    const AffineParameters chosen = from_range(tensor);
    if (chosen.scale == 0) return problems_.add("tensor '" + tensor->name + "'", "has a range that is not finite");
    parameters_.emplace(tensor, chosen);
  }

  void quantize_constants(Node* node) {
    const QuantizationRule& rule = *quantization_rule(*node);
    for (const std::size_t i : activation_inputs(*node, rule)) {
      Tensor* input = node->input(i);
      if (!input->is_constant()) continue;
      const auto [low, high] = range_of(input->values<float>());
      AffineParameters own = quant::choose_activation_parameters(low, high, options_.activations);
      if (rule.scales != Scales::free) own = parameters_.at(node->output());
      if (own.scale == 0) return problems_.add(node->where(), "its constant '" + input->name + "' is not finite");
      quantize_activation_in_place(*graph_.own_constant(node, i), options_.activations, own);
    }
    if (rule.weights >= 0) quantize_weights_of(node, rule);
    if (options_.activations == TensorType::int16 && (node->is(B::ADD) || node->is(B::SUB))) node->attributes.set("pot_scale_int16", false);
  }

  void quantize_weights_of(Node* node, const QuantizationRule& rule) {
    const auto weights_at = static_cast<std::size_t>(rule.weights), bias_at = static_cast<std::size_t>(rule.bias);
    const float input_scale = parameters_.at(node->input(rule.activations[0])).scale;
    const bool per_channel = node->is(B::FULLY_CONNECTED) ? options_.per_channel_dense : options_.per_channel;
    // int4 weights have kernels in CONV_2D and FULLY_CONNECTED only.
    const bool small = options_.weights == TensorType::int4 && (node->is(B::CONV_2D) || node->is(B::FULLY_CONNECTED));
    const TensorType type = small ? TensorType::int4 : TensorType::int8;
    Tensor* weights = graph_.own_constant(node, weights_at);
    std::vector<float> scales = weight_scales(*weights, type, per_channel ? rule.channel_axis : -1);
    if (scales.empty()) return problems_.add(node->where(), "its weights are not finite");
    Tensor* bias = node->input(bias_at) == nullptr ? nullptr : graph_.own_constant(node, bias_at);
    if (bias != nullptr && options_.activations == TensorType::int8) {
      const std::span<const float> values = bias->values<float>();
      if (scales.size() != 1 && scales.size() != values.size())
        return problems_.add(node->where(),
                             "has " + std::to_string(values.size()) + " biases, but " + std::to_string(scales.size()) + " channels");
      for (std::size_t c = 0; c < values.size(); ++c) {
        float& scale = scales[scales.size() == 1 ? 0 : c];
        scale = quant::weight_scale_for_bias(values[c], input_scale, scale);
      }
    }
    const std::vector<float> exact(weights->values<float>().begin(), weights->values<float>().end());
    quantize_weights_in_place(*weights, type, scales, rule.channel_axis);
    if (bias != nullptr && options_.channel_means != nullptr) correct_bias(*node, *weights, exact, *bias);
    if (bias != nullptr) quantize_bias_of(node, *bias, input_scale, scales);
  }

  /// Adds the mean of what the inputs, by their means, lose to the rounding of the weights. Borders of zeros count as if they were inputs.
  void correct_bias(const Node& node, const Tensor& weights, const std::vector<float>& exact, Tensor& bias) const {
    const auto found = options_.channel_means->find(node.input(quantization_rule(node)->activations[0])->name);
    if (found == options_.channel_means->end() || weights.type != TensorType::int8) return;
    const std::vector<double>& means = found->second;
    const bool depthwise = node.is(B::DEPTHWISE_CONV_2D);
    const auto outputs = bias.values<float>().size(), inputs = static_cast<std::size_t>(weights.shape.back());
    if (outputs == 0 || (depthwise ? outputs % means.size() != 0 || inputs != outputs : means.size() != inputs)) return;
    const std::span<const std::int8_t> integers = weights.values<std::int8_t>();
    const std::vector<float>& scales = weights.quantization.scales;
    std::vector<double> lost(outputs, 0.0);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      const std::size_t o = depthwise ? i % outputs : i / (exact.size() / outputs);
      const std::size_t in = depthwise ? o / (outputs / means.size()) : i % inputs;
      const float scale = scales[scales.size() == 1 ? 0 : o];
      lost[o] += static_cast<double>(exact[i] - scale * static_cast<float>(integers[i])) * means[in];
    }
    std::vector<float> values(bias.values<float>().begin(), bias.values<float>().end());
    for (std::size_t o = 0; o < outputs; ++o) values[o] += static_cast<float>(lost[o]);
    bias.data = make_data(std::span<const float>(values));
  }

  void quantize_bias_of(Node* node, Tensor& bias, float input_scale, const std::vector<float>& scales) {
    const std::vector<float> values(bias.values<float>().begin(), bias.values<float>().end());
    bool done = false;
    if (options_.activations == TensorType::int16) {
      std::vector<std::int64_t> integers(values.size());
      done = quant::quantize_bias(std::span<const float>(values), input_scale, scales, std::span(integers));
      bias.data = make_data(std::span<const std::int64_t>(integers));
      bias.type = TensorType::int64;
    } else {
      std::vector<std::int32_t> integers(values.size());
      done = quant::quantize_bias(std::span<const float>(values), input_scale, scales, std::span(integers));
      bias.data = make_data(std::span<const std::int32_t>(integers));
      bias.type = TensorType::int32;
    }
    if (!done) return problems_.add(node->where(), "its bias does not fit its weights");
    bias.quantization = {};
    for (const float scale : scales) bias.quantization.scales.push_back(quant::bias_scale_of(input_scale, scale));
    bias.quantization.zero_points.assign(scales.size(), 0);
  }

  static void set_type(Tensor* tensor, TensorType type, AffineParameters parameters) {
    tensor->type = type;
    tensor->quantization = {};
    tensor->quantization.scales = {parameters.scale};
    tensor->quantization.zero_points = {parameters.zero_point};
  }
  Tensor* new_tensor(const Tensor* like, const std::string& name) {
    Tensor* tensor = graph_.add_tensor(name, TensorType::float32, like->shape);
    tensor->file_shape = like->file_shape;
    tensor->declares_rank = like->declares_rank;
    return tensor;
  }
  /// Those who read the tensor as integers, or the others, but not `except`, read `to` instead.
  void change_readers(Tensor* from, Tensor* to, bool integer_readers, const Node* except = nullptr) {
    const std::vector<Node*> users = from->users;
    for (Node* user : users) {
      if (user == except || reads_as_activation(user, from) != integer_readers) continue;
      for (std::size_t i = 0; i < user->inputs().size(); ++i) {
        if (user->input(i) == from) graph_.set_input(user, i, to);
      }
    }
  }

  /// What the caller of the model sees of an integer tensor: in its own type, or uint8, which is int8 moved by 128.
  std::pair<TensorType, AffineParameters> outside(AffineParameters p) const {
    const TensorType type = options_.input_output;
    if (type == TensorType::uint8 && options_.activations == TensorType::int8) return {type, {p.scale, p.zero_point + 128}};
    return {options_.activations, p};
  }

  void quantize_tensor(Tensor* tensor) {
    const AffineParameters p = parameters_.at(tensor);
    const bool by_integers = rule_of(tensor->producer) != nullptr;
    const bool is_output = graph_.is_output(tensor);
    // Outputs keep their name; so does what a caller fills.
    const std::string name = tensor->name;
    Tensor* quantized = tensor;
    if (!by_integers) {
      quantized = new_tensor(tensor, name + "_quantized");
      change_readers(tensor, quantized, true);
      quantize_input(tensor, quantized, p);
    }
    set_type(quantized, options_.activations, p);
    if (by_integers) {
      const bool has_float_readers =
          std::any_of(tensor->users.begin(), tensor->users.end(), [&](const Node* user) { return !reads_as_activation(user, tensor); });
      if (has_float_readers) {
        Tensor* real = new_tensor(tensor, name + "_float");
        graph_.insert_after(tensor->producer, B::DEQUANTIZE, {tensor}, {real});
        change_readers(tensor, real, false, real->producer);
      }
      if (is_output) quantize_output(tensor, p);
    }
    requantize_where_asked(quantized, p);
  }

  void quantize_input(Tensor* tensor, Tensor* quantized, AffineParameters p) {
    const bool from_caller = tensor->producer == nullptr;
    if (!from_caller) {
      graph_.insert_after(tensor->producer, B::QUANTIZE, {tensor}, {quantized});
      return;
    }
    Node* first = graph_.nodes().front().get();
    if (options_.input_output != TensorType::float32) {
      const bool all_integer = tensor->users.empty() && !graph_.is_output(tensor);
      const auto [type, parameters] = outside(p);
      if (all_integer) {
        set_type(tensor, type, parameters);
        if (type == options_.activations) {
          // The caller's tensor itself is the integer one.
          const std::vector<Node*> users = quantized->users;
          for (Node* user : users) {
            for (std::size_t i = 0; i < user->inputs().size(); ++i) {
              if (user->input(i) == quantized) graph_.set_input(user, i, tensor);
            }
          }
          requantize_where_asked(tensor, p);
          return;
        }
      }
    }
    graph_.insert_before(first, B::QUANTIZE, {tensor}, {quantized});
  }

  void quantize_output(Tensor* tensor, AffineParameters p) {
    const auto [type, parameters] = outside(p);
    const bool real = options_.input_output == TensorType::float32;
    if (!real && type == options_.activations) return;
    Tensor* output = new_tensor(tensor, tensor->name);
    tensor->name += "_quantized";
    model_.replace_output(graph_, tensor, output);
    graph_.append(real ? B::DEQUANTIZE : B::QUANTIZE, {tensor}, {output});
    if (!real) set_type(output, type, parameters);
  }

  /// Joined operators whose result has other parameters than this input read it through a QUANTIZE.
  void requantize_where_asked(Tensor* tensor, AffineParameters p) {
    const std::vector<Node*> users = tensor->users;
    for (Node* user : users) {
      const QuantizationRule* rule = rule_of(user);
      if (rule == nullptr || rule->scales == Scales::free) continue;
      const AffineParameters wanted = parameters_.at(user->output());
      if (wanted == p || !reads_as_activation(user, tensor)) continue;
      Tensor* again = new_tensor(tensor, tensor->name + "_requantized");
      set_type(again, options_.activations, wanted);
      for (std::size_t i = 0; i < user->inputs().size(); ++i) {
        if (user->input(i) == tensor) graph_.set_input(user, i, again);
      }
      graph_.insert_before(user, B::QUANTIZE, {tensor}, {again});
    }
  }

  Model& model_;
  Graph& graph_;
  const QuantizeOptions& options_;
  Problems& problems_;
  std::unordered_set<const Node*> integer_nodes_;
  std::unordered_map<const Tensor*, AffineParameters> parameters_;
};

}  // namespace

bool quantize_integers(Model& model, const QuantizeOptions& options, Problems& problems) {
  return IntegerQuantizer(model, options, problems).run();
}

}  // namespace tfl::converter
