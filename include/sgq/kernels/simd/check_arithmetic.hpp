// sgq/kernels/simd/check_arithmetic.hpp -- what the source cannot force, looked at while it runs.
//
// Three things decide bits and are set from outside: the rounding direction, whether numbers near 0
// are flushed to it (any library linked with -ffast-math turns that on for the whole process), and
// whether the products that the code fuses are fused by this build on this machine.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/kernels/simd/fused.hpp"

#include <limits>

namespace sgq::kernels {

namespace detail {

/// *result = x^2 - y.
struct SquareMinus {
  template <int Bytes>
  SGQ_INLINE static void run(const float* x, const float* y, float* result) {
    *result = multiply_add<Bytes>(*x, *x, -*y);
  }
};

} // namespace detail

/// Throws value_error unless this thread rounds to nearest; `what` begins its text. Takes some
/// nanoseconds.
inline void check_rounding(std::string_view what) {
  // Volatile: none of this may be computed by the compiler, nor stay in a register of 80 bits.
  volatile double one = 1, half_unit = 0x1p-53;
  volatile double up = one + half_unit, down = -one - half_unit, next = one + 3 * half_unit;
  if (up != 1 || down != -1 || next != 1 + 0x1p-51)
    throw value_error(
        describe(what, "rounding to nearest", "another direction", "fesetround(FE_TONEAREST)"));
}

/// The same; throws value_error also where denormals are flushed, or products are not fused as the
/// code says.
inline void check_arithmetic(std::string_view what) {
  check_rounding(what);
  const auto fail = [&](const char* expected, const char* got, const char* hint) {
    throw value_error(describe(std::string(what), expected, got, hint));
  };
  volatile float least = std::numeric_limits<float>::min(), half = 0.5f;
  volatile float below = least * half;
  if (!(below > 0) || below + below != least)
    fail("numbers below 1.2e-38 as they are", "0",
         "a library built with -ffast-math flushes them; clear FTZ and DAZ of MXCSR, or FPCR.FZ");
  // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24, and the last term is lost where the product is rounded.
  volatile float x = 1 + 0x1p-12f, y = 1 + 0x1p-11f;
  const float product[] = {x, y};
  float result;
  for_registers<detail::SquareMinus>(product, product + 1, &result);
  if (result != (fuses_here() ? 0x1p-24f : 0.0f))
    fail("products fused where the code says so, and nowhere else", "others",
         "this compiler or its flags are not supported; please report them");
}

} // namespace sgq::kernels
