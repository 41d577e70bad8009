// One layer like those of MobileBERT (Sun et al. 2020): 128 positions of 512 values, a bottleneck of 128, four heads of attention, four
// feed-forward networks, scales and offsets instead of layer normalization.

#include <cmath>

#include "bench/models/architectures.hpp"

namespace tfl::bench {

namespace {

int attention(Network& network, int queries_and_keys, int values, int heads) {
  const std::int32_t length = network.shape(values)[0], width = network.shape(queries_and_keys)[1], each = width / heads;
  const auto heads_of = [&](int x) {
    x = network.dense(x, width, Activation::none);
    return network.transpose(network.reshape(x, {1, length, heads, each}), {0, 2, 1, 3});
  };
  const int queries = heads_of(queries_and_keys), keys = heads_of(queries_and_keys), seen = heads_of(values);
  int scores = network.batch_matmul(queries, keys, true);
  scores = network.multiply_constant(scores, 1.0f / std::sqrt(static_cast<float>(each)));
  int x = network.batch_matmul(network.softmax(scores), seen, false);
  x = network.reshape(network.transpose(x, {0, 2, 1, 3}), {length, width});
  return network.dense(x, width, Activation::none);
}

}  // namespace

int mobilebert_layer(Network& network, const NetworkSize& size) {
  const int length = size.length > 0 ? size.length : 128;
  const int outer = size.channels(512), inner = size.channels(128);
  const int input = network.input({length, outer});
  const int shared = network.affine(network.dense(input, inner, Activation::none));
  const int bottleneck = network.affine(network.dense(input, inner, Activation::none));
  int x = network.affine(network.add(attention(network, shared, input, 4), bottleneck));
  for (int i = 0; i < 4; ++i) {
    const int hidden = network.dense(x, 4 * inner, Activation::relu);
    x = network.affine(network.add(network.dense(hidden, inner, Activation::none), x));
  }
  return network.affine(network.add(network.dense(x, outer, Activation::none), input));
}

}  // namespace tfl::bench
