// sgq/ops/pact_pool.hpp -- where max pooling of PACT's codes sends the gradient.
//
// Codes of few bits tie often. Among tied positions, the gradient goes to the largest
// pre-activation v (the number that PACT rounded), then to the first in scan order. A code is
// monotone in v, so this is where v is largest:
//
//     max code(v) = code(max v)
//
// The gradient is that of pooling v before quantising; the codes are the same. Taking the first
// tied code instead draws stripes into maps of few bits. Inference has no gradients and pools codes
// alone.
#pragma once

#include "sgq/ops/pool.hpp"
#include "sgq/ops/signal.hpp"
#include "sgq/quant/requantize.hpp"

#include <limits>

namespace sgq::ops {

/// n pre-activations of one channel, evaluated as PACT evaluates them; r may be null. NaN, whose
/// code is 0, becomes -infinity: otherwise it could win against a larger code. v may be u.
SGQ_INLINE void preactivation_row(const double* u, const double* r, index_t n, double m, double t,
                                  double s, double* v) {
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  if (!r) {
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) {
      const double x = quant::preactivation(u[i], m, t);
      v[i] = x > lowest ? x : lowest;
    }
    return;
  }
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    const double x = quant::preactivation(u[i], m, t, s, r[i]);
    v[i] = x > lowest ? x : lowest;
  }
}

/// n windows of 2 x 2, side by side: how many members come before the first that equals the
/// largest. Comparisons are numbers 0 and 1, as wide as v: GCC 12 vectorises eight windows
/// at once only if the loop has no narrower type.
SGQ_INLINE void position_of_four(const double* top, const double* bottom, index_t n,
                                 std::int64_t* at) {
  SGQ_SIMD
  for (index_t j = 0; j < n; ++j) {
    const double a = top[2 * j], b = top[2 * j + 1], c = bottom[2 * j], d = bottom[2 * j + 1];
    const double ab = b > a ? b : a, cd = d > c ? d : c, largest = cd > ab ? cd : ab;
    const std::int64_t not_a = a < largest, not_b = b < largest, not_c = c < largest;
    const std::int64_t not_ab = not_a & not_b;
    at[j] = not_a + not_ab + (not_ab & not_c);
  }
}

/// A row of n windows, in blocks as in max_of_four_row.
SGQ_INLINE void position_of_four_row(const double* top, index_t w, index_t n, std::int64_t* at) {
  const double* const bottom = top + w;
  index_t j = 0;
  for (; j + 8 <= n; j += 8) position_of_four(top + 2 * j, bottom + 2 * j, 8, at + j);
  for (; j + 4 <= n; j += 4) position_of_four(top + 2 * j, bottom + 2 * j, 4, at + j);
  for (; j < n; ++j) position_of_four(top + 2 * j, bottom + 2 * j, 1, at + j);
}

/// One plane v of h x w without a NaN. `at` has room for its windows.
SGQ_INLINE void position_of_max_plane(const double* v, index_t h, index_t w, PoolGeometry g,
                                      std::int64_t* at, std::uint8_t* where) {
  const index_t oh = g.out(h), ow = g.out(w);
  if (g.kernel == 2 && g.stride == 2) {
    for (index_t i = 0; i < oh; ++i) position_of_four_row(v + 2 * i * w, w, ow, at + i * ow);
    SGQ_SIMD
    for (index_t j = 0; j < oh * ow; ++j) where[j] = static_cast<std::uint8_t>(at[j]);
    return;
  }
  double largest = 0;
  for (index_t i = 0; i < oh; ++i)
    for (index_t j = 0; j < ow; ++j)
      max_of_window(v + (i * w + j) * g.stride, w, g.kernel, &largest, where++);
}

/// `where`, of the pooled shape: the position of the first largest v of each window, counted as in
/// max_pool_forward. v, [N, C, H, W], is what PACT rounded. Throws shape_error.
template <class T>
void max_preactivation(const Signal<T>& v, PoolGeometry g, View<std::uint8_t> where) {
  const index_t channels = v.channels(), h = v.shape[2], w = v.shape[3];
  const index_t plane = h * w, windows = g.out(h) * g.out(w);
  check_shape("max pool: positions", {v.batch(), channels, g.out(h), g.out(w)}, where.shape());
  const double s = static_cast<double>(v.residual_scale());
  parallel_for(v.batch(), [&](index_t n) {
    Arena::Scope scope(scratch());
    double* const values = scratch().take<double>(plane);
    double* const r_row = scratch().take<double>(plane);
    std::int64_t* const at = scratch().take<std::int64_t>(windows);
    for (index_t c = 0; c < channels; ++c) {
      const index_t p = n * channels + c;
      kernels::for_isa<preactivation_row>(
          read_row(v, p * plane, plane, values),
          v.residual ? read_row(*v.residual, p * plane, plane, r_row) : nullptr, plane,
          static_cast<double>(v.mul_at(c)), static_cast<double>(v.add_at(c)), s, values);
      kernels::for_isa<position_of_max_plane>(static_cast<const double*>(values), h, w, g, at,
                                              where.data() + p * windows);
    }
  });
}

} // namespace sgq::ops
