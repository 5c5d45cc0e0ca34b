#include "sgq/quant/lsq.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_lsq {

using namespace sgq;
using namespace sgq::quant;
using test::gaussian;
using test::quantized;

TEST_CASE("LSQ: codes and both gradients at and around every edge", "[quant]") {
  // 2 bits, s = 0.5: codes -2..1. g = 1/sqrt(N Q_P) = 1 for one weight.
  struct Case {
    double w, code, dw, dstep;
  };
  const double eps = 1e-9;
  const Case cases[] = {
      {0.0, 0, 1, 0},
      {0.2, 0, 1, -0.4},
      {0.25, 0, 1, -0.5},
      {0.3, 1, 1, 0.4},
      {0.5 - eps, 1, 1, 2e-9},
      {0.5, 1, 0, 1},
      {0.7, 1, 0, 1},
      {99, 1, 0, 1},
      {-0.25, 0, 1, 0.5},
      {-0.75, -2, 1, -0.5},
      {-1.0 + eps, -2, 1, -2e-9},
      {-1.0, -2, 0, -2},
      {-1.0 - eps, -2, 0, -2},
      {-99, -2, 0, -2},
  };
  const Lsq<double> lsq(2);
  for (const Case& c : cases) {
    CAPTURE(c.w);
    const Tensor<double> w({1}, c.w), one({1}, 1.0);
    WeightCodes<double> out;
    lsq.quantize(w, 0.5, out, "layer");
    Tensor<double> dw({1}, 7.0);
    const double dstep = lsq.backward(w, 0.5, out, one, dw);
    CHECK(out.codes[0] == c.code);
    CHECK(out.scale == 0.5);
    CHECK(dw[0] == 7 + c.dw);
    CHECK(dstep == Approx(c.dstep).epsilon(0).margin(1e-14));
  }
}

TEST_CASE("LSQ: the step's gradient is a true derivative, times g", "[quant]") {
  for (int bits : {2, 3, 4, 8}) {
    const Tensor<double> w = gaussian<double>({500}, 1.0, 4), dwq = gaussian<double>({500}, 1.0, 5);
    const double h = 1e-7, high = max_code(bits - 1), low = -high - 1;
    const double s = bits == 8 ? 0.011 : 2.0 / max_code(bits); // some weights are outside
    // Without rounding, w_q = w inside: only what is clipped depends on s.
    const Lsq<double, identity> smooth(bits);
    const auto loss = [&](double step) {
      WeightCodes<double> out;
      smooth.quantize(w, step, out, "layer");
      double sum = 0;
      for (index_t i = 0; i < w.size(); ++i) sum += dwq[i] * out.scale * out.codes[i];
      return sum;
    };
    WeightCodes<double> out;
    smooth.quantize(w, s, out, "layer");
    Tensor<double> dw(w.shape());
    const double g = 1 / std::sqrt(500 * high);
    const double slope = (loss(s + h) - loss(s - h)) / (2 * h);
    CHECK(std::abs(slope) > 1e-3);
    CHECK(smooth.backward(w, s, out, dwq, dw) == Approx(g * slope).epsilon(1e-6));

    // With rounding: codes of rounded weights stay as they are for a small change of s, so that
    // dw_q/ds would be c alone; the straight-through part takes w/s off it inside.
    const Lsq<double> lsq(bits);
    lsq.quantize(w, s, out, "layer");
    double expected = 0;
    for (index_t i = 0; i < w.size(); ++i) {
      const double u = w[i] / s;
      expected += dwq[i] * (u <= low ? low : u >= high ? high : std::rint(u) - u);
    }
    CHECK(lsq.backward(w, s, out, dwq, dw) == Approx(g * expected).epsilon(1e-11));
  }
}

TEST_CASE("LSQ: the first step is 2 E|w| / sqrt(Q_P)", "[quant]") {
  const Tensor<double> w({4}, {0.1, -0.2, 0.3, -0.4});
  CHECK(Lsq<double>(2).initial_step(w) == Approx(0.5).epsilon(1e-15));
  CHECK(Lsq<double>(4).initial_step(w) == Approx(0.5 / std::sqrt(7.0)).epsilon(1e-15));
  CHECK(Lsq<double>(4).has_step());
}

TEST_CASE("LSQ: a step that is negative or too small acts as the floor, a NaN is an error",
          "[quant]") {
  const Tensor<float> w({3}, {0.5f, -0.5f, 0.0f});
  WeightCodes<float> out;
  for (float step : {-1.0f, 0.0f, 1e-9f}) {
    Lsq<float>(4).quantize(w, step, out, "fc1");
    CHECK(out.scale == static_cast<float>(Lsq<float>::step_floor));
    CHECK(out.codes[0] == 7);
    CHECK(out.codes[1] == -8);
    CHECK(out.codes[2] == 0);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(message_of<value_error>([&] { Lsq<float>(4).quantize(w, nan, out, "fc1"); }),
                 "'fc1'"));
}

} // namespace test_lsq
