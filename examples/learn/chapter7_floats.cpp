// Chapter 7: other ways to a code of 8 bits, and how often they miss: 1000 channels of 256 weights,
// 100 inputs each, of 4 and of 8 bits. By definition a code is rint(clip(m A, 0, alpha) n/alpha).
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

constexpr int n = 256, channels = 1000, images = 100;

/// What a float network computes: weights and inputs with their scales, multiplied and summed.
double float_sum(const float* w, const float* x, bool backwards) {
  float sum = 0;
  for (int k = 0; k < n; ++k)
    sum = backwards ? std::fma(w[n - 1 - k], x[n - 1 - k], sum) : std::fma(w[k], x[k], sum);
  return double(sum);
}

/// a * factor, as many integer engines compute it: times 31 bits, the upper half rounded, shifted,
/// rounded again.
double multiply_and_shift(int a, double factor) {
  int shift = 0;
  for (; factor < 0.5; factor *= 2) ++shift;
  const auto multiplier = static_cast<std::int64_t>(factor * 0x1p31 + 0.5);
  const std::int64_t high = (a * multiplier + (std::int64_t{1} << 30)) >> 31;
  return std::clamp(double((high + (std::int64_t{1} << shift >> 1)) >> shift), 0.0, 255.0);
}

void compare(int bits) {
  const int top_w = quant::max_code(bits - 1), top_x = quant::max_code(bits);
  int inside = 0, shifted = 0, apart = 0, floats = 0;
  for (int channel = 0; channel < channels; ++channel) {
    const Random own = Random(1).split(static_cast<std::uint64_t>(channel));
    const float s_w = std::fma(0.02f, own.uniform(0), 0.01f);
    const float s_x = std::fma(0.1f, own.uniform(1), 0.05f);
    const double m = double(s_w * s_x), largest = m * top_w * top_x;
    const double alpha = largest * (10 + 10 * double(own.uniform(2)));
    const auto code = [&](double v) { return quant::pact_code(v, alpha, 255 / alpha); };
    for (int image = 0; image < images; ++image) {
      int a = 0;
      float w[n], x[n];
      for (int i = 0; i < n; ++i) {
        const int c = int(own.below(n + i, 2 * top_w + 1)) - top_w;
        const int q = int(own.below((2 + image) * n + i, top_x + 1));
        a += c * q, w[i] = s_w * float(c), x[i] = s_x * float(q);
      }
      const double v = m * a, there = float_sum(w, x, false), back = float_sum(w, x, true);
      inside += v > 0 && v < alpha;
      shifted += multiply_and_shift(a, m * (255 / alpha)) != code(v);
      apart += there != back, floats += code(there) != code(v) || code(back) != code(v);
    }
  }
  std::printf("%d bits %25d %22d %13d %13d\n", bits, inside, shifted, apart, floats);
}

int main() {
  std::printf("weights,      of 100000 sums   multiplier and shift   float sums in two orders\n"
              "inputs   between 0 and alpha            codes wrong     apart   codes wrong\n");
  for (const int bits : {4, 8}) compare(bits);
}
