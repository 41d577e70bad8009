#pragma once
// Weights in another order of their axes.

#include <cstdint>
#include <vector>

namespace tfl::converter {

/// The values of an array of this shape with its axes in the order of `permutation`: axis i of the result is axis permutation[i] of the
/// source. Requires as many values as the shape says.
template <class T>
std::vector<T> permuted(const std::vector<T>& values, const std::vector<std::int32_t>& shape,
                        const std::vector<std::int32_t>& permutation) {
  const std::size_t rank = shape.size();
  std::vector<std::size_t> strides(rank, 1), sizes(rank), steps(rank), index(rank, 0);
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * static_cast<std::size_t>(shape[i]);
  for (std::size_t i = 0; i < rank; ++i) {
    sizes[i] = static_cast<std::size_t>(shape[static_cast<std::size_t>(permutation[i])]);
    steps[i] = strides[static_cast<std::size_t>(permutation[i])];
  }
  std::vector<T> result;
  result.reserve(values.size());
  std::size_t from = 0;
  while (result.size() < values.size()) {
    result.push_back(values[from]);
    for (std::size_t axis = rank; axis-- > 0;) {
      from += steps[axis];
      if (++index[axis] < sizes[axis]) break;
      from -= steps[axis] * sizes[axis];
      index[axis] = 0;
    }
  }
  return result;
}

}  // namespace tfl::converter
