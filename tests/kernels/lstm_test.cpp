// LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM against the plain equations in double, in every combination of their parts.
// archs: last

#include "tfl/kernels/lstm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "../support/single_op.hpp"

namespace {

using testing::HasSubstr;
using tfl::test::SingleOp;
using Dims = std::vector<std::int32_t>;
using Values = std::vector<double>;

std::mt19937 random_engine(7);
Values random_values(std::size_t count, double bound) {
  Values values(count);
  for (double& v : values) v = std::uniform_real_distribution<double>(-bound, bound)(random_engine);
  return values;
}

constexpr std::size_t none = 99;

/// A cell of any kind, and what it computes step by step.
struct Cell {
  int batches = 2, steps = 3, inputs = 5, cells = 7, outputs = 7;
  bool coupled = false, peephole = false, projected = false, normalized = false, time_major = false, diagonal = false;
  float cell_clip = 0, projection_clip = 0;
  std::vector<Values> tensors;  // by number; empty: absent

  void fill() {
    tensors.assign(24, {});
    const auto size = [&](int rows, int columns) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns); };
    tensors[0] = random_values(size(batches * steps, inputs), 1);
    for (std::size_t g = coupled ? 1 : 0; g < 4; ++g) {
      tensors[1 + g] = random_values(size(cells, inputs), 0.5);
      tensors[5 + g] = random_values(diagonal ? size(cells, 1) : size(cells, outputs), 0.5);
      if (peephole && g != 2) tensors[g == 3 ? 11 : 9 + g] = random_values(size(cells, 1), 0.5);
      tensors[12 + g] = random_values(size(cells, 1), 0.3);
      if (normalized) tensors[20 + g] = random_values(size(cells, 1), 1);
    }
    if (projected) {
      tensors[16] = random_values(size(outputs, cells), 0.5);
      tensors[17] = random_values(size(outputs, 1), 0.2);
    }
  }

  Dims shape(std::size_t i) const {
    if (i == 0) return time_major ? Dims{steps, batches, inputs} : Dims{batches, steps, inputs};
    if (i <= 4) return {cells, inputs};
    if (i <= 8) return diagonal ? Dims{cells} : Dims{cells, outputs};
    if (i == 16) return {outputs, cells};
    if (i == 17) return {outputs};
    if (i == 18) return {batches, outputs};
    if (i == 19) return {batches, cells};
    return {cells};
  }

  Values expected() const {
    Values out(static_cast<std::size_t>(batches * steps * outputs));
    for (int b = 0; b < batches; ++b) {
      Values h(static_cast<std::size_t>(outputs)), c(static_cast<std::size_t>(cells));
      for (int t = 0; t < steps; ++t) {
        const int row = time_major ? t * batches + b : b * steps + t;
        const auto gate = [&](std::size_t g, const std::function<double(double)>& activation) {
          Values z(static_cast<std::size_t>(cells));
          for (std::size_t i = 0; i < z.size(); ++i) {
            for (int k = 0; k < inputs; ++k) {
              z[i] += tensors[1 + g][i * static_cast<std::size_t>(inputs) + static_cast<std::size_t>(k)] *
                      tensors[0][static_cast<std::size_t>(row * inputs + k)];
            }
            if (diagonal) {
              z[i] += tensors[5 + g][i] * h[i];
            } else {
              for (std::size_t k = 0; k < h.size(); ++k) z[i] += tensors[5 + g][i * h.size() + k] * h[k];
            }
            if (peephole && g != 2) z[i] += tensors[g == 3 ? 11 : 9 + g][i] * c[i];
          }
          if (normalized) {
            double mean = 0, variance = 0;
            for (const double v : z) mean += v / cells;
            for (const double v : z) variance += (v - mean) * (v - mean) / cells;
            for (std::size_t i = 0; i < z.size(); ++i) z[i] = (z[i] - mean) / std::sqrt(variance + 1e-8) * tensors[20 + g][i];
          }
          for (std::size_t i = 0; i < z.size(); ++i) z[i] = activation(z[i] + tensors[12 + g][i]);
          return z;
        };
        const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
        const auto tanh = [](double x) { return std::tanh(x); };
        const Values f = gate(1, logistic), g = gate(2, tanh);
        Values i = f;
        for (double& v : i) v = 1 - v;
        if (!coupled) i = gate(0, logistic);
        for (std::size_t k = 0; k < c.size(); ++k) {
          c[k] = f[k] * c[k] + i[k] * g[k];
          if (cell_clip > 0) c[k] = std::clamp(c[k], -double{cell_clip}, double{cell_clip});
        }
        Values o = gate(3, logistic);
        for (std::size_t k = 0; k < o.size(); ++k) o[k] *= std::tanh(c[k]);
        for (std::size_t k = 0; k < h.size(); ++k) {
          if (projected) {
            h[k] = tensors[17][k];
            for (std::size_t n = 0; n < o.size(); ++n) h[k] += tensors[16][k * o.size() + n] * o[n];
            if (projection_clip > 0) h[k] = std::clamp(h[k], -double{projection_clip}, double{projection_clip});
          } else {
            h[k] = o[k];
          }
          out[static_cast<std::size_t>(row * outputs) + k] = h[k];
        }
      }
    }
    return out;
  }
};

template <class T> std::vector<T> quantized(const Values& values, double scale, double zero_point = 0) {
  std::vector<T> result;
  for (const double v : values) {
    const double lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
    result.push_back(static_cast<T>(std::clamp(std::round(v / scale) + zero_point, lo, hi)));
  }
  return result;
}
std::vector<float> floats(const Values& values) { return {values.begin(), values.end()}; }

bool is_weight(std::size_t i) { return (i >= 1 && i <= 11) || i == 16; }

void set_options(SingleOp<tfl::UnidirectionalSequenceLstm>& op, const Cell& cell, bool asymmetric = false) {
  op.options([&](auto& tables) {
    return tfl::schema::CreateUnidirectionalSequenceLSTMOptions(tables, tfl::schema::ActivationFunctionType::TANH, cell.cell_clip,
                                                                cell.projection_clip, cell.time_major, asymmetric, cell.diagonal);
  });
}

/// Float activations, with float or 8-bit weights. `without`: a tensor to leave out.
std::string run_float(SingleOp<tfl::UnidirectionalSequenceLstm>& op, const Cell& cell, bool hybrid, bool asymmetric = false,
                      std::size_t without = none, std::size_t misshapen = none) {
  for (std::size_t i = 0; i < 24; ++i) {
    Dims shape = cell.shape(i);
    if (i == misshapen) ++shape.back();
    Values values = cell.tensors[i];
    if (i == misshapen && !values.empty())
      values.resize(values.size() / static_cast<std::size_t>(shape.back() - 1) * static_cast<std::size_t>(shape.back()));
    if (i == without) {
      op.absent();
    } else if (i == 18 || i == 19) {
      op.variable<float>(shape);
    } else if (values.empty()) {
      op.absent();
    } else if (i == 0) {
      op.input<float>(shape, floats(values));
    } else if (hybrid && is_weight(i) && !(cell.diagonal && i >= 5 && i <= 8)) {
      op.constant<std::int8_t>(shape, quantized<std::int8_t>(values, 0.5 / 127), {{0.5f / 127}, {0}});
    } else {
      op.constant<float>(shape, floats(values));
    }
  }
  op.output<float>();
  set_options(op, cell, asymmetric);
  return op.run();
}

void expect_near(const std::vector<float>& got, const Values& wanted, double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(double{got[i]}, wanted[i], tolerance) << "element " << i;
}

TEST(Lstm, FloatInEveryCombination) {
  for (int parts = 0; parts < 64; ++parts) {
    Cell cell;
    cell.coupled = parts & 1;
    cell.peephole = parts & 2;
    cell.projected = parts & 4;
    cell.normalized = parts & 8;
    cell.time_major = parts & 16;
    cell.diagonal = (parts & 32) != 0 && !cell.projected;
    cell.cells = parts % 3 == 0 ? 37 : 7;
    cell.inputs = parts % 5 == 0 ? 33 : 5;
    cell.outputs = cell.projected ? 4 : cell.cells;
    cell.cell_clip = parts % 7 == 0 ? 0.2f : 0.0f;
    cell.projection_clip = parts % 4 == 1 ? 0.3f : 0.0f;
    cell.fill();
    SingleOp<tfl::UnidirectionalSequenceLstm> op;
    ASSERT_EQ(run_float(op, cell, false), "") << parts;
    EXPECT_EQ(op.shape(), cell.time_major ? (tfl::Shape{3, 2, cell.outputs}) : (tfl::Shape{2, 3, cell.outputs}));
    expect_near(op.values<float>(), cell.expected(), 2e-5);
  }
}

TEST(Lstm, HybridIsNearFloat) {
  for (int parts = 0; parts < 32; ++parts) {
    Cell cell;
    cell.coupled = parts & 1;
    cell.peephole = parts & 2;
    cell.projected = parts & 4;
    cell.time_major = parts & 8;
    cell.diagonal = parts % 16 == 3;
    cell.cells = 21;
    cell.outputs = cell.projected ? 6 : cell.cells;
    cell.fill();
    SingleOp<tfl::UnidirectionalSequenceLstm> op;
    ASSERT_EQ(run_float(op, cell, true, parts >= 16), "") << parts;
    expect_near(op.values<float>(), cell.expected(), 0.03);
  }
}

TEST(Lstm, StateSurvivesFromOneInvokeToTheNext) {
  Cell whole;
  whole.steps = 2;
  whole.batches = 1;
  whole.fill();
  Cell half = whole;
  half.steps = 1;
  half.tensors[0].resize(static_cast<std::size_t>(half.inputs));
  std::copy_n(half.tensors[0].begin(), half.inputs, whole.tensors[0].begin() + half.inputs);
  SingleOp<tfl::UnidirectionalSequenceLstm> op;
  ASSERT_EQ(run_float(op, half, false), "");
  ASSERT_EQ(op.invoke_again(), "");
  const Values both = whole.expected();
  expect_near(op.values<float>(), Values(both.begin() + half.outputs, both.end()), 2e-5);
}

TEST(Lstm, IntegersAreNearFloat) {
  for (int parts = 0; parts < 16; ++parts) {
    Cell cell;
    cell.coupled = parts & 1;
    cell.projected = parts & 2;
    cell.peephole = (parts & 4) != 0 && !cell.projected;
    cell.time_major = parts & 8;
    cell.cells = 19;
    cell.outputs = cell.projected ? 6 : cell.cells;
    cell.fill();
    SingleOp<tfl::UnidirectionalSequenceLstm> op;
    const double input_scale = 1.0 / 127, weight_scale = 0.5 / 127, hidden_scale = 1.0 / 128, cell_scale = 1.0 / 2048;
    const double state_scale = cell.projected ? 2.0 / 128 : hidden_scale;
    const tfl::QuantizationSpec state{{static_cast<float>(state_scale)}, {-3}};
    for (std::size_t i = 0; i < 24; ++i) {
      const Values& values = cell.tensors[i];
      if (i == 18) {
        op.variable<std::int8_t>(cell.shape(i), state);
      } else if (i == 19) {
        op.variable<std::int16_t>(cell.shape(i), {{static_cast<float>(cell_scale)}, {0}});
      } else if (values.empty()) {
        op.absent();
      } else if (i == 0) {
        op.input<std::int8_t>(cell.shape(i), quantized<std::int8_t>(values, input_scale, 5), {{static_cast<float>(input_scale)}, {5}});
      } else if (i >= 9 && i <= 11) {
        op.constant<std::int16_t>(cell.shape(i), quantized<std::int16_t>(values, 0.5 / 32767), {{0.5f / 32767}, {0}});
      } else if (is_weight(i)) {
        op.constant<std::int8_t>(cell.shape(i), quantized<std::int8_t>(values, weight_scale), {{static_cast<float>(weight_scale)}, {0}});
      } else {
        op.constant<std::int32_t>(cell.shape(i), quantized<std::int32_t>(values, weight_scale * (i == 17 ? hidden_scale : input_scale)));
      }
    }
    for (int k = 0; k < 4; ++k) op.intermediate<std::int16_t>({{1.0f / 4096}, {0}});
    op.intermediate<std::int8_t>({{static_cast<float>(hidden_scale)}, {cell.projected ? 2 : -3}});
    op.output<std::int8_t>(state);
    set_options(op, cell);
    ASSERT_EQ(op.run(), "") << parts;
    std::vector<float> real;
    for (const std::int8_t q : op.values<std::int8_t>()) real.push_back(static_cast<float>((q + 3) * state_scale));
    expect_near(real, cell.expected(), 0.06);
  }
}

/// Twelve intermediate tensors ask for gates of 8 bits. `without`: a tensor to leave out.
std::string run_narrow(SingleOp<tfl::Lstm>& op, const Cell& cell, std::size_t without = none, int intermediates = 12) {
  constexpr float input_scale = 1.0f / 127, weight_scale = 0.5f / 127, state_scale = 2.0f / 128, norm_scale = 1.0f / 32767;
  for (std::size_t i = 0; i < 24; ++i) {
    const Values& values = cell.tensors[i];
    if (i == 18) {
      op.variable<std::int8_t>(cell.shape(i), {{state_scale}, {-3}});
    } else if (i == 19) {
      op.variable<std::int16_t>(cell.shape(i), {{1.0f / 32768}, {0}});
    } else if (values.empty() || i == without) {
      op.absent();
    } else if (i == 0) {
      op.input<std::int8_t>({cell.batches, cell.inputs}, quantized<std::int8_t>(values, input_scale, 5), {{input_scale}, {5}});
    } else if (is_weight(i)) {
      op.constant<std::int8_t>(cell.shape(i), quantized<std::int8_t>(values, weight_scale), {{weight_scale}, {0}});
    } else if (i >= 20) {
      op.constant<std::int16_t>(cell.shape(i), quantized<std::int16_t>(values, norm_scale), {{norm_scale}, {0}});
    } else {
      op.constant<std::int32_t>(cell.shape(i), quantized<std::int32_t>(values, i == 17 ? weight_scale / 32768 : norm_scale / 1024));
    }
  }
  // Of each gate: the sum, W x, R h.
  for (int k = 0; k < intermediates; ++k) op.intermediate<std::int8_t>({{k % 3 == 0 ? 1.0f / 4096 : 3.0f / 127}, {k % 3}});
  op.output<std::int8_t>({{state_scale}, {-3}});
  op.options([&](auto& tables) {
    return tfl::schema::CreateLSTMOptions(tables, tfl::schema::ActivationFunctionType::TANH, cell.cell_clip, cell.projection_clip);
  });
  return op.run();
}
Cell narrow_cell() {
  Cell cell;
  cell.coupled = cell.projected = cell.normalized = true;
  cell.steps = 1;
  cell.cells = 19;
  cell.outputs = 6;
  cell.cell_clip = 0.9f;
  cell.fill();
  return cell;
}

TEST(Lstm, GatesOf8BitsAreNearFloat) {
  for (int again = 0; again < 8; ++again) {
    const Cell cell = narrow_cell();
    SingleOp<tfl::Lstm> op;
    ASSERT_EQ(run_narrow(op, cell), "");
    std::vector<float> real;
    for (const std::int8_t q : op.values<std::int8_t>()) real.push_back(static_cast<float>(q + 3) * 2.0f / 128);
    expect_near(real, cell.expected(), 0.15);
  }
}

TEST(Lstm, GatesOf8BitsWantCoupledNormalizedProjectedCells) {
  const auto error = [](const Cell& cell, std::size_t without = none, int intermediates = 12) {
    SingleOp<tfl::Lstm> op;
    return run_narrow(op, cell, without, intermediates);
  };
  Cell cell = narrow_cell();
  EXPECT_THAT(error(cell, none, 8), HasSubstr("must have the scale and zero point of intermediate tensor 8"));
  cell.coupled = false;
  cell.fill();
  EXPECT_THAT(error(cell), HasSubstr("must be absent beside gates of 8 bits: their cells are coupled"));
  cell = narrow_cell();
  cell.normalized = false;
  cell.fill();
  EXPECT_THAT(error(cell), HasSubstr("must be there beside gates of 8 bits"));
}

TEST(Lstm, FixedPointFunctionsAreTheSameInEveryLane) {
  std::vector<std::int16_t> x(65536), wide(65536);
  for (int i = 0; i < 65536; ++i) x[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(i - 32768);
  using Lane = tfl::simd::Lane<std::int32_t>;
  tfl::simd::map_wide<tfl::simd::NativeArch>(x.data(), wide.data(), 65536, [](auto v) { return tfl::simd::logistic16(v); });
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(wide[i], tfl::simd::logistic16(Lane(x[i])).value) << x[i];
    ASSERT_NEAR(wide[i], 32768 / (1 + std::exp(-x[i] / 4096.0)), 12) << x[i];
  }
  for (int bits = 0; bits <= 6; ++bits) {
    tfl::simd::map_wide<tfl::simd::NativeArch>(x.data(), wide.data(), 65536, [&](auto v) { return tfl::simd::tanh16(v, bits); });
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(wide[i], tfl::simd::tanh16(Lane(x[i]), bits).value) << x[i] << ' ' << bits;
      ASSERT_NEAR(wide[i], 32768 * std::tanh(x[i] / 32768.0 * (1 << bits)), 24) << x[i] << ' ' << bits;
    }
  }
}

TEST(Lstm, OneStep) {
  Cell cell;
  cell.steps = 1;
  cell.fill();
  SingleOp<tfl::Lstm> op;
  for (std::size_t i = 0; i < 20; ++i) {
    if (i == 18 || i == 19) {
      op.variable<float>(cell.shape(i));
    } else if (cell.tensors[i].empty()) {
      op.absent();
    } else {
      op.input<float>(i == 0 ? Dims{cell.batches, cell.inputs} : cell.shape(i), floats(cell.tensors[i]));
    }
  }
  op.output<float>();
  op.options([](auto& tables) { return tfl::schema::CreateLSTMOptions(tables, tfl::schema::ActivationFunctionType::TANH); });
  ASSERT_EQ(op.run(), "");
  EXPECT_EQ(op.shape(), (tfl::Shape{2, 7}));
  expect_near(op.values<float>(), cell.expected(), 2e-5);
}

TEST(Lstm, SaysWhatIsMissing) {
  const struct {
    std::size_t tensor;
    const char* rule;
  } cases[] = {{2, "must be there"},
               {5, "must be there, since input 1 is"},
               {9, "must be there, since input 11 is"},
               {13, "must be there"},
               {16, "must be absent, since input 16"},
               {18, "must be there"},
               {21, "must be there, since input 23 is"}};
  for (const auto& c : cases) {
    Cell cell;
    cell.peephole = cell.projected = cell.normalized = true;
    cell.outputs = 4;
    cell.fill();
    SingleOp<tfl::UnidirectionalSequenceLstm> op;
    EXPECT_THAT(run_float(op, cell, false, false, c.tensor), HasSubstr(c.rule)) << c.tensor;
  }
}

TEST(Lstm, SaysWhichShapeIsWrong) {
  for (std::size_t i = 1; i < 24; ++i) {
    Cell cell;
    cell.peephole = cell.projected = cell.normalized = true;
    cell.outputs = 4;
    cell.fill();
    SingleOp<tfl::UnidirectionalSequenceLstm> op;
    EXPECT_THAT(run_float(op, cell, false, false, none, i), HasSubstr("must have")) << i;
  }
}

TEST(Lstm, RefusesBadOptions) {
  Cell cell;
  cell.fill();
  cell.cell_clip = -1;
  SingleOp<tfl::UnidirectionalSequenceLstm> op;
  EXPECT_THAT(run_float(op, cell, false), HasSubstr("cell_clip"));
  cell.cell_clip = 0;
  cell.projection_clip = -1;
  SingleOp<tfl::UnidirectionalSequenceLstm> other;
  EXPECT_THAT(run_float(other, cell, false), HasSubstr("proj_clip"));
}

TEST(Lstm, BasicCell) {
  constexpr int n = 2, m = 3;
  std::mt19937 engine(8);
  const auto random = [&](std::size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = std::uniform_real_distribution<float>(-1, 1)(engine);
    return values;
  };
  const auto in = random(2 * n), weights = random(4 * m * (n + m)), bias = random(4 * m);
  SingleOp<tfl::Lstm> op;
  op.input<float>({2, n}, in);
  op.variable<float>({2, m});
  op.constant<float>({4 * m, n + m}, weights);
  op.constant<float>({4 * m}, bias);
  op.variable<float>({2, m});
  for (int i = 0; i < 4; ++i) op.output<float>();
  op.options([](auto& tables) {
    return tfl::schema::CreateLSTMOptions(tables, tfl::schema::ActivationFunctionType::TANH, 0, 0, tfl::schema::LSTMKernelType::BASIC);
  });
  std::vector<double> activation(2 * m), state(2 * m);
  for (int step = 0; step < 3; ++step) {
    ASSERT_EQ(step == 0 ? op.run() : op.invoke_again(), "");
    std::vector<double> next(2 * m);
    const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
    for (int b = 0; b < 2; ++b) {
      for (int c = 0; c < m; ++c) {
        double gate[4];
        for (int g = 0; g < 4; ++g) {
          const auto row = static_cast<std::size_t>(g * m + c);
          gate[g] = bias[row];
          for (int k = 0; k < n + m; ++k) {
            const double x = k < n ? in[static_cast<std::size_t>(b * n + k)] : activation[static_cast<std::size_t>(b * m + k - n)];
            gate[g] += x * weights[row * (n + m) + static_cast<std::size_t>(k)];
          }
        }
        const auto at = static_cast<std::size_t>(b * m + c);
        state[at] = logistic(gate[0]) * std::tanh(gate[1]) + logistic(gate[2]) * state[at];
        next[at] = logistic(gate[3]) * std::tanh(state[at]);
      }
    }
    activation = next;
    for (std::size_t i = 0; i < activation.size(); ++i) {
      EXPECT_NEAR(op.values<float>(0)[i], activation[i], 1e-5);
      EXPECT_NEAR(op.values<float>(1)[i], state[i], 1e-5);
    }
  }
}

}  // namespace
