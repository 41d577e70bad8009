#pragma once
// FlexBuffers come with flatbuffers. A system header here: its warnings are not ours.
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC system_header
#endif
#include <flatbuffers/flexbuffers.h>
