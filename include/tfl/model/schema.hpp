#pragma once
// The flatbuffers code that flatc makes from schema.fbs. A system header: its warnings are not ours.
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC system_header
#endif
#include "tfl/model/schema_generated.h"
