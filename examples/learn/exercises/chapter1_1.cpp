// Exercise 1.1: division and whole powers for the tape. Their derivatives against difference
// quotients of fourth order, at a thousand random places.
#include "../tape.hpp"

#include "sgq/core/random.hpp"

#include <cmath>
#include <cstdio>

using learn::Number, learn::Tape;

namespace learn {

Number operator/(Number a, Number b) {
  const double y = a.value / b.value;
  return note(y, a, 1 / b.value, b, -y / b.value);
}

// n a^(n - 1) from the power below, which also serves a = 0.
Number power(Number a, int n) {
  double below = 1;
  for (int i = 1; i < n; ++i) below *= a.value;
  return n == 0 ? Number(1) : note(below * a.value, a, n * below);
}

} // namespace learn

template <class F>
double quotient(F f, double x) {
  const double h = 1e-3;
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

int main() {
  double worst = 0;
  const sgq::Random random(1);
  for (sgq::index_t i = 0; i < 1000; ++i) {
    const double a = 4 * random.uniform(3 * i) - 2, b = 1 + random.uniform(3 * i + 1);
    const int n = static_cast<int>(random.below(3 * i + 2, 6));
    Tape tape;
    const Number x = tape.input(a), y = tape.input(b);
    const Number z = power(x, n) / (y + power(x, 2)); // y + x^2 > 1
    const std::vector<double> g = tape.gradient(z);
    const auto f = [&](double u, double v) { return std::pow(u, n) / (v + u * u); };
    worst = std::max(worst, std::abs(g[x.at] - quotient([&](double u) { return f(u, b); }, a)));
    worst = std::max(worst, std::abs(g[y.at] - quotient([&](double v) { return f(a, v); }, b)));
  }
  // h^4/30 times a fifth derivative below 10^4, and the rounding of f < 32 over h.
  std::printf("largest difference %.0e\n", worst);
  return worst < 1e-9 ? 0 : 1;
}
