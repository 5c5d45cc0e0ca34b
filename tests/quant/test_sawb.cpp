#include "sgq/quant/sawb.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"

#include <numbers>

namespace test_sawb {

using namespace sgq;
using namespace sgq::quant;
using test::quantized;

namespace {

struct Named {
  int bits;
  SawbGrid grid;
  int levels, max_code;
};
const Named table[] = {{2, SawbGrid::no_zero, 4, 3},
                       {2, SawbGrid::zero_aligned, 3, 1},
                       {3, SawbGrid::no_zero, 8, 7},
                       {4, SawbGrid::no_zero, 16, 15},
                       {4, SawbGrid::zero_aligned, 15, 7}};

/// A distribution of weights: its density, and its moments in closed form.
struct Distribution {
  const char* name;
  double (*density)(double);
  double width; ///< beyond which nothing is left
  Moments moments;
};
const Distribution distributions[] = {
    {"Gaussian",
     [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); },
     8,
     {.mean_abs = std::sqrt(2 / std::numbers::pi), .mean_square = 1, .max_abs = 8}},
    {"Laplace",
     [](double x) { return std::exp(-std::abs(x)) / 2; },
     30,
     {.mean_abs = 1, .mean_square = 2, .max_abs = 30}}};

/// E[(w - w_q)^2] on `grid` stretched over +-range, by the midpoint rule.
double mse(const Distribution& d, double range, const QuantRange& grid) {
  const index_t points = 6000;
  const double dx = d.width / static_cast<double>(points);
  Tensor<double> w({points}), codes({points});
  for (index_t i = 0; i < points; ++i) w[i] = (static_cast<double>(i) + 0.5) * dx;
  encode_uniform<double>(w, range, grid, codes);
  double sum = 0;
  for (index_t i = 0; i < points; ++i) {
    const double error = w[i] - range / grid.quant_max * codes[i];
    sum += 2 * error * error * d.density(w[i]) * dx; // both signs
  }
  return sum;
}

} // namespace

TEST_CASE("SAWB: the error is within 1 % of the best clip's", "[quant]") {
  for (const Distribution& d : distributions)
    for (const Named& t : table) {
      const Sawb<double> sawb(t.bits, SawbGradient::everywhere, t.grid);
      CAPTURE(d.name, t.levels);
      const double clip = sawb.clip(d.moments), own = mse(d, clip, sawb.grid());
      double best = own;
      for (double f = 0.9; f < 1.1; f += 0.005)
        best = std::min(best, mse(d, f * clip, sawb.grid()));
      CHECK(own <= 1.01 * best);
      // The test can fail: a clip 20 % off is well outside that.
      CHECK(mse(d, 1.2 * clip, sawb.grid()) > 1.01 * best);
      CHECK(mse(d, clip / 1.2, sawb.grid()) > 1.01 * best);
    }
}

TEST_CASE("SAWB: grids, their defaults and where the table ends", "[quant]") {
  for (const Named& t : table) {
    const QuantRange grid = Sawb<float>(t.bits, SawbGradient::everywhere, t.grid).grid();
    CHECK(grid.levels == t.levels);
    CHECK(grid.quant_max == t.max_code);
    CHECK(grid.quant_min == -t.max_code);
    CHECK(grid.has_zero == (t.levels % 2 == 1));
    CHECK(sawb_coefficients(grid).has_value());
  }
  CHECK(Sawb<float>(2).grid() == QuantRange::odd(2));
  CHECK(Sawb<float>(4).grid() == QuantRange::zero_aligned(4));
  CHECK(Sawb<float>(8).grid() == QuantRange::zero_aligned(8));
  for (int bits : {6, 7, 8}) {
    const Sawb<float> sawb(bits);
    CHECK_FALSE(sawb_coefficients(sawb.grid()));
    CHECK(sawb.clip({.mean_abs = 0.1, .mean_square = 0.02, .max_abs = 0.7}) == 0.7);
  }
}

TEST_CASE("SAWB: alpha_w from the moments, max|w| where that is not positive", "[quant]") {
  const Moments m{.mean_abs = 0.25, .mean_square = 0.25, .max_abs = 2}; // rms = 0.5: exact numbers
  const auto clip = [&](int bits, SawbGrid grid) {
    return Sawb<double>(bits, SawbGradient::everywhere, grid).clip(m);
  };
  CHECK(clip(2, SawbGrid::no_zero) == Approx(3.12 * 0.5 - 2.064 * 0.25).epsilon(1e-15));
  CHECK(clip(2, SawbGrid::zero_aligned) == Approx(2.6 * 0.5 - 1.71 * 0.25).epsilon(1e-15));
  CHECK(clip(3, SawbGrid::no_zero) == Approx(7.509 * 0.5 - 6.892 * 0.25).epsilon(1e-15));
  CHECK(clip(4, SawbGrid::no_zero) == Approx(12.68 * 0.5 - 12.80 * 0.25).epsilon(1e-15));
  CHECK(clip(4, SawbGrid::zero_aligned) == Approx(12.035 * 0.5 - 12.03 * 0.25).epsilon(1e-15));
  CHECK(clip(5, SawbGrid::no_zero) == Approx(17.74 * 0.5 - 18.64 * 0.25).epsilon(1e-15));

  // Constant weights: rms = E|w|, and c1 < c2 at 4 bits without a zero.
  const Tensor<float> w({6}, {0.5f, 0.5f, -0.5f, 0.5f, -0.5f, -0.5f});
  const auto out = quantized<float>(Sawb<float>(4, SawbGradient::clipped, SawbGrid::no_zero), w);
  CHECK(out.range == 0.5f);
  for (index_t i = 0; i < w.size(); ++i) CHECK(out.scale * out.codes[i] == w[i]);
}

TEST_CASE("SAWB: at and around the clip; SAWB+ passes the gradient there", "[quant]") {
  const Tensor<double> w({7}, {0.0, 0.5, 0.6, 0.61, -0.6, -0.7, 3.0}), dwq({7}, 1.0);
  for (SawbGradient gradient : {SawbGradient::clipped, SawbGradient::everywhere}) {
    const Sawb<double> sawb(2, gradient);
    WeightCodes<double> out = quantized<double>(sawb, w);
    out.range = 0.6; // a clip of our choice
    Tensor<double> dw({7}, 0.0);
    CHECK(sawb.backward(w, 1, out, dwq, dw) == 0);
    const double clipped[] = {1, 1, 1, 0, 1, 0, 0};
    for (index_t i = 0; i < 7; ++i)
      CHECK(dw[i] == (gradient == SawbGradient::clipped ? clipped[i] : 1.0));
  }
}

TEST_CASE("uniform grids: levels, ties and what is outside", "[quant]") {
  const Tensor<double> w({9}, {0.0, 1.0, -1.0, 5.0, -5.0, 0.5, -0.5, 0.25, -0.25});
  Tensor<double> c({9});
  encode_uniform<double>(w, 1.0, QuantRange::odd(2),
                         c); // levels at +-1/3 and +-1; ties at 0, +-2/3
  const double odd[] = {1, 3, -3, 3, -3, 1, -1, 1, -1};
  for (index_t i = 0; i < 9; ++i) CHECK(c[i] == odd[i]);
  encode_uniform<double>(w, 1.0, QuantRange::zero_aligned(2), c); // -1, 0, 1; ties at +-1/2 go to 0
  const double three[] = {0, 1, -1, 1, -1, 0, 0, 0, 0};
  for (index_t i = 0; i < 9; ++i) CHECK(c[i] == three[i]);
  encode_uniform<double>(w, 1.0, QuantRange::zero_aligned(4), c); // 3.5 -> 4, 1.75 -> 2
  const double fifteen[] = {0, 7, -7, 7, -7, 4, -4, 2, -2};
  for (index_t i = 0; i < 9; ++i) CHECK(c[i] == fifteen[i]);
  for (int bits = 2; bits <= 8; ++bits) { // w = 0 is a tie: code +1
    encode_uniform<double>(w, 0.3, QuantRange::odd(bits), c);
    CHECK(c[0] == 1);
  }
}

} // namespace test_sawb
