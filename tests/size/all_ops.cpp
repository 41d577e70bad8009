// The same program with every op.

#include "tfl/tfl.hpp"

using Ops = tfl::AllOps;

#include "run_model.inc"
