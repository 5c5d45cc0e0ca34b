// Chapter 7: other ways to a code, and how often they miss: 1000 channels of 256 weights, 100
// inputs each, all of 4 bits. By definition a code is rint(clip(m A, 0, alpha) n/alpha).
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

constexpr int n = 256, channels = 1000, images = 100;

/// What a float network computes: weights and inputs with their scales, multiplied and summed.
float float_sum(const float* w, const float* x, bool backwards) {
  float sum = 0;
  for (int k = 0; k < n; ++k)
    sum = backwards ? std::fma(w[n - 1 - k], x[n - 1 - k], sum) : std::fma(w[k], x[k], sum);
  return sum;
}

/// a * factor, as many integer engines compute it: times 31 bits, the upper half rounded, shifted,
/// rounded again.
std::int64_t multiply_and_shift(int a, double factor) {
  int shift = 0;
  for (; factor < 0.5; factor *= 2) ++shift;
  const auto multiplier = static_cast<std::int64_t>(factor * 0x1p31 + 0.5);
  const std::int64_t high = (a * multiplier + (std::int64_t{1} << 30)) >> 31;
  return std::clamp<std::int64_t>((high + (std::int64_t{1} << shift >> 1)) >> shift, 0, 255);
}

} // namespace

int main() {
  int shifted = 0, apart = 0, floats = 0;
  for (int channel = 0; channel < channels; ++channel) {
    const Random own = Random(1).split(static_cast<std::uint64_t>(channel));
    const float s_w = std::fma(0.02f, own.uniform(0), 0.01f), alpha = 1 + own.uniform(3);
    const float s_x = std::fma(0.1f, own.uniform(1), 0.05f);
    const float m = static_cast<float>(static_cast<double>(s_w) * static_cast<double>(s_x));
    const double inverse = quant::inverse_step(alpha, 8), end = static_cast<double>(alpha);
    const auto of = [&](double v) { return quant::pact_code(v, end, inverse); };
    for (int image = 0; image < images; ++image) {
      int a = 0;
      float w[n], x[n];
      for (int i = 0; i < n; ++i) {
        const auto c = static_cast<int>(own.bits(4 + i / 8) >> 4 * (i % 8) & 15) - 8;
        const auto code = static_cast<int>(own.bits(64 + 32 * image + i / 8) >> 4 * (i % 8) & 15);
        a += c * code, w[i] = s_w * static_cast<float>(c), x[i] = s_x * static_cast<float>(code);
      }
      const double exact = of(static_cast<double>(m) * a);
      shifted +=
          static_cast<double>(multiply_and_shift(a, static_cast<double>(m) * inverse)) != exact;
      const float there = float_sum(w, x, false), back = float_sum(w, x, true);
      apart += there != back;
      floats += of(static_cast<double>(there)) != exact || of(static_cast<double>(back)) != exact;
    }
  }
  std::printf("of %d codes, multiplier and shift: %d others\n", channels * images, shifted);
  std::printf("float sums in two orders: %d differ, %d codes do\n", apart, floats);
}
