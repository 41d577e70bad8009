#pragma once
// Matrix products of bytes on tile registers (AMX): up to 32 rows times a packed panel of 16 or 32 columns.
//
// A tile of activations is up to 16 rows of 64 neighbouring bytes; the tile of weights that goes with it is 16 groups of 4 x 16 bytes, as
// Dot's panels hold them. Each thread configures its tiles before products and releases them afterwards.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/config.hpp"
#include "tfl/simd/arch.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/cpu.hpp"

#if TFL_HAS_XSIMD && defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__AVX512BW__) && defined(__x86_64__)
#define TFL_HAS_TILES 1
#else
#define TFL_HAS_TILES 0
#endif

namespace tfl::simd {

/// Whether an architecture multiplies bytes on tiles, and the most rows of one product.
template <class A> inline constexpr bool has_tiles = TFL_HAS_TILES != 0 && std::is_base_of_v<Avx512Amx, A>;
inline constexpr int most_tile_rows = 32;
/// Elements of a row that one step takes.
inline constexpr int tile_step = 64;

#if TFL_HAS_TILES

/// Whether the operating system lets this process use tiles. It is asked once: Linux makes room for them only on demand.
inline bool tiles_allowed() {
#if defined(TFL_DISPATCH_ARCH)
  return true;  // else this architecture would not have been picked
#else
  static const bool allowed = detail::request_tiles();
  return allowed;
#endif
}

namespace detail {
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

/// Tiles 0 to 3 are sums, 4 and 5 activations of `rows` rows, 6 and 7 weights.
constexpr TileConfig tile_config(int rows) {
  TileConfig config;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = 64;
    config.rows[t] = static_cast<std::uint8_t>(t < 6 ? rows : 16);
  }
  return config;
}
// Constants, because the compiler doesn't see that the instruction reads all 64 bytes.
inline constexpr TileConfig tile_configs[16] = {
    tile_config(1), tile_config(2),  tile_config(3),  tile_config(4),  tile_config(5),  tile_config(6),  tile_config(7),  tile_config(8),
    tile_config(9), tile_config(10), tile_config(11), tile_config(12), tile_config(13), tile_config(14), tile_config(15), tile_config(16)};
}  // namespace detail

/// Tiles of `rows` rows are ready on this thread as long as it lives.
class TileSession {
 public:
  explicit TileSession(int rows) { _tile_loadconfig(&detail::tile_configs[rows - 1]); }
  ~TileSession() { _tile_release(); }
  TileSession(const TileSession&) = delete;
  TileSession& operator=(const TileSession&) = delete;
};

/// Rows of activations in memory: row m's step s begins at + m * row + s * step.
struct TileRows {
  const void* at;
  std::int64_t row, step;
};

namespace detail {
/// Compilers may not see what tile loads read: all earlier stores must be done.
TFL_ALWAYS_INLINE void finish_stores() { std::atomic_signal_fence(std::memory_order_seq_cst); }
}  // namespace detail

/// Puts start[n] into the sums of RowTiles times Vectors tiles, or 0 where it is null. Loads are cheaper than to add it later.
template <int RowTiles, int Vectors> TFL_ALWAYS_INLINE void start_tiles(const std::int32_t* start) {
  if (start == nullptr) {
    _tile_zero(0);
    if constexpr (Vectors == 2) _tile_zero(1);
    if constexpr (RowTiles == 2) _tile_zero(2);
    if constexpr (RowTiles == 2 && Vectors == 2) _tile_zero(3);
  } else {
    _tile_loadd(0, start, 0);
    if constexpr (Vectors == 2) _tile_loadd(1, start + 16, 0);
    if constexpr (RowTiles == 2) _tile_loadd(2, start, 0);
    if constexpr (RowTiles == 2 && Vectors == 2) _tile_loadd(3, start + 16, 0);
  }
}

/// sums[m][n] = start[n] + sum over `steps` steps of x[m][k] * w[k][n], m over RowTiles tiles of `rows` rows each, n over Vectors * 16
/// columns. T: of the activations; the weights are signed. start may be null.
template <class T, int RowTiles, int Vectors>
TFL_NOINLINE void multiply_tiles(const TileRows& x, int rows, const std::uint8_t* w, std::int64_t steps, const std::int32_t* start,
                                 std::int32_t* sums) {
  constexpr std::int64_t group = Vectors * 64;  // bytes from one group of 4 x 16 weights of a vector to the next
  const auto* x0 = static_cast<const std::uint8_t*>(x.at);
  const auto* x1 = x0 + rows * x.row;
  detail::finish_stores();
  start_tiles<RowTiles, Vectors>(start);
  for (std::int64_t s = 0; s < steps; ++s) {
    _tile_loadd(6, w, group);
    _tile_loadd(4, x0, x.row);
    if constexpr (std::is_signed_v<T>) {
      _tile_dpbssd(0, 4, 6);
    } else {
      _tile_dpbusd(0, 4, 6);
    }
    if constexpr (Vectors == 2) {
      _tile_loadd(7, w + 64, group);
      if constexpr (std::is_signed_v<T>) {
        _tile_dpbssd(1, 4, 7);
      } else {
        _tile_dpbusd(1, 4, 7);
      }
    }
    if constexpr (RowTiles == 2) {
      _tile_loadd(5, x1, x.row);
      if constexpr (std::is_signed_v<T>) {
        _tile_dpbssd(2, 5, 6);
      } else {
        _tile_dpbusd(2, 5, 6);
      }
      if constexpr (Vectors == 2) {
        if constexpr (std::is_signed_v<T>) {
          _tile_dpbssd(3, 5, 7);
        } else {
          _tile_dpbusd(3, 5, 7);
        }
      }
    }
    w += 16 * group;
    x0 += x.step;
    x1 += x.step;
  }
  constexpr std::int64_t stride = Vectors * 64;
  _tile_stored(0, sums, stride);
  if constexpr (Vectors == 2) _tile_stored(1, sums + 16, stride);
  std::int32_t* below = sums + rows * Vectors * 16;
  if constexpr (RowTiles == 2) _tile_stored(2, below, stride);
  if constexpr (RowTiles == 2 && Vectors == 2) _tile_stored(3, below + 16, stride);
}

// ---- Windows over a strip: rows that overlap, in runs that need not fill a step.

/// A window's runs: run i begins distances[i * distance_step] behind the window's start and has `whole` steps of 64 bytes and one of
/// 4 * rest bytes.
struct TileRuns {
  const std::int32_t* distances;
  std::int64_t distance_step, count, whole;
  int rest;
};

/// As TileSession: tiles 4 and 6 are activations and weights of a whole step, 5 and 7 those of the last one.
class RunTileSession {
 public:
  RunTileSession(int rows, int rest) {
    // Volatile, because the compiler doesn't see that the instruction reads all bytes.
    alignas(64) volatile std::uint8_t config[64] = {1};
    const int groups = rest > 0 ? rest : 16;
    for (int t = 0; t < 8; ++t) {
      config[16 + 2 * t] = static_cast<std::uint8_t>(t == 5 ? 4 * groups : 64);
      config[48 + t] = static_cast<std::uint8_t>(t < 6 ? rows : t == 7 ? groups : 16);
    }
    _tile_loadconfig(const_cast<const std::uint8_t*>(config));
  }
  ~RunTileSession() { _tile_release(); }
  RunTileSession(const RunTileSession&) = delete;
  RunTileSession& operator=(const RunTileSession&) = delete;
};

namespace detail {
/// One step of one or two tiles of windows: the weights' vectors are taken there and back, so that one tile holds them.
template <bool Rest, int RowTiles, int Vectors>
TFL_ALWAYS_INLINE void run_step(const std::uint8_t* x0, const std::uint8_t* x1, std::int64_t row, const std::uint8_t* w) {
  constexpr std::int64_t group = Vectors * 64;
  if constexpr (Rest) {
    _tile_loadd(5, x0, row);
    _tile_loadd(7, w, group);
    _tile_dpbusd(0, 5, 7);
    if constexpr (Vectors == 2) {
      _tile_loadd(7, w + 64, group);
      _tile_dpbusd(1, 5, 7);
    }
    if constexpr (RowTiles == 2) {
      _tile_loadd(5, x1, row);
      if constexpr (Vectors == 2) {
        _tile_dpbusd(3, 5, 7);
        _tile_loadd(7, w, group);
      }
      _tile_dpbusd(2, 5, 7);
    }
  } else {
    _tile_loadd(4, x0, row);
    _tile_loadd(6, w, group);
    _tile_dpbusd(0, 4, 6);
    if constexpr (Vectors == 2) {
      _tile_loadd(6, w + 64, group);
      _tile_dpbusd(1, 4, 6);
    }
    if constexpr (RowTiles == 2) {
      _tile_loadd(4, x1, row);
      if constexpr (Vectors == 2) {
        _tile_dpbusd(3, 4, 6);
        _tile_loadd(6, w, group);
      }
      _tile_dpbusd(2, 4, 6);
    }
  }
}
}  // namespace detail

/// sums[m][n] = start[n] + sum over all runs of x[m][k] * w[k][n], m over RowTiles tiles of `rows` windows each, which begin `row` bytes
/// apart, n over Vectors * 16 columns. Unsigned activations, signed weights.
template <int RowTiles, int Vectors>
TFL_NOINLINE void multiply_runs(const std::uint8_t* x, std::int64_t row, int rows, const TileRuns& runs, const std::uint8_t* w,
                                const std::int32_t* start, std::int32_t* sums) {
  constexpr std::int64_t group = Vectors * 64;
  detail::finish_stores();
  start_tiles<RowTiles, Vectors>(start);
  for (std::int64_t i = 0; i < runs.count; ++i) {
    const std::uint8_t* x0 = x + runs.distances[i * runs.distance_step];
    for (std::int64_t s = 0; s < runs.whole; ++s, x0 += tile_step, w += 16 * group) {
      detail::run_step<false, RowTiles, Vectors>(x0, x0 + rows * row, row, w);
    }
    if (runs.rest > 0) {
      detail::run_step<true, RowTiles, Vectors>(x0, x0 + rows * row, row, w);
      w += runs.rest * group;
    }
  }
  _tile_stored(0, sums, group);
  if constexpr (Vectors == 2) _tile_stored(1, sums + 16, group);
  std::int32_t* below = sums + rows * Vectors * 16;
  if constexpr (RowTiles == 2) _tile_stored(2, below, group);
  if constexpr (RowTiles == 2 && Vectors == 2) _tile_stored(3, below + 16, group);
}

#endif

}  // namespace tfl::simd
