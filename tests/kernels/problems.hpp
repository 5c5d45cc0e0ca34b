// Matrix products and convolutions filled with numbers, for the tests of the kernels.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"
#include "sgq/kernels/naive.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace kernel_test {

using sgq::index_t;

/// Integers from -8 to 7 (0 to 15 for codes): sums of up to 2^17 products are exact in float, so a
/// fast kernel must agree with the naive one to the last bit, whatever its order of summation.
template <class X>
std::vector<X> integers(index_t n, std::uint64_t stream) {
  const sgq::Random random(1, stream);
  std::vector<X> v(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    v[static_cast<std::size_t>(i)] =
        static_cast<X>(random.below(i, 16) - (std::is_unsigned_v<X> ? 0 : 8));
  return v;
}

/// Uniform in [-1, 1).
template <class T>
std::vector<T> reals(index_t n, std::uint64_t stream) {
  const sgq::Random random(2, stream);
  std::vector<T> v(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i)
    v[static_cast<std::size_t>(i)] = static_cast<T>(2 * random.uniform(i) - 1);
  return v;
}

/// What rounding can do to a sum of n products of the random numbers above, in any order and cut
/// into any blocks. A product's deviation is 1/3, so partial sums stay within four deviations, 4/3
/// sqrt(n). Each of n additions errs by at most half an epsilon of a partial sum, and each product
/// that is not fused by half an epsilon of 1. The reference, in double, is rounded once; where T is
/// double, all of it is exact. A kernel that loses one product errs by about 0.3.
template <class T>
double rounding_bound(index_t n) {
  const double size = std::sqrt(static_cast<double>(n)) * 4 / 3 + 1;
  return size * static_cast<double>(n + 1) *
         static_cast<double>(std::numeric_limits<T>::epsilon()) / 2;
}

template <class T>
double max_difference(const std::vector<T>& a, const std::vector<T>& b) {
  double worst = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    raise_to(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

/// Calls f with 1, 2 and 3 threads and puts the setting back.
template <class F>
void for_thread_counts(F&& f) {
  for (int threads : {1, 2, 3}) {
    sgq::set_num_threads(threads);
    f(threads);
  }
  sgq::set_num_threads(0);
}

} // namespace kernel_test
