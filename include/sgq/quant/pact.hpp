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
// Codes are computed in double in every build and for every T, so that PACT on a pre-activation and
// the requantiser on an accumulator (quant/requantize.hpp) are one function.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/quant/bits.hpp"
#include "sgq/quant/rounding.hpp"

#include <cmath>
#include <cstdint>

namespace sgq::quant {

/// The least alpha: an optimiser step that goes below is brought back to it.
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

/// A code as it is stored: as T, or as uint8_t (there NaN becomes 0).
template <class Code>
SGQ_INLINE Code store_code(double q) {
  if constexpr (std::is_same_v<Code, std::uint8_t>)
    return static_cast<Code>(static_cast<int>(q > 0.0 ? q : 0.0));
  else
    return static_cast<Code>(q);
}

/// dy_q/dx of one element. Conditions are numbers 0 and 1 here, and `&` joins them: a branch would
/// keep the loops around from being vectorised.
template <class T>
SGQ_INLINE T pact_dx(T x, T alpha) {
  return static_cast<T>((x > T(0)) & (x < alpha));
}

/// dy_q/dalpha of one element; per_code = 1/n.
template <PactGradient gradient, class Round = round_nearest, class V>
SGQ_INLINE double pact_dalpha(V x, V alpha, double inverse_step, double per_code) {
  const double clipped = static_cast<double>(static_cast<V>(x >= alpha));
  if constexpr (gradient == PactGradient::paper) return clipped;
  // z of the clipped x: an infinite error times 0 would be NaN.
  const double z = static_cast<double>(pact_clip(x, alpha)) * inverse_step;
  return clipped + static_cast<double>(pact_dx(x, alpha)) * ((Round::apply(z) - z) * per_code);
}

template <class T, class Code, class Round>
SGQ_INLINE void pact_forward_row(const T* x, index_t n, T alpha, double inverse_step, Code* codes) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i)
    codes[i] = store_code<Code>(pact_code<Round>(x[i], alpha, inverse_step));
}

/// codes = rint(clip(x, 0, alpha) n/alpha), any shape. Code is T, or uint8_t. codes may be x.
/// Throws value_error on bits outside 1..8 or a bad alpha.
template <class T, class Code = T, class Round = round_nearest>
void pact_forward(View<const T> x, T alpha, int bits, View<std::type_identity_t<Code>> codes) {
  check_bits("PACT", bits);
  check_alpha(alpha);
  check_shape("PACT: codes", x.shape(), codes.shape());
  const double inverse = inverse_step(alpha, bits);
  parallel_blocks(x.size(), 16384, [&](index_t begin, index_t end) {
    kernels::for_isa<pact_forward_row<T, Code, Round>>(x.data() + begin, end - begin, alpha,
                                                       inverse, codes.data() + begin);
  });
}

/// Up to 16 elements of the backward: dx written, lane l of `sum` gets element l's part of dalpha.
template <class T, PactGradient gradient, class Round>
SGQ_INLINE void pact_backward_lanes(const T* x, const T* dy, index_t count, T alpha,
                                    double inverse_step, double per_code, T* dx, double* sum) {
  SGQ_SIMD
  for (index_t l = 0; l < count; ++l) {
    // Both derivatives before the first store: GCC 12 turns them into branches otherwise.
    const T xl = x[l], g = dy[l], slope = pact_dx(xl, alpha);
    const double weight = pact_dalpha<gradient, Round>(xl, alpha, inverse_step, per_code);
    sum[l] += static_cast<double>(g) * weight;
    dx[l] = slope * g;
  }
}

/// One block of the backward. dalpha is summed in 16 fixed lanes, so that the order of the sum does
/// not depend on the vector width.
template <class T, PactGradient gradient, class Round>
SGQ_INLINE void pact_backward_row(const T* x, const T* dy, index_t n, T alpha, double inverse_step,
                                  double per_code, T* dx, double* dalpha) {
  constexpr index_t lanes = 16;
  double sum[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= n; i += lanes)
    pact_backward_lanes<T, gradient, Round>(x + i, dy + i, lanes, alpha, inverse_step, per_code,
                                            dx + i, sum);
  pact_backward_lanes<T, gradient, Round>(x + i, dy + i, n - i, alpha, inverse_step, per_code,
                                          dx + i, sum);
  *dalpha = 0;
  for (index_t l = 0; l < lanes; ++l) *dalpha += sum[l];
}

/// dx = dy 1[0 < x < alpha] (overwritten; dx may be dy); returns dL/dalpha, summed over the tensor.
template <class T, class Round = round_nearest>
T pact_backward(View<const T> x, T alpha, int bits, View<const T> dy, View<T> dx,
                PactGradient gradient = PactGradient::paper) {
  check_bits("PACT", bits);
  check_alpha(alpha);
  check_shape("PACT: dy", x.shape(), dy.shape());
  check_shape("PACT: dx", x.shape(), dx.shape());
  constexpr index_t block = 16384;
  const index_t blocks = (x.size() + block - 1) / block;
  const double inverse = inverse_step(alpha, bits), per_code = 1.0 / max_code(bits);
  Arena::Scope scope(scratch());
  double* partial = scratch().take<double>(blocks);
  parallel_blocks(x.size(), block, [&](index_t begin, index_t end) {
    const T *xb = x.data() + begin, *dyb = dy.data() + begin;
    T* dxb = dx.data() + begin;
    if (gradient == PactGradient::paper)
      kernels::for_isa<pact_backward_row<T, PactGradient::paper, Round>>(
          xb, dyb, end - begin, alpha, inverse, per_code, dxb, partial + begin / block);
    else
      kernels::for_isa<pact_backward_row<T, PactGradient::plus, Round>>(
          xb, dyb, end - begin, alpha, inverse, per_code, dxb, partial + begin / block);
  });
  double total = 0;
  for (index_t b = 0; b < blocks; ++b) total += partial[b];
  return static_cast<T>(total);
}

} // namespace sgq::quant
