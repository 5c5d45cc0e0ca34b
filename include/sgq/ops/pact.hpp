// sgq/ops/pact.hpp -- PACT on a signal: the code of v = mul u + add (+ residual), in one sweep.
//
// The arithmetic of a code is quant/requantize.hpp's: double, exact products, one rounding. So in
// evaluation the codes of a quantised net are the same bits on any machine. For the backward pass
// the forward one notes in a byte where v lies:
//
//     dv     = dq_value 1[0 < v < alpha]
//     dalpha = sum dq_value 1[v >= alpha]
//
// PACT+ adds a rounding term to dalpha, for which it evaluates v again from the stored u.
#pragma once

#include "sgq/ops/reduce.hpp"
#include "sgq/ops/signal.hpp"
#include "sgq/quant/requantize.hpp"

#include <numeric>

namespace sgq::ops {

/// m, t: of the channel; s: scale of the residual r, which may be null.
struct PactChannel {
  double m, t, s, alpha, inverse_step, per_code;
};

template <bool joins, class U, class R>
SGQ_INLINE double pact_value(const U* u, const R* r, const PactChannel& c, index_t i) {
  const double a = static_cast<double>(u[i]);
  if constexpr (joins) return quant::preactivation(a, c.m, c.t, c.s, static_cast<double>(r[i]));
  return quant::preactivation(a, c.m, c.t);
}

/// Where v lies: below the clip's range 0, inside it 1, clipped 2; NaN 0.
SGQ_INLINE double pact_region(double v, double alpha) {
  return static_cast<double>(v > 0.0) + static_cast<double>(v >= alpha);
}

template <bool joins, bool notes, class U, class R>
SGQ_INLINE void pact_codes_part(const U* u, const R* r, const PactChannel& c, index_t n,
                                std::uint8_t* q, std::uint8_t* regions) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    const double v = pact_value<joins>(u, r, c, i);
    if constexpr (notes)
      regions[i] = static_cast<std::uint8_t>(static_cast<int>(pact_region(v, c.alpha)));
    q[i] = quant::store_code(quant::pact_code(v, c.alpha, c.inverse_step));
  }
}

template <class U, class R>
SGQ_INLINE void pact_codes_row(const U* u, const R* r, PactChannel c, index_t n, std::uint8_t* q,
                               std::uint8_t* regions) {
  if (r && regions)
    pact_codes_part<true, true>(u, r, c, n, q, regions);
  else if (r)
    pact_codes_part<true, false>(u, r, c, n, q, regions);
  else if (regions)
    pact_codes_part<false, true>(u, r, c, n, q, regions);
  else
    pact_codes_part<false, false>(u, r, c, n, q, regions);
}

/// Eq. 3 of PACT (arXiv 1805.06085) on a plane: *dalpha = its part, in the order of LaneSum. GCC 12
/// vectorises a loop that reads bytes and floats and also sums with only four floats per vector. So
/// a block's clipped gradients are stored first, then converted to doubles, sixteen at once, and
/// summed.
template <class T>
struct PactBackwardRow {
  template <int Bytes>
  SGQ_INLINE static void run(const std::uint8_t* regions, const T* dy, index_t n, T* dx,
                             double* dalpha) {
    using L = kernels::Lanes<double, Bytes, kernels::LaneSum::lanes>;
    constexpr index_t block = 1024;
    T clipped[block];
    typename L::Register sums[L::registers] = {};
    for (index_t begin = 0; begin < n; begin += block) {
      index_t count = n - begin < block ? n - begin : block;
      SGQ_SIMD
      for (index_t i = 0; i < count; ++i) {
        const T g = dy[begin + i];
        const int region = regions[begin + i];
        clipped[i] = static_cast<T>(region >> 1) * g;
        dx[begin + i] = static_cast<T>(region & 1) * g;
      }
      for (; count % L::count != 0; ++count) clipped[count] = 0;
      for (index_t i = 0; i < count; i += L::count) {
        double wide[L::count];
        SGQ_SIMD
        for (index_t l = 0; l < L::count; ++l) wide[l] = static_cast<double>(clipped[i + l]);
        L::add(wide, sums);
      }
    }
    *dalpha = L::total(sums);
  }
};

/// PACT+ on a plane. Both derivatives are computed as numbers before the first store; otherwise
/// GCC 12 emits branches.
template <bool joins, class T, class U, class R>
SGQ_INLINE void pact_plus_backward_part(const U* u, const R* r, const T* dy, const PactChannel& c,
                                        index_t n, T* dx, double* dalpha) {
  kernels::LaneSum sum;
  kernels::for_lanes(n, [&](index_t i, index_t l) SGQ_INLINE_LAMBDA {
    const double v = pact_value<joins>(u, r, c, i);
    const T g = dy[i], slope = static_cast<T>(quant::pact_dx(v, c.alpha));
    // Rounded to T: of floats, the product below is exact, whether it is fused or not.
    const T weight =
        static_cast<T>(quant::pact_plus_dalpha(v, c.alpha, c.inverse_step, c.per_code));
    dx[i] = slope * g;
    sum.lane[l] += static_cast<double>(g) * static_cast<double>(weight);
  });
  *dalpha = sum.total();
}

template <class T, class U, class R>
SGQ_INLINE void pact_plus_backward_row(const U* u, const R* r, const T* dy, PactChannel c,
                                       index_t n, T* dx, double* dalpha) {
  if (r)
    pact_plus_backward_part<true>(u, r, dy, c, n, dx, dalpha);
  else
    pact_plus_backward_part<false>(u, r, dy, c, n, dx, dalpha);
}

namespace detail {
/// Calls f(at, channel) for every plane (n, c) of v: its offset and its constants.
template <class T, class F>
void for_pact_planes(const Signal<T>& v, T alpha, int bits, F&& f) {
  quant::check_bits("PACT", bits);
  quant::check_alpha(alpha);
  const index_t channels = v.channels(), plane = v.shape.plane();
  for (index_t c = 0; c < channels; ++c) // a NaN would become the code 0
    if (!std::isfinite(v.mul_at(c)) || !std::isfinite(v.add_at(c)))
      throw value_error(describe("PACT, channel " + to_text(c),
                                 "a finite scale and a finite offset",
                                 to_text(v.mul_at(c)) + " and " + to_text(v.add_at(c)),
                                 "look at the bias or batch norm before it; a lower learning "
                                 "rate often helps"));
  const double s = static_cast<double>(v.residual_scale());
  const double a = static_cast<double>(alpha), inverse = quant::inverse_step(alpha, bits);
  parallel_for(v.batch(), [&](index_t n) {
    for (index_t c = 0; c < channels; ++c)
      f((n * channels + c) * plane,
        PactChannel{static_cast<double>(v.mul_at(c)), static_cast<double>(v.add_at(c)), s, a,
                    inverse, 1.0 / quant::max_code(bits)});
  });
}

/// The sum of one number per plane, [N, C], over the whole batch.
inline double sum_planes(const double* of_plane, index_t batch, index_t channels) {
  const double* const of_image = numbers_of_images(batch, [&](index_t n) {
    return std::accumulate(of_plane + n * channels, of_plane + (n + 1) * channels, 0.0);
  });
  return sum_by_blocks(whole_batch(batch), [&](index_t n) { return of_image[n]; });
}
} // namespace detail

/// codes = rint(clip(v, 0, alpha) n/alpha). `regions`, unless empty, gets pact_region of each.
template <class T>
void pact_codes(const Signal<T>& v, T alpha, int bits, View<std::uint8_t> codes,
                View<std::uint8_t> regions = {}) {
  check_shape("PACT: codes", v.shape, codes.shape());
  if (!regions.empty()) check_shape("PACT: regions", v.shape, regions.shape());
  const index_t plane = v.shape.plane();
  detail::for_pact_planes(v, alpha, bits, [&](index_t at, const PactChannel& c) {
    visit_row(v, at, plane, [&]<class U, class R>(const U* u, const R* r) {
      kernels::for_isa<pact_codes_row<U, R>>(u, r, c, plane, codes.data() + at,
                                             regions.empty() ? nullptr : regions.data() + at);
    });
  });
}

/// The same for all planes, from the regions that pact_codes noted, [N, C, ..]. dx is overwritten
/// (it may be dy); returns dL/dalpha, summed by blocks of images, or 0 if it is not wanted.
template <class T>
T pact_codes_backward(View<const std::uint8_t> regions, View<const T> dy, View<T> dx,
                      bool wants_dalpha = true) {
  check_shape("PACT backward", regions.shape(), dy.shape());
  check_shape("PACT backward: dx", regions.shape(), dx.shape());
  const index_t batch = regions.shape()[0], channels = regions.shape()[1];
  const index_t plane = regions.shape().plane();
  Arena::Scope scope(scratch());
  double* partial = scratch().take<double>(batch * channels);
  parallel_for(batch, [&](index_t n) {
    for (index_t i = n * channels; i < (n + 1) * channels; ++i)
      kernels::for_registers<PactBackwardRow<T>>(regions.data() + i * plane, dy.data() + i * plane,
                                                 plane, dx.data() + i * plane, partial + i);
  });
  return wants_dalpha ? static_cast<T>(detail::sum_planes(partial, batch, channels)) : T{0};
}

/// PACT+, which needs v again.
template <class T>
T pact_plus_codes_backward(const Signal<T>& v, T alpha, int bits, View<const T> dy, View<T> dx,
                           bool wants_dalpha = true) {
  check_shape("PACT+ backward", v.shape, dy.shape());
  check_shape("PACT+ backward: dx", v.shape, dx.shape());
  const index_t plane = v.shape.plane();
  Arena::Scope scope(scratch());
  double* partial = scratch().take<double>(v.shape[0] * v.channels());
  detail::for_pact_planes(v, alpha, bits, [&](index_t at, const PactChannel& c) {
    visit_row(v, at, plane, [&]<class U, class R>(const U* u, const R* r) {
      kernels::for_isa<pact_plus_backward_row<T, U, R>>(u, r, dy.data() + at, c, plane,
                                                        dx.data() + at, partial + at / plane);
    });
  });
  return wants_dalpha ? static_cast<T>(detail::sum_planes(partial, v.shape[0], v.channels()))
                      : T{0};
}

} // namespace sgq::ops
