// Chapter 4: the straight-through estimator, and where it misleads.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

/// PACT as training sees it: the value of the code of x, 2 bits. With Round = identity nothing is
/// rounded.
template <class Round>
double pact(double x, double alpha) {
  const double inverse_step = quant::inverse_step(alpha, 2);
  return quant::pact_code<Round>(x, alpha, inverse_step) / inverse_step;
}

template <class F>
double slope(F f, double x) {
  return (f(x + 1e-4) - f(x - 1e-4)) / 2e-4;
}

} // namespace

int main() {
  std::printf("PACT of 2 bits, alpha = 2: slopes by finite differences, and the formulas\n");
  std::printf("    x   dy/dx rounded  not rounded  formula   dy/dalpha not rounded  formula\n");
  for (const double x : {-0.5, 0.7, 1.9, 2.5}) {
    const auto rounded = [](double v) { return pact<quant::round_nearest>(v, 2); };
    const auto smooth = [](double v) { return pact<quant::identity>(v, 2); };
    const auto of_alpha = [&](double alpha) { return pact<quant::identity>(x, alpha); };
    std::printf("%5.1f  %13.0f  %11.0f  %7.0f  %22.0f  %7d\n", x, slope(rounded, x),
                slope(smooth, x), quant::pact_dx(x, 2.0), std::abs(slope(of_alpha, 2)), x >= 2);
  }

  std::printf("\nL(w) = (rint(w) - 0.3)^2 / 2, by steps w -= 0.1 (rint(w) - 0.3)\n");
  double w = 1.2, sum = 0;
  for (int step = 1; step <= 2010; ++step) {
    const double q = std::rint(w), gradient = q - 0.3; // as if d rint(w)/dw were 1
    if (step <= 8 || step > 2004) std::printf("step %4d: w %6.3f  rint(w) %2.0f\n", step, w, q);
    if (step == 8) std::printf("...\n");
    if (step > 10) sum += q;
    w -= 0.1 * gradient;
  }
  std::printf("mean of rint(w) over steps 11 to 2010: %.2f\n", sum / 2000);
}
