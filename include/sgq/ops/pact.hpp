// sgq/ops/pact.hpp -- PACT on a signal: the code of v = mul u + add (+ residual), in one sweep.
//
// The arithmetic of a code is quant/requantize.hpp's: double, exact products, one rounding. So in
// evaluation the codes of a quantised net are the same bits on any machine. The backward pass
// evaluates v again from the stored u instead of keeping it:
//
//     dv     = dq_value 1[0 < v < alpha]
//     dalpha = sum dq_value 1[v >= alpha]      (+ the rounding term of PACT+)
#pragma once

#include "sgq/ops/signal.hpp"
#include "sgq/quant/requantize.hpp"

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

template <bool joins, class U, class R>
SGQ_INLINE void pact_codes_part(const U* u, const R* r, const PactChannel& c, index_t n,
                                std::uint8_t* q) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i)
    q[i] = quant::store_code<std::uint8_t>(
        quant::pact_code(pact_value<joins>(u, r, c, i), c.alpha, c.inverse_step));
}

template <class U, class R>
SGQ_INLINE void pact_codes_row(const U* u, const R* r, PactChannel c, index_t n, std::uint8_t* q) {
  if (r)
    pact_codes_part<true>(u, r, c, n, q);
  else
    pact_codes_part<false>(u, r, c, n, q);
}

/// Up to 16 elements; lane l of `sum` gets element l's part of dalpha. Both derivatives are numbers
/// computed before the first store: GCC 12 makes branches of anything else.
template <quant::PactGradient gradient, bool joins, class T, class U, class R>
SGQ_INLINE void pact_backward_lanes(const U* u, const R* r, const T* dy, const PactChannel& c,
                                    index_t count, T* dx, double* sum) {
  SGQ_SIMD
  for (index_t l = 0; l < count; ++l) {
    const double v = pact_value<joins>(u, r, c, l);
    const T g = dy[l], slope = static_cast<T>(quant::pact_dx(v, c.alpha));
    const double weight = quant::pact_dalpha<gradient>(v, c.alpha, c.inverse_step, c.per_code);
    sum[l] += static_cast<double>(g) * weight;
    dx[l] = slope * g;
  }
}

template <quant::PactGradient gradient, bool joins, class T, class U, class R>
SGQ_INLINE void pact_backward_part(const U* u, const R* r, const T* dy, const PactChannel& c,
                                   index_t n, T* dx, double* dalpha) {
  constexpr index_t lanes = 16;
  double sum[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= n; i += lanes)
    pact_backward_lanes<gradient, joins>(u + i, joins ? r + i : r, dy + i, c, lanes, dx + i, sum);
  pact_backward_lanes<gradient, joins>(u + i, joins ? r + i : r, dy + i, c, n - i, dx + i, sum);
  *dalpha = 0;
  for (index_t l = 0; l < lanes; ++l) *dalpha += sum[l];
}

/// One plane; *dalpha = its part, in 16 fixed partial sums.
template <quant::PactGradient gradient, class T, class U, class R>
SGQ_INLINE void pact_signal_backward_row(const U* u, const R* r, const T* dy, PactChannel c,
                                         index_t n, T* dx, double* dalpha) {
  if (r)
    pact_backward_part<gradient, true>(u, r, dy, c, n, dx, dalpha);
  else
    pact_backward_part<gradient, false>(u, r, dy, c, n, dx, dalpha);
}

namespace detail {
/// Calls f(at, channel) for every plane (n, c) of v: its offset and its constants.
template <class T, class F>
void for_pact_planes(const Signal<T>& v, T alpha, int bits, F&& f) {
  quant::check_bits("PACT", bits);
  quant::check_alpha(alpha);
  const index_t channels = v.channels(), plane = v.shape.plane();
  const double s = v.residual ? static_cast<double>(static_cast<T>(v.residual->scale)) : 0;
  const double a = static_cast<double>(alpha), inverse = quant::inverse_step(alpha, bits);
  parallel_for(v.batch(), [&](index_t n) {
    for (index_t c = 0; c < channels; ++c)
      f((n * channels + c) * plane,
        PactChannel{static_cast<double>(v.mul_at(c)), static_cast<double>(v.add_at(c)), s, a,
                    inverse, 1.0 / quant::max_code(bits)});
  });
}
} // namespace detail

/// codes = rint(clip(v, 0, alpha) n/alpha).
template <class T>
void pact_codes(const Signal<T>& v, T alpha, int bits, View<std::uint8_t> codes) {
  check_shape("PACT", v.shape, codes.shape());
  const index_t plane = v.shape.plane();
  visit_with_residual(v, [&]<class U, class R>(const U* u, const R* r) {
    detail::for_pact_planes(v, alpha, bits, [&](index_t at, const PactChannel& c) {
      run_row<pact_codes_row<U, R>, T>(u + at, r ? r + at : r, c, plane, codes.data() + at);
    });
  });
}

/// dx overwritten (it may be dy); returns dL/dalpha, summed over the tensor in a fixed order.
template <class T>
T pact_codes_backward(const Signal<T>& v, T alpha, int bits, quant::PactGradient gradient,
                      View<const T> dy, View<T> dx) {
  check_shape("PACT backward", v.shape, dy.shape());
  const index_t plane = v.shape.plane(), planes = v.shape[0] * v.channels();
  Arena::Scope scope(scratch());
  double* partial = scratch().take<double>(planes);
  visit_with_residual(v, [&]<class U, class R>(const U* u, const R* r) {
    detail::for_pact_planes(v, alpha, bits, [&](index_t at, const PactChannel& c) {
      const R* residual = r ? r + at : r;
      double* sum = partial + at / plane;
      if (gradient == quant::PactGradient::paper)
        run_row<pact_signal_backward_row<quant::PactGradient::paper, T, U, R>, T>(
            u + at, residual, dy.data() + at, c, plane, dx.data() + at, sum);
      else
        run_row<pact_signal_backward_row<quant::PactGradient::plus, T, U, R>, T>(
            u + at, residual, dy.data() + at, c, plane, dx.data() + at, sum);
    });
  });
  double total = 0;
  for (index_t i = 0; i < planes; ++i) total += partial[i];
  return static_cast<T>(total);
}

} // namespace sgq::ops
