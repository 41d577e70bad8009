#pragma once
// The ops that a header can name: how they are written in C++, and where they are declared.

#include <span>
#include <string>
#include <string_view>

#include "tfl/core/parallel.hpp"
#include "tfl/runtime/precompiled_ops.hpp"
#include "tfl/simd/arch.hpp"

namespace tfl::codegen {

struct OpText {
  std::string_view name;    // "Conv2D"
  std::string_view header;  // "tfl/kernels/conv_2d.hpp"
  /// The op's Options as a braced initializer; null where only an interpreter can run the op.
  std::string (*options)(const void* options) = nullptr;
};

/// Every op of the library, for the simplest processor: kernels differ in the working memory that they want, and a header serves all.
std::span<const OpEntry> entries();
/// The text of the op with that entry.
const OpText& text_of(const OpEntry& entry);

using Ops = PrecompiledOps<entries, simd::Scalar, SerialExecutor>;

}  // namespace tfl::codegen
