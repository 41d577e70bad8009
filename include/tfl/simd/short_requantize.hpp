#pragma once
// Exact requantization of a vector of channels in few instructions, for the multipliers and sums that real models have.
//
// tfl::multiply(x, m) rounds twice: t = floor((x * mantissa + 2^30) / 2^31), then y = floor((t + 2^(r-1) - [t < 0]) / 2^r). For r >= 1,
// [t < 0] may be [x < 0]: where they differ, t is 0 and so is y either way. The zero point goes into the second rounding's constant, and
// that constant into the product's: one 64-bit addition to a product with twice the mantissa leaves t + constant in its upper half.
// To keep t's lowest bit that way, factors are unsigned: sums start 2^31 too high.

#include <cstdint>
#include <type_traits>

#include "tfl/quant/multiplier.hpp"
#include "tfl/simd/batch.hpp"
#include "tfl/simd/int32.hpp"
#include "tfl/simd/requantize.hpp"

namespace tfl::simd {

/// What a sum of one channel becomes: multiply(bias + sum, multiplier) + zero point.
struct Rescaling {
  std::int32_t bias = 0;
  std::int64_t largest = 0;  // bound of |bias + sum|
  Multiplier multiplier{};
};

namespace detail {
inline constexpr int most_right_shift = 20;                         // so that zero point * 2^r is far from 2^31
inline constexpr std::int64_t largest_sum = std::int64_t{1} << 29;  // so that t is, too

/// The right shift of a channel, or -1 where the short form is not for it.
constexpr int short_shift(const Rescaling& r) {
  if (r.multiplier.mantissa == 0) return 1;
  const int right = -r.multiplier.shift;
  return right >= 1 && right <= most_right_shift && r.multiplier.mantissa > 0 && r.largest < largest_sum ? right : -1;
}
}  // namespace detail

/// Constants of lanes<int32_t, A> channels. set() returns false where their multipliers need simd::multiply() instead. Sums start from
/// start(); finish() turns them into y + zero_point, which is exact for all sums where `Symmetric`, else for those that are not
/// negative (others stay at most zero_point: exact once clamped from there).
template <class A> struct ShortRequantization {
  static constexpr int L = lanes<std::int32_t, A>;
  std::int32_t bias[L], mantissa[L], right[L], zero_point[L];

  bool set(const Rescaling* channels, std::int32_t zero, bool /*symmetric*/) {
    for (int i = 0; i < L; ++i) {
      const int shift = detail::short_shift(channels[i]);
      if (shift < 0) return false;
      bias[i] = channels[i].bias;
      mantissa[i] = channels[i].multiplier.mantissa;
      right[i] = shift;
      zero_point[i] = zero;
    }
    return true;
  }
  TFL_ALWAYS_INLINE Int32<A> start() const { return load<A>(bias); }
  template <bool Symmetric> TFL_ALWAYS_INLINE Int32<A> finish(const Int32<A>& sum) const {
    using Ops = Int32Ops<A>;
    return Ops::rounding_shift_right(Ops::high_mul(sum, load<A>(mantissa)), load<A>(right)) + load<A>(zero_point);
  }
};

#if TFL_HAS_XSIMD && defined(__SSE4_1__)
namespace detail {
/// Constants for instructions that multiply the even lanes only.
template <class A> struct WideProductConstants {
  static constexpr int L = lanes<std::int32_t, A>;
  std::int32_t offset[L];
  std::uint32_t even[L], odd[L];  // factors of the even lanes, and of the odd ones, where the even lanes are
  std::int64_t add_even[L / 2], add_odd[L / 2];
  std::int32_t right[L];

  /// `raised`: the power of two that sums come multiplied with.
  void set_lane(int i, const Rescaling& channel, int shift, std::int32_t zero, bool symmetric, int raised = 0) {
    const std::uint32_t factor = static_cast<std::uint32_t>(channel.multiplier.mantissa) * 2;
    const std::int64_t rounding =
        (std::int64_t{1} << (shift - 1)) + static_cast<std::int64_t>(zero) * (std::int64_t{1} << shift) - (symmetric ? 1 : 0);
    const std::uint64_t add =
        (((std::uint64_t{1} << 31) + (static_cast<std::uint64_t>(rounding) << 32)) << raised) - (std::uint64_t{factor} << 31);
    offset[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(channel.bias) + 0x80000000u);
    (i % 2 == 0 ? even : odd)[i / 2 * 2] = factor;
    (i % 2 == 0 ? even : odd)[i / 2 * 2 + 1] = 0;
    (i % 2 == 0 ? add_even : add_odd)[i / 2] = static_cast<std::int64_t>(add);
    right[i] = shift + raised;
  }
};
}  // namespace detail

/// No shifts by lane before AVX2: sums are brought to one shift, the largest, by powers of two.
template <> struct ShortRequantization<Sse41> : detail::WideProductConstants<Sse41> {
  std::int32_t power[4], start_from[4];

  bool set(const Rescaling* channels, std::int32_t zero, bool symmetric) {
    int most = 1;
    for (int i = 0; i < L; ++i) {
      const int shift = detail::short_shift(channels[i]);
      if (shift < 0) return false;
      if (channels[i].multiplier.mantissa != 0 && shift > most) most = shift;
    }
    for (int i = 0; i < L; ++i) {
      const int shift = channels[i].multiplier.mantissa != 0 ? detail::short_shift(channels[i]) : most;
      if (channels[i].largest >= detail::largest_sum >> (most - shift)) return false;
      Rescaling channel = channels[i];
      channel.bias = 0;
      set_lane(i, channel, shift, zero, symmetric, most - shift);
      power[i] = std::int32_t{1} << (most - shift);
      start_from[i] = channels[i].bias;
    }
    return true;
  }
  TFL_ALWAYS_INLINE Int32<Sse41> start() const { return load<Sse41>(start_from); }
  template <bool Symmetric> TFL_ALWAYS_INLINE Int32<Sse41> finish(const Int32<Sse41>& sum) const {
    const auto at = [](const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); };
    const __m128i x = _mm_add_epi32(_mm_mullo_epi32(sum, at(power)), at(offset));
    const __m128i low = _mm_add_epi64(_mm_mul_epu32(x, at(even)), at(add_even));
    const __m128i high = _mm_add_epi64(_mm_mul_epu32(_mm_srli_epi64(x, 32), at(odd)), at(add_odd));
    __m128i y = _mm_blend_epi16(_mm_srli_epi64(low, 32), high, 0xcc);
    if constexpr (Symmetric) y = _mm_add_epi32(y, _mm_and_si128(_mm_srai_epi32(x, 31), at(power)));
    return Int32<Sse41>(_mm_sra_epi32(y, _mm_cvtsi32_si128(right[0])));
  }
};
#endif

#if TFL_HAS_XSIMD && defined(__AVX2__) && defined(__FMA__)
template <> struct ShortRequantization<Avx2> : detail::WideProductConstants<Avx2> {
  bool set(const Rescaling* channels, std::int32_t zero, bool symmetric) {
    for (int i = 0; i < L; ++i) {
      const int shift = detail::short_shift(channels[i]);
      if (shift < 0) return false;
      set_lane(i, channels[i], shift, zero, symmetric);
    }
    return true;
  }
  TFL_ALWAYS_INLINE Int32<Avx2> start() const { return load<Avx2>(offset); }
  template <bool Symmetric> TFL_ALWAYS_INLINE Int32<Avx2> finish(const Int32<Avx2>& x) const {
    const auto at = [](const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); };
    const __m256i low = _mm256_add_epi64(_mm256_mul_epu32(x, at(even)), at(add_even));
    const __m256i high = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(x, 32), at(odd)), at(add_odd));
    __m256i y = _mm256_blend_epi32(_mm256_srli_epi64(low, 32), high, 0xaa);
    if constexpr (Symmetric) y = _mm256_sub_epi32(y, _mm256_srai_epi32(x, 31));
    return Int32<Avx2>(_mm256_srav_epi32(y, at(right)));
  }
};
template <> struct ShortRequantization<AvxVnni> : ShortRequantization<Avx2> {};
#endif

#if TFL_HAS_XSIMD && defined(__AVX512BW__)
template <> struct ShortRequantization<Avx512> : detail::WideProductConstants<Avx512> {
  bool set(const Rescaling* channels, std::int32_t zero, bool symmetric) {
    for (int i = 0; i < L; ++i) {
      const int shift = detail::short_shift(channels[i]);
      if (shift < 0) return false;
      set_lane(i, channels[i], shift, zero, symmetric);
    }
    return true;
  }
  TFL_ALWAYS_INLINE Int32<Avx512> start() const { return load<Avx512>(offset); }
  template <bool Symmetric> TFL_ALWAYS_INLINE Int32<Avx512> finish(const Int32<Avx512>& x) const {
    const auto at = [](const void* p) { return _mm512_loadu_si512(p); };
    const __m512i low = _mm512_add_epi64(_mm512_mul_epu32(x, at(even)), at(add_even));
    const __m512i high = _mm512_add_epi64(_mm512_mul_epu32(_mm512_srli_epi64(x, 32), at(odd)), at(add_odd));
    __m512i y = _mm512_mask_shuffle_epi32(high, 0x5555, low, _MM_PERM_DDBB);
    if constexpr (Symmetric) y = _mm512_sub_epi32(y, _mm512_srai_epi32(x, 31));
    return Int32<Avx512>(_mm512_srav_epi32(y, at(right)));
  }
};
template <> struct ShortRequantization<Avx512Vnni> : ShortRequantization<Avx512> {};
template <> struct ShortRequantization<Avx512Amx> : ShortRequantization<Avx512> {};
#endif

/// Whether an architecture has StepRequantization: FloatSteps where each instruction may say how it rounds.
template <class A> inline constexpr bool has_step_requantization = has_float_steps<A>&& std::is_base_of_v<Avx512, A>;

/// The same with FloatSteps: finish() leaves the last rounding and the zero point to whoever stores.
template <class A> struct StepRequantization {
  static constexpr int L = lanes<std::int32_t, A>;
  std::int32_t bias[L];
  float high[L], low[L], lift[L];

  TFL_ALWAYS_INLINE Int32<A> start() const { return load<A>(bias); }
#if TFL_HAS_XSIMD && defined(__AVX512BW__)
  template <bool Mirrored> TFL_ALWAYS_INLINE Int32<A> finish(const Int32<A>& sum) const {
    static_assert(has_step_requantization<A>);
    const detail::Steps16<Mirrored> steps{_mm512_loadu_ps(high), _mm512_loadu_ps(low), _mm512_loadu_ps(lift)};
    return Int32<A>(steps.of(_mm512_cvtepi32_ps(sum)));
  }
#endif
};

}  // namespace tfl::simd
