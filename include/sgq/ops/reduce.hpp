// sgq/ops/reduce.hpp -- sums and additions of tensors, in the fixed order of
// kernels/simd/lane_sum.hpp.
#pragma once

#include "sgq/core/shared_batch.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/lane_sum.hpp"

namespace sgq::ops {

/// *sum = the sum of x[0..n), or of |x[i]|, in lanes of T.
template <class T, bool Absolute = false, class U = T>
struct SumRow {
  template <int Bytes>
  SGQ_INLINE static void run(const U* x, index_t n, double* sum) {
    using L = kernels::Lanes<T, Bytes>;
    typename L::Register lanes[L::registers] = {};
    index_t i = 0;
    for (; i + L::count <= n; i += L::count) {
      SGQ_UNROLL
      for (index_t r = 0; r < L::registers; ++r) {
        typename L::Register v;
        L::load(x + i + r * L::width, v);
        if constexpr (Absolute) v = v < 0 ? -v : v;
        lanes[r] += v;
      }
    }
    double total = L::total(lanes);
    for (; i < n; ++i) total += static_cast<double>(Absolute && x[i] < U{0} ? -x[i] : x[i]);
    *sum = total;
  }
};

/// out[c] += the sum of x over batch and plane; x is [N, C, H, W] or [N, C].
template <class T>
void add_channel_sums(View<const T> x, View<T> out) {
  const index_t channels = x.shape()[1], plane = x.shape().plane(), images = x.shape()[0];
  check_shape("channel sums", {channels}, out.shape());
  const auto of_plane = [&](index_t n, index_t c) {
    if (plane == 1) return static_cast<double>(x[n * channels + c]);
    double row;
    kernels::for_registers<SumRow<T>>(x.data() + (n * channels + c) * plane, plane, &row);
    return row;
  };
  Arena::Scope scope(scratch());
  const auto write = [&](index_t n, index_t c, double* to) { *to = of_plane(n, c); };
  const double* const shared = gather_planes<1>(images, channels, write);
  const index_t whole = whole_batch(images);
  parallel_for(channels, [&](index_t c) {
    out[c] += static_cast<T>(sum_by_blocks(
        whole, [&](index_t n) { return shared ? shared[n * channels + c] : of_plane(n, c); }));
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
