// The only source of this program that compiles kernels; tfl_enable_dispatch compiles it once for each architecture.
#include "ops.hpp"

TFL_DISPATCH(Ops)
