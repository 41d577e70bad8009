// needs: exceptions
// Whole-model HDF5 files and .keras archives.
#if __has_include(<sys/wait.h>) && __has_include(<unistd.h>)
#include <sys/wait.h>
#include <unistd.h>
#define TFL_CONVERTER_CAN_FORK
#endif

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "tools/converter/import/import.hpp"
#include "tools/converter/import/keras/archive.hpp"
#include "tools/converter/import/keras/layer.hpp"
#include "tools/converter/import/keras/model_builder.hpp"

namespace tfl::converter {

namespace {

/// Keras 3 says "3.1.0".
bool is_keras_3(std::string_view version) { return !version.empty() && version[0] >= '3' && version[0] <= '9' && version.find('.') == 1; }

std::unique_ptr<Model> import_h5(const std::string& path, Problems& problems) {
  Hdf5File file = Hdf5File::open(path);
  const std::optional<std::string> config = file.text("", "model_config");
  if (!config) {
    throw ImportError(path + " holds weights without a model", "save the whole model: model.save(), not model.save_weights()");
  }
  const Json description = Json::parse(*config, "the model's description (the attribute model_config)");
  const std::string version = file.text("", "keras_version").value_or("");
  const auto weights = keras_named_weights(std::move(file));
  return build_keras_model(description, *weights, is_keras_3(version), problems);
}

std::unique_ptr<Model> import_archive(const std::string& path, Problems& problems) {
  constexpr std::size_t most_text = std::size_t{256} << 20;
  // Weights hardly compress: an archive that promises far more than its own size is made to fill memory.
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw ImportError(path + " can't be read: " + error.message());
  const std::size_t most_weights =
      std::clamp<std::size_t>(static_cast<std::size_t>(size) * 64, std::size_t{64} << 20, std::size_t{1} << 33);
  const auto text = [&](const char* name) {
    const auto bytes = read_from_archive(path, name, most_text);
    return bytes ? std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) : std::string();
  };
  const std::string config = text("config.json"), metadata = text("metadata.json");
  if (config.empty()) throw ImportError(path + " holds no config.json: it is no Keras archive");
  const auto bytes = read_from_archive(path, "model.weights.h5", most_weights);
  if (!bytes) throw ImportError(path + " holds no model.weights.h5: it is no Keras archive");
  const Json description = Json::parse(config, "config.json");
  const std::string version = metadata.empty() ? "3." : Json::parse(metadata, "metadata.json")["keras_version"].text();
  const auto weights = keras_numbered_weights(Hdf5File::from_bytes(*bytes, "model.weights.h5"));
  return build_keras_model(description, *weights, is_keras_3(version), problems);
}

std::unique_ptr<Model> import_file(const std::string& path, Problems& problems) {
  std::ifstream file(path, std::ios::binary);
  char begin[2] = {};
  file.read(begin, 2);
  if (!file) throw ImportError(path + " can't be read");
  const bool archive = begin[0] == 'P' && begin[1] == 'K';
  return archive ? import_archive(path, problems) : import_h5(path, problems);
}

/// libhdf5 1.10 crashes on some damaged files (an address behind the file's end is enough), so a child process tries the file first. False
/// where it did not come back: on others it reads for ever, so that a megabyte gets a second. Elsewhere than on POSIX nobody tries.
bool survives([[maybe_unused]] const std::string& path) {
#ifdef TFL_CONVERTER_CAN_FORK
  std::error_code unknown;
  const std::uintmax_t bytes = std::filesystem::file_size(path, unknown);
  const unsigned most_seconds = 10 + (unknown ? 0 : static_cast<unsigned>(std::min<std::uintmax_t>(bytes >> 20, 3600)));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return true;
  if (child == 0) {
    for (const int signal : {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
      std::signal(signal, SIG_DFL);  // whatever this program does with them
    alarm(most_seconds);
    try {
      Problems nobodys;
      import_file(path, nobodys);
    } catch (...) {  // what is told in words is for the parent to tell
    }
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
#else
  return true;
#endif
}

}  // namespace

std::unique_ptr<Model> import_keras(const std::string& path, Problems& problems) {
  try {
    if (!survives(path)) throw ImportError(path + " is damaged: libhdf5, which reads it, breaks down on it");
    return import_file(path, problems);
  } catch (const ImportError& error) {
    problems.add(error.sentence());
  } catch (const std::bad_alloc&) {
    problems.add(path + " needs more memory than there is");
  }
  return nullptr;
}

std::vector<std::string> keras_layer_names() {
  std::vector<std::string> names = {"InputLayer", "Sequential", "Functional"};
  for (const auto& entries :
       {keras_window_layers(), keras_core_layers(), keras_recurrent_layers(), keras_attention_layers(), keras_function_layers()}) {
    for (const KerasLayerEntry& entry : entries) names.emplace_back(entry.class_name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace tfl::converter
