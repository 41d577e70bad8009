#pragma once

#include <cstdint>
#include <vector>

/// A model of integers alone: every kind of op that quantized models are made of, in bytes and in 16 bits.
std::vector<std::uint8_t> integer_model();
