#pragma once
// SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: pixels of a block move to channels or batches, and back.

#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "tfl/kernels/copy_runs.hpp"
#include "tfl/kernels/op.hpp"

namespace tfl {

namespace detail {

inline constexpr std::int64_t largest_dimension = std::numeric_limits<std::int32_t>::max();

struct BlockSizeOptions {
  std::int32_t block_size = 0;
  template <class Table> static constexpr BlockSizeOptions read(const Table& table) { return {table.block_size()}; }
};

/// Both directions between [N * H/b, b, W/b, b * C] (space) and [N * H/b, W/b, b, b * C] (depth): runs of b * C elements change places.
struct BlockExchange {
  std::int64_t rows = 0;     // N * H / b
  std::int64_t columns = 0;  // W / b
  std::int64_t block = 1;    // b
  std::int64_t run = 0;      // bytes of b * C elements

  static constexpr BlockExchange of(const Shape& space, std::int32_t block, TensorType type) {
    return {std::int64_t{space[0]} * (space[1] / block), space[2] / block, block, bytes_of(type, std::int64_t{block} * space[3])};
  }
};

template <class Run> void exchange_blocks(const Run& run, bool to_depth, const std::byte* in, std::byte* out) {
  const BlockExchange& p = run.prepared;
  const std::int64_t row_bytes = p.block * p.columns * p.run;
  run.executor.parallel_for(p.rows, p.block * p.columns * (2 + p.run / 16), [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t row = first; row < last; ++row) {
      for (std::int64_t y = 0; y < p.block; ++y) {
        const std::int64_t space = row * row_bytes + y * p.columns * p.run, depth = row * row_bytes + y * p.run;
        if (to_depth) {
          copy_runs<typename Run::Arch>(in + space, p.run, out + depth, p.block * p.run, p.run, p.columns);
        } else {
          copy_runs<typename Run::Arch>(in + depth, p.block * p.run, out + space, p.run, p.run, p.columns);
        }
      }
    }
  });
}

using MoveSignatures = Signatures<Signature<Takes<Raw<1>>, Gives<Raw<1>>>, Signature<Takes<Raw<2>>, Gives<Raw<2>>>,
                                  Signature<Takes<Raw<4>>, Gives<Raw<4>>>, Signature<Takes<Raw<8>>, Gives<Raw<8>>>>;

}  // namespace detail

/// SPACE_TO_DEPTH: input[N, H, W, C] -> output[N, H/b, W/b, b*b*C]: each block of b x b pixels becomes one pixel.
struct SpaceToDepth {
  static constexpr BuiltinOperator code = BuiltinOperator::SPACE_TO_DEPTH;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 2;
  using Options = detail::BlockSizeOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 4)) return v;
    const std::int32_t block = options.block_size;
    if (block < 1) return node_violation(ErrorCode::invalid_option, "has block_size {}, which must be at least 1", block);
    const Shape& input = node.input(0).shape;
    if (input[1] % block != 0 || input[2] % block != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "has {} x {} pixels, which blocks of {} do not fill", input[1], input[2], block);
    }
    const std::int64_t squared = std::int64_t{block} * block;
    if (squared > detail::largest_dimension || squared * input[3] > detail::largest_dimension) {
      return node_violation(ErrorCode::invalid_shape, "would give {} x {} x {} channels, more than 2^31 - 1", block, block, input[3]);
    }
    node.output(0).shape = {input[0], input[1] / block, input[2] / block, static_cast<std::int32_t>(squared * input[3])};
    return {};
  }

  using Prepared = detail::BlockExchange;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared::of(node.input(0).shape, options.block_size, node.input(0).type);
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    detail::exchange_blocks(run, true, detail::bytes_of_view(in), detail::writable_bytes_of_view(out));
  }

  using Types = detail::MoveSignatures;
};

/// DEPTH_TO_SPACE: input[N, H, W, b*b*C] -> output[N, H*b, W*b, C]: each pixel becomes a block of b x b pixels.
struct DepthToSpace {
  static constexpr BuiltinOperator code = BuiltinOperator::DEPTH_TO_SPACE;
  static constexpr Arity inputs = 1, outputs = 1;
  static constexpr int max_version = 2;
  using Options = detail::BlockSizeOptions;

  static constexpr Violation infer(const Options& options, const NodeDescription& node) {
    if (const Violation v = require_same_type(node, 0, 0)) return v;
    if (const Violation v = require_rank(node, 0, 4)) return v;
    const std::int32_t block = options.block_size;
    if (block < 1) return node_violation(ErrorCode::invalid_option, "has block_size {}, which must be at least 1", block);
    const Shape& input = node.input(0).shape;
    const std::int64_t squared = std::int64_t{block} * block;
    if (input[3] % squared != 0) {
      return input_violation(0, ErrorCode::invalid_shape, "has {} channels, which are not a multiple of block_size * block_size = {}",
                             input[3], squared);
    }
    const std::int64_t height = std::int64_t{input[1]} * block, width = std::int64_t{input[2]} * block;
    if (height > detail::largest_dimension || width > detail::largest_dimension) {
      return node_violation(ErrorCode::invalid_shape, "would give {} x {} pixels, more than 2^31 - 1 in one dimension", height, width);
    }
    node.output(0).shape = {input[0], static_cast<std::int32_t>(height), static_cast<std::int32_t>(width),
                            static_cast<std::int32_t>(input[3] / squared)};
    return {};
  }

  using Prepared = detail::BlockExchange;
  static constexpr Result<Prepared, Violation> prepare(const Options& options, const NodeDescription& node, std::span<Multiplier>) {
    return Prepared::of(node.output(0).shape, options.block_size, node.input(0).type);
  }

  template <class Run, class In, class Out> static void eval(const Run& run, In in, Out out) {
    detail::exchange_blocks(run, false, detail::bytes_of_view(in), detail::writable_bytes_of_view(out));
  }

  using Types = detail::MoveSignatures;
};

namespace detail {

/// Blocks of pixels as batches: what SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share. "Image" is the side with the few large batches,
/// "block" the one with the many small ones: pixel (y, x) of batch n of the image is pixel ((y + top) / block_y, (x + left) / block_x) of
/// batch (((y + top) % block_y) * block_x + (x + left) % block_x) * batches + n.
struct BatchBlocks {
  std::int64_t batches = 0;               // of the image
  std::int64_t image_y = 0, image_x = 0;  // its pixels
  std::int64_t small_y = 0, small_x = 0;  // pixels of a block batch
  std::int64_t block_y = 1, block_x = 1;
  std::int64_t top = 0, left = 0;  // padding or crops
  std::int64_t pixel = 0;          // bytes
  std::uint8_t padding = 0;        // byte of a padding element; elements of several bytes pad with 0

  /// The columns [first, last) of a block batch that lie inside the image, for x offset `dx` of the block.
  constexpr std::int64_t first_column(std::int64_t dx) const { return dx >= left ? 0 : (left - dx + block_x - 1) / block_x; }
  constexpr std::int64_t last_column(std::int64_t dx) const {
    const std::int64_t columns = (image_x + left - dx + block_x - 1) / block_x;  // those with x < image_x
    return columns < 0 ? 0 : columns < small_x ? columns : small_x;
  }
};

/// The checks that both ops share: ranks, and int32 lists of the right lengths. `margins` is input 2.
constexpr Violation check_block_inputs(const NodeDescription& node) {
  if (const Violation v = require_same_type(node, 0, 0)) return v;
  if (const Violation v = require_rank_between(node, 0, 3, 4)) return v;
  const std::int32_t spatial = node.input(0).rank() - 2;
  for (int i = 1; i <= 2; ++i) {
    if (node.input(i).type != TensorType::int32) return input_violation(i, ErrorCode::invalid_type, "must be int32");
    if (const Violation v = require_known(node, i)) return v;  // before its shape, which may come with its data
  }
  if (node.input(1).rank() != 1 || node.input(1).shape[0] != spatial) {
    return input_violation(1, ErrorCode::invalid_shape, "must list the block's size in {} dimensions", spatial);
  }
  if (node.input(2).rank() != 2 || node.input(2).shape[0] != spatial || node.input(2).shape[1] != 2) {
    return input_violation(2, ErrorCode::invalid_shape, "must have the shape [{}, 2]", spatial);
  }
  for (int i = 0; i < spatial; ++i) {
    if (node.input(1).integers[i] < 1) {
      return input_violation(1, ErrorCode::invalid_value, "must hold sizes of at least 1; element {} is {}", i, node.input(1).integers[i]);
    }
  }
  for (int i = 0; i < 2 * spatial; ++i) {
    if (node.input(2).integers[i] < 0) {
      return input_violation(2, ErrorCode::invalid_value, "must not hold negative numbers; element {} is {}", i, node.input(2).integers[i]);
    }
  }
  return {};
}

/// An input of three dimensions is an image of one column.
constexpr BatchBlocks describe_blocks(const NodeDescription& node, const Shape& image, const Shape& small) {
  const int spatial = image.rank() - 2;
  const KnownIntegers &block = node.input(1).integers, &margins = node.input(2).integers;
  BatchBlocks p;
  p.batches = image[0];
  p.image_y = image[1];
  p.small_y = small[1];
  p.block_y = block[0];
  p.top = margins[0];
  p.image_x = p.small_x = 1;
  if (spatial == 2) {
    p.image_x = image[2];
    p.small_x = small[2];
    p.block_x = block[1];
    p.left = margins[2];
  }
  p.pixel = bytes_of(node.input(0).type, image.last());
  return p;
}

using BlockSignatures = Signatures<Signature<Takes<Raw<1>, std::int32_t, std::int32_t>, Gives<Raw<1>>>,
                                   Signature<Takes<Raw<2>, std::int32_t, std::int32_t>, Gives<Raw<2>>>,
                                   Signature<Takes<Raw<4>, std::int32_t, std::int32_t>, Gives<Raw<4>>>,
                                   Signature<Takes<Raw<8>, std::int32_t, std::int32_t>, Gives<Raw<8>>>>;

}  // namespace detail

/// SPACE_TO_BATCH_ND: input[N, spatial..., C], block_shape[M], paddings[M, 2] -> output[N * blocks, spatial' / block..., C], M = 1 or 2:
/// pad, then deal the pixels of each block out to batches. Quantized tensors are padded with the zero point.
struct SpaceToBatchNd {
  static constexpr BuiltinOperator code = BuiltinOperator::SPACE_TO_BATCH_ND;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 4;
  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::check_block_inputs(node)) return v;
    if (node.input(0).type == TensorType::int16 && node.output(0).quantization.zero_point != 0) {
      return output_violation(0, ErrorCode::invalid_quantization, "must have the zero point 0, not {}",
                              node.output(0).quantization.zero_point);
    }
    const Shape& input = node.input(0).shape;
    const KnownIntegers &block = node.input(1).integers, &paddings = node.input(2).integers;
    Shape output = input;
    std::int64_t batches = input[0];
    for (int i = 0; i + 2 < input.rank(); ++i) {
      const std::int64_t padded = input[i + 1] + paddings[2 * i] + paddings[2 * i + 1];
      if (padded % block[i] != 0) {
        return input_violation(0, ErrorCode::invalid_shape, "has {} elements with padding in dimension {}, which blocks of {} do not fill",
                               padded, i + 1, block[i]);
      }
      const std::int64_t size = padded / block[i];
      batches *= block[i];
      if (size > detail::largest_dimension || batches > detail::largest_dimension) {
        return node_violation(ErrorCode::invalid_shape, "would give an output with a dimension over 2^31 - 1");
      }
      output[i + 1] = static_cast<std::int32_t>(size);
    }
    output[0] = static_cast<std::int32_t>(batches);
    node.output(0).shape = output;
    return {};
  }

  using Prepared = detail::BatchBlocks;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    Prepared p = detail::describe_blocks(node, node.input(0).shape, node.output(0).shape);
    const TensorType type = node.output(0).type;
    if (type == TensorType::int8 || type == TensorType::uint8) {
      p.padding = static_cast<std::uint8_t>(node.output(0).quantization.zero_point);
    }
    return p;
  }

  template <class Run, class In, class Block, class Paddings, class Out> static void eval(const Run& run, In in, Block, Paddings, Out out) {
    copy(run, detail::bytes_of_view(in), detail::writable_bytes_of_view(out));
  }

  using Types = detail::BlockSignatures;

 private:
  template <class Run> static void copy(const Run& run, const std::byte* in, std::byte* out) {
    const Prepared& p = run.prepared;
    const std::int64_t rows = p.block_y * p.block_x * p.batches * p.small_y;
    run.executor.parallel_for(rows, p.small_x * (2 + p.pixel / 16), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t small_batch = row / p.small_y, block = small_batch / p.batches;
        const std::int64_t dy = block / p.block_x, dx = block % p.block_x;
        const std::int64_t y = (row % p.small_y) * p.block_y + dy - p.top;
        std::byte* to = out + row * p.small_x * p.pixel;
        std::int64_t from_column = 0, to_column = 0;  // where the image lies in this row
        if (y >= 0 && y < p.image_y) {
          from_column = p.first_column(dx);
          to_column = p.last_column(dx);
        }
        if (from_column >= to_column) {
          fill(to, p.padding, p.small_x * p.pixel);
          continue;
        }
        fill(to, p.padding, from_column * p.pixel);
        const std::int64_t x = from_column * p.block_x + dx - p.left;
        detail::copy_runs<typename Run::Arch>(in + (((small_batch % p.batches) * p.image_y + y) * p.image_x + x) * p.pixel,
                                              p.block_x * p.pixel, to + from_column * p.pixel, p.pixel, p.pixel, to_column - from_column);
        fill(to + to_column * p.pixel, p.padding, (p.small_x - to_column) * p.pixel);
      }
    });
  }
  static void fill(std::byte* to, std::uint8_t byte, std::int64_t count) {
    if (count > 0) std::memset(to, byte, static_cast<std::size_t>(count));
  }
};

/// BATCH_TO_SPACE_ND: input[N * blocks, spatial..., C], block_shape[M], crops[M, 2] -> output[N, spatial * block - crops..., C], M = 1 or
/// 2: the reverse of SPACE_TO_BATCH_ND.
struct BatchToSpaceNd {
  static constexpr BuiltinOperator code = BuiltinOperator::BATCH_TO_SPACE_ND;
  static constexpr Arity inputs = 3, outputs = 1;
  static constexpr int max_version = 4;
  using Options = NoOptions;

  static constexpr Violation infer(const Options&, const NodeDescription& node) {
    if (const Violation v = detail::check_block_inputs(node)) return v;
    const Shape& input = node.input(0).shape;
    const KnownIntegers &block = node.input(1).integers, &crops = node.input(2).integers;
    Shape output = input;
    std::int64_t batches = input[0];
    for (int i = 0; i + 2 < input.rank(); ++i) {
      if (batches % block[i] != 0) {
        return input_violation(0, ErrorCode::invalid_shape, "has {} batches, which are not a multiple of the block's elements", input[0]);
      }
      batches /= block[i];
      const std::int64_t size = input[i + 1] * block[i] - crops[2 * i] - crops[2 * i + 1];
      if (size < 0 || size > detail::largest_dimension) {
        return input_violation(2, ErrorCode::invalid_value, "leaves {} elements in dimension {}", size, i + 1);
      }
      output[i + 1] = static_cast<std::int32_t>(size);
    }
    output[0] = static_cast<std::int32_t>(batches);
    node.output(0).shape = output;
    return {};
  }

  using Prepared = detail::BatchBlocks;
  static constexpr Result<Prepared, Violation> prepare(const Options&, const NodeDescription& node, std::span<Multiplier>) {
    return detail::describe_blocks(node, node.output(0).shape, node.input(0).shape);
  }

  template <class Run, class In, class Block, class Crops, class Out> static void eval(const Run& run, In in, Block, Crops, Out out) {
    copy(run, detail::bytes_of_view(in), detail::writable_bytes_of_view(out));
  }

  using Types = detail::BlockSignatures;

 private:
  template <class Run> static void copy(const Run& run, const std::byte* in, std::byte* out) {
    const Prepared& p = run.prepared;
    run.executor.parallel_for(p.batches * p.image_y, p.image_x * (2 + p.pixel / 16), [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t batch = row / p.image_y, y = row % p.image_y + p.top;
        const std::int64_t dy = y % p.block_y;
        for (std::int64_t dx = 0; dx < p.block_x; ++dx) {
          const std::int64_t from_column = p.first_column(dx), columns = p.last_column(dx) - from_column;
          const std::int64_t small_batch = (dy * p.block_x + dx) * p.batches + batch;
          const std::int64_t x = from_column * p.block_x + dx - p.left;
          if (columns <= 0) continue;
          detail::copy_runs<typename Run::Arch>(in + ((small_batch * p.small_y + y / p.block_y) * p.small_x + from_column) * p.pixel,
                                                p.pixel, out + (row * p.image_x + x) * p.pixel, p.block_x * p.pixel, p.pixel, columns);
        }
      }
    });
  }
};

}  // namespace tfl
