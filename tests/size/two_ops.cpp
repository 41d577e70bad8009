// A program for small machines: two ops, a model and an arena that the caller gives.

#include "tfl/kernels/fully_connected.hpp"
#include "tfl/kernels/reshape.hpp"
#include "tfl/runtime/interpreter.hpp"

using Ops = tfl::OpRegistry<tfl::FullyConnected, tfl::Reshape>;

#include "run_model.inc"
