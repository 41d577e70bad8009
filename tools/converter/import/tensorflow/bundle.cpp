// needs: exceptions
#include "tools/converter/import/tensorflow/bundle.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>

#include "tools/converter/import/emitter.hpp"
#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/tensorflow/bundle_table.hpp"
#include "tools/converter/import/tensorflow/call.hpp"
#include "tools/converter/import/tensorflow/tensorflow.pb.h"

namespace tfl::converter {

VariablesBundle::VariablesBundle(const std::string& saved_model) : prefix_(saved_model + "/variables/variables") {
  std::ifstream file(prefix_ + ".index", std::ios::binary);
  if (!file) throw ImportError(prefix_ + ".index can't be read: the model's variables are absent");
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (const auto& [key, value] : read_table(bytes)) {
    if (key.empty()) {
      tensorflow::BundleHeaderProto header;
      if (!header.ParseFromString(value)) throw ImportError("the header of the variables is damaged");
      shards_ = header.num_shards();
      continue;
    }
    tensorflow::BundleEntryProto proto;
    if (!proto.ParseFromString(value)) throw ImportError("the entry '" + key + "' of the variables is damaged");
    Entry entry{proto.dtype(), proto.shard_id()};
    for (const auto& dim : proto.shape().dim()) entry.shape.push_back(checked_dim(dim.size()));
    if (proto.offset() < 0 || proto.size() < 0) throw ImportError("the entry '" + key + "' of the variables is damaged");
    entry.offset = static_cast<std::uint64_t>(proto.offset());
    entry.size = static_cast<std::uint64_t>(proto.size());
    entry.crc = proto.crc32c();
    entries_.emplace(key, std::move(entry));
  }
}

Literal VariablesBundle::value(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) throw ImportError("the variables hold no '" + key + "'");
  const Entry& entry = found->second;
  const TensorType type = tf_type(entry.type);
  std::uint64_t wanted = element_bytes(type);
  for (const std::int32_t d : entry.shape) {
    if (d != 0 && wanted > (std::uint64_t{1} << 36) / static_cast<std::uint64_t>(d))
      throw ImportError("the variable '" + key + "' is too large");
    wanted *= static_cast<std::uint64_t>(d);
  }
  if (entry.size != wanted || entry.shard < 0 || entry.shard >= shards_)
    throw ImportError("the entry '" + key + "' of the variables contradicts its shape");
  char suffix[64];
  std::snprintf(suffix, sizeof suffix, ".data-%05d-of-%05d", entry.shard, shards_);
  std::ifstream file(prefix_ + suffix, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0 || entry.offset > static_cast<std::uint64_t>(size) || wanted > static_cast<std::uint64_t>(size) - entry.offset) {
    throw ImportError("the variable '" + key + "' is not wholly in " + prefix_ + suffix);
  }
  auto bytes = std::make_shared<Bytes>(wanted);
  file.seekg(static_cast<std::streamoff>(entry.offset));
  file.read(reinterpret_cast<char*>(bytes->data()), static_cast<std::streamsize>(wanted));
  if (!file) throw ImportError(prefix_ + suffix + " can't be read");
  if (masked_crc(crc32c({reinterpret_cast<const char*>(bytes->data()), bytes->size()})) != entry.crc)
    throw ImportError("the variable '" + key + "' is damaged: its checksum is wrong");
  return {type, entry.shape, std::move(bytes)};
}

}  // namespace tfl::converter
