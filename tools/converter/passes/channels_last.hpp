#pragma once
// Images as callers of .tflite models have them: height, width, channels. Asked for, since it changes what a model takes and gives.

#include "tools/converter/ir/graph.hpp"

namespace tfl::converter {

/// Inputs that are only read by TRANSPOSEs which put the channels last take them last, outputs of a TRANSPOSE which puts them first have
/// them last; these nodes go. Needs a sorted graph. Returns how many inputs and outputs changed.
int move_channels_last(Model& model);

}  // namespace tfl::converter
