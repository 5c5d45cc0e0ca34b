// sgq/ops/reduce.hpp -- sums whose result depends on nothing but the numbers.
//
// A sum over n numbers is kept in 64-byte lanes, lane l adding x[l], x[l + L], x[l + 2L], ...; the
// lanes are added in double, in order. The lane count is fixed by the type, not by the machine, so
// every instruction set and every thread count gives the same bits, and the error of a sum of n
// floats is that of n / 16 additions.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/dispatch.hpp"

#include <cstring>

namespace sgq::ops {

/// A 64-byte vector of T: 16 floats or 8 doubles. The compiler splits it where registers are
/// smaller.
template <class T>
struct Lanes {
  typedef T type __attribute__((vector_size(64)));
  static constexpr index_t count = 64 / sizeof(T);
};

/// *sum = the sum of x[0..n).
template <class T>
SGQ_INLINE void sum_row(const T* x, index_t n, double* sum) {
  using V = typename Lanes<T>::type;
  constexpr index_t L = Lanes<T>::count;
  V lanes = {};
  index_t i = 0;
  for (; i + L <= n; i += L) {
    V v;
    std::memcpy(&v, x + i, sizeof v);
    lanes += v;
  }
  double total = 0;
  for (index_t l = 0; l < L; ++l) total += static_cast<double>(lanes[l]);
  for (; i < n; ++i) total += static_cast<double>(x[i]);
  *sum = total;
}

/// *sum = the sum of |x[i]|.
template <class T>
SGQ_INLINE void abs_sum_row(const T* x, index_t n, double* sum) {
  using V = typename Lanes<T>::type;
  constexpr index_t L = Lanes<T>::count;
  V lanes = {};
  index_t i = 0;
  for (; i + L <= n; i += L) {
    V v;
    std::memcpy(&v, x + i, sizeof v);
    lanes += v < 0 ? -v : v;
  }
  double total = 0;
  for (index_t l = 0; l < L; ++l) total += static_cast<double>(lanes[l]);
  for (; i < n; ++i) total += static_cast<double>(x[i] < T{0} ? -x[i] : x[i]);
  *sum = total;
}

/// out[c] += the sum of x over batch and plane; x is [N, C, H, W] or [N, C].
template <class T>
void add_channel_sums(View<const T> x, View<T> out) {
  const index_t channels = x.shape()[1], plane = x.shape().plane();
  check_shape("channel sums", {channels}, out.shape());
  if (plane == 1) { // [N, F]: whole rows at a time
    for (index_t n = 0; n < x.shape()[0]; ++n)
      for (index_t c = 0; c < channels; ++c) out[c] += x[n * channels + c];
    return;
  }
  parallel_for(channels, [&](index_t c) {
    double total = 0;
    for (index_t n = 0; n < x.shape()[0]; ++n) {
      double row;
      kernels::for_isa<sum_row<T>>(x.data() + (n * channels + c) * plane, plane, &row);
      total += row;
    }
    out[c] += static_cast<T>(total);
  });
}

/// y += x, element by element.
template <class T>
SGQ_INLINE void add_row(const T* x, T* y, index_t n) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) y[i] += x[i];
}
template <class T>
void add_to(View<const T> x, View<T> y) {
  check_shape("add", y.shape(), x.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    kernels::for_isa<add_row<T>>(x.data() + begin, y.data() + begin, end - begin);
  });
}

/// y = x.
template <class T>
void copy_to(View<const T> x, View<T> y) {
  check_shape("copy", y.shape(), x.shape());
  parallel_blocks(x.size(), 1 << 15, [&](index_t begin, index_t end) {
    std::copy(x.data() + begin, x.data() + end, y.data() + begin);
  });
}

} // namespace sgq::ops
