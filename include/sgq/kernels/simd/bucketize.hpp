// sgq/kernels/simd/bucketize.hpp -- how many of an ordered row of thresholds a number has reached.
//
// That count is the code of every quantiser whose function of the number is monotone: DoReFa's
// weights, an accumulator of the integer engine. There are 2^bits - 1 thresholds, ascending. Up to
// 4 bits each is compared with every number, a vector of numbers at a time; above, a binary search
// takes over.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/shape.hpp"

#include <cstdint>

namespace sgq::kernels {

/// Numbers that bucketize() handles at most: they and their counts stay in the L1 cache.
inline constexpr index_t bucketize_block = 256;

/// How many j have a >= t[j * step]: a binary search that finds the count bit by bit, from the
/// highest down. The comparison is used as a number, so there is no branch to mispredict.
template <class T>
SGQ_INLINE std::int32_t bucket_of(T a, const T* t, int bits, index_t step = 1) {
  std::int32_t count = 0;
  for (int rest = bits - 1; rest >= 0; --rest)
    count = 2 * count + static_cast<std::int32_t>(a >= t[(((2 * count + 1) << rest) - 1) * step]);
  return count;
}

/// counts[i] = how many of the 2^bits - 1 thresholds a[i] has reached; n <= bucketize_block.
template <class T>
SGQ_INLINE void bucketize(const T* a, index_t n, const T* t, int bits, std::int32_t* counts) {
  if (bits > 4) {
    for (index_t i = 0; i < n; ++i) counts[i] = bucket_of(a[i], t, bits);
    return;
  }
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) counts[i] = 0;
  for (index_t j = 0; j < (index_t{1} << bits) - 1; ++j) {
    const T tj = t[j];
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) counts[i] += static_cast<std::int32_t>(a[i] >= tj);
  }
}

} // namespace sgq::kernels
