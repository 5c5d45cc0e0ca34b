// sgq/quant/bucketize.hpp -- how many of an ordered row of thresholds a number has passed.
//
// That count is the code of a quantiser whose function of the number is monotone: DoReFa's weights,
// an accumulator in the integer engine. There are 2^k - 1 thresholds. Up to k = 4 each is compared
// with every number, a vector of numbers at a time; above, k steps of a binary search take over.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/shape.hpp"

#include <cstdint>

namespace sgq::quant {

/// Numbers that one call below handles at most: they and their counts stay in the first cache.
inline constexpr index_t count_block = 256;

/// a >= t, or a <= t where thresholds fall.
template <bool falling, class T>
SGQ_INLINE std::int32_t has_passed(T a, T t) {
  return static_cast<std::int32_t>(falling ? a <= t : a >= t);
}

/// The count for one number by binary search, its bits from the highest down. The comparison is
/// used as a number, so there is no branch to mispredict.
template <bool falling, class T>
SGQ_INLINE std::int32_t search_passed(T a, const T* t, int bits) {
  std::int32_t passed = 0;
  for (int rest = bits - 1; rest >= 0; --rest)
    passed = 2 * passed + has_passed<falling>(a, t[((2 * passed + 1) << rest) - 1]);
  return passed;
}

/// passed[i] = how many of the thresholds t[0 .. 2^bits - 1) number a[i] has passed; n <= 256.
template <bool falling, class T>
SGQ_INLINE void bucketize(const T* a, index_t n, const T* t, int bits, std::int32_t* passed) {
  if (bits > 4) {
    for (index_t i = 0; i < n; ++i) passed[i] = search_passed<falling>(a[i], t, bits);
    return;
  }
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) passed[i] = 0;
  for (index_t j = 0; j < (index_t{1} << bits) - 1; ++j) {
    const T tj = t[j];
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) passed[i] += has_passed<falling>(a[i], tj);
  }
}

} // namespace sgq::quant
