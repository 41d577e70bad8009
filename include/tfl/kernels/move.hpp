#pragma once
// Moving bytes: what the ops without arithmetic share. Everything is templated on the architecture, because one program may hold several.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl::detail {

/// Nanoseconds that moving so many bytes takes, roughly.
constexpr std::int64_t cost_of_moving(std::int64_t bytes) { return 1 + bytes / 8; }

// Rows of Chunk bytes; with Twice, rows of Chunk to 2 * Chunk bytes as two chunks that overlap.
template <class A, int Chunk, bool Twice>
inline void copy_short_rows(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t bytes,
                            std::int64_t rows) {
  const std::int64_t second = bytes - Chunk;
  for (; rows > 0; --rows) {
    struct {
      std::byte bytes[Chunk];
    } head, tail;
    std::memcpy(&head, from, Chunk);
    if constexpr (Twice) std::memcpy(&tail, from + second, Chunk);
    std::memcpy(to, &head, Chunk);
    if constexpr (Twice) std::memcpy(to + second, &tail, Chunk);
    to += to_step;
    from += from_step;
  }
}

/// Copies `rows` rows of `bytes` bytes each; rows start `from_step` and `to_step` bytes apart. Rows don't overlap; steps may be negative.
template <class A>
inline void copy_rows(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t bytes,
                      std::int64_t rows) {
  if (rows <= 0 || bytes <= 0) return;
  if (rows == 1 || (to_step == bytes && from_step == bytes)) {
    std::memcpy(to, from, static_cast<std::size_t>(bytes * rows));
    return;
  }
  switch (bytes) {
    case 1: return copy_short_rows<A, 1, false>(to, to_step, from, from_step, bytes, rows);
    case 2: return copy_short_rows<A, 2, false>(to, to_step, from, from_step, bytes, rows);
    case 4: return copy_short_rows<A, 4, false>(to, to_step, from, from_step, bytes, rows);
    case 8: return copy_short_rows<A, 8, false>(to, to_step, from, from_step, bytes, rows);
    case 16: return copy_short_rows<A, 16, false>(to, to_step, from, from_step, bytes, rows);
    default: break;
  }
  if (bytes < 4) return copy_short_rows<A, 2, true>(to, to_step, from, from_step, bytes, rows);
  if (bytes < 8) return copy_short_rows<A, 4, true>(to, to_step, from, from_step, bytes, rows);
  if (bytes < 16) return copy_short_rows<A, 8, true>(to, to_step, from, from_step, bytes, rows);
  if (bytes <= 32) return copy_short_rows<A, 16, true>(to, to_step, from, from_step, bytes, rows);
  if (bytes <= 64) return copy_short_rows<A, 32, true>(to, to_step, from, from_step, bytes, rows);
  for (; rows > 0; --rows) {
    std::memcpy(to, from, static_cast<std::size_t>(bytes));
    to += to_step;
    from += from_step;
  }
}

/// Fills `total` bytes with copies of the first `block` of them. Requires that block divides total.
template <class A> inline void repeat_block(std::byte* at, std::int64_t block, std::int64_t total) {
  // What is copied doubles until it is as long as a near cache still holds.
  constexpr std::int64_t near_cache = 16384;
  for (std::int64_t source = block, done = block; done < total;) {
    const std::int64_t now = source < total - done ? source : total - done;
    std::memcpy(at + done, at, static_cast<std::size_t>(now));
    done += now;
    if (2 * source <= near_cache) source = done;
  }
}

template <class A, class T> inline void fill_typed(std::byte* to, const std::byte* element, std::int64_t count) {
  constexpr int size = sizeof(T), lanes = simd::lanes<T, A>;
  T value;
  std::memcpy(&value, element, size);
  const simd::Batch<T, A> repeated(value);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) std::memcpy(to + i * size, &repeated, sizeof repeated);
  for (; i < count; ++i) std::memcpy(to + i * size, &value, size);
}
/// Writes `count` copies of an element of 1 to 8 bytes.
template <class A> inline void fill_elements(std::byte* to, const std::byte* element, int size, std::int64_t count) {
  switch (size) {
    case 1: return fill_typed<A, std::uint8_t>(to, element, count);
    case 2: return fill_typed<A, std::uint16_t>(to, element, count);
    case 4: return fill_typed<A, std::uint32_t>(to, element, count);
    case 8: return fill_typed<A, std::uint64_t>(to, element, count);
    default:
      if (count <= 0) return;
      std::memcpy(to, element, static_cast<std::size_t>(size));
      repeat_block<A>(to, size, size * count);
  }
}

/// A dense output whose elements lie anywhere in the source at fixed steps, positive, negative or 0: slices, repetitions,
/// permutations. Axes come outermost first and merge where they can; what is contiguous becomes a run.
struct StridedCopy {
  static constexpr int max_axes = 2 * max_rank;
  int rank = 0;                         // axes around a run
  std::int64_t run = 0;                 // contiguous bytes
  std::int64_t offset = 0;              // bytes from the source's start to its first element
  std::int64_t count[max_axes] = {};    // of each axis
  std::int64_t step[max_axes] = {};     // bytes from one of its items to the next, in the source
  std::int64_t to_step[max_axes] = {};  // likewise, in the output
  bool empty = false;

  /// Adds an axis inside of the others.
  constexpr void add(std::int64_t items, std::int64_t bytes) {
    if (items == 0) empty = true;
    if (items == 1 || empty) return;
    if (rank > 0 && step[rank - 1] == bytes * items) {
      count[rank - 1] *= items;
      step[rank - 1] = bytes;
    } else {
      count[rank] = items;
      step[rank++] = bytes;
    }
  }
  /// After the last axis.
  constexpr void finish(std::int64_t element_bytes) {
    run = element_bytes;
    if (rank > 0 && step[rank - 1] == element_bytes) run *= count[--rank];
    std::int64_t block = run;
    for (int i = rank - 1; i >= 0; --i) {
      to_step[i] = block;
      block *= count[i];
    }
  }
  /// Where the output lies in the source, in one piece; -1 where it doesn't.
  constexpr std::int64_t piece() const { return rank == 0 && !empty ? offset : -1; }
  constexpr std::int64_t bytes() const { return empty ? 0 : rank > 0 ? to_step[0] * count[0] : run; }
};

// Rows that are short enough to be visited several times are so many bytes at a time: they stay in the nearest cache.
inline constexpr std::int64_t visited_bytes = 8192;

/// to[i] = `times` copies of a run: row i starts at to + i * to_step and from + i * from_step.
template <class A>
inline void repeat_runs(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t run,
                        std::int64_t times, std::int64_t rows) {
  if (run * times > visited_bytes / 8 || times > 16) {
    for (std::int64_t i = 0; i < rows; ++i) {
      if (run <= 8) {
        fill_elements<A>(to + i * to_step, from + i * from_step, static_cast<int>(run), times);
      } else {
        std::memcpy(to + i * to_step, from + i * from_step, static_cast<std::size_t>(run));
        repeat_block<A>(to + i * to_step, run, run * times);
      }
    }
    return;
  }
  const std::int64_t most = visited_bytes / (run * times);
  for (std::int64_t first = 0; first < rows; first += most) {
    const std::int64_t now = rows - first < most ? rows - first : most;
    for (std::int64_t k = 0; k < times; ++k) {
      copy_rows<A>(to + first * to_step + k * run, to_step, from + first * from_step, from_step, run, now);
    }
  }
}

// `items` items of one axis and all that is inside. Requires axis < rank.
template <class A> inline void copy_axis(const StridedCopy& copy, int axis, std::int64_t items, std::byte* to, const std::byte* from) {
  const std::int64_t step = copy.step[axis], to_step = copy.to_step[axis];
  const bool last = axis == copy.rank - 1;
  if (step == 0) {
    if (last) {
      std::memcpy(to, from, static_cast<std::size_t>(copy.run));
    } else {
      copy_axis<A>(copy, axis + 1, copy.count[axis + 1], to, from);
    }
    repeat_block<A>(to, to_step, to_step * items);
  } else if (last) {
    copy_rows<A>(to, to_step, from, step, copy.run, items);
  } else if (axis == copy.rank - 2 && copy.step[axis + 1] == 0) {
    repeat_runs<A>(to, to_step, from, step, copy.run, copy.count[axis + 1], items);
  } else {
    for (std::int64_t i = 0; i < items; ++i) copy_axis<A>(copy, axis + 1, copy.count[axis + 1], to + i * to_step, from + i * step);
  }
}

/// Copies contiguous bytes on all threads.
template <class A, class Executor> inline void copy_bytes(Executor& executor, std::byte* to, const std::byte* from, std::int64_t bytes) {
  constexpr std::int64_t block = 16384;
  executor.parallel_for((bytes + block - 1) / block, cost_of_moving(block), [&](std::int64_t first, std::int64_t last, int) {
    const std::int64_t end = last * block < bytes ? last * block : bytes;
    std::memcpy(to + first * block, from + first * block, static_cast<std::size_t>(end - first * block));
  });
}

template <class A, class Executor>
inline void copy_strided(Executor& executor, const StridedCopy& copy, std::byte* to, const std::byte* from) {
  if (copy.empty) return;
  from += copy.offset;
  if (copy.rank == 0) return copy_bytes<A>(executor, to, from, copy.run);
  // A short outermost axis would leave threads without work.
  const bool inside = copy.rank > 1 && copy.count[0] < executor.workers() && copy.count[1] > copy.count[0];
  const int axis = inside ? 1 : 0;
  for (std::int64_t i = 0; i < (inside ? copy.count[0] : 1); ++i) {
    std::byte* to_item = to + i * copy.to_step[0];
    const std::byte* from_item = from + i * copy.step[0];
    executor.parallel_for(copy.count[axis], cost_of_moving(copy.to_step[axis]), [&](std::int64_t first, std::int64_t last, int) {
      copy_axis<A>(copy, axis, last - first, to_item + first * copy.to_step[axis], from_item + first * copy.step[axis]);
    });
  }
}

/// copy_strided() of elements that share bytes: what the copy counts in bytes are elements.
template <class P> inline void copy_packed(const StridedCopy& copy, P* to, const P* from) {
  if (copy.empty) return;
  constexpr int per_byte = PackedRange<P>::per_byte;
  std::memset(static_cast<void*>(to), 0, static_cast<std::size_t>((copy.bytes() + per_byte - 1) / per_byte));
  std::int64_t index[StridedCopy::max_axes] = {}, at = copy.offset, written = 0;
  while (true) {
    for (std::int64_t i = 0; i < copy.run; ++i) put_packed(to, written++, packed_at(from, at + i));
    int axis = copy.rank - 1;
    for (; axis >= 0; --axis) {
      at += copy.step[axis];
      if (++index[axis] < copy.count[axis]) break;
      at -= copy.count[axis] * copy.step[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

/// The bytes of a view, for code that is the same for all element types.
template <class V> inline const std::byte* bytes_of_input(const V& view) { return reinterpret_cast<const std::byte*>(view.data()); }
template <class V> inline std::byte* bytes_of_output(const V& view) { return reinterpret_cast<std::byte*>(view.data()); }

/// Input `input` (an axis) as one integer in [0, rank).
struct Axis {
  Violation violation;
  int value = 0;
};
constexpr Axis read_axis(const NodeDescription& node, int input, int rank) {
  const TensorDescription& axis = node.input(input);
  if (axis.type != TensorType::int32 && axis.type != TensorType::int64) {
    return {input_violation(input, ErrorCode::invalid_type, "must be int32 or int64")};
  }
  if (const Violation v = require_known(node, input)) return {v};
  if (axis.count() != 1) return {input_violation(input, ErrorCode::invalid_shape, "must have one element, not {}", axis.count())};
  const int value = normalized_axis(axis.integers[0], rank);
  if (value >= 0) return {{}, value};
  return {input_violation(input, ErrorCode::invalid_value, "is axis {}, which is outside of [{}, {})", axis.integers[0], -rank, rank)};
}

/// Inputs that list integers: a vector of int32 or int64 whose values are known.
constexpr Violation require_integer_vector(const NodeDescription& node, int input) {
  const TensorDescription& list = node.input(input);
  if (list.type != TensorType::int32 && list.type != TensorType::int64) {
    return input_violation(input, ErrorCode::invalid_type, "must be int32 or int64");
  }
  if (const Violation v = require_known(node, input)) return v;
  if (list.rank() != 1) return input_violation(input, ErrorCode::invalid_shape, "must be a vector, not of {} dimensions", list.rank());
  return {};
}

/// Bytes of one element of types that fill whole bytes.
constexpr int element_bytes(TensorType type) { return bits_of(type) / 8; }
/// What copies count: bytes, or elements where those share bytes.
constexpr int copy_units(TensorType type) { return is_packed_integer(type) ? 1 : element_bytes(type); }

/// Elements that can be moved one by one: of 1, 2, 4, 8 or 16 bytes, as all but strings and the types below a byte.
constexpr Violation require_whole_bytes(const NodeDescription& node, int input) {
  if (element_bytes(node.input(input).type) > 0) return {};
  return input_violation(input, ErrorCode::unsupported_type, "must have elements of whole bytes");
}

/// Copy units from one index to the next, for every axis of a dense tensor.
struct Steps {
  std::int64_t of[max_rank + 1] = {};
};
constexpr Steps dense_steps(const TensorDescription& tensor) {
  Steps steps;
  std::int64_t bytes = copy_units(tensor.type);
  for (int i = tensor.rank() - 1; i >= 0; --i) {
    steps.of[i] = bytes;
    bytes *= tensor.shape[i];
  }
  return steps;
}

}  // namespace tfl::detail
