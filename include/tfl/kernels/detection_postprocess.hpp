#pragma once
// TFLite_Detection_PostProcess, the custom op at the end of SSD detectors: decodes boxes relative to anchors and keeps the best that do not
// overlap (non-maximum suppression).
//
//   box encodings[1, boxes, 4 or more] (y, x, h, w, ...), class scores[1, boxes, classes, one more where class 0 is the background],
//   anchors[boxes, 4] (y, x, h, w)
//   -> boxes[1, n, 4] (ymin, xmin, ymax, xmax), classes[1, n], scores[1, n], count[1], all float; n = max_detections * classes a detection.
//
// Fast: one suppression over each box's best score, then each kept box is listed with its best classes. Regular: one suppression for each
// class, then the best over all classes. Of equal scores the lower box, then the lower class comes first. What is left of the outputs is 0.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/batch.hpp"

namespace tfl {

namespace detail {

struct DetectionBox {
  float ymin, xmin, ymax, xmax;
};
struct Detection {
  float score;
  std::int32_t box, label;
};

/// How much of two boxes' union they share; 0 where one has no area.
template <class A> float intersection_over_union(const DetectionBox& a, const DetectionBox& b) {
  const float area_a = (a.ymax - a.ymin) * (a.xmax - a.xmin), area_b = (b.ymax - b.ymin) * (b.xmax - b.xmin);
  if (area_a <= 0 || area_b <= 0) return 0;
  const float height = (a.ymax < b.ymax ? a.ymax : b.ymax) - (a.ymin > b.ymin ? a.ymin : b.ymin);
  const float width = (a.xmax < b.xmax ? a.xmax : b.xmax) - (a.xmin > b.xmin ? a.xmin : b.xmin);
  const float shared = (height > 0 ? height : 0) * (width > 0 ? width : 0);
  return shared / (area_a + area_b - shared);
}

/// Boxes by score, the best on top; of equal scores the lower number. The scores lie `stride` apart.
template <class A> class BestFirst {
 public:
  BestFirst(std::int32_t* boxes, const float* scores, std::int64_t stride) : boxes_(boxes), scores_(scores), stride_(stride) {}

  /// Takes in the boxes of [0, count) whose score is at least `threshold`.
  void fill(std::int32_t count, float threshold) {
    size_ = 0;
    for (std::int32_t i = 0; i < count; ++i) {
      if (scores_[i * stride_] >= threshold) boxes_[size_++] = i;
    }
    for (std::int32_t i = size_ / 2 - 1; i >= 0; --i) sink(i);
  }
  bool empty() const { return size_ == 0; }
  std::int32_t take() {
    const std::int32_t best = boxes_[0];
    boxes_[0] = boxes_[--size_];
    sink(0);
    return best;
  }

 private:
  bool before(std::int32_t a, std::int32_t b) const {
    const float x = scores_[a * stride_], y = scores_[b * stride_];
    return x > y || (x == y && a < b);
  }
  void sink(std::int32_t i) {
    for (std::int32_t child = 2 * i + 1; child < size_; child = 2 * i + 1) {
      if (child + 1 < size_ && before(boxes_[child + 1], boxes_[child])) ++child;
      if (!before(boxes_[child], boxes_[i])) return;
      const std::int32_t box = boxes_[i];
      boxes_[i] = boxes_[child];
      boxes_[child] = box;
      i = child;
    }
  }

  std::int32_t* boxes_;
  const float* scores_;
  std::int64_t stride_;
  std::int32_t size_ = 0;
};

struct DetectionScratch {
  std::int64_t boxes = 0, scores = 0, best = 0, order = 0, kept = 0, results = 0, bytes = 0;
};

struct DetectionPrepared {
  std::int32_t boxes = 0, coordinates = 4, columns = 0, classes = 0, max_detections = 0, classes_per_detection = 1,
               detections_per_class = 0;
  bool regular = false, quantized_scores = false;
  float score_threshold = 0, overlap_threshold = 0, y_scale = 1, x_scale = 1, h_scale = 1, w_scale = 1;
  Quantization box_quantization, score_quantization, anchor_quantization;
  DetectionScratch scratch;
};

/// The best boxes of one column of scores, at most `limit`, that overlap none of the better ones. Returns how many.
template <class A>
std::int32_t suppress_overlaps(const DetectionPrepared& p, const DetectionBox* boxes, BestFirst<A>& candidates, std::int32_t limit,
                               std::int32_t* kept) {
  std::int32_t count = 0;
  while (count < limit && !candidates.empty()) {
    const std::int32_t candidate = candidates.take();
    bool overlaps = false;
    for (std::int32_t i = 0; i < count && !overlaps; ++i) {
      overlaps = intersection_over_union<A>(boxes[kept[i]], boxes[candidate]) > p.overlap_threshold;
    }
    if (!overlaps) kept[count++] = candidate;
  }
  return count;
}

}  // namespace detail

struct DetectionPostprocess {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "TFLite_Detection_PostProcess";
  static constexpr Arity inputs = 3, outputs = 4;
  static constexpr int max_version = 1;

  struct Options {
    std::int64_t max_detections = 0, classes_per_detection = 0, detections_per_class = 100, classes = 0;
    bool regular = false;
    float score_threshold = 0, overlap_threshold = 0, y_scale = 0, x_scale = 0, h_scale = 0, w_scale = 0;

    /// `custom`: what has integer(), real() and boolean() by key.
    template <class Custom> static constexpr Options read(const Custom& custom) {
      Options o;
      o.max_detections = custom.integer("max_detections");
      o.classes_per_detection = custom.integer("max_classes_per_detection");
      o.detections_per_class = custom.integer("detections_per_class", 100);
      o.classes = custom.integer("num_classes");
      o.regular = custom.boolean("use_regular_nms");
      o.score_threshold = custom.real("nms_score_threshold");
      o.overlap_threshold = custom.real("nms_iou_threshold");
      o.y_scale = custom.real("y_scale");
      o.x_scale = custom.real("x_scale");
      o.h_scale = custom.real("h_scale");
      o.w_scale = custom.real("w_scale");
      return o;
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    for (int i = 0; i < 3; ++i) {
      if (!node.has_input(i)) return input_violation(i, ErrorCode::invalid_model, "must be there");
      if (const Violation v = require_rank(node, i, i == 2 ? 2 : 3)) return v;
      const TensorType type = node.input(i).type;
      if (type != TensorType::float32 && type != TensorType::uint8)
        return input_violation(i, ErrorCode::invalid_type, "must be float32 or uint8");
      if (type == TensorType::uint8) {
        if (const Violation v = require_quantized_input(node, i)) return v;
      }
    }
    const Shape &encodings = node.input(0).shape, &scores = node.input(1).shape, &anchors = node.input(2).shape;
    if (node.input(2).type != node.input(0).type) return input_violation(2, ErrorCode::invalid_type, "must have the type of input 0");
    for (const int i : {0, 1}) {
      if (node.input(i).shape[0] != 1)
        return input_violation(i, ErrorCode::invalid_shape, "must have a batch of 1, not {}", node.input(i).shape[0]);
    }
    const std::int32_t boxes = encodings[1];
    if (encodings[2] < 4)
      return input_violation(0, ErrorCode::invalid_shape, "must have 4 or more numbers for a box, not {}", encodings[2]);
    if (scores[1] != boxes)
      return input_violation(1, ErrorCode::invalid_shape, "must have the {} boxes of input 0, not {}", boxes, scores[1]);
    if (anchors[0] != boxes || anchors[1] != 4) return input_violation(2, ErrorCode::invalid_shape, "must have the shape [{}, 4]", boxes);
    if (const Violation v = check_options(options, scores[2])) return v;
    const std::int64_t detections = options.max_detections * options.classes_per_detection;
    if (detections > std::numeric_limits<std::int32_t>::max() / 4) {
      return node_violation(ErrorCode::invalid_option, "asks for {} detections of {} classes, which is too many", options.max_detections,
                            options.classes_per_detection);
    }
    for (int i = 0; i < 4; ++i) {
      if (node.output(i).type != TensorType::float32) return output_violation(i, ErrorCode::invalid_type, "must be float32");
    }
    const auto n = static_cast<std::int32_t>(detections);
    node.output(0).shape = {1, n, 4};
    node.output(1).shape = {1, n};
    node.output(2).shape = {1, n};
    node.output(3).shape = {1};
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    return {.scratch_bytes = describe(options, node).scratch.bytes};
  }

  using Prepared = detail::DetectionPrepared;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return describe(options, node);
  }

  template <class Run, class Boxes, class Scores, class Anchors, class OutBoxes, class OutClasses, class OutScores, class OutCount>
  static Violation eval(const Run& run, Boxes encodings, Scores predictions, Anchors anchors, OutBoxes out_boxes, OutClasses out_classes,
                        OutScores out_scores, OutCount out_count) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    auto* boxes = reinterpret_cast<detail::DetectionBox*>(run.scratch + p.scratch.boxes);
    run.executor.parallel_for(p.boxes, 50, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) boxes[i] = decode<A>(p, encodings.data() + i * p.coordinates, anchors.data() + i * 4);
    });
    for (std::int32_t i = 0; i < p.boxes; ++i) {
      if (boxes[i].ymin > boxes[i].ymax || boxes[i].xmin > boxes[i].xmax) {
        return input_violation(0, ErrorCode::invalid_value, "decodes box {} to a negative height or width", i);
      }
    }
    const float* scores = nullptr;
    if constexpr (sizeof(*predictions.data()) == 1) {
      auto* real = reinterpret_cast<float*>(run.scratch + p.scratch.scores);
      for (std::int64_t i = 0; i < predictions.count(); ++i) real[i] = dequantize<A>(predictions[i], p.score_quantization);
      scores = real;
    } else {
      scores = predictions.data();
    }
    const std::int64_t rows = out_classes.count();
    std::memset(out_boxes.data(), 0, static_cast<std::size_t>(rows) * 4 * sizeof(float));
    std::memset(out_classes.data(), 0, static_cast<std::size_t>(rows) * sizeof(float));
    std::memset(out_scores.data(), 0, static_cast<std::size_t>(rows) * sizeof(float));
    const auto list = [&](std::int64_t at, std::int32_t box, std::int32_t label, float score) {
      const detail::DetectionBox& b = boxes[box];
      out_boxes[4 * at] = b.ymin;
      out_boxes[4 * at + 1] = b.xmin;
      out_boxes[4 * at + 2] = b.ymax;
      out_boxes[4 * at + 3] = b.xmax;
      out_classes[at] = static_cast<float>(label);
      out_scores[at] = score;
    };
    const float* first_class = scores + (p.columns - p.classes);  // behind the background
    out_count[0] = static_cast<float>(p.regular ? suppress_each_class<A>(p, run.scratch, boxes, first_class, list)
                                                : suppress_best_class<A>(p, run.scratch, boxes, first_class, list));
    return {};
  }

  using Types = Signatures<Signature<Takes<float, float, float>, Gives<float, float, float, float>>,
                           Signature<Takes<std::uint8_t, std::uint8_t, std::uint8_t>, Gives<float, float, float, float>>,
                           Signature<Takes<float, std::uint8_t, float>, Gives<float, float, float, float>>,
                           Signature<Takes<std::uint8_t, float, std::uint8_t>, Gives<float, float, float, float>>>;

 private:
  static constexpr Violation check_options(const Options& options, std::int32_t columns) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    constexpr ErrorCode code_of = ErrorCode::invalid_option;
    if (options.max_detections < 0 || options.max_detections > most) {
      return node_violation(code_of, "has max_detections {}, which must be 0 or more", options.max_detections);
    }
    if (options.classes_per_detection < 1 || options.classes_per_detection > most) {
      return node_violation(code_of, "has max_classes_per_detection {}, which must be 1 or more", options.classes_per_detection);
    }
    if (options.regular && (options.detections_per_class < 1 || options.detections_per_class > most)) {
      return node_violation(code_of, "has detections_per_class {}, which must be 1 or more", options.detections_per_class);
    }
    if (options.classes < 1 || (columns != options.classes && columns != options.classes + 1)) {
      return input_violation(1, ErrorCode::invalid_shape, "must have num_classes = {} scores for a box, or one more, not {}",
                             options.classes, columns);
    }
    if (!(options.overlap_threshold > 0) || !(options.overlap_threshold <= 1)) {
      return node_violation(code_of, "has an nms_iou_threshold that is not in (0, 1]");
    }
    for (const float scale : {options.y_scale, options.x_scale, options.h_scale, options.w_scale}) {
      if (scale == 0 || scale != scale) return node_violation(code_of, "has a y_scale, x_scale, h_scale or w_scale of 0");
    }
    return {};
  }

  static constexpr Prepared describe(const Options& options, const NodeDescription& node) {
    Prepared p;
    p.boxes = node.input(0).shape[1];
    p.coordinates = node.input(0).shape[2];
    p.columns = node.input(1).shape[2];
    p.classes = static_cast<std::int32_t>(options.classes);
    p.max_detections = static_cast<std::int32_t>(options.max_detections);
    p.classes_per_detection = static_cast<std::int32_t>(options.classes_per_detection);
    p.detections_per_class = static_cast<std::int32_t>(options.detections_per_class < options.max_detections ? options.detections_per_class
                                                                                                             : options.max_detections);
    p.regular = options.regular;
    p.quantized_scores = node.input(1).type == TensorType::uint8;
    p.score_threshold = options.score_threshold;
    p.overlap_threshold = options.overlap_threshold;
    p.y_scale = options.y_scale;
    p.x_scale = options.x_scale;
    p.h_scale = options.h_scale;
    p.w_scale = options.w_scale;
    p.box_quantization = node.input(0).quantization;
    p.score_quantization = node.input(1).quantization;
    p.anchor_quantization = node.input(2).quantization;
    detail::DetectionScratch& s = p.scratch;
    const auto take = [&](std::int64_t bytes) {
      const std::int64_t at = s.bytes;
      s.bytes += (bytes + 15) / 16 * 16;
      return at;
    };
    const std::int64_t boxes = p.boxes;
    s.boxes = take(boxes * 16);
    s.scores = take(p.quantized_scores ? boxes * p.columns * 4 : 0);
    s.best = take(p.regular ? 0 : boxes * 4);
    s.order = take(boxes * 4);
    s.kept = take(4 * (boxes < p.max_detections ? boxes : p.max_detections));
    s.results = take(p.regular ? 2 * std::int64_t{p.max_detections} * static_cast<std::int64_t>(sizeof(detail::Detection)) : 0);
    return p;
  }

  template <class A> static float dequantize(float x, const Quantization&) { return x; }
  template <class A> static float dequantize(std::uint8_t x, const Quantization& q) {
    return (static_cast<float>(x) - static_cast<float>(q.zero_point)) * q.scale;
  }

  /// From centre and size relative to an anchor to corners, in double as the reference does.
  template <class A, class T> static detail::DetectionBox decode(const Prepared& p, const T* encoding, const T* anchor) {
    const auto e = [&](int i) { return static_cast<double>(dequantize<A>(encoding[i], p.box_quantization)); };
    const auto a = [&](int i) { return static_cast<double>(dequantize<A>(anchor[i], p.anchor_quantization)); };
    const auto y = static_cast<float>(e(0) / static_cast<double>(p.y_scale) * a(2) + a(0));
    const auto x = static_cast<float>(e(1) / static_cast<double>(p.x_scale) * a(3) + a(1));
    const auto half_height = static_cast<float>(0.5 * std::exp(e(2) / static_cast<double>(p.h_scale)) * a(2));
    const auto half_width = static_cast<float>(0.5 * std::exp(e(3) / static_cast<double>(p.w_scale)) * a(3));
    return {y - half_height, x - half_width, y + half_height, x + half_width};
  }

  template <class A, class List>
  static std::int32_t suppress_best_class(const Prepared& p, std::byte* scratch, const detail::DetectionBox* boxes, const float* scores,
                                          const List& list) {
    auto* best = reinterpret_cast<float*>(scratch + p.scratch.best);
    for (std::int64_t i = 0; i < p.boxes; ++i) best[i] = greatest<A>(scores + i * p.columns, p.classes);
    detail::BestFirst<A> candidates(reinterpret_cast<std::int32_t*>(scratch + p.scratch.order), best, 1);
    candidates.fill(p.boxes, p.score_threshold);
    auto* kept = reinterpret_cast<std::int32_t*>(scratch + p.scratch.kept);
    const std::int32_t count = detail::suppress_overlaps<A>(p, boxes, candidates, p.max_detections, kept);
    const std::int32_t listed = p.classes_per_detection < p.classes ? p.classes_per_detection : p.classes;
    for (std::int64_t i = 0; i < count; ++i) {
      const float* row = scores + std::int64_t{kept[i]} * p.columns;
      std::int32_t last = -1;
      for (std::int32_t k = 0; k < listed; ++k) {
        last = next_class<A>(row, p.classes, last);
        if (last < 0) break;
        list(i * p.classes_per_detection + k, kept[i], last, row[last]);
      }
    }
    return count;
  }

  template <class A, class List>
  static std::int32_t suppress_each_class(const Prepared& p, std::byte* scratch, const detail::DetectionBox* boxes, const float* scores,
                                          const List& list) {
    auto* order = reinterpret_cast<std::int32_t*>(scratch + p.scratch.order);
    auto* kept = reinterpret_cast<std::int32_t*>(scratch + p.scratch.kept);
    auto* results = reinterpret_cast<detail::Detection*>(scratch + p.scratch.results);
    detail::Detection* merged = results + p.max_detections;
    std::int32_t count = 0;
    for (std::int32_t label = 0; label < p.classes; ++label) {
      detail::BestFirst<A> candidates(order, scores + label, p.columns);
      candidates.fill(p.boxes, p.score_threshold);
      const std::int32_t more = detail::suppress_overlaps<A>(p, boxes, candidates, p.detections_per_class, kept);
      if (more == 0) continue;
      // Both lists are in order; what was there comes first of equals.
      std::int32_t n = 0;
      for (std::int32_t i = 0, k = 0; n < p.max_detections && (i < count || k < more); ++n) {
        const float score = k < more ? scores[std::int64_t{kept[k]} * p.columns + label] : 0;
        if (k >= more || (i < count && !(score > results[i].score))) {
          merged[n] = results[i++];
        } else {
          merged[n] = {score, kept[k++], label};
        }
      }
      count = n;
      detail::Detection* const previous = results;
      results = merged;
      merged = previous;
    }
    for (std::int32_t i = 0; i < count; ++i) list(i, results[i].box, results[i].label, results[i].score);
    return count;
  }

  template <class A> static float greatest(const float* x, std::int64_t n) {
    constexpr int lanes = simd::lanes<float, A>;
    float most = x[0];
    std::int64_t i = 0;
    if (n >= lanes) {
      simd::Batch<float, A> all = simd::load<A>(x);
      for (i = lanes; i + lanes <= n; i += lanes) all = simd::max(all, simd::load<A>(x + i));
      float each[lanes];
      simd::store(each, all);
      for (const float v : each) most = v > most ? v : most;
    }
    for (; i < n; ++i) most = x[i] > most ? x[i] : most;
    return most;
  }

  /// The class that follows `last` in the order of falling scores, the lower class first; -1: none.
  template <class A> static std::int32_t next_class(const float* row, std::int32_t classes, std::int32_t last) {
    std::int32_t next = -1;
    for (std::int32_t c = 0; c < classes; ++c) {
      const bool after = last < 0 || row[c] < row[last] || (row[c] == row[last] && c > last);
      if (after && (next < 0 || row[c] > row[next])) next = c;
    }
    return next;
  }
};

}  // namespace tfl
