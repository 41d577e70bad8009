#pragma once
// Models of one node or a few, drawn from bytes: any ops, operands of any types and shapes, any options, subgraphs that call each other.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "draw.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/model/options.hpp"
#include "tfl/runtime/registry.hpp"

namespace tfl::fuzz {

/// The union tags of an operator's options table.
struct OptionsTag {
  schema::BuiltinOptions type = schema::BuiltinOptions::NONE;
  schema::BuiltinOptions2 type_2 = schema::BuiltinOptions2::NONE;
};

inline OptionsTag options_tag(BuiltinOperator code) {
  OptionsTag tag;
  const auto from = [&tag]<class Table>(std::type_identity<Table>) {
    if constexpr (!std::is_void_v<Table>)
      tag = {schema::BuiltinOptionsTraits<Table>::enum_value, schema::BuiltinOptions2Traits<Table>::enum_value};
  };
  switch (code) {
#define TFL_FUZZ_TAG(name, value) \
  case BuiltinOperator::name: from(std::type_identity<OptionsTable<BuiltinOperator::name>::type>{}); break;
    TFL_FOR_EACH_BUILTIN_OPERATOR(TFL_FUZZ_TAG)
#undef TFL_FUZZ_TAG
  }
  return tag;
}

class DrawnModel {
 public:
  DrawnModel(Draw& draw, std::span<const OpEntry> ops, bool one_node = false) : draw_(draw), ops_(ops), one_node_(one_node) {}

  std::vector<std::uint8_t> make() {
    const int subgraphs = draw_.one_in(8) && !one_node_ ? 2 + draw_.below(3) : 1;
    for (int g = 0; g < subgraphs; ++g) {
      builder_.begin_subgraph(std::string("g").append(std::to_string(g)));
      subgraph();
    }
    return builder_.finish();
  }
  /// Of all subgraphs. Requires make().
  int nodes() const { return nodes_; }
  bool holds_floats() const { return holds_floats_; }
  /// Draws numbers that are others each time, if it has no seeds.
  bool is_random() const { return is_random_; }

 private:
  void subgraph() {
    names_ = 0;
    given_.clear();
    all_.clear();
    std::vector<std::int32_t> outputs;
    for (int k = draw_.one_in(3) && !one_node_ ? 1 + draw_.below(5) : 1; k > 0; --k) {
      const std::vector<std::int32_t> own = node();
      outputs.insert(outputs.end(), own.begin(), own.end());
    }
    if (draw_.one_in(16) && !all_.empty()) given_.push_back(any_tensor());
    if (draw_.one_in(16) && !all_.empty()) outputs.push_back(any_tensor());
    builder_.set_inputs(given_);
    builder_.set_outputs(std::move(outputs));
  }
  std::int32_t any_tensor() {
    return all_[static_cast<std::size_t>(draw_.below(static_cast<int>(std::min(all_.size(), std::size_t{256}))))];
  }
  /// Its outputs.
  std::vector<std::int32_t> node() {
    ++nodes_;
    const OpEntry& op = ops_[draw_.word() % ops_.size()];
    if (names_ == 0 || draw_.one_in(4)) {
      type_ = draw_type();
      shape_ = draw_shape(draw_.one_in(3) ? 4 : draw_.below(6));
    }
    std::vector<std::int32_t> inputs, outputs;
    for (int k = count_of(op.inputs); k > 0; --k) inputs.push_back(input());
    for (int k = count_of(op.outputs); k > 0; --k) outputs.push_back(add(draw_.one_in(6) ? draw_type() : type_, shape_, false));
    is_random_ = is_random_ || op.name().find("andom") != std::string_view::npos || op.name().find("RANDOM") != std::string_view::npos ||
                 op.name() == "MULTINOMIAL" || op.name() == "Multinomial";
    OperatorSpec spec{.inputs = std::move(inputs), .outputs = outputs};
    if (op.code == BuiltinOperator::CUSTOM) {
      spec.opcode_index = builder_.find_operator_code(op.code, op.custom_name);
      for (int k = draw_.below(64); k > 0; --k) spec.custom_options.push_back(draw_.byte());
    } else {
      spec.opcode_index = builder_.find_operator_code(op.code, {}, draw_.one_in(3) ? 1 + draw_.below(8) : 1);
      spec.options = options(op.code);
    }
    builder_.add_operator(std::move(spec));
    return outputs;
  }
  int count_of(const Arity& arity) {
    const int most = arity.most == any_number ? arity.least + 3 : arity.most;
    return arity.least + (most > arity.least ? draw_.below(most - arity.least + 1) : 0);
  }
  TensorType draw_type() {
    using enum TensorType;
    if (draw_.one_in(10)) return static_cast<TensorType>(draw_.below(tensor_type_count));
    return draw_.of({float32, int8, uint8, int16, int32, int64, boolean, float16});
  }
  std::vector<std::int32_t> draw_shape(int rank) {
    std::vector<std::int32_t> shape;
    for (int k = 0; k < rank; ++k) shape.push_back(draw_.one_in(24) ? draw_.integer() : 1 + draw_.below(6));
    return shape;
  }
  /// The first operand's shape, something that may be broadcast to it, a short list, or anything.
  std::vector<std::int32_t> draw_related_shape() {
    std::vector<std::int32_t> shape = shape_;
    switch (draw_.below(9)) {
      case 0:
      case 6:
      case 7:
      case 8: return shape;
      case 1:
        for (std::int32_t& d : shape) d = draw_.one_in(2) ? 1 : d;
        return shape;
      case 2:
        for (std::int32_t& d : shape) d = draw_.one_in(2) ? 1 + draw_.below(5) : d;
        return shape;
      case 3: return {static_cast<std::int32_t>(shape.size())};
      case 4: return draw_shape(draw_.below(2));
      default: return draw_shape(draw_.below(6));
    }
  }
  QuantizationSpec draw_quantization(TensorType type, const std::vector<std::int32_t>& shape) {
    if (draw_.one_in(12)) return {};
    QuantizationSpec q;
    std::size_t channels = 1;
    if (!shape.empty() && draw_.one_in(8)) {
      q.quantized_dimension = draw_.below(static_cast<int>(shape.size()));
      channels = static_cast<std::size_t>(std::clamp(shape[static_cast<std::size_t>(q.quantized_dimension)], 1, 64));
    }
    for (std::size_t k = 0; k < channels; ++k) {
      q.scales.push_back(draw_.of({0.5f, 1.0f, 0.00390625f, 0.1f, 0.5f, 0.25f, 1.0f, 0.0078125f, 0.0f, 1e-30f, 1e30f}));
      q.zero_points.push_back(type == TensorType::int16 || draw_.one_in(2) ? 0 : draw_.below(256) - (type == TensorType::uint8 ? 0 : 128));
    }
    return q;
  }
  int add(TensorType type, std::vector<std::int32_t> shape, bool is_variable) {
    TensorSpec spec{
        .name = std::string("t").append(std::to_string(names_++)), .type = type, .shape = std::move(shape), .is_variable = is_variable};
    if (type == TensorType::int8 || type == TensorType::uint8 || type == TensorType::int16)
      spec.quantization = draw_quantization(type, spec.shape);
    return seen(type, builder_.add_tensor(std::move(spec)));
  }
  std::int32_t seen(TensorType type, std::int32_t tensor) {
    using enum TensorType;
    holds_floats_ =
        holds_floats_ || (bits_of(type) >= 8 && !is_quantized_integer(type) && type != int32 && type != int64 && type != boolean);
    all_.push_back(tensor);
    return tensor;
  }
  std::int32_t input() {
    if (draw_.one_in(24)) return -1;
    if (nodes_ > 1 && !all_.empty() && draw_.one_in(2)) return any_tensor();
    TensorType type = type_;
    if (draw_.one_in(4)) type = draw_.one_in(3) ? draw_type() : TensorType::int32;
    const bool is_first = names_ == 0;
    std::vector<std::int32_t> shape = is_first ? shape_ : draw_related_shape();
    if (is_first || draw_.one_in(2)) {
      given_.push_back(add(type, std::move(shape), false));
      return given_.back();
    }
    if (draw_.one_in(8)) return add(type, std::move(shape), true);
    return constant(type, std::move(shape));
  }
  std::int32_t constant(TensorType type, std::vector<std::int32_t> shape) {
    const std::int64_t count = Shape::from(shape).checked_count();
    if (count < 0 || count > 4096 || bits_of(type) == 0) return add(type, std::move(shape), false);
    const auto bytes = static_cast<std::size_t>(bytes_of(type, count));
    std::vector<std::uint8_t> data(bytes);
    if (type == TensorType::int32 || type == TensorType::int64) {
      const std::size_t width = type == TensorType::int32 ? 4 : 8;
      for (std::size_t at = 0; at < bytes; at += width) {
        const std::int64_t value = draw_.integer();
        std::memcpy(data.data() + at, &value, width);  // little endian
      }
    } else if (type == TensorType::float32) {
      for (std::size_t at = 0; at < bytes; at += 4) {
        const float value = static_cast<float>(draw_.below(33) - 16) / 4;
        std::memcpy(data.data() + at, &value, 4);
      }
    } else {
      for (std::uint8_t& b : data) b = draw_.byte();
    }
    TensorSpec spec{.name = std::string("c").append(std::to_string(names_++)), .type = type, .shape = std::move(shape)};
    if (type == TensorType::int8 || type == TensorType::uint8 || type == TensorType::int16)
      spec.quantization = draw_quantization(type, spec.shape);
    return seen(type, builder_.add_constant(std::move(spec), data));
  }

  /// A table of the operator's own kind with scalars in its first fields: narrower fields read the low bytes. Lists that a field may be
  /// instead lead out of the file now and then, which the verifier finds.
  OperatorOptions options(BuiltinOperator code) {
    const OptionsTag tag = options_tag(code);
    if ((tag.type == schema::BuiltinOptions::NONE && tag.type_2 == schema::BuiltinOptions2::NONE) || draw_.one_in(24)) return {};
    auto& t = builder_.tables();
    std::vector<std::int32_t> values;
    for (int k = draw_.below(10); k > 0; --k) values.push_back(draw_.integer());
    const auto start = t.StartTable();
    for (std::size_t k = 0; k < values.size(); ++k) {
      const auto field = static_cast<flatbuffers::voffset_t>(4 + 2 * k);
      // Fields of floats get one; the smallest integers are small floats, too.
      if (draw_.one_in(8)) {
        t.AddElement<float>(field, static_cast<float>(values[k]) / 2, -0.0f);
      } else if (values[k] != 0) {
        t.AddElement<std::int32_t>(field, values[k], 0);
      }
    }
    const flatbuffers::Offset<void> table(t.EndTable(start));
    if (tag.type != schema::BuiltinOptions::NONE) return {.type = tag.type, .table = table};
    return {.type_2 = tag.type_2, .table_2 = table};
  }

  Draw& draw_;
  std::span<const OpEntry> ops_;
  bool one_node_;
  ModelBuilder builder_;
  TensorType type_ = TensorType::float32;
  std::vector<std::int32_t> shape_, given_, all_;  // all_: tensors of the subgraph
  int names_ = 0, nodes_ = 0;
  bool holds_floats_ = false, is_random_ = false;
};

}  // namespace tfl::fuzz
