// needs: exceptions
#include "tools/converter/import/tensorflow/messages.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <fstream>
#include <limits>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/tensorflow/call.hpp"

namespace tfl::converter {
namespace {

namespace pb = tensorflow;

std::int64_t count_of(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int32_t d : shape) {
    if (d < 0 || (d != 0 && count > (std::int64_t{1} << 33) / d))
      throw ImportError("a constant of the shape " + text_of(shape) + " is too large");
    count *= d;
  }
  return count;
}

/// Values that are given one by one; the last one stands for all that follow it.
template <class T, class List> std::vector<T> repeated(const List& list, std::int64_t count) {
  if (list.size() > count) throw ImportError("a constant has more elements than its shape");
  std::vector<T> values(list.begin(), list.end());
  values.resize(static_cast<std::size_t>(count), values.empty() ? T{} : values.back());
  return values;
}

/// Where a text ends being one of the expected format.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int, const std::string& message) override {
    if (text_.empty()) text_ = " (line " + std::to_string(line + 1) + ": " + message + ")";
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

void parse_tensorflow_file(const std::string& path, google::protobuf::Message& message) {
  // What is wrong is said in a sentence of ours.
  const google::protobuf::LogSilencer silent;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ImportError(path + " can't be read");
  google::protobuf::io::IstreamInputStream stream(&file);
  if (path.ends_with(".pbtxt")) {
    FirstError error;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&error);
    parser.AllowUnknownField(true);
    parser.SetRecursionLimit(100);
    if (!parser.Parse(&stream, &message)) throw ImportError(path + " is no text of the expected format, or it is cut off" + error.text());
    return;
  }
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
  if (!message.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    throw ImportError(path + " is not of the expected format, or it is cut off");
}

Shape shape_of(const pb::TensorShapeProto& proto) {
  Shape shape;
  for (const auto& dim : proto.dim()) shape.push_back(dim.size() < 0 ? -1 : checked_dim(dim.size()));
  return shape;
}

Literal literal_of_proto(const pb::TensorProto& proto) {
  const TensorType type = tf_type(proto.dtype());
  const Shape shape = shape_of(proto.tensor_shape());
  const std::int64_t count = count_of(shape);
  if (!proto.tensor_content().empty()) {
    const std::string& raw = proto.tensor_content();
    if (raw.size() != static_cast<std::size_t>(count) * element_bytes(type))
      throw ImportError("a constant of the shape " + text_of(shape) + " holds " + std::to_string(raw.size()) + " bytes");
    return {type, shape, std::make_shared<const Bytes>(raw.begin(), raw.end())};
  }
  // One value may stand for millions: the file's size says nothing about them.
  if (count > (1 << 28)) throw ImportError("a constant of the shape " + text_of(shape) + " is too large");
  switch (type) {
    case TensorType::float32: return literal_of(type, shape, repeated<float>(proto.float_val(), count));
    case TensorType::float64: return literal_of(type, shape, repeated<float>(proto.double_val(), count));
    case TensorType::int64: return literal_of(type, shape, repeated<std::int64_t>(proto.int64_val(), count));
    case TensorType::boolean: return literal_of(type, shape, repeated<std::int64_t>(proto.bool_val(), count));
    case TensorType::float16:
    case TensorType::bfloat16:
      return {type, shape, make_data(std::span<const std::uint16_t>(repeated<std::uint16_t>(proto.half_val(), count)))};
    default: return literal_of(type, shape, repeated<std::int64_t>(proto.int_val(), count));
  }
}

Literal computed(const Literal& value) {
  if (value.type != TensorType::float16 && value.type != TensorType::bfloat16 && value.type != TensorType::float64) return value;
  Tensor tensor;
  tensor.type = value.type;
  tensor.shape = value.shape;
  tensor.data = value.data;
  return literal_of(TensorType::float32, value.shape, floats_of(tensor));
}

Attributes attributes_of(const google::protobuf::Map<std::string, pb::AttrValue>& map) {
  Attributes result;
  for (const auto& [name, value] : map) {
    switch (value.value_case()) {
      case pb::AttrValue::kS: result.set(name, Attribute(value.s())); break;
      case pb::AttrValue::kI: result.set(name, Attribute(std::int64_t{value.i()})); break;
      case pb::AttrValue::kF: result.set(name, Attribute(static_cast<double>(value.f()))); break;
      case pb::AttrValue::kB: result.set(name, Attribute(value.b())); break;
      case pb::AttrValue::kType: result.set(name, Attribute(static_cast<std::int64_t>(value.type()))); break;
      case pb::AttrValue::kFunc: result.set(name, Attribute(value.func().name())); break;
      case pb::AttrValue::kList:
        if (value.list().f_size() > 0) {
          result.set(name, Attribute(std::vector<double>(value.list().f().begin(), value.list().f().end())));
        } else {
          result.set(name, Attribute(std::vector<std::int64_t>(value.list().i().begin(), value.list().i().end())));
        }
        break;
      default: break;
    }
  }
  return result;
}

}  // namespace tfl::converter
