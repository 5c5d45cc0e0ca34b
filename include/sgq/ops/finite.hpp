// sgq/ops/finite.hpp -- is every number of a tensor finite?
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cmath>

namespace sgq::ops {

/// *bad = how many of x[0..n) are NaN or infinite. x - x is 0 for finite x only.
template <class T>
SGQ_INLINE void count_bad_row(const T* x, index_t n, index_t* bad) {
  index_t count = 0;
  SGQ_OMP(simd reduction(+ : count)) // integers: any order gives the same sum
  for (index_t i = 0; i < n; ++i) count += x[i] - x[i] == T{0} ? 0 : 1;
  *bad = count;
}

/// The flat index of the first NaN or infinity, or -1.
template <class T>
index_t find_nonfinite(View<const T> x) {
  index_t bad = 0;
  kernels::for_isa<count_bad_row<T>>(x.data(), x.size(), &bad);
  if (bad == 0) return -1;
  for (index_t i = 0; i < x.size(); ++i)
    if (!std::isfinite(x[i])) return i;
  return -1;
}

} // namespace sgq::ops
