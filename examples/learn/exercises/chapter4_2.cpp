// Exercise 4.2, solved: if only rounding is passed straight through and alpha / n is differentiated
// too, dy_q/dalpha = (rint(z) - z)/n inside the clip, z = x n/alpha. That is PACT+.
//
//     y_q = (alpha/n) rint(x n/alpha)
//     dy_q/dalpha = rint(z)/n + (alpha/n) dz/dalpha = rint(z)/n - (alpha/n) x n/alpha^2
//                 = (rint(z) - z)/n
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  const Random random(1);
  double worst = 0;
  for (index_t i = 0; i < 10000; ++i) {
    const double alpha = 0.5 + random.uniform(2 * i), x = 2.4 * random.uniform(2 * i + 1) - 0.4;
    const int bits = 1 + static_cast<int>(i % 8), n = quant::max_code(bits);
    const double z = x * n / alpha;
    const double own = x <= 0 ? 0 : x >= alpha ? 1 : (std::rint(z) - z) / n;
    const double inverse_step = quant::inverse_step(alpha, bits);
    worst =
        std::max(worst, std::abs(own - quant::pact_plus_dalpha(x, alpha, inverse_step, 1.0 / n)));
  }
  std::printf("largest difference from quant::pact_plus_dalpha: %.1e\n", worst);
  return worst < 1e-12 ? 0 : 1;
}
