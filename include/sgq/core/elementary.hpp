// sgq/core/elementary.hpp -- exp, log, tanh, cos: the same bits on every machine.
//
// No standard promises the last bit of the system's functions, and the last bit of a polynomial in
// floating point depends on whether a compiler fuses its products with its sums. These compute on
// 64-bit integers instead: a number is m 2^(e - 63) with the top bit of m set, a series runs in
// fixed point, and only the end rounds to double. So no instruction set, flag or library can
// change a bit, a target without fused multiply-adds loses nothing, and all are constexpr.
//
//     exp        2^k 2^(i/64) 2^f,  k + i/64 + f = x log2(e) to 128 bits;  2^f by its Taylor series
//     expm1      x (1 + x/2 + x^2/6 + ..) for |x| < 1/16, else exp - 1
//     log        k ln 2 + 2 atanh((m - 1)/(m + 1)),  m within a factor sqrt(2) of 1
//     tanh       E/(E + 2),  E = expm1(2x)
//     cos_pi     cos(pi x): x is reduced without error, then a Taylor series
//
// All are in double. The error is below 0.55 units in the last place everywhere, denormal numbers
// included. Infinities, NaN and signed zeros are those of C99's Annex F. A call takes 10 to 60 ns.
#pragma once

#include "sgq/core/wide.hpp"

#include <cstdint>
#include <limits>

namespace sgq::math {

namespace detail {

/// c[i] = first / divisor(0) / .. / divisor(i), and times `factor` from one to the next.
template <int n, class Divisor>
constexpr Series<n> falling(std::uint64_t first, std::uint64_t factor, Divisor divisor) {
  Series<n> s{};
  std::uint64_t c = first;
  for (int i = 0; i < n; ++i) {
    if (i > 0 && factor != 0) c = high(c, factor);
    s.c[i] = c /= divisor(static_cast<std::uint64_t>(i));
  }
  return s;
}

constexpr Series<13> odd_reciprocals() {
  Series<13> s{};
  for (std::uint64_t i = 0; i < 13; ++i) s.c[i] = ~std::uint64_t{0} / (2 * i + 3);
  return s;
}

inline constexpr std::uint64_t all = ~std::uint64_t{0};
/// (e^x - 1)/x - 1, x < 1/16
inline constexpr auto exp_rest = falling<11>(all, 0, [](std::uint64_t i) { return i + 2; });
/// atanh(s)/s - 1, of s^2
inline constexpr auto atanh_rest = odd_reciprocals();
/// 1 - cos(a) and 1 - sin(a)/a, of a^2
inline constexpr auto cos_rest =
    falling<11>(all, 0, [](std::uint64_t i) { return (2 * i + 1) * (2 * i + 2); });
inline constexpr auto sin_rest =
    falling<11>(all, 0, [](std::uint64_t i) { return (2 * i + 2) * (2 * i + 3); });

/// 2^f - 1 of all f, by its series, and of f < 1/64.
template <int n>
inline constexpr Series<n> power_of_two = falling<n>(ln2.m, ln2.m,
                                                     [](std::uint64_t i) { return i + 1; });

/// 2^(i/64), e = 0.
struct Powers {
  std::uint64_t m[64];
};
inline constexpr Powers powers = [] {
  Powers p{};
  for (std::uint64_t i = 0; i < 64; ++i) p.m[i] = top_bit | power_of_two<19>(i << 58) >> 1;
  return p;
}();

/// exp(+-a), a < 1024.
constexpr Wide exp_of(Wide a, bool negative) {
  constexpr std::uint64_t log2e = 0xB8AA3B295C17F0BB, log2e_rest = 0xBE87FED0691D3E89;
  const std::uint64_t more = high(a.m, log2e_rest), low = a.m * log2e + more;
  const std::uint64_t above = high(a.m, log2e) + (low < more);
  const int shift = 62 - a.e; // a log2(e) = (above 2^64 + low) / 2^(64 + shift)
  std::uint64_t f = 0;
  int k = 0;
  if (shift < 64) {
    f = low >> shift | above << (64 - shift);
    k = static_cast<int>(above >> shift);
  } else if (shift < 128) {
    f = above >> (shift - 64);
  }
  if (negative) {
    k = f == 0 ? -k : -k - 1;
    f = 0 - f;
  }
  const std::uint64_t coarse = powers.m[f >> 58];
  return {coarse + high(coarse, power_of_two<8>(f & (all >> 6))), k};
}

/// |exp(+-a) - 1|, a < 1024.
constexpr Wide expm1_of(Wide a, bool negative) {
  if (a.e < -4) return product(a, one_and(exp_rest(fraction(a), negative), negative));
  const Wide e = exp_of(a, negative);
  return negative ? difference(one, e) : difference(e, one);
}

/// atanh(s), s < 0.172.
constexpr Wide atanh_of(Wide s) {
  return product(s, one_and(atanh_rest(fraction(product(s, s))), false));
}

struct Signed {
  Wide value;
  bool negative;
};

/// log a, a > 0.
constexpr Signed log_of(Wide a) {
  const bool upper = a.m >= 0xB504F333F9DE6485; // sqrt(2)
  const int k = a.e + upper;
  const Wide m{a.m, -upper};
  const Wide part = quotient(upper ? difference(one, m) : difference(m, one), sum(one, m));
  Wide rest = atanh_of(part);
  ++rest.e;
  if (k == 0) return {rest, upper};
  const Wide whole = product(normalised(static_cast<std::uint64_t>(k < 0 ? -k : k), 63), ln2);
  return {upper == (k < 0) ? sum(whole, rest) : difference(whole, rest), k < 0};
}

} // namespace detail

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

constexpr double exp(double x) {
  if (detail::is_nan(x)) return x;
  if (x >= 1024) return infinity;
  if (x <= -1024) return 0;
  const bool negative = detail::is_negative(x);
  return detail::rounded(detail::exp_of(detail::magnitude(x), negative), false);
}

/// exp(x) - 1.
constexpr double expm1(double x) {
  if (detail::is_nan(x)) return x;
  if (x >= 1024) return infinity;
  if (x <= -1024) return -1;
  const bool negative = detail::is_negative(x);
  return detail::rounded(detail::expm1_of(detail::magnitude(x), negative), negative);
}

constexpr double log(double x) {
  if (detail::is_nan(x) || x == infinity) return x;
  if (x <= 0) return x == 0 ? -infinity : undefined;
  const detail::Signed y = detail::log_of(detail::magnitude(x));
  return detail::rounded(y.value, y.negative);
}

/// log(1 + x).
constexpr double log1p(double x) {
  using namespace detail;
  if (is_nan(x) || x == infinity) return x;
  if (x <= -1) return x == -1 ? -infinity : undefined;
  const bool negative = is_negative(x);
  const Wide a = magnitude(x);
  if (x > -0.29 && x < 0.41) { // log(1 + x) = 2 atanh(x/(2 + x))
    Wide y = atanh_of(quotient(a, negative ? difference(two, a) : sum(two, a)));
    ++y.e;
    return rounded(y, negative);
  }
  const Signed y = log_of(negative ? difference(one, a) : sum(one, a));
  return rounded(y.value, y.negative);
}

constexpr double tanh(double x) {
  using namespace detail;
  if (is_nan(x)) return x;
  const bool negative = is_negative(x);
  if (x >= 22 || x <= -22) return negative ? -1 : 1;
  Wide twice = magnitude(x);
  ++twice.e;
  const Wide e = expm1_of(twice, false);
  return rounded(quotient(e, sum(two, e)), negative);
}

constexpr double atanh(double x) {
  using namespace detail;
  if (is_nan(x) || x > 1 || x < -1) return undefined;
  const bool negative = is_negative(x);
  if (x == 1 || x == -1) return negative ? -infinity : infinity;
  const Wide a = magnitude(x);
  if (x < 0.17 && x > -0.17) return rounded(atanh_of(a), negative);
  Wide y = log_of(quotient(sum(one, a), difference(one, a))).value;
  --y.e;
  return rounded(y, negative);
}

/// cos(pi x); 0 at odd halves.
constexpr double cos_pi(double x) {
  using namespace detail;
  if (is_nan(x) || x == infinity || x == -infinity) return undefined;
  double a = x < 0 ? -x : x;
  if (a >= 0x1p53) return 1; // an even number
  a -= 2 * static_cast<double>(static_cast<std::int64_t>(a / 2));
  if (a > 1) a = 2 - a;
  const bool negative = a > 0.5;
  if (negative) a = 1 - a;
  const Wide angle = product(pi, magnitude(a <= 0.25 ? a : 0.5 - a));
  const std::uint64_t square = fraction(product(angle, angle));
  if (a <= 0.25) return rounded(one_and(cos_rest(square, true), true), negative);
  return rounded(product(angle, one_and(sin_rest(square, true), true)), negative && a != 0.5);
}

/// x^n by squaring: products alone, which IEEE 754 fixes. n / 2 units in the last place at most.
/// Not inlined: the last product must not fuse with what the caller adds to it.
[[gnu::noinline]] constexpr double power(double x, index_t n) {
  double y = 1;
  for (; n > 0; n /= 2, x *= x)
    if (n % 2 != 0) y *= x;
  return y;
}

} // namespace sgq::math
