#include "tools/converter/passes/pass.hpp"

#include <array>

namespace tfl::converter {
namespace {

constexpr std::array passes{
    Pass{"fold-constants", "computes what depends on constants alone", &fold_constants},
    Pass{"remove-identities", "drops nodes that change nothing", &remove_identities},
    Pass{"fold-affine", "multiplies and adds constants (batch normalization) into the weights before them", &fold_affine},
    Pass{"fuse-patterns", "finds operators that were written as several", &fuse_patterns},
    Pass{"fuse-activations", "clamps where the values are made", &fuse_activations},
    Pass{"fuse-dilation", "makes dilated convolutions of those between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND", &fuse_dilation},
    Pass{"fuse-padding", "lets convolutions pad by themselves", &fuse_padding},
    Pass{"sink-transposes", "moves TRANSPOSE behind elementwise operators towards another one", &sink_transposes},
    Pass{"merge-transposes", "makes one of several TRANSPOSE, and none of those that cancel", &merge_transposes},
    Pass{"merge-reshapes", "makes one of several RESHAPE, and none of those that cancel", &merge_reshapes},
    Pass{"merge-equal-nodes", "computes once what is computed twice", &merge_equal_nodes},
    Pass{"remove-dead-nodes", "drops what nobody reads", &remove_dead_nodes},
};

}  // namespace

std::span<const Pass> all_passes() { return passes; }

void optimize(Model& model, const OptimizeOptions& options) {
  // Each round shortens the graph, so that more than a few are never of use; the limit is for what nobody foresaw.
  constexpr int most_rounds = 10;
  bool changed = true;
  for (int round = 0; changed && round < most_rounds; ++round) {
    changed = false;
    for (const Pass& pass : passes) {
      if (options.without.contains(pass.name)) continue;
      if (options.before) options.before(pass);
      if (!pass.run(model)) continue;
      changed = true;
      if (options.after) options.after(pass, model);
    }
  }
}

}  // namespace tfl::converter
