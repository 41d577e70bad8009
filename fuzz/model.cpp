// Any bytes as a file that is prepared and run. Changes follow the schema.

#include "fuzz_targets.hpp"
#include "ops.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tfl::fuzz::fuzz_model<tfl::fuzz::ScalarInterpreter>({data, size});
  return 0;
}

#if defined(TFL_FUZZ_LIBFUZZER)
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::uint32_t state = seed;
  const auto next = [&state] { return state = state * 1664525u + 1013904223u; };
  if (next() >> 28 == 0) return LLVMFuzzerMutate(data, size, most);
  if (size == 0 || next() >> 27 == 0) {  // a model of its own
    tfl::fuzz::Bytes bytes(256);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(next() >> 24);
    tfl::fuzz::Draw draw(bytes);
    const tfl::fuzz::Bytes file = tfl::fuzz::OneNodeModel(draw, tfl::fuzz::scalar_entries()).make();
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
#endif
