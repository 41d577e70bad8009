// needs: exceptions
// TensorFlow operators that move elements, and the look-up of all operators.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tools/converter/import/literal.hpp"
#include "tools/converter/import/tensorflow/call.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

Tensor* TfCall::tensor(std::size_t i) const {
  if (i >= inputs.size()) throw ImportError("input " + std::to_string(i) + " is absent");
  if (inputs[i].tensor == nullptr) throw ImportError("input " + std::to_string(i) + " is no tensor but a resource or a text");
  return inputs[i].tensor;
}

Values TfCall::tensors() const {
  Values result;
  for (std::size_t i = 0; i < inputs.size(); ++i) result.push_back(tensor(i));
  return result;
}

const Tensor& TfCall::constant(std::size_t i, std::string_view what) const {
  const Tensor* found = tensor(i);
  if (!found->is_constant()) {
    throw ImportError("input " + std::to_string(i) + " (" + std::string(what) + ") must be a constant",
                      "freeze the model, or give its inputs fixed sizes");
  }
  return *found;
}

std::vector<std::int32_t> TfCall::integers(std::size_t i, std::string_view what) const {
  std::vector<std::int32_t> result;
  for (const std::int64_t v : integers_of(constant(i, what))) {
    if (v == unknown_size)
      throw ImportError("'" + std::string(what) + "' depends on a size that is not known", "give the inputs fixed sizes");
    result.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(v, -(std::int64_t{1} << 31), (std::int64_t{1} << 31) - 1)));
  }
  return result;
}

TensorType tf_type(std::int64_t number) {
  // Types of references to variables are 100 more.
  switch (number > 100 ? number - 100 : number) {
    case 1: return TensorType::float32;
    case 2: return TensorType::float64;
    case 3: return TensorType::int32;
    case 4: return TensorType::uint8;
    case 5: return TensorType::int16;
    case 6: return TensorType::int8;
    case 9: return TensorType::int64;
    case 10: return TensorType::boolean;
    case 14: return TensorType::bfloat16;
    case 17: return TensorType::uint16;
    case 19: return TensorType::float16;
    case 22: return TensorType::uint32;
    case 23: return TensorType::uint64;
    default: throw ImportError("the type number " + std::to_string(number) + " is not supported");
  }
}

TensorType tf_computed_type(std::int64_t number) {
  const TensorType type = tf_type(number);
  return type == TensorType::float16 || type == TensorType::bfloat16 || type == TensorType::float64 ? TensorType::float32 : type;
}

TfOperator find_tf_operator(std::string_view name) {
  static const auto table = [] {
    std::map<std::string_view, TfOperator> all;
    for (const auto& entries : {tf_math_operators(), tf_shape_operators()}) {
      for (const TfOperatorEntry& entry : entries) all.emplace(entry.name, entry.run);
    }
    return all;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

namespace {

Values identity(const TfCall& call) { return call.tensors(); }

Values reshape(const TfCall& call) { return {call.emit.reshape(call.tensor(0), Emitter::target_shape(call.tensor(1)))}; }

std::vector<std::int32_t> sorted_axes(const std::vector<std::int64_t>& axes, int rank) {
  std::vector<std::int32_t> result;
  for (const std::int64_t axis : axes) result.push_back(checked_axis(axis, rank));
  std::sort(result.begin(), result.end());
  return result;
}

Values squeeze(const TfCall& call) {
  Tensor* x = call.tensor(0);
  std::vector<std::int32_t> axes =
      sorted_axes(call.attributes.integers(call.attributes.has("squeeze_dims") ? "squeeze_dims" : "axis"), x->rank());
  const bool all_units = axes.empty();
  for (int i = 0; all_units && i < x->rank(); ++i) {
    if (x->shape[static_cast<std::size_t>(i)] == 1) axes.push_back(i);
  }
  return {axes.empty() ? x : call.emit.squeeze(x, axes)};
}

Values expand_dims(const TfCall& call) {
  Tensor* x = call.tensor(0);
  return {call.emit.expand_dims(x, checked_axis(call.integers(1, "axis").at(0), x->rank() + 1))};
}

Values transpose(const TfCall& call) { return {call.emit.transpose(call.tensor(0), call.integers(1, "perm"))}; }

Values concat(const TfCall& call) {
  // ConcatV2 has its axis at the end, Concat at the beginning.
  const bool last = call.op != "Concat";
  if (call.inputs.size() < 2) throw ImportError("nothing to concatenate");
  Values xs;
  for (std::size_t i = last ? 0 : 1; i < call.inputs.size() - (last ? 1 : 0); ++i) xs.push_back(call.tensor(i));
  return {call.emit.concat(xs, checked_axis(call.integers(last ? call.inputs.size() - 1 : 0, "axis").at(0), xs.front()->rank()))};
}

Values pack(const TfCall& call) {
  const Values xs = call.tensors();
  if (xs.empty()) throw ImportError("nothing to stack");
  return {call.emit.pack(xs, checked_axis(call.attributes.integer("axis"), xs.front()->rank() + 1))};
}

Values unpack(const TfCall& call) {
  Tensor* x = call.tensor(0);
  return call.emit.unpack(x, checked_axis(call.attributes.integer("axis"), x->rank()));
}

Values split(const TfCall& call) {
  Tensor* x = call.tensor(1);
  const int axis = checked_axis(call.integers(0, "axis").at(0), x->rank());
  const std::int64_t count = call.attributes.integer("num_split", 1);
  const std::int32_t size = Emitter::known(x, axis, "Split");
  if (count < 1 || count > 65536 || size % count != 0)
    throw ImportError("axis " + std::to_string(axis) + " of the shape " + text_of(x->shape) + " can't be split into " +
                      std::to_string(count));
  return call.emit.split(x, std::vector<std::int32_t>(static_cast<std::size_t>(count), static_cast<std::int32_t>(size / count)), axis);
}

Values split_v(const TfCall& call) {
  Tensor* x = call.tensor(0);
  const int axis = checked_axis(call.integers(2, "axis").at(0), x->rank());
  std::vector<std::int32_t> sizes = call.integers(1, "sizes");
  if (const auto rest = std::find(sizes.begin(), sizes.end(), -1); rest != sizes.end()) {
    *rest = 0;
    *rest = checked_dim(Emitter::known(x, axis, "SplitV") - std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}));
  }
  return call.emit.split(x, sizes, axis);
}

Values strided_slice(const TfCall& call) {
  Tensor* x = call.tensor(0);
  const std::vector<std::int32_t> begin = call.integers(1, "begin"), end = call.integers(2, "end"), stride = call.integers(3, "strides");
  const auto mask = [&](std::string_view name, std::size_t i) { return i < 63 && (call.attributes.integer(name) >> i & 1) != 0; };
  if (begin.size() != end.size() || begin.size() != stride.size()) throw ImportError("begin, end and strides differ in length");
  std::size_t taken = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) taken += mask("new_axis_mask", i) || mask("ellipsis_mask", i) ? 0 : 1;
  if (taken > x->shape.size()) throw ImportError("it slices " + std::to_string(taken) + " axes of the shape " + text_of(x->shape));
  std::vector<Emitter::Range> ranges;
  std::vector<std::int32_t> gone, added;  // axes of x to drop; places of the result to add one
  std::int32_t place = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (mask("ellipsis_mask", i)) {
      for (std::size_t n = x->shape.size() - taken; n > 0; --n, ++place) ranges.emplace_back();
    } else if (mask("new_axis_mask", i)) {
      added.push_back(place++);
    } else if (mask("shrink_axis_mask", i)) {
      gone.push_back(static_cast<std::int32_t>(ranges.size()));
      const std::optional<std::int32_t> behind =
          begin[i] == -1 || begin[i] == std::numeric_limits<std::int32_t>::max() ? std::nullopt : std::optional(begin[i] + 1);
      ranges.push_back({begin[i], behind, 1});
    } else {
      Emitter::Range range;
      range.stride = stride[i];
      if (!mask("begin_mask", i)) range.begin = begin[i];
      if (!mask("end_mask", i)) range.end = end[i];
      ranges.push_back(range);
      ++place;
    }
  }
  ranges.resize(x->shape.size());
  Tensor* y = call.emit.strided_slice(x, ranges);
  if (!gone.empty()) y = call.emit.squeeze(y, gone);
  for (const std::int32_t at : added) y = call.emit.expand_dims(y, at);
  return {y};
}

Values slice(const TfCall& call) { return {call.emit.slice(call.tensor(0), call.integers(1, "begin"), call.integers(2, "size"))}; }

std::vector<Border> borders(const TfCall& call) {
  const std::vector<std::int32_t> values = call.integers(1, "paddings");
  std::vector<Border> result;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) result.push_back({values[i], values[i + 1]});
  return result;
}

Values pad(const TfCall& call) {
  if (call.inputs.size() < 3) return {call.emit.pad(call.tensor(0), borders(call))};
  return {call.emit.pad(call.tensor(0), borders(call), floats_of(call.constant(2, "constant_values")).at(0))};
}

Values mirror_pad(const TfCall& call) {
  return {call.emit.mirror_pad(call.tensor(0), borders(call), call.attributes.text("mode") == "SYMMETRIC" ? "SYMMETRIC" : "REFLECT")};
}

Values shape_of(const TfCall& call) { return {call.emit.shape_of(call.tensor(0), tf_type(call.attributes.integer("out_type", 3)))}; }

Values rank_of(const TfCall& call) {
  return {call.emit.constant(literal_of(TensorType::int32, {}, std::vector<std::int64_t>{call.tensor(0)->rank()}), "rank")};
}

Values fill(const TfCall& call) {
  const Shape shape = Emitter::target_shape(call.tensor(0));
  Tensor* value = call.tensor(1);
  return {call.emit.add(FILL, {call.tensor(0), value}, value->type, shape)};
}

Values range(const TfCall& call) {
  const std::int64_t first = call.integers(0, "start").at(0), last = call.integers(1, "limit").at(0),
                     step = call.integers(2, "delta").at(0);
  if (!is_integral(call.tensor(0)->type) || step == 0) throw ImportError("only ranges of integers are supported");
  std::vector<std::int64_t> values;
  for (std::int64_t v = first; step > 0 ? v < last : v > last; v += step) {
    if (values.size() > (1 << 24)) throw ImportError("the range is too long");
    values.push_back(v);
  }
  return {call.emit.constant(literal_of(call.tensor(0)->type, {static_cast<std::int32_t>(values.size())}, values), "range")};
}

Values gather(const TfCall& call) {
  Tensor *x = call.tensor(0), *indices = call.tensor(1);
  const int axis = call.inputs.size() > 2 ? checked_axis(call.integers(2, "axis").at(0), x->rank()) : 0;
  const std::int64_t batch = call.attributes.integer("batch_dims");
  if (x->rank() < 1 || batch < 0 || batch > axis || batch > indices->rank())
    throw ImportError("batch_dims of " + std::to_string(batch) + " doesn't fit the shapes");
  return {call.emit.gather(x, indices, axis, static_cast<int>(batch))};
}

Values gather_nd(const TfCall& call) {
  Tensor *x = call.tensor(0), *indices = call.tensor(1);
  if (indices->rank() < 1) throw ImportError("the indices are a scalar");
  const std::int32_t depth = Emitter::known(indices, indices->rank() - 1, "GatherNd");
  if (depth > x->rank()) throw ImportError("indices of the shape " + text_of(indices->shape) + " don't fit " + text_of(x->shape));
  Shape shape(indices->shape.begin(), indices->shape.end() - 1);
  shape.insert(shape.end(), x->shape.begin() + depth, x->shape.end());
  return {call.emit.add(GATHER_ND, {x, indices}, x->type, shape)};
}

Values tile(const TfCall& call) { return {call.emit.tile(call.tensor(0), call.integers(1, "multiples"))}; }

Values broadcast_to(const TfCall& call) {
  Tensor* x = call.tensor(0);
  const Shape shape = Emitter::target_shape(call.tensor(1));
  if (shape == x->shape) return {x};
  return {call.emit.add(BROADCAST_TO, {x, call.tensor(1)}, x->type, broadcast(x->shape, shape))};
}

Values reverse(const TfCall& call) {
  Tensor* x = call.tensor(0);
  for (const std::int32_t axis : call.integers(1, "axis")) x = call.emit.reverse(x, checked_axis(axis, x->rank()));
  return {x};
}

Values one_hot(const TfCall& call) {
  Tensor* indices = call.tensor(0);
  Shape shape = indices->shape;
  const std::int64_t axis = call.attributes.integer("axis", -1);
  shape.insert(shape.begin() + checked_axis(axis, indices->rank() + 1), checked_dim(call.integers(1, "depth").at(0)));
  return {call.emit.add(ONE_HOT, call.tensors(), call.tensor(2)->type, shape, {{"axis", axis}})};
}

/// Sizes of the spatial axes after blocks moved from them to the batch (or back).
Values space_batch(const TfCall& call) {
  const bool to_batch = call.op == "SpaceToBatchND";
  Tensor* x = call.tensor(0);
  const std::vector<std::int32_t> blocks = call.integers(1, "block_shape"), edges = call.integers(2, to_batch ? "paddings" : "crops");
  if (blocks.size() + 1 > x->shape.size() || edges.size() != 2 * blocks.size())
    throw ImportError("the block's shape doesn't fit " + text_of(x->shape));
  Shape shape = x->shape;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i] < 1) throw ImportError("a block size is not positive");
    const std::int64_t edge = std::int64_t{edges[2 * i]} + edges[2 * i + 1];
    if (shape[0] >= 0) shape[0] = to_batch ? checked_dim(std::int64_t{shape[0]} * blocks[i]) : shape[0] / blocks[i];
    if (shape[i + 1] >= 0)
      shape[i + 1] = to_batch ? checked_dim((shape[i + 1] + edge) / blocks[i]) : checked_dim(std::int64_t{shape[i + 1]} * blocks[i] - edge);
  }
  return {call.emit.add(to_batch ? SPACE_TO_BATCH_ND : BATCH_TO_SPACE_ND, call.tensors(), x->type, shape)};
}

Values space_depth(const TfCall& call) {
  const bool to_depth = call.op == "SpaceToDepth";
  Tensor* x = call.tensor(0);
  Emitter::want_rank(x, 4);
  const std::int64_t block = call.attributes.integer("block_size");
  if (block < 1 || block > 1024 || call.channels_first()) throw ImportError("its block size or data format is not supported");
  const auto b = static_cast<std::int32_t>(block);
  Shape shape = x->shape;
  for (std::size_t i = 1; i < 3; ++i) {
    if (shape[i] >= 0) shape[i] = to_depth ? shape[i] / b : checked_dim(std::int64_t{shape[i]} * b);
  }
  if (shape[3] >= 0) shape[3] = to_depth ? checked_dim(std::int64_t{shape[3]} * b * b) : shape[3] / (b * b);
  return {call.emit.add(to_depth ? SPACE_TO_DEPTH : DEPTH_TO_SPACE, {x}, x->type, shape, {{"block_size", block}})};
}

}  // namespace

std::vector<TfOperatorEntry> tf_shape_operators() {
  return {{"Identity", identity},
          {"IdentityN", identity},
          {"Snapshot", identity},
          {"StopGradient", identity},
          {"PreventGradient", identity},
          {"CheckNumerics", identity},
          {"EnsureShape", identity},
          {"Reshape", reshape},
          {"Squeeze", squeeze},
          {"ExpandDims", expand_dims},
          {"Transpose", transpose},
          {"Concat", concat},
          {"ConcatV2", concat},
          {"Pack", pack},
          {"Unpack", unpack},
          {"Split", split},
          {"SplitV", split_v},
          {"StridedSlice", strided_slice},
          {"Slice", slice},
          {"Pad", pad},
          {"PadV2", pad},
          {"MirrorPad", mirror_pad},
          {"Shape", shape_of},
          {"Rank", rank_of},
          {"Fill", fill},
          {"Range", range},
          {"Gather", gather},
          {"GatherV2", gather},
          {"GatherNd", gather_nd},
          {"Tile", tile},
          {"BroadcastTo", broadcast_to},
          {"ReverseV2", reverse},
          {"OneHot", one_hot},
          {"SpaceToBatchND", space_batch},
          {"BatchToSpaceND", space_batch},
          {"SpaceToDepth", space_depth},
          {"DepthToSpace", space_depth}};
}

}  // namespace tfl::converter
