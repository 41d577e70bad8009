// needs: exceptions
#include "tools/converter/import/keras/hdf5_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "tools/converter/import/import_error.hpp"

namespace tfl::converter {

namespace {

/// Attributes hold names and the model's description: more than this is no file of Keras.
constexpr std::size_t most_attribute_bytes = std::size_t{256} << 20;
/// Deflate makes at most 1032 bytes of one: what claims more is damaged.
constexpr std::uint64_t most_bytes_per_stored_byte = 1032;

/// A handle of libhdf5 that is closed at the end of its scope.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }  // NOLINT: handed to libhdf5 everywhere
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Handle space_of(hid_t dataset_or_attribute, bool attribute) {
  return {attribute ? H5Aget_space(dataset_or_attribute) : H5Dget_space(dataset_or_attribute), H5Sclose};
}

/// The dimensions of a dataspace, and the product of them as `count`.
std::vector<std::int64_t> dims_of(const Handle& space, std::uint64_t& count, const std::string& what) {
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space) : -1;
  if (rank < 0 || rank > 32) throw ImportError(what + " has no readable shape: the file is damaged");
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, dims.data(), nullptr) != rank) {
    throw ImportError(what + " has no readable shape: the file is damaged");
  }
  std::vector<std::int64_t> result;
  count = H5Sget_simple_extent_type(space) == H5S_NULL ? 0 : 1;
  for (const hsize_t dim : dims) {
    if (dim > static_cast<hsize_t>(std::numeric_limits<std::int32_t>::max()) || (dim != 0 && count > (std::uint64_t{1} << 40) / dim)) {
      throw ImportError(what + " is too large");
    }
    count *= dim;
    result.push_back(static_cast<std::int64_t>(dim));
  }
  return result;
}

}  // namespace

struct Hdf5File::State {
  Handle file;
  std::string name;
};

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

Hdf5File Hdf5File::open(const std::string& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are told by exceptions, not printed
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file.ok()) throw ImportError(path + " can't be opened as HDF5: it is absent, damaged or of another format");
  return Hdf5File(std::make_unique<State>(State{std::move(file), path}));
}

Hdf5File Hdf5File::from_bytes(std::span<const std::byte> bytes, const std::string& name) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // The memory driver, without a file behind it; it copies the image.
  if (!access.ok() || H5Pset_fapl_core(access, std::size_t{1} << 16, false) < 0 ||
      H5Pset_file_image(access, const_cast<std::byte*>(bytes.data()), bytes.size()) < 0) {
    throw ImportError(name + " can't be opened in memory");
  }
  Handle file(H5Fopen(name.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
  if (!file.ok()) throw ImportError(name + " is no readable HDF5 file: it is damaged or cut off");
  return Hdf5File(std::make_unique<State>(State{std::move(file), name}));
}

bool Hdf5File::has(const std::string& path) const {
  // H5Lexists fails where a group on the way is absent, so every step is asked for.
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1)) {
    if (end > 0 && H5Lexists(state_->file, path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return path.empty() ||
         (H5Lexists(state_->file, path.c_str(), H5P_DEFAULT) > 0 && H5Oexists_by_name(state_->file, path.c_str(), H5P_DEFAULT) > 0);
}

std::vector<std::string> Hdf5File::names(const std::string& path) const {
  const Handle group(H5Gopen2(state_->file, path.empty() ? "/" : path.c_str(), H5P_DEFAULT), H5Gclose);
  if (!group.ok()) throw ImportError(state_->name + " has no readable group " + path);
  std::vector<std::string> result;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    auto& list = *static_cast<std::vector<std::string>*>(data);
    if (list.size() > 1'000'000) return -1;
    list.emplace_back(name);
    return 0;
  };
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, +add, &result) < 0) {
    throw ImportError("the group " + path + " of " + state_->name + " is damaged");
  }
  return result;
}

std::optional<std::vector<std::string>> Hdf5File::attribute_texts(const std::string& path, const std::string& attribute) const {
  const char* object = path.empty() ? "/" : path.c_str();
  if (H5Aexists_by_name(state_->file, object, attribute.c_str(), H5P_DEFAULT) <= 0) return std::nullopt;
  const std::string what = "the attribute " + attribute + " of " + (path.empty() ? "the root" : path);
  const Handle handle(H5Aopen_by_name(state_->file, object, attribute.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!handle.ok()) throw ImportError(what + " can't be read: the file is damaged");
  const Handle space = space_of(handle, true);
  std::uint64_t count = 0;
  dims_of(space, count, what);
  // Keras writes an empty list as an array of no numbers.
  if (count == 0) return std::vector<std::string>();
  const Handle type(H5Aget_type(handle), H5Tclose);
  if (!type.ok() || H5Tget_class(type) != H5T_STRING) throw ImportError(what + " holds no text");

  std::vector<std::string> result;
  if (H5Tis_variable_str(type) > 0) {
    if (count > most_attribute_bytes / sizeof(char*)) throw ImportError(what + " is too large");
    const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    std::vector<char*> pointers(count, nullptr);
    if (H5Aread(handle, memory, pointers.data()) < 0) throw ImportError(what + " can't be read: the file is damaged");
    for (const char* pointer : pointers) result.emplace_back(pointer == nullptr ? "" : pointer);
    H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
    return result;
  }
  const std::size_t width = H5Tget_size(type);
  if (width == 0 || width > most_attribute_bytes || count > most_attribute_bytes / width) throw ImportError(what + " is too large");
  std::string bytes(width * count, '\0');
  if (H5Aread(handle, type, bytes.data()) < 0) throw ImportError(what + " can't be read: the file is damaged");
  for (std::size_t i = 0; i < count; ++i) {
    const char* begin = bytes.data() + i * width;
    result.emplace_back(begin, std::find(begin, begin + width, '\0'));
  }
  return result;
}

std::optional<std::string> Hdf5File::text(const std::string& path, const std::string& attribute) const {
  auto all = attribute_texts(path, attribute);
  if (!all || all->size() != 1) return std::nullopt;
  return std::move(all->front());
}

std::vector<std::string> Hdf5File::texts(const std::string& path, const std::string& attribute) const {
  if (auto all = attribute_texts(path, attribute)) return std::move(*all);
  std::vector<std::string> result;
  for (int part = 0;; ++part) {
    auto some = attribute_texts(path, attribute + std::to_string(part));
    if (!some) return result;
    result.insert(result.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
  }
}

Hdf5Array Hdf5File::array(const std::string& path) const {
  const std::string what = "the array " + path;
  const Handle dataset(H5Dopen2(state_->file, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) throw ImportError(what + " is absent or can't be read");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const H5T_class_t kind = type.ok() ? H5Tget_class(type) : H5T_NO_CLASS;
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) throw ImportError(what + " holds neither floats nor integers");
  const Handle space = space_of(dataset, false);
  std::uint64_t count = 0;
  Hdf5Array result;
  result.shape = dims_of(space, count, what);
  hsize_t file_size = 0;
  H5Fget_filesize(state_->file, &file_size);
  const std::uint64_t stored = std::min<std::uint64_t>(H5Dget_storage_size(dataset), file_size);
  const std::size_t element = H5Tget_size(type);
  if (element == 0 || element > 16 || count > stored * most_bytes_per_stored_byte / element) {
    throw ImportError(what + " claims " + std::to_string(count) + " elements, but the file holds " + std::to_string(stored) +
                      " bytes of it");
  }
  result.values.resize(count);
  if (count > 0 && H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.values.data()) < 0) {
    throw ImportError(what + " can't be read: the file is damaged");
  }
  return result;
}

}  // namespace tfl::converter
