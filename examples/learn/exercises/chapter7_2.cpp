// Exercise 7.2, solved: the thresholds of a channel by bisection, also where m is negative. Then
// the code falls as A grows, so -A is compared with thresholds that belong to -A.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  constexpr index_t bound = 5000;
  const Random random(1);
  bool good = true;
  for (index_t i = 0; i < 400; ++i) {
    const quant::ChannelAffine f{.m = 0.04f * random.uniform(3 * i) - 0.02f,
                                 .t = random.uniform(3 * i + 1) - 0.5f};
    const double alpha = 0.5 + random.uniform(3 * i + 2), sign = f.m < 0 ? -1 : 1;
    const int bits = 2 + static_cast<int>(i % 3), n = quant::max_code(bits);
    const infer::Thresholds t = infer::make_thresholds(std::span(&f, 1), alpha, bits, bound);
    for (int j = 1; j <= n; ++j) {
      index_t low = -bound, high = bound + 1; // the answer lies in low .. high
      while (low < high) {
        const index_t middle = low + (high - low) / 2;
        const double v = std::clamp(sign * static_cast<double>(middle) * f.m + f.t, 0.0, alpha);
        if (std::rint(v * (n / alpha)) >= j)
          high = middle;
        else
          low = middle + 1;
      }
      good = good && t.values[j - 1] == low && (t.falling[0] == 1) == (f.m < 0);
    }
  }
  std::printf("%s\n", good ? "the same thresholds" : "DIFFERENT");
  return good ? 0 : 1;
}
