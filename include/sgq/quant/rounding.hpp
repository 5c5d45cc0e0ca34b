// sgq/quant/rounding.hpp -- rounding as a policy, so that a straight-through gradient can be
// checked.
//
// A quantiser rounds, and its backward pass ignores that. With `identity` in the place of
// `round_nearest` the quantiser is an ordinary piecewise smooth function whose true derivative IS
// the straight-through formula, so finite differences check the weight quantisers that train, and
// the functions of quant/pact.hpp that PACT is made of.
#pragma once

#include "sgq/config.hpp"

#include <cmath>
#include <type_traits>

namespace sgq::quant {

/// Nearest integer, ties to even: rint, as PyTorch's round and ONNX's QuantizeLinear.
struct round_nearest {
  static constexpr bool rounds = true;

  // The builtin becomes one instruction wherever the instruction set has it. The well-known trick
  // x + 1.5 * 2^52 - 1.5 * 2^52 is not used: a product in x would be fused into its addition, which
  // moves ties.
  template <class T>
  SGQ_INLINE static T apply(T x) {
#if defined(__GNUC__)
    if constexpr (std::is_same_v<T, float>)
      return __builtin_rintf(x);
    else
      return __builtin_rint(x);
#else
    return std::rint(x);
#endif
  }
};

/// The number of magnitude |a| and the sign of b, without a branch.
template <class T>
SGQ_INLINE T with_sign(T a, T b) {
#if defined(__GNUC__)
  if constexpr (std::is_same_v<T, float>)
    return __builtin_copysignf(a, b);
  else
    return __builtin_copysign(a, b);
#else
  return std::copysign(a, b);
#endif
}

/// No rounding: codes are real numbers. For gradient checks.
struct identity {
  static constexpr bool rounds = false;

  template <class T>
  SGQ_INLINE static T apply(T x) {
    return x;
  }
};

} // namespace sgq::quant
