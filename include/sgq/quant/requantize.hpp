// sgq/quant/requantize.hpp -- the one function that turns an accumulator into a code.
//
// A layer sums products of integer codes: A = sum c_w a, exact. What follows it in the net (scales,
// bias, batch norm) is one affine map per output channel, m and t, rounded to float once. Then, in
// double,
//
//     v = A m + t                          + s_r r where a residual code r joins
//     q = rint(clip(v, 0, alpha) (n / alpha))
//
// A net in evaluation computes it so (ops/pact.hpp, which also looks at v for the backward pass),
// and the search for thresholds asks it (infer/thresholds.hpp). The integer engine compares with
// these thresholds, or estimates codes where it has proved that this gives the same
// (infer/estimate.hpp). So all three agree to the bit.
//
// Why no compiler flag, instruction set or FMA can change a code: a fused multiply-add differs from
// a multiplication and an addition only by not rounding the product. Both products that feed an
// addition here are exact in double, so there is nothing to round: |A| < 2^29 and the 24 bits of m
// make 53, and r < 2^29 likewise. The last product, clip(v) * (n/alpha), feeds rint and no
// addition. n/alpha is one correctly rounded division (inverse_step in quant/pact.hpp). What is
// left are single IEEE operations, which give the same bits everywhere (short of -ffast-math).
#pragma once

#include "sgq/core/shape.hpp"
#include "sgq/quant/pact.hpp"

#include <cmath>

namespace sgq::quant {

/// Accumulators must stay below this in magnitude for the proof above.
inline constexpr index_t accumulator_limit = index_t{1} << 29;

/// One channel's way from accumulator to pre-activation, v = A m + t.
struct ChannelAffine {
  float m = 1, t = 0;
};

/// Throws value_error unless m and t are finite.
inline void check_affine(const ChannelAffine& f) {
  if (!std::isfinite(f.m) || !std::isfinite(f.t))
    throw value_error(describe("channel scale and shift", "finite numbers",
                               to_text(f.m) + " and " + to_text(f.t),
                               "is the batch norm's variance negative or NaN?"));
}

/// v of an accumulator a. m and t hold float values; they are doubles so that a net of doubles can
/// use the function too.
SGQ_INLINE double preactivation(double a, double m, double t) {
  return a * m + t;
}

/// v where a residual code r of scale s_r, a float too, joins.
SGQ_INLINE double preactivation(double a, double m, double t, double s_r, double r) {
  return preactivation(a, m, t) + s_r * r;
}

/// The code of an accumulator, as a double that is an integer in 0..n. Where no residual joins, s_r
/// and r are 0.
SGQ_INLINE double requantize(double a, double m, double t, double s_r, double r, double alpha,
                             double inverse_step) {
  return pact_code(preactivation(a, m, t, s_r, r), alpha, inverse_step);
}

} // namespace sgq::quant
