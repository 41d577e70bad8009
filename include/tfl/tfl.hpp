#pragma once
// tfl: TensorFlow Lite as a header-only library. This header brings everything; a program that names its ops can include
// tfl/runtime/interpreter.hpp and the kernels' own headers instead, and compiles faster.

#include "tfl/config.hpp"
#include "tfl/exceptions.hpp"
#include "tfl/model/model.hpp"
#include "tfl/runtime/all_ops.hpp"
#include "tfl/runtime/interpreter.hpp"
#include "tfl/runtime/thread_pool.hpp"
