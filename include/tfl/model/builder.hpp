#pragma once
// Writes .tflite files.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tfl/core/builtin_operator.hpp"
#include "tfl/core/status.hpp"
#include "tfl/core/type.hpp"
#include "tfl/model/schema.hpp"

namespace tfl {

/// Affine quantization of a tensor: real = scale * (integer - zero_point). One scale, or one for each index of `quantized_dimension`.
/// The table is written when any of the vectors or `details` is given.
struct QuantizationSpec {
  std::vector<float> scales{};
  std::vector<std::int64_t> zero_points{};
  std::int32_t quantized_dimension = 0;
  std::vector<float> min{};
  std::vector<float> max{};
  schema::QuantizationDetails details_type = schema::QuantizationDetails::NONE;
  flatbuffers::Offset<void> details{};  // made in ModelBuilder::tables()
};

/// What is written of a tensor. Nothing is checked.
struct TensorSpec {
  std::string name{};
  TensorType type = TensorType::none;  // add_constant takes the element type of its values where this is none
  std::vector<std::int32_t> shape{};   // empty: a scalar
  QuantizationSpec quantization{};
  bool is_variable = false;
  std::vector<std::int32_t> shape_signature{};  // as shape, with -1 for what may change; empty: not written
  std::uint32_t buffer = 0;                     // 0: no constant data; set by add_constant
  bool has_rank = false;
  flatbuffers::Offset<schema::SparsityParameters> sparsity{};  // made in ModelBuilder::tables()
};

/// The options table of an operator; of the two unions of the format, one or none is used by well-formed models.
struct OperatorOptions {
  schema::BuiltinOptions type = schema::BuiltinOptions::NONE;
  flatbuffers::Offset<void> table{};
  schema::BuiltinOptions2 type_2 = schema::BuiltinOptions2::NONE;
  flatbuffers::Offset<void> table_2{};
};

/// What is written of an operator. Nothing is checked. -1 as an input stands for an optional one that is absent.
struct OperatorSpec {
  std::uint32_t opcode_index = 0;  // of add_operator_code or find_operator_code
  std::vector<std::int32_t> inputs{};
  std::vector<std::int32_t> outputs{};
  OperatorOptions options{};
  std::vector<std::uint8_t> custom_options{};
  std::vector<std::int32_t> intermediates{};
  std::vector<std::uint8_t> mutating_variable_inputs{};  // one flag an input
  std::uint64_t large_custom_options_offset = 0;         // from the start of the file, for options that lie behind the tables
  std::uint64_t large_custom_options_size = 0;
};

/// The name that a signature gives to a tensor of its subgraph.
struct NamedTensor {
  std::string name{};
  std::uint32_t tensor = 0;
};

namespace detail {
template <class T> inline constexpr bool is_flatbuffers_offset = false;
template <class T> inline constexpr bool is_flatbuffers_offset<flatbuffers::Offset<T>> = true;
}  // namespace detail

/// A callable that makes an options table: [](flatbuffers::FlatBufferBuilder& tables) { return schema::CreateConv2DOptions(tables, ...); }
template <class F>
concept OptionsMaker = std::is_invocable_v<F, flatbuffers::FlatBufferBuilder&> &&
    detail::is_flatbuffers_offset<std::invoke_result_t<F, flatbuffers::FlatBufferBuilder&>>;

/// Builds a model in memory, part by part, and writes it as .tflite bytes.
///
/// Tensors and operators go to the current subgraph: the last begun one, or "main", made when the first is needed. Tensor numbers count
/// from 0 in each subgraph. The same calls give the same bytes. It does not validate, so that wrong models can be written as well.
/// All data together must stay below 2 GiB, the limit of the format's offsets.
///
///     ModelBuilder builder;
///     const int x = builder.add_tensor({"x", TensorType::float32, {1, 4}});
///     const int y = builder.add_tensor({"y", TensorType::float32, {1, 4}});
///     builder.add_operator(BuiltinOperator::RELU, {x}, {y});
///     builder.set_inputs({x});
///     builder.set_outputs({y});
///     const std::vector<std::uint8_t> bytes = builder.finish();
class ModelBuilder {
 public:
  ModelBuilder() { reset(); }

  /// Sets room aside for a model of about so many bytes, so that constants don't move while others are added. Requires an empty builder.
  void reserve(std::size_t bytes) { tables_ = std::make_unique<flatbuffers::FlatBufferBuilder>(bytes); }

  // ---- subgraphs

  /// Starts a subgraph and makes it the current one. Returns its number.
  int begin_subgraph(std::string name) {
    subgraphs_.push_back({.name = std::move(name)});
    current_ = subgraphs_.size() - 1;
    return static_cast<int>(current_);
  }

  /// Goes back to a subgraph that was begun before. Requires a number that begin_subgraph returned.
  void select_subgraph(int subgraph) { current_ = static_cast<std::size_t>(subgraph); }

  void set_inputs(std::vector<std::int32_t> tensors) { current().inputs = std::move(tensors); }
  void set_outputs(std::vector<std::int32_t> tensors) { current().outputs = std::move(tensors); }

  // ---- tensors

  /// Adds a tensor. Returns its number in the current subgraph.
  int add_tensor(TensorSpec spec) {
    current().tensors.push_back(std::move(spec));
    return static_cast<int>(current().tensors.size()) - 1;
  }

  /// Adds a tensor that holds `values` (copied; equal bytes share one buffer). Sub-byte types are given packed, as bytes.
  template <std::ranges::contiguous_range Values>
  requires std::is_trivially_copyable_v<std::ranges::range_value_t<Values>>
  int add_constant(TensorSpec spec, const Values& values) {
    using T = std::ranges::range_value_t<Values>;
    if (spec.type == TensorType::none) spec.type = tensor_type_of<T>;
    spec.buffer = add_buffer(bytes_of_range(std::span<const T>(std::ranges::data(values), std::ranges::size(values))));
    return add_tensor(std::move(spec));
  }
  template <class T> int add_constant(TensorSpec spec, std::initializer_list<T> values) {
    return add_constant(std::move(spec), std::span<const T>(values.begin(), values.size()));
  }

  /// Adds a constant of type string: int32 count, count + 1 int32 offsets from the start of the data, then the characters.
  int add_string_constant(TensorSpec spec, std::span<const std::string> values) {
    std::vector<std::uint8_t> data;
    const auto put = [&data](std::size_t value) {
      for (int shift = 0; shift < 32; shift += 8) data.push_back(static_cast<std::uint8_t>(value >> shift));
    };
    put(values.size());
    std::size_t offset = 4 * (values.size() + 2);
    put(offset);
    for (const std::string& value : values) put(offset += value.size());
    for (const std::string& value : values) data.insert(data.end(), value.begin(), value.end());
    if (spec.type == TensorType::none) spec.type = TensorType::string;
    return add_constant(std::move(spec), data);
  }

  // ---- buffers

  /// Adds constant data, aligned to 16 bytes in the file. Returns its buffer number; equal data are written once.
  std::uint32_t add_buffer(std::span<const std::uint8_t> data) {
    const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
    const auto [first, last] = buffers_by_hash_.equal_range(std::hash<std::string_view>{}(text));
    for (auto entry = first; entry != last; ++entry) {
      if (written_data(buffers_[entry->second]) == text) return entry->second;
    }
    tables_->ForceVectorAlignment(data.size(), 1, 16);
    // flatbuffers wants a valid pointer for an empty vector as well.
    const std::uint8_t nothing = 0;
    const auto vector = tables_->CreateVector(data.empty() ? &nothing : data.data(), data.size());
    buffers_.push_back({.data = vector, .bytes = data.size()});
    const auto number = static_cast<std::uint32_t>(buffers_.size() - 1);
    buffers_by_hash_.emplace(std::hash<std::string_view>{}(text), number);
    return number;
  }

  /// Adds a buffer whose data lie outside the tables, `offset` bytes from the start of the file. Returns its number.
  std::uint32_t add_outside_buffer(std::uint64_t offset, std::uint64_t size) {
    buffers_.push_back({.offset = offset, .size = size});
    return static_cast<std::uint32_t>(buffers_.size() - 1);
  }

  // ---- operators

  /// The number of the operator code (code, custom name, version), added where it is new.
  std::uint32_t find_operator_code(BuiltinOperator code, std::string_view custom_name = {}, std::int32_t version = 1) {
    const auto value = static_cast<std::int32_t>(code);
    // Old readers know only the 8-bit field; 127 tells them to look at the newer one.
    const auto deprecated = static_cast<std::int8_t>(std::min(value, 127));
    for (std::size_t i = 0; i < codes_.size(); ++i) {
      if (codes_[i] == OperatorCode{value, deprecated, std::string(custom_name), version}) return static_cast<std::uint32_t>(i);
    }
    return add_operator_code(value, deprecated, custom_name, version);
  }

  /// Adds an operator code field by field, equal ones too. Returns its number.
  std::uint32_t add_operator_code(std::int32_t builtin_code, std::int8_t deprecated_builtin_code, std::string_view custom_name,
                                  std::int32_t version) {
    codes_.push_back({builtin_code, deprecated_builtin_code, std::string(custom_name), version});
    return static_cast<std::uint32_t>(codes_.size() - 1);
  }

  /// Adds an operator field by field. Returns its number in the current subgraph. Operators run in the order in which they are added.
  int add_operator(OperatorSpec spec) {
    current().operators.push_back(std::move(spec));
    return static_cast<int>(current().operators.size()) - 1;
  }

  /// Adds a builtin operator without an options table.
  int add_operator(BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, std::int32_t version = 1) {
    return add_operator(code, std::move(inputs), std::move(outputs), OperatorOptions{}, version);
  }

  /// Adds a builtin operator; `intermediates` are the tensors that hold the inner quantizations of an integer LSTM.
  int add_operator(BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, OperatorOptions options,
                   std::int32_t version = 1, std::vector<std::int32_t> intermediates = {}) {
    return add_operator({.opcode_index = find_operator_code(code, {}, version),
                         .inputs = std::move(inputs),
                         .outputs = std::move(outputs),
                         .options = options,
                         .intermediates = std::move(intermediates)});
  }

  /// The same, with a callable that makes the options table; the table's type picks the union and its tag.
  template <OptionsMaker Make>
  int add_operator(BuiltinOperator code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, Make&& make_options,
                   std::int32_t version = 1, std::vector<std::int32_t> intermediates = {}) {
    return add_operator(code, std::move(inputs), std::move(outputs), options(make_options(*tables_)), version, std::move(intermediates));
  }

  /// Adds a custom operator; `custom_options` is what its kernel reads, often a flexbuffer.
  int add_custom_operator(std::string_view name, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs,
                          std::span<const std::uint8_t> custom_options = {}, std::int32_t version = 1) {
    return add_operator({.opcode_index = find_operator_code(BuiltinOperator::CUSTOM, name, version),
                         .inputs = std::move(inputs),
                         .outputs = std::move(outputs),
                         .custom_options = {custom_options.begin(), custom_options.end()}});
  }

  /// The options of a table that was made in tables().
  template <class Table> static OperatorOptions options(flatbuffers::Offset<Table> table) {
    constexpr auto type = schema::BuiltinOptionsTraits<Table>::enum_value;
    constexpr auto type_2 = schema::BuiltinOptions2Traits<Table>::enum_value;
    static_assert(type != schema::BuiltinOptions::NONE || type_2 != schema::BuiltinOptions2::NONE, "not an options table of an operator");
    if constexpr (type != schema::BuiltinOptions::NONE) return {.type = type, .table = table.Union()};
    return {.type_2 = type_2, .table_2 = table.Union()};
  }

  /// The options that a generated function makes: options(schema::CreateSoftmaxOptions, 1.0f). All its arguments must be given.
  template <class Table, class... Parameters, class... Arguments>
  OperatorOptions options(flatbuffers::Offset<Table> (*create)(flatbuffers::FlatBufferBuilder&, Parameters...), Arguments... arguments) {
    return options(create(*tables_, static_cast<Parameters>(arguments)...));
  }

  // ---- the model

  /// Names the inputs and outputs of a subgraph for callers: "serving_default".
  void add_signature(std::string key, std::vector<NamedTensor> inputs, std::vector<NamedTensor> outputs, int subgraph = 0) {
    signatures_.push_back({std::move(key), std::move(inputs), std::move(outputs), static_cast<std::uint32_t>(subgraph)});
  }

  void add_metadata(std::string name, std::span<const std::uint8_t> data) { metadata_.push_back({std::move(name), add_buffer(data)}); }
  void add_metadata(std::string name, std::string_view text) { add_metadata(std::move(name), bytes_of_range(std::span(text))); }

  void set_description(std::string text) { description_ = std::move(text); }
  void set_version(std::uint32_t version) { version_ = version; }

  /// Where tables of options, sparsity and quantization details are made. Valid until finish.
  flatbuffers::FlatBufferBuilder& tables() { return *tables_; }

  /// The bytes of the model, with the file identifier TFL3. The builder is empty afterwards, ready for another model.
  std::vector<std::uint8_t> finish() {
    std::vector<flatbuffers::Offset<schema::OperatorCode>> codes;
    for (const OperatorCode& code : codes_) {
      const auto name = optional_string(code.custom_name);
      codes.push_back(schema::CreateOperatorCode(*tables_, code.deprecated_builtin_code, name, code.version,
                                                 static_cast<schema::BuiltinOperator>(code.builtin_code)));
    }
    std::vector<flatbuffers::Offset<schema::SubGraph>> subgraphs;
    for (const Subgraph& subgraph : subgraphs_) subgraphs.push_back(write(subgraph));
    std::vector<flatbuffers::Offset<schema::Buffer>> buffers;
    for (const Buffer& buffer : buffers_) buffers.push_back(schema::CreateBuffer(*tables_, buffer.data, buffer.offset, buffer.size));
    std::vector<flatbuffers::Offset<schema::Metadata>> metadata;
    for (const Metadata& entry : metadata_) {
      metadata.push_back(schema::CreateMetadata(*tables_, tables_->CreateString(entry.name), entry.buffer));
    }
    std::vector<flatbuffers::Offset<schema::SignatureDef>> signatures;
    for (const Signature& signature : signatures_) signatures.push_back(write(signature));

    const auto codes_vector = tables_->CreateVector(codes);
    const auto subgraphs_vector = tables_->CreateVector(subgraphs);
    const auto description = optional_string(description_);
    const auto buffers_vector = tables_->CreateVector(buffers);
    const auto metadata_vector = optional_vector(metadata);
    const auto signatures_vector = optional_vector(signatures);
    schema::FinishModelBuffer(*tables_, schema::CreateModel(*tables_, version_, codes_vector, subgraphs_vector, description, buffers_vector,
                                                            0, metadata_vector, signatures_vector));
    std::vector<std::uint8_t> bytes(tables_->GetBufferPointer(), tables_->GetBufferPointer() + tables_->GetSize());
    reset();
    return bytes;
  }

  /// Writes bytes to a file, replacing it. Fails when the file can't be opened or written in full.
  static Result<void> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) return Error(ErrorCode::io) << "cannot open " << path << " for writing";
    const bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if (std::fclose(file) == 0 && written) return {};
    return Error(ErrorCode::io) << "cannot write " << bytes.size() << " bytes to " << path;
  }

 private:
  struct Subgraph {
    std::string name{};
    std::vector<TensorSpec> tensors{};
    std::vector<std::int32_t> inputs{};
    std::vector<std::int32_t> outputs{};
    std::vector<OperatorSpec> operators{};
  };
  struct OperatorCode {
    std::int32_t builtin_code = 0;
    std::int8_t deprecated_builtin_code = 0;
    std::string custom_name{};
    std::int32_t version = 1;
    bool operator==(const OperatorCode&) const = default;
  };
  struct Buffer {
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> data{};
    std::size_t bytes = 0;  // of data
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  struct Metadata {
    std::string name{};
    std::uint32_t buffer = 0;
  };
  struct Signature {
    std::string key{};
    std::vector<NamedTensor> inputs{};
    std::vector<NamedTensor> outputs{};
    std::uint32_t subgraph = 0;
  };

  template <class T, std::size_t Extent> static std::span<const std::uint8_t> bytes_of_range(std::span<const T, Extent> values) {
    return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
  }

  Subgraph& current() {
    if (subgraphs_.empty()) begin_subgraph("main");
    return subgraphs_[current_];
  }

  void reset() {
    tables_ = std::make_unique<flatbuffers::FlatBufferBuilder>();
    subgraphs_.clear();
    current_ = 0;
    codes_.clear();
    buffers_.assign(1, {});  // buffer 0 stands for "no data"
    buffers_by_hash_.clear();
    vectors_.clear();
    metadata_.clear();
    signatures_.clear();
    description_.clear();
    version_ = 3;
  }

  /// The data of a buffer, where flatbuffers keeps them; moves with the next table that is made.
  std::string_view written_data(const Buffer& buffer) const {
    const std::uint8_t* vector = tables_->GetCurrentBufferPointer() + tables_->GetSize() - buffer.data.o;
    return {reinterpret_cast<const char*>(vector + sizeof(flatbuffers::uoffset_t)), buffer.bytes};
  }

  flatbuffers::Offset<flatbuffers::String> optional_string(const std::string& text) {
    return text.empty() ? flatbuffers::Offset<flatbuffers::String>() : tables_->CreateString(text);
  }
  template <class T> flatbuffers::Offset<flatbuffers::Vector<T>> optional_vector(const std::vector<T>& values) {
    if (values.empty()) return {};
    if constexpr (std::is_arithmetic_v<T>)
      return shared_vector(values);
    else
      return tables_->CreateVector(values);
  }
  /// Numbers that many tables repeat (shapes, scales, lists of tensors) are written once.
  template <class T> flatbuffers::Offset<flatbuffers::Vector<T>> shared_vector(const std::vector<T>& values) {
    const auto bytes = bytes_of_range(std::span<const T>(values));
    std::string key(bytes.begin(), bytes.end());
    key += static_cast<char>(sizeof(T));
    const auto [known, is_new] = vectors_.try_emplace(std::move(key), 0);
    if (is_new) known->second = tables_->CreateVector(values).o;
    return known->second;
  }

  flatbuffers::Offset<schema::QuantizationParameters> write(const QuantizationSpec& spec) {
    if (spec.scales.empty() && spec.zero_points.empty() && spec.min.empty() && spec.max.empty() && spec.details.IsNull()) return {};
    const auto min = optional_vector(spec.min);
    const auto max = optional_vector(spec.max);
    const auto scales = optional_vector(spec.scales);
    const auto zero_points = optional_vector(spec.zero_points);
    return schema::CreateQuantizationParameters(*tables_, min, max, scales, zero_points, spec.details_type, spec.details,
                                                spec.quantized_dimension);
  }

  flatbuffers::Offset<schema::Tensor> write(const TensorSpec& spec) {
    const auto shape = shared_vector(spec.shape);
    const auto name = tables_->CreateString(spec.name);
    const auto quantization = write(spec.quantization);
    const auto signature = optional_vector(spec.shape_signature);
    return schema::CreateTensor(*tables_, shape, static_cast<schema::TensorType>(spec.type), spec.buffer, name, quantization,
                                spec.is_variable, spec.sparsity, signature, spec.has_rank);
  }

  flatbuffers::Offset<schema::Operator> write(const OperatorSpec& spec) {
    const auto inputs = shared_vector(spec.inputs);
    const auto outputs = shared_vector(spec.outputs);
    const auto custom_options = optional_vector(spec.custom_options);
    const auto mutating = optional_vector(spec.mutating_variable_inputs);
    const auto intermediates = optional_vector(spec.intermediates);
    return schema::CreateOperator(*tables_, spec.opcode_index, inputs, outputs, spec.options.type, spec.options.table, custom_options,
                                  schema::CustomOptionsFormat::FLEXBUFFERS, mutating, intermediates, spec.large_custom_options_offset,
                                  spec.large_custom_options_size, spec.options.type_2, spec.options.table_2);
  }

  flatbuffers::Offset<schema::SubGraph> write(const Subgraph& subgraph) {
    std::vector<flatbuffers::Offset<schema::Tensor>> tensors;
    for (const TensorSpec& tensor : subgraph.tensors) tensors.push_back(write(tensor));
    std::vector<flatbuffers::Offset<schema::Operator>> operators;
    for (const OperatorSpec& spec : subgraph.operators) operators.push_back(write(spec));
    const auto tensors_vector = tables_->CreateVector(tensors);
    const auto inputs = tables_->CreateVector(subgraph.inputs);
    const auto outputs = tables_->CreateVector(subgraph.outputs);
    const auto operators_vector = tables_->CreateVector(operators);
    const auto name = optional_string(subgraph.name);
    return schema::CreateSubGraph(*tables_, tensors_vector, inputs, outputs, operators_vector, name);
  }

  flatbuffers::Offset<schema::SignatureDef> write(const Signature& signature) {
    const auto maps = [this](const std::vector<NamedTensor>& entries) {
      std::vector<flatbuffers::Offset<schema::TensorMap>> written;
      for (const NamedTensor& entry : entries) {
        written.push_back(schema::CreateTensorMap(*tables_, tables_->CreateString(entry.name), entry.tensor));
      }
      return tables_->CreateVector(written);
    };
    const auto inputs = maps(signature.inputs);
    const auto outputs = maps(signature.outputs);
    const auto key = tables_->CreateString(signature.key);
    return schema::CreateSignatureDef(*tables_, inputs, outputs, key, signature.subgraph);
  }

  std::unique_ptr<flatbuffers::FlatBufferBuilder> tables_{};
  std::vector<Subgraph> subgraphs_{};
  std::size_t current_ = 0;
  std::vector<OperatorCode> codes_{};
  std::vector<Buffer> buffers_{};
  std::unordered_multimap<std::size_t, std::uint32_t> buffers_by_hash_{};
  std::unordered_map<std::string, flatbuffers::uoffset_t> vectors_{};  // by bytes and the size of an element
  std::vector<Metadata> metadata_{};
  std::vector<Signature> signatures_{};
  std::string description_{};
  std::uint32_t version_ = 3;
};

}  // namespace tfl
