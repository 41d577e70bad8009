// needs: exceptions
#include "tools/converter/import/keras/archive.hpp"

#include <zip.h>

#include <algorithm>
#include <memory>

#include "tools/converter/import/import_error.hpp"

namespace tfl::converter {

std::optional<std::vector<std::byte>> read_from_archive(const std::string& path, const std::string& name, std::size_t most_bytes) {
  int code = 0;
  const std::unique_ptr<zip_t, void (*)(zip_t*)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) throw ImportError(path + " can't be opened as a zip archive: it is absent, damaged or of another format");
  const zip_int64_t index = zip_name_locate(archive.get(), name.c_str(), 0);
  if (index < 0) return std::nullopt;
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(index), 0),
                                                               zip_fclose);
  if (!file) throw ImportError(name + " in " + path + " can't be read: " + zip_strerror(archive.get()));
  // The size that the archive states is not trusted: the result grows with what really comes.
  std::vector<std::byte> bytes;
  while (true) {
    const std::size_t have = bytes.size(), more = std::clamp<std::size_t>(have, std::size_t{1} << 16, std::size_t{1} << 26);
    bytes.resize(have + more);
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + have, more);
    if (got < 0) throw ImportError(name + " in " + path + " is damaged: " + zip_file_strerror(file.get()));
    bytes.resize(have + static_cast<std::size_t>(got));
    if (bytes.size() > most_bytes) throw ImportError(name + " in " + path + " is larger than " + std::to_string(most_bytes) + " bytes");
    if (got == 0) return bytes;
  }
}

}  // namespace tfl::converter
