#include "tools/converter/quantize/samples.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string_view>

#include "tfl/core/float16.hpp"
#include "tools/converter/archive/zip.hpp"

namespace tfl::converter {
namespace {

constexpr std::size_t most_file_bytes = std::size_t{1} << 31;

bool read_file(const std::string& path, std::vector<std::uint8_t>& bytes, Problems& problems) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return problems.add("cannot open '" + path + "'"), false;
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<std::uint64_t>(size) > most_file_bytes) return problems.add("'" + path + "' is larger than 2 GB"), false;
  bytes.resize(static_cast<std::size_t>(size));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!file) return problems.add("cannot read '" + path + "'"), false;
  return true;
}

std::uint64_t little(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

template <class T> double element(const std::uint8_t* at, bool swap) {
  std::array<std::uint8_t, sizeof(T)> raw;
  std::memcpy(raw.data(), at, sizeof(T));
  if (swap) std::reverse(raw.begin(), raw.end());
  return static_cast<double>(std::bit_cast<T>(raw));
}

/// The function that reads an element of NumPy's type "f4", "i8", "u1"..., or null.
double (*reader_of(std::string_view type))(const std::uint8_t*, bool) {
  if (type == "f4") return &element<float>;
  if (type == "f8") return &element<double>;
  if (type == "i1") return &element<std::int8_t>;
  if (type == "u1" || type == "b1") return &element<std::uint8_t>;
  if (type == "i2") return &element<std::int16_t>;
  if (type == "u2") return &element<std::uint16_t>;
  if (type == "i4") return &element<std::int32_t>;
  if (type == "u4") return &element<std::uint32_t>;
  if (type == "i8") return &element<std::int64_t>;
  if (type == "u8") return &element<std::uint64_t>;
  if (type == "f2") {
    return [](const std::uint8_t* at, bool swap) {
      const auto bits = static_cast<std::uint16_t>(swap ? at[0] << 8 | at[1] : at[1] << 8 | at[0]);
      return static_cast<double>(to_float(std::bit_cast<Float16>(bits)));
    };
  }
  return nullptr;
}

/// What stands behind "'key':" in the header's dictionary, up to what ends it.
std::string_view header_value(std::string_view header, std::string_view key) {
  const std::size_t at = header.find("'" + std::string(key) + "'");
  const std::size_t colon = at == std::string_view::npos ? at : header.find(':', at);
  if (colon == std::string_view::npos) return {};
  std::string_view value = header.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

bool parse_npy(std::span<const std::uint8_t> bytes, const std::string& what, SampleArray& array, Problems& problems) {
  const auto refuse = [&](const std::string& why) { return problems.add("'" + what + "': " + why), false; };
  static constexpr std::string_view magic("\x93NUMPY", 6);
  if (bytes.size() < 12 || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0) return refuse("is no array of NumPy");
  const std::size_t width = bytes[6] == 1 ? 2 : 4, start = 8 + width;
  const std::uint64_t length = little(bytes, 8, width);
  if (length > bytes.size() - start) return refuse("its header is damaged");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + start, static_cast<std::size_t>(length));
  const std::string_view type = header_value(header, "descr"), order = header_value(header, "fortran_order");
  std::string_view shape = header_value(header, "shape");
  if (type.size() < 5 || shape.empty() || shape[0] != '(') return refuse("its header is damaged");
  if (order.substr(0, 4) == "True") return refuse("is in Fortran's order; save it by numpy.ascontiguousarray()");
  const auto read = reader_of(type.substr(2, 2));
  if (read == nullptr || type[4] != type[0])
    return refuse("has elements of type " + std::string(type.substr(0, 5)) + ", which are no numbers that tfl_convert reads");
  const bool swap = type[1] == '>';
  const std::size_t size = static_cast<std::size_t>(type[3] - '0');
  std::uint64_t count = 1;
  shape = shape.substr(1, shape.find(')') - 1);
  while (!shape.empty()) {
    const std::size_t comma = shape.find(',');
    const std::string digits(shape.substr(0, comma));
    if (digits.find_first_of("0123456789") != std::string::npos) {
      const std::int64_t dim = std::atoll(digits.c_str());
      if (dim < 0 || (dim != 0 && count > most_file_bytes / static_cast<std::uint64_t>(dim))) return refuse("its shape is too large");
      array.shape.push_back(dim);
      count *= static_cast<std::uint64_t>(dim);
    }
    shape = comma == std::string_view::npos ? std::string_view() : shape.substr(comma + 1);
  }
  const std::size_t data = start + static_cast<std::size_t>(length);
  if ((bytes.size() - data) / size < count) return refuse("is cut short");
  array.values.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < array.values.size(); ++i) array.values[i] = read(bytes.data() + data + i * size, swap);
  return true;
}

bool parse_npz(std::span<const std::uint8_t> bytes, const std::string& path, std::vector<SampleArray>& arrays, Problems& problems) {
  std::vector<ZipMember> members;
  if (!read_zip(bytes, path, most_file_bytes, members, problems)) return false;
  for (ZipMember& member : members) {
    if (member.name.ends_with(".npy")) member.name.resize(member.name.size() - 4);
    arrays.push_back({member.name});
    if (!parse_npy(member.bytes, path + "/" + member.name, arrays.back(), problems)) return false;
  }
  return true;
}

template <class T> void append(Bytes& bytes, double value) {
  T converted{};
  if constexpr (std::is_floating_point_v<T>) {
    converted = static_cast<T>(value);
  } else {
    const double low = static_cast<double>(std::numeric_limits<T>::min()), high = static_cast<double>(std::numeric_limits<T>::max());
    converted = std::isnan(value) ? T{}
                : value <= low    ? std::numeric_limits<T>::min()
                : value >= high   ? std::numeric_limits<T>::max()
                                  : static_cast<T>(value);
  }
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&converted);
  bytes.insert(bytes.end(), raw, raw + sizeof(T));
}

bool append_as(TensorType type, Bytes& bytes, double value) {
  switch (type) {
    case TensorType::float32: return append<float>(bytes, value), true;
    case TensorType::int8: return append<std::int8_t>(bytes, value), true;
    case TensorType::uint8: return append<std::uint8_t>(bytes, value), true;
    case TensorType::int16: return append<std::int16_t>(bytes, value), true;
    case TensorType::int32: return append<std::int32_t>(bytes, value), true;
    case TensorType::int64: return append<std::int64_t>(bytes, value), true;
    case TensorType::boolean: return append<std::uint8_t>(bytes, value != 0 ? 1 : 0), true;
    default: return false;
  }
}

std::int64_t example_count(const Tensor& tensor) {
  Tensor example;
  example.shape = tensor.example_shape();
  return example.count();
}

/// The array that feeds input `i`, or null.
const SampleArray* array_for(const std::vector<SampleArray>& arrays, const Model& model, std::size_t i) {
  const Graph& graph = *model.graphs.front();
  const Tensor* input = graph.inputs()[i];
  std::vector<std::string> names{input->name};
  for (const Signature& s : model.signatures) {
    for (const auto& [name, tensor] : s.inputs) {
      if (tensor == input) names.push_back(name);
    }
  }
  for (const SampleArray& array : arrays) {
    if (std::find(names.begin(), names.end(), array.name) != names.end()) return &array;
  }
  // By order where the numbers agree; a model with one input takes the first array whose samples fit (others may be labels).
  if (arrays.size() == graph.inputs().size()) return &arrays[i];
  const std::int64_t count = example_count(*input);
  for (const SampleArray& array : arrays) {
    if (graph.inputs().size() == 1 && !array.shape.empty() && array.shape[0] > 0 && count > 0 &&
        static_cast<std::int64_t>(array.values.size()) == array.shape[0] * count) {
      return &array;
    }
  }
  return nullptr;
}

}  // namespace

bool read_arrays(const std::string& path, std::vector<SampleArray>& arrays, Problems& problems) {
  std::vector<std::uint8_t> bytes;
  if (!read_file(path, bytes, problems)) return false;
  if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] == 'K') return parse_npz(bytes, path, arrays, problems);
  arrays.emplace_back();
  return parse_npy(bytes, path, arrays.back(), problems);
}

std::size_t channel_axis_of(const Tensor& image) {
  const auto few = [](std::int32_t size) { return size == 1 || size == 3 || size == 4; };
  return image.rank() < 3 || few(image.shape.back()) || !few(image.shape[1]) ? image.shape.size() - 1 : 1;
}

double SampleOptions::normalized(double value, const Tensor& input, std::size_t i) const {
  if (mean.empty() && deviation.empty()) return value;
  std::size_t inner = 1, channels = 1;
  if (input.rank() > 0) {
    const std::vector<std::int32_t> shape = input.example_shape();
    const std::size_t axis = channel_axis_of(input);
    channels = static_cast<std::size_t>(shape[axis]);
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
  }
  const auto of = [&](const std::vector<float>& list, float otherwise) {
    return static_cast<double>(list.empty() ? otherwise : list[list.size() == channels ? i / inner % channels : 0]);
  };
  return (value - of(mean, 0)) / of(deviation, 1);
}

std::vector<std::vector<Bytes>> read_samples(const std::string& path, const Model& model, const SampleOptions& options,
                                             Problems& problems) {
  const Graph& graph = *model.graphs.front();
  const std::size_t most = options.most;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
#ifdef TFL_CONVERTER_WITH_PICTURES
    return read_pictures(path, model, options, problems);
#else
    problems.add("this tfl_convert was built without stb_image and reads no pictures");
    return {};
#endif
  }
  std::vector<std::vector<Bytes>> samples;
  if (!path.ends_with(".npy") && !path.ends_with(".npz")) {
    std::vector<std::uint8_t> bytes;
    if (!read_file(path, bytes, problems)) return {};
    std::size_t at = 0, one = 0;
    std::vector<std::size_t> sizes;
    for (const Tensor* input : graph.inputs()) {
      sizes.push_back(
          static_cast<std::size_t>(std::max<std::int64_t>(0, bytes_of(input->type, std::max<std::int64_t>(0, example_count(*input))))));
      one += sizes.back();
    }
    if (one == 0 || bytes.size() % one != 0) {
      problems.add("'" + path + "' has " + std::to_string(bytes.size()) + " bytes, which is no multiple of the " + std::to_string(one) +
                   " that a sample takes");
      return {};
    }
    for (; at < bytes.size() && samples.size() < most;) {
      samples.emplace_back();
      for (const std::size_t size : sizes) {
        samples.back().emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
        at += size;
      }
    }
    return samples;
  }
  std::vector<SampleArray> arrays;
  if (!read_arrays(path, arrays, problems)) return {};
  for (std::size_t i = 0; i < graph.inputs().size(); ++i) {
    const Tensor& input = *graph.inputs()[i];
    const SampleArray* array = array_for(arrays, model, i);
    const std::int64_t count = example_count(input);
    if (array == nullptr || count <= 0 || array->values.size() % static_cast<std::size_t>(count) != 0) {
      problems.add("'" + path + "' has no samples for input '" + input.name + "' " + describe(input));
      return {};
    }
    const std::size_t available = std::min(most, array->values.size() / static_cast<std::size_t>(count));
    if (i == 0) samples.resize(available);
    if (samples.size() != available) {
      problems.add("'" + path + "' has another number of samples for input '" + input.name + "' than for the first one");
      return {};
    }
    for (std::size_t s = 0; s < samples.size(); ++s) {
      Bytes& bytes = samples[s].emplace_back();
      for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
        const double value = array->values[s * static_cast<std::size_t>(count) + k];
        if (append_as(input.type, bytes, input.type == TensorType::float32 ? options.normalized(value, input, k) : value)) continue;
        problems.add("input '" + input.name + "' " + describe(input), "has a type that samples cannot be read for");
        return {};
      }
    }
  }
  return samples;
}

}  // namespace tfl::converter
