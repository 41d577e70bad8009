// needs: exceptions
#include "tools/converter/import/onnx/tensors.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tools/converter/import/emitter.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/onnx.pb.h"

namespace tfl::converter {

namespace {

Shape shape_of(const google::protobuf::RepeatedField<std::int64_t>& dims) {
  Shape shape;
  for (const std::int64_t d : dims) shape.push_back(checked_dim(d));
  return shape;
}

/// Data in the fields for each type.
Literal typed_data(const onnx::TensorProto& proto, Literal result, std::uint64_t count) {
  const auto want = [&](int size) {
    if (static_cast<std::uint64_t>(size) != count)
      throw ImportError("it holds " + std::to_string(size) + " elements, its shape " + text_of(result.shape) + " needs " +
                        std::to_string(count));
  };
  if (result.type == TensorType::float32) {
    want(proto.float_data_size());
    return literal_of(result.type, result.shape, std::vector<float>(proto.float_data().begin(), proto.float_data().end()));
  }
  if (result.type == TensorType::float64) {
    want(proto.double_data_size());
    std::vector<float> values;
    for (const double v : proto.double_data()) values.push_back(static_cast<float>(v));
    return literal_of(TensorType::float32, result.shape, values);
  }
  if (result.type == TensorType::int64) {
    want(proto.int64_data_size());
    return literal_of(result.type, result.shape, std::vector<std::int64_t>(proto.int64_data().begin(), proto.int64_data().end()));
  }
  if (result.type == TensorType::float16 || result.type == TensorType::bfloat16) {
    want(proto.int32_data_size());
    std::vector<std::uint16_t> bits;
    for (const std::int32_t v : proto.int32_data()) bits.push_back(static_cast<std::uint16_t>(v));
    Tensor narrow;
    narrow.type = result.type;
    narrow.data = make_data(std::span<const std::uint16_t>(bits));
    return literal_of(TensorType::float32, result.shape, floats_of(narrow));
  }
  want(proto.int32_data_size());
  return literal_of(result.type, result.shape, std::vector<std::int64_t>(proto.int32_data().begin(), proto.int32_data().end()));
}

/// Bytes of another file, which must lie in the model's folder.
Bytes external_data(const onnx::TensorProto& proto, const std::string& model_path, std::uint64_t wanted) {
  namespace fs = std::filesystem;
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = std::strtoull(entry.value().c_str(), nullptr, 10);
    if (entry.key() == "length") length = std::strtoull(entry.value().c_str(), nullptr, 10);
  }
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(fs::absolute(model_path, error).parent_path(), error);
  const fs::path file = fs::weakly_canonical(folder / fs::path(location), error);
  const auto [end, inside] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  if (error || location.empty() || fs::path(location).is_absolute() || end != folder.end() || !fs::is_regular_file(file, error)) {
    throw ImportError("its data lie in '" + location + "', which is no file in the model's folder");
  }
  const std::uintmax_t size = fs::file_size(file, error);
  if (error || length.value_or(wanted) != wanted || offset > size || wanted > size - offset) {
    throw ImportError("its data, " + std::to_string(wanted) + " bytes from " + std::to_string(offset) + " of '" + location +
                      "', are not all there");
  }
  Bytes bytes(wanted);
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(wanted));
  if (!stream) throw ImportError("'" + location + "' can't be read");
  return bytes;
}

}  // namespace

TensorType onnx_type(int number) {
  switch (number) {
    case 1: return TensorType::float32;
    case 2: return TensorType::uint8;
    case 3: return TensorType::int8;
    case 4: return TensorType::uint16;
    case 5: return TensorType::int16;
    case 6: return TensorType::int32;
    case 7: return TensorType::int64;
    case 9: return TensorType::boolean;
    case 10: return TensorType::float16;
    case 11: return TensorType::float64;
    case 12: return TensorType::uint32;
    case 13: return TensorType::uint64;
    case 16: return TensorType::bfloat16;
    default: return TensorType::none;
  }
}

TensorType onnx_computed_type(TensorType type) {
  return type == TensorType::float16 || type == TensorType::bfloat16 || type == TensorType::float64 ? TensorType::float32 : type;
}

Literal onnx_literal(onnx::TensorProto& proto, const std::string& model_path) {
  const TensorType type = onnx_type(proto.data_type());
  if (type == TensorType::none) throw ImportError("tensors of the type number " + std::to_string(proto.data_type()) + " are not supported");
  Literal result{type, shape_of(proto.dims())};
  std::uint64_t count = 1;
  for (const std::int32_t d : result.shape) {
    if (d != 0 && count > (std::uint64_t{1} << 36) / static_cast<std::uint64_t>(d))
      throw ImportError("a tensor of the shape " + text_of(result.shape) + " is too large");
    count *= static_cast<std::uint64_t>(d);
  }
  const std::uint64_t wanted = count * element_bytes(type);
  Bytes bytes;
  if (proto.data_location() == 1) {
    bytes = external_data(proto, model_path, wanted);
  } else if (!proto.raw_data().empty() || count == 0) {
    const std::string& raw = proto.raw_data();
    if (raw.size() != wanted)
      throw ImportError("it holds " + std::to_string(raw.size()) + " bytes, its shape " + text_of(result.shape) + " needs " +
                        std::to_string(wanted));
    bytes.assign(raw.begin(), raw.end());
    std::string().swap(*proto.mutable_raw_data());
  } else {
    return typed_data(proto, std::move(result), count);
  }
  result.data = std::make_shared<const Bytes>(std::move(bytes));
  if (onnx_computed_type(type) == type) return result;
  Tensor narrow;
  narrow.type = type;
  narrow.shape = result.shape;
  narrow.data = result.data;
  return literal_of(TensorType::float32, result.shape, floats_of(narrow));
}

}  // namespace tfl::converter
