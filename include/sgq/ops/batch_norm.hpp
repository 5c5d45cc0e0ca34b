// sgq/ops/batch_norm.hpp -- batch normalisation (Ioffe and Szegedy, arXiv 1502.03167), per channel.
//
//     y = gamma (x - mu) / sqrt(var + eps) + beta
//
// The forward pass writes no tensor. From the stored tensor u (x = s u + b) it takes the channel
// moments and returns the affine map y = mul u + add, which the activation applies.
//
//     training:  mu, var are the batch's own (biased variance); the bias b cancels
//     backward:  xhat = (u - mean_u) inv_std,   inv_std = s / sqrt(var + eps)
//                dbeta = sum dy,   dgamma = sum dy xhat
//                dx = gamma / sqrt(var + eps) (dy - mean(dy) - xhat mean(dy xhat))
//
// With statistics held constant (evaluation, or input gradients that must not mix the images of a
// batch) dx = gamma / sqrt(var + eps) dy.
//
// Where ranks share a batch, they gather two numbers per plane in either direction, and each adds
// up all of them (core/shared_batch.hpp).
#pragma once

#include "sgq/core/shared_batch.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/ops/reduce.hpp"
#include "sgq/ops/signal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace sgq::ops {

/// Mean of x[0..n) and the sum of squared deviations from it, in two sweeps over a cached row: the
/// corrected two-pass algorithm (Chan, Golub, LeVeque 1983).
template <class T, class U>
struct MomentsRow {
  template <int Bytes>
  SGQ_INLINE static void run(const U* x, index_t n, double* mean, double* squares) {
    using L = kernels::Lanes<T, Bytes>;
    using V = typename L::Register;
    double total;
    SumRow<T, false, U>::template run<Bytes>(x, n, &total);
    const T mu = static_cast<T>(total / static_cast<double>(n));

    V deviations[L::registers] = {}, sq[L::registers] = {};
    index_t i = 0;
    for (; i + L::count <= n; i += L::count) {
      SGQ_UNROLL
      for (index_t r = 0; r < L::registers; ++r) {
        V v;
        L::load(x + i + r * L::width, v);
        v -= mu;
        deviations[r] += v;
        kernels::add_product<Bytes>(sq[r], v, v);
      }
    }
    double sum = L::total(sq), rest = L::total(deviations);
    for (; i < n; ++i) {
      const double d = static_cast<double>(x[i]) - static_cast<double>(mu);
      sum = kernels::multiply_add<Bytes>(d, d, sum);
      rest += d;
    }
    // mu carries the rounding error of a sum of large numbers. The deviations from it are small;
    // their sum would be 0 for the exact mean, so it corrects both results.
    const double shift = rest / static_cast<double>(n),
                 about_mean = kernels::multiply_add<Bytes>(-rest, shift, sum);
    *mean = static_cast<double>(mu) + shift;
    *squares = about_mean > 0 ? about_mean : 0;
  }
};

/// The moments of every plane of u [N, C, H, W], two numbers each. A convolution takes those of an
/// image as soon as it has written it, which saves a sweep over memory.
template <class T>
struct PlaneMoments {
  const T* u;
  index_t channels, plane;
  double* to;

  void operator()(index_t n) const {
    for (index_t c = n * channels; c < (n + 1) * channels; ++c)
      kernels::for_registers<MomentsRow<T, T>>(u + c * plane, plane, to + 2 * c, to + 2 * c + 1);
  }
};

/// Mean and biased variance of u over batch and plane, per channel. Planes are merged in batch
/// order (Chan, Golub, LeVeque 1979), so no sum of squares ever cancels.
template <class T>
void channel_moments(const Signal<T>& s, View<T> mean, View<T> variance) {
  const index_t channels = s.channels(), plane = s.shape.plane(), batch = whole_batch(s.batch());
  Arena::Scope scope(scratch());
  visit_storage(s, [&]<class U>(const U* u) {
    const auto take = [&](index_t n, index_t c, double* to) {
      kernels::for_registers<MomentsRow<T, U>>(u + (n * channels + c) * plane, plane, to, to + 1);
    };
    const double* const moments = s.moments ? gather_images(s.moments, s.batch(), 2 * channels)
                                            : gather_planes<2>(s.batch(), channels, take);
    parallel_for(channels, [&](index_t c) {
      double mu = 0, squares = 0, count = 0;
      for (index_t n = 0; n < batch; ++n) {
        double at_plane[2];
        if (moments)
          std::copy_n(moments + 2 * (n * channels + c), 2, at_plane);
        else
          take(n, c, at_plane);
        const double m = at_plane[0], q = at_plane[1];
        const double here = static_cast<double>(plane), total = count + here, delta = m - mu;
        mu += delta * here / total;
        squares += q + delta * delta * count * here / total;
        count = total;
      }
      mean[c] = static_cast<T>(mu);
      variance[c] = static_cast<T>(squares / count);
    });
  });
}

/// *a = sum dy, *b = sum dy (u - mu). The next row lies `ahead` elements further on. It is
/// prefetched because hardware prefetching stops at page boundaries.
template <class T, class U>
struct NormSumsRow {
  template <int Bytes>
  SGQ_INLINE static void run(const U* u, const T* dy, T mu, index_t n, index_t ahead, double* a,
                             double* b) {
    using L = kernels::Lanes<T, Bytes>;
    using V = typename L::Register;
    V sum[L::registers] = {}, dot[L::registers] = {};
    index_t i = 0;
    for (; i + L::count <= n; i += L::count) {
      SGQ_UNROLL
      for (index_t r = 0; r < L::registers; ++r) {
        V x, g;
        L::load(u + i + r * L::width, x);
        L::load(dy + i + r * L::width, g);
        sum[r] += g;
        x -= mu;
        kernels::add_product<Bytes>(dot[r], g, x);
      }
      __builtin_prefetch(u + ahead + i);
      __builtin_prefetch(dy + ahead + i);
    }
    double s = L::total(sum), d = L::total(dot);
    for (; i < n; ++i) {
      s += static_cast<double>(dy[i]);
      const double x = static_cast<double>(u[i]) - static_cast<double>(mu);
      d = kernels::multiply_add<Bytes>(static_cast<double>(dy[i]), x, d);
    }
    *a = s;
    *b = d;
  }
};

/// dx = g dy + k u + h: the backward formula with its per-channel constants gathered.
template <class T, class U>
struct NormBackwardRow {
  template <int Bytes>
  SGQ_INLINE static void run(const U* u, const T* dy, T g, T k, T h, index_t n, T* dx) {
    using kernels::multiply_add;
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i)
      dx[i] = multiply_add<Bytes>(g, dy[i], multiply_add<Bytes>(k, static_cast<T>(u[i]), h));
  }
};

/// What the backward pass needs of a channel: see the head of this file.
template <class T>
struct NormChannels {
  View<const T> mean;    ///< of u
  View<const T> inv_std; ///< s / sqrt(var + eps)
  View<const T> gain;    ///< gamma / sqrt(var + eps)
};

namespace detail {

/// The sums of dy and of dy (u - mean) of channel c: of the planes' `sums` where they are at hand,
/// else take(n, c, to) writes those of a plane.
template <class Take>
std::array<double, 2> channel_sums(const double* sums, Take& take, index_t batch, index_t channels,
                                   index_t c) {
  std::array<double, 2> total{};
  for (index_t n = 0; n < batch; ++n) {
    double at_plane[2];
    if (sums)
      std::copy_n(sums + 2 * (n * channels + c), 2, at_plane);
    else
      take(n, c, at_plane);
    total[0] += at_plane[0];
    total[1] += at_plane[1];
  }
  return total;
}

template <class T>
void check_norm_gradients(const Signal<T>& in, View<const T> dy, View<T> dx, View<T> dgamma,
                          View<T> dbeta) {
  check_shape("batch norm backward", in.shape, dy.shape());
  if (!dx.empty()) check_shape("batch norm backward: dx", in.shape, dx.shape());
  for (const View<T>& sums : {dgamma, dbeta})
    if (!sums.empty())
      check_shape("batch norm backward: dgamma, dbeta", {in.channels()}, sums.shape());
}

} // namespace detail

/// dgamma, dbeta += (skipped where empty); dx overwritten (skipped where empty), dx may be dy.
/// Throws shape_error unless their shapes fit.
template <class T>
void batch_norm_backward(const Signal<T>& in, const NormChannels<T>& at, View<const T> dy,
                         bool constant_statistics, View<T> dx, View<T> dgamma, View<T> dbeta) {
  detail::check_norm_gradients<T>(in, dy, dx, dgamma, dbeta);
  const index_t channels = in.channels(), plane = in.shape.plane(), batch = in.batch();
  const index_t whole = whole_batch(batch);
  const double count = static_cast<double>(whole * plane);
  const bool wants_sums = !constant_statistics || !dgamma.empty() || !dbeta.empty();
  Arena::Scope scope(scratch());
  visit_storage(in, [&]<class U>(const U* u) {
    const auto take = [&](index_t n, index_t c, double* to) {
      const index_t row = (n * channels + c) * plane;
      const index_t ahead = n + 1 < batch ? channels * plane : 0;
      kernels::for_registers<NormSumsRow<T, U>>(u + row, dy.data() + row, at.mean[c], plane, ahead,
                                                to, to + 1);
    };
    const double* const sums = wants_sums ? gather_planes<2>(batch, channels, take) : nullptr;
    parallel_for(channels, [&](index_t c) {
      const auto [sum, dot] = detail::channel_sums(sums, take, wants_sums ? whole : 0, channels, c);
      const double inv_std = static_cast<double>(at.inv_std[c]),
                   gain = static_cast<double>(at.gain[c]);
      if (!dgamma.empty()) dgamma[c] += static_cast<T>(dot * inv_std);
      if (!dbeta.empty()) dbeta[c] += static_cast<T>(sum);
      if (dx.empty()) return;
      // gain (dy - sum/count - (u - mean) inv_std^2 dot/count) = gain dy + k u + h
      const double k = constant_statistics ? 0 : -gain * inv_std * inv_std * dot / count;
      const double h = constant_statistics
                           ? 0
                           : std::fma(-k, static_cast<double>(at.mean[c]), -gain * sum / count);
      for (index_t n = 0; n < batch; ++n) {
        const index_t row = (n * channels + c) * plane;
        kernels::for_registers<NormBackwardRow<T, U>>(u + row, dy.data() + row, at.gain[c],
                                                      static_cast<T>(k), static_cast<T>(h), plane,
                                                      dx.data() + row);
      }
    });
  });
}

} // namespace sgq::ops
