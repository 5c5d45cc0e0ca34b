// sgq/train/square_root.hpp -- a square root for loops that must vectorise at plain -O2.
//
// std::sqrt may set errno, so without -fno-math-errno compilers call it element by element. This
// one is arithmetic alone: a guess of 1 / sqrt(x) from the bits of x, good to 3 % (the exponent is
// halved by a shift), then Newton's r <- r (3 - x r^2) / 2, which squares the error at each turn,
// then sqrt(x) = x r with one correction.
#pragma once

#include "sgq/kernels/simd/fused.hpp"

#include <cstdint>
#include <type_traits>

namespace sgq::train {

/// sqrt(x) to one unit in the last place, for x = 0 and normal x > 0; NaN for infinite x.
template <int Bytes, class T>
SGQ_INLINE T square_root(T x) {
  using kernels::multiply_add;
  constexpr bool is_float = std::is_same_v<T, float>;
  using Bits = std::conditional_t<is_float, std::uint32_t, std::uint64_t>;
  constexpr Bits magic =
      is_float ? static_cast<Bits>(0x5f375a86u) : static_cast<Bits>(0x5fe6eb50c7b537a9u);
  const T half = x * T(0.5);
  T r = __builtin_bit_cast(T, static_cast<Bits>(magic - (__builtin_bit_cast(Bits, x) >> 1)));
  SGQ_UNROLL
  for (int turn = 0; turn < (is_float ? 3 : 4); ++turn)
    r = r * multiply_add<Bytes>(-(half * r), r, T(1.5));
  const T y = x * r;
  return multiply_add<Bytes>(T(0.5) * r, multiply_add<Bytes>(-y, y, x), y);
}

} // namespace sgq::train
