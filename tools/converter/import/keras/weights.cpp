// needs: exceptions
#include "tools/converter/import/keras/weights.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "tools/converter/import/import_error.hpp"

namespace tfl::converter {

namespace {

std::vector<std::string_view> steps_of(std::string_view path) {
  std::vector<std::string_view> steps;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) steps.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return steps;
}

/// "kernel" of "dense/kernel:0".
std::string_view last_name(std::string_view step) { return step.substr(0, step.find(':')); }

class NamedWeights final : public KerasWeights {
 public:
  explicit NamedWeights(Hdf5File file) : file_(std::move(file)), root_(file_.has("model_weights") ? "model_weights/" : "") {}

  std::optional<Hdf5Array> find(const KerasPath& layer, std::string_view name, int, const KerasPart& part) const override {
    const std::string& group = layer.steps.front().name;
    for (const std::string& path : names_of(group)) {
      const std::vector<std::string_view> steps = steps_of(path);
      if (steps.empty() || last_name(steps.back()) != name) continue;
      const auto has = [&](const auto& wanted) { return std::any_of(steps.begin(), steps.end() - 1, wanted); };
      // A model within the model lists the weights of all of its layers.
      if (layer.steps.size() > 1 && !has([&](std::string_view s) { return s == layer.steps.back().name; })) continue;
      if (!part.in_names.empty() && !has([&](std::string_view s) { return s.starts_with(part.in_names); })) continue;
      return file_.array(root_ + group + "/" + path);
    }
    return std::nullopt;
  }

 private:
  const std::vector<std::string>& names_of(const std::string& group) const {
    const auto [entry, fresh] = names_.try_emplace(group);
    if (fresh && file_.has(root_ + group)) entry->second = file_.texts(root_ + group, "weight_names");
    return entry->second;
  }

  Hdf5File file_;
  std::string root_;
  mutable std::map<std::string, std::vector<std::string>> names_;
};

class NumberedWeights final : public KerasWeights {
 public:
  explicit NumberedWeights(Hdf5File file) : file_(std::move(file)) {}

  std::optional<Hdf5Array> find(const KerasPath& layer, std::string_view, int position, const KerasPart& part) const override {
    std::string group;
    for (const KerasPath::Step& step : layer.steps) {
      const std::optional<std::string> inner = group_of(group, step);
      if (!inner) return std::nullopt;
      group = *inner;
    }
    if (!part.in_groups.empty()) group += "/" + std::string(part.in_groups);
    const std::string path = group + "/vars/" + std::to_string(position);
    if (!file_.has(path)) return std::nullopt;
    return file_.array(path);
  }

 private:
  /// Versions of Keras differ in where layers lie and whether they are numbered or named.
  std::optional<std::string> group_of(const std::string& outer, const KerasPath::Step& step) const {
    const std::string prefix = outer.empty() ? "" : outer + "/";
    for (const char* container : {"layers/", "_layer_checkpoint_dependencies/"}) {
      for (const std::string* name : {&step.container, &step.name}) {
        if (file_.has(prefix + container + *name)) return prefix + container + *name;
      }
    }
    return std::nullopt;
  }

  Hdf5File file_;
};

}  // namespace

std::unique_ptr<KerasWeights> keras_named_weights(Hdf5File file) { return std::make_unique<NamedWeights>(std::move(file)); }
std::unique_ptr<KerasWeights> keras_numbered_weights(Hdf5File file) { return std::make_unique<NumberedWeights>(std::move(file)); }

std::string keras_snake_case(std::string_view class_name) {
  const auto upper = [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; };
  const auto lower = [](char c) { return std::islower(static_cast<unsigned char>(c)) != 0; };
  std::string plain;
  for (const char c : class_name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') plain += c;
  }
  // A word begins at a capital that small letters follow, and at one that follows a small letter.
  std::string result;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i > 0 && upper(plain[i]) && plain[i - 1] != '_' && (lower(plain[i - 1]) || (i + 1 < plain.size() && lower(plain[i + 1]))))
      result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(plain[i])));
  }
  return result;
}

}  // namespace tfl::converter
