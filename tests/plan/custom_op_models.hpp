#pragma once
// The rest of what static plans run: custom ops, and builtin ones with long lists of options or inputs.

#include <flatbuffers/flexbuffers.h>

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "op_models.hpp"

namespace tfl::test {

using CustomOptions = std::vector<std::uint8_t>;

/// A FlexBuffers map that `fill` fills.
template <class Fill> CustomOptions map_of(Fill fill) {
  flexbuffers::Builder b;
  b.Map([&] { fill(b); });
  b.Finish();
  return b.GetBuffer();
}
inline CustomOptions integers(std::initializer_list<std::pair<const char*, int>> list) {
  return map_of([&](flexbuffers::Builder& b) {
    for (const auto& [key, value] : list) b.Int(key, value);
  });
}
/// A window and its strides, as TensorFlow has them, over channels that come last.
inline CustomOptions window_of(std::initializer_list<int> window, std::initializer_list<int> strides, const char* format = "NDHWC") {
  return map_of([&](flexbuffers::Builder& b) {
    b.String("data_format", format);
    b.String("padding", "SAME");
    b.TypedVector("ksize", [&] {
      for (const int x : window) b.Int(x);
    });
    b.TypedVector("strides", [&] {
      for (const int x : strides) b.Int(x);
    });
  });
}
/// Options that are a struct of 32-bit integers.
inline CustomOptions words_of(std::initializer_list<int> words) {
  CustomOptions bytes;
  for (const int word : words) {
    for (int k = 0; k < 4; ++k) bytes.push_back(static_cast<std::uint8_t>(word >> (8 * k)));
  }
  return bytes;
}

/// Sound, as microcontrollers hear it: windows, spectra, bands; and as TensorFlow's preprocessing does.
inline std::vector<std::uint8_t> hearing() {
  using enum TensorType;
  OpModel m;
  const int sound = m.input(int16, {60});
  const int windowed = m.output(int16, {60}), scaled = m.output(int16, {60}), spectrum = m.output(int16, {66});
  m.custom("SignalWindow", {sound, m.input(int16, {60})}, {windowed}, integers({{"shift", 12}}));
  m.custom("SignalFftAutoScale", {windowed}, {scaled, m.output(int32, {})});
  m.custom("SignalRfft", {scaled}, {spectrum}, integers({{"fft_length", 64}}));
  m.custom("SignalIrfft", {spectrum}, {m.output(int16, {64})}, integers({{"fft_length", 64}}));
  const int energy = m.output(uint32, {33});
  m.custom("SignalEnergy", {spectrum}, {energy}, integers({{"start_index", 1}, {"end_index", 30}}));
  const std::vector<std::int16_t> weights(12, 2000), unweights(12, 1500);
  const int bands = m.output(uint64, {2}), roots = m.output(uint32, {2});
  m.custom("SignalFilterBank",
           {energy, m.constant<std::int16_t>({12}, weights), m.constant<std::int16_t>({12}, unweights),
            m.constant<std::int16_t>({3}, {1, 4, 9}), m.constant<std::int16_t>({3}, {0, 3, 7}), m.constant<std::int16_t>({3}, {3, 4, 5})},
           {bands}, integers({{"num_channels", 2}}));
  m.custom("SignalFilterBankSquareRoot", {bands, m.number(2)}, {roots});
  m.custom("SignalPCAN", {roots, m.input(uint32, {2}), m.constant<std::int16_t>({125}, std::vector<std::int16_t>(125, 256))},
           {m.output(uint32, {2})}, integers({{"snr_shift", 1}}));
  m.custom("SignalFilterBankLog", {roots}, {m.output(int16, {2})}, integers({{"input_correction_bits", 1}, {"output_scale", 1000}}));

  const int tone = m.input(float32, {64, 1}), powers = m.result({1, 3, 17});
  m.custom("AudioSpectrogram", {tone}, {powers}, map_of([](flexbuffers::Builder& b) {
             b.Int("window_size", 32);
             b.Int("stride", 16);
             b.Bool("magnitude_squared", true);
           }));
  m.custom("Mfcc", {powers, m.number(16000)}, {m.result({1, 3, 5})},
           integers({{"upper_frequency_limit", 4000},
                     {"lower_frequency_limit", 20},
                     {"filterbank_channel_count", 10},
                     {"dct_coefficient_count", 5}}));
  return m.finish();
}

/// Pictures, attention, and what else ships as a custom op.
inline std::vector<std::uint8_t> customizing() {
  using enum TensorType;
  OpModel m;
  const int picture = m.input(float32, {1, 4, 6, 3}), cube = m.input(float32, {1, 4, 4, 4, 2}), v = m.input(float32, {3, 4}),
            above = m.input(float32, {3, 4});
  for (const std::string_view pool : {"MaxPool3D", "AveragePool3D"})
    m.custom(pool, {cube}, {m.result({1, 2, 4, 2, 2})}, window_of({1, 2, 2, 3, 1}, {1, 2, 1, 2, 1}));
  m.custom("MaxPoolWithArgmax", {picture}, {m.result({1, 2, 3, 3}), m.output(int32, {1, 2, 3, 3})},
           window_of({1, 2, 2, 1}, {1, 2, 2, 1}, "NHWC"));
  const int largest = m.result({1, 2, 3, 3}), places = m.output(int32, {1, 2, 3, 3});
  m.custom("MaxPoolingWithArgmax2D", {picture}, {largest, places}, words_of({2, 2, 2, 2, 2, 0}));
  m.custom("MaxUnpooling2D", {largest, places}, {m.result({1, 4, 6, 3})}, words_of({1, 2, 2, 2, 2, 0}));
  m.custom("Convolution2DTransposeBias", {picture, m.floats({5, 3, 3, 3}), m.floats({5})}, {m.result({1, 8, 12, 5})},
           words_of({1, 2, 2, 0, 0}));
  m.custom("DenseImageWarp", {picture, m.input(float32, {1, 4, 6, 2})}, {m.result({1, 4, 6, 3})});
  m.custom("Roll", {v, m.numbers({1, -5}), m.numbers({0, 1})}, {m.result({3, 4})});
  m.custom("aeq.hadamard_rotation", {v}, {m.result({3, 4})}, integers({{"hadamard_size", 4}}));
  m.custom("atan2", {v, above}, {m.result({3, 4})});
  m.custom("Sign", {v}, {m.result({3, 4})});
  std::vector<std::int8_t> table(256);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::int8_t>(static_cast<std::uint8_t>(i * 7));
  const int small = m.input(int8, {3, 4}, {.scales = {0.05f}, .zero_points = {3}});
  m.custom("Table", {small, m.constant<std::int8_t>({256}, table)}, {m.output(int8, {3, 4}, {.scales = {0.05f}, .zero_points = {3}})});
  m.custom("NUMERIC_VERIFY", {small, v}, {m.result({3, 4})}, map_of([](flexbuffers::Builder& b) {
             b.Float("tolerance", 1.0f);
             b.Bool("log_if_failed", false);
           }));
  const int spectrum = m.output(complex64, {1, 4, 4, 4, 2});
  m.node(BuiltinOperator::RFFT2D, {cube, m.numbers({4, 2})}, {spectrum});
  for (const std::string_view inverse : {"IRFFT2D", "Irfft2d"})
    m.custom(inverse, {spectrum, m.numbers({4, 2})}, {m.result({1, 4, 4, 4, 2})});

  const int queries = m.input(float32, {1, 3, 4, 8}), keys = m.input(float32, {1, 5, 2, 8}), values = m.input(float32, {1, 5, 2, 6});
  m.custom("odml.scaled_dot_product_attention", {queries, keys, values, m.input(float32, {1, 1, 3, 5})}, {m.result({1, 3, 4, 6})});
  const int slice = m.input(float32, {1, 2, 1, 3}), cache = m.input(float32, {1, 10, 1, 3});
  m.custom("odml.update_external_kv_cache", {cache, cache, m.input(int32, {2}), slice, slice},
           {m.result({1, 10, 1, 3}), m.result({1, 10, 1, 3})});
  std::vector<float> anchors;
  for (int i = 0; i < 6; ++i) anchors.insert(anchors.end(), {0.1f * static_cast<float>(i), 0.5f, 0.4f, 0.3f});
  m.custom("TFLite_Detection_PostProcess", {m.input(float32, {1, 6, 4}), m.input(float32, {1, 6, 3}), m.constant<float>({6, 4}, anchors)},
           {m.result({1, 4, 4}), m.result({1, 4}), m.result({1, 4}), m.result({1})}, map_of([](flexbuffers::Builder& b) {
             for (const auto& [key, value] : {std::pair{"max_detections", 4}, {"max_classes_per_detection", 1}, {"num_classes", 2}})
               b.Int(key, value);
             for (const char* key : {"y_scale", "x_scale", "h_scale", "w_scale"}) b.Float(key, 5.0f);
             b.Float("nms_score_threshold", 0.1f);
             b.Float("nms_iou_threshold", 0.5f);
           }));
  return m.finish();
}

/// Builtin ops with long lists of options or inputs.
inline std::vector<std::uint8_t> windowing() {
  using enum BuiltinOperator;
  using Longs = std::vector<std::int64_t>;
  OpModel m;
  const int v = m.input(TensorType::float32, {7, 9}), one = m.input(TensorType::float32, {}), t = m.input(TensorType::boolean, {2, 3}),
            u = m.input(TensorType::boolean, {2, 3});
  m.node(REDUCE_WINDOW,
         {v, one, m.constant<std::int64_t>({2}, {2, 3}), m.constant<std::int64_t>({2}, {2, 1}), m.constant<std::int64_t>({2}, {1, 2})},
         {m.result({3, 5})}, [](auto& f) { return schema::CreateReduceWindowOptions(f, schema::ReduceWindowFunction::ADD); });
  m.node(STABLEHLO_GATHER, {v, m.input(TensorType::int64, {2, 2})}, {m.result({2, 2, 3})}, [](auto& f) {
    const Longs offsets{1, 2}, collapsed{}, map{1, 0}, sizes{2, 3};
    return schema::CreateStablehloGatherOptionsDirect(f, &offsets, &collapsed, &map, 1, &sizes);
  });
  m.node(STABLEHLO_PAD, {v, one}, {m.result({15, 9})}, [](auto& f) {
    const Longs low{1, -1}, high{1, 1}, between{1, 0};
    return schema::CreateStablehloPadOptionsDirect(f, &low, &high, &between);
  });
  m.node(STABLEHLO_AND, {t, u}, {m.output(TensorType::boolean, {2, 3})});
  m.node(STABLEHLO_RNG_BIT_GENERATOR, {m.input(TensorType::uint64, {2})},
         {m.output(TensorType::uint64, {2}), m.output(TensorType::uint32, {5})},
         [](auto& f) { return schema::CreateStablehloRngBitGeneratorOptions(f, schema::RngAlgorithm::PHILOX); });
  m.node(EMBEDDING_LOOKUP_SPARSE,
         {m.input(TensorType::int32, {3}), m.constant<std::int32_t>({3, 2}, {0, 0, 2, 0, 2, 1}), m.numbers({3, 2}),
          m.input(TensorType::float32, {3}), m.floats({10, 4})},
         {m.result({3, 4})}, [](auto& f) { return schema::CreateEmbeddingLookupSparseOptions(f, schema::CombinerType::MEAN); });
  m.node(LSH_PROJECTION, {m.floats({3, 2}), v, m.input(TensorType::float32, {7})}, {m.output(TensorType::int32, {6})},
         [](auto& f) { return schema::CreateLSHProjectionOptions(f, schema::LSHProjectionType::DENSE); });
  m.node(BROADCAST_ARGS, {m.input(TensorType::int32, {2}), m.numbers({1, 1, 1})}, {m.output(TensorType::int32, {3})});
  const int boxes = m.input(TensorType::float32, {8, 4}), scores = m.input(TensorType::float32, {8}), most = m.number(5),
            overlap = m.constant<float>({}, {0.3f}), least = m.constant<float>({}, {0.1f});
  const auto count = [&] { return m.output(TensorType::int32, {}); };
  m.node(NON_MAX_SUPPRESSION_V4, {boxes, scores, most, overlap, least}, {m.output(TensorType::int32, {5}), count()});
  m.node(NON_MAX_SUPPRESSION_V5, {boxes, scores, most, overlap, least, m.constant<float>({}, {0.5f})},
         {m.output(TensorType::int32, {5}), m.result({5}), count()});
  // What is known once and for all.
  m.node(RANGE, {m.number(3), m.number(12), m.number(4)}, {m.output(TensorType::int32, {3})});
  m.custom("BroadcastGradientArgs", {m.numbers({2, 1, 1}), m.numbers({3, 1})},
           {m.output(TensorType::int32, {2}), m.output(TensorType::int32, {2})});
  m.node(DENSIFY, {m.sparse()}, {m.result({4, 4})});
  m.node(SHAPE, {v}, {m.output(TensorType::int32, {2})}, [](auto& f) { return schema::CreateShapeOptions(f, schema::TensorType::INT32); });
  m.node(RANK, {v}, {m.output(TensorType::int32, {})});

  // LSTM's old kernel: 3 numbers in, 2 units, all gates in one product.
  const int joined = m.result({1, 5}), gates = m.result({1, 8});
  m.node(LSTM, {m.input(TensorType::float32, {1, 3}), m.variable({1, 2}), m.floats({8, 5}), m.floats({8}), m.variable({1, 2})},
         {m.result({1, 2}), m.result({1, 2}), joined, gates}, [](auto& f) {
           return schema::CreateLSTMOptions(f, schema::ActivationFunctionType::TANH, 0.0f, 0.0f, schema::LSTMKernelType::BASIC);
         });
  return m.finish();
}

}  // namespace tfl::test
