#pragma once
#include <tfl/kernels/activation.hpp>
#include <tfl/runtime/dispatch.hpp>

using Ops = tfl::OpRegistry<tfl::Relu>;
