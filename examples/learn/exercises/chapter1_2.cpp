// Exercise 1.2: forward mode. A dual number carries its derivative along; the gradient of a
// function of n inputs takes n passes. It must equal the tape's, which takes one.
#include "../tape.hpp"

#include "sgq/core/random.hpp"

#include <cmath>
#include <cstdio>

struct Dual {
  Dual(double v, double d = 0) : value(v), slope(d) {}
  double value, slope;
};

long operations = 0;

Dual operator+(Dual a, Dual b) {
  ++operations;
  return {a.value + b.value, a.slope + b.slope};
}
Dual operator*(Dual a, Dual b) {
  ++operations;
  return {a.value * b.value, a.slope * b.value + a.value * b.slope};
}
Dual tanh(Dual a) {
  ++operations;
  const double y = sgq::math::tanh(a.value);
  return {y, (1 - y * y) * a.slope};
}

// Every input is used twice.
template <class T>
T f(const std::vector<T>& x) {
  T sum = 0.0, product = 1.0;
  for (const T& v : x) sum = sum + v * v, product = product * tanh(v + 1.5);
  return tanh(sum) + product;
}

int main() {
  constexpr std::size_t n = 20;
  learn::Tape tape;
  std::vector<learn::Number> x;
  std::vector<Dual> u;
  for (std::size_t i = 0; i < n; ++i) {
    const double v = 0.2 * sgq::Random(3).normal(static_cast<sgq::index_t>(i));
    x.push_back(tape.input(v));
    u.push_back({v});
  }
  const std::vector<double> g = tape.gradient(f(x));
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    u[i].slope = 1;
    worst = std::max(worst, std::abs(f(u).slope - g[x[i].at]));
    largest = std::max(largest, std::abs(g[x[i].at]));
    u[i].slope = 0;
  }
  std::printf("%zu notes on the tape, %ld operations forwards, largest difference %.0e\n", g.size(),
              operations, worst);
  // Some hundred roundings of 1e-16 each, of numbers below 10.
  return worst < 1e-13 && largest > 0.1 ? 0 : 1;
}
