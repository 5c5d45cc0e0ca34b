// Exercise 1.3, solved: does a difference quotient straddle a kink? Three values of f cannot tell a
// kink from a sharp bend. With a bound of |f''| they can: the two one-sided slopes of a smooth f
// differ by h f'', at a kink by the jump as well. Checked where the answer is known: max(x, 0) + x^2
// has its kink at 0.
#include "sgq/core/random.hpp"

#include <cmath>
#include <cstdio>

template <class F>
double quotient(F f, double x, double h) {
  return (f(x + h) - f(x - h)) / (2 * h);
}

// True even where the quotients of h and h/2 agree, as at the kink itself. `curvature`: a bound of
// |f''|.
template <class F>
bool straddles_kink(F f, double x, double h, double curvature) {
  const double right = (f(x + h) - f(x)) / h, left = (f(x) - f(x - h)) / h;
  return std::abs(right - left) > 1.5 * h * curvature;
}

int main() {
  const auto f = [](double x) { return (x > 0 ? x : 0) + x * x; };
  const double h = 1e-3;
  int wrong = 0, kinks = 0;
  for (sgq::index_t i = 0; i < 10000; ++i) {
    const double x = 0.01 * sgq::Random(5).uniform(i) - 0.005;
    const bool inside = std::abs(x) < h, close = std::abs(std::abs(x) - h) < 0.01 * h;
    if (close) continue; // the kink is at the edge: next to nothing of it is seen
    wrong += straddles_kink(f, x, h, 2) != inside;
    kinks += inside;
    const double error = std::abs(quotient(f, x, h) - ((x > 0) + 2 * x));
    wrong += !inside && error > 1e-9; // what is let pass is exact
  }
  const bool at_kink = straddles_kink(f, 0, h, 2);
  std::printf("%d of 10000 places have the kink inside, %d mistakes, at the kink: %s\n", kinks,
              wrong, at_kink ? "seen" : "not seen");
  return wrong == 0 && kinks > 1000 && at_kink ? 0 : 1;
}
