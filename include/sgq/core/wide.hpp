// sgq/core/wide.hpp -- positive numbers of 64 binary digits and sums of powers, in integers alone.
//
// For core/elementary.hpp: every machine gives the same bits of an integer. A result is cut off
// after 64 digits, 11 more than a double has; rounded() rounds once, at the end.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/shape.hpp"

#include <bit>
#include <cstdint>

namespace sgq::math::detail {

/// m 2^(e - 63) with m >= 2^63; 0 is m = 0, far below all others.
struct Wide {
  std::uint64_t m;
  int e;
};

inline constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;
inline constexpr Wide one{top_bit, 0}, two{top_bit, 1}, ln2{0xB17217F7D1CF79AB, -1},
    pi{0xC90FDAA22168C234, 1};

/// The upper half of a b.
constexpr std::uint64_t high(std::uint64_t a, std::uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Product = unsigned __int128;
  return static_cast<std::uint64_t>(Product{a} * b >> 64);
#else
  const std::uint64_t low = 0xffffffff, a1 = a >> 32, a0 = a & low, b1 = b >> 32, b0 = b & low;
  const std::uint64_t cross = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (cross & low);
  return a1 * b1 + (cross >> 32) + (other >> 32);
#endif
}

/// The next 32 binary digits of a / b; a < b, b >= 2^63. a becomes the rest.
constexpr std::uint64_t digits(std::uint64_t& a, std::uint64_t b) {
  const std::uint64_t b1 = b >> 32, b0 = b & 0xffffffff;
  std::uint64_t q = a / b1, r = a % b1;
  while (r >> 32 == 0 && (q >> 32 != 0 || q * b0 > r << 32)) --q, r += b1; // at most twice
  a = (a << 32) - q * b;
  return q;
}

constexpr Wide normalised(std::uint64_t m, int e) {
  const int shift = std::countl_zero(m);
  return m == 0 ? Wide{0, -9999} : Wide{m << shift, e - shift};
}

constexpr Wide product(Wide a, Wide b) {
  return normalised(high(a.m, b.m), a.e + b.e + 1);
}

constexpr Wide quotient(Wide a, Wide b) {
  const bool above = a.m >= b.m;
  std::uint64_t rest = above ? a.m >> 1 : a.m;
  const std::uint64_t first = digits(rest, b.m);
  return normalised(first << 32 | digits(rest, b.m), a.e - b.e - !above);
}

/// b.m where a's exponent holds; b.e <= a.e.
constexpr std::uint64_t aligned(Wide a, Wide b) {
  return a.e - b.e < 64 ? b.m >> (a.e - b.e) : 0;
}

constexpr Wide sum(Wide a, Wide b) {
  if (a.e < b.e) return sum(b, a);
  const std::uint64_t m = a.m + aligned(a, b);
  return m < a.m ? Wide{top_bit | m >> 1, a.e + 1} : Wide{m, a.e};
}

/// a >= b.
constexpr Wide difference(Wide a, Wide b) {
  return normalised(a.m - aligned(a, b), a.e);
}

/// a 2^64, for a < 1.
constexpr std::uint64_t fraction(Wide a) {
  return a.e >= -64 ? a.m >> (-1 - a.e) : 0;
}

/// 1 + f/2^64 or 1 - f/2^64.
constexpr Wide one_and(std::uint64_t f, bool minus) {
  if (!minus) return {top_bit | f >> 1, 0};
  return f == 0 ? one : normalised(0 - f, -1);
}

constexpr bool is_nan(double x) {
  return x != x;
}

constexpr bool is_negative(double x) {
  return __builtin_bit_cast(std::uint64_t, x) >> 63 != 0;
}

/// |x|, finite.
constexpr Wide magnitude(double x) {
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x) << 1;
  const int exponent = static_cast<int>(bits >> 53);
  const std::uint64_t m = bits << 10 & (top_bit - 1);
  return exponent == 0 ? normalised(m, -1022) : Wide{top_bit | m, exponent - 1023};
}

/// The nearest double, of two the even one; beyond the largest, infinity.
constexpr double rounded(Wide a, bool negative) {
  const int dropped = a.e < -1022 ? 11 - 1022 - a.e : 11;
  std::uint64_t bits = 0;
  if (a.m != 0 && dropped <= 64) {
    const std::uint64_t kept = dropped < 64 ? a.m >> dropped : 0;
    const std::uint64_t rest = dropped < 64 ? a.m << (64 - dropped) : a.m;
    bits = kept + (rest > top_bit || (rest == top_bit && (kept & 1) != 0));
    if (a.e >= -1022) bits += static_cast<std::uint64_t>(a.e + 1022) << 52; // may carry
    if (a.e > 1023) bits = std::uint64_t{0x7ff} << 52;
  }
  return __builtin_bit_cast(double, bits | (negative ? top_bit : 0));
}

/// f (c[0] +- f (c[1] +- f (c[2] ..))) in units of 2^-64. Odd and even powers are two chains, which
/// a processor works on at the same time.
template <int n>
struct Series {
  std::uint64_t c[std::size_t(n)];

  constexpr std::uint64_t operator()(std::uint64_t f, bool minus = false) const {
    const std::uint64_t square = high(f, f);
    std::uint64_t even = 0, odd = 0;
    SGQ_UNROLL
    for (int i = n - 1; i >= 0; --i) {
      std::uint64_t& sum = i % 2 == 0 ? even : odd;
      sum = c[i] + high(sum, square);
    }
    odd = high(odd, f);
    return high(minus ? even - odd : even + odd, f);
  }
};

} // namespace sgq::math::detail
