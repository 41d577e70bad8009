#pragma once
// GATHER and GATHER_ND: slices of a tensor, picked by indices that are data. Every index is checked before anything is copied.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "tfl/kernels/copy_runs.hpp"
#include "tfl/kernels/move.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

constexpr Violation require_index_type(const NodeDescription& node, int input) {
  const TensorType type = node.input(input).type;
  if (type == TensorType::int16 || type == TensorType::int32 || type == TensorType::int64) return {};
  return input_violation(input, ErrorCode::invalid_type, "must be int16, int32 or int64");
}

/// The position of the first of `count` indices that is not in [0, limit), or -1.
template <class Arch, class Index> std::int64_t find_bad_index(const Index* indices, std::int64_t count, std::int64_t limit) {
  std::uint64_t bad = 0;  // no branch in the loop, so that compilers vectorize it
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint64_t>(static_cast<std::uint64_t>(std::int64_t{indices[i]}) >= static_cast<std::uint64_t>(limit));
  }
  if (bad == 0) return -1;
  for (std::int64_t i = 0;; ++i) {
    if (indices[i] < 0 || std::int64_t{indices[i]} >= limit) return i;
  }
}

/// Signatures of ops that move elements of any size by indices of any integer type.
template <int Bytes, class Index> using GatherSignature = Signature<Takes<Raw<Bytes>, Index>, Gives<Raw<Bytes>>>;
using GatherSignatures = Signatures<GatherSignature<1, std::int32_t>, GatherSignature<2, std::int32_t>, GatherSignature<4, std::int32_t>,
                                    GatherSignature<8, std::int32_t>, GatherSignature<1, std::int64_t>, GatherSignature<2, std::int64_t>,
                                    GatherSignature<4, std::int64_t>, GatherSignature<8, std::int64_t>, GatherSignature<1, std::int16_t>,
                                    GatherSignature<2, std::int16_t>, GatherSignature<4, std::int16_t>, GatherSignature<8, std::int16_t>>;
template <class Index> using GatherInt4 = Signature<Takes<Int4Pair, Index>, Gives<Int4Pair>>;
template <class... S>
Signatures<S..., GatherInt4<std::int32_t>, GatherInt4<std::int64_t>, GatherInt4<std::int16_t>> with_int4(Signatures<S...>);

}  // namespace detail

/// GATHER: input, indices -> output[outer..., indices..., inner...] = input[outer..., indices[...], inner...], where `axis` of the input is
/// what indices count along. The first `batch_dims` dimensions are shared by input, indices and output.
struct Gather {
  static constexpr BuiltinOperator code = BuiltinOperator::GATHER;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 8;

  struct Options {
    std::int32_t axis = 0;
    std::int32_t batch_dims = 0;
    template <class Table> static constexpr Options read(const Table& table) { return {table.axis(), table.batch_dims()}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = detail::require_index_type(node, 1)) return v;
    const Shape& input = node.input(0).shape;
    const Shape& indices = node.input(1).shape;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    const int axis = normalized_axis(options.axis, input.rank());
    if (axis < 0) {
      return node_violation(ErrorCode::invalid_option, "has axis {}, which an input of {} dimensions does not have", options.axis,
                            input.rank());
    }
    const std::int64_t wanted_batch = options.batch_dims;
    const std::int64_t batch = wanted_batch < 0 ? wanted_batch + indices.rank() : wanted_batch;
    if (batch < 0 || batch > indices.rank() || batch > axis) {
      return node_violation(ErrorCode::invalid_option,
                            "has batch_dims {}, which must be at most {} (the indices' dimensions) and at most the axis {}",
                            options.batch_dims, indices.rank(), axis);
    }
    const int rank = input.rank() - 1 + indices.rank() - static_cast<int>(batch);
    if (rank > max_rank) {
      return node_violation(ErrorCode::invalid_shape, "would give an output of {} dimensions, at most {} are possible", rank, max_rank);
    }
    Shape output;
    for (int i = 0; i < axis; ++i) {
      if (i < batch && input[i] != indices[i]) {
        return input_violation(1, ErrorCode::invalid_shape, "must have input 0's {} elements in batch dimension {}, not {}", input[i], i,
                               indices[i]);
      }
      output.push_back(input[i]);
    }
    for (int i = static_cast<int>(batch); i < indices.rank(); ++i) output.push_back(indices[i]);
    for (int i = axis + 1; i < input.rank(); ++i) output.push_back(input[i]);
    node.output(0).shape = output;
    return {};
  }

  struct Prepared {
    std::int64_t batch = 1;   // slices that have indices of their own
    std::int64_t outer = 1;   // blocks of a slice, all picked from by the same indices
    std::int64_t extent = 1;  // what the indices count
    std::int64_t picks = 1;   // indices of one slice
    std::int64_t run = 1;     // bytes that one index picks; elements where they share bytes
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& input = node.input(0).shape;
    const Shape& indices = node.input(1).shape;
    const int axis = normalized_axis(options.axis, input.rank());
    const int batch = options.batch_dims < 0 ? options.batch_dims + indices.rank() : options.batch_dims;
    return Prepared{.batch = input.count(0, batch),
                    .outer = input.count(batch, axis),
                    .extent = input[axis],
                    .picks = indices.count(batch, indices.rank()),
                    .run = detail::copy_units(node.input(0).type) * input.count(axis + 1, input.rank())};
  }

  template <class Run, class In, class Indices, class Out> static Violation eval(const Run& run, In in, Indices indices, Out out) {
    if (const Violation v = check<typename Run::Arch>(run.prepared, indices.data(), indices.count())) return v;
    if constexpr (is_packed<typename In::value_type>) {
      copy_packed(run.prepared, in.data(), indices.data(), out.data());
    } else {
      copy(run, detail::bytes_of_view(in), indices.data(), detail::writable_bytes_of_view(out));
    }
    return {};
  }

  using Types = decltype(detail::with_int4(detail::GatherSignatures{}));

 private:
  template <class Arch, class Index> static Violation check(const Prepared& p, const Index* indices, std::int64_t count) {
    const std::int64_t bad = detail::find_bad_index<Arch>(indices, count, p.extent);
    if (bad < 0) return {};
    return input_violation(1, ErrorCode::invalid_value, "must hold indices from 0 to {}, but element {} is {}", p.extent - 1, bad,
                           indices[bad]);
  }

  template <class P, class Index> static void copy_packed(const Prepared& p, const P* in, const Index* indices, P* out) {
    std::int64_t to = 0;
    for (std::int64_t block = 0; block < p.batch * p.outer; ++block) {
      for (std::int64_t i = 0; i < p.picks; ++i) {
        const std::int64_t from = (block * p.extent + indices[block / p.outer * p.picks + i]) * p.run;
        for (std::int64_t k = 0; k < p.run; ++k, ++to) {
          // What the last byte has room for beyond the last element is 0.
          if (to % PackedRange<P>::per_byte == 0) out[to / PackedRange<P>::per_byte] = {};
          put_packed(out, to, packed_at(in, from + k));
        }
      }
    }
  }

  template <class Run, class Index> static void copy(const Run& run, const std::byte* in, const Index* indices, std::byte* out) {
    const Prepared& p = run.prepared;
    if (p.picks == 0) return;
    if (p.outer * p.batch == 1) {
      run.executor.parallel_for(p.picks, 2 + p.run / 16, [&](std::int64_t first, std::int64_t last, int) {
        detail::with_constant_run(p.run, [&](auto bytes) {
          for (std::int64_t i = first; i < last; ++i) std::memcpy(out + i * p.run, in + indices[i] * p.run, bytes());
        });
      });
      return;
    }
    run.executor.parallel_for(p.batch * p.outer, p.picks * (2 + p.run / 16), [&](std::int64_t first, std::int64_t last, int) {
      detail::with_constant_run(p.run, [&](auto bytes) {
        for (std::int64_t block = first; block < last; ++block) {
          const std::byte* from = in + block * p.extent * p.run;
          std::byte* to = out + block * p.picks * p.run;
          const Index* picked = indices + block / p.outer * p.picks;
          for (std::int64_t i = 0; i < p.picks; ++i) std::memcpy(to + i * p.run, from + picked[i] * p.run, bytes());
        }
      });
    });
  }
};

/// GATHER_ND: input, indices[..., K] -> output[..., inner...] = input[indices[..., 0], ..., indices[..., K-1], inner...]
struct GatherNd {
  static constexpr BuiltinOperator code = BuiltinOperator::GATHER_ND;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 6;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = detail::require_index_type(node, 1)) return v;
    if (const Violation v = require_rank_between(node, 0, 1, max_rank)) return v;
    if (const Violation v = require_rank_between(node, 1, 1, max_rank)) return v;
    const Shape& input = node.input(0).shape;
    const Shape& indices = node.input(1).shape;
    if (indices.last() > input.rank()) {
      return input_violation(1, ErrorCode::invalid_shape,
                             "has indices of {} coordinates (its last dimension), but input 0 has {} dimensions", indices.last(),
                             input.rank());
    }
    const int rank = indices.rank() - 1 + input.rank() - indices.last();
    if (rank > max_rank) {
      return node_violation(ErrorCode::invalid_shape, "would give an output of {} dimensions, at most {} are possible", rank, max_rank);
    }
    Shape output;
    for (int i = 0; i + 1 < indices.rank(); ++i) output.push_back(indices[i]);
    for (int i = indices.last(); i < input.rank(); ++i) output.push_back(input[i]);
    node.output(0).shape = output;
    return {};
  }

  struct Prepared {
    std::int64_t picks = 1;                       // index tuples
    std::int64_t run = 1;                         // bytes that one picks
    std::int32_t coordinates = 0;                 // of a tuple
    std::array<std::int32_t, max_rank> extent{};  // what each coordinate counts
    std::array<std::int64_t, max_rank> step{};    // bytes from one of its values to the next
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const Shape& input = node.input(0).shape;
    const Shape& indices = node.input(1).shape;
    Prepared p;
    p.coordinates = indices.last();
    p.picks = indices.count(0, indices.rank() - 1);
    p.run = bytes_of(node.input(0).type, input.count(p.coordinates, input.rank()));
    for (int i = 0; i < p.coordinates; ++i) {
      p.extent[static_cast<std::size_t>(i)] = input[i];
      p.step[static_cast<std::size_t>(i)] = bytes_of(node.input(0).type, input.count(i + 1, input.rank()));
    }
    return p;
  }

  template <class Run, class In, class Indices, class Out> static Violation eval(const Run& run, In in, Indices indices, Out out) {
    return copy(run, detail::bytes_of_view(in), indices.data(), detail::writable_bytes_of_view(out));
  }

  using Types = detail::GatherSignatures;

 private:
  template <class Run, class Index> static Violation copy(const Run& run, const std::byte* in, const Index* indices, std::byte* out) {
    const Prepared& p = run.prepared;
    const auto coordinates = static_cast<std::size_t>(p.coordinates);
    for (std::int64_t i = 0; i < p.picks; ++i) {
      const Index* tuple = indices + i * p.coordinates;
      for (std::size_t c = 0; c < coordinates; ++c) {
        if (tuple[c] < 0 || std::int64_t{tuple[c]} >= p.extent[c]) {
          return input_violation(1, ErrorCode::invalid_value,
                                 "holds an index outside of input 0: element {} is {}, but must be from 0 to {}",
                                 i * p.coordinates + static_cast<std::int64_t>(c), tuple[c], p.extent[c] - 1);
        }
      }
    }
    run.executor.parallel_for(p.picks, 4 + p.run / 16, [&](std::int64_t first, std::int64_t last, int) {
      detail::with_constant_run(p.run, [&](auto bytes) {
        for (std::int64_t i = first; i < last; ++i) {
          const Index* tuple = indices + i * p.coordinates;
          std::int64_t offset = 0;
          for (std::size_t c = 0; c < coordinates; ++c) offset += tuple[c] * p.step[c];
          std::memcpy(out + i * p.run, in + offset, bytes());
        }
      });
    });
    return {};
  }
};

}  // namespace tfl
