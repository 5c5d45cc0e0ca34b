// Exercise 8.3: a fused multiply-add of floats on a machine that has none. The product of two
// floats is exact in double; the sum must be rounded once, to float. Rounding it to double first
// and to float then rounds twice, and errs where the first rounding lands on a tie. Remedy: round
// the first time to odd. If the sum in double is not exact and even, step towards the true sum;
// then it is never a tie.
#include "sgq/core/random.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

using sgq::index_t;

float twice_rounded(float a, float b, float c) {
  return static_cast<float>(static_cast<double>(a) * b + c);
}

float fused(float a, float b, float c) {
  const double p = static_cast<double>(a) * b, q = c;
  const volatile double sum = p + q; // volatile: one rounding, at this place
  double s = sum;
  // Knuth's exact error of a sum.
  const volatile double back = s - p, rest = s - back;
  const double error = (p - rest) + (q - back);
  std::uint64_t bits;
  std::memcpy(&bits, &s, sizeof s);
  if (error != 0 && bits % 2 == 0) // even: one step towards the true sum makes it odd
    s = std::nextafter(s, error > 0 ? INFINITY : -INFINITY);
  return static_cast<float>(s);
}

// 24 random digits, an exponent of 0 to 7 and a sign.
float random_float(index_t at) {
  const std::uint32_t w = sgq::Random(1).bits(at);
  const float m = static_cast<float>(w >> 8 | 1u << 23) * 0x1p-23f;
  return std::ldexp((w & 1) != 0 ? -m : m, static_cast<int>(w >> 1 & 7));
}

int main() {
  int once = 0, twice = 0, easy = 0;
  for (index_t i = 0; i < 1'000'000; ++i) {
    const float c = random_float(3 * i), x = random_float(3 * i + 1), y = random_float(3 * i + 2);
    // Hard: a b = (1 - u u) 2^e is half a unit of c's last place, but for a rest that double loses.
    const float u = static_cast<float>(1 + i % 128) * 0x1p-23f;
    const float a = 1 + u, b = std::ldexp(x > 0 ? 1 - u : u - 1, std::ilogb(c) - 24);
    once += fused(a, b, c) != std::fma(a, b, c);
    twice += twice_rounded(a, b, c) != std::fma(a, b, c);
    once += fused(x, y, c) != std::fma(x, y, c);
    easy += twice_rounded(x, y, c) != std::fma(x, y, c);
  }
  std::printf("of a million hard sums, rounding twice errs in %d; of a million others, in %d\n"
              "rounding to odd first errs in %d\n",
              twice, easy, once);
  return once == 0 && twice > 0 ? 0 : 1;
}
