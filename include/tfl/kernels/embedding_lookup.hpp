#pragma once
// EMBEDDING_LOOKUP: rows of a table, by index; rows of quantized integers may come out as floats.
// EMBEDDING_LOOKUP_SPARSE: weighted sums of rows.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "tfl/core/float16.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

/// EMBEDDING_LOOKUP: indices[n] (int32), table[rows, ...] -> output[n, ...]
struct EmbeddingLookup {
  static constexpr BuiltinOperator code = BuiltinOperator::EMBEDDING_LOOKUP;
  static constexpr Arity inputs = 2, outputs = 1;
  static constexpr int max_version = 5;

  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    const TensorDescription &table = node.input(1), &out = node.output(0);
    if (node.input(0).type != TensorType::int32) return input_violation(0, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_rank(node, 0, 1)) return v;
    if (const Violation v = require_rank_between(node, 1, 2, max_rank)) return v;
    if (bits_of(table.type) == 0) return input_violation(1, ErrorCode::unsupported_type, "must have elements of one size");
    if (converts(node)) {
      if (table.type != TensorType::int8 && table.type != TensorType::uint8 && table.type != TensorType::int4 &&
          table.type != TensorType::int2) {
        return input_violation(1, ErrorCode::invalid_type, "must be int8, uint8, int4 or int2 where the output is float");
      }
      const Quantization& q = table.quantization;
      if (out.type == TensorType::float32 && q.zero_point != 0) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have the zero point 0, not {}", q.zero_point);
      }
      if (!q.present() && !q.per_channel() && !q.by_block())
        return input_violation(1, ErrorCode::invalid_quantization, "must have a scale");
      if (q.by_block() && (table.rank() != 2 || !is_packed_integer(table.type))) {
        return input_violation(1, ErrorCode::invalid_quantization, "must be a matrix of int4 or int2 to have scales for blocks");
      }
      if (q.per_channel() && (q.axis != 0 || static_cast<std::int64_t>(q.channel_scales.size()) != table.shape[0])) {
        return input_violation(1, ErrorCode::invalid_quantization, "must have one scale, or one for each of its {} rows", table.shape[0]);
      }
    } else if (bits_of(out.type) != bits_of(table.type)) {
      return output_violation(0, ErrorCode::invalid_type, "must have elements of input 1's size, or be float32 or float16");
    } else if (bits_of(table.type) * table.shape.count(1, table.rank()) % 8 != 0) {
      return input_violation(1, ErrorCode::invalid_shape, "must have rows of whole bytes");
    }
    Shape shape = table.shape;
    shape[0] = node.input(0).shape[0];
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t rows = 0, columns = 0, row_bytes = 0;  // row_bytes: of rows that are copied
    TensorType type = TensorType::none, out_type = TensorType::none;
    bool converts = false;
    float scale = 0;
    std::span<const float> scales;  // of each row, or empty
    std::span<const Float16> block_scales;
    std::int64_t block_size = 1;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    const TensorDescription& table = node.input(1);
    Prepared p;
    p.rows = table.shape[0];
    p.columns = table.shape.count(1, table.rank());
    p.row_bytes = bytes_of(table.type, p.columns);
    p.type = table.type;
    p.out_type = node.output(0).type;
    p.converts = converts(node);
    p.scale = table.quantization.scale;
    if (table.quantization.per_channel()) p.scales = table.quantization.channel_scales;
    if (table.quantization.by_block()) {
      p.block_scales = table.quantization.block_scales;
      p.block_size = table.quantization.block_size;
    }
    return p;
  }

  template <class Run, class Indices, class In, class Out> static Violation eval(const Run& run, Indices indices, In table, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t i = 0; i < indices.count(); ++i) {
      if (indices[i] < 0 || indices[i] >= p.rows) {
        return input_violation(0, ErrorCode::invalid_value, "must hold indices from 0 to {}, but element {} is {}", p.rows - 1, i,
                               indices[i]);
      }
    }
    run.executor.parallel_for(indices.count(), 2 + p.columns, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t i = first; i < last; ++i) {
        if (!p.converts) {
          std::memcpy(out.data() + i * p.row_bytes, table.data() + indices[i] * p.row_bytes, static_cast<std::size_t>(p.row_bytes));
        } else if (p.out_type == TensorType::float32) {
          auto* const to = reinterpret_cast<float*>(out.data()) + i * p.columns;
          convert_row<typename Run::Arch>(p, table.data(), indices[i], [to](std::int64_t k, float x) { to[k] = x; });
        } else {
          auto* const to = reinterpret_cast<Float16*>(out.data()) + i * p.columns;
          convert_row<typename Run::Arch>(p, table.data(), indices[i], [to](std::int64_t k, float x) { to[k] = to_float16(x); });
        }
      }
    });
    return {};
  }

  using Types = Signatures<Signature<Takes<std::int32_t, AnyType>, Gives<AnyType>>>;

 private:
  static constexpr bool converts(const NodeDescription& node) {
    const TensorType out = node.output(0).type;
    return out != node.input(1).type && (out == TensorType::float32 || out == TensorType::float16);
  }

  /// Integers of 4 and 2 bits begin with the byte that holds the row's first one, at its low bits, as in TFLite. uint8 is read as int8
  /// there, too.
  template <class A, class Store> static void convert_row(const Prepared& p, const std::byte* table, std::int64_t row, Store store) {
    float scale = p.scales.empty() ? p.scale : p.scales[static_cast<std::size_t>(row)];
    const Float16* const of_blocks = p.block_scales.empty() ? nullptr : p.block_scales.data() + row * p.columns / p.block_size;
    const int bits = bits_of(p.type), per_byte = 8 / bits;
    const auto* const from = reinterpret_cast<const std::uint8_t*>(table) + row * p.columns / per_byte;
    for (std::int64_t k = 0; k < p.columns; ++k) {
      if (of_blocks != nullptr && k % p.block_size == 0) scale = to_float(of_blocks[k / p.block_size]);
      const int at_top = from[k / per_byte] << (8 - bits - k % per_byte * bits) & 0xff;  // the integer in the high bits of a byte
      store(k, static_cast<float>(static_cast<std::int8_t>(at_top) >> (8 - bits)) * scale);
    }
  }
};

/// EMBEDDING_LOOKUP_SPARSE: ids[n], places[n, k], dense shape[k], weights[n], table[rows, ...] -> output[shape without its last
/// dimension, ...]: at each place the sum of weighted rows; or their mean (by the sum of weights), or that by the root of their squares.
struct EmbeddingLookupSparse {
  static constexpr BuiltinOperator code = BuiltinOperator::EMBEDDING_LOOKUP_SPARSE;
  static constexpr Arity inputs = 5, outputs = 1;
  static constexpr int max_version = 1;

  /// The schema's CombinerType, value by value.
  enum class Combiner : std::uint8_t { sum, mean, root_of_squares };
  struct Options {
    Combiner combiner = Combiner::sum;
    template <class Table> static constexpr Options read(const Table& table) { return {static_cast<Combiner>(table.combiner())}; }
  };

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (options.combiner > Combiner::root_of_squares) return node_violation(ErrorCode::invalid_option, "has an unknown combiner");
    constexpr int ranks[] = {1, 2, 1, 1};
    for (int i = 0; i < 4; ++i) {
      const TensorType type = i == 3 ? TensorType::float32 : TensorType::int32;
      if (node.input(i).type != type) return input_violation(i, ErrorCode::invalid_type, i == 3 ? "must be float32" : "must be int32");
      if (const Violation v = require_rank(node, i, ranks[i])) return v;
    }
    for (const int i : {1, 3}) {
      if (node.input(i).shape[0] != node.input(0).shape[0]) {
        return input_violation(i, ErrorCode::invalid_shape, "must have the {} look-ups of input 0, not {}", node.input(0).shape[0],
                               node.input(i).shape[0]);
      }
    }
    const TensorDescription& table = node.input(4);
    if (table.type != TensorType::float32) return input_violation(4, ErrorCode::invalid_type, "must be float32");
    if (node.output(0).type != TensorType::float32) return output_violation(0, ErrorCode::invalid_type, "must be float32");
    if (const Violation v = require_rank_between(node, 4, 2, max_rank)) return v;
    const std::int32_t coordinates = node.input(1).shape[1];
    if (coordinates < 1 || node.input(2).shape[0] != coordinates) {
      return input_violation(2, ErrorCode::invalid_shape, "must have the {} coordinates of input 1, at least 1; it has {}", coordinates,
                             node.input(2).shape[0]);
    }
    const std::int64_t rank = std::int64_t{coordinates} - 1 + table.rank() - 1;
    if (rank > max_rank) {
      return node_violation(ErrorCode::invalid_shape, "would give an output of {} dimensions, at most {} are possible", rank, max_rank);
    }
    if (const Violation v = require_known(node, 2)) return v;
    Shape shape;
    for (int i = 0; i + 1 < coordinates; ++i) {
      const std::int64_t extent = node.input(2).integers[i];
      if (extent < 0) return input_violation(2, ErrorCode::invalid_value, "asks for dimension {} = {}", i, extent);
      shape.push_back(static_cast<std::int32_t>(extent));
    }
    for (int i = 1; i < table.rank(); ++i) shape.push_back(table.shape[i]);
    node.output(0).shape = shape;
    return {};
  }

  struct Prepared {
    std::int64_t lookups = 0, rows = 0, columns = 0;
    std::int32_t coordinates = 0;
    Combiner combiner = Combiner::sum;
  };
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    const TensorDescription& table = node.input(4);
    return Prepared{node.input(0).shape[0], table.shape[0], table.shape.count(1, table.rank()), node.input(1).shape[1], options.combiner};
  }

  template <class Run, class Ints, class Floats, class Out>
  static Violation eval(const Run& run, Ints ids, Ints places, Ints shape, Floats weights, Floats table, Out out) {
    const Prepared& p = run.prepared;
    for (std::int64_t i = 0; i < out.count(); ++i) out[i] = 0;
    std::int64_t place = 0;  // rows of one place come one after the other: it is finished when another one begins
    float total = 0, squares = 0;
    bool any = false;
    const auto finish = [&] {
      if (p.combiner == Combiner::sum || !any) return;
      const float divisor = p.combiner == Combiner::mean ? total : std::sqrt(squares);
      for (std::int64_t k = 0; k < p.columns; ++k) out[place * p.columns + k] /= divisor;
    };
    for (std::int64_t i = 0; i < p.lookups; ++i) {
      if (ids[i] < 0 || ids[i] >= p.rows) {
        return input_violation(0, ErrorCode::invalid_value, "must hold rows from 0 to {}, but element {} is {}", p.rows - 1, i, ids[i]);
      }
      std::int64_t to = 0;
      for (std::int32_t c = 0; c + 1 < p.coordinates; ++c) {
        const std::int32_t index = places[i * p.coordinates + c];
        if (index < 0 || index >= shape[c]) {
          return input_violation(1, ErrorCode::invalid_value, "must hold indices from 0 to {}, but element {} is {}", shape[c] - 1,
                                 i * p.coordinates + c, index);
        }
        to = to * shape[c] + index;
      }
      if (to != place) {
        finish();
        place = to;
        total = squares = 0;
      }
      any = true;
      const float w = weights[i];
      total += w;
      squares += w * w;
      for (std::int64_t k = 0; k < p.columns; ++k) out[to * p.columns + k] += table[ids[i] * p.columns + k] * w;
    }
    finish();
    return {};
  }

  using Types = Signatures<Signature<Takes<std::int32_t, std::int32_t, std::int32_t, float, float>, Gives<float>>>;
};

}  // namespace tfl
