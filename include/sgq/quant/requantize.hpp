// sgq/quant/requantize.hpp -- THE function that turns an accumulator into a code.
//
// A layer sums products of integer codes: A = sum c_w a, exact. Per output channel, rounded to
// float once,
//
//     m = gamma s_w s_x / sqrt(var + eps)        t = gamma (b - mu) / sqrt(var + eps) + beta
//
// and then, in double,
//
//     v = A m + t                          + s_r r where a residual code r joins
//     q = rint(clip(v, 0, alpha) (n / alpha))
//
// Evaluation in training programs, the threshold search and the integer engine all call it, so they
// agree to the bit.
//
// Why no compiler flag, instruction set or FMA can change a code: a fused multiply-add differs from
// a multiplication and an addition only by not rounding the product. Both products that feed an
// addition here are exact in double, so there is nothing to round: |A| < 2^29 and the 24 bits of m
// make 53, and r < 2^29 likewise. The last product, clip(v) * (n/alpha), feeds rint and no
// addition. n/alpha is one correctly rounded division (inverse_step in quant/pact.hpp). What is
// left are single IEEE operations, which give the same bits everywhere (short of -ffast-math).
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/quant/pact.hpp"

#include <cmath>
#include <cstdint>
#include <span>

namespace sgq::quant {

/// Accumulators must stay below this in magnitude for the proof above.
inline constexpr index_t accumulator_limit = index_t{1} << 29;

/// One channel's way from accumulator to pre-activation, v = A m + t.
struct ChannelAffine {
  float m = 1, t = 0;
};

/// Batch norm of one channel; the defaults are "no batch norm".
struct ChannelNorm {
  double gamma = 1, beta = 0, mean = 0, var = 1, eps = 0;
};

/// Throws value_error unless m and t are finite.
inline void check_affine(const ChannelAffine& f) {
  if (!std::isfinite(f.m) || !std::isfinite(f.t))
    throw value_error(describe("channel scale and shift", "finite numbers",
                               to_text(f.m) + " and " + to_text(f.t),
                               "is the batch norm's variance negative or NaN?"));
}

/// m and t of one channel: `scale` is s_w s_x (exact in double, if both are floats), `bias` is b.
/// Computed in double, rounded to float once; no product in it feeds an addition. Throws
/// value_error where they are not finite.
inline ChannelAffine fold_channel(double scale, double bias, const ChannelNorm& bn = {}) {
  const double deviation = std::sqrt(bn.var + bn.eps);
  const ChannelAffine f{static_cast<float>(bn.gamma * scale / deviation),
                        static_cast<float>(bn.gamma * (bias - bn.mean) / deviation + bn.beta)};
  check_affine(f);
  return f;
}

/// v of an accumulator a. m and t are floats (as doubles they let the double net share the code).
SGQ_INLINE double preactivation(double a, double m, double t) {
  return a * m + t;
}

/// v where a residual code r of scale s_r, a float too, joins.
SGQ_INLINE double preactivation(double a, double m, double t, double s_r, double r) {
  return preactivation(a, m, t) + s_r * r;
}

/// The code of an accumulator, as a double that is an integer in 0..n.
SGQ_INLINE double requantize(double a, double m, double t, double alpha, double inverse_step) {
  return pact_code(preactivation(a, m, t), alpha, inverse_step);
}

/// The same with a residual code.
SGQ_INLINE double requantize(double a, double m, double t, double s_r, double r, double alpha,
                             double inverse_step) {
  return pact_code(preactivation(a, m, t, s_r, r), alpha, inverse_step);
}

/// n accumulators of one channel (A is float or int32_t; Code is uint8_t or the T of the net).
template <class A, class Code>
SGQ_INLINE void requantize_row(const A* a, index_t n, float m, float t, double alpha,
                               double inverse_step, Code* q) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i)
    q[i] = store_code<Code>(requantize(static_cast<double>(a[i]), m, t, alpha, inverse_step));
}

template <class A, class Code>
SGQ_INLINE void requantize_residual_row(const A* a, index_t n, float m, float t, float s_r,
                                        const Code* r, double alpha, double inverse_step, Code* q) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i)
    q[i] = store_code<Code>(requantize(static_cast<double>(a[i]), m, t, s_r,
                                       static_cast<double>(r[i]), alpha, inverse_step));
}

/// One accumulator of each of n channels: a row of {batch, features}.
template <class A, class Code>
SGQ_INLINE void requantize_features_row(const A* a, index_t n, const ChannelAffine* channel,
                                        double alpha, double inverse_step, Code* q) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i)
    q[i] = store_code<Code>(
        requantize(static_cast<double>(a[i]), channel[i].m, channel[i].t, alpha, inverse_step));
}

/// A residual input: codes of the same shape as the accumulators and their scale; codes empty
/// where there is none.
template <class Code>
struct Residual {
  View<const Code> codes{};
  float scale = 0;
};

/// Accumulators [N, C, H, W] or [N, C] to codes of `bits` bits of the same shape, one ChannelAffine
/// per channel. q may be a when the types are the same.
/// Throws shape_error on sizes that do not match, value_error on bad bits or alpha.
template <class A, class Code>
void requantize(View<const A> a, std::span<const ChannelAffine> channels, double alpha, int bits,
                View<Code> q, const Residual<Code>& residual = {}) {
  check_bits("requantize", bits);
  check_alpha(alpha);
  check_shape("requantize: codes", a.shape(), q.shape());
  const bool joins = residual.codes.data() != nullptr;
  if (joins) check_shape("requantize: residual", a.shape(), residual.codes.shape());
  const index_t c = static_cast<index_t>(channels.size()), plane = a.shape().plane();
  if (a.shape().rank() < 2 || a.shape()[1] != c)
    throw shape_error(describe("requantize", to_text(c) + " channels", a.shape().str()));
  const double inverse = inverse_step(alpha, bits);
  if (plane == 1 && !joins)
    return parallel_blocks(a.shape()[0], 64, [&](index_t begin, index_t end) {
      for (index_t at = begin * c; at < end * c; at += c)
        kernels::for_isa<requantize_features_row<A, Code>>(a.data() + at, c, channels.data(), alpha,
                                                           inverse, q.data() + at);
    });
  const index_t rows = std::max<index_t>(1, 16384 / std::max<index_t>(1, plane));
  parallel_blocks(a.shape()[0] * c, rows, [&](index_t begin, index_t end) {
    for (index_t row = begin; row < end; ++row) {
      const auto [m, t] = channels[static_cast<std::size_t>(row % c)];
      const index_t at = row * plane;
      if (joins)
        kernels::for_isa<requantize_residual_row<A, Code>>(
            a.data() + at, plane, m, t, residual.scale, residual.codes.data() + at, alpha, inverse,
            q.data() + at);
      else
        kernels::for_isa<requantize_row<A, Code>>(a.data() + at, plane, m, t, alpha, inverse,
                                                  q.data() + at);
    }
  });
}

} // namespace sgq::quant
