// Chapter 7: the thresholds of a channel, and the tie that a shortcut misses.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

int main() {
  const quant::ChannelAffine f{.m = 1.0f / 32, .t = 0}; // alpha = 3, so n / alpha = 1
  const infer::Thresholds t = infer::make_thresholds(std::span(&f, 1), 3, 2, 4000);
  std::printf("m = 1/32, t = 0, alpha = 3, two bits: A >= %d, %d, %d\n\n", int(t.values[0]),
              int(t.values[1]), int(t.values[2]));
  std::printf("  A       v   code   thresholds   \"v >= j - 1/2\"\n");
  for (const int a : {15, 16, 17, 47, 48, 79, 80, 81}) {
    const double v = quant::preactivation(a, f.m, f.t);
    std::printf("%3d  %6.3f  %5.0f  %11d  %15d\n", a, v, quant::pact_code(v, 3.0, 1.0),
                t.code(0, a), int(v >= 0.5) + int(v >= 1.5) + int(v >= 2.5));
  }
}
