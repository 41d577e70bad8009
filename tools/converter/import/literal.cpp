// needs: exceptions
#include "tools/converter/import/literal.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "tfl/core/float16.hpp"
#include "tools/converter/import/import_error.hpp"
#include "tools/converter/import/relayout.hpp"

namespace tfl::converter {

using enum BuiltinOperator;

namespace {

using Shape = std::vector<std::int32_t>;

/// Calls the body with the constant's elements; false for types that are no plain numbers.
template <class F> bool with_values(const Tensor& c, F&& body) {
  switch (c.type) {
    case TensorType::float32: body(c.values<float>()); return true;
    case TensorType::float64: body(c.values<double>()); return true;
    case TensorType::float16: body(c.values<Float16>()); return true;
    case TensorType::bfloat16: body(c.values<BFloat16>()); return true;
    case TensorType::int8: body(c.values<std::int8_t>()); return true;
    case TensorType::uint8: body(c.values<std::uint8_t>()); return true;
    case TensorType::int16: body(c.values<std::int16_t>()); return true;
    case TensorType::uint16: body(c.values<std::uint16_t>()); return true;
    case TensorType::int32: body(c.values<std::int32_t>()); return true;
    case TensorType::uint32: body(c.values<std::uint32_t>()); return true;
    case TensorType::int64: body(c.values<std::int64_t>()); return true;
    case TensorType::uint64: body(c.values<std::uint64_t>()); return true;
    case TensorType::boolean: body(c.values<std::uint8_t>()); return true;
    default: return false;
  }
}

[[noreturn]] void refuse(TensorType type) {
  throw ImportError(std::string("constants of the type ") + name_of(type) + " can't be used here");
}

template <class T> float as_float(T value) {
  if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<float>(value);
  } else {
    return to_float(value);
  }
}

std::int64_t clamp_to_integer(double value) {
  if (std::isnan(value)) return 0;
  if (value >= 9.2e18) return std::numeric_limits<std::int64_t>::max();
  if (value <= -9.2e18) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

template <class T, class V> std::shared_ptr<const Bytes> data_of(const std::vector<V>& values) {
  std::vector<T> result;
  result.reserve(values.size());
  for (const V v : values) {
    if constexpr (std::is_integral_v<T> && std::is_floating_point_v<V>) {
      result.push_back(static_cast<T>(clamp_to_integer(v)));
    } else {
      result.push_back(static_cast<T>(v));
    }
  }
  return make_data(std::span<const T>(result));
}

template <class V> Literal make_literal(TensorType type, Shape shape, const std::vector<V>& values) {
  std::shared_ptr<const Bytes> data;
  switch (type) {
    case TensorType::float32: data = data_of<float>(values); break;
    case TensorType::float64: data = data_of<double>(values); break;
    case TensorType::int8: data = data_of<std::int8_t>(values); break;
    case TensorType::uint8: data = data_of<std::uint8_t>(values); break;
    case TensorType::int16: data = data_of<std::int16_t>(values); break;
    case TensorType::int32: data = data_of<std::int32_t>(values); break;
    case TensorType::uint32: data = data_of<std::uint32_t>(values); break;
    case TensorType::int64: data = data_of<std::int64_t>(values); break;
    case TensorType::boolean: {
      Bytes bytes;
      for (const V v : values) bytes.push_back(v != V{} ? 1 : 0);
      data = std::make_shared<const Bytes>(std::move(bytes));
      break;
    }
    default: refuse(type);
  }
  return {type, std::move(shape), std::move(data)};
}

constexpr std::int64_t most_computed = std::int64_t{1} << 20;

std::int64_t count_of(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int32_t d : shape) {
    if (d < 0 || (d != 0 && count > (std::int64_t{1} << 40) / d)) return -1;
    count *= d;
  }
  return count;
}

/// For every element of a result the element of an operand that broadcasts to it.
std::vector<std::size_t> broadcast_indices(const Shape& operand, const Shape& result) {
  std::vector<std::size_t> indices(static_cast<std::size_t>(count_of(result)));
  std::vector<std::size_t> steps(result.size(), 0), index(result.size(), 0);
  std::size_t step = 1;
  for (std::size_t i = operand.size(); i-- > 0;) {
    steps[i + result.size() - operand.size()] = operand[i] == 1 ? 0 : step;
    step *= static_cast<std::size_t>(operand[i]);
  }
  std::size_t from = 0;
  for (std::size_t& to : indices) {
    to = from;
    for (std::size_t axis = result.size(); axis-- > 0;) {
      from += steps[axis];
      if (++index[axis] < static_cast<std::size_t>(result[axis])) break;
      from -= steps[axis] * static_cast<std::size_t>(result[axis]);
      index[axis] = 0;
    }
  }
  return indices;
}

bool is_comparison(BuiltinOperator code) {
  return code == EQUAL || code == NOT_EQUAL || code == LESS || code == LESS_EQUAL || code == GREATER || code == GREATER_EQUAL;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

/// nullopt: not computed here. Integers wrap as they do in an operator.
template <class T> std::optional<T> binary(BuiltinOperator code, T a, T b) {
  const auto wrap = [](auto operation, std::int64_t x, std::int64_t y) {
    return static_cast<std::int64_t>(operation(static_cast<std::uint64_t>(x), static_cast<std::uint64_t>(y)));
  };
  constexpr bool integral = std::is_integral_v<T>;
  if constexpr (integral) {
    if (a == unknown_size || b == unknown_size) {
      if (is_comparison(code)) return std::nullopt;
      return unknown_size;
    }
  }
  switch (code) {
    case ADD:
      if constexpr (integral) return wrap([](auto x, auto y) { return x + y; }, a, b);
      return static_cast<T>(a + b);
    case SUB:
      if constexpr (integral) return wrap([](auto x, auto y) { return x - y; }, a, b);
      return static_cast<T>(a - b);
    case MUL:
      if constexpr (integral) return wrap([](auto x, auto y) { return x * y; }, a, b);
      return static_cast<T>(a * b);
    case DIV:
      if constexpr (integral) {
        if (b == 0 || b == -1) return b == 0 ? std::nullopt : std::optional<T>(wrap([](auto x, auto) { return 0 - x; }, a, b));
      }
      return static_cast<T>(a / b);
    case FLOOR_DIV:
      if constexpr (integral) {
        if (b == 0 || b == -1) return b == 0 ? std::nullopt : std::optional<T>(wrap([](auto x, auto) { return 0 - x; }, a, b));
        return floor_divide(a, b);
      } else {
        return static_cast<T>(std::floor(a / b));
      }
    case FLOOR_MOD:
      if constexpr (integral) {
        if (b == 0) return std::nullopt;
        if (b == -1) return T{0};
        return a - floor_divide(a, b) * b;
      }
      return std::nullopt;
    case MAXIMUM: return std::max(a, b);
    case MINIMUM: return std::min(a, b);
    case EQUAL: return static_cast<T>(a == b);
    case NOT_EQUAL: return static_cast<T>(a != b);
    case LESS: return static_cast<T>(a < b);
    case LESS_EQUAL: return static_cast<T>(a <= b);
    case GREATER: return static_cast<T>(a > b);
    case GREATER_EQUAL: return static_cast<T>(a >= b);
    case POW:
      if constexpr (integral) return std::nullopt;
      return static_cast<T>(std::pow(static_cast<double>(a), static_cast<double>(b)));
    default: return std::nullopt;
  }
}

template <class T>
std::optional<Literal> fold_binary(BuiltinOperator code, const Tensor& a, const Tensor& b, const std::vector<T>& x, const std::vector<T>& y,
                                   TensorType type, const Shape& shape) {
  const auto from_a = broadcast_indices(a.shape, shape), from_b = broadcast_indices(b.shape, shape);
  std::vector<T> result;
  result.reserve(from_a.size());
  for (std::size_t i = 0; i < from_a.size(); ++i) {
    const std::optional<T> value = binary(code, x[from_a[i]], y[from_b[i]]);
    if (!value) return std::nullopt;
    result.push_back(*value);
  }
  return literal_of(type, shape, result);
}

std::optional<float> unary(BuiltinOperator code, float x) {
  switch (code) {
    case NEG: return -x;
    case ABS: return std::fabs(x);
    case SQRT: return std::sqrt(x);
    case RSQRT: return 1 / std::sqrt(x);
    case EXP: return std::exp(x);
    case LOG: return std::log(x);
    case FLOOR: return std::floor(x);
    case CEIL: return std::ceil(x);
    case SQUARE: return x * x;
    default: return std::nullopt;
  }
}

/// Copies of whole runs of an operand's elements: what gathers, joins and cuts, for any type.
std::optional<Literal> fold_move(const Operation& operation, std::span<Tensor* const> inputs, TensorType type, const Shape& shape,
                                 const Attributes& attributes) {
  const auto at = [](const Shape& s, std::size_t begin, std::size_t end) {
    std::size_t product = 1;
    for (std::size_t i = begin; i < end; ++i) product *= static_cast<std::size_t>(s[i]);
    return product;
  };
  const Tensor& x = *inputs[0];
  const std::size_t size = element_bytes(type);
  Bytes bytes;
  const auto copy = [&](const Tensor& source, std::size_t first, std::size_t count) {
    const auto begin = source.data->begin() + static_cast<std::ptrdiff_t>(first * size);
    bytes.insert(bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(count * size));
  };
  if (operation.is(CONCATENATION) || operation.is(PACK)) {
    const bool stacked = operation.is(PACK);
    const auto axis = static_cast<std::size_t>(attributes.integer("axis"));
    const std::size_t outer = at(shape, 0, axis);
    for (std::size_t o = 0; o < outer; ++o) {
      for (const Tensor* part : inputs) {
        const std::size_t run = at(part->shape, axis, part->shape.size());
        if (stacked || part->shape.size() == shape.size()) copy(*part, o * run, run);
      }
    }
  } else if (operation.is(GATHER)) {
    if (attributes.integer("batch_dims") != 0) return std::nullopt;
    const auto axis = static_cast<std::size_t>(attributes.integer("axis"));
    const std::size_t outer = at(x.shape, 0, axis), inner = at(x.shape, axis + 1, x.shape.size());
    const auto length = static_cast<std::int64_t>(x.shape[axis]);
    const std::vector<std::int64_t> indices = integers_of(*inputs[1]);
    for (std::size_t o = 0; o < outer; ++o) {
      for (const std::int64_t i : indices) {
        if (i < 0 || i >= length) return std::nullopt;
        copy(x, (o * static_cast<std::size_t>(length) + static_cast<std::size_t>(i)) * inner, inner);
      }
    }
  } else if (operation.is(STRIDED_SLICE) || operation.is(SLICE)) {
    const std::size_t rank = x.shape.size();
    const std::vector<std::int64_t> begins = integers_of(*inputs[1]);
    const std::vector<std::int64_t> strides = operation.is(SLICE) ? std::vector<std::int64_t>(rank, 1) : integers_of(*inputs[3]);
    const std::int64_t mask = attributes.integer("begin_mask");
    if (rank == 0 || begins.size() != rank || strides.size() != rank || shape.size() != rank || mask >> rank != 0 || count_of(shape) < 0 ||
        attributes.integer("shrink_axis_mask") != 0 || attributes.integer("ellipsis_mask") != 0 ||
        attributes.integer("new_axis_mask") != 0) {
      return std::nullopt;
    }
    // The first element on every axis, and the elements between two steps.
    std::vector<std::int64_t> steps(rank), index(rank, 0);
    std::int64_t from = 0, step = 1;
    for (std::size_t axis = rank; axis-- > 0;) {
      const std::int64_t size = x.shape[axis];
      std::int64_t begin = begins[axis];
      if ((mask >> axis & 1) != 0) begin = strides[axis] > 0 ? 0 : size - 1;
      if (begin < 0) begin += size;
      begin = std::clamp<std::int64_t>(begin, 0, std::max<std::int64_t>(size - 1, 0));
      const std::int64_t last = begin + (shape[axis] - 1) * strides[axis];
      if (shape[axis] > 0 && (last < 0 || last >= size)) return std::nullopt;
      from += begin * step;
      steps[axis] = strides[axis] * step;
      step *= size;
    }
    for (std::int64_t i = 0; i < count_of(shape); ++i) {
      copy(x, static_cast<std::size_t>(from), 1);
      for (std::size_t axis = rank; axis-- > 0;) {
        from += steps[axis];
        if (++index[axis] < shape[axis]) break;
        from -= steps[axis] * shape[axis];
        index[axis] = 0;
      }
    }
  } else if (operation.is(BROADCAST_TO) || operation.is(FILL)) {
    const Tensor& value = operation.is(FILL) ? *inputs[1] : x;
    for (const std::size_t from : broadcast_indices(value.shape, shape)) copy(value, from, 1);
  } else {
    return std::nullopt;
  }
  if (bytes.size() != static_cast<std::size_t>(count_of(shape)) * size) return std::nullopt;
  return Literal{type, shape, std::make_shared<const Bytes>(std::move(bytes))};
}

}  // namespace

std::vector<float> floats_of(const Tensor& c) {
  std::vector<float> result;
  const bool known = with_values(c, [&](const auto& values) {
    result.reserve(values.size());
    for (const auto v : values) result.push_back(as_float(v));
  });
  if (!known) refuse(c.type);
  return result;
}

std::vector<std::int64_t> integers_of(const Tensor& c) {
  std::vector<std::int64_t> result;
  const bool known = with_values(c, [&](const auto& values) {
    result.reserve(values.size());
    for (const auto v : values) {
      if constexpr (std::is_integral_v<std::remove_cvref_t<decltype(v)>>) {
        result.push_back(static_cast<std::int64_t>(v));
      } else {
        result.push_back(clamp_to_integer(static_cast<double>(as_float(v))));
      }
    }
  });
  if (!known) refuse(c.type);
  return result;
}

Literal literal_of(TensorType type, Shape shape, const std::vector<float>& values) { return make_literal(type, std::move(shape), values); }
Literal literal_of(TensorType type, Shape shape, const std::vector<std::int64_t>& values) {
  return make_literal(type, std::move(shape), values);
}

bool is_integral(TensorType type) {
  switch (type) {
    case TensorType::int8:
    case TensorType::uint8:
    case TensorType::int16:
    case TensorType::uint16:
    case TensorType::int32:
    case TensorType::uint32:
    case TensorType::int64:
    case TensorType::uint64:
    case TensorType::boolean: return true;
    default: return false;
  }
}

std::size_t element_bytes(TensorType type) {
  const int bits = bits_of(type);
  if (bits < 8) refuse(type);
  return static_cast<std::size_t>(bits) / 8;
}

Literal permuted_literal(const Tensor& c, const std::vector<std::int32_t>& permutation) {
  Shape shape;
  for (const std::int32_t axis : permutation) shape.push_back(c.shape[static_cast<std::size_t>(axis)]);
  const auto move = [&]<class T>(T) {
    const auto values = c.values<T>();
    return make_data(std::span<const T>(permuted(std::vector<T>(values.begin(), values.end()), c.shape, permutation)));
  };
  std::shared_ptr<const Bytes> data;
  switch (element_bytes(c.type)) {
    case 1: data = move(std::uint8_t{}); break;
    case 2: data = move(std::uint16_t{}); break;
    case 4: data = move(std::uint32_t{}); break;
    case 8: data = move(std::uint64_t{}); break;
    default: refuse(c.type);
  }
  return {c.type, std::move(shape), std::move(data)};
}

std::optional<Literal> fold(const Operation& operation, std::span<Tensor* const> inputs, TensorType type, const Shape& shape,
                            const Attributes& attributes) {
  if (operation.is_source() || inputs.empty() || std::any_of(inputs.begin(), inputs.end(), [](const Tensor* t) {
        return t == nullptr || !t->is_constant() || t->quantization.present();
      }))
    return std::nullopt;
  const Tensor& x = *inputs[0];
  const std::int64_t count = count_of(shape);
  if (count < 0 || bits_of(type) < 8 || bits_of(x.type) < 8) return std::nullopt;
  // Weights in another order or type.
  if (operation.is(RESHAPE) || operation.is(SQUEEZE) || operation.is(EXPAND_DIMS)) return Literal{type, shape, x.data};
  if (operation.is(TRANSPOSE)) {
    std::vector<std::int32_t> permutation;
    for (const std::int64_t axis : integers_of(*inputs[1])) permutation.push_back(static_cast<std::int32_t>(axis));
    return permuted_literal(x, permutation);
  }
  if (count > most_computed && !operation.is(CAST)) return std::nullopt;
  if (operation.is(CAST)) {
    if (type == TensorType::float16 || type == TensorType::bfloat16 || bits_of(type) < 8) return std::nullopt;
    return is_integral(x.type) && is_integral(type) ? literal_of(type, shape, integers_of(x)) : literal_of(type, shape, floats_of(x));
  }
  const bool integral = is_integral(x.type);
  if (!integral && x.type != TensorType::float32) return fold_move(operation, inputs, type, shape, attributes);
  if (auto moved = fold_move(operation, inputs, type, shape, attributes)) return moved;
  if (inputs.size() == 1) {
    if (integral && !operation.is(NEG)) return std::nullopt;
    if (integral) {
      std::vector<std::int64_t> values = integers_of(x);
      for (std::int64_t& v : values) v = v == unknown_size ? v : static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(v));
      return literal_of(type, shape, values);
    }
    std::vector<float> values = floats_of(x);
    for (float& v : values) {
      const std::optional<float> value = unary(operation.code(), v);
      if (!value) return std::nullopt;
      v = *value;
    }
    return literal_of(type, shape, values);
  }
  if (operation.is(SELECT_V2) && inputs.size() == 3) {
    const Tensor &a = *inputs[1], &b = *inputs[2];
    const std::vector<std::int64_t> condition = integers_of(x);
    const auto from_x = broadcast_indices(x.shape, shape), from_a = broadcast_indices(a.shape, shape),
               from_b = broadcast_indices(b.shape, shape);
    if (is_integral(type)) {
      const std::vector<std::int64_t> va = integers_of(a), vb = integers_of(b);
      std::vector<std::int64_t> result;
      for (std::size_t i = 0; i < from_x.size(); ++i) result.push_back(condition[from_x[i]] != 0 ? va[from_a[i]] : vb[from_b[i]]);
      return literal_of(type, shape, result);
    }
    const std::vector<float> va = floats_of(a), vb = floats_of(b);
    std::vector<float> result;
    for (std::size_t i = 0; i < from_x.size(); ++i) result.push_back(condition[from_x[i]] != 0 ? va[from_a[i]] : vb[from_b[i]]);
    return literal_of(type, shape, result);
  }
  if (operation.is(REDUCE_PROD) || operation.is(SUM)) {
    // Of shapes: all elements.
    if (!integral || count != 1) return std::nullopt;
    std::int64_t total = operation.is(SUM) ? 0 : 1;
    for (const std::int64_t v : integers_of(x)) {
      const auto next = binary<std::int64_t>(operation.is(SUM) ? ADD : MUL, total, v);
      total = next.value_or(0);
    }
    return literal_of(type, shape, std::vector<std::int64_t>{total});
  }
  if (inputs.size() != 2 || inputs[1]->type != x.type) return std::nullopt;
  if (integral) return fold_binary(operation.code(), x, *inputs[1], integers_of(x), integers_of(*inputs[1]), type, shape);
  return fold_binary(operation.code(), x, *inputs[1], floats_of(x), floats_of(*inputs[1]), type, shape);
}

}  // namespace tfl::converter
