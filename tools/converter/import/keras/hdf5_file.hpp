#pragma once
// Reads HDF5 files: the groups, attributes and arrays that Keras writes.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tfl::converter {

/// An array of an HDF5 file. Numbers of every type are read as float32.
struct Hdf5Array {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// An open HDF5 file. What is damaged, absent or of an unexpected type is thrown as ImportError.
class Hdf5File {
 public:
  /// Opens the file at `path`.
  static Hdf5File open(const std::string& path);
  /// Opens a file that lies in memory; the bytes are copied.
  static Hdf5File from_bytes(std::span<const std::byte> bytes, const std::string& name);

  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();

  /// Whether a group or an array lies at `path` ("/" separates names; "" is the root).
  bool has(const std::string& path) const;
  /// The names in the group at `path`, in the order of their bytes.
  std::vector<std::string> names(const std::string& path) const;
  /// The text of an attribute of the object at `path`, or nothing where it has no such attribute.
  std::optional<std::string> text(const std::string& path, const std::string& attribute) const;
  /// The texts of an attribute, of those that Keras splits into NAME0, NAME1 ... as well. None where there is no such attribute.
  std::vector<std::string> texts(const std::string& path, const std::string& attribute) const;
  /// The array at `path`.
  Hdf5Array array(const std::string& path) const;

 private:
  struct State;
  explicit Hdf5File(std::unique_ptr<State> state);
  std::optional<std::vector<std::string>> attribute_texts(const std::string& path, const std::string& attribute) const;

  std::unique_ptr<State> state_;
};

}  // namespace tfl::converter
