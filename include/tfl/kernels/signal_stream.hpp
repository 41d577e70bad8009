#pragma once
// TensorFlow Lite Micro's ops that keep samples from one run to the next: SignalFramer, SignalOverlapAdd, SignalStacker, SignalDelay.
// Each keeps, for every row of its input, the samples that are still needed, the oldest first.

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/kernels/signal.hpp"

namespace tfl {

namespace detail {

/// The samples of one row that wait. `begun` tells the memory's first zeros from what was written.
struct SampleQueue {
  std::int64_t count, begun;
};
constexpr std::int64_t queue_bytes(std::int64_t capacity) {
  return static_cast<std::int64_t>(sizeof(SampleQueue)) + (capacity * 2 + 7) / 8 * 8;
}
inline std::int16_t* samples_of(SampleQueue& queue) { return reinterpret_cast<std::int16_t*>(&queue + 1); }
inline void append(SampleQueue& queue, const std::int16_t* samples, std::int64_t count) {
  if (count > 0) std::memcpy(samples_of(queue) + queue.count, samples, static_cast<std::size_t>(count) * 2);
  queue.count += count;
}
inline void drop(SampleQueue& queue, std::int64_t count) {
  if (count > queue.count) count = queue.count;
  queue.count -= count;
  if (queue.count > 0) std::memmove(samples_of(queue), samples_of(queue) + count, static_cast<std::size_t>(queue.count) * 2);
}

constexpr Violation require_stream(const NodeDescription& node) {
  if (const Violation v = require_signal_type(node, 0, TensorType::int16, "must be int16")) return v;
  return require_same_type(node, 0, 0);
}

/// Sizes from options, small enough that their products fit 64 bits.
constexpr Violation require_size(std::int32_t size, std::int32_t least) {
  if (size >= least && size <= (1 << 24)) return {};
  return node_violation(ErrorCode::invalid_option, "has a size of {}, which must be at least {} and at most 2^24", size, least);
}

}  // namespace detail

/// SignalFramer: samples[..., n] -> frames[..., n / frame_step, frame_size] that overlap, and whether all of them are full
struct SignalFramer : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalFramer";
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t size = 0, step = 0;
    bool prefill = false;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {detail::signal_option(custom, "frame_size"), detail::signal_option(custom, "frame_step"), custom.boolean("prefill")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_stream(node)) return v;
    if (const Violation v = detail::require_signal_output(node, 1, TensorType::boolean, "must be bool")) return v;
    if (const Violation v = detail::require_size(options.step, 1)) return v;
    if (const Violation v = detail::require_size(options.size, options.step)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank - 1)) return v;
    Shape shape = node.input(0).shape;
    const std::int32_t n = shape.last();
    if (n < options.step || n % options.step != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "must have a last dimension that frame_step {} divides; it is {}", options.step,
                             n);
    }
    shape[shape.rank() - 1] = n / options.step;
    shape.push_back(options.size);
    node.output(0).shape = shape;
    node.output(1).shape = Shape{};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    return {.state_bytes = describe(options, node).state_bytes()};
  }

  struct Prepared {
    std::int64_t rows = 0, frames = 0, size = 0, step = 0;
    bool prefill = false;
    constexpr std::int64_t row_bytes() const { return detail::queue_bytes(size + step); }
    constexpr std::int64_t state_bytes() const { return rows * row_bytes(); }
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return describe(options, node);
  }

  template <class Run, class In, class Out, class Valid> static void eval(const Run& run, In in, Out out, Valid valid) {
    const Prepared& p = run.prepared;
    bool full = true;
    for (std::int64_t row = 0; row < p.rows; ++row) {
      auto& queue = *reinterpret_cast<detail::SampleQueue*>(run.state + row * p.row_bytes());
      if (queue.begun == 0) {
        queue.begun = 1;
        if (p.prefill) queue.count = p.size - p.step;  // zeros
      }
      for (std::int64_t f = 0; f < p.frames; ++f) {
        detail::append(queue, in.data() + (row * p.frames + f) * p.step, p.step);
        std::int16_t* const to = out.data() + (row * p.frames + f) * p.size;
        if (queue.count >= p.size) {
          std::memcpy(to, detail::samples_of(queue), static_cast<std::size_t>(p.size) * 2);
          detail::drop(queue, p.step);
        } else {
          std::memset(to, 0, static_cast<std::size_t>(p.size) * 2);
          full = false;
        }
      }
    }
    valid[0] = full;
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::int16_t, Boolean>>>;

 private:
  static constexpr Prepared describe(const Options& options, const NodeDescription& node) {
    const Shape& in = node.input(0).shape;
    return {in.count(0, in.rank() - 1), in.last() / options.step, options.size, options.step, options.prefill};
  }
};

/// SignalOverlapAdd: frames[..., n, size] -> samples[..., n * frame_step]: the frames laid over each other and added, int16 saturated
struct SignalOverlapAdd : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalOverlapAdd";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t step = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {detail::signal_option(custom, "frame_step")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::int16 && node.input(0).type != TensorType::float32) {
      return input_violation(0, ErrorCode::invalid_type, "must be int16 or float32");
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank_between(node, 0, 2, max_rank)) return v;
    if (const Violation v = detail::require_size(options.step, 1)) return v;
    const Shape& in = node.input(0).shape;
    if (in.last() < options.step) {
      return input_violation(0, ErrorCode::invalid_shape, "must have frames of at least frame_step {} samples, not {}", options.step,
                             in.last());
    }
    const std::int64_t samples = std::int64_t{in[in.rank() - 2]} * options.step;
    if (samples > std::numeric_limits<std::int32_t>::max()) return input_violation(0, ErrorCode::invalid_shape, "has too many frames");
    Shape shape;
    for (int i = 0; i + 2 < in.rank(); ++i) shape.push_back(in[i]);
    shape.push_back(static_cast<std::int32_t>(samples));
    node.output(0).shape = shape;
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    const Shape& in = node.input(0).shape;
    return {.state_bytes = bytes_of(node.input(0).type, in.count(0, in.rank() - 2) * in.last())};
  }

  struct Prepared {
    std::int64_t rows = 0, frames = 0, size = 0, step = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{in.count(0, in.rank() - 2), in[in.rank() - 2], in.last(), options.step};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    using T = typename In::value_type;
    const Prepared& p = run.prepared;
    for (std::int64_t row = 0; row < p.rows; ++row) {
      T* const kept = reinterpret_cast<T*>(run.state) + row * p.size;
      for (std::int64_t f = 0; f < p.frames; ++f) {
        const T* const frame = in.data() + (row * p.frames + f) * p.size;
        for (std::int64_t i = 0; i < p.size; ++i) {
          if constexpr (std::is_integral_v<T>) {
            const int sum = int{kept[i]} + frame[i];
            kept[i] = static_cast<T>(sum < -32768 ? -32768 : sum > 32767 ? 32767 : sum);
          } else {
            kept[i] += frame[i];
          }
        }
        const auto step = static_cast<std::size_t>(p.step), rest = static_cast<std::size_t>(p.size - p.step);
        std::memcpy(out.data() + (row * p.frames + f) * p.step, kept, step * sizeof(T));
        std::memmove(kept, kept + step, rest * sizeof(T));
        std::memset(kept + rest, 0, step * sizeof(T));
      }
    }
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::int16_t>>, Signature<Takes<float>, Gives<float>>>;
};

/// SignalStacker: channels[n] -> the last (left + right + 1) inputs one behind the other, every stacker_step runs, and whether it is such a
/// run. The first input stands for those before it.
struct SignalStacker : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalStacker";
  static constexpr Arity inputs = 1, outputs = 2;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t channels = 0, left = 0, right = 0, step = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {detail::signal_option(custom, "num_channels"), detail::signal_option(custom, "stacker_left_context"),
              detail::signal_option(custom, "stacker_right_context"), detail::signal_option(custom, "stacker_step")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_stream(node)) return v;
    if (const Violation v = detail::require_signal_output(node, 1, TensorType::boolean, "must be bool")) return v;
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (const Violation v = detail::require_size(options.channels, 1)) return v;
    if (const Violation v = detail::require_size(options.left, 0)) return v;
    if (const Violation v = detail::require_size(options.right, 0)) return v;
    if (const Violation v = detail::require_size(options.step, 1)) return v;
    if (node.input(0).shape[0] != options.channels) {
      return input_violation(0, ErrorCode::invalid_shape, "must have the {} channels of the options, not {}", options.channels,
                             node.input(0).shape[0]);
    }
    const std::int64_t size = describe(options).size;
    if (size > std::numeric_limits<std::int32_t>::max())
      return node_violation(ErrorCode::invalid_option, "stacks more than 2^31 - 1 samples");
    node.output(0).shape = {static_cast<std::int32_t>(size)};
    node.output(1).shape = Shape{};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription&) {
    return {.state_bytes = detail::queue_bytes(describe(options).size + options.channels)};
  }

  struct Prepared {
    std::int64_t channels = 0, left = 0, size = 0, step = 0;  // step: samples
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription&, std::span<Multiplier>) {
    return describe(options);
  }

  template <class Run, class In, class Out, class Valid> static void eval(const Run& run, In in, Out out, Valid valid) {
    const Prepared& p = run.prepared;
    auto& queue = *reinterpret_cast<detail::SampleQueue*>(run.state);
    detail::append(queue, in.data(), p.channels);
    for (; queue.begun <= p.left; ++queue.begun) {
      if (queue.begun > 0) detail::append(queue, in.data(), p.channels);
    }
    valid[0] = queue.count >= p.size;
    if (queue.count >= p.size) {
      std::memcpy(out.data(), detail::samples_of(queue), static_cast<std::size_t>(p.size) * 2);
      detail::drop(queue, p.step);
    } else {
      std::memset(out.data(), 0, static_cast<std::size_t>(p.size) * 2);
    }
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::int16_t, Boolean>>>;

 private:
  static constexpr Prepared describe(const Options& o) {
    const std::int64_t channels = o.channels;
    return {channels, o.left, channels * (std::int64_t{o.left} + o.right + 1), channels * o.step};
  }
};

/// SignalDelay: samples[..., n] -> the samples delay_length later, zeros at first
struct SignalDelay : detail::SignalOp {
  static constexpr std::string_view custom_name = "SignalDelay";
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t length = 0;
    template <class Custom> static constexpr Options read(const Custom& custom) { return {detail::signal_option(custom, "delay_length")}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = detail::require_stream(node)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = detail::require_size(options.length, 0)) return v;
    node.output(0).shape = node.input(0).shape;
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Shape& in = node.input(0).shape;
    return {.state_bytes = in.count(0, in.rank() - 1) * 2 * options.length};
  }

  struct Prepared {
    std::int64_t rows = 0, columns = 0, length = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& in = node.input(0).shape;
    return Prepared{in.count(0, in.rank() - 1), in.last(), options.length};
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t row = 0; row < p.rows; ++row) {
      auto* const kept = reinterpret_cast<std::int16_t*>(run.state) + row * p.length;
      const std::int16_t* const from = in.data() + row * p.columns;
      std::int16_t* const to = out.data() + row * p.columns;
      for (std::int64_t i = 0; i < p.columns; ++i) to[i] = i < p.length ? kept[i] : from[i - p.length];
      // What waits now: the last samples of what waited and of what came.
      for (std::int64_t i = 0; i < p.length; ++i) {
        const std::int64_t at = i + p.columns;
        kept[i] = at < p.length ? kept[at] : from[at - p.length];
      }
    }
  }

  using Types = Signatures<Signature<Takes<std::int16_t>, Gives<std::int16_t>>>;
};

}  // namespace tfl
