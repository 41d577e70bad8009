// libFuzzer's changes follow the schema: parts of the file get other values, and now and then a model is drawn anew.

#include <cstring>

#include "drawn_model.hpp"
#include "mutate.hpp"
#include "ops.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::uint32_t state = seed;
  const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
  if (next() >> 28 == 0) return LLVMFuzzerMutate(data, size, most);
  if (size == 0 || next() >> 27 == 0) {  // a model of its own
    std::vector<std::uint8_t> bytes(256);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(next() >> 24);
    tfl::fuzz::Draw draw(bytes);
    const std::vector<std::uint8_t> file = tfl::fuzz::DrawnModel(draw, tfl::fuzz::scalar_entries()).make();
    if (file.size() <= most) {
      std::memcpy(data, file.data(), file.size());
      return file.size();
    }
  }
  for (std::uint32_t k = 1 + (next() >> 30); k > 0; --k) {
    const std::uint32_t where = next() >> 8;
    tfl::fuzz::change_part({data, size}, where, next() >> 3);
  }
  return size;
}
