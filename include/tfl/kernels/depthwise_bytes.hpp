#pragma once
// DEPTHWISE_CONV_2D of 8-bit data on simd::RowGroups: staged rows are interleaved a few at a time, each group of rows is multiplied with
// the columns of the filter of every output row that it is part of, and the sums of a block are requantized together.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "tfl/kernels/depthwise_rows.hpp"
#include "tfl/kernels/filter_quantization.hpp"
#include "tfl/linalg/float_steps.hpp"
#include "tfl/quant/activation.hpp"
#include "tfl/simd/short_requantize.hpp"

namespace tfl::detail {

/// What requantization needs besides a channel's constants.
struct DepthwiseByteOutput {
  std::int32_t input_zero_point = 0, filter_zero_point = 0, zero_point = 0;
  Int32Range range{};
};

template <class A, class T> struct DepthwiseBytes {
  using Plan = DepthwiseRowsPlan<A>;
  using Groups = simd::RowGroups<A>;
  using Stager = RowStager<A, T>;
  using V = simd::Int32<A>;
  static constexpr int L = simd::lanes<std::int32_t, A>, block = Plan::block, depth = Groups::depth;
  static constexpr int vector_bytes = L * Groups::value_bytes;
  /// From the fewest instructions to the most. Not mirrored: results below the zero point are clamped anyway.
  enum class Finish { steps, mirrored_steps, brief, mirrored_brief, general };
  static constexpr bool has_steps = simd::has_step_requantization<A>;
  using Steps = simd::StepRequantization<A>;
  using Short = simd::ShortRequantization<A>;
  struct Long {
    std::int32_t bias[L], mantissa[L], left[L], right[L];
  };
  /// Filters of uint8 are 9 bits wide without their zero point: what a byte does not hold is further filters, multiplied in turn.
  static constexpr bool may_split = std::is_unsigned_v<T> && sizeof(typename Groups::Weight) == 1;
  struct alignas(16) Header {  // where filters are no constants it lies in an arena
    union Constants {
      Steps steps[4];
      Short brief[4];
      Long general[4];
    } constants;
    Finish finish;
    int parts;  // filters that hold something
    std::byte to_next_cache_line[48];
  };

  static constexpr std::int64_t filter_bytes(const Plan& plan) { return std::int64_t{plan.taps} * plan.step * 4 * vector_bytes; }
  /// As many as the zero point may ask for, two for most, none but the first where it is 128.
  static constexpr int max_parts(std::int32_t filter_zero_point) {
    if (!may_split || filter_zero_point == 128) return 1;
    return filter_zero_point == 0 ? 3 : 2;  // 255 is 127 + 127 + 1, while -255 is -128 - 127
  }
  static constexpr std::int64_t chunk_bytes(const Plan& plan, std::int32_t filter_zero_point) {
    return static_cast<std::int64_t>(sizeof(Header)) + (filter_bytes(plan) * max_parts(filter_zero_point) + 63) / 64 * 64;
  }
  static constexpr std::int64_t packed_bytes(const Plan& plan, std::int32_t filter_zero_point) {
    return plan.chunks * chunk_bytes(plan, filter_zero_point);
  }

  /// Whether results below the zero point count.
  static bool is_mirrored(const DepthwiseByteOutput& output) { return output.range.lo < output.zero_point; }

  /// filter[taps][output channels], bias (may be null) and multipliers by output channel.
  static void pack(const DepthwiseShape& shape, const DepthwiseByteOutput& output, const T* filter, const std::int32_t* bias,
                   const Multiplier* multipliers, std::byte* to) {
    const Plan plan(shape);
    for (std::int64_t i = 0; i < plan.chunks; ++i, to += chunk_bytes(plan, output.filter_zero_point)) {
      pack_chunk(shape, plan, output, Plan::chunk(i, shape.output_channels), filter, bias, multipliers, to);
    }
  }

  template <class Executor>
  static void run(const DepthwiseShape& shape, const DepthwiseByteOutput& output, Executor& executor, std::int64_t batches, const T* images,
                  const std::byte* packed, T* out) {
    const Plan plan(shape);
    const std::int64_t steps = (shape.y.output + plan.step - 1) / plan.step;
    const std::int64_t cost = shape.x.output * shape.output_channels * plan.step * (plan.taps + 4) / block + 1;
    executor.parallel_for(batches * steps, cost, [&](std::int64_t first, std::int64_t last, int) {
      while (first < last) {
        const std::int64_t batch = first / steps, begin = first - batch * steps;
        const std::int64_t end = last - batch * steps < steps ? last - batch * steps : steps;
        rows(shape, plan, output, images + batch * shape.y.input * shape.x.input * shape.channels, packed,
             out + batch * shape.y.output * shape.x.output * shape.output_channels, begin, end);
        first = batch * steps + end;
      }
    });
  }

 private:
  static void pack_chunk(const DepthwiseShape& shape, const Plan& plan, const DepthwiseByteOutput& output, const DepthwiseChunk& chunk,
                         const T* filter, const std::int32_t* bias, const Multiplier* multipliers, std::byte* to) {
    Header& header = *new (to) Header{};
    auto* weights = reinterpret_cast<typename Groups::Weight*>(to + sizeof(Header));
    std::memset(weights, 0, static_cast<std::size_t>(chunk_bytes(plan, output.filter_zero_point)) - sizeof(Header));
    constexpr int staged_offset = std::is_signed_v<T> ? (Groups::staged_signed ? 0 : -128) : (Groups::staged_signed ? 128 : 0);
    simd::Rescaling rescalings[4][L];
    for (int i = 0; i < block; ++i) {
      const int in_cell = i % chunk.cell;
      if (in_cell >= chunk.count) continue;
      const std::int64_t c = chunk.first + in_cell;
      const int vector = simd::group_vector(i), lane = simd::group_lane(i);
      std::int32_t sum = 0;
      std::int64_t magnitude = 0;
      for (std::int64_t ky = 0; ky < shape.y.filter; ++ky) {
        for (std::int64_t kx = 0; kx < shape.x.filter; ++kx) {
          const std::int32_t value = filter[(ky * shape.x.filter + kx) * shape.output_channels + c] - output.filter_zero_point;
          sum += value;
          magnitude += value < 0 ? -value : value;
          std::int32_t rest = value;
          for (int part = 0; part == 0 || rest != 0; ++part) {
            std::int32_t kept = rest;
            if constexpr (may_split) kept = rest < -128 ? -128 : rest > 127 ? 127 : rest;
            rest -= kept;
            if (part >= header.parts) header.parts = part + 1;
            for (int r = 0; r < plan.step; ++r) {
              const std::int64_t row = ky + r, tap = part * plan.taps + row / depth * shape.x.filter + kx;
              weights[(((tap * plan.step + r) * 4 + vector) * L + lane) * depth + row % depth] = static_cast<typename Groups::Weight>(kept);
            }
          }
        }
      }
      const std::int32_t b = bias != nullptr ? bias[c] : 0;
      rescalings[vector][lane] = {wrapping_add(b, wrapping_multiply(staged_offset - output.input_zero_point, sum)),
                                  255 * magnitude + (b < 0 ? -std::int64_t{b} : std::int64_t{b}), multipliers[c]};
    }
    header.finish = set_constants(header.constants, rescalings, output);
  }

  static Finish set_constants(typename Header::Constants& to, const simd::Rescaling (&rescalings)[4][L],
                              const DepthwiseByteOutput& output) {
    const bool mirrored = is_mirrored(output);
    if constexpr (has_steps) {
      if (simd::steps_can_clamp(output.zero_point, output.range.lo, output.range.hi) && set_steps(to.steps, rescalings, output))
        return mirrored ? Finish::mirrored_steps : Finish::steps;
    }
    bool is_brief = true;
    for (int v = 0; v < 4; ++v) is_brief = is_brief && to.brief[v].set(rescalings[v], output.zero_point, mirrored);
    if (is_brief) return mirrored ? Finish::mirrored_brief : Finish::brief;
    for (int v = 0; v < 4; ++v) {
      Long& constants = to.general[v];
      for (int i = 0; i < L; ++i) {
        const simd::Rescaling& r = rescalings[v][i];
        constants.bias[i] = r.bias;
        constants.mantissa[i] = r.multiplier.mantissa;
        constants.left[i] = r.multiplier.shift > 0 ? r.multiplier.shift : 0;
        constants.right[i] = r.multiplier.shift > 0 ? 0 : -r.multiplier.shift;
      }
    }
    return Finish::general;
  }

  static bool set_steps(Steps (&to)[4], const simd::Rescaling (&rescalings)[4][L], const DepthwiseByteOutput& output) {
    const std::int32_t above = output.range.hi - output.zero_point, below = output.zero_point - output.range.lo;
    for (int v = 0; v < 4; ++v) {
      std::int32_t mantissa[L], right[L];
      for (int i = 0; i < L; ++i) {
        const Multiplier m = rescalings[v][i].multiplier;
        mantissa[i] = m.mantissa;
        right[i] = m.mantissa == 0 ? 1 : -m.shift;
        constexpr std::int64_t largest = std::int64_t{1} << 30;
        if (right[i] < 1 || right[i] > 30 || rescalings[v][i].largest >= largest) return false;
        to[v].bias[i] = rescalings[v][i].bias;
      }
      if (!linalg::find_float_steps<A>(mantissa, right, L, above > below ? above : below, is_mirrored(output), to[v].high, to[v].low,
                                       to[v].lift)) {
        return false;
      }
    }
    return true;
  }

  /// One strip of one step.
  struct Tile {
    const std::uint8_t* taps[(may_split ? 3 : 1) * Plan::max_taps];  // the groups under the first block
    int tap_count = 0;
    std::int64_t vector_bytes = 0;  // from one of the four vectors of a block to the next
    const Header* header = nullptr;
    const std::byte* filter = nullptr;
    T* to = nullptr;          // the first position's first channel
    std::int64_t to_row = 0;  // between output rows
    std::int64_t to_position = 0;
    std::int64_t positions = 0;
    DepthwiseChunk chunk{};
  };

  static void rows(const DepthwiseShape& shape, const Plan& plan, const DepthwiseByteOutput& output, const T* image,
                   const std::byte* packed, T* out, std::int64_t begin, std::int64_t end) {
    alignas(64) std::uint8_t memory[Plan::buffer_bytes];
    const std::int64_t line = shape.x.input * shape.channels;
    Tile tile;
    tile.to_row = shape.x.output * shape.output_channels;
    tile.to_position = shape.output_channels;
    for (std::int64_t c = 0; c < plan.chunks; ++c, packed += chunk_bytes(plan, output.filter_zero_point)) {
      tile.chunk = Plan::chunk(c, shape.output_channels);
      tile.header = reinterpret_cast<const Header*>(packed);
      tile.filter = packed + sizeof(Header);
      const typename Plan::Strip strip(plan, shape, tile.chunk);
      std::uint8_t* const groups = memory + plan.rows * strip.row_bytes;
      tile.vector_bytes = strip.vector_bytes;
      tile.tap_count = 0;
      for (int part = 0; part < tile.header->parts; ++part) {
        for (int g = 0; g < plan.groups; ++g) {
          for (int k = 0; k < shape.x.filter; ++k) {
            const StagedColumn column = strip.columns[k];
            const std::int64_t at = column.plane * strip.plane_bytes + std::int64_t{column.start} * tile.chunk.cell;
            tile.taps[tile.tap_count++] = groups + g * strip.group_bytes + at * Groups::value_bytes / 4;
          }
        }
      }
      for (std::int64_t x = 0; x < shape.x.output; x += strip.positions) {
        tile.positions = shape.x.output - x < strip.positions ? shape.x.output - x : strip.positions;
        const Stager stager{
            shape, strip, tile.chunk, static_cast<std::uint8_t>(output.input_zero_point ^ Stager::flip), shape.x.origin(x), tile.positions};
        // Rows are counted from the first one that the first window meets; a row's place in the ring follows from that.
        std::int64_t staged = 0;
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t y = i * plan.step, top = y * shape.y.stride;
          const bool shares_rows = shape.y.dilation == 1;
          if (staged < top || !shares_rows) staged = top;
          for (; staged < top + plan.rows; ++staged) {
            const std::int64_t iy = shares_rows ? staged - shape.y.before : shape.y.origin(y) + (staged - top) * shape.y.dilation;
            stager.stage(iy >= 0 && iy < shape.y.input ? image + iy * line : nullptr, memory + staged % plan.rows * strip.row_bytes);
          }
          interleave(plan, strip, memory, top, groups);
          tile.to = out + (y * shape.x.output + x) * shape.output_channels + tile.chunk.first;
          compute(plan, output, tile, plan.step == 2 && y + 1 < shape.y.output ? 2 : 1);
        }
      }
    }
  }

  static void interleave(const Plan& plan, const typename Plan::Strip& strip, const std::uint8_t* ring, std::int64_t top,
                         std::uint8_t* groups) {
    for (int g = 0; g < plan.groups; ++g) {
      const std::uint8_t* from[depth];
      // Where a group has more rows than there are, any will do: their filter is 0.
      for (int k = 0; k < depth; ++k) {
        from[k] = ring + (g * depth + k < plan.rows ? top + g * depth + k : top) % plan.rows * strip.row_bytes;
      }
      std::uint8_t* to = groups + g * strip.group_bytes;
      for (std::int64_t i = 0; i < strip.row_bytes; i += block, to += vector_bytes) {
        Groups::interleave(from, i, to, strip.vector_bytes);
      }
    }
  }

  static void compute(const Plan& plan, const DepthwiseByteOutput& output, const Tile& tile, int rows) {
    constexpr int common = 3 * ((4 + depth - 1) / depth);  // taps of a 3x3 filter for two output rows
    if (plan.step == 1) return tile.tap_count == common ? select<1, 1, common>(output, tile) : select<1, 1, 0>(output, tile);
    if (rows == 1) return select<2, 1, 0>(output, tile);
    tile.tap_count == common ? select<2, 2, common>(output, tile) : select<2, 2, 0>(output, tile);
  }
  template <int Step, int Rows, int Taps> static void select(const DepthwiseByteOutput& output, const Tile& tile) {
    switch (tile.header->finish) {
      case Finish::steps:
        if constexpr (has_steps) return blocks<Step, Rows, Taps, Finish::steps>(output, tile);
        break;
      case Finish::mirrored_steps:
        if constexpr (has_steps) return blocks<Step, Rows, Taps, Finish::mirrored_steps>(output, tile);
        break;
      // Where there are steps, the rest is rare and what fits all will do.
      case Finish::brief:
        if constexpr (!has_steps) return blocks<Step, Rows, Taps, Finish::brief>(output, tile);
        return blocks<Step, Rows, 0, Finish::brief>(output, tile);
      case Finish::mirrored_brief:
        if constexpr (!has_steps) return blocks<Step, Rows, Taps, Finish::mirrored_brief>(output, tile);
        return blocks<Step, Rows, 0, Finish::mirrored_brief>(output, tile);
      case Finish::general: break;
    }
    blocks<Step, Rows, 0, Finish::general>(output, tile);
  }

  /// Blocks that share the filter's loads: as many as leave registers for them.
  template <int Rows>
  static constexpr int blocks_at_once = Rows == 1 || std::is_base_of_v<simd::Avx512, A> || std::is_base_of_v<simd::Neon, A> ? 2 : 1;

  /// What a strip's loop needs, copied out of tile and output: stores of bytes may change anything else, as far as compilers know.
  template <int Taps> struct Loop {
    explicit Loop(const Tile& tile) : vector_bytes(tile.vector_bytes), filter(tile.filter), tap_count(tile.tap_count) {
      if constexpr (Taps > 0) {
        for (int t = 0; t < Taps; ++t) fixed[t] = tile.taps[t];
      } else {
        taps = tile.taps;
      }
    }
    const std::uint8_t* tap(int t) const {
      if constexpr (Taps > 0) {
        return fixed[t];
      } else {
        return taps[t];
      }
    }
    std::int64_t vector_bytes;
    const std::byte* filter;
    int tap_count;
    const std::uint8_t* const* taps = nullptr;
    const std::uint8_t* fixed[Taps > 0 ? Taps : 1];
  };

  /// Step: output rows that the filter is packed for; Rows: those made; Taps: how many, or 0 where the tile knows.
  template <int Step, int Rows, int Taps, Finish F> static TFL_NOINLINE void blocks(const DepthwiseByteOutput& output, const Tile& tile) {
    constexpr int at_once = Taps > 0 ? blocks_at_once<Rows> : 1;
    const std::int32_t zero_point = output.zero_point;
    const T lo = static_cast<T>(output.range.lo), hi = static_cast<T>(output.range.hi);
    const typename Header::Constants& constants = tile.header->constants;
    const DepthwiseChunk chunk = tile.chunk;
    const std::int64_t to_row = tile.to_row, to_position = tile.to_position;
    const int per_block = block / chunk.cell;
    const bool whole = chunk.count == chunk.cell && (per_block == 1 || to_position == chunk.cell);
    const Loop<Taps> loop(tile);
    std::int64_t left = tile.positions, at = 0;
    T* to = tile.to;
    if constexpr (at_once == 2) {
      for (; whole && left >= 2 * per_block; at += 2 * vector_bytes, left -= 2 * per_block, to += 2 * per_block * to_position) {
        V sums[2][Rows][4];
        compute<Step, Rows, Taps, F, 2>(loop, constants, zero_point, at, sums);
        TFL_UNROLL
        for (int r = 0; r < Rows; ++r) {
          store<F>(to + r * to_row, sums[0][r], zero_point, lo, hi);
          store<F>(to + r * to_row + per_block * to_position, sums[1][r], zero_point, lo, hi);
        }
      }
    }
    for (; left > 0; at += vector_bytes, left -= per_block, to += per_block * to_position) {
      V sums[1][Rows][4];
      compute<Step, Rows, Taps, F, 1>(loop, constants, zero_point, at, sums);
      TFL_UNROLL
      for (int r = 0; r < Rows; ++r) {
        T* row = to + r * to_row;
        if (whole && left >= per_block) {
          store<F>(row, sums[0][r], zero_point, lo, hi);
        } else {
          T values[block];
          store<F>(values, sums[0][r], zero_point, lo, hi);
          scatter(values, chunk, left < per_block ? static_cast<int>(left) : per_block, row, to_position);
        }
      }
    }
  }

  /// The outputs of Blocks blocks from `at` on, as store() takes them.
  template <int Step, int Rows, int Taps, Finish F, int Blocks>
  static TFL_ALWAYS_INLINE void compute(const Loop<Taps>& loop, const typename Header::Constants& constants,
                                        [[maybe_unused]] std::int32_t zero_point, std::int64_t at, V (&sums)[Blocks][Rows][4]) {
    TFL_UNROLL
    for (int v = 0; v < 4; ++v) {
      V start;
      if constexpr (F == Finish::general) {
        start = simd::load<A>(constants.general[v].bias);
      } else if constexpr (F == Finish::steps || F == Finish::mirrored_steps) {
        start = constants.steps[v].start();
      } else {
        start = constants.brief[v].start();
      }
      TFL_UNROLL
      for (int b = 0; b < Blocks; ++b) {
        TFL_UNROLL
        for (int r = 0; r < Rows; ++r) sums[b][r][v] = start;
      }
    }
    if constexpr (Taps > 0) {
      TFL_UNROLL
      for (int t = 0; t < Taps; ++t) add_tap<Step, Rows, Taps, Blocks>(loop, t, at, sums);
    } else {
      for (int t = 0; t < loop.tap_count; ++t) add_tap<Step, Rows, Taps, Blocks>(loop, t, at, sums);
    }
    TFL_UNROLL
    for (int v = 0; v < 4; ++v) {
      TFL_UNROLL
      for (int b = 0; b < Blocks; ++b) {
        TFL_UNROLL
        for (int r = 0; r < Rows; ++r) {
          V& sum = sums[b][r][v];
          if constexpr (F == Finish::general) {
            const Long& c = constants.general[v];
            sum =
                simd::multiply<A>(sum, simd::LaneMultipliers<A>{simd::load<A>(c.mantissa), simd::load<A>(c.left), simd::load<A>(c.right)}) +
                V(zero_point);
          } else if constexpr (F == Finish::steps || F == Finish::mirrored_steps) {
            sum = constants.steps[v].template finish<F == Finish::mirrored_steps>(sum);
          } else {
            sum = constants.brief[v].template finish<F == Finish::mirrored_brief>(sum);
          }
        }
      }
    }
  }

  template <int Step, int Rows, int Taps, int Blocks>
  static TFL_ALWAYS_INLINE void add_tap(const Loop<Taps>& loop, int t, std::int64_t at, V (&sums)[Blocks][Rows][4]) {
    const std::uint8_t* from = loop.tap(t) + at;
    const std::byte* filter = loop.filter + std::int64_t{t} * Step * 4 * vector_bytes;
    TFL_UNROLL
    for (int v = 0; v < 4; ++v) {
      TFL_UNROLL
      for (int b = 0; b < Blocks; ++b) {
        const typename Groups::Group group = Groups::load(from + v * loop.vector_bytes + b * vector_bytes);
        TFL_UNROLL
        for (int r = 0; r < Rows; ++r) sums[b][r][v] = Groups::dot(sums[b][r][v], group, filter + (4 * r + v) * vector_bytes);
      }
    }
  }

  template <Finish F>
  static TFL_ALWAYS_INLINE void store(T* to, const V* y, [[maybe_unused]] std::int32_t zero_point, [[maybe_unused]] T lo, T hi) {
    if constexpr (F == Finish::steps || F == Finish::mirrored_steps) {
      Groups::template store_steps<F == Finish::mirrored_steps>(to, y, zero_point, hi);
    } else {
      Groups::store(to, y, lo, hi);
    }
  }

  static void scatter(const T* values, const DepthwiseChunk& chunk, int positions, T* to, std::int64_t step) {
    for (int i = 0; i < positions; ++i, values += chunk.cell, to += step) {
      if (chunk.count == 16) {
        std::memcpy(to, values, 16);
      } else if (chunk.count == 32) {
        std::memcpy(to, values, 32);
      } else if (chunk.count == 8) {
        std::memcpy(to, values, 8);
      } else {
        std::memcpy(to, values, static_cast<std::size_t>(chunk.count));
      }
    }
  }
};

}  // namespace tfl::detail
