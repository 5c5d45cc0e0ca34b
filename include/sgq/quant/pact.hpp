// sgq/quant/pact.hpp -- PACT: the ReLU with a learnable clip whose output is a k-bit code.
//
//     y = clip(x, 0, alpha)        n = 2^k - 1
//     q = rint(y (n / alpha))      in {0..n}
//     y_q = q (alpha / n)
//
//     dy_q/dx     = 1[0 < x < alpha]             0 at x = 0 and at x >= alpha
//     dy_q/dalpha = 1[x >= alpha]                summed over the whole tensor, batch included
//
// Choi et al., "PACT: Parameterized Clipping Activation for Quantized Neural Networks", 2018,
// arXiv 1805.06085, eq. 1-3. The paper's 0.5 (|x| - |x - alpha| + alpha) is the same clip, but
// cancels badly. Letting automatic differentiation go through alpha/n as well adds
// 1[0 < x < alpha] (rint(z) - z)/n, z = x n/alpha, to dalpha: that is PACT+, which equals unsigned
// LSQ, not the paper's eq. 3.
//
// Here are the functions of one number; ops/pact.hpp sweeps over tensors with them. Codes are
// computed in double in every build and for every T, so that PACT on a pre-activation and the
// requantiser on an accumulator (quant/requantize.hpp) are one function.
#pragma once

#include "sgq/quant/bits.hpp"
#include "sgq/quant/rounding.hpp"

#include <cmath>
#include <cstdint>

namespace sgq::quant {

/// The least alpha: after an optimiser step, smaller values are raised to it.
inline constexpr double alpha_floor = 1e-3;

/// The paper's example of a constant start.
inline constexpr double alpha_constant = 10.0;

enum class PactGradient {
  paper, ///< eq. 3: alpha learns from the clipped elements only
  plus,  ///< PACT+: also from the rounding error of the others
};

/// "paper" | "plus"
constexpr std::string_view name(PactGradient gradient) {
  return gradient == PactGradient::paper ? "paper" : "plus";
}

/// The inverse. Throws value_error on any other text.
inline PactGradient parse_pact_gradient(std::string_view text) {
  for (PactGradient gradient : {PactGradient::paper, PactGradient::plus})
    if (text == name(gradient)) return gradient;
  throw value_error(describe("PACT gradient", "paper or plus", "'" + std::string(text) + "'"));
}

/// Throws value_error unless alpha is a positive finite number.
template <class T>
void check_alpha(T alpha) {
  if (!(alpha > T(0)) || !std::isfinite(alpha))
    throw value_error(describe("PACT: alpha", "a positive finite number", to_text(alpha)));
}

/// n / alpha, in double: codes per unit of x. Every code in the library is made with this factor.
template <class T>
double inverse_step(T alpha, int bits) {
  return static_cast<double>(max_code(bits)) / static_cast<double>(alpha);
}

/// alpha / n: the value of code 1, the scale s_x that the next layer multiplies with.
template <class T>
T pact_scale(T alpha, int bits) {
  return static_cast<T>(static_cast<double>(alpha) / static_cast<double>(max_code(bits)));
}

/// clip(x, 0, alpha). A NaN stays one. Each line is one max or min instruction.
template <class V>
SGQ_INLINE V pact_clip(V x, V alpha) {
  const V above = V(0) > x ? V(0) : x;
  return alpha < above ? alpha : above;
}

/// The code of one pre-activation.
template <class Round = round_nearest, class V>
SGQ_INLINE double pact_code(V x, V alpha, double inverse_step) {
  return Round::apply(static_cast<double>(pact_clip(x, alpha)) * inverse_step);
}

/// A code as it is stored; NaN becomes 0.
SGQ_INLINE std::uint8_t store_code(double q) {
  return static_cast<std::uint8_t>(static_cast<int>(q > 0.0 ? q : 0.0));
}

/// dy_q/dx of one element. Conditions are numbers 0 and 1 here, and `&` joins them: a branch would
/// keep the loops around from being vectorised.
template <class T>
SGQ_INLINE T pact_dx(T x, T alpha) {
  return static_cast<T>((x > T(0)) & (x < alpha));
}

/// PACT+'s dy_q/dalpha of one element; per_code = 1/n. (The paper's is 1[x >= alpha].)
template <class Round = round_nearest, class V>
SGQ_INLINE double pact_plus_dalpha(V x, V alpha, double inverse_step, double per_code) {
  const double clipped = static_cast<double>(static_cast<V>(x >= alpha));
  // z of the clipped x: an infinite error times 0 would be NaN.
  const double clip = static_cast<double>(pact_clip(x, alpha));
  const double error = std::fma(-clip, inverse_step, Round::apply(clip * inverse_step));
  return clipped + static_cast<double>(pact_dx(x, alpha)) * (error * per_code);
}

} // namespace sgq::quant
