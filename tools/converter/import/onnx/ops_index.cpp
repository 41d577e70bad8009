// needs: exceptions
// ONNX operators whose inputs say where elements lie: those that are picked, written, kept or turned around.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

constexpr std::int64_t most_elements = 1 << 26;  // of a constant that is made here

/// Constant indices that count from the end as ones from the front. The last axis of `indices` counts through `sizes`, where those are
/// several.
Tensor* from_front(const OnnxCall& call, Tensor* indices, const Shape& sizes) {
  if (!indices->is_constant()) return indices;
  std::vector<std::int64_t> values = integers_of(*indices);
  bool changed = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::int64_t& v = values[i];
    const std::int32_t size = sizes[i % sizes.size()];
    if (v == unknown_size) continue;
    if (v < 0) {
      if (size < 0) throw ImportError("an index counts from the end of an axis of unknown size", "give the inputs fixed sizes");
      v += size;
      changed = true;
    }
    if (v < 0 || (size >= 0 && v >= size)) throw ImportError("an index is out of range for an axis of size " + std::to_string(size));
  }
  return changed ? call.emit.constant(literal_of(indices->type, indices->shape, values), "indices") : indices;
}

/// Of a shape that must be known.
Shape known_shape(const Tensor* x, std::string_view needed_for) {
  for (int axis = 0; axis < x->rank(); ++axis) Emitter::known(x, axis, needed_for);
  return x->shape;
}

/// A constant of this type that is one number everywhere.
Tensor* constant_of(const OnnxCall& call, TensorType type, const Shape& shape, std::int64_t value) {
  const std::int64_t count = element_count(shape);
  if (count > most_elements) throw ImportError("a constant of the shape " + text_of(shape) + " is too large");
  if (is_integral(type))
    return call.emit.constant(literal_of(type, shape, std::vector<std::int64_t>(static_cast<std::size_t>(count), value)));
  return call.emit.constant(literal_of(type, shape, std::vector<float>(static_cast<std::size_t>(count), static_cast<float>(value))));
}

Result gather(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const int axis = checked_axis(call.attributes().integer("axis", 0), value.rank());
  Tensor* indices = from_front(call, call.plain(1), {value.shape()[static_cast<std::size_t>(axis)]});
  // One index is a slice, in any order of the axes.
  if (indices->is_constant() && indices->rank() == 0 && !value.is_constant()) {
    const auto at = static_cast<std::size_t>(OnnxCall::axis_in_tensor(value, axis));
    const std::int64_t index = integers_of(*indices)[0];
    if (index < (1 << 30)) {
      std::vector<Emitter::Range> ranges(value.tensor->shape.size());
      ranges[at] = {static_cast<std::int32_t>(index), static_cast<std::int32_t>(index + 1)};
      Tensor* one = call.emit.strided_slice(value.tensor, ranges);
      return {without_axes(call.emit.squeeze(one, {static_cast<std::int32_t>(at)}), value, {axis})};
    }
  }
  return {{call.emit.gather(call.plain(value), indices, axis)}};
}

/// The sizes that indices of so many coordinates count through.
Shape indexed_sizes(const Tensor* x, const Tensor* indices, std::string_view op) {
  if (indices->rank() < 1) throw ImportError("the indices are a scalar");
  const std::int32_t depth = Emitter::known(indices, indices->rank() - 1, op);
  if (depth < 1 || depth > x->rank())
    throw ImportError("indices of the shape " + text_of(indices->shape) + " don't fit " + text_of(x->shape));
  return {x->shape.begin(), x->shape.begin() + depth};
}

Result gather_nd(const OnnxCall& call) {
  if (call.attributes().integer("batch_dims") != 0) throw ImportError("GatherND with batch_dims has no operator");
  Tensor *x = call.plain(0), *indices = call.plain(1);
  const Shape sizes = indexed_sizes(x, indices, "GatherND");
  Shape shape(indices->shape.begin(), indices->shape.end() - 1);
  shape.insert(shape.end(), x->shape.begin() + static_cast<std::ptrdiff_t>(sizes.size()), x->shape.end());
  return {{call.emit.add(GATHER_ND, {x, from_front(call, indices, sizes)}, x->type, shape)}};
}

/// y[i, j] = x[indices[i, j], j] for axis 0 and the like: a GATHER along the last axis, all others of which are batches.
Result gather_elements(const OnnxCall& call) {
  Tensor *x = call.plain(0), *indices = call.plain(1);
  const int rank = x->rank(), axis = checked_axis(call.attributes().integer("axis", 0), rank);
  if (indices->rank() != rank) throw ImportError("indices of the shape " + text_of(indices->shape) + " don't fit " + text_of(x->shape));
  indices = from_front(call, indices, {x->shape[static_cast<std::size_t>(axis)]});
  Shape size = indices->shape;
  size[static_cast<std::size_t>(axis)] = x->shape[static_cast<std::size_t>(axis)];
  if (size != x->shape) x = call.emit.slice(x, Shape(static_cast<std::size_t>(rank), 0), size);
  Order swapped(static_cast<std::size_t>(rank));
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[static_cast<std::size_t>(axis)], swapped.back());
  const bool moves = axis != rank - 1;
  if (moves) {
    x = call.emit.transpose(x, swapped);
    indices = call.emit.transpose(indices, swapped);
  }
  Tensor* y = call.emit.gather(x, indices, rank - 1, rank - 1);
  return {{moves ? call.emit.transpose(y, swapped) : y}};
}

/// x with `updates` where `indices` (coordinates along the last axis) say, or added there.
Tensor* scatter(const OnnxCall& call, Tensor* x, Tensor* indices, Tensor* updates) {
  const std::string reduction = call.attributes().text("reduction", "none");
  if (reduction != "none" && reduction != "add") throw ImportError("scattering with the reduction '" + reduction + "' has no operator");
  const Shape shape = known_shape(x, "scattering");
  indices = from_front(call, indices, indexed_sizes(x, indices, "scattering"));
  if (indices->type != TensorType::int32) indices = call.emit.cast(indices, TensorType::int32);
  Tensor* size = call.emit.integers(shape);
  Tensor* written = call.emit.add(SCATTER_ND, {indices, updates, size}, x->type, shape);
  if (reduction == "add") return call.emit.binary(ADD, x, written);
  // SCATTER_ND begins with zeros: where does it write?
  Tensor* ones = constant_of(call, TensorType::int32, known_shape(updates, "scattering"), 1);
  Tensor* counts = call.emit.add(SCATTER_ND, {indices, ones, size}, TensorType::int32, shape);
  Tensor* zero = constant_of(call, TensorType::int32, {}, 0);
  return call.emit.select(call.emit.compare(NOT_EQUAL, counts, zero), written, x);
}

Result scatter_nd(const OnnxCall& call) { return {{scatter(call, call.plain(0), call.plain(1), call.plain(2))}}; }

/// The coordinates of each element of `indices`, which stand for one axis.
Result scatter_elements(const OnnxCall& call) {
  Tensor *x = call.plain(0), *indices = call.plain(1);
  const int rank = x->rank(), axis = checked_axis(call.attributes().integer("axis", 0), rank);
  if (indices->rank() != rank || rank < 1)
    throw ImportError("indices of the shape " + text_of(indices->shape) + " don't fit " + text_of(x->shape));
  indices = from_front(call, indices, {x->shape[static_cast<std::size_t>(axis)]});
  Shape shape = known_shape(indices, "ScatterElements");
  const std::int64_t count = element_count(shape);
  if (count > most_elements) throw ImportError("indices of the shape " + text_of(shape) + " are too many");
  Values coordinates;
  for (int d = 0; d < rank; ++d) {
    if (d == axis) {
      coordinates.push_back(call.emit.expand_dims(indices, rank));
      continue;
    }
    std::int64_t inside = 1;
    for (int i = d + 1; i < rank; ++i) inside *= shape[static_cast<std::size_t>(i)];
    std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i)
      numbers[static_cast<std::size_t>(i)] = i / inside % std::max(shape[static_cast<std::size_t>(d)], 1);
    Shape column = shape;
    column.push_back(1);
    coordinates.push_back(call.emit.constant(literal_of(indices->type, column, numbers), "indices"));
  }
  return {{scatter(call, x, call.emit.concat(coordinates, rank), call.plain(2))}};
}

Result one_hot(const OnnxCall& call) {
  const std::int64_t depth = integers_of(call.constant(1, "depth")).at(0);
  Tensor *indices = from_front(call, call.plain(0), {checked_dim(depth)}), *values = call.plain(2);
  if (values->shape != Shape{2}) throw ImportError("values of the shape " + text_of(values->shape) + " are not two");
  if (!is_integral(indices->type)) indices = call.emit.cast(indices, TensorType::int32);
  Shape shape = indices->shape;
  const int axis = checked_axis(call.attributes().integer("axis", -1), indices->rank() + 1);
  shape.insert(shape.begin() + axis, checked_dim(depth));
  const Values off_on = call.emit.unpack(values, 0);
  Tensor* count = constant_of(call, TensorType::int32, {}, depth);
  return {{call.emit.add(ONE_HOT, {indices, count, off_on[1], off_on[0]}, values->type, shape, {{"axis", std::int64_t{axis}}})}};
}

Result non_zero(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  if (x->rank() == 0) throw ImportError("a scalar has no coordinates");
  Tensor* places = call.emit.add(WHERE, {x}, TensorType::int64, {-1, x->rank()});
  return {{call.emit.transpose(places, {1, 0})}};
}

/// The triangle above (or below) a diagonal, zeros elsewhere.
Result trilu(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  if (x->rank() < 2) throw ImportError("the shape " + text_of(x->shape) + " is no matrix");
  const std::int32_t rows = Emitter::known(x, x->rank() - 2, "Trilu"), columns = Emitter::known(x, x->rank() - 1, "Trilu");
  const bool upper = call.attributes().integer("upper", 1) != 0;
  const std::int64_t far = std::int64_t{1} << 31, k = call.has(1) ? std::clamp(integers_of(call.constant(1, "k")).at(0), -far, far) : 0;
  if (std::int64_t{rows} * columns > most_elements) throw ImportError("a matrix of the shape " + text_of(x->shape) + " is too large");
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) kept.push_back((upper ? j - i >= k : j - i <= k) ? 1 : 0);
  }
  if (x->is_constant()) {
    const auto masked = [&](auto values) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (kept[i % kept.size()] == 0) values[i] = 0;
      }
      return call.emit.constant(literal_of(x->type, x->shape, values), "triangle");
    };
    return {{is_integral(x->type) || x->type == TensorType::boolean ? masked(integers_of(*x)) : masked(floats_of(*x))}};
  }
  Tensor* mask = call.emit.constant(literal_of(TensorType::boolean, {rows, columns}, kept), "triangle");
  if (x->type == TensorType::boolean) return {{call.emit.binary(LOGICAL_AND, x, mask)}};
  return {{call.emit.select(mask, x, constant_of(call, x->type, {}, 0))}};
}

Result reverse_sequence(const OnnxCall& call) {
  Tensor *x = call.plain(0), *lengths = call.plain(1);
  const int batch = checked_axis(call.attributes().integer("batch_axis", 1), x->rank()),
            time = checked_axis(call.attributes().integer("time_axis", 0), x->rank());
  return {{call.emit.add(REVERSE_SEQUENCE, {x, lengths}, x->type, x->shape,
                         {{"seq_dim", std::int64_t{time}}, {"batch_dim", std::int64_t{batch}}})}};
}

/// One element of a constant, or what stands for an absent one.
template <class T> T number(const OnnxCall& call, std::size_t input, std::string_view what, T otherwise) {
  if (!call.has(input)) return otherwise;
  const Tensor& constant = call.constant(input, what);
  if constexpr (std::is_same_v<T, float>) {
    return floats_of(constant).at(0);
  } else {
    return integers_of(constant).at(0);
  }
}

/// Boxes [batch, boxes, 4] and scores [batch, classes, boxes] -> (batch, class, box) of each box that is taken: one NON_MAX_SUPPRESSION for
/// each class, whose indices are cut to as many as it took.
Result non_max_suppression(const OnnxCall& call) {
  Emitter& e = call.emit;
  Tensor *boxes = call.plain(0), *scores = call.plain(1);
  Emitter::want_rank(boxes, 3);
  Emitter::want_rank(scores, 3);
  const std::int32_t batches = Emitter::known(scores, 0, "NonMaxSuppression"), classes = Emitter::known(scores, 1, "NonMaxSuppression"),
                     count = Emitter::known(scores, 2, "NonMaxSuppression");
  if (std::int64_t{batches} * classes > 1024)
    throw ImportError("each class of each batch takes an operator, too many for scores of the shape " + text_of(scores->shape));
  if (boxes->shape != Shape{batches, count, 4})
    throw ImportError("boxes of the shape " + text_of(boxes->shape) + " don't fit the scores' " + text_of(scores->shape));
  if (call.attributes().integer("center_point_box") != 0) {
    // x and y of the middle, width, height; the operator wants two corners, in y and x.
    const Values parts = e.split(boxes, {1, 1, 1, 1}, 2);
    Tensor *half_width = e.binary(MUL, parts[2], 0.5F), *half_height = e.binary(MUL, parts[3], 0.5F);
    boxes = e.concat({e.binary(SUB, parts[1], half_height), e.binary(SUB, parts[0], half_width), e.binary(ADD, parts[1], half_height),
                      e.binary(ADD, parts[0], half_width)},
                     2);
  }
  const auto most = checked_dim(std::clamp<std::int64_t>(number<std::int64_t>(call, 2, "max_output_boxes_per_class", 0), 0, count));
  Tensor *limit = constant_of(call, TensorType::int32, {}, most), *overlap = e.scalar(number(call, 3, "iou_threshold", 0.0F)),
         *least = e.scalar(number(call, 4, "score_threshold", std::numeric_limits<float>::lowest()));
  Tensor* last_column = e.integers({0, 0, 1});
  Values rows;
  for (std::int32_t b = 0; b < batches; ++b) {
    Tensor* of_batch = e.reshape(batches == 1 ? boxes : e.slice(boxes, {b, 0, 0}, {1, count, 4}), {count, 4});
    for (std::int32_t c = 0; c < classes; ++c) {
      Tensor* of_class = e.reshape(batches * classes == 1 ? scores : e.slice(scores, {b, c, 0}, {1, 1, count}), {count});
      const Values taken = e.add(NON_MAX_SUPPRESSION_V4, {of_batch, of_class, limit, overlap, least},
                                 {{TensorType::int32, {most}}, {TensorType::int32, {}}});
      Tensor* indices = e.add(SLICE, {taken[0], e.integers({0}), e.reshape(taken[1], {1})}, TensorType::int32, {-1});
      rows.push_back(e.binary(ADD, e.binary(MUL, e.expand_dims(indices, 1), last_column), e.integers({b, c, 0})));
    }
  }
  if (rows.empty()) throw ImportError("there are no classes: " + text_of(scores->shape));
  return {{e.cast(rows.size() == 1 ? rows[0] : e.concat(rows, 0), TensorType::int64)}};
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_index_operators() {
  return {{"Gather", gather},
          {"GatherND", gather_nd},
          {"GatherElements", gather_elements},
          {"ScatterND", scatter_nd},
          {"ScatterElements", scatter_elements},
          {"Scatter", scatter_elements},
          {"OneHot", one_hot},
          {"NonZero", non_zero},
          {"Trilu", trilu},
          {"ReverseSequence", reverse_sequence},
          {"NonMaxSuppression", non_max_suppression}};
}

}  // namespace tfl::converter
