// sgq/ops/pool.hpp -- max and average pooling over windows of k x k, without padding.
//
//     max:      y = the largest of the window; the FIRST maximum in scan order gets the gradient
//     average:  y = the SUM of the window; its divisor joins the signal's scale, so that pooled
//               codes stay integers
//
// Both work on real numbers and on codes. Shapes: x [N, C, H, W] -> y [N, C, OH, OW] with
// OH = (H - k) / s + 1. Global average pooling is k = H.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"

#include <cstdint>

namespace sgq::ops {

struct PoolGeometry {
  index_t kernel = 2;
  index_t stride = 2;
  index_t out(index_t extent) const { return (extent - kernel) / stride + 1; }
};

/// y and `where`, the position of the first maximum in its window (row * k + column).
/// kernel is at most 15, so that a position fits one byte.
template <class X>
void max_pool_forward(View<const X> x, PoolGeometry g, View<X> y, View<std::uint8_t> where) {
  const index_t h = x.shape()[2], w = x.shape()[3], oh = y.shape()[2], ow = y.shape()[3];
  assert(g.kernel <= 15 && oh == g.out(h) && ow == g.out(w));
  parallel_for(x.shape()[0], [&](index_t n) {
    const index_t channels = x.shape()[1];
    const X* in = x.data() + n * channels * h * w;
    X* out = y.data() + n * channels * oh * ow;
    std::uint8_t* position = where.data() + n * channels * oh * ow;
    for (index_t c = 0; c < channels; ++c, in += h * w)
      for (index_t i = 0; i < oh; ++i)
        for (index_t j = 0; j < ow; ++j) {
          const X* window = in + i * g.stride * w + j * g.stride;
          X best = window[0];
          index_t at = 0;
          for (index_t a = 0; a < g.kernel; ++a)
            for (index_t b = 0; b < g.kernel; ++b)
              if (window[a * w + b] > best) {
                best = window[a * w + b];
                at = a * g.kernel + b;
              }
          *out++ = best;
          *position++ = static_cast<std::uint8_t>(at);
        }
  });
}

/// dx overwritten: each dy goes to the position of its maximum.
template <class T>
void max_pool_backward(View<const T> dy, View<const std::uint8_t> where, PoolGeometry g,
                       View<T> dx) {
  const index_t channels = dx.shape()[1], h = dx.shape()[2], w = dx.shape()[3];
  const index_t oh = dy.shape()[2], ow = dy.shape()[3];
  parallel_for(dx.shape()[0], [&](index_t n) {
    T* in = dx.data() + n * channels * h * w;
    std::fill(in, in + channels * h * w, T{0});
    const T* out = dy.data() + n * channels * oh * ow;
    const std::uint8_t* position = where.data() + n * channels * oh * ow;
    for (index_t c = 0; c < channels; ++c, in += h * w)
      for (index_t i = 0; i < oh; ++i)
        for (index_t j = 0; j < ow; ++j) {
          const index_t at = *position++;
          in[(i * g.stride + at / g.kernel) * w + j * g.stride + at % g.kernel] += *out++;
        }
  });
}

/// y = the sum of each window.
template <class X, class T>
void sum_pool_forward(View<const X> x, PoolGeometry g, View<T> y) {
  const index_t channels = x.shape()[1], h = x.shape()[2], w = x.shape()[3];
  const index_t oh = y.shape()[2], ow = y.shape()[3];
  parallel_for(x.shape()[0] * channels, [&](index_t plane) {
    const X* in = x.data() + plane * h * w;
    T* out = y.data() + plane * oh * ow;
    for (index_t i = 0; i < oh; ++i)
      for (index_t j = 0; j < ow; ++j) {
        T sum = 0;
        for (index_t a = 0; a < g.kernel; ++a)
          for (index_t b = 0; b < g.kernel; ++b)
            sum += static_cast<T>(in[(i * g.stride + a) * w + j * g.stride + b]);
        *out++ = sum;
      }
  });
}

/// dx overwritten: every position of a window gets scale * dy, scale = 1 / k^2 for an average.
template <class T>
void sum_pool_backward(View<const T> dy, PoolGeometry g, T scale, View<T> dx) {
  const index_t channels = dx.shape()[1], h = dx.shape()[2], w = dx.shape()[3];
  const index_t oh = dy.shape()[2], ow = dy.shape()[3];
  parallel_for(dx.shape()[0] * channels, [&](index_t plane) {
    T* in = dx.data() + plane * h * w;
    std::fill(in, in + h * w, T{0});
    const T* out = dy.data() + plane * oh * ow;
    for (index_t i = 0; i < oh; ++i)
      for (index_t j = 0; j < ow; ++j) {
        const T share = scale * *out++;
        for (index_t a = 0; a < g.kernel; ++a)
          for (index_t b = 0; b < g.kernel; ++b)
            in[(i * g.stride + a) * w + j * g.stride + b] += share;
      }
  });
}

} // namespace sgq::ops
