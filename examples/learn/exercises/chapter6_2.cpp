// Exercise 6.2, solved: d log p_y / dz_y = 1 - p_y. In float, for logits (d, 0, 0) and y the first:
// 1 - exp(log p) loses its digits as d grows, the sum of the other p_j keeps them. At d = 16 one
// digit is left, at 17 none, and from 18 on the difference is 0.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  bool good = true;
  std::printf("  d    1 - p_y        sum of others  in double\n");
  for (int step = 2; step <= 20; ++step) {
    const float d = static_cast<float>(step);
    const float e = std::exp(-d);
    const float log_p = -std::log(1 + 2 * e), naive = 1 - std::exp(log_p);
    const float others = 2 * e / (1 + 2 * e);
    const double exact = 2 * math::exp(-double(d)) / (1 + 2 * math::exp(-double(d)));
    std::printf("%4.0f  %12.6e  %12.6e  %12.6e\n", double(d), double(naive), double(others), exact);
    const Tensor<float> z({1, 3}, {d, 0, 0});
    const std::uint8_t label = 0;
    Tensor<float> ds({1, 3});
    ops::target_gradient<float>(z, {&label, 1}, ops::Target::log_probability, ds);
    good = good && std::abs(double(others) / exact - 1) < 1e-5 &&
           std::abs(double(ds[0]) / exact - 1) < 1e-6;
    const double lost = std::abs(double(naive) / exact - 1);
    good = good && (step <= 16 ? lost < 0.1 : lost > 0.4) && (step < 18 || naive == 0);
  }
  return good ? 0 : 1;
}
