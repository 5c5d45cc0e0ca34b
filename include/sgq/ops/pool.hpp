// sgq/ops/pool.hpp -- max and average pooling over windows of k x k, without padding.
//
//     max:      y = the largest of the window, or a NaN if it has one; the FIRST maximum in scan
//               order gets the gradient, unless these are PACT's codes (ops/pact_pool.hpp)
//     average:  y = the SUM of the window; its divisor joins the signal's scale, so that pooled
//               codes stay integers
//
// Both work on real numbers and on codes. Shapes: x [N, C, H, W] -> y [N, C, OH, OW] with
// OH = (H - k) / s + 1. Global average pooling sums whole planes, [N, C, H, W] -> [N, C].
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace sgq::ops {

struct PoolGeometry {
  index_t kernel = 2;
  index_t stride = 2;
  /// Windows along an extent; 0 where it is smaller than the kernel.
  index_t out(index_t extent) const { return extent < kernel ? 0 : (extent - kernel) / stride + 1; }
};

namespace detail {
/// [N, C, H, W] -> [N, C, OH, OW]. Throws shape_error.
inline void check_pooled(std::string_view what, const Shape& x, PoolGeometry g, const Shape& y) {
  check_shape(what, {x[0], x[1], g.out(x[2]), g.out(x[3])}, y);
}

/// b > a, or b is a NaN, which then stays.
template <class X>
SGQ_INLINE bool exceeds(X b, X a) {
  return (b > a) | (b != b);
}
} // namespace detail

/// n windows of 2 x 2, side by side. Which of four numbers is the largest cannot be predicted, so
/// there is no branch: comparisons, in the order of max_of_window, are numbers 0 and 1.
template <bool places, class X>
SGQ_INLINE void max_of_four(const X* top, const X* bottom, index_t n, X* y, std::uint8_t* where) {
  using At = std::conditional_t<sizeof(X) == 1, std::uint8_t, std::int32_t>; // as wide as X
  SGQ_SIMD
  for (index_t j = 0; j < n; ++j) {
    const X a = top[2 * j], b = top[2 * j + 1], c = bottom[2 * j], d = bottom[2 * j + 1];
    const At second = static_cast<At>(detail::exceeds(b, a));
    const X ab = detail::exceeds(b, a) ? b : a;
    const At third = static_cast<At>(detail::exceeds(c, ab));
    const X abc = detail::exceeds(c, ab) ? c : ab;
    const At fourth = static_cast<At>(detail::exceeds(d, abc));
    y[j] = detail::exceeds(d, abc) ? d : abc;
    if constexpr (!places) continue;
    const int of_three = (second & (third - 1)) | 2 * third; // 2 if third, else second
    where[j] = static_cast<std::uint8_t>((of_three & (fourth - 1)) | 3 * fourth);
  }
}

/// A row of n windows, in blocks whose size the compiler knows: pooled rows are short.
template <bool places, class X>
SGQ_INLINE void max_of_four_row(const X* top, index_t w, index_t n, X* y, std::uint8_t* where) {
  const index_t step = places ? 1 : 0; // of `where`, null without places
  index_t j = 0;
  for (; j + 8 <= n; j += 8)
    max_of_four<places>(top + 2 * j, top + w + 2 * j, 8, y + j, where + step * j);
  for (; j + 4 <= n; j += 4)
    max_of_four<places>(top + 2 * j, top + w + 2 * j, 4, y + j, where + step * j);
  for (; j < n; ++j) max_of_four<places>(top + 2 * j, top + w + 2 * j, 1, y + j, where + step * j);
}

template <class X>
SGQ_INLINE void max_of_window(const X* window, index_t w, index_t k, X* y, std::uint8_t* where) {
  X best = window[0];
  index_t at = 0;
  for (index_t a = 0; a < k; ++a)
    for (index_t b = 0; b < k; ++b)
      if (detail::exceeds(window[a * w + b], best)) {
        best = window[a * w + b];
        at = a * k + b;
      }
  *y = best;
  if (where) *where = static_cast<std::uint8_t>(at);
}

/// `planes` planes of h x w.
template <class X>
SGQ_INLINE void max_pool_planes(const X* in, index_t planes, index_t h, index_t w, PoolGeometry g,
                                X* y, std::uint8_t* where) {
  const index_t oh = g.out(h), ow = g.out(w);
  for (index_t p = 0; p < planes; ++p, in += h * w)
    for (index_t i = 0; i < oh; ++i, y += ow, where += where ? ow : 0) {
      const X* const row = in + i * g.stride * w;
      if (g.kernel != 2 || g.stride != 2)
        for (index_t j = 0; j < ow; ++j)
          max_of_window(row + j * g.stride, w, g.kernel, y + j, where ? where + j : where);
      else if (where)
        max_of_four_row<true>(row, w, ow, y, where);
      else
        max_of_four_row<false>(row, w, ow, y, where);
    }
}

/// y and, unless empty, `where`: the position of the first maximum in its window (row * k +
/// column). kernel is at most 15, so that a position fits one byte. Throws shape_error.
template <class X>
void max_pool_forward(View<const X> x, PoolGeometry g, View<X> y, View<std::uint8_t> where) {
  const index_t channels = x.shape()[1], h = x.shape()[2], w = x.shape()[3];
  const index_t in_size = channels * h * w, out_size = y.shape().stride();
  assert(g.kernel <= 15);
  detail::check_pooled("max pool", x.shape(), g, y.shape());
  if (!where.empty()) check_shape("max pool: positions", y.shape(), where.shape());
  parallel_for(x.shape()[0], [&](index_t n) {
    kernels::for_isa<max_pool_planes<X>>(x.data() + n * in_size, channels, h, w, g,
                                         y.data() + n * out_size,
                                         where.empty() ? nullptr : where.data() + n * out_size);
  });
}

/// The gradient of n windows of 2 x 2, side by side: all four values are written, three of them
/// masked to 0. The masks are made of the two bits of `where`: GCC 12 would compile comparisons
/// to branches.
template <class T>
SGQ_INLINE void to_one_of_four(const T* dy, const std::uint8_t* where, index_t n, T* top,
                               T* bottom) {
  using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
  SGQ_SIMD
  for (index_t j = 0; j < n; ++j) {
    const T sum = T{0} + dy[j]; // -0 becomes 0, as where gradients are added up
    const Bits g = __builtin_bit_cast(Bits, sum), at = where[j], right = -(at & 1);
    const Bits below = g & -(at >> 1), above = g ^ below;
    top[2 * j] = __builtin_bit_cast(T, above & ~right);
    top[2 * j + 1] = __builtin_bit_cast(T, above & right);
    bottom[2 * j] = __builtin_bit_cast(T, below & ~right);
    bottom[2 * j + 1] = __builtin_bit_cast(T, below & right);
  }
}

/// Two rows of a plane w wide, in blocks as in max_of_four_row.
template <class T>
SGQ_INLINE void to_one_of_four_row(const T* dy, const std::uint8_t* where, index_t n, index_t w,
                                   T* top) {
  T* const bottom = top + w;
  index_t j = 0;
  for (; j + 8 <= n; j += 8) to_one_of_four(dy + j, where + j, 8, top + 2 * j, bottom + 2 * j);
  for (; j + 4 <= n; j += 4) to_one_of_four(dy + j, where + j, 4, top + 2 * j, bottom + 2 * j);
  for (; j < n; ++j) to_one_of_four(dy + j, where + j, 1, top + 2 * j, bottom + 2 * j);
  for (j = 2 * n; j < w; ++j) top[j] = bottom[j] = 0;
}

/// `planes` planes of h x w.
template <class T>
SGQ_INLINE void max_pool_backward_planes(const T* dy, const std::uint8_t* where, index_t planes,
                                         index_t h, index_t w, PoolGeometry g, T* dx) {
  const index_t oh = g.out(h), ow = g.out(w);
  for (index_t p = 0; p < planes; ++p, dx += h * w)
    if (g.kernel == 2 && g.stride == 2) {
      for (index_t i = 0; i < oh; ++i, dy += ow, where += ow)
        to_one_of_four_row(dy, where, ow, w, dx + 2 * i * w);
      for (index_t j = 2 * oh * w; j < h * w; ++j) dx[j] = 0;
    } else {
      for (index_t j = 0; j < h * w; ++j) dx[j] = 0;
      for (index_t i = 0; i < oh; ++i)
        for (index_t j = 0; j < ow; ++j) {
          const index_t at = *where++;
          dx[(i * g.stride + at / g.kernel) * w + j * g.stride + at % g.kernel] += *dy++;
        }
    }
}

/// dx [N, C, H, W], H and W at least the kernel, overwritten: each dy goes to the position of its
/// maximum. Throws shape_error where dy or `where` is not of the pooled shape.
template <class T>
void max_pool_backward(View<const T> dy, View<const std::uint8_t> where, PoolGeometry g,
                       View<T> dx) {
  const index_t channels = dx.shape()[1], h = dx.shape()[2], w = dx.shape()[3];
  const index_t in_size = channels * h * w, out_size = dy.shape().stride();
  detail::check_pooled("max pool backward", dx.shape(), g, dy.shape());
  check_shape("max pool backward: positions", dy.shape(), where.shape());
  parallel_for(dx.shape()[0], [&](index_t n) {
    kernels::for_isa<max_pool_backward_planes<T>>(dy.data() + n * out_size,
                                                  where.data() + n * out_size, channels, h, w, g,
                                                  dx.data() + n * in_size);
  });
}

/// y = the sum of each window. Throws shape_error.
template <class X, class T>
void sum_pool_forward(View<const X> x, PoolGeometry g, View<T> y) {
  detail::check_pooled("sum pool", x.shape(), g, y.shape());
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
/// Throws shape_error.
template <class T>
void sum_pool_backward(View<const T> dy, PoolGeometry g, T scale, View<T> dx) {
  detail::check_pooled("sum pool backward", dx.shape(), g, dy.shape());
  const index_t channels = dx.shape()[1], h = dx.shape()[2], w = dx.shape()[3];
  const index_t oh = dy.shape()[2], ow = dy.shape()[3];
  parallel_for(dx.shape()[0] * channels, [&](index_t plane) {
    T* in = dx.data() + plane * h * w;
    std::fill(in, in + h * w, T{0});
    const T* out = dy.data() + plane * oh * ow;
    const bool apart = g.stride >= g.kernel; // a pixel is in one window
    for (index_t i = 0; i < oh; ++i)
      for (index_t j = 0; j < ow; ++j) {
        const T value = *out++;
        for (index_t a = 0; a < g.kernel; ++a)
          for (index_t b = 0; b < g.kernel; ++b)
            in[(i * g.stride + a) * w + j * g.stride + b] =
                apart ? scale * value
                      : std::fma(scale, value, in[(i * g.stride + a) * w + j * g.stride + b]);
      }
  });
}

/// y [N, C] = the sum of each plane of x [N, C, H, W], in scan order.
template <class X, class T>
void sum_planes_forward(View<const X> x, View<T> y) {
  const index_t plane = x.shape().plane();
  check_shape("sum of planes", {x.shape()[0], x.shape()[1]}, y.shape());
  parallel_for(y.size(), [&](index_t p) {
    const X* const in = x.data() + p * plane;
    T sum = 0;
    for (index_t i = 0; i < plane; ++i) sum += static_cast<T>(in[i]);
    y[p] = sum;
  });
}

/// dx [N, C, H, W] overwritten: every position of a plane gets scale * dy.
template <class T>
void sum_planes_backward(View<const T> dy, T scale, View<T> dx) {
  const index_t plane = dx.shape().plane();
  check_shape("sum of planes backward", {dx.shape()[0], dx.shape()[1]}, dy.shape());
  parallel_for(dy.size(), [&](index_t p) {
    std::fill_n(dx.data() + p * plane, plane, T{0} + scale * dy[p]); // -0 becomes 0
  });
}

} // namespace sgq::ops
