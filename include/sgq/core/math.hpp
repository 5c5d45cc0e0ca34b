// sgq/core/math.hpp -- small arithmetic on sizes that every folder needs.
#pragma once

#include "sgq/core/shape.hpp"

#include <algorithm>

namespace sgq {

/// How many blocks cover n elements; the last may be shorter.
constexpr index_t blocks_of(index_t n, index_t block) {
  return (n + block - 1) / block;
}

/// The least multiple of `multiple` that is not below n.
constexpr index_t round_up(index_t n, index_t multiple) {
  return blocks_of(n, multiple) * multiple;
}

/// The place of the largest of n numbers; of equal ones, the first.
template <class T>
index_t argmax(const T* x, index_t n) {
  return std::max_element(x, x + n) - x;
}

} // namespace sgq
