// Runs a static plan on a board: the bytes of its outputs for seed 1 to 3 as one hash a line; with TFL_MICRO_LAYERS the hash of every
// node's output, too. The instruction counter looks for mark_begin() and mark_end().

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include TFL_MICRO_HEADER
#include "semihosting.hpp"

extern "C" __attribute__((noinline)) void mark_begin() { __asm__ volatile(""); }
extern "C" __attribute__((noinline)) void mark_end() { __asm__ volatile(""); }

namespace {

#if !defined(TFL_MICRO_ARCH)
#define TFL_MICRO_ARCH NativeArch
#endif
using Plan = tfl::StaticPlan<TFL_MICRO_MODEL, tfl::PlanExtents::TFL_MICRO_EXTENTS, tfl::PlanArena::member, tfl::simd::TFL_MICRO_ARCH>;
/// Made when it is first asked for, where there is something to make: nothing runs before main().
Plan& the_plan() {
  static Plan plan;
  return plan;
}

/// The inputs of tools/common/seeded_inputs.hpp: the low bits of every state.
void fill(std::uint32_t seed) {
  for (auto& element : the_plan().input<0>()) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    element = static_cast<std::remove_reference_t<decltype(element)>>(seed);
  }
}

std::uint32_t hash(const void* data, std::size_t bytes) {
  std::uint32_t value = 2166136261u;
  for (std::size_t i = 0; i < bytes; ++i) value = (value ^ static_cast<const unsigned char*>(data)[i]) * 16777619u;
  return value;
}

}  // namespace

int main() {
  Plan& plan = the_plan();
#if defined(TFL_MICRO_LAYERS)
  fill(1);
  plan.invoke([](auto, std::span<const std::byte> output) { board::write_hex(hash(output.data(), output.size()), '\n'); });
#else
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    fill(seed);
    mark_begin();
    plan.invoke();
    mark_end();
    const auto output = plan.output<0>();
    board::write_hex(hash(output.data(), output.size_bytes()), '\n');
  }
#endif
  return 0;
}
