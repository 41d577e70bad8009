// A cascade: a small model runs on every frame and wakes a larger one only where it hears something. They never run at once, so that one
// arena serves both, as large as the larger one's.
//
//     tfl_codegen micro_speech_quantized.tflite -o micro_speech.hpp --name micro_speech --target cortex-m
//     tfl_codegen kws_ref_model.tflite -o kws.hpp --name kws --target cortex-m

#include <cstddef>
#include <cstdint>

#include "kws.hpp"
#include "micro_speech.hpp"
#include "semihosting.hpp"

using Wake = tfl::StaticPlan<micro_speech, tfl::PlanExtents::dynamic, tfl::PlanArena::callers>;
using Words = tfl::StaticPlan<kws, tfl::PlanExtents::dynamic, tfl::PlanArena::callers>;
static union Arenas {
  constexpr Arenas() : wake{} {}
  Wake::Arena wake;
  Words::Arena words;
} arenas;
static_assert(sizeof(arenas) < 17 * 1024);

/// 49 moments with 40 frequencies each, as a microphone's front end would give them.
static std::int8_t frame[49 * 40];

static std::size_t best_of(auto output) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    if (output[i] > output[best]) best = i;
  }
  return best;
}

/// What the small model heard: 0 is silence.
static std::size_t listen() {
  Wake plan(arenas.wake);
  auto input = plan.input<0>();
  static_assert(input.size() == sizeof(frame));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = frame[i];
  plan.invoke();
  return best_of(plan.output<0>());
}

/// The word that the larger model heard, of its twelve. It takes 10 features for a moment: each from four neighbours.
static std::size_t understand() {
  Words plan(arenas.words);
  auto input = plan.input<0>();
  static_assert(input.size() * 4 == sizeof(frame));
  for (std::size_t i = 0; i < input.size(); ++i) {
    int sum = 0;
    for (std::size_t k = 0; k < 4; ++k) sum += frame[4 * i + k];
    input[i] = static_cast<std::int8_t>(sum / 4);
  }
  plan.invoke();
  return best_of(plan.output<0>());
}

int main() {
  // Five frames: silence, but for the fourth, in which there is noise.
  char heard[] = "frame 0: silence\n";
  for (int i = 0; i < 5; ++i) {
    std::uint32_t state = 1;
    for (auto& feature : frame) {
      state = state * 1664525u + 1013904223u;
      feature = i == 3 ? static_cast<std::int8_t>(state >> 24) : std::int8_t{-128};
    }
    heard[6] = static_cast<char>('0' + i);
    if (listen() == 0) {
      board::write(heard);
      continue;
    }
    const std::size_t word = understand();
    const char text[] = {'f',  'r', 'a', 'm', 'e', ' ', static_cast<char>('0' + i),         ':',
                         ' ',  'w', 'o', 'r', 'd', ' ', static_cast<char>('0' + word / 10), static_cast<char>('0' + word % 10),
                         '\n', 0};
    board::write(text);
  }
  return 0;
}
