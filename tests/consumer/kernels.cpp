#include "ops.hpp"

TFL_DISPATCH(Ops)
