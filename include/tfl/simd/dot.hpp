#pragma once
// Dot products of bytes into 32-bit lanes, exactly: no step saturates.
//
// Dot<A, T> multiplies activations of type T (int8 or uint8) with weights of the same type that lie in groups: `depth` neighbours of
// one lane, then the next lane's. weight_offset is what a weight must be raised by when it is put into a group (the instruction wants
// the other sign); the sum of the activations takes it out again. Where there is an activation_offset, broadcast() raises the activations
// by it, and sums start with what takes it out, a table of the panel. Where `staged` is true, activations go through a small buffer of
// 16-bit integers first.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tfl/simd/int32.hpp"

namespace tfl::simd {

template <class A, class T> struct Dot;

/// Whether an architecture has a Dot.
template <class A> inline constexpr bool has_dot = !std::is_same_v<A, Scalar>;
/// What Dot's activations are raised by.
template <class A, class T> constexpr int activation_offset_of() {
  if constexpr (requires { Dot<A, T>::activation_offset; }) {
    return Dot<A, T>::activation_offset;
  } else {
    return 0;
  }
}

/// Whether a Dot takes two steps for less than twice the price of one.
template <class A, class T> inline constexpr bool has_two_steps = std::is_same_v<A, Neon>&& std::is_same_v<T, std::int8_t>;

namespace detail {
template <int Bytes> struct BitsOf;
template <> struct BitsOf<2> { using type = std::int16_t; };
template <> struct BitsOf<4> { using type = std::int32_t; };
template <class A, int Bytes> TFL_ALWAYS_INLINE typename BitsOf<Bytes>::type bits_at(const void* p) {
  typename BitsOf<Bytes>::type bits;
  std::memcpy(&bits, p, Bytes);
  return bits;
}
}  // namespace detail

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
namespace detail {
/// Bytes to 16 bits; an odd one gets a zero behind it. Requires room for count + 1.
template <class A, class T> TFL_ALWAYS_INLINE void widen_to_16(const T* from, int count, std::int16_t* to) {
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), std::is_signed_v<T> ? _mm_cvtepi8_epi16(bytes) : _mm_cvtepu8_epi16(bytes));
  }
  for (; i < count; ++i) to[i] = from[i];
  if (count % 2 != 0) to[count] = 0;
}
}  // namespace detail

template <class T> struct Dot<Sse41, T> {
  static constexpr int depth = 2, weight_offset = 0;
  static constexpr bool staged = true;
  using Weights = __m128i;
  using Activations = __m128i;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return std::is_signed_v<T> ? _mm_cvtepi8_epi16(bytes) : _mm_cvtepu8_epi16(bytes);
  }
  static TFL_ALWAYS_INLINE void stage(const T* from, int count, std::int16_t* to) { detail::widen_to_16<Sse41>(from, count, to); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int16_t* p) { return _mm_set1_epi32(detail::bits_at<Sse41, 4>(p)); }
  static TFL_ALWAYS_INLINE Int32<Sse41> step(Int32<Sse41> sum, Weights w, Activations x) {
    return Int32<Sse41>(_mm_add_epi32(sum, _mm_madd_epi16(w, x)));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <class T> struct Dot<Avx2, T> {
  static constexpr int depth = 2, weight_offset = 0;
  static constexpr bool staged = true;
  using Weights = __m256i;
  using Activations = __m256i;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return std::is_signed_v<T> ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
  }
  static TFL_ALWAYS_INLINE void stage(const T* from, int count, std::int16_t* to) { detail::widen_to_16<Avx2>(from, count, to); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int16_t* p) { return _mm256_set1_epi32(detail::bits_at<Avx2, 4>(p)); }
  static TFL_ALWAYS_INLINE Int32<Avx2> step(Int32<Avx2> sum, Weights w, Activations x) {
    return Int32<Avx2>(_mm256_add_epi32(sum, _mm256_madd_epi16(w, x)));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVXVNNI__) && defined(__AVX2__) && defined(__FMA__)
// The instruction takes one unsigned and one signed operand: the weights become what the activations are not.
template <class T> struct Dot<AvxVnni, T> {
  static constexpr int depth = 4, weight_offset = std::is_signed_v<T> ? 128 : -128;
  static constexpr bool staged = false;
  using Weights = __m256i;
  using Activations = __m256i;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static TFL_ALWAYS_INLINE Activations broadcast(const T* p) { return _mm256_set1_epi32(detail::bits_at<AvxVnni, 4>(p)); }
  static TFL_ALWAYS_INLINE Int32<AvxVnni> step(Int32<AvxVnni> sum, Weights w, Activations x) {
    return Int32<AvxVnni>(std::is_signed_v<T> ? _mm256_dpbusd_avx_epi32(sum, w, x) : _mm256_dpbusd_avx_epi32(sum, x, w));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <class T> struct Dot<Avx512, T> {
  static constexpr int depth = 2, weight_offset = 0;
  static constexpr bool staged = true;
  using Weights = __m512i;
  using Activations = __m512i;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return std::is_signed_v<T> ? _mm512_cvtepi8_epi16(bytes) : _mm512_cvtepu8_epi16(bytes);
  }
  static TFL_ALWAYS_INLINE void stage(const T* from, int count, std::int16_t* to) { detail::widen_to_16<Avx512>(from, count, to); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int16_t* p) { return _mm512_set1_epi32(detail::bits_at<Avx512, 4>(p)); }
  static TFL_ALWAYS_INLINE Int32<Avx512> step(Int32<Avx512> sum, Weights w, Activations x) {
    return Int32<Avx512>(_mm512_add_epi32(sum, _mm512_madd_epi16(w, x)));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512VNNI__) && defined(__AVX512BW__)
// As AvxVnni's.
template <class T> struct Dot<Avx512Vnni, T> {
  static constexpr int depth = 4, weight_offset = std::is_signed_v<T> ? 128 : -128;
  static constexpr bool staged = false;
  using Weights = __m512i;
  using Activations = __m512i;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
  static TFL_ALWAYS_INLINE Activations broadcast(const T* p) { return _mm512_set1_epi32(detail::bits_at<Avx512Vnni, 4>(p)); }
  static TFL_ALWAYS_INLINE Int32<Avx512Vnni> step(Int32<Avx512Vnni> sum, Weights w, Activations x) {
    return Int32<Avx512Vnni>(std::is_signed_v<T> ? _mm512_dpbusd_epi32(sum, w, x) : _mm512_dpbusd_epi32(sum, x, w));
  }
};
template <class T> struct Dot<Avx512Amx, T> : Dot<Avx512Vnni, T> {};
// Tiles multiply signed bytes as they are; the dot product beside them makes the activations unsigned.
template <> struct Dot<Avx512Amx, std::int8_t> : Dot<Avx512Vnni, std::int8_t> {
  static constexpr int weight_offset = 0, activation_offset = 128;
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int8_t* p) {
    return _mm512_xor_si512(_mm512_set1_epi32(detail::bits_at<Avx512Amx, 4>(p)), _mm512_set1_epi8(-128));
  }
  static TFL_ALWAYS_INLINE Int32<Avx512Amx> step(Int32<Avx512Amx> sum, Weights w, Activations x) {
    return Int32<Avx512Amx>(_mm512_dpbusd_epi32(sum, x, w));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct Dot<Neon, std::int8_t> {
  static constexpr int depth = 2, weight_offset = 0;
  static constexpr bool staged = false;
  using Weights = int8x8_t;
  using Activations = int8x8_t;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return vreinterpret_s8_u8(vld1_u8(p)); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int8_t* p) {
    return vreinterpret_s8_s16(vdup_n_s16(detail::bits_at<Neon, 2>(p)));
  }
  static TFL_ALWAYS_INLINE Int32<Neon> step(Int32<Neon> sum, Weights w, Activations x) {
    return Int32<Neon>(vpadalq_s16(sum, vmull_s8(w, x)));
  }
  /// Two steps, whose products are added in 16 bits: requires that no weight is -128. x: lanes 2 * Pair and 2 * Pair + 1 of four_steps().
  template <int Pair> static TFL_ALWAYS_INLINE Int32<Neon> two_steps(Int32<Neon> sum, Weights w, Weights next_w, Activations x) {
    const int16x4_t pairs = vreinterpret_s16_s8(x);
    const int8x8_t first = vreinterpret_s8_s16(vdup_lane_s16(pairs, 2 * Pair)),
                   next = vreinterpret_s8_s16(vdup_lane_s16(pairs, 2 * Pair + 1));
    return Int32<Neon>(vpadalq_s16(sum, vmlal_s8(vmull_s8(w, first), next_w, next)));
  }
  static TFL_ALWAYS_INLINE Activations four_steps(const std::int8_t* p) {
    int8x8_t x = vld1_s8(p);
    TFL_IN_VECTOR_REGISTER(x);  // g++ would load every lane by itself
    return x;
  }
};
template <> struct Dot<Neon, std::uint8_t> {
  static constexpr int depth = 2, weight_offset = 0;
  static constexpr bool staged = false;
  using Weights = uint8x8_t;
  using Activations = uint8x8_t;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return vld1_u8(p); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::uint8_t* p) {
    return vreinterpret_u8_s16(vdup_n_s16(detail::bits_at<Neon, 2>(p)));
  }
  static TFL_ALWAYS_INLINE Int32<Neon> step(Int32<Neon> sum, Weights w, Activations x) {
    return Int32<Neon>(vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(sum), vmull_u8(w, x))));
  }
};
#if defined(__ARM_FEATURE_DOTPROD)
template <> struct Dot<NeonDotprod, std::int8_t> {
  static constexpr int depth = 4, weight_offset = 0;
  static constexpr bool staged = false;
  using Weights = int8x16_t;
  using Activations = int8x16_t;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::int8_t* p) {
    return vreinterpretq_s8_s32(vdupq_n_s32(detail::bits_at<NeonDotprod, 4>(p)));
  }
  static TFL_ALWAYS_INLINE Int32<NeonDotprod> step(Int32<NeonDotprod> sum, Weights w, Activations x) {
    return Int32<NeonDotprod>(vdotq_s32(sum, w, x));
  }
};
template <> struct Dot<NeonDotprod, std::uint8_t> {
  static constexpr int depth = 4, weight_offset = 0;
  static constexpr bool staged = false;
  using Weights = uint8x16_t;
  using Activations = uint8x16_t;
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return vld1q_u8(p); }
  static TFL_ALWAYS_INLINE Activations broadcast(const std::uint8_t* p) {
    return vreinterpretq_u8_s32(vdupq_n_s32(detail::bits_at<NeonDotprod, 4>(p)));
  }
  static TFL_ALWAYS_INLINE Int32<NeonDotprod> step(Int32<NeonDotprod> sum, Weights w, Activations x) {
    return Int32<NeonDotprod>(vreinterpretq_s32_u32(vdotq_u32(vreinterpretq_u32_s32(sum), w, x)));
  }
};
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
/// Columns lie in pairs of 8 elements each, as the matrix instruction takes them; see by_pair.hpp for what that is good for.
template <class T> struct Dot<NeonI8mm, T> {
  static constexpr int depth = 8, weight_offset = 0;
  static constexpr bool staged = false;
  using Bytes = std::conditional_t<std::is_signed_v<T>, int8x16_t, uint8x16_t>;
  struct Weights {
    Bytes first, second;  // of columns 0 and 1, of 2 and 3
  };
  using Activations = Bytes;
  static TFL_ALWAYS_INLINE Bytes bytes_at(const void* p) {
    if constexpr (std::is_signed_v<T>) {
      return vld1q_s8(static_cast<const std::int8_t*>(p));
    } else {
      return vld1q_u8(static_cast<const std::uint8_t*>(p));
    }
  }
  static TFL_ALWAYS_INLINE Weights load(const std::uint8_t* p) { return {bytes_at(p), bytes_at(p + 16)}; }
  static TFL_ALWAYS_INLINE Activations broadcast(const T* p) {
    if constexpr (std::is_signed_v<T>) {
      return vreinterpretq_s8_s64(vld1q_dup_s64(reinterpret_cast<const std::int64_t*>(p)));
    } else {
      return vreinterpretq_u8_s64(vld1q_dup_s64(reinterpret_cast<const std::int64_t*>(p)));
    }
  }
  /// sum + the products of two rows x with two columns w, row by row.
  static TFL_ALWAYS_INLINE int32x4_t multiply(int32x4_t sum, Bytes x, Bytes w) {
    if constexpr (std::is_signed_v<T>) {
      return vmmlaq_s32(sum, x, w);
    } else {
      return vreinterpretq_s32_u32(vmmlaq_u32(vreinterpretq_u32_s32(sum), x, w));
    }
  }
  static TFL_ALWAYS_INLINE Int32<NeonI8mm> step(Int32<NeonI8mm> sum, const Weights& w, Activations x) {
    const int32x4_t none = vdupq_n_s32(0);
    const int64x2_t first = vreinterpretq_s64_s32(multiply(none, x, w.first)), second = vreinterpretq_s64_s32(multiply(none, x, w.second));
    return Int32<NeonI8mm>(vaddq_s32(sum, vreinterpretq_s32_s64(vzip1q_s64(first, second))));
  }
};
#endif
#endif

/// Sum of `count` bytes from each of `runs` pointers that lie `step` apart, each moved on by `offset`. Wraps.
template <class A, class T>
TFL_ALWAYS_INLINE std::int32_t sum_of_runs(const T* const* from, std::int64_t step, std::int64_t runs, std::int64_t offset,
                                           std::int64_t count) {
#if TFL_HAS_XSIMD && defined(__AVX512VNNI__) && defined(__AVX512BW__)
  if constexpr (std::is_base_of_v<Avx512Vnni, A>) {
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    for (std::int64_t r = 0; r < runs; ++r) {
      const T* p = from[r * step] + offset;
      for (std::int64_t i = 0; i < count; i += 64) {
        const __m512i x =
            count - i >= 64 ? _mm512_loadu_si512(p + i) : _mm512_maskz_loadu_epi8((std::uint64_t{1} << (count - i)) - 1, p + i);
        sum = std::is_signed_v<T> ? _mm512_dpbusd_epi32(sum, ones, x) : _mm512_dpbusd_epi32(sum, x, ones);
      }
    }
    return _mm512_reduce_add_epi32(sum);
  }
#endif
  std::uint32_t total = 0;
  for (std::int64_t r = 0; r < runs; ++r) {
    const T* p = from[r * step] + offset;
    std::int64_t i = 0;
    if (count >= lanes<std::int32_t, A>) {
      Int32<A> sum(0);
      for (; i + lanes<std::int32_t, A> <= count; i += lanes<std::int32_t, A>) sum = sum + load_int32<A>(p + i);
      total += static_cast<std::uint32_t>(simd::sum(sum));
    }
    for (; i < count; ++i) total += static_cast<std::uint32_t>(std::int32_t{p[i]});
  }
  return static_cast<std::int32_t>(total);
}

/// Sum of `count` bytes.
template <class A, class T> TFL_ALWAYS_INLINE std::int32_t sum_of_bytes(const T* p, std::int64_t count) {
  return sum_of_runs<A>(&p, 0, 1, 0, count);
}

}  // namespace tfl::simd
