#pragma once
// The values of a SavedModel's variables.

#include <map>
#include <string>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// variables/variables.index and the files beside it.
class VariablesBundle {
 public:
  /// Reads the index in the folder `variables` of a SavedModel. Throws ImportError where it is absent or damaged.
  explicit VariablesBundle(const std::string& saved_model);
  /// The variable of this key, its CRC checked. Throws where there is none or its data are damaged.
  Literal value(const std::string& key) const;

 private:
  struct Entry {
    int type = 0, shard = 0;
    std::vector<std::int32_t> shape{};
    std::uint64_t offset = 0, size = 0;
    std::uint32_t crc = 0;
  };
  std::string prefix_;
  int shards_ = 1;
  std::map<std::string, Entry> entries_;
};

}  // namespace tfl::converter
