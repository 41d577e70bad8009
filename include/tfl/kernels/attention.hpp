#pragma once
// What language models ask for beside TensorFlow Lite's own ops: odml.scaled_dot_product_attention and the caches of keys and values,
// odml.update_kv_cache and odml.update_external_kv_cache. Tensors are [batch, position, head, element].

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "tfl/kernels/op.hpp"
#include "tfl/simd/dot_rows.hpp"
#include "tfl/simd/map_wide.hpp"
#include "tfl/simd/math.hpp"

namespace tfl {

namespace detail {

constexpr Violation require_real_input(const NodeDescription& node, int i, int rank) {
  if (node.input(i).type != TensorType::float32) return input_violation(i, ErrorCode::invalid_type, "must be float32");
  return require_rank(node, i, rank);
}
constexpr Violation require_shape_of(const NodeDescription& node, int i, int other) {
  if (node.input(i).shape == node.input(other).shape) return {};
  return input_violation(i, ErrorCode::invalid_shape, "must have the shape of input {}", other);
}

}  // namespace detail

/// odml.scaled_dot_product_attention: queries[B,T,N,H], keys[B,S,K,H], values[B,S,K,V], mask that broadcasts to [B,N,T,S] ->
/// softmax(scale * queries * keys + mask) * values [B,T,N,V]. Heads of queries share those of keys in turn: N is a multiple of K.
struct ScaledDotProductAttention {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "odml.scaled_dot_product_attention";
  static constexpr Arity inputs = 4, outputs = 1;
  static constexpr int max_version = 1;

  struct Options {
    float scale = 0;  // 0: 1 / sqrt(H)
    template <class Custom> static constexpr Options read(const Custom& custom) {
      const float scale = custom.real("scale");
      return {scale > 0 ? scale : 0};
    }
  };

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (int i = 0; i < 4; ++i) {
      if (const Violation v = detail::require_real_input(node, i, 4)) return v;
    }
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    const Shape &q = node.input(0).shape, &k = node.input(1).shape, &v = node.input(2).shape, &mask = node.input(3).shape;
    if (k[0] != q[0] || k[3] != q[3]) {
      return input_violation(1, ErrorCode::invalid_shape, "must have {} as first dimension and {} as last, as the queries do", q[0], q[3]);
    }
    if (k[2] < 1 || q[2] % k[2] != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have a number of heads that divides the queries' {}, not {}", q[2], k[2]);
    }
    for (int i = 0; i < 3; ++i) {
      if (v[i] != k[i]) {
        return input_violation(2, ErrorCode::invalid_shape, "must have {} elements along axis {}, as the keys do, not {}", k[i], i, v[i]);
      }
    }
    const std::int32_t scores[4] = {q[0], q[2], q[1], k[1]};
    for (int i = 0; i < 4; ++i) {
      if (mask[i] != 1 && mask[i] != scores[i]) {
        return input_violation(3, ErrorCode::invalid_shape, "must have 1 or {} elements along axis {}, not {}", scores[i], i, mask[i]);
      }
    }
    node.output(0).shape = {q[0], q[1], q[2], v[3]};
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    const std::int64_t row = (std::int64_t{node.input(1).shape[1]} + node.input(0).shape[3]) * static_cast<std::int64_t>(sizeof(float));
    return {.scratch_bytes = shares_bytes(row, node.workers())};  // a row of scores, and its query, scaled
  }

  struct Prepared {
    std::int64_t queries = 0, heads = 0, shared = 1, positions = 0, key_heads = 0, depth = 0, value_depth = 0, rows = 0;
    std::int64_t mask_steps[4] = {};
    float scale = 1;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape &q = node.input(0).shape, &k = node.input(1).shape, &mask = node.input(3).shape;
    Prepared p;
    p.queries = q[1];
    p.heads = q[2];
    p.positions = k[1];
    p.key_heads = k[2];
    p.shared = q[2] / k[2];
    p.depth = q[3];
    p.value_depth = node.input(2).shape[3];
    p.rows = std::int64_t{q[0]} * q[1] * q[2];
    for (int i = 0; i < 4; ++i) p.mask_steps[i] = mask[i] == 1 ? 0 : mask.count(i + 1, 4);
    p.scale = options.scale;
    return p;
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In q, In k, In v, In mask, Out out) {
    using A = typename Run::Arch;
    const Prepared& p = run.prepared;
    if (out.count() == 0) return;
    const float scale = p.scale > 0 ? p.scale : 1.0f / std::sqrt(static_cast<float>(p.depth));
    const std::int64_t share = share_step((p.positions + p.depth) * static_cast<std::int64_t>(sizeof(float)));
    const std::int64_t cost = 1 + p.positions * (p.depth + p.value_depth) / 8;
    run.executor.parallel_for(p.rows, cost, [&](std::int64_t first, std::int64_t last, int worker) {
      auto* const scores = reinterpret_cast<float*>(run.scratch + worker * share);
      float* const query = scores + p.positions;
      for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t n = row % p.heads, t = row / p.heads % p.queries, b = row / p.heads / p.queries;
        const std::int64_t head = n / p.shared;
        simd::map<A>(q.data() + row * p.depth, query, p.depth, [&](auto x) { return x * decltype(x)(scale); });
        const std::int64_t start = b * p.positions * p.key_heads + head;  // keys and values of this head lie key_heads apart
        const float* const masks = mask.data() + b * p.mask_steps[0] + n * p.mask_steps[1] + t * p.mask_steps[2];
        float most = -std::numeric_limits<float>::infinity();
        for (std::int64_t s = 0; s < p.positions; ++s) {
          simd::dot_rows<A>(k.data() + (start + s * p.key_heads) * p.depth, 1, p.depth, query, scores + s);
          scores[s] += masks[s * p.mask_steps[3]];
          most = most < scores[s] ? scores[s] : most;
        }
        simd::map_wide<A>(scores, scores, p.positions, [&](auto x) { return simd::exp(x - decltype(x)(most)); });
        float sum = 0;
        for (std::int64_t s = 0; s < p.positions; ++s) sum += scores[s];
        float* const to = out.data() + row * p.value_depth;
        std::fill_n(to, p.value_depth, 0.0f);
        for (std::int64_t s = 0; s < p.positions; ++s) {
          const float share_of_s = scores[s] / sum;
          simd::map<A>(v.data() + (start + s * p.key_heads) * p.value_depth, 1, to, 1, to, p.value_depth,
                       [&](auto x, auto y) { return simd::fma(x, decltype(x)(share_of_s), y); });
        }
      }
    });
  }

  using Types = Signatures<Signature<Takes<float, float, float, float>, Gives<float>>>;
};

/// odml.update_kv_cache: positions[n] (int64, of which the first counts), keys[1,n,N,H], values of the same shape -> the caches of both,
/// [1,kv_cache_max,N,H]. The node keeps the caches between runs; where they are full, the oldest entries go.
struct UpdateKvCache {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "odml.update_kv_cache";
  static constexpr Arity inputs = 3, outputs = 2;
  static constexpr int max_version = 1;
  static constexpr OpTraits traits{.has_side_effects = true};

  struct Options {
    std::int32_t entries = 2048;
    template <class Custom> static constexpr Options read(const Custom& custom) {
      const std::int64_t entries = custom.integer("kv_cache_max");
      return {entries > 0 && entries <= std::numeric_limits<std::int32_t>::max() ? static_cast<std::int32_t>(entries) : 2048};
    }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (node.input(0).type != TensorType::int64) return input_violation(0, ErrorCode::invalid_type, "must be int64");
    if (const Violation v = require_rank(node, 0, 1)) return v;
    for (const int i : {1, 2}) {
      if (const Violation v = detail::require_real_input(node, i, 4)) return v;
    }
    if (const Violation v = detail::require_shape_of(node, 2, 1)) return v;
    const Shape& keys = node.input(1).shape;
    if (keys[0] != 1) return input_violation(1, ErrorCode::invalid_shape, "must have 1 as first dimension, not {}", keys[0]);
    if (node.input(0).count() != keys[1]) {
      return input_violation(0, ErrorCode::invalid_shape, "must have one position for each of the {} keys, not {}", keys[1],
                             node.input(0).count());
    }
    if (keys[1] > options.entries) {
      return input_violation(1, ErrorCode::invalid_shape, "has {} entries, more than the {} of the cache", keys[1], options.entries);
    }
    for (int i = 0; i < 2; ++i) {
      if (node.output(i).type != TensorType::float32) return output_violation(i, ErrorCode::invalid_type, "must be float32");
      node.output(i).shape = {1, options.entries, keys[2], keys[3]};
      if (node.output(i).shape.checked_count() < 0)
        return output_violation(i, ErrorCode::invalid_shape, "would have more than 2^31 - 1 elements");
    }
    return {};
  }

  template <class Arch> static constexpr Needs needs(const Options& options, const NodeDescription& node) {
    const Shape& keys = node.input(1).shape;
    const std::int64_t cache = std::int64_t{options.entries} * keys[2] * keys[3] * static_cast<std::int64_t>(sizeof(float));
    return {.state_bytes = static_cast<std::int64_t>(sizeof(std::int64_t)) + 2 * cache};
  }

  struct Prepared {
    std::int64_t entries = 0, fresh = 0, entry_bytes = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& keys = node.input(1).shape;
    return Prepared{options.entries, keys[1], std::int64_t{keys[2]} * keys[3] * static_cast<std::int64_t>(sizeof(float))};
  }

  template <class Run, class Positions, class In, class Out>
  static Violation eval(const Run& run, Positions positions, In keys, In values, Out all_keys, Out all_values) {
    const Prepared& p = run.prepared;
    // The state: the position of the first entry, the keys, the values.
    auto& first_kept = *reinterpret_cast<std::int64_t*>(run.state);
    std::byte* const cache[2] = {run.state + sizeof(std::int64_t), run.state + sizeof(std::int64_t) + p.entries * p.entry_bytes};
    const float* const fresh[2] = {keys.data(), values.data()};
    float* const out[2] = {all_keys.data(), all_values.data()};
    if (p.fresh > 0) {
      const std::int64_t first = positions[0];
      if (first < first_kept) {
        return input_violation(0, ErrorCode::invalid_value, "must not go back to {}: the cache begins with position {}", first, first_kept);
      }
      const std::int64_t beyond = first - first_kept - (p.entries - p.fresh), shift = beyond > 0 ? beyond : 0;
      first_kept += shift;
      for (int i = 0; i < 2; ++i) {
        const std::int64_t kept = p.entries - shift;
        if (shift > 0 && kept > 0) {
          std::memmove(cache[i], cache[i] + shift * p.entry_bytes, static_cast<std::size_t>(kept * p.entry_bytes));
        }
        const auto bytes = static_cast<std::size_t>(p.fresh * p.entry_bytes);
        if (bytes > 0) std::memcpy(cache[i] + (first - first_kept) * p.entry_bytes, fresh[i], bytes);
      }
    }
    for (int i = 0; i < 2; ++i) {
      const auto bytes = static_cast<std::size_t>(p.entries * p.entry_bytes);
      if (bytes > 0) std::memcpy(static_cast<void*>(out[i]), cache[i], bytes);
    }
    return {};
  }

  using Types = Signatures<Signature<Takes<std::int64_t, float, float>, Gives<float, float>>>;
};

/// odml.update_external_kv_cache: keys[1,S,N,H], values of the same shape, positions[n] (int32), slices [1,n,N,H] of both -> keys and
/// values with the slices at their positions. What follows a position that is smaller than the one before is left out.
struct UpdateExternalKvCache {
  static constexpr BuiltinOperator code = BuiltinOperator::CUSTOM;
  static constexpr std::string_view custom_name = "odml.update_external_kv_cache";
  static constexpr Arity inputs = 5, outputs = 2;
  static constexpr int max_version = 1;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    for (const int i : {0, 1, 3, 4}) {
      if (const Violation v = detail::require_real_input(node, i, 4)) return v;
    }
    if (node.input(2).type != TensorType::int32) return input_violation(2, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 2, 1)) return v;
    if (const Violation v = detail::require_shape_of(node, 1, 0)) return v;
    if (const Violation v = detail::require_shape_of(node, 4, 3)) return v;
    const Shape &cache = node.input(0).shape, &slice = node.input(3).shape;
    if (slice[0] != 1 || slice[2] != cache[2] || slice[3] != cache[3]) {
      return input_violation(3, ErrorCode::invalid_shape, "must have 1 as first dimension and {} x {} as last, as the cache does", cache[2],
                             cache[3]);
    }
    if (node.input(2).count() != slice[1]) {
      return input_violation(2, ErrorCode::invalid_shape, "must have one position for each of {} slices, not {}", slice[1],
                             node.input(2).count());
    }
    for (int i = 0; i < 2; ++i) {
      if (node.output(i).type != TensorType::float32) return output_violation(i, ErrorCode::invalid_type, "must be float32");
      node.output(i).shape = cache;
    }
    return {};
  }

  struct Prepared {
    std::int64_t entries = 0, elements = 0;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& cache = node.input(0).shape;
    return Prepared{cache[0] > 0 ? cache[1] : 0, std::int64_t{cache[2]} * cache[3]};
  }

  template <class Run, class In, class Positions, class Out>
  static Violation eval(const Run& run, In keys, In values, Positions positions, In new_keys, In new_values, Out all_keys, Out all_values) {
    const Prepared& p = run.prepared;
    const float *const from[2] = {keys.data(), values.data()}, *const fresh[2] = {new_keys.data(), new_values.data()};
    float* const to[2] = {all_keys.data(), all_values.data()};
    for (int i = 0; i < 2; ++i) {
      if (all_keys.count() > 0) {
        std::memcpy(static_cast<void*>(to[i]), from[i], static_cast<std::size_t>(all_keys.count()) * sizeof(float));
      }
    }
    std::int64_t before = -1;
    for (std::int64_t k = 0; k < positions.count() && positions[k] >= before; ++k) {
      before = positions[k];
      if (before < 0 || before >= p.entries) {
        return input_violation(2, ErrorCode::invalid_value, "must hold positions from 0 to {}, but element {} is {}", p.entries - 1, k,
                               before);
      }
      for (int i = 0; i < 2; ++i) std::copy_n(fresh[i] + k * p.elements, p.elements, to[i] + before * p.elements);
    }
    return {};
  }

  using Types = Signatures<Signature<Takes<float, float, std::int32_t, float, float>, Gives<float, float>>>;
};

}  // namespace tfl
