// archs: none
// REDUCE_WINDOW and STABLEHLO_REDUCE_WINDOW against loops that build every window; STABLEHLO_SCATTER. The last two name their function by a
// subgraph.

#include "tfl/kernels/reduce_window.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/single_op.hpp"
#include "tfl/kernels/stablehlo_scatter.hpp"
#include "tfl/model/builder.hpp"
#include "tfl/runtime/interpreter.hpp"

namespace {

using tfl::BuiltinOperator;
using tfl::Shape;
using tfl::TensorType;
using tfl::schema::ReduceWindowFunction;
using Longs = std::vector<std::int64_t>;

struct Window {
  Longs window, strides, dilations, gaps, borders;  // borders: before and after, in turn
};

std::int64_t product(const Longs& dims) {
  std::int64_t n = 1;
  for (const std::int64_t d : dims) n *= d;
  return n;
}
/// Index number i of a tensor with these dimensions.
Longs index_of(std::int64_t i, const Longs& dims) {
  Longs at(dims.size());
  for (std::size_t d = dims.size(); d-- > 0;) {
    at[d] = i % dims[d];
    i /= dims[d];
  }
  return at;
}
std::int64_t offset_of(const Longs& at, const Longs& dims) {
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) offset = offset * dims[d] + at[d];
  return offset;
}

/// Gaps and borders are made first, then windows are cut.
template <class T, class F>
std::vector<T> reference(const std::vector<T>& in, const Longs& dims, T initial, const Window& w, F f, Longs& out_dims) {
  Longs padded(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) padded[d] = (dims[d] - 1) * w.gaps[d] + 1 + w.borders[2 * d] + w.borders[2 * d + 1];
  std::vector<T> all(static_cast<std::size_t>(product(padded)), initial);
  for (std::int64_t i = 0; i < product(dims); ++i) {
    Longs at = index_of(i, dims);
    bool inside = true;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      at[d] = at[d] * w.gaps[d] + w.borders[2 * d];
      inside = inside && at[d] >= 0 && at[d] < padded[d];
    }
    if (inside) all[static_cast<std::size_t>(offset_of(at, padded))] = in[static_cast<std::size_t>(i)];
  }
  out_dims.clear();
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const std::int64_t extent = (w.window[d] - 1) * w.dilations[d] + 1;
    out_dims.push_back(padded[d] < extent ? 0 : (padded[d] - extent) / w.strides[d] + 1);
  }
  std::vector<T> out;
  for (std::int64_t o = 0; o < product(out_dims); ++o) {
    const Longs start = index_of(o, out_dims);
    T result = initial;
    for (std::int64_t tap = 0; tap < product(w.window); ++tap) {
      Longs at = index_of(tap, w.window);
      for (std::size_t d = 0; d < dims.size(); ++d) at[d] = start[d] * w.strides[d] + at[d] * w.dilations[d];
      result = f(result, all[static_cast<std::size_t>(offset_of(at, padded))]);
    }
    out.push_back(result);
  }
  return out;
}

template <class T> std::vector<T> random_values(std::size_t count, std::mt19937& random) {
  std::vector<T> values(count);
  for (T& v : values) v = static_cast<T>(static_cast<int>(random() % 40) - (std::is_unsigned_v<T> ? 0 : 20));
  return values;
}
std::vector<std::int32_t> narrow(const Longs& dims) { return {dims.begin(), dims.end()}; }

template <class T, class F> void reduces(const Longs& dims, const Window& w, ReduceWindowFunction function, F f) {
  std::mt19937 random(11);
  const auto in = random_values<T>(static_cast<std::size_t>(product(dims)), random);
  const T initial = static_cast<T>(3);
  Longs out_dims;
  const std::vector<T> want = reference(in, dims, initial, w, f, out_dims);
  tfl::test::SingleOp<tfl::ReduceWindow> op;
  op.input<T>(narrow(dims), in);
  op.input<T>({}, {initial});
  const auto rank = static_cast<std::int32_t>(dims.size());
  op.constant<std::int64_t>({rank}, w.window);
  op.constant<std::int64_t>({rank}, w.strides);
  op.constant<std::int64_t>({rank}, w.dilations);
  op.output<T>();
  op.options([&](auto& tables) { return tfl::schema::CreateReduceWindowOptions(tables, function); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.values<T>(), want);
  EXPECT_EQ(op.shape(), Shape::from(narrow(out_dims)));
}

TEST(ReduceWindow, EveryFunctionAndType) {
  const Window w{{2, 3}, {2, 1}, {1, 2}, {1, 1}, {0, 0, 0, 0}};
  const Longs dims{7, 9};
  reduces<float>(dims, w, ReduceWindowFunction::ADD, [](float a, float b) { return a + b; });
  reduces<std::int32_t>(dims, w, ReduceWindowFunction::MUL, [](std::int32_t a, std::int32_t b) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
  });
  reduces<std::int8_t>(dims, w, ReduceWindowFunction::MINIMUM, [](auto a, auto b) { return a <= b ? a : b; });
  reduces<std::uint16_t>(dims, w, ReduceWindowFunction::MAXIMUM, [](auto a, auto b) { return a >= b ? a : b; });
  reduces<std::int64_t>(dims, w, ReduceWindowFunction::ALL, [](auto a, auto b) { return static_cast<std::int64_t>(a != 0 && b != 0); });
  reduces<std::uint8_t>(dims, w, ReduceWindowFunction::ANY, [](auto a, auto b) { return static_cast<std::uint8_t>(a != 0 || b != 0); });
  reduces<double>({3, 2, 2, 1, 3}, {{1, 2, 1, 1, 2}, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 2}, {1, 1, 1, 1, 1}, Longs(10)},
                  ReduceWindowFunction::ADD, [](double a, double b) { return a + b; });
  reduces<float>({3}, {{4}, {1}, {1}, {1}, {0, 0}}, ReduceWindowFunction::ADD, [](float a, float b) { return a + b; });  // no window fits
}

TEST(ReduceWindow, RefusesWindowsWithoutSize) {
  for (const auto& [window, stride] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, 0}, {std::int64_t{1} << 40, 1}, {-1, 1}}) {
    tfl::test::SingleOp<tfl::ReduceWindow> op;
    op.input<float>({2}, {1, 2});
    op.input<float>({}, {0});
    op.constant<std::int64_t>({1}, {window});
    op.constant<std::int64_t>({1}, {stride});
    op.constant<std::int64_t>({1}, {1});
    op.output<float>();
    op.options([&](auto& tables) { return tfl::schema::CreateReduceWindowOptions(tables, ReduceWindowFunction::ADD); });
    EXPECT_NE(op.run().find("must be positive"), std::string::npos);
  }
}

/// A node with a subgraph of `body` (none: empty) behind it.
template <class Op> class RegionModel {
 public:
  tfl::ModelBuilder builder;
  std::vector<std::int32_t> inputs;

  explicit RegionModel(std::vector<BuiltinOperator> body) {
    const int main = builder.begin_subgraph("main");
    builder.begin_subgraph("body");
    const int a = builder.add_tensor({.name = "a", .type = TensorType::float32}),
              b = builder.add_tensor({.name = "b", .type = TensorType::float32});
    int last = b;
    for (const BuiltinOperator code : body) {
      const int y = builder.add_tensor({.name = "y", .type = TensorType::float32});
      builder.add_operator(code, {a, last}, {y});
      last = y;
    }
    builder.set_inputs({a, b});
    builder.set_outputs({last});
    builder.select_subgraph(main);
  }
  int tensor(std::vector<std::int32_t> shape, TensorType type = TensorType::float32) {
    return builder.add_tensor({.name = "t", .type = type, .shape = std::move(shape)});
  }
  template <class T> int constant(std::vector<std::int32_t> shape, const std::vector<T>& values) {
    return builder.add_constant({.name = "c", .shape = std::move(shape)}, values);
  }
  /// Runs a node on constants, whose result is then known at once; "" or the error.
  template <class Make> std::string run(std::vector<std::int32_t> tensors, TensorType type, Make options) {
    const int y = tensor({}, type);
    builder.add_operator(Op::code, std::move(tensors), {y}, options);
    builder.set_inputs({});
    builder.set_outputs({y});
    const std::vector<std::uint8_t> file = builder.finish();
    auto model = tfl::Model::from_copy(std::as_bytes(std::span(file)));
    if (!model) return std::string(model.message());
    auto interpreter = tfl::Interpreter<tfl::OpRegistry<Op>>::create(*model);
    if (!interpreter) return std::string(interpreter.message());
    if (auto r = interpreter->invoke(); !r) return std::string(r.message());
    auto out = interpreter->template output<std::byte>(0);
    bytes.assign(out->begin(), out->end());
    shape = out->shape();
    return {};
  }
  template <class T> std::vector<T> values() const {
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }
  Shape shape;

 private:
  std::vector<std::byte> bytes;
};

auto window_options(const Window& w) {
  return [w](flatbuffers::FlatBufferBuilder& tables) {
    return tfl::schema::CreateStablehloReduceWindowOptionsDirect(tables, &w.window, &w.strides, &w.gaps, &w.dilations, &w.borders, 1);
  };
}

TEST(StablehloReduceWindow, GapsAndBordersHoldTheInitialValue) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    const std::size_t rank = 1 + random() % 3;
    Longs dims(rank);
    Window w{Longs(rank), Longs(rank), Longs(rank), Longs(rank), Longs(2 * rank)};
    for (std::size_t d = 0; d < rank; ++d) {
      dims[d] = 3 + static_cast<std::int64_t>(random() % 4);
      w.window[d] = 1 + static_cast<std::int64_t>(random() % 3);
      w.strides[d] = 1 + static_cast<std::int64_t>(random() % 3);
      w.dilations[d] = 1 + static_cast<std::int64_t>(random() % 2);
      w.gaps[d] = 1 + static_cast<std::int64_t>(random() % 3);
      w.borders[2 * d] = static_cast<std::int64_t>(random() % 4) - 1;
      w.borders[2 * d + 1] = static_cast<std::int64_t>(random() % 4) - 1;
    }
    const auto in = random_values<std::int32_t>(static_cast<std::size_t>(product(dims)), random);
    const auto check = [&](BuiltinOperator code, auto f) {
      Longs out_dims;
      const auto want = reference(in, dims, 7, w, f, out_dims);
      RegionModel<tfl::StablehloReduceWindow> model({code});
      const int x = model.constant(narrow(dims), in), initial = model.constant<std::int32_t>({}, {7});
      ASSERT_EQ(model.run({x, initial}, TensorType::int32, window_options(w)), "");
      ASSERT_EQ(model.values<std::int32_t>(), want);
      ASSERT_EQ(model.shape, Shape::from(narrow(out_dims)));
    };
    check(BuiltinOperator::STABLEHLO_ADD, [](std::int32_t a, std::int32_t b) { return a + b; });
    check(BuiltinOperator::STABLEHLO_MULTIPLY, [](std::int32_t a, std::int32_t b) {
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
    });
    check(BuiltinOperator::STABLEHLO_MINIMUM, [](std::int32_t a, std::int32_t b) { return a < b ? a : b; });
    if (HasFatalFailure()) return;
  }
}

TEST(StablehloReduceWindow, BordersAndGapsTakeNoTime) {
  constexpr std::int64_t many = 1 << 30;
  RegionModel<tfl::StablehloReduceWindow> bordered({BuiltinOperator::STABLEHLO_ADD});
  int x = bordered.constant<std::int32_t>({3}, {5, 6, 7}), one = bordered.constant<std::int32_t>({}, {1});
  ASSERT_EQ(bordered.run({x, one}, TensorType::int32, window_options({{many}, {1}, {1}, {1}, {many - 1, 0}})), "");
  EXPECT_EQ(bordered.values<std::int32_t>(), (std::vector<std::int32_t>{many + 5, many - 1 + 11, many - 2 + 18}));
  RegionModel<tfl::StablehloReduceWindow> spread({BuiltinOperator::STABLEHLO_ADD});
  x = spread.constant<std::int32_t>({2}, {5, 6});
  one = spread.constant<std::int32_t>({}, {1});
  ASSERT_EQ(spread.run({x, one}, TensorType::int32, window_options({{many}, {1}, {1}, {many}, {0, 0}})), "");
  EXPECT_EQ(spread.values<std::int32_t>(), (std::vector<std::int32_t>{many + 5, many + 6}));
}

TEST(StablehloReduceWindow, RefusesWhatItCannotDo) {
  const auto error = [](std::vector<BuiltinOperator> body, const Window& w) {
    RegionModel<tfl::StablehloReduceWindow> model(std::move(body));
    const int x = model.constant<float>({2}, {1, 2}), initial = model.constant<float>({}, {0});
    return model.run({x, initial}, TensorType::float32, window_options(w));
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const Window fine{{1}, {1}, {1}, {1}, {0, 0}};
  EXPECT_EQ(error({BuiltinOperator::STABLEHLO_ADD}, fine), "");
  EXPECT_TRUE(has(error({}, fine), "must have a body, not subgraph 1"));
  EXPECT_TRUE(has(error({BuiltinOperator::SUB}, fine), "must have a body"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD, BuiltinOperator::ADD}, fine), "must have a body"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD}, {{1}, {1}, {1}, {1}, {-1, -1}}), "cuts off all of dimension 0"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD}, {{1}, {1}, {1}, {std::int64_t{1} << 31}, {0, 0}}), "must be positive"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD}, {{1}, {1}, {1}, {1 << 30}, {1 << 30, 1 << 30}}), "pass 2^31 - 1 elements"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD}, {{1}, {1}, {1}, {1}, {std::int64_t{1} << 62, 0}}), "does not fit 32 bits"));
  EXPECT_TRUE(has(error({BuiltinOperator::ADD}, {Longs(9, 1), {1}, {1}, {1}, {0, 0}}), "longer than 8 dimensions"));
}

struct Scatter {
  Longs update_window_dims{1}, inserted_window_dims{0}, scatter_dims{0};
  std::int64_t index_vector_dim = 1;
};
/// Rows of `updates` go to the rows of a [3, 2] tensor that the indices tell.
std::string scatter(RegionModel<tfl::StablehloScatter>& model, const std::vector<std::int64_t>& rows, const Scatter& s = {}) {
  const auto n = static_cast<std::int32_t>(rows.size());
  const int x = model.constant<float>({3, 2}, {1, 2, 3, 4, 5, 6}), indices = model.constant<std::int64_t>({n, 1}, rows);
  std::vector<float> updates;
  for (std::int32_t i = 0; i < 2 * n; ++i) updates.push_back(static_cast<float>(10 * (i + 1)));
  const int u = model.constant<float>({n, 2}, updates);
  return model.run({x, indices, u}, TensorType::float32, [&](auto& tables) {
    return tfl::schema::CreateStablehloScatterOptionsDirect(tables, false, &s.update_window_dims, &s.inserted_window_dims, &s.scatter_dims,
                                                            s.index_vector_dim, false, 1);
  });
}

TEST(StablehloScatter, PutsWindowsWhereIndicesTell) {
  RegionModel<tfl::StablehloScatter> replaces({});
  ASSERT_EQ(scatter(replaces, {2, 0}), "");
  EXPECT_EQ(replaces.values<float>(), (std::vector<float>{30, 40, 3, 4, 10, 20}));
  RegionModel<tfl::StablehloScatter> adds({BuiltinOperator::STABLEHLO_ADD});
  ASSERT_EQ(scatter(adds, {1, 1}), "");
  EXPECT_EQ(adds.values<float>(), (std::vector<float>{1, 2, 43, 64, 5, 6}));
  RegionModel<tfl::StablehloScatter> least({BuiltinOperator::STABLEHLO_MINIMUM});
  ASSERT_EQ(scatter(least, {0}), "");
  EXPECT_EQ(least.values<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(StablehloScatter, TakesHalvesBooleansAndNarrowIndices) {
  const Scatter s;
  const auto run = [&]<class T>(RegionModel<tfl::StablehloScatter>& model, TensorType type, const std::vector<T>& x,
                                const std::vector<T>& u) {
    const int input = model.constant<T>({3, 1}, x), indices = model.constant<std::int32_t>({2, 1}, {2, 2}),
              updates = model.constant<T>({2, 1}, u);
    return model.run({input, indices, updates}, type, [&](auto& tables) {
      return tfl::schema::CreateStablehloScatterOptionsDirect(tables, false, &s.update_window_dims, &s.inserted_window_dims,
                                                              &s.scatter_dims, s.index_vector_dim, false, 1);
    });
  };
  const auto half = [](float x) { return tfl::rounded<tfl::Float16>(x); };
  RegionModel<tfl::StablehloScatter> adds({BuiltinOperator::STABLEHLO_ADD});
  ASSERT_EQ(run(adds, TensorType::float16, std::vector{half(1), half(2), half(2048)}, std::vector{half(1), half(3)}), "");
  const auto sums = adds.values<tfl::Float16>();  // 2049 is none, and goes to the even neighbour before 3 are added
  EXPECT_EQ(tfl::to_float(sums[1]), 2);
  EXPECT_EQ(tfl::to_float(sums[2]), 2052);
  using tfl::Boolean;
  RegionModel<tfl::StablehloScatter> most({BuiltinOperator::STABLEHLO_MAXIMUM});
  ASSERT_EQ(run(most, TensorType::boolean, std::vector<Boolean>{false, true, false}, std::vector<Boolean>{false, true}), "");
  const auto flags = most.values<Boolean>();
  EXPECT_EQ(flags[0].byte, 0);
  EXPECT_EQ(flags[1].byte, 1);
  EXPECT_EQ(flags[2].byte, 1);
}

TEST(StablehloScatter, LeavesOutWhatLiesOutside) {
  constexpr std::int64_t far = std::int64_t{1} << 62;
  RegionModel<tfl::StablehloScatter> model({});
  ASSERT_EQ(scatter(model, {3, -1, far, -far, 1}), "");
  EXPECT_EQ(model.values<float>(), (std::vector<float>{1, 2, 90, 100, 5, 6}));
}

TEST(StablehloScatter, RefusesListsThatDoNotFit) {
  const auto error = [](const Scatter& s, std::vector<BuiltinOperator> body = {}) {
    RegionModel<tfl::StablehloScatter> model(std::move(body));
    return scatter(model, {0, 1}, s);
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(error({}, {BuiltinOperator::SUB}), "must have a body"));
  EXPECT_TRUE(has(error({.index_vector_dim = 3}), "index_vector_dim 3"));
  EXPECT_TRUE(has(error({.update_window_dims = {2}}), "names a dimension"));
  EXPECT_TRUE(has(error({.scatter_dims = {-1}}), "names a dimension"));
  EXPECT_TRUE(has(error({.update_window_dims = {0, 1}}), "2 window dimensions and 1 inserted ones"));
  EXPECT_TRUE(has(error({.scatter_dims = {0, 1}}), "must have 2 coordinates"));
}

}  // namespace
