// All kernels of the program. In CMakeLists.txt, tfl_enable_dispatch(05_dispatch) compiles this source once for each architecture.

#include "ops.hpp"

TFL_DISPATCH(Ops)
