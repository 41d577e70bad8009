#pragma once
// NON_MAX_SUPPRESSION_V4 and V5: the boxes with the best scores that do not overlap too much; V5 lowers the scores of those that overlap
// instead (Bodla et al., "Soft-NMS: Improving Object Detection With One Line of Code", 2017). Quantized as TFLite computes it: overlaps
// and scores lie in [0, 1] with 8 or 15 bits.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tfl/kernels/op.hpp"
#include "tfl/quant/lut.hpp"
#include "tfl/quant/multiplier.hpp"

namespace tfl {

namespace detail {

template <class T> struct SuppressionCandidate {
  T score;
  std::int32_t box, compared;  // with how many of those taken
  friend bool operator<(const SuppressionCandidate& a, const SuppressionCandidate& b) { return a.score < b.score; }
};

template <class T> struct SharedArea {
  T shared = 0, all = 0;  // of two boxes; all is 0 where one has no area
};
template <class Area, class T> SharedArea<Area> shared_area(const T* a, const T* b) {
  const auto low = [](const T* box, int i) { return static_cast<Area>(std::min(box[i], box[i + 2])); };
  const auto high = [](const T* box, int i) { return static_cast<Area>(std::max(box[i], box[i + 2])); };
  const auto area = [&](const T* box) { return (high(box, 0) - low(box, 0)) * (high(box, 1) - low(box, 1)); };
  const Area area_a = area(a), area_b = area(b);
  if (area_a <= 0 || area_b <= 0) return {};
  const auto side = [&](int i) { return std::max<Area>(std::min<Area>(high(a, i), high(b, i)) - std::max<Area>(low(a, i), low(b, i)), 0); };
  const Area shared = side(0) * side(1);
  return {shared, area_a + area_b - shared};
}

/// Overlaps, scores and their thresholds as the algorithm compares them.
struct RealSuppression {
  using Score = float;
  float overlap_threshold, score_threshold, sigma;

  float overlap(const float* a, const float* b) const {
    const SharedArea<float> area = shared_area<float>(a, b);
    return area.all == 0 ? 0 : area.shared / area.all;
  }
  bool softens() const { return sigma > 0; }
  float softened(float score, float overlap) const { return score * std::exp(-0.5f / sigma * overlap * overlap); }
};
template <class T> struct QuantizedSuppression {
  using Score = T;
  static constexpr std::int32_t one = sizeof(T) == 1 ? 256 : 32768, zero = sizeof(T) == 1 ? -128 : 0;
  T overlap_threshold, score_threshold;
  const T* similarity;  // the table of exp(-overlap^2 / (2 sigma)); null without softening
  Multiplier product;   // brings products of scores back
  std::int32_t product_zero;

  T overlap(const T* a, const T* b) const {
    SharedArea<std::int64_t> area = shared_area<std::int64_t>(a, b);
    std::int64_t ratio = 0;
    if (area.all != 0) {
      const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(area.all)));
      const int shift = bits > 15 ? bits - 15 : 0;  // as TFLite, whose numbers have 32 bits
      ratio = (area.shared >> shift) * one / (area.all >> shift);
    }
    return clamped(ratio + zero);
  }
  bool softens() const { return similarity != nullptr; }
  T softened(T score, T overlap) const {
    const T factor = sizeof(T) == 1 ? similarity[static_cast<std::uint8_t>(overlap)] : lut_at(overlap);
    const std::int32_t rescaled = multiply((std::int32_t{score} - zero) * (std::int32_t{factor} - zero), product);
    return clamped(std::int64_t{rescaled} + product_zero);
  }

 private:
  T lut_at(T x) const {
    if constexpr (sizeof(T) == 2) {
      return lut::at(similarity, x);
    } else {
      return x;
    }
  }
  static T clamped(std::int64_t x) {
    constexpr std::int64_t low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    return static_cast<T>(x < low ? low : x > high ? high : x);
  }
};

/// Fills indices (and scores, where wanted); returns how many were taken.
template <class Rules, class T, class ScoreAt>
std::int32_t suppress(const Rules& rules, const T* boxes, std::int32_t count, ScoreAt score_at, std::int32_t most,
                      SuppressionCandidate<T>* heap, std::int32_t* indices, T* scores) {
  std::int32_t size = 0;
  const auto push = [&](const SuppressionCandidate<T>& c) {
    heap[size++] = c;
    std::push_heap(heap, heap + size);
  };
  for (std::int32_t i = 0; i < count; ++i) {
    if (const T score = score_at(i); score > rules.score_threshold) push({score, i, 0});
  }
  const std::int32_t wanted = std::min(size, most);
  std::int32_t taken = 0;
  while (taken < wanted && size > 0) {
    std::pop_heap(heap, heap + size);
    SuppressionCandidate<T> next = heap[--size];
    const T before = next.score;
    bool suppressed = false;
    // The last ones taken are the likeliest to overlap. None is compared twice.
    for (std::int32_t k = taken - 1; k >= next.compared; --k) {
      const T overlap = rules.overlap(boxes + 4 * std::ptrdiff_t{next.box}, boxes + 4 * std::ptrdiff_t{indices[k]});
      if (overlap >= rules.overlap_threshold) {
        suppressed = true;
        break;
      }
      if (rules.softens()) next.score = rules.softened(next.score, overlap);
      if (next.score <= rules.score_threshold) break;
    }
    next.compared = taken;
    if (suppressed) continue;
    if (next.score == before) {
      indices[taken] = next.box;
      if (scores != nullptr) scores[taken] = next.score;
      ++taken;
    }
    if (next.score > rules.score_threshold) push(next);
  }
  return taken;
}

/// What both versions have in common. Inputs: boxes[n, 4] (corners), scores[n], most boxes (int32), overlap threshold, score threshold,
/// and in V5 sigma.
template <BuiltinOperator Code, bool Soft> struct NonMaxSuppression {
  static constexpr BuiltinOperator code = Code;
  static constexpr Arity inputs = Soft ? 6 : 5, outputs = Soft ? 3 : 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorType type = node.input(0).type;
    if (const Violation v = require_rank(node, 0, 2)) return v;
    if (node.input(0).shape[1] != 4)
      return input_violation(0, ErrorCode::invalid_shape, "must have 4 numbers a box, not {}", node.input(0).shape[1]);
    if (node.input(1).rank() != 1 || node.input(1).shape[0] != node.input(0).shape[0])
      return input_violation(1, ErrorCode::invalid_shape, "must have one score for each of the {} boxes", node.input(0).shape[0]);
    for (int i = 1; i < (Soft ? 6 : 5); ++i) {
      if (i != 2 && node.input(i).type != type) return input_violation(i, ErrorCode::invalid_type, "must have the type of the boxes");
      if (i >= 2 && node.input(i).count() != 1) return input_violation(i, ErrorCode::invalid_shape, "must have one element");
      if (i != 2 && type != TensorType::float32) {
        if (const Violation v = require_quantized_input(node, i)) return v;
      }
    }
    if (node.input(2).type != TensorType::int32) return input_violation(2, ErrorCode::invalid_type, "must be int32");
    if (Soft && type != TensorType::float32) {
      if (const Violation v = require_quantized_output(node, 1)) return v;
    }
    if (const Violation v = require_known(node, 2)) return v;
    const std::int64_t most = node.input(2).integers[0];
    if (most < 0) return input_violation(2, ErrorCode::invalid_value, "asks for {} boxes", most);
    for (int k = 0; k < (Soft ? 2 : 1); ++k) node.output(k).shape = Shape{static_cast<std::int32_t>(most)};
    node.output(Soft ? 2 : 1).shape = Shape{};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = table_bytes + node.input(0).shape[0] * static_cast<std::int64_t>(sizeof(SuppressionCandidate<float>))};
  }

  struct Prepared {
    Multiplier score, overlap_threshold, score_threshold, product;
    std::int32_t score_zero = 0, overlap_threshold_zero = 0, score_threshold_zero = 0, product_zero = 0, sigma_zero = 0;
    float sigma_scale = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p;
    const TensorType type = node.input(0).type;
    if (type == TensorType::float32) return p;
    const float one = type == TensorType::int8 ? 256.0f : 32768.0f;
    const auto multiplier = [one](const TensorDescription& t) {
      return quantize_multiplier(static_cast<double>(t.quantization.scale * one));
    };
    p.score = multiplier(node.input(1));
    p.overlap_threshold = multiplier(node.input(3));
    p.score_threshold = multiplier(node.input(4));
    p.score_zero = node.input(1).quantization.zero_point;
    p.overlap_threshold_zero = node.input(3).quantization.zero_point;
    p.score_threshold_zero = node.input(4).quantization.zero_point;
    if constexpr (Soft) {
      p.product = quantize_multiplier(static_cast<double>(node.output(1).quantization.scale));
      p.product_zero = node.output(1).quantization.zero_point;
      p.sigma_scale = node.input(5).quantization.scale;
      p.sigma_zero = node.input(5).quantization.zero_point;
    }
    for (const Multiplier m : {p.score, p.overlap_threshold, p.score_threshold, p.product}) {
      if (m.shift > 30) return node_violation(ErrorCode::invalid_quantization, "has a scale that is too large");
    }
    return p;
  }

  /// V4
  template <class Run, class In, class Most, class Indices>
  static Violation eval(const Run& run, In boxes, In scores, Most, In overlap, In threshold, Indices indices,
                        Indices count) requires(!Soft) {
    using T = typename In::value_type;
    return evaluate(run, boxes, scores, overlap, threshold, T{}, indices, static_cast<T*>(nullptr), count);
  }
  /// V5
  template <class Run, class In, class Most, class Indices, class Scores>
  static Violation eval(const Run& run, In boxes, In scores, Most, In overlap, In threshold, In sigma, Indices indices, Scores taken,
                        Indices count) requires(Soft) {
    const auto zero = static_cast<typename In::value_type>(run.prepared.sigma_zero);
    if (!(sigma[0] >= zero)) return input_violation(5, ErrorCode::invalid_value, "must not be negative");
    return evaluate(run, boxes, scores, overlap, threshold, sigma[0], indices, taken.data(), count);
  }

  template <class T>
  using Of = std::conditional_t<Soft, Signature<Takes<T, T, Unread, T, T, T>, Gives<std::int32_t, T, std::int32_t>>,
                                Signature<Takes<T, T, Unread, T, T>, Gives<std::int32_t, std::int32_t>>>;
  using Types = Signatures<Of<float>, Of<std::int8_t>, Of<std::int16_t>>;

 private:
  static constexpr std::int64_t table_bytes = Soft ? 1040 : 0;  // of 513 int16, and alignment for what follows

  template <class Run, class In, class T, class Indices>
  static Violation evaluate(const Run& run, In boxes, In scores, In overlap, In threshold, T sigma, Indices indices, T* taken_scores,
                            Indices count) {
    const auto n = static_cast<std::int32_t>(scores.count()), most = static_cast<std::int32_t>(indices.count());
    auto* heap = reinterpret_cast<SuppressionCandidate<T>*>(run.scratch + table_bytes);
    std::int32_t taken = 0;
    T nothing{};
    if constexpr (std::is_same_v<T, float>) {
      const RealSuppression rules{overlap[0], threshold[0], sigma};
      taken = suppress(
          rules, boxes.data(), n, [&](std::int32_t i) { return scores[i]; }, most, heap, indices.data(), taken_scores);
    } else {
      const Prepared& p = run.prepared;
      constexpr std::int32_t zero = QuantizedSuppression<T>::zero;
      const auto rescaled = [](std::int32_t x, std::int32_t zero_point, Multiplier by) {
        return static_cast<T>(multiply(x - zero_point, by) + zero);
      };
      QuantizedSuppression<T> rules{rescaled(overlap[0], p.overlap_threshold_zero, p.overlap_threshold),
                                    rescaled(threshold[0], p.score_threshold_zero, p.score_threshold), nullptr, p.product, p.product_zero};
      if (Soft && sigma > p.sigma_zero) {
        const float factor = -0.5f / (static_cast<float>(sigma - p.sigma_zero) * p.sigma_scale);
        const float step = 1.0f / (static_cast<float>(std::numeric_limits<T>::max()) - static_cast<float>(std::numeric_limits<T>::min()));
        const Quantization q{.scale = step, .zero_point = std::numeric_limits<T>::min()};
        auto* table = reinterpret_cast<T*>(run.scratch);
        lut::fill<typename Run::Arch>(
            q, q, [factor](float x) { return std::exp(factor * x * x); }, table);
        rules.similarity = table;
      }
      nothing = static_cast<T>(p.product_zero);
      taken = suppress(
          rules, boxes.data(), n, [&](std::int32_t i) { return rescaled(scores[i], p.score_zero, p.score); }, most, heap, indices.data(),
          taken_scores);
    }
    count[0] = taken;
    for (std::int32_t k = taken; k < most; ++k) {
      indices[k] = 0;
      if (taken_scores != nullptr) taken_scores[k] = nothing;
    }
    return {};
  }
};

}  // namespace detail

/// NON_MAX_SUPPRESSION_V4: -> the numbers of the boxes taken[most], the best first and 0 behind the last, and how many they are.
using NonMaxSuppressionV4 = detail::NonMaxSuppression<BuiltinOperator::NON_MAX_SUPPRESSION_V4, false>;
/// NON_MAX_SUPPRESSION_V5: -> the same with the scores of those taken[most] in between. Overlaps lower scores where sigma is positive.
using NonMaxSuppressionV5 = detail::NonMaxSuppression<BuiltinOperator::NON_MAX_SUPPRESSION_V5, true>;

}  // namespace tfl
