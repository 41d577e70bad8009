// Runs the .tflite file that the command line names on a board, by MicroInterpreter: prints the bytes of output 0 for seed 1 to 3 as one
// hash a line; with TFL_MICRO_LAYERS the hash of every node's output, for seed 1. Without TFL_MICRO_OPS it is the interpreter alone, whose
// list of ops the compiler does not see. The instruction counter looks for mark_begin() and mark_end().

#include <cstddef>
#include <cstdint>
#include <span>

#include "semihosting.hpp"
#include "tfl/runtime/micro_interpreter.hpp"
#if defined(TFL_MICRO_OPS)
#include TFL_MICRO_OPS
#endif

extern "C" __attribute__((noinline)) void mark_begin() { __asm__ volatile(""); }
extern "C" __attribute__((noinline)) void mark_end() { __asm__ volatile(""); }
namespace {

alignas(16) std::byte model[384 * 1024], arena[128 * 1024];

#if defined(TFL_MICRO_OPS)
using Interpreter = tfl::MicroInterpreter<Ops>;
#else
class Interpreter : public tfl::MicroRunner {
 public:
  static tfl::Result<Interpreter> create(std::span<const std::byte> file, std::span<std::byte> memory) {
    const tfl::MicroOpEntry* ops = nullptr;
    std::size_t count = 0;
    __asm__("" : "+r"(ops), "+r"(count));
    Interpreter interpreter;
    if (auto r = interpreter.load(file, memory, {ops, count}); !r) return r.error();
    return interpreter;
  }
};
#endif

/// The inputs of tools/common/seeded_inputs.hpp: one byte of every state.
void fill(std::span<std::byte> bytes, std::uint32_t seed) {
  for (std::byte& element : bytes) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    element = static_cast<std::byte>(seed);
  }
}

std::uint32_t hash(std::span<const std::byte> bytes) {
  std::uint32_t value = 2166136261u;
  for (const std::byte b : bytes) value = (value ^ static_cast<unsigned char>(b)) * 16777619u;
  return value;
}

}  // namespace

int main() {
  char path[256];
  const std::size_t size = board::argument(path) ? board::read_file(path, model, sizeof(model)) : 0;
  auto interpreter = Interpreter::create({model, size}, arena);
  if (!interpreter) {
    board::write("refused: ");
    board::write_hex(static_cast<std::uint32_t>(interpreter.error().code()), ' ');
    board::write_hex(static_cast<std::uint32_t>(interpreter.error().node()), '\n');
    return 1;
  }
#if defined(TFL_MICRO_LAYERS)
  auto input = interpreter->input<std::byte>(0);
  if (!input) return 2;
  fill(*input, 1);
  const auto r = interpreter->invoke([](std::uint32_t, std::span<const std::byte> output) { board::write_hex(hash(output), '\n'); });
  return r ? 0 : 3;
#else
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    auto input = interpreter->input<std::byte>(0);
    if (!input) return 2;
    fill(*input, seed);
    mark_begin();
    const auto r = interpreter->invoke();
    mark_end();
    auto output = interpreter->output<std::byte>(0);
    if (!r || !output) return 3;
    board::write_hex(hash(*output), '\n');
  }
  board::write("arena ");
  board::write_hex(static_cast<std::uint32_t>(interpreter->arena_bytes()), '\n');
  return 0;
#endif
}
