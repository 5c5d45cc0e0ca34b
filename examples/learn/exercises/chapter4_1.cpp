// Exercise 4.1, solved: weights of 3 bits with a zero, clipped at twice their root mean square; the
// backward pass; and the tests.
#include "../digits.hpp"

using namespace sgq;

namespace {

template <class T>
class ThreeBits final : public quant::WeightQuantizer<T> {
public:
  std::string name() const override { return "three-bits"; }
  int bits() const override { return 3; }
  quant::QuantRange grid() const override { return quant::QuantRange::zero_aligned(3); } // -3 .. 3

  void quantize(View<const T> w, T, quant::WeightCodes<T>& out,
                std::string_view layer) const override {
    double clip = 2 * std::sqrt(quant::moments(w, layer).mean_square); // refuses NaN
    if (clip == 0) clip = 1;                                           // all weights are 0
    out.range = static_cast<T>(clip);
    out.scale = static_cast<T>(clip / 3);
    out.codes.resize(w.shape());
    for (index_t i = 0; i < w.size(); ++i)
      out.codes[i] = std::clamp(std::rint(w[i] / out.scale), T(-3), T(3));
  }

  /// Rounding counts as the identity and the clip as a constant: what is clipped has no gradient.
  T backward(View<const T> w, T, const quant::WeightCodes<T>& codes, View<const T> dwq,
             View<T> dw) const override {
    for (index_t i = 0; i < w.size(); ++i)
      if (std::abs(w[i]) <= codes.range) dw[i] += dwq[i];
    return T(0);
  }
};

/// Root mean square 3/2, so the clip is 3 and the scale 1, and every weight is a tie; and one weight
/// that is clipped.
bool codes_are_those_by_hand() {
  quant::WeightCodes<double> out;
  ThreeBits<double>().quantize(Tensor<double>({4}, {0.5, 1.5, -0.5, -2.5}), 1, out, "test");
  const double by_hand[] = {0, 2, 0, -2};
  if (!std::equal(by_hand, by_hand + 4, out.codes.begin()) || out.scale != 1) return false;
  Tensor<double> w({36}); // root mean square 2, clip 4
  w[0] = -12;
  ThreeBits<double>().quantize(w, 1, out, "test");
  return out.range == 4 && out.codes[0] == -3 && out.codes[1] == 0;
}

bool limits_hold() {
  quant::WeightCodes<double> out;
  ThreeBits<double>().quantize(Tensor<double>({2}), 1, out, "fc1");
  if (out.codes[0] != 0 || !(out.scale > 0)) return false;
  try {
    ThreeBits<double>().quantize(Tensor<double>({2}, {1, NAN}), 1, out, "fc1");
  } catch (const value_error& e) {
    return std::string(e.what()).find("fc1") != std::string::npos;
  }
  return false;
}

/// Beside finite differences of what is left without rounding: sum g_i clip(w_i, -c, c), c fixed.
bool gradient_is_that_of_the_clip() {
  Tensor<double> w({36}), g({36}), dw({36}, 1.0); // 1: gradients that are there already
  w[0] = -12, w[1] = 0.5, w[2] = -0.7;
  for (index_t i = 0; i < 36; ++i) g[i] = static_cast<double>(i) - 20;
  quant::WeightCodes<double> out;
  ThreeBits<double>().quantize(w, 1, out, "test");
  ThreeBits<double>().backward(w, 1, out, g, dw);
  const auto clip = [&](double x) { return std::clamp(x, -out.range, out.range); };
  bool good = dw[0] == 1; // clipped: nothing came
  for (index_t i = 0; i < 36; ++i) {
    const double slope = (clip(w[i] + 1e-6) - clip(w[i] - 1e-6)) / 2e-6;
    good = good && std::abs(1 + g[i] * slope - dw[i]) < 1e-8;
  }
  return good;
}

/// A LeNet learns with it, and the integer engine gives the same logits.
bool it_trains_and_ships() {
  const learn::Digits digits;
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  nn::quantize(net, {.bits = quant::parse_bit_policy("w3a3"), .input = digits.grid},
               [](const std::string&, int) { return std::make_shared<ThreeBits<float>>(); });
  if (learn::teach(net, digits) < 75) return false;
  const Tensor<float> x = digits.images(50), expected = saliency::logits_of(net, x);
  Tensor<float> logits(expected.shape());
  infer::Engine(infer::export_integer(net))(x, logits);
  return std::equal(logits.begin(), logits.end(), expected.begin());
}

} // namespace

int main() {
  const bool good[] = {codes_are_those_by_hand(), limits_hold(), gradient_is_that_of_the_clip(),
                       it_trains_and_ships()};
  std::printf("codes %d, limits %d, gradient %d, engine %d\n", good[0], good[1], good[2], good[3]);
  return good[0] && good[1] && good[2] && good[3] ? 0 : 1;
}
