#pragma once
// Passes rewrite a model of .tflite operators into a better one that computes the same.

#include <functional>
#include <set>
#include <span>
#include <string>

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// One file a pass. Every pass needs a sorted graph and leaves one; what else it needs and leaves stands in its file.
struct Pass {
  const char* name;
  const char* what;  // a line for people
  /// Returns whether anything changed.
  bool (*run)(Model& model);
};

/// All passes, in the order in which they run.
std::span<const Pass> all_passes();

struct OptimizeOptions {
  std::set<std::string> without{};  // names of passes that don't run
  /// Called before every run of a pass.
  std::function<void(const Pass& pass)> before{};
  /// Called after every run of a pass that changed something.
  std::function<void(const Pass& pass, const Model& model)> after{};
};

/// Runs the passes again and again until none of them changes anything, a few rounds at most.
void optimize(Model& model, const OptimizeOptions& options);

// What the passes are, by the names of their files.
bool fold_constants(Model& model);
bool remove_identities(Model& model);
bool fold_affine(Model& model);
bool fuse_patterns(Model& model);
bool fuse_activations(Model& model);
bool fuse_dilation(Model& model);
bool fuse_padding(Model& model);
bool sink_transposes(Model& model);
bool merge_transposes(Model& model);
bool merge_reshapes(Model& model);
bool merge_equal_nodes(Model& model);
bool remove_dead_nodes(Model& model);

}  // namespace tfl::converter
