// needs: exceptions
// ONNX operators that move elements: shapes, slices, joins; and the constants that shapes are computed from.
#include <algorithm>
#include <numeric>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/onnx/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Result = std::vector<OnnxValue>;

std::vector<std::int32_t> axes_from(const std::vector<std::int64_t>& axes, int rank) {
  std::vector<std::int32_t> result;
  for (const std::int64_t axis : axes) result.push_back(checked_axis(axis, rank));
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) throw ImportError("an axis is named twice");
  return result;
}

std::vector<std::int32_t> in_tensor(const OnnxValue& value, const std::vector<std::int32_t>& axes) {
  std::vector<std::int32_t> result;
  for (const std::int32_t axis : axes) result.push_back(OnnxCall::axis_in_tensor(value, axis));
  std::sort(result.begin(), result.end());
  return result;
}

Result reshape(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  const Shape from = value.shape();
  const std::vector<std::int64_t> wanted = call.integers("shape", 1);
  Shape to;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && call.attributes().integer("allowzero") == 0) {
      if (i >= from.size())
        throw ImportError("a size of 0 copies axis " + std::to_string(i) + ", which the input " + text_of(from) + " lacks");
      to.push_back(from[i]);
    } else {
      to.push_back(wanted[i] == -1 || wanted[i] == unknown_size ? -1 : checked_dim(wanted[i]));
    }
  }
  // Two unknown sizes: the one that says -1 is computed where the other one is the input's unknown size.
  if (std::count(to.begin(), to.end(), -1) == 2 && std::count(from.begin(), from.end(), -1) == 1) {
    const auto find = std::find(wanted.begin(), wanted.end(), -1);
    Shape known = from, others = to;
    std::replace(known.begin(), known.end(), -1, 1);
    std::replace(others.begin(), others.end(), -1, 1);
    const std::int64_t count = element_count(known), rest = element_count(others);
    if (find != wanted.end() && rest > 0 && count % rest == 0)
      to[static_cast<std::size_t>(find - wanted.begin())] = checked_dim(count / rest);
  }
  return {call.reshaped(value, to)};
}

Result flatten(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  const Shape from = value.shape();
  std::int64_t axis = call.attributes().integer("axis", 1);
  if (axis < 0) axis += value.rank();
  if (axis < 0 || axis > value.rank()) throw ImportError("axis " + std::to_string(axis) + " is out of range");
  const auto product = [&](std::size_t begin, std::size_t end) {
    std::int64_t size = 1;
    for (std::size_t i = begin; i < end; ++i) size = from[i] < 0 || size < 0 ? -1 : checked_dim(size * from[i]);
    return static_cast<std::int32_t>(size);
  };
  const auto at = static_cast<std::size_t>(axis);
  return {call.reshaped(value, {product(0, at), product(at, from.size())})};
}

Result squeeze(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const Shape from = value.shape();
  std::vector<std::int32_t> axes = axes_from(call.integers("axes", 1), value.rank());
  for (int i = 0; axes.empty() && i < value.rank(); ++i) {
    if (from[static_cast<std::size_t>(i)] == 1) axes.push_back(i);
  }
  if (axes.empty()) return {value};
  return {without_axes(call.emit.squeeze(value.tensor, in_tensor(value, axes)), value, axes)};
}

Result unsqueeze(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const std::vector<std::int64_t> given = call.integers("axes", 1);
  const std::vector<std::int32_t> axes = axes_from(given, value.rank() + static_cast<int>(given.size()));
  if (value.order.empty()) {
    Tensor* tensor = value.tensor;
    for (const std::int32_t axis : axes) tensor = call.emit.expand_dims(tensor, axis);
    return {{tensor}};
  }
  // New axes go to the end of the tensor, wherever they stand in the value.
  OnnxValue result{value.tensor};
  const int rank = value.rank() + static_cast<int>(axes.size());
  std::vector<std::int32_t> kept;
  for (int axis = 0; axis < rank; ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept.push_back(axis);
  }
  for (const std::int32_t axis : value.order) result.order.push_back(kept[static_cast<std::size_t>(axis)]);
  for (const std::int32_t axis : axes) {
    result.tensor = call.emit.expand_dims(result.tensor, result.tensor->rank());
    result.order.push_back(axis);
  }
  return {result};
}

Result transpose(const OnnxCall& call) {
  OnnxValue value = call.settled(call.input(0));
  const int rank = value.rank();
  std::vector<std::int64_t> permutation = call.attributes().integers("perm");
  if (permutation.empty()) {
    for (int axis = rank; axis-- > 0;) permutation.push_back(axis);
  }
  std::vector<std::int32_t> to;
  for (const std::int64_t axis : permutation) to.push_back(checked_axis(axis, rank));
  std::vector<std::int32_t> sorted = to;
  std::sort(sorted.begin(), sorted.end());
  if (static_cast<int>(to.size()) != rank || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw ImportError("perm is no order of the input's axes");
  if (value.is_constant()) return {{call.emit.transpose(call.plain(value), to)}};
  // Only the names of the axes change: whoever needs another order in memory says so.
  if (value.order.empty()) {
    value.order.resize(static_cast<std::size_t>(rank));
    std::iota(value.order.begin(), value.order.end(), 0);
  }
  for (std::int32_t& axis : value.order) axis = static_cast<std::int32_t>(std::find(to.begin(), to.end(), axis) - to.begin());
  if (std::is_sorted(value.order.begin(), value.order.end())) value.order.clear();
  return {value};
}

Result concat(const OnnxCall& call) {
  call.input(0);
  const auto [tensors, order] = call.aligned(call.inputs);
  const int rank = call.input(0).rank();
  for (const OnnxValue& v : call.inputs) {
    if (v.rank() != rank) throw ImportError("tensors of different ranks can't be concatenated");
  }
  const OnnxValue like{tensors[0], order};
  const int axis = checked_axis(call.attributes().integer("axis", 1), rank);
  // Constants lost their leading ones on the way.
  Values whole;
  for (Tensor* t : tensors) {
    if (t->rank() == rank) {
      whole.push_back(t);
      continue;
    }
    Shape shape(static_cast<std::size_t>(rank - t->rank()), 1);
    shape.insert(shape.end(), t->shape.begin(), t->shape.end());
    whole.push_back(call.emit.reshape(t, shape));
  }
  return {{call.emit.concat(whole, OnnxCall::axis_in_tensor(like, axis)), order}};
}

Result split(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const int axis = OnnxCall::axis_in_tensor(value, checked_axis(call.attributes().integer("axis", 0), value.rank()));
  const std::int32_t size = Emitter::known(value.tensor, axis, "Split");
  std::vector<std::int32_t> sizes;
  for (const std::int64_t part : call.integers("split", 1)) sizes.push_back(checked_dim(part));
  if (sizes.empty()) {
    const auto count = static_cast<std::int32_t>(std::min<std::size_t>(call.node.outputs.size(), 65536));
    const std::int32_t part = (size + count - 1) / std::max(count, 1);
    for (std::int32_t at = 0; at < size; at += part) sizes.push_back(std::min(part, size - at));
  }
  Result result;
  for (Tensor* part : call.emit.split(value.tensor, sizes, axis)) result.push_back({part, value.order});
  return result;
}

Result slice(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const std::vector<std::int64_t> starts = call.integers("starts", 1), ends = call.integers("ends", 2);
  std::vector<std::int64_t> axes = call.integers("axes", 3), steps = call.has(4) ? call.integers("steps", 4) : std::vector<std::int64_t>();
  for (std::size_t i = 0; axes.size() < starts.size() && call.inputs.size() <= 3 && i < starts.size(); ++i)
    axes.push_back(static_cast<std::int64_t>(i));
  if (axes.empty()) {
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw ImportError("starts, ends, axes and steps differ in length");
  std::vector<Emitter::Range> ranges(static_cast<std::size_t>(value.rank()));
  const Shape shape = value.shape();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const int axis = checked_axis(axes[i], value.rank());
    const std::int64_t size = shape[static_cast<std::size_t>(axis)];
    Emitter::Range& range = ranges[static_cast<std::size_t>(OnnxCall::axis_in_tensor(value, axis))];
    if (starts[i] == unknown_size || ends[i] == unknown_size || steps[i] == 0 || steps[i] > (1 << 30) || steps[i] < -(1 << 30)) {
      throw ImportError("its bounds are not known", "give the inputs fixed sizes");
    }
    range.stride = static_cast<std::int32_t>(steps[i]);
    const std::int64_t far = std::int64_t{1} << 30;
    if (starts[i] > -far && starts[i] < far) {
      range.begin = static_cast<std::int32_t>(starts[i]);
      if (starts[i] == 0 && steps[i] > 0) range.begin.reset();
    }
    if (ends[i] > -far && ends[i] < far && !(steps[i] > 0 && size >= 0 && ends[i] >= size)) range.end = static_cast<std::int32_t>(ends[i]);
    // Backwards past the first element is "to the beginning", which no number says.
    if (steps[i] < 0 && size >= 0 && range.end && *range.end < -size) range.end.reset();
  }
  return {{call.emit.strided_slice(value.tensor, ranges), value.order}};
}

Result pad(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const auto rank = static_cast<std::size_t>(value.rank());
  std::vector<std::int64_t> pads = call.integers("pads", 1);
  if (call.has(3)) {
    const std::vector<std::int64_t> axes = integers_of(call.constant(3, "axes"));
    std::vector<std::int64_t> all(2 * rank, 0);
    if (pads.size() != 2 * axes.size()) throw ImportError("pads must hold two numbers for each axis");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto axis = static_cast<std::size_t>(checked_axis(axes[i], value.rank()));
      all[axis] = pads[i];
      all[axis + rank] = pads[i + axes.size()];
    }
    pads = all;
  }
  if (pads.size() != 2 * rank) throw ImportError("pads must hold " + std::to_string(2 * rank) + " numbers");
  for (const std::int64_t p : pads) {
    if (p > (1 << 30) || p < -(1 << 30)) throw ImportError("a border of " + std::to_string(p) + " makes no sense");
  }
  std::vector<Border> borders(rank);
  std::vector<Emitter::Range> crop(rank);
  bool cropped = false;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<std::size_t>(OnnxCall::axis_in_tensor(value, static_cast<int>(axis)));
    borders[at] = {checked_dim(std::max<std::int64_t>(pads[axis], 0)), checked_dim(std::max<std::int64_t>(pads[axis + rank], 0))};
    if (pads[axis] < 0) crop[at].begin = checked_dim(-pads[axis]);
    if (pads[axis + rank] < 0) crop[at].end = -checked_dim(-pads[axis + rank]);
    cropped = cropped || pads[axis] < 0 || pads[axis + rank] < 0;
  }
  Tensor* x = cropped ? call.emit.strided_slice(value.tensor, crop) : value.tensor;
  const std::string mode = call.attributes().text("mode", "constant");
  if (mode == "reflect") return {{call.emit.mirror_pad(x, borders, "REFLECT"), value.order}};
  if (mode != "constant") throw ImportError("padding of the mode '" + mode + "' has no operator", "use constant or reflect");
  const float fill =
      call.has(2) ? floats_of(call.constant(2, "constant_value")).at(0) : static_cast<float>(call.attributes().real("value", 0));
  return {{call.emit.pad(x, borders, fill), value.order}};
}

Result tile(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  const std::vector<std::int64_t> repeats = call.integers("repeats", 1);
  std::vector<std::int32_t> times(static_cast<std::size_t>(value.rank()), 1);
  if (repeats.size() != times.size()) throw ImportError("repeats must hold " + std::to_string(times.size()) + " numbers");
  for (std::size_t i = 0; i < repeats.size(); ++i)
    times[static_cast<std::size_t>(OnnxCall::axis_in_tensor(value, static_cast<int>(i)))] = checked_dim(repeats[i]);
  return {{call.emit.tile(value.tensor, times), value.order}};
}

Result expand(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  const Tensor& sizes = call.constant(1, "shape");
  const Shape shape = broadcast(x->shape, Emitter::target_shape(&sizes));
  if (shape == x->shape) return {call.input(0)};
  const auto unknown = [](const Shape& s) { return std::find(s.begin(), s.end(), -1) != s.end(); };
  if (unknown(shape)) {
    // Unknown sizes that x has already need no copies; a constant spreads where it is used.
    if (x->is_constant() && unknown(shape)) return {{x}};
    throw ImportError("the shape " + text_of(shape) + " to expand to is not known", "give the inputs fixed sizes");
  }
  return {{call.emit.add(BROADCAST_TO, {x, call.emit.integers(shape)}, x->type, shape)}};
}

Result depth_to_space(const OnnxCall& call) {
  const OnnxValue& value = call.input(0);
  Tensor* x = call.channels_last(value);
  Emitter::want_rank(x, 4);
  const std::int64_t block = call.attributes().integer("blocksize");
  const std::int32_t channels = Emitter::known(x, 3, "DepthToSpace");
  if (block < 1 || block > 1024 || channels % (block * block) != 0)
    throw ImportError("a block size of " + std::to_string(block) + " doesn't fit " + std::to_string(channels) + " channels");
  const auto b = static_cast<std::int32_t>(block);
  const std::int32_t rest = channels / (b * b);
  if (call.attributes().text("mode", "DCR") == "CRD" && rest > 1) {
    // Channels C, block, block: DEPTH_TO_SPACE wants block, block, C.
    std::vector<std::int32_t> indices;
    for (std::int32_t i = 0; i < b * b; ++i) {
      for (std::int32_t c = 0; c < rest; ++c) indices.push_back(c * b * b + i);
    }
    x = call.emit.gather(x, call.emit.integers(indices), 3);
  }
  const auto grown = [b](std::int32_t size) { return size < 0 ? -1 : checked_dim(std::int64_t{size} * b); };
  return {
      {call.emit.add(DEPTH_TO_SPACE, {x}, x->type, {x->shape[0], grown(x->shape[1]), grown(x->shape[2]), rest}, {{"block_size", block}}),
       OnnxCall::channels_last_order(4)}};
}

Result space_to_depth(const OnnxCall& call) {
  Tensor* x = call.channels_last(call.input(0));
  Emitter::want_rank(x, 4);
  const std::int64_t block = call.attributes().integer("blocksize");
  if (block < 1 || block > 1024) throw ImportError("a block size of " + std::to_string(block) + " makes no sense");
  const auto b = static_cast<std::int32_t>(block);
  const auto shrunk = [b](std::int32_t size) { return size < 0 ? -1 : size / b; };
  const std::int32_t channels = checked_dim(std::int64_t{Emitter::known(x, 3, "SpaceToDepth")} * b * b);
  return {{call.emit.add(SPACE_TO_DEPTH, {x}, x->type, {x->shape[0], shrunk(x->shape[1]), shrunk(x->shape[2]), channels},
                         {{"block_size", block}}),
           OnnxCall::channels_last_order(4)}};
}

Result shape_of(const OnnxCall& call) {
  const Shape all = call.input(0).shape();
  const auto rank = static_cast<std::int64_t>(all.size());
  const auto clamp = [rank](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t begin = clamp(call.attributes().integer("start", 0)),
                     end = std::max(begin, clamp(call.attributes().integer("end", rank)));
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = begin; i < end; ++i)
    sizes.push_back(all[static_cast<std::size_t>(i)] < 0 ? unknown_size : all[static_cast<std::size_t>(i)]);
  return {{call.emit.constant(literal_of(TensorType::int64, {static_cast<std::int32_t>(sizes.size())}, sizes), "shape")}};
}

Result size_of(const OnnxCall& call) {
  std::int64_t count = 1;
  for (const std::int32_t d : call.input(0).shape()) count = d < 0 || count == unknown_size ? unknown_size : checked_dim(count * d);
  return {{call.emit.constant(literal_of(TensorType::int64, {}, std::vector<std::int64_t>{count}), "size")}};
}

Result constant(const OnnxCall& call) {
  const Attributes& a = call.attributes();
  if (const Literal* value = a.find<Literal>("value")) return {{call.emit.constant(*value)}};
  if (a.has("value_float")) return {{call.emit.scalar(static_cast<float>(a.real("value_float")))}};
  if (a.has("value_int"))
    return {{call.emit.constant(literal_of(TensorType::int64, {}, std::vector<std::int64_t>{a.integer("value_int")}))}};
  if (const auto* values = a.find<std::vector<std::int64_t>>("value_ints")) {
    return {{call.emit.constant(literal_of(TensorType::int64, {static_cast<std::int32_t>(values->size())}, *values))}};
  }
  if (const auto* values = a.find<std::vector<double>>("value_floats")) {
    return {{call.emit.floats({values->begin(), values->end()}, {static_cast<std::int32_t>(values->size())})}};
  }
  throw ImportError("a constant of this kind is not supported");
}

Result constant_of_shape(const OnnxCall& call) {
  Shape shape = Emitter::target_shape(&call.constant(0, "shape"));
  // Equal elements broadcast: an axis of unknown size needs one of them.
  for (std::int32_t& d : shape) d = d < 0 ? 1 : d;
  std::int64_t count = 1;
  for (const std::int32_t d : shape) {
    count *= d;
    if (count > (1 << 26)) throw ImportError("a constant of the shape " + text_of(shape) + " is too large");
  }
  const Literal* value = call.attributes().find<Literal>("value");
  if (value == nullptr) return {{call.emit.floats(std::vector<float>(static_cast<std::size_t>(count)), shape)}};
  Tensor* one = call.emit.constant(*value);
  if (one->count() != 1) throw ImportError("its value must be one element");
  if (is_integral(one->type))
    return {{call.emit.constant(
        literal_of(one->type, shape, std::vector<std::int64_t>(static_cast<std::size_t>(count), integers_of(*one)[0])))}};
  return {{call.emit.floats(std::vector<float>(static_cast<std::size_t>(count), floats_of(*one)[0]), shape)}};
}

Result range(const OnnxCall& call) {
  const Tensor &start = call.constant(0, "start"), &limit = call.constant(1, "limit"), &delta = call.constant(2, "delta");
  if (!is_integral(start.type)) throw ImportError("only ranges of integers are supported");
  const std::int64_t first = integers_of(start).at(0), last = integers_of(limit).at(0), step = integers_of(delta).at(0);
  const auto far = [](std::int64_t v) { return v > (std::int64_t{1} << 40) || v < -(std::int64_t{1} << 40); };
  if (first == unknown_size || last == unknown_size || step == 0 || far(first) || far(last) || far(step))
    throw ImportError("its bounds are not known", "give the inputs fixed sizes");
  std::vector<std::int64_t> values;
  for (std::int64_t v = first; step > 0 ? v < last : v > last; v += step) {
    if (values.size() > (1 << 24)) throw ImportError("the range is too long");
    values.push_back(v);
  }
  return {{call.emit.constant(literal_of(start.type, {static_cast<std::int32_t>(values.size())}, values))}};
}

/// All of them where none is named.
std::vector<std::int32_t> axes_to_reduce(const OnnxCall& call, int rank) {
  std::vector<std::int32_t> axes = axes_from(call.integers("axes", 1), rank);
  if (axes.empty()) {
    axes.resize(static_cast<std::size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  return axes;
}

template <BuiltinOperator Code> Result reduce(const OnnxCall& call) {
  OnnxValue value = call.settled(call.input(0));
  if (call.integers("axes", 1).empty() && call.attributes().integer("noop_with_empty_axes") != 0) return {value};
  const std::vector<std::int32_t> axes = axes_to_reduce(call, value.rank());
  const bool keep = call.attributes().integer("keepdims", 1) != 0;
  Tensor* y = call.emit.reduce(Code, value.tensor, in_tensor(value, axes), keep);
  if (keep) return {{y, value.order}};
  return {without_axes(y, value, axes)};
}

/// The body on x before a sum over the axes, and on the sum.
template <class Before, class After> Result reduce_around(const OnnxCall& call, Before&& before, After&& after) {
  OnnxCall inner = call;
  inner.inputs[0] = call.settled(call.input(0));
  inner.inputs[0].tensor = before(inner.inputs[0].tensor);
  OnnxValue sum = reduce<SUM>(inner).front();
  sum.tensor = after(sum.tensor);
  return {sum};
}

Result reduce_l1(const OnnxCall& call) {
  return reduce_around(
      call, [&](Tensor* x) { return call.emit.unary(ABS, x); }, [](Tensor* s) { return s; });
}
Result reduce_l2(const OnnxCall& call) {
  return reduce_around(
      call, [&](Tensor* x) { return call.emit.unary(SQUARE, x); }, [&](Tensor* s) { return call.emit.unary(SQRT, s); });
}
Result reduce_sum_square(const OnnxCall& call) {
  return reduce_around(
      call, [&](Tensor* x) { return call.emit.unary(SQUARE, x); }, [](Tensor* s) { return s; });
}

Result reduce_log_sum(const OnnxCall& call) {
  return reduce_around(
      call, [](Tensor* x) { return x; }, [&](Tensor* s) { return call.emit.unary(LOG, s); });
}
/// Of differences from the largest element, so that no exponential overflows.
Result reduce_log_sum_exp(const OnnxCall& call) {
  Emitter& e = call.emit;
  const OnnxValue value = call.settled(call.input(0));
  const std::vector<std::int32_t> axes = axes_to_reduce(call, value.rank()), in = in_tensor(value, axes);
  Tensor* top = e.reduce(REDUCE_MAX, value.tensor, in, true);
  Tensor* sum = e.reduce(SUM, e.unary(EXP, e.binary(SUB, value.tensor, top)), in, true);
  Tensor* y = e.binary(ADD, e.unary(LOG, sum), top);
  if (call.attributes().integer("keepdims", 1) != 0) return {{y, value.order}};
  return {without_axes(e.squeeze(y, in), value, axes)};
}

template <BuiltinOperator Code> Result arg(const OnnxCall& call) {
  const OnnxValue value = call.settled(call.input(0));
  if (call.attributes().integer("select_last_index") != 0) throw ImportError("select_last_index has no operator");
  const int axis = checked_axis(call.attributes().integer("axis", 0), value.rank()), at = OnnxCall::axis_in_tensor(value, axis);
  Shape shape = value.tensor->shape;
  shape.erase(shape.begin() + at);
  Tensor* along = call.emit.constant(literal_of(TensorType::int32, {}, std::vector<std::int64_t>{at}), "axis");
  Tensor* y = call.emit.add(Code, {value.tensor, along}, TensorType::int64, shape, {{"output_type", "INT64"}});
  if (call.attributes().integer("keepdims", 1) == 0) return {without_axes(y, value, {axis})};
  return {{call.emit.expand_dims(y, at), value.order}};
}

Result top_k(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  const std::int64_t k = call.has(1) ? integers_of(call.constant(1, "k")).at(0) : call.attributes().integer("k");
  if (checked_axis(call.attributes().integer("axis", -1), x->rank()) != x->rank() - 1 || call.attributes().integer("largest", 1) == 0) {
    throw ImportError("TOPK_V2 finds the largest along the last axis only");
  }
  Shape shape = x->shape;
  shape.back() = checked_dim(k);
  Tensor* count = call.emit.constant(literal_of(TensorType::int32, {}, std::vector<std::int64_t>{k}), "k");
  const Values y = call.emit.add(TOPK_V2, {x, count}, {{x->type, shape}, {TensorType::int32, shape}});
  return {{y[0]}, {call.emit.cast(y[1], TensorType::int64)}};
}

Result cum_sum(const OnnxCall& call) {
  Tensor* x = call.plain(0);
  const int axis = checked_axis(integers_of(call.constant(1, "axis")).at(0), x->rank());
  Tensor* along = call.emit.constant(literal_of(TensorType::int32, {}, std::vector<std::int64_t>{axis}), "axis");
  return {{call.emit.add(
      CUMSUM, {x, along}, x->type, x->shape,
      {{"exclusive", call.attributes().integer("exclusive") != 0}, {"reverse", call.attributes().integer("reverse") != 0}})}};
}

}  // namespace

std::vector<OnnxOperatorEntry> onnx_shape_operators() {
  return {{"Reshape", reshape},
          {"Flatten", flatten},
          {"Squeeze", squeeze},
          {"Unsqueeze", unsqueeze},
          {"Transpose", transpose},
          {"Concat", concat},
          {"Split", split},
          {"Slice", slice},
          {"Pad", pad},
          {"Tile", tile},
          {"Expand", expand},
          {"DepthToSpace", depth_to_space},
          {"SpaceToDepth", space_to_depth},
          {"Shape", shape_of},
          {"Size", size_of},
          {"Constant", constant},
          {"ConstantOfShape", constant_of_shape},
          {"Range", range},
          {"ReduceMean", reduce<MEAN>},
          {"ReduceSum", reduce<SUM>},
          {"ReduceMax", reduce<REDUCE_MAX>},
          {"ReduceMin", reduce<REDUCE_MIN>},
          {"ReduceProd", reduce<REDUCE_PROD>},
          {"ReduceL1", reduce_l1},
          {"ReduceL2", reduce_l2},
          {"ReduceSumSquare", reduce_sum_square},
          {"ReduceLogSum", reduce_log_sum},
          {"ReduceLogSumExp", reduce_log_sum_exp},
          {"ArgMax", arg<ARG_MAX>},
          {"ArgMin", arg<ARG_MIN>},
          {"TopK", top_k},
          {"CumSum", cum_sum}};
}

}  // namespace tfl::converter
