#pragma once
// 32-bit integer lanes: loading narrow integers, storing them saturated, and TFLite's exact requantization.

#include <cstdint>
#include <cstring>
#include <limits>

#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl::simd {

template <class A> using Int32 = Batch<std::int32_t, A>;
template <class A> using Float32 = Batch<float, A>;

// ---- Widening loads: lanes<int32_t, A> elements of 8 or 16 bits.

template <class A> struct Int32Ops;  // one specialization per instruction set

template <> struct Int32Ops<Scalar> {
  using V = Lane<std::int32_t>;
  template <class T> static V load(const T* p) { return static_cast<std::int32_t>(*p); }
  template <class T> static void store_saturated(T* p, V v) {
    const std::int32_t lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
    *p = static_cast<T>(v.value < lo ? lo : v.value > hi ? hi : v.value);
  }
  static V high_mul(V a, V b) { return saturating_rounding_doubling_high_mul(a.value, b.value); }
  static V shift_left(V a, V by) { return wrapping_shift_left(a.value, by.value); }
  static V rounding_shift_right(V a, V by) { return rounding_divide_by_power_of_two(a.value, by.value); }
  static Lane<float> to_float(V a) { return static_cast<float>(a.value); }
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
template <> struct Int32Ops<Sse41> {
  using V = Int32<Sse41>;
  static __m128i four_bytes(const void* p) {
    std::int32_t bytes;
    std::memcpy(&bytes, p, 4);
    return _mm_cvtsi32_si128(bytes);
  }
  static V load(const std::int8_t* p) { return V(_mm_cvtepi8_epi32(four_bytes(p))); }
  static V load(const std::uint8_t* p) { return V(_mm_cvtepu8_epi32(four_bytes(p))); }
  static V load(const std::int16_t* p) { return V(_mm_cvtepi16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))); }
  static void store_saturated(std::int8_t* p, V v) {
    const __m128i words = _mm_packs_epi32(v, v);
    const std::int32_t bytes = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    std::memcpy(p, &bytes, 4);
  }
  static void store_saturated(std::uint8_t* p, V v) {
    const __m128i words = _mm_packs_epi32(v, v);
    const std::int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    std::memcpy(p, &bytes, 4);
  }
  static void store_saturated(std::int16_t* p, V v) { _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(v, v)); }
  static V high_mul(V a, V b) {
    const __m128i nudge = _mm_set1_epi64x(std::int64_t{1} << 30);
    const __m128i even = _mm_add_epi64(_mm_mul_epi32(a, b), nudge);
    const __m128i odd = _mm_add_epi64(_mm_mul_epi32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)), nudge);
    return V(_mm_blend_epi16(_mm_srli_epi64(even, 31), _mm_slli_epi64(odd, 1), 0xcc));
  }
  // No shifts by lane before AVX2; equal shifts, the common case, take the vector path.
  template <class OneLane> static V by_lane(V a, V by, OneLane one) {
    alignas(16) std::int32_t x[4], s[4];
    a.store_aligned(x);
    by.store_aligned(s);
    for (int i = 0; i < 4; ++i) x[i] = one(x[i], s[i]);
    return V::load_aligned(x);
  }
  static bool equal_lanes(V by) { return _mm_movemask_epi8(_mm_cmpeq_epi32(by, _mm_shuffle_epi32(by, 0))) == 0xffff; }
  static V shift_left(V a, V by) {
    if (equal_lanes(by)) return V(_mm_sll_epi32(a, _mm_cvtsi32_si128(_mm_cvtsi128_si32(by))));
    return by_lane(a, by, [](std::int32_t x, std::int32_t s) { return wrapping_shift_left(x, s); });
  }
  static V rounding_shift_right(V a, V by) {
    if (!equal_lanes(by)) return by_lane(a, by, [](std::int32_t x, std::int32_t s) { return rounding_divide_by_power_of_two(x, s); });
    const __m128i amount = _mm_cvtsi32_si128(_mm_cvtsi128_si32(by));
    const __m128i mask = _mm_sub_epi32(_mm_sll_epi32(_mm_set1_epi32(1), amount), _mm_set1_epi32(1));
    const __m128i remainder = _mm_and_si128(a, mask);
    const __m128i threshold = _mm_sub_epi32(_mm_srli_epi32(mask, 1), _mm_srai_epi32(a, 31));
    return V(_mm_sub_epi32(_mm_sra_epi32(a, amount), _mm_cmpgt_epi32(remainder, threshold)));
  }
  static Float32<Sse41> to_float(V a) { return Float32<Sse41>(_mm_cvtepi32_ps(a)); }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct Int32Ops<Avx2> {
  using V = Int32<Avx2>;
  static V load(const std::int8_t* p) { return V(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::uint8_t* p) { return V(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::int16_t* p) { return V(_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))); }
  static __m128i words(V v) { return _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)); }
  static void store_saturated(std::int8_t* p, V v) {
    const __m128i w = words(v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(w, w));
  }
  static void store_saturated(std::uint8_t* p, V v) {
    const __m128i w = words(v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(w, w));
  }
  static void store_saturated(std::int16_t* p, V v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words(v)); }
  static V high_mul(V a, V b) {
    const __m256i nudge = _mm256_set1_epi64x(std::int64_t{1} << 30);
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), nudge);
    const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), nudge);
    return V(_mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xaa));
  }
  static V shift_left(V a, V by) { return V(_mm256_sllv_epi32(a, by)); }
  static V shift_right(V a, V by) { return V(_mm256_srav_epi32(a, by)); }
  static V rounding_shift_right(V a, V by) {
    const __m256i mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), by), _mm256_set1_epi32(1));
    const __m256i remainder = _mm256_and_si256(a, mask);
    const __m256i threshold = _mm256_sub_epi32(_mm256_srli_epi32(mask, 1), _mm256_srai_epi32(a, 31));
    return V(_mm256_sub_epi32(_mm256_srav_epi32(a, by), _mm256_cmpgt_epi32(remainder, threshold)));
  }
  static Float32<Avx2> to_float(V a) { return Float32<Avx2>(_mm256_cvtepi32_ps(a)); }
};
template <> struct Int32Ops<AvxVnni> : Int32Ops<Avx2> {};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct Int32Ops<Avx512> {
  using V = Int32<Avx512>;
  static V load(const std::int8_t* p) { return V(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::uint8_t* p) { return V(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))); }
  static V load(const std::int16_t* p) { return V(_mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))); }
  static void store_saturated(std::int8_t* p, V v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(v)); }
  static void store_saturated(std::uint8_t* p, V v) {
    // The instruction reads lanes as unsigned, so that negative ones must go first.
    const __m512i positive = _mm512_max_epi32(v, _mm512_setzero_si512());
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(positive));
  }
  static void store_saturated(std::int16_t* p, V v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtsepi32_epi16(v)); }
  static V high_mul(V a, V b) {
    const __m512i nudge = _mm512_set1_epi64(std::int64_t{1} << 30);
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), nudge);
    const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), nudge);
    return V(_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1)));
  }
  static V shift_left(V a, V by) { return V(_mm512_sllv_epi32(a, by)); }
  static V shift_right(V a, V by) { return V(_mm512_srav_epi32(a, by)); }
  static V rounding_shift_right(V a, V by) {
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, by), one);
    const __m512i remainder = _mm512_and_si512(a, mask);
    const __m512i threshold = _mm512_sub_epi32(_mm512_srli_epi32(mask, 1), _mm512_srai_epi32(a, 31));
    const __m512i shifted = _mm512_srav_epi32(a, by);
    return V(_mm512_mask_add_epi32(shifted, _mm512_cmpgt_epi32_mask(remainder, threshold), shifted, one));
  }
  static Float32<Avx512> to_float(V a) { return Float32<Avx512>(_mm512_cvtepi32_ps(a)); }
};
template <> struct Int32Ops<Avx512Vnni> : Int32Ops<Avx512> {};
template <> struct Int32Ops<Avx512Amx> : Int32Ops<Avx512Vnni> {};
#endif

#if TFL_HAS_XSIMD && defined(__aarch64__)
template <> struct Int32Ops<Neon> {
  using V = Int32<Neon>;
  static V load(const std::int8_t* p) {
    std::int32_t four;
    std::memcpy(&four, p, 4);
    return V(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four))))));
  }
  static V load(const std::uint8_t* p) {
    std::uint32_t four;
    std::memcpy(&four, p, 4);
    return V(vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)))))));
  }
  static V load(const std::int16_t* p) { return V(vmovl_s16(vld1_s16(p))); }
  static void store_saturated(std::int8_t* p, V v) {
    const int16x4_t w = vqmovn_s32(v);
    const std::int32_t four = vget_lane_s32(vreinterpret_s32_s8(vqmovn_s16(vcombine_s16(w, w))), 0);
    std::memcpy(p, &four, 4);
  }
  static void store_saturated(std::uint8_t* p, V v) {
    const int16x4_t w = vqmovn_s32(v);
    const std::uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(w, w))), 0);
    std::memcpy(p, &four, 4);
  }
  static void store_saturated(std::int16_t* p, V v) { vst1_s16(p, vqmovn_s32(v)); }
  static V high_mul(V a, V b) { return V(vqrdmulhq_s32(a, b)); }
  static V shift_left(V a, V by) { return V(vshlq_s32(a, by)); }
  static V shift_right(V a, V by) { return V(vshlq_s32(a, vnegq_s32(by))); }
  static V rounding_shift_right(V a, V by) {
    // vrshl rounds half up; a negative number half way must go down, away from zero.
    const int32x4_t negative = vnegq_s32(by);
    const int32x4_t fixup = vshrq_n_s32(vandq_s32(a, negative), 31);
    return V(vrshlq_s32(vqaddq_s32(a, fixup), negative));
  }
  static Float32<Neon> to_float(V a) { return Float32<Neon>(vcvtq_f32_s32(a)); }
};
template <> struct Int32Ops<NeonDotprod> : Int32Ops<Neon> {};
template <> struct Int32Ops<NeonI8mm> : Int32Ops<NeonDotprod> {};
#endif

/// Loads lanes<int32_t, A> elements of 8, 16 or 32 bits as 32-bit lanes.
template <class A, class T> TFL_ALWAYS_INLINE Int32<A> load_int32(const T* from) {
  if constexpr (sizeof(T) == 4) {
    return load<A>(from);
  } else {
    return Int32Ops<A>::load(from);
  }
}
/// Stores lanes as T, saturated to its range.
template <class A, class T> TFL_ALWAYS_INLINE void store_saturated(T* to, const Int32<A>& v) {
  if constexpr (sizeof(T) == 4) {
    simd::store(to, v);
  } else {
    Int32Ops<A>::store_saturated(to, v);
  }
}

template <class A> TFL_ALWAYS_INLINE Float32<A> to_float(const Int32<A>& v) { return Int32Ops<A>::to_float(v); }

/// Multipliers of as many channels as there are lanes.
template <class A> struct LaneMultipliers {
  Int32<A> mantissa, left, right;

  static TFL_ALWAYS_INLINE LaneMultipliers broadcast(Multiplier m) {
    return {Int32<A>(m.mantissa), Int32<A>(m.shift > 0 ? m.shift : 0), Int32<A>(m.shift > 0 ? 0 : -m.shift)};
  }
  /// From lanes<int32_t, A> multipliers.
  static TFL_ALWAYS_INLINE LaneMultipliers load(const Multiplier* from) {
    std::int32_t mantissa[lanes<std::int32_t, A>], left[lanes<std::int32_t, A>], right[lanes<std::int32_t, A>];
    for (int i = 0; i < lanes<std::int32_t, A>; ++i) {
      mantissa[i] = from[i].mantissa;
      left[i] = from[i].shift > 0 ? from[i].shift : 0;
      right[i] = from[i].shift > 0 ? 0 : -from[i].shift;
    }
    return {simd::load<A>(mantissa), simd::load<A>(left), simd::load<A>(right)};
  }
};

/// tfl::multiply() in every lane, to the bit. Requires mantissas >= 0 (the one saturating product cannot occur).
template <class A> TFL_ALWAYS_INLINE Int32<A> multiply(const Int32<A>& x, const LaneMultipliers<A>& by) {
  using Ops = Int32Ops<A>;
  return Ops::rounding_shift_right(Ops::high_mul(Ops::shift_left(x, by.left), by.mantissa), by.right);
}

}  // namespace tfl::simd
