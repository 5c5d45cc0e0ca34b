#include "sgq/quant/dorefa.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/raise_to.hpp"

#include <limits>

namespace test_dorefa {

using namespace sgq;
using namespace sgq::quant;
using test::gaussian;
using test::quantized;

TEMPLATE_TEST_CASE("DoReFa: codes are those of the definition", "[quant]", float, double) {
  using T = TestType;
  for (double scale : {1e-4, 0.05, 0.7, 6.0})
    for (int bits = 2; bits <= 8; ++bits) {
      const Tensor<T> w = gaussian<T>({3, 1111}, scale, 1);
      const WeightCodes<T> out = quantized<T>(Dorefa<T>(bits), w);
      const double n = max_code(bits);
      double m = 0;
      for (T v : w) m = std::max(m, std::abs(std::tanh(static_cast<double>(v))));
      int wrong = 0;
      for (index_t i = 0; i < w.size(); ++i) {
        const double r = std::tanh(static_cast<double>(w[i])) / (2 * m) + 0.5;
        wrong += static_cast<double>(out.codes[i]) != 2 * std::rint(r * n) - n;
      }
      CHECK(wrong == 0);
      CHECK(out.scale == static_cast<T>(1 / n));
      CHECK(out.range ==
            Approx(m).epsilon(std::is_same_v<T, float> ? 6e-8 : 1e-15)); // rounded once
    }
}

TEST_CASE("DoReFa: the floats next to every threshold fall on the right side", "[quant]") {
  // The definition in double tells neighbouring floats apart: they differ by about 6e-8 in r n,
  // which double computes to 1e-13.
  for (int bits : {2, 4, 8}) {
    const int n = max_code(bits);
    const float largest = 0.9f;
    const double m = std::tanh(static_cast<double>(largest));
    Tensor<float> w({2 * (n / 2) + 1});
    for (int i = 1; i <= n / 2; ++i) {
      float t = static_cast<float>(std::atanh(m * 2 * i / n));
      w[2 * i - 2] = t;
      w[2 * i - 1] = std::nextafter(t, 0.0f);
    }
    w[w.size() - 1] = largest;
    const WeightCodes<float> out = quantized<float>(Dorefa<float>(bits), w);
    for (index_t i = 0; i < w.size(); ++i) {
      const double r = std::tanh(static_cast<double>(w[i])) / (2 * m) + 0.5;
      REQUIRE(out.codes[i] == static_cast<float>(2 * std::rint(r * n) - n));
    }
  }
}

TEST_CASE("DoReFa: zero is a tie that goes to code +1, and the largest weight to n", "[quant]") {
  for (int bits = 1; bits <= 8; ++bits) {
    const Tensor<float> w({5}, {0.0f, -0.0f, 0.3f, -0.3f, 1e-30f});
    const WeightCodes<float> out = quantized<float>(Dorefa<float>(bits), w);
    const float n = static_cast<float>(max_code(bits));
    CHECK(out.codes[0] == 1);
    CHECK(out.codes[1] == 1);
    CHECK(out.codes[2] == n);
    CHECK(out.codes[3] == -n);
    CHECK(out.codes[4] == 1);
  }
}

TEST_CASE("DoReFa: one bit is the sign times E|w|, rescaled the sign times rms(w)", "[quant]") {
  const Tensor<double> w({4}, {0.1, -0.2, 0.0, 0.5}), dwq({4}, {1.0, 2.0, 3.0, 4.0});
  const WeightCodes<double> plain = quantized<double>(Dorefa<double>(1), w);
  const WeightCodes<double> rescaled =
      quantized<double>(Dorefa<double>(1, DorefaScale::rescaled), w);
  const double signs[] = {1, -1, 1, 1};
  for (index_t i = 0; i < 4; ++i) CHECK(plain.codes[i] == signs[i]);
  CHECK(plain.scale == Approx(0.2).epsilon(1e-14));
  CHECK(rescaled.scale == Approx(std::sqrt(0.3 / 4)).epsilon(1e-14));
  Tensor<double> dw({4}, 10.0);
  CHECK(Dorefa<double>(1).backward(w, 1, plain, dwq, dw) == 0);
  for (index_t i = 0; i < 4; ++i) CHECK(dw[i] == 10 + dwq[i]);
}

TEST_CASE("DoReFa: plain ignores the weights' scale, rescaled keeps their rms", "[quant]") {
  for (int bits : {1, 2, 4, 8})
    for (double scale : {0.01, 0.3}) {
      const Tensor<double> w = gaussian<double>({2000}, scale, 2);
      const WeightCodes<double> plain = quantized<double>(Dorefa<double>(bits), w);
      const WeightCodes<double> rescaled =
          quantized<double>(Dorefa<double>(bits, DorefaScale::rescaled), w);
      double largest = 0, square = 0;
      for (double c : plain.codes) largest = std::max(largest, std::abs(plain.scale * c));
      for (double c : rescaled.codes) square += rescaled.scale * c * rescaled.scale * c;
      if (bits > 1) CHECK(largest == Approx(1).epsilon(1e-14));
      CHECK(square / 2000 == Approx(moments<double>(w, "w").mean_square).epsilon(1e-12));
    }
  CHECK(Dorefa<float>(4).needs_batch_norm());
  CHECK_FALSE(Dorefa<float>(4, DorefaScale::rescaled).needs_batch_norm());
  CHECK_FALSE(Dorefa<float>(1).needs_batch_norm()); // whose scale is E|w|
}

TEST_CASE("sech2 is 1 - tanh^2", "[quant]") {
  double worst = 0, worst_double = 0;
  for (double x = -60; x <= 60; x += 0.0078125) {
    const double e = std::exp(-2 * std::abs(x)), exact = 4 * e / ((1 + e) * (1 + e));
    const double tanh = std::tanh(x);
    if (std::abs(x) < 3) REQUIRE(exact == Approx(1 - tanh * tanh).epsilon(1e-13));
    raise_to(worst_double, std::abs(sech2<64>(x) / exact - 1));
    const double got = static_cast<double>(sech2<64>(static_cast<float>(x)));
    if (exact > 1e-37)
      raise_to(worst, std::abs(got / exact - 1) / (1 + std::abs(x)));
    else
      CHECK(got < 1e-36);
  }
  CHECK(worst < 1e-6);
  CHECK(worst_double < 1e-15);
  CHECK(sech2<64>(0.0f) == 1.0f);
  CHECK(sech2<64>(std::numeric_limits<float>::max()) < 1e-36f);
}

} // namespace test_dorefa
