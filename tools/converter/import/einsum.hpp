#pragma once
// Sums over products by a formula, "bij,bjk->bik".

#include <string>

#include "tools/converter/import/emitter.hpp"

namespace tfl::converter {

/// One or two operands; a letter an axis, each at most once an operand. "..." stands for axes in front that both have.
Tensor* emit_einsum(Emitter& emit, const std::string& equation, const Values& operands);

}  // namespace tfl::converter
