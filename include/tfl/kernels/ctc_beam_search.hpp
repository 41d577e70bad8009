#pragma once
// The custom op CTCBeamSearchDecoder: logits[time, batch, classes] (the last class is the blank), lengths[batch] -> the most likely label
// sequences. Outputs: for each of top_paths the indices [n, 2] (batch, place), then the labels [n] of each, then the shapes [2] of each,
// and at last the logarithms of their probabilities [batch, top_paths].
//
// Graves et al., "Connectionist Temporal Classification" (2006). A beam is a sequence of labels with the probabilities that it ends with a
// blank or with its last label. Beams are few, so that a beam's parent or child is found by comparing sequences.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

struct BeamProbability {
  static constexpr float none = -std::numeric_limits<float>::infinity();  // the logarithm of 0
  float total = none, blank = none, label = none;
};
struct Beam {
  BeamProbability before, now;
  std::int32_t length;
  bool is_branch;  // was there when the step began
};

inline float log_of_sum(float a, float b) {
  if (a == BeamProbability::none && b == BeamProbability::none) return a;
  return a > b ? a + std::log1p(std::exp(b - a)) : b + std::log1p(std::exp(a - b));
}

/// The beams of one batch. Slots hold the beams of the last step and the new ones: twice the width.
class BeamSearch {
 public:
  static constexpr std::int64_t bytes(std::int64_t width, std::int64_t steps) {
    return (2 * width * (static_cast<std::int64_t>(sizeof(Beam)) + 4 * (steps + 1)) + 8 * width + 15) / 16 * 16;
  }
  BeamSearch(std::byte* memory, std::int32_t width, std::int32_t steps, std::int32_t classes)
      : width_(width),
        row_(steps + 1),
        blank_(classes - 1),
        beams_(reinterpret_cast<Beam*>(memory)),
        labels_(reinterpret_cast<std::int32_t*>(beams_ + 2 * std::int64_t{width})),
        leaves_(labels_ + 2 * std::int64_t{width} * row_),
        branches_(leaves_ + width) {
    for (std::int32_t i = 0; i < 2 * width; ++i) beams_[i] = Beam{{}, {}, -1, false};
    beams_[0].length = 0;
    beams_[0].now.total = beams_[0].now.blank = 0;
    leaves_[0] = 0;
    leaf_count_ = 1;
  }

  void step(const float* logits) {
    float most = logits[0];
    for (std::int32_t c = 1; c <= blank_; ++c) most = most < logits[c] ? logits[c] : most;
    float sum = 0;
    for (std::int32_t c = 0; c <= blank_; ++c) sum += std::exp(logits[c] - most);
    const float norm = most + std::log(sum);
    sort(leaves_, leaf_count_);
    branch_count_ = leaf_count_;
    std::copy_n(leaves_, leaf_count_, branches_);
    for (std::int32_t i = 0; i < branch_count_; ++i) {
      Beam& b = beams_[branches_[i]];
      b.before = b.now;
      b.is_branch = true;
    }
    for (std::int32_t i = 0; i < branch_count_; ++i) go_on(branches_[i], logits, norm);
    for (std::int32_t i = 0; i < branch_count_; ++i) {
      if (!is_candidate(beams_[branches_[i]].before.total)) continue;
      for (std::int32_t label = 0; label < blank_; ++label) branch_out(branches_[i], label, logits[label] - norm);
    }
    // What was pushed out lets its slot go.
    for (std::int32_t i = 0; i < 2 * width_; ++i) beams_[i].is_branch = false;
    for (std::int32_t i = 0; i < leaf_count_; ++i) beams_[leaves_[i]].is_branch = true;
    for (std::int32_t i = 0; i < 2 * width_; ++i) {
      if (!beams_[i].is_branch) beams_[i].length = -1;
    }
  }

  /// How many sequences there are; the best come first.
  std::int32_t finish() {
    sort(leaves_, leaf_count_);
    return leaf_count_;
  }
  float probability(std::int32_t place) const { return beams_[leaves_[place]].now.total; }
  /// Writes the labels, of equal neighbours one where they are merged; how many.
  std::int32_t labels(std::int32_t place, bool merges, std::int32_t* to) const {
    const std::int32_t* const path = labels_of(leaves_[place]);
    std::int32_t count = 0;
    for (std::int32_t i = 0; i < beams_[leaves_[place]].length; ++i) {
      if (!merges || i == 0 || path[i] != path[i - 1]) to[count++] = path[i];
    }
    return count;
  }

 private:
  std::int32_t* labels_of(std::int32_t slot) const { return labels_ + slot * row_; }
  std::int32_t last_label(std::int32_t slot) const { return beams_[slot].length > 0 ? labels_of(slot)[beams_[slot].length - 1] : -1; }
  /// Whether `child` is `parent` and one label more.
  bool continues(std::int32_t child, std::int32_t parent) const {
    return beams_[child].length == beams_[parent].length + 1 &&
           std::memcmp(labels_of(child), labels_of(parent), static_cast<std::size_t>(beams_[parent].length) * 4) == 0;
  }
  void sort(std::int32_t* slots, std::int32_t count) const {
    std::sort(slots, slots + count, [this](std::int32_t a, std::int32_t b) {
      const float x = beams_[a].now.total, y = beams_[b].now.total;
      return x > y || (x == y && a < b);
    });
  }
  std::int32_t lowest() const {
    std::int32_t result = 0;
    for (std::int32_t i = 1; i < leaf_count_; ++i) {
      if (beams_[leaves_[i]].now.total < beams_[leaves_[result]].now.total) result = i;
    }
    return result;
  }
  bool is_candidate(float total) const {
    return total > BeamProbability::none && (leaf_count_ < width_ || total > beams_[leaves_[lowest()]].now.total);
  }

  /// The same sequence one step later: once more its last label, or a blank.
  void go_on(std::int32_t slot, const float* logits, float norm) {
    Beam& b = beams_[slot];
    if (b.length > 0) {
      const std::int32_t label = last_label(slot);
      for (std::int32_t i = 0; i < branch_count_; ++i) {
        const std::int32_t parent = branches_[i];
        if (beams_[parent].now.total == BeamProbability::none || !continues(slot, parent)) continue;
        b.now.label = log_of_sum(b.now.label, last_label(parent) == label ? beams_[parent].before.blank : beams_[parent].before.total);
      }
      b.now.label += logits[label] - norm;
    }
    b.now.blank = b.before.total + logits[blank_] - norm;
    b.now.total = log_of_sum(b.now.blank, b.now.label);
    if (std::isnan(b.now.total)) b.now = {};
  }
  /// The sequence and one label more, where that is not a beam already.
  void branch_out(std::int32_t slot, std::int32_t label, float log) {
    for (std::int32_t i = 0; i < leaf_count_; ++i) {
      if (beams_[leaves_[i]].length > 0 && last_label(leaves_[i]) == label && continues(leaves_[i], slot)) return;
    }
    const Beam& b = beams_[slot];
    const float total = log + (last_label(slot) == label ? b.before.blank : b.before.total);
    if (!is_candidate(total)) return;
    if (leaf_count_ == width_) {
      const std::int32_t place = lowest(), out = leaves_[place];
      beams_[out].now = {};
      if (!beams_[out].is_branch) beams_[out].length = -1;
      leaves_[place] = leaves_[--leaf_count_];
    }
    std::int32_t free = 0;
    while (beams_[free].length >= 0) ++free;  // leaves and branches are never more than slots
    beams_[free] = Beam{{}, {total, BeamProbability::none, total}, b.length + 1, false};
    std::copy_n(labels_of(slot), b.length, labels_of(free));
    labels_of(free)[b.length] = label;
    leaves_[leaf_count_++] = free;
  }

  std::int32_t width_;
  std::int64_t row_;
  std::int32_t blank_;
  Beam* beams_;
  std::int32_t *labels_, *leaves_, *branches_;
  std::int32_t leaf_count_ = 0, branch_count_ = 0;
};

}  // namespace detail

struct CtcBeamSearchDecoder {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "CTCBeamSearchDecoder";
  static constexpr Arity inputs = 2, outputs{4, any_number};
  static constexpr int max_version = 1;

  struct Options {
    std::int64_t width = 0, paths = 0;
    bool merges = false;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      return {custom.integer("beam_width"), custom.integer("top_paths"), custom.boolean("merge_repeated")};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (node.input(1).type != TensorType::int32) return input_violation(1, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 0, 3)) return v;
    if (const Violation v = require_rank(node, 1, 1)) return v;
    const Shape& logits = node.input(0).shape;
    if (logits[2] < 1) return input_violation(0, ErrorCode::invalid_shape, "must have at least one class, the blank");
    if (node.input(1).shape[0] != logits[1]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have one length for each of the {} batches, not {}", logits[1],
                             node.input(1).shape[0]);
    }
    if (options.paths < 1 || options.width < options.paths || options.width > (1 << 16)) {
      return node_violation(ErrorCode::invalid_option,
                            "must have top_paths from 1 to its beam_width, and that at most 65536; they are {} and {}", options.paths,
                            options.width);
    }
    if (std::int64_t{logits[1]} * (std::int64_t{logits[0]} + 2) > (std::int64_t{1} << 40) / options.paths) {
      return input_violation(0, ErrorCode::invalid_shape, "has too many steps and batches");
    }
    if (node.output_count() != 3 * options.paths + 1) {
      return node_violation(ErrorCode::invalid_model, "must have {} outputs, not {}", 3 * options.paths + 1, node.output_count());
    }
    const int paths = static_cast<int>(options.paths);
    for (int k = 0; k < 3 * paths; ++k) {
      if (node.output(k).type != TensorType::int32) return output_violation(k, ErrorCode::invalid_type, "must be int32");
    }
    if (node.output(3 * paths).type != TensorType::float32) return output_violation(3 * paths, ErrorCode::invalid_type, "must be float32");
    for (int k = 0; k < paths; ++k) node.output(2 * paths + k).shape = {2};
    node.output(3 * paths).shape = {logits[1], paths};
    return data_decides_shape();
  }
  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Shape& logits = node.input(0).shape;
    // For each path and batch its probability, its length and its labels; then the search.
    return {.scratch_bytes = found_bytes(options, logits) + detail::BeamSearch::bytes(options.width, logits[0])};
  }

  static Violation measure(const Options& options, const NodeDescription& node, const InputData& data, std::byte* scratch) {
    const Shape& logits = node.input(0).shape;
    const std::int64_t steps = logits[0], batches = logits[1], classes = logits[2];
    const float* const values = data.at<float>(0);
    const std::int32_t* const lengths = data.at<std::int32_t>(1);
    auto* const found = reinterpret_cast<std::int32_t*>(scratch);
    for (std::int64_t b = 0; b < batches; ++b) {
      if (lengths[b] > steps) {
        return input_violation(1, ErrorCode::invalid_value, "must hold lengths of at most {}, but element {} is {}", steps, b, lengths[b]);
      }
    }
    for (std::int64_t b = 0; b < batches; ++b) {
      detail::BeamSearch search(scratch + found_bytes(options, logits), static_cast<std::int32_t>(options.width),
                                static_cast<std::int32_t>(steps), static_cast<std::int32_t>(classes));
      for (std::int64_t t = 0; t < lengths[b]; ++t) search.step(values + (t * batches + b) * classes);
      if (search.finish() < options.paths) {
        return node_violation(ErrorCode::invalid_value, "finds fewer than the {} sequences that it is to give", options.paths);
      }
      for (std::int64_t p = 0; p < options.paths; ++p) {
        std::int32_t* const record = found + (p * batches + b) * (steps + 2);
        const float probability = search.probability(static_cast<std::int32_t>(p));
        std::memcpy(record, &probability, sizeof probability);
        record[1] = search.labels(static_cast<std::int32_t>(p), options.merges, record + 2);
      }
    }
    for (int p = 0; p < static_cast<int>(options.paths); ++p) {
      std::int64_t total = 0;
      for (std::int64_t b = 0; b < batches; ++b) total += found[(p * batches + b) * (steps + 2) + 1];
      node.output(p).shape = {static_cast<std::int32_t>(total), 2};
      node.output(static_cast<int>(options.paths) + p).shape = {static_cast<std::int32_t>(total)};
    }
    return {};
  }

  struct Prepared {
    std::int64_t steps = 0, batches = 0, paths = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape[0], node.input(0).shape[1], options.paths};
  }

  template <class Run, class In, class Lengths, class Outs> static void eval(const Run& run, In, Lengths, Outs outs) {
    const Prepared& p = run.prepared;
    const auto* const found = reinterpret_cast<const std::int32_t*>(run.scratch);
    const int paths = static_cast<int>(p.paths);
    auto* const probabilities = reinterpret_cast<float*>(outs[3 * paths].data());
    for (int k = 0; k < paths; ++k) {
      auto* indices = reinterpret_cast<std::int32_t*>(outs[k].data());
      auto* labels = reinterpret_cast<std::int32_t*>(outs[paths + k].data());
      auto* const shape = reinterpret_cast<std::int32_t*>(outs[2 * paths + k].data());
      shape[0] = static_cast<std::int32_t>(p.batches);
      shape[1] = 0;
      for (std::int64_t b = 0; b < p.batches; ++b) {
        const std::int32_t* const record = found + (k * p.batches + b) * (p.steps + 2);
        std::memcpy(probabilities + b * p.paths + k, record, sizeof(float));
        shape[1] = shape[1] < record[1] ? record[1] : shape[1];
        for (std::int32_t i = 0; i < record[1]; ++i) {
          *indices++ = static_cast<std::int32_t>(b);
          *indices++ = i;
          *labels++ = record[2 + i];
        }
      }
    }
  }

  using Types = Signatures<Signature<Takes<float, std::int32_t>, Gives<Many<AnyType>>>>;

 private:
  static constexpr std::int64_t found_bytes(const Options& options, const Shape& logits) {
    return (options.paths * logits[1] * (std::int64_t{logits[0]} + 2) * 4 + 15) / 16 * 16;
  }
};

}  // namespace tfl
