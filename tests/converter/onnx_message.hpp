#pragma once
// ONNX files written field by field.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tfl::converter::test {

/// A message of protocol buffers.
class Message {
 public:
  Message& number(int field, std::uint64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(value);
    return *this;
  }
  Message& real(int field, float value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 5);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Message& text(int field, std::string_view value) {
    header(field, value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& inner) { return text(field, inner.bytes_); }
  /// Only what stands before a value of so many bytes.
  Message& header(int field, std::uint64_t size) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(size);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value > 127; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

enum OnnxType : std::uint64_t { onnx_float = 1, onnx_uint8 = 2, onnx_int64 = 7, onnx_bool = 9 };

/// An input or output of a graph.
inline Message onnx_value(std::string_view name, std::span<const std::uint64_t> dims, OnnxType element = onnx_float) {
  Message shape, tensor, type;
  for (const std::uint64_t d : dims) shape.message(1, Message().number(1, d));
  tensor.number(1, element).message(2, shape);
  type.message(1, tensor);
  return Message().text(1, name).message(2, type);
}
inline Message onnx_value(std::string_view name, std::initializer_list<std::uint64_t> dims, OnnxType element = onnx_float) {
  return onnx_value(name, std::span(dims.begin(), dims.size()), element);
}

template <class T>
Message onnx_tensor(std::string_view name, std::initializer_list<std::uint64_t> dims, OnnxType element, const std::vector<T>& values) {
  Message result;
  for (const std::uint64_t d : dims) result.number(1, d);
  return result.number(2, element).text(8, name).text(9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

inline Message onnx_integers(std::string_view name, const std::vector<std::int64_t>& values) {
  Message result;
  result.text(1, name);
  for (const std::int64_t v : values) result.number(8, static_cast<std::uint64_t>(v));
  return result.number(20, 7);
}
inline Message onnx_integer(std::string_view name, std::int64_t value) {
  return Message().text(1, name).number(3, static_cast<std::uint64_t>(value)).number(20, 2);
}
inline Message onnx_real(std::string_view name, float value) { return Message().text(1, name).real(2, value).number(20, 1); }
inline Message onnx_text(std::string_view name, std::string_view value) { return Message().text(1, name).text(4, value).number(20, 3); }
inline Message onnx_graph(std::string_view name, const Message& graph) { return Message().text(1, name).message(6, graph).number(20, 5); }

inline Message onnx_node(std::string_view op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                         const std::vector<Message>& attributes = {}) {
  Message result;
  for (const std::string& input : inputs) result.text(1, input);
  for (const std::string& output : outputs) result.text(2, output);
  result.text(4, op);
  for (const Message& attribute : attributes) result.message(5, attribute);
  return result;
}

/// The model around a graph.
inline Message onnx_model(const Message& graph, std::uint64_t opset = 13) {
  return Message().number(1, 8).message(8, Message().number(2, opset)).message(7, graph);
}

}  // namespace tfl::converter::test
