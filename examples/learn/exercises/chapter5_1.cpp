// Exercise 5.1, solved: integrated gradients with the midpoint rule. Along a straight way the
// gradient of a quadratic function is linear, so one step is exact; of x^3 the rule takes off 1/(4
// m^2).
#include <array>
#include <cmath>
#include <cstdio>

namespace {

using Vector = std::array<double, 3>;

template <class Gradient>
Vector integrated(Gradient gradient, const Vector& x, const Vector& start, int steps) {
  Vector sum{};
  for (int t = 0; t < steps; ++t) {
    Vector point{};
    for (std::size_t i = 0; i < 3; ++i) point[i] = start[i] + (t + 0.5) / steps * (x[i] - start[i]);
    const Vector g = gradient(point);
    for (std::size_t i = 0; i < 3; ++i) sum[i] += g[i] * (x[i] - start[i]) / steps;
  }
  return sum;
}

} // namespace

int main() {
  const Vector x{2, 3, -1}, zero{};
  // S = x0 x1 + x2^2: the product is shared equally.
  const Vector a = integrated(
      [](const Vector& p) {
        return Vector{p[1], p[0], 2 * p[2]};
      },
      x, zero, 1);
  bool good =
      std::abs(a[0] - 3) < 1e-12 && std::abs(a[1] - 3) < 1e-12 && std::abs(a[2] - 1) < 1e-12;
  for (const int m : {1, 2, 10}) { // S = x0^3
    const Vector b = integrated(
        [](const Vector& p) {
          return Vector{3 * p[0] * p[0], 0, 0};
        },
        x, zero, m);
    good = good && std::abs(b[0] - 8 * (1 - 1.0 / (4 * m * m))) < 1e-12;
  }
  std::printf("%s\n", good ? "as by hand" : "DIFFERENT");
  return good ? 0 : 1;
}
