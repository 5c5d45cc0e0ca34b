// Chapter 4: how a weight quantiser is tested. Three tests that any quantiser needs, here for the
// symmetric weights of 3 bits in quant/symmetric.hpp.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

/// Codes of a few weights, worked out by hand: max|w| = 3, so the scale is 1; ties go to even.
bool codes_are_those_by_hand() {
  const Tensor<double> w({7}, {-3.0, -1.6, -1.5, -0.2, 0.5, 0.6, 2.5});
  const double by_hand[] = {-3, -2, -2, 0, 0, 1, 2};
  quant::WeightCodes<double> out;
  quant::Symmetric<double>(3).quantize(w, 1, out, "test");
  return out.scale == 1 && std::equal(by_hand, by_hand + 7, out.codes.begin());
}

/// A NaN is an error that names the layer; zeros are codes 0 with a scale that can be divided by.
bool limits_hold() try {
  quant::WeightCodes<double> out;
  quant::Symmetric<double>(3).quantize(Tensor<double>({2}), 1, out, "fc1");
  if (out.codes[0] != 0 || out.codes[1] != 0 || !(out.scale > 0)) return false;
  quant::Symmetric<double>(3).quantize(Tensor<double>({2}, {1, NAN}), 1, out, "fc1");
  return false;
} catch (const value_error& e) {
  return std::string(e.what()).find("fc1") != std::string::npos;
}

/// L = sum g_i w_q_i. Without rounding w_q is a smooth function of w, so finite differences check
/// what backward() claims.
double worst_gradient_error() {
  const quant::Symmetric<double, quant::identity> smooth(3);
  Tensor<double> w({4}, {-0.9, -0.3, 0.01, 0.4}), g({4}, {1, -2, 3, -4}), dw({4}, 1.0);
  quant::WeightCodes<double> out;
  const auto loss = [&](index_t moved, double by) {
    Tensor<double> v = w;
    v[moved] += by;
    smooth.quantize(v, 1, out, "test");
    double sum = 0;
    for (index_t i = 0; i < 4; ++i) sum += g[i] * out.scale * out.codes[i];
    return sum;
  };
  loss(0, 0);                        // makes the codes of w
  smooth.backward(w, 1, out, g, dw); // adds to the ones that are there
  double worst = 0;
  for (index_t i = 0; i < 4; ++i)
    worst = std::max(worst, std::abs(1 + (loss(i, 1e-6) - loss(i, -1e-6)) / 2e-6 - dw[i]));
  return worst;
}

} // namespace

int main() {
  const bool codes = codes_are_those_by_hand(), limits = limits_hold();
  const bool gradient = worst_gradient_error() < 1e-8;
  std::printf("codes %d, limits %d, gradient %d\n", codes, limits, gradient);
  return codes && limits && gradient ? 0 : 1;
}
