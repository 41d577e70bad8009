#pragma once
// LSH_PROJECTION: seeds[hashes, bits], input[n, ...] (+ weights[n]) -> for each seed, the sign of a random projection of the input; as one
// bit each (dense), or as one number for each hash (sparse). Equal inputs get equal bits, similar ones similar bits.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

/// FarmHash's Fingerprint64 of a byte string. https://github.com/google/farmhash
template <class A> class Fingerprint {
 public:
  static std::uint64_t of(const std::byte* s, std::uint64_t n) {
    if (n <= 16) return up_to_16(s, n);
    if (n <= 32) return up_to_32(s, n);
    return n <= 64 ? up_to_64(s, n) : longer(s, n);
  }

 private:
  static constexpr std::uint64_t k0 = 0xc3a5c85c97cb3127u, k1 = 0xb492b66fbe98f273u, k2 = 0x9ae16a3b2f90404fu;
  struct Pair {
    std::uint64_t first = 0, second = 0;
  };

  template <class T> static std::uint64_t load(const std::byte* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  static std::uint64_t word(const std::byte* at) { return load<std::uint64_t>(at); }
  static std::uint64_t fold(std::uint64_t x) { return x ^ (x >> 47); }
  static std::uint64_t mix(std::uint64_t u, std::uint64_t v, std::uint64_t by) {
    const std::uint64_t a = fold((u ^ v) * by);
    return fold((v ^ a) * by) * by;
  }
  static std::uint64_t up_to_16(const std::byte* s, std::uint64_t n) {
    const std::uint64_t by = k2 + n * 2;
    if (n >= 8) {
      const std::uint64_t a = word(s) + k2, b = word(s + n - 8);
      return mix(std::rotr(b, 37) * by + a, (std::rotr(a, 25) + b) * by, by);
    }
    if (n >= 4) return mix(n + (load<std::uint32_t>(s) << 3), load<std::uint32_t>(s + n - 4), by);
    if (n == 0) return k2;
    const auto byte = [s](std::uint64_t i) { return static_cast<std::uint32_t>(s[i]); };
    const std::uint32_t y = byte(0) + (byte(n >> 1) << 8), z = static_cast<std::uint32_t>(n) + (byte(n - 1) << 2);
    return fold(y * k2 ^ z * k0) * k2;
  }
  static std::uint64_t up_to_32(const std::byte* s, std::uint64_t n) {
    const std::uint64_t by = k2 + n * 2, a = word(s) * k1, b = word(s + 8), c = word(s + n - 8) * by, d = word(s + n - 16) * k2;
    return mix(std::rotr(a + b, 43) + std::rotr(c, 30) + d, a + std::rotr(b + k2, 18) + c, by);
  }
  static std::uint64_t up_to_64(const std::byte* s, std::uint64_t n) {
    const std::uint64_t by = k2 + n * 2, a = word(s) * k2, b = word(s + 8), c = word(s + n - 8) * by, d = word(s + n - 16) * k2;
    const std::uint64_t y = std::rotr(a + b, 43) + std::rotr(c, 30) + d, z = mix(y, a + std::rotr(b + k2, 18) + c, by);
    const std::uint64_t e = word(s + 16) * by, f = word(s + 24), g = (y + word(s + n - 32)) * by, h = (z + word(s + n - 24)) * by;
    return mix(std::rotr(e + f, 43) + std::rotr(g, 30) + h, e + std::rotr(f + a, 18) + g, by);
  }
  /// Of 32 bytes.
  static Pair weak(const std::byte* s, std::uint64_t a, std::uint64_t b) {
    a += word(s);
    b = std::rotr(b + a + word(s + 24), 21);
    const std::uint64_t c = a;
    a += word(s + 8) + word(s + 16);
    b += std::rotr(a, 44);
    return {a + word(s + 24), b + c};
  }
  static std::uint64_t longer(const std::byte* s, std::uint64_t n) {
    std::uint64_t x = 81, y = 81 * k1 + 113, z = fold(y * k2 + 113) * k2;
    Pair v, w;
    x = x * k2 + word(s);
    // 64 bytes at a time, then the last 64 once more in another key.
    const auto round = [&](const std::byte* at, std::uint64_t by, std::uint64_t times) {
      x = std::rotr(x + y + v.first + word(at + 8), 37) * by;
      y = std::rotr(y + v.second + word(at + 48), 42) * by;
      x ^= w.second * times;
      y += v.first * times + word(at + 40);
      z = std::rotr(z + w.first, 33) * by;
      v = weak(at, v.second * by, x + w.first);
      w = weak(at + 32, z + w.second, y + word(at + 16));
      const std::uint64_t kept = z;
      z = x;
      x = kept;
    };
    const std::uint64_t blocks = (n - 1) / 64, rest = (n - 1) % 64;
    for (std::uint64_t i = 0; i < blocks; ++i) round(s + 64 * i, k1, 1);
    const std::uint64_t by = k1 + ((z & 0xff) << 1);
    w.first += rest;
    v.first += w.first;
    w.first += v.first;
    round(s + n - 64, by, 9);
    return mix(mix(v.first, w.first, by) + fold(y) * k0 + z, mix(v.second, w.second, by) + x, by);
  }
};

}  // namespace detail

struct LshProjection {
  static constexpr BuiltinOperator code = BuiltinOperator::LSH_PROJECTION;
  static constexpr Arity inputs{2, 3}, outputs = 1;
  static constexpr int max_version = 1;

  /// The schema's LSHProjectionType, value by value.
  enum class Kind : std::uint8_t { unknown, sparse, dense };
  struct Options {
    Kind kind = Kind::unknown;
    template <class Table> static constexpr Options read(const Table& table) { return {static_cast<Kind>(table.type())}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.kind != Kind::sparse && options.kind != Kind::dense)
      return node_violation(ErrorCode::invalid_option, "must be dense or sparse");
    if (node.input(0).type != TensorType::float32) return input_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_rank(node, 0, 2)) return v;
    const std::int32_t hashes = node.input(0).shape[0], bits = node.input(0).shape[1];
    if (bits > 32) return input_violation(0, ErrorCode::invalid_shape, "must have at most 32 bits for a hash, not {}", bits);
    if (options.kind == Kind::sparse && (std::int64_t{hashes} << bits) > (std::int64_t{1} << 31)) {
      return input_violation(0, ErrorCode::invalid_shape, "has {} hashes of {} bits, more than 31 bits can number", hashes, bits);
    }
    if (const Violation v = detail::require_whole_bytes(node, 1)) return v;
    if (const Violation v = require_rank_between(node, 1, 1, max_rank)) return v;
    if (node.input(1).shape[0] < 1) return input_violation(1, ErrorCode::invalid_shape, "must not be empty");
    if (node.has_input(2)) {
      if (node.input(2).type != TensorType::float32) return input_violation(2, ErrorCode::invalid_type, "must be float32");
      if (const Violation v = require_rank(node, 2, 1)) return v;
      if (node.input(2).shape[0] != node.input(1).shape[0]) {
        return input_violation(2, ErrorCode::invalid_shape, "must have one weight for each of the {} items, not {}", node.input(1).shape[0],
                               node.input(2).shape[0]);
      }
    }
    if (node.output(0).type != TensorType::int32) return output_violation(0, ErrorCode::invalid_type, "must be int32");
    const std::int64_t outputs_wanted = options.kind == Kind::sparse ? hashes : std::int64_t{hashes} * bits;
    node.output(0).shape = {static_cast<std::int32_t>(outputs_wanted)};
    return {};
  }
  template <class Arch> static constexpr Needs needs(const Options&, const NodeDescription& node) {
    return {.scratch_bytes = static_cast<std::int64_t>(sizeof(float)) + item_bytes(node)};
  }

  struct Prepared {
    std::int64_t hashes = 0, bits = 0, items = 0, item_bytes = 0;
    bool sparse = false;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared{node.input(0).shape[0], node.input(0).shape[1], node.input(1).shape[0], item_bytes(node), options.kind == Kind::sparse};
  }

  template <class Run, class Seeds, class In, class Weights, class Out>
  static void eval(const Run& run, Seeds seeds, In in, Weights weights, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t h = 0; h < p.hashes; ++h) {
      std::uint32_t signature = 0;
      for (std::int64_t b = 0; b < p.bits; ++b) {
        const bool bit = is_positive(run, seeds[h * p.bits + b], in.data(), weights);
        signature = signature << 1 | (bit ? 1u : 0u);
        if (!p.sparse) out[h * p.bits + b] = bit ? 1 : 0;
      }
      if (p.sparse) out[h] = static_cast<std::int32_t>(signature + static_cast<std::uint32_t>(std::uint64_t(h) << p.bits));
    }
  }

  using Types = Signatures<Signature<Takes<float, AnyType, float>, Gives<std::int32_t>>>;

 private:
  static constexpr std::int64_t item_bytes(const NodeDescription& node) {
    const Shape& shape = node.input(1).shape;
    return bytes_of(node.input(1).type, shape.count(1, shape.rank()));
  }
  template <class Run, class Weights> static bool is_positive(const Run& run, float seed, const std::byte* items, Weights weights) {
    const Prepared& p = run.prepared;
    std::memcpy(run.scratch, &seed, sizeof seed);
    double score = 0;
    for (std::int64_t i = 0; i < p.items; ++i) {
      std::memcpy(run.scratch + sizeof seed, items + i * p.item_bytes, static_cast<std::size_t>(p.item_bytes));
      const std::uint64_t hash =
          detail::Fingerprint<typename Run::Arch>::of(run.scratch, sizeof seed + static_cast<std::uint64_t>(p.item_bytes));
      const auto value = static_cast<double>(static_cast<std::int64_t>(hash));
      score += weights ? static_cast<double>(weights[i]) * value : value;
    }
    return score > 0;
  }
};

}  // namespace tfl
