#pragma once
// Requantization in float, exactly. TFLite's rounding of sum * multiplier (twice, to 31 bits and then to the output) is a staircase whose
// steps FloatSteps can follow: with n = floor(sum * (high + low) + lift), twice the output, y = floor((n + 1) / 2). linalg/float_steps.hpp
// finds `lift`, or says that there is none. All is rounded down, so that no step moves: what is below a whole number never rounds up to it.
// And it is doubled because a lift without the half of rounding is small, and its sum with the small part of the product precise.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"

namespace tfl::simd {

/// For every column of a panel.
struct FloatSteps {
  const std::int32_t* offset;  // added to the sums
  const float *high, *low;     // twice the multiplier, in two parts
  const float* lift;           // not negative
};

/// Where a tile of 8-bit outputs goes, and what is done to them last: they end at `most`. Below, the zero point ends them, or, where sums
/// below 0 count, their type does; and so does it above.
template <class T> struct ByteOutput {
  T* to;
  std::int64_t stride;  // from row to row
  int rows, columns;
  const std::int32_t* row_terms;  // added to the sums of each row; null where all are 0
  bool bare;                      // the sums need them, and the offsets
  std::int32_t zero_point, most;
};

/// Whether steps can end outputs at `lo` and `hi`, see ByteOutput. What can't is rare: an activation that ends outputs on both sides.
constexpr bool steps_can_clamp(std::int32_t zero_point, std::int32_t lo, std::int32_t hi) { return lo == zero_point || hi - lo == 255; }

/// Whether an architecture has requantize_by_steps().
template <class A>
inline constexpr bool has_float_steps = TFL_HAS_XSIMD != 0 && (std::is_base_of_v<Avx512, A> || std::is_base_of_v<Avx2, A>);

namespace detail {
template <class T>
void requantize_by_steps_of(Scalar, const std::int32_t* sums, int width, bool mirrored, const FloatSteps& steps, const ByteOutput<T>& out);
}

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)

namespace detail {
/// The processor rounds downwards as long as it lives: what runs then must not be inlined beside it.
class RoundingDown {
 public:
  RoundingDown() : before_(_mm_getcsr()) { _mm_setcsr((before_ & ~0x6000u) | 0x2000u); }
  ~RoundingDown() { _mm_setcsr(before_); }
  RoundingDown(const RoundingDown&) = delete;
  RoundingDown& operator=(const RoundingDown&) = delete;

 private:
  unsigned before_;
};

/// As Steps16, where the processor's rounding is downwards.
template <bool Mirrored> struct Steps8 {
  __m256 high, low, lift;
  static TFL_ALWAYS_INLINE Steps8 load(const FloatSteps& s, int first) {
    return {_mm256_loadu_ps(s.high + first), _mm256_loadu_ps(s.low + first), _mm256_loadu_ps(s.lift + first)};
  }
  TFL_ALWAYS_INLINE __m256i of(__m256 x) const {
    __m256 start = lift;
    if constexpr (Mirrored) start = _mm256_or_ps(lift, _mm256_and_ps(x, _mm256_set1_ps(-0.0f)));
    return _mm256_cvtps_epi32(_mm256_fmadd_ps(x, high, _mm256_fmadd_ps(x, low, start)));
  }
};

/// From twice the outputs, before rounding and without the zero point, to bytes: saturation clamps them.
template <class T, bool Mirrored> struct Narrow32 {
  __m256i zero, most;
  Narrow32(std::int32_t zero_point, std::int32_t most_output)
      : zero(Mirrored ? _mm256_set1_epi16(static_cast<short>(2 * zero_point)) : _mm256_set1_epi8(static_cast<char>(zero_point))),
        most(_mm256_set1_epi8(static_cast<char>(most_output - zero_point))) {}
  /// Within each half of the result: 4 of a, 4 of b, 4 of c, 4 of d.
  TFL_ALWAYS_INLINE __m256i operator()(__m256i a, __m256i b, __m256i c, __m256i d) const {
    const __m256i quarter = _mm256_set1_epi16(1 << 14);  // by which a rounding product halves
    __m256i first = _mm256_packs_epi32(a, b), second = _mm256_packs_epi32(c, d);
    if constexpr (Mirrored) {
      first = _mm256_mulhrs_epi16(_mm256_adds_epi16(first, zero), quarter);
      second = _mm256_mulhrs_epi16(_mm256_adds_epi16(second, zero), quarter);
      return std::is_signed_v<T> ? _mm256_packs_epi16(first, second) : _mm256_packus_epi16(first, second);
    } else {
      const __m256i above = _mm256_packus_epi16(_mm256_mulhrs_epi16(first, quarter), _mm256_mulhrs_epi16(second, quarter));
      return _mm256_add_epi8(_mm256_min_epu8(above, most), zero);
    }
  }
};

/// Two rows of a panel of 16 columns, or four of one of 8, make 32 outputs. Not inlined, so that the caller's change of rounding is done.
template <class T, bool Mirrored, int Vectors>
TFL_NOINLINE void requantize_rows_of_8(const std::int32_t* sums, const FloatSteps& steps, const ByteOutput<T>& out) {
  constexpr int at_once = 4 / Vectors, width = 8 * Vectors;
  Steps8<Mirrored> by[Vectors];
  __m256i offset[Vectors];
  TFL_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    by[v] = Steps8<Mirrored>::load(steps, 8 * v);
    offset[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(steps.offset + 8 * v));
  }
  const Narrow32<T, Mirrored> narrow(out.zero_point, out.most);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const bool whole = out.columns == width;
  const int rows = out.rows, columns = out.columns;
  const std::int64_t stride = out.stride;
  const std::int32_t* terms = out.row_terms;
  T* to = out.to;
  for (int m = 0; m < rows; m += at_once, to += at_once * stride) {
    __m256i y[4];
    TFL_UNROLL
    for (int r = 0; r < at_once; ++r) {
      const int row = m + r < rows ? m + r : rows - 1;
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        __m256i sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + row * width + 8 * v));
        sum = _mm256_add_epi32(sum, offset[v]);
        if (terms != nullptr) sum = _mm256_add_epi32(sum, _mm256_set1_epi32(terms[row]));
        y[r * Vectors + v] = by[v].of(_mm256_cvtepi32_ps(sum));
      }
    }
    const __m256i bytes = _mm256_permutevar8x32_epi32(narrow(y[0], y[1], y[2], y[3]), order);
    if (whole && m + at_once <= rows) {
      if constexpr (Vectors == 2) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(bytes));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + stride), _mm256_extracti128_si256(bytes, 1));
      } else {
        const __m128i a = _mm256_castsi256_si128(bytes), b = _mm256_extracti128_si256(bytes, 1);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to), a);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to + stride), _mm_unpackhi_epi64(a, a));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 2 * stride), b);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 3 * stride), _mm_unpackhi_epi64(b, b));
      }
    } else {
      T parts[32];
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(parts), bytes);
      for (int r = 0; r < at_once && m + r < rows; ++r) {
        std::memcpy(to + r * stride, parts + r * width, static_cast<std::size_t>(columns));
      }
    }
  }
}

template <class T>
TFL_NOINLINE void requantize_by_steps_of(Avx2, const std::int32_t* sums, int width, bool mirrored, const FloatSteps& steps,
                                         const ByteOutput<T>& out) {
  const RoundingDown rounding;
  if (width == 16) {
    mirrored ? requantize_rows_of_8<T, true, 2>(sums, steps, out) : requantize_rows_of_8<T, false, 2>(sums, steps, out);
  } else {
    mirrored ? requantize_rows_of_8<T, true, 1>(sums, steps, out) : requantize_rows_of_8<T, false, 1>(sums, steps, out);
  }
}
}  // namespace detail

#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)

namespace detail {
/// 16 sums to twice their outputs, before rounding. Mirrored: negative sums mirror positive ones; else they come out as 0 or less.
template <bool Mirrored> struct Steps16 {
  __m512 high, low, lift;
  static TFL_ALWAYS_INLINE Steps16 load(const FloatSteps& s, int first) {
    return {_mm512_loadu_ps(s.high + first), _mm512_loadu_ps(s.low + first), _mm512_loadu_ps(s.lift + first)};
  }
  TFL_ALWAYS_INLINE __m512i of(__m512 x) const {
    __m512 start = lift;
    if constexpr (Mirrored) {
      // The sign of x, the rest of `lift`.
      const __m512i sign = _mm512_set1_epi32(static_cast<std::int32_t>(0x80000000u));
      start = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(x), _mm512_castps_si512(lift), sign, 0xe4));
    }
    constexpr int down = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
    return _mm512_cvt_roundps_epi32(_mm512_fmadd_round_ps(x, high, _mm512_fmadd_round_ps(x, low, start, down), down), down);
  }
};

/// As Narrow32.
template <class T, bool Mirrored> struct Narrow64 {
  __m512i zero, most;
  Narrow64(std::int32_t zero_point, std::int32_t most_output)
      : zero(Mirrored ? _mm512_set1_epi16(static_cast<short>(2 * zero_point)) : _mm512_set1_epi8(static_cast<char>(zero_point))),
        most(_mm512_set1_epi8(static_cast<char>(most_output - zero_point))) {}
  /// Within each quarter of the result: 4 of a, 4 of b, 4 of c, 4 of d.
  TFL_ALWAYS_INLINE __m512i operator()(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i quarter = _mm512_set1_epi16(1 << 14);
    __m512i first = _mm512_packs_epi32(a, b), second = _mm512_packs_epi32(c, d);
    if constexpr (Mirrored) {
      first = _mm512_mulhrs_epi16(_mm512_adds_epi16(first, zero), quarter);
      second = _mm512_mulhrs_epi16(_mm512_adds_epi16(second, zero), quarter);
      return std::is_signed_v<T> ? _mm512_packs_epi16(first, second) : _mm512_packus_epi16(first, second);
    } else {
      const __m512i above = _mm512_packus_epi16(_mm512_mulhrs_epi16(first, quarter), _mm512_mulhrs_epi16(second, quarter));
      return _mm512_add_epi8(_mm512_min_epu8(above, most), zero);
    }
  }
};

/// The panel's width is 32 where Vectors is 2: two rows of it make 64 outputs. Where it is 16, four rows do.
template <class T, bool Mirrored, bool Bare, int Vectors>
TFL_ALWAYS_INLINE void requantize_rows(const std::int32_t* sums, const FloatSteps& steps, const ByteOutput<T>& out) {
  constexpr int at_once = 4 / Vectors, width = 16 * Vectors;
  Steps16<Mirrored> by[Vectors];
  __m512i offset[Vectors];
  TFL_UNROLL
  for (int v = 0; v < Vectors; ++v) {
    by[v] = Steps16<Mirrored>::load(steps, 16 * v);
    if constexpr (Bare) offset[v] = _mm512_loadu_si512(steps.offset + 16 * v);
  }
  const Narrow64<T, Mirrored> narrow(out.zero_point, out.most);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const bool whole = out.columns == width;
  const __mmask32 some = static_cast<__mmask32>((std::uint64_t{1} << out.columns) - 1);
  const int rows = out.rows;
  const std::int64_t stride = out.stride;
  const std::int32_t* terms = out.row_terms;
  T* to = out.to;
  for (int m = 0; m < rows; m += at_once, to += at_once * stride) {
    __m512i y[4];
    TFL_UNROLL
    for (int r = 0; r < at_once; ++r) {
      const int row = m + r < rows ? m + r : rows - 1;
      TFL_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        __m512i sum = _mm512_loadu_si512(sums + row * width + 16 * v);
        if constexpr (Bare) sum = _mm512_add_epi32(sum, offset[v]);
        if (Bare && terms != nullptr) sum = _mm512_add_epi32(sum, _mm512_set1_epi32(terms[row]));
        y[r * Vectors + v] = by[v].of(_mm512_cvtepi32_ps(sum));
      }
    }
    const __m512i bytes = _mm512_permutexvar_epi32(order, narrow(y[0], y[1], y[2], y[3]));
    if constexpr (Vectors == 2) {
      const __m256i first = _mm512_castsi512_si256(bytes), second = _mm512_extracti64x4_epi64(bytes, 1);
      if (whole) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
        if (m + 1 < rows) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + stride), second);
      } else {
        _mm256_mask_storeu_epi8(to, some, first);
        if (m + 1 < rows) _mm256_mask_storeu_epi8(to + stride, some, second);
      }
    } else {
      const __m128i row[4] = {_mm512_castsi512_si128(bytes), _mm512_extracti32x4_epi32(bytes, 1), _mm512_extracti32x4_epi32(bytes, 2),
                              _mm512_extracti32x4_epi32(bytes, 3)};
      TFL_UNROLL
      for (int r = 0; r < 4; ++r) {
        if (m + r < rows) _mm_mask_storeu_epi8(to + r * stride, static_cast<__mmask16>(some), row[r]);
      }
    }
  }
}
template <class T>
TFL_NOINLINE void requantize_by_steps_of(Avx512, const std::int32_t* sums, int width, bool mirrored, const FloatSteps& steps,
                                         const ByteOutput<T>& out) {
  const auto run = [&]<bool Mirrored, int Vectors>() {
    if (out.bare) {
      requantize_rows<T, Mirrored, true, Vectors>(sums, steps, out);
    } else {
      requantize_rows<T, Mirrored, false, Vectors>(sums, steps, out);
    }
  };
  if (width == 32) {
    mirrored ? run.template operator()<true, 2>() : run.template operator()<false, 2>();
  } else {
    mirrored ? run.template operator()<true, 1>() : run.template operator()<false, 1>();
  }
}
}  // namespace detail

#endif

/// out[m][n] = clamp(zero_point + the step of (sums[m][n] + row term + offset[n])), of sums[m][n] alone where they are not bare. `width` is
/// the panel's, one or two vectors; mirrored: sums below 0 count.
template <class A, class T>
TFL_ALWAYS_INLINE void requantize_by_steps(const std::int32_t* sums, int width, bool mirrored, const FloatSteps& steps,
                                           const ByteOutput<T>& out) {
  detail::requantize_by_steps_of<T>(A{}, sums, width, mirrored, steps, out);
}

}  // namespace tfl::simd
