// Attribution maps against closed forms, and what happens at their borders.
#include "sgq/saliency/cam.hpp"
#include "sgq/saliency/expected_gradients.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/smoothgrad.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"
#include "support/raise_to.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_maps {

using namespace sgq;
using namespace sgq::nn;
using namespace sgq::saliency;

namespace {

/// y = x^2.
template <class T>
class Square final : public Layer<T> {
public:
  std::string_view kind() const override { return "square"; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const View<const T> x = in[0]->view();
    const View<T> y = slot.plain(x.shape());
    for (index_t i = 0; i < x.size(); ++i) y[i] = x[i] * x[i];
  }
  void backward(Inputs<T> in, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    const View<const T> x = in[0]->view();
    for (index_t i = 0; i < x.size(); ++i) dx[0][i] = 2 * x[i] * dy[i];
  }
};

constexpr index_t channels = 2, side = 6, plane = side * side, features = channels * plane;
const std::vector<std::uint8_t> classes{2, 0, 1};

/// Images of two channels and `layers` -> flatten -> linear, three classes.
template <class... Layers>
Net<double> net_of(Layers... layers) {
  Net<double> net({channels, side, side});
  int i = 0;
  (net.add("layer" + std::to_string(i++), std::move(layers)), ...);
  net.add("flatten", Flatten<double>());
  net.add("fc", Linear<double>({.in = features, .out = 3}));
  auto& fc = dynamic_cast<Linear<double>&>(net.layer(net.last()));
  const View<double> w = fc.weights()->parameter().edit(), b = fc.bias().edit();
  for (index_t i_ = 0; i_ < w.size(); ++i_) w[i_] = Random(5).normal(i_);
  for (index_t k = 0; k < 3; ++k) b[k] = static_cast<double>(k - 1);
  net.quantize_weights();
  return net;
}

Tensor<double> images(index_t n = 3) {
  return random_tensor<double>({n, channels, side, side}, 7);
}

/// The weights of its linear layer, [3, features].
View<const double> weights(Net<double>& net) {
  return net.layer(net.last()).weights()->parameter().value();
}

/// The weight that image n's class gives to its flat element i.
double weight(Net<double>& net, index_t n, index_t i) {
  return weights(net)(classes[static_cast<std::size_t>(n)], i);
}

/// Checks values(n, i) = expected(n, i) to a relative 1e-12.
template <class Expected>
void check_values(const Attribution<double>& a, Expected expected) {
  REQUIRE(a.values.shape().stride() > 0);
  const index_t per_image = a.values.shape().stride();
  double error = 0;
  for (index_t k = 0; k < a.values.size(); ++k) {
    const double e = expected(k / per_image, k % per_image);
    raise_to(error, std::abs(a.values[k] - e) / (1 + std::abs(e)));
  }
  CHECK(error < 1e-12);
}

} // namespace

// ---- closed forms -------------------------------------------------------------------------------

TEST_CASE("a linear model: every gradient method says its weights", "[maps]") {
  Net<double> net = net_of();
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  const auto w = [&](index_t n, index_t i) { return weight(net, n, i); };
  const auto a = gradient<double>(explain, x, classes);
  check_values(a, w);
  CHECK(a.label == "gradient");
  CHECK(a.zero_share == 0);
  check_values(guided_backprop<double>(explain, x, classes), w);
  check_values(gradient_x_input<double>(explain, x, classes),
               [&](index_t n, index_t i) { return w(n, i) * x[n * features + i]; });
  check_values(smoothgrad<double>(explain, x, classes, {.samples = 3}), w);
  check_values(smoothgrad<double>(explain, x, classes, {.samples = 3, .squared = true}),
               [&](index_t n, index_t i) { return w(n, i) * w(n, i); });
}

TEST_CASE("a linear model: integrated gradients are w (x - x'), and complete", "[maps]") {
  Net<double> net = net_of();
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  const std::vector<float> base{0.5f, -0.25f}; // a value for each channel
  for (index_t steps : {1, 7}) {
    const auto a =
        integrated_gradients<double>(explain, x, classes, {.steps = steps, .background = base});
    check_values(a, [&](index_t n, index_t i) {
      return weight(net, n, i) *
             (x[n * features + i] - static_cast<double>(base[static_cast<std::size_t>(i / plane)]));
    });
    REQUIRE(a.completeness_error.size() == 3);
    for (double error : a.completeness_error) CHECK(error < 1e-12); // 72 terms near 1
  }
}

TEST_CASE("the log-probability's gradient is w_c minus the expected weight", "[maps]") {
  Net<double> net = net_of();
  Explainer<double> explain(net, {.target = Target::log_probability});
  Tensor<double> x = images();
  for (double& v : x) v /= 20; // no class certain
  const auto a = gradient<double>(explain, x, classes);
  const View<const double> w = weights(net);
  Tape<double> tape;
  const View<const double> z = net.forward(x, tape);
  check_values(a, [&](index_t n, index_t i) {
    double sum = 0, expected = 0;
    for (index_t k = 0; k < 3; ++k) {
      sum += std::exp(z(n, k));
      expected += std::exp(z(n, k)) * w(k, i);
    }
    return weight(net, n, i) - expected / sum;
  });
  // The third derivative of S on the way is a third moment of w x, at most .1 R^3 where that has a
  // range R; the midpoint rule errs by 1/(24 m^2) of it. R is about 2, so by 3e-6; 6 would do.
  for (double error :
       integrated_gradients<double>(explain, x, classes, {.steps = 100, .background = {0}})
           .completeness_error)
    CHECK(error < 1e-4);
}

TEST_CASE("integrated gradients of a square are w (x^2 - x'^2)", "[maps]") {
  // The integrand 2 w (x' + a (x - x')) is linear in a, so the midpoint rule is exact.
  Net<double> net = net_of(Square<double>());
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  for (index_t steps : {1, 4}) {
    const auto a =
        integrated_gradients<double>(explain, x, classes, {.steps = steps, .background = {0.5f}});
    check_values(a, [&](index_t n, index_t i) {
      const double v = x[n * features + i];
      return weight(net, n, i) * (v * v - 0.25);
    });
    for (double error : a.completeness_error) CHECK(error < 1e-11);
  }
}

TEST_CASE("the completeness error of the midpoint rule falls with the square of the steps",
          "[maps]") {
  Net<double> net = net_of(Square<double>(), Square<double>()); // x^4
  Explainer<double> explain(net, {.background = {0}});
  const Tensor<double> x = images();
  const auto error = [&](index_t steps) {
    return integrated_gradients<double>(explain, x, classes, {.steps = steps}).completeness_error;
  };
  const auto coarse = error(10), fine = error(20);
  for (std::size_t n = 0; n < 3; ++n) {
    CHECK(coarse[n] > 1e-3);
    CHECK(coarse[n] / fine[n] == Approx(4).epsilon(0.01)); // the next term is 1/m^4
  }
}

TEST_CASE("SmoothGrad's noise is normal, scaled by the image's range, an image's own", "[maps]") {
  // dS/dx = 2 w (x + e), so the map over 2 w, less x, is the mean of the noise.
  Net<double> net = net_of(Square<double>());
  Tensor<double> x = images(40);
  for (index_t i = 0; i < features; ++i) x[i] *= 10; // image 0: a range of its own
  const std::vector<std::uint8_t> zeros(40, 0);
  const SmoothGradOptions options{.samples = 16, .fraction = 0.2, .seed = 3};
  Explainer<double> together(net), apart(net, {.batch = 7});
  const auto a = smoothgrad<double>(together, x, zeros, options);
  const auto b = smoothgrad<double>(apart, x, zeros, options);
  CHECK(std::equal(a.values.begin(), a.values.end(), b.values.begin()));
  double sum = 0, squares = 0;
  for (index_t k = 0; k < x.size(); ++k) {
    const double* row = x.data() + k / features * features;
    const auto [low, high] = std::minmax_element(row, row + features);
    const double w = weights(net)(0, k % features);
    const double e = (a.values[k] / (2 * w) - x[k]) / (0.2 * (*high - *low));
    sum += e;
    squares += e * e;
  }
  const double count = static_cast<double>(x.size()); // 2880
  CHECK(std::abs(sum / count) < 4 * 0.25 / std::sqrt(count));
  CHECK(squares / count == Approx(1.0 / 16).epsilon(4 * std::sqrt(2 / count)));
  const auto other =
      smoothgrad<double>(together, x, zeros, {.samples = 16, .fraction = 0.2, .seed = 4});
  CHECK_FALSE(std::equal(a.values.begin(), a.values.end(), other.values.begin()));
}

TEST_CASE("VarGrad is the variance over SmoothGrad's copies", "[maps]") {
  Net<double> linear = net_of(), net = net_of(Square<double>());
  const Tensor<double> x = images();
  Explainer<double> same_everywhere(linear), explain(net), apart(net, {.batch = 1});
  check_values(vargrad<double>(same_everywhere, x, classes), [](index_t, index_t) { return 0; });
  const VarGradOptions options{.samples = 9, .fraction = 0.2, .seed = 3};
  const auto a = vargrad<double>(explain, x, classes, options);
  CHECK(a.label == "VarGrad");
  const auto mean =
      smoothgrad<double>(explain, x, classes, {.samples = 9, .fraction = 0.2, .seed = 3});
  const auto squares = smoothgrad<double>(
      explain, x, classes, {.samples = 9, .fraction = 0.2, .squared = true, .seed = 3});
  check_values(a, [&](index_t n, index_t i) {
    const index_t at = n * features + i;
    return squares.values[at] - mean.values[at] * mean.values[at];
  });
  // dS/dx = 2 w (x + e), whose variance is 4 w^2 s^2.
  double ratio = 0;
  for (index_t k = 0; k < x.size(); ++k) {
    const index_t n = k / features;
    const double* row = x.data() + n * features;
    const auto [low, high] = std::minmax_element(row, row + features);
    const double w = weight(net, n, k % features), s = 0.2 * (*high - *low);
    ratio += a.values[k] / (4 * w * w * s * s) / static_cast<double>(x.size());
  }
  // The biased variance of 9 numbers has the mean 8/9 and a deviation of sqrt(2 8) / 9; 216 of them.
  CHECK(std::abs(ratio - 8.0 / 9) < 4 * (4.0 / 9) / std::sqrt(216.0));
  const auto b = vargrad<double>(apart, x, classes, options);
  CHECK(std::equal(a.values.begin(), a.values.end(), b.values.begin()));
}

TEST_CASE("a linear model: expected gradients are w (x - the mean of the drawn baselines)",
          "[maps]") {
  Net<double> net = net_of();
  Tensor<float> baselines({2, channels, side, side});
  for (index_t i = 0; i < features; ++i) baselines[features + i] = 1; // one of zeros, one of ones
  const Tensor<double> x = images();
  SECTION("of one baseline") {
    Explainer<double> explain(net, {.baselines = random_tensor<float>({1, 2, side, side}, 9)});
    const View<const float> b = explain.options().baselines;
    for (const index_t samples : {1, 5})
      check_values(expected_gradients<double>(explain, x, classes, {.samples = samples}),
                   [&](index_t n, index_t i) {
                     return weight(net, n, i) * (x[n * features + i] - static_cast<double>(b[i]));
                   });
  }
  SECTION("of two, drawn once for all pixels of an image, for each image apart") {
    Explainer<double> explain(net, {.baselines = baselines}),
        apart(net, {.baselines = baselines, .batch = 7});
    constexpr index_t many = 60, samples = 8;
    const Tensor<double> all = images(many);
    const std::vector<std::uint8_t> zeros(many, 0);
    const ExpectedGradientsOptions options{.samples = samples, .seed = 2};
    const auto a = expected_gradients<double>(explain, all, zeros, options);
    CHECK(a.label == "expected gradients");
    std::vector<double> ones; // how often an image drew the second baseline
    for (index_t n = 0; n < many; ++n)
      for (index_t i = 0; i < features; ++i) {
        const index_t at = n * features + i;
        const double drawn = samples * (all[at] - a.values[at] / weights(net)(0, i));
        if (i == 0) ones.push_back(std::round(drawn));
        REQUIRE(drawn == Approx(ones.back()).margin(1e-9));
      }
    double sum = 0;
    for (double count : ones) sum += count / samples / many;
    CHECK(std::abs(sum - 0.5) < 4 * 0.5 / std::sqrt(double(samples * many)));
    CHECK(*std::min_element(ones.begin(), ones.end()) <
          *std::max_element(ones.begin(), ones.end()));
    const auto b = expected_gradients<double>(apart, all, zeros, options);
    CHECK(std::equal(a.values.begin(), a.values.end(), b.values.begin()));
    const auto other = expected_gradients<double>(explain, all, zeros, {.samples = samples});
    CHECK_FALSE(std::equal(a.values.begin(), a.values.end(), other.values.begin()));
  }
}

TEST_CASE("expected gradients go a share of the way that is uniform, one for an image and sample",
          "[maps]") {
  // From zeros, x dS/dx at a x is 2 w a x^2: the map says the mean of a.
  Net<double> net = net_of(Square<double>());
  Explainer<double> explain(net, {.baselines = Tensor<float>({1, channels, side, side})});
  constexpr index_t many = 60, samples = 8;
  const Tensor<double> x = images(many);
  const std::vector<std::uint8_t> zeros(many, 0);
  const auto a = expected_gradients<double>(explain, x, zeros, {.samples = samples});
  double sum = 0, squares = 0;
  for (index_t n = 0; n < many; ++n) {
    double share = 0;
    for (index_t i = 0; i < features; ++i) {
      const index_t at = n * features + i;
      const double mean = a.values[at] / (2 * weights(net)(0, i) * x[at] * x[at]);
      if (i == 0) share = mean;
      REQUIRE(mean == Approx(share).epsilon(1e-9));
    }
    sum += share / many;
    squares += (share - 0.5) * (share - 0.5) / many;
  }
  const double variance = 1.0 / 12 / samples; // of a mean
  CHECK(std::abs(sum - 0.5) < 4 * std::sqrt(variance / many));
  CHECK(squares == Approx(variance).epsilon(4 * std::sqrt(2.0 / many)));
}

TEST_CASE("Grad-CAM is the rectified sum of maps, weighted by their mean gradient", "[maps]") {
  const auto make = [](double gamma) {
    Net<double> net({channels, side, side});
    net.add("conv", Conv2d<double>({.in = channels, .out = 3, .kernel = 1}));
    net.add("bn", BatchNorm<double>({.channels = 3, .eps = 1e-30}));
    net.add("relu", Relu<double>());
    net.add("pool", GlobalAvgPool<double>());
    net.add("fc", Linear<double>({.in = 3, .out = 3}));
    initialize(net, 4);
    net.parameters()[2].parameter->edit().fill(gamma);
    net.parameters()[3].parameter->edit().fill(0.25); // beta
    return net;
  };
  Net<double> net = make(2);
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  const View<const double> conv = net.parameters()[0].parameter->value();
  const View<const double> fc = net.parameters()[4].parameter->value();
  const auto before_relu = [&](index_t n, index_t k, index_t i) {
    double v = 0;
    for (index_t c = 0; c < channels; ++c)
      v += conv[k * channels + c] * x[n * features + c * plane + i];
    return 2 * v + 0.25;
  };
  const auto weight_of = [&](index_t n, index_t k) {
    return fc[classes[static_cast<std::size_t>(n)] * 3 + k] / plane;
  };
  // Layer relu: the gradient of every position is fc / plane, and so is its mean.
  const auto expected = [&](index_t n, index_t i) {
    double cam = 0;
    for (index_t k = 0; k < 3; ++k) cam += weight_of(n, k) * std::max(before_relu(n, k, i), 0.0);
    return std::max(cam, 0.0);
  };
  check_values(grad_cam<double>(explain, x, classes), expected);
  check_values(grad_cam<double>(explain, x, classes, "relu"), expected);
  // Layer bn, whose numbers are not stored as such: only positions above 0 have a gradient.
  const auto a = grad_cam<double>(explain, x, classes, "bn");
  double active = 0;
  check_values(a, [&](index_t n, index_t i) {
    double cam = 0;
    for (index_t k = 0; k < 3; ++k) {
      double share = 0;
      for (index_t j = 0; j < plane; ++j) share += before_relu(n, k, j) > 0;
      if (i == 0) active += share;
      cam += weight_of(n, k) * share / plane * before_relu(n, k, i);
    }
    return std::max(cam, 0.0);
  });
  CHECK(a.zero_share == Approx(1 - active / static_cast<double>(3 * 3 * plane)));
}

TEST_CASE("Grad-CAM++, LayerCAM and HiResCAM of a net whose gradients are its last weights",
          "[maps]") {
  Net<double> net({channels, side, side});
  net.add("conv", Conv2d<double>({.in = channels, .out = 3, .kernel = 1}));
  net.add("relu", Relu<double>());
  net.add("flatten", Flatten<double>());
  net.add("fc", Linear<double>({.in = 3 * plane, .out = 3}));
  initialize(net, 4);
  const Tensor<double> x = images();
  const View<const double> conv = net.parameters()[0].parameter->value();
  const auto g = [&](index_t n, index_t k, index_t i) { return weight(net, n, k * plane + i); };
  const auto a = [&](index_t n, index_t k, index_t i) {
    double v = 0;
    for (index_t c = 0; c < channels; ++c)
      v += conv[k * channels + c] * x[n * features + c * plane + i];
    return std::max(v, 0.0);
  };
  const auto rectified_sum = [&](auto of_channel) {
    return [&, of_channel](index_t n, index_t i) {
      double sum = 0;
      for (index_t k = 0; k < 3; ++k) sum += of_channel(n, k, i);
      return std::max(sum, 0.0);
    };
  };
  const auto plus = rectified_sum([&](index_t n, index_t k, index_t i) { // as the paper has it
    double mass = 0, w = 0;
    for (index_t j = 0; j < plane; ++j) mass += a(n, k, j);
    for (index_t j = 0; j < plane; ++j) {
      const double d = g(n, k, j), alpha = d * d / (2 * d * d + mass * d * d * d);
      w += d > 0 ? alpha * d : 0;
    }
    return w * a(n, k, i);
  });
  const auto layer = rectified_sum(
      [&](index_t n, index_t k, index_t i) { return std::max(g(n, k, i), 0.0) * a(n, k, i); });
  const auto hires =
      rectified_sum([&](index_t n, index_t k, index_t i) { return g(n, k, i) * a(n, k, i); });
  Explainer<double> explain(net), apart(net, {.batch = 1}),
      probable(net, {.target = Target::log_probability});
  const auto check = [&](auto method, const char* label, auto expected, bool of_logit) {
    const auto map = method(explain, "");
    INFO(label);
    CHECK(map.label == label);
    check_values(map, expected);
    check_values(method(explain, "relu"), expected);
    const auto same = [&](const Attribution<double>& b) {
      return std::equal(map.values.begin(), map.values.end(), b.values.begin());
    };
    CHECK(same(method(apart, "")));
    CHECK(same(method(probable, "")) == of_logit);
  };
  check([&](auto& e, const char* at) { return grad_cam_plus_plus<double>(e, x, classes, at); },
        "Grad-CAM++", plus, true);
  check([&](auto& e, const char* at) { return layer_cam<double>(e, x, classes, at); }, "LayerCAM",
        layer, false);
  check([&](auto& e, const char* at) { return hires_cam<double>(e, x, classes, at); }, "HiResCAM",
        hires, false);
}

TEST_CASE("HiResCAM is Grad-CAM where the net averages its last maps", "[maps]") {
  Net<double> net = small_residual_net<double>(); // each gradient is fc / plane, its own mean
  Explainer<double> explain(net);
  const Tensor<double> x = random_tensor<double>({3, 2, 8, 8}, 1);
  const auto mean = grad_cam<double>(explain, x, classes);
  check_values(hires_cam<double>(explain, x, classes),
               [&](index_t n, index_t i) { return mean.values[n * 64 + i]; });
  CHECK(*std::max_element(mean.values.begin(), mean.values.end()) > 0);
}

TEST_CASE("maps are enlarged with pixel centres aligned", "[maps]") {
  const Tensor<double> small({2, 2}, {0, 1, 2, 3});
  Tensor<double> large({4, 4});
  saliency::detail::resize_bilinear<double>(small, large);
  const double along[] = {0, 0.25, 0.75, 1};
  for (index_t i = 0; i < 4; ++i)
    for (index_t j = 0; j < 4; ++j) CHECK(large(i, j) == 2 * along[i] + along[j]);
}

TEST_CASE("a position's value is the mean over channels, signed or of magnitudes", "[maps]") {
  Attribution<float> a{Tensor<float>({1, 2, 1, 3}, {1, -2, 3, -4, -6, 5}), "made up"};
  const Tensor<float> with_sign = to_maps(a, Values::with_sign);
  const Tensor<float> magnitude = to_maps(a, Values::magnitude);
  CHECK(with_sign.shape() == Shape{1, 1, 3});
  CHECK(std::vector<float>(with_sign.begin(), with_sign.end()) == std::vector<float>{-1.5f, -4, 4});
  CHECK(std::vector<float>(magnitude.begin(), magnitude.end()) == std::vector<float>{2.5f, 4, 4});
}

// ---- rectifiers and quantised nets --------------------------------------------------------------

TEST_CASE("ReLU lets through where its input is positive; guided only a positive gradient",
          "[maps]") {
  Net<double> net = net_of(Relu<double>());
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  const auto open = [&](index_t n, index_t i) { return x[n * features + i] > 0; };
  const auto a = gradient<double>(explain, x, classes);
  check_values(a, [&](index_t n, index_t i) { return open(n, i) ? weight(net, n, i) : 0; });
  CHECK(a.label == "gradient");
  CHECK(a.zero_share ==
        static_cast<double>(std::count_if(x.begin(), x.end(), [](double v) { return v <= 0; })) /
            static_cast<double>(x.size()));
  check_values(guided_backprop<double>(explain, x, classes), [&](index_t n, index_t i) {
    return open(n, i) ? std::max(weight(net, n, i), 0.0) : 0;
  });
}

TEST_CASE("PACT lets through between 0 and alpha, and its maps say STE", "[maps][quant]") {
  Net<double> net = net_of(Pact<double>({.bits = 4, .alpha = 0.75}));
  Explainer<double> explain(
      net, {.background = {0}, .baselines = Tensor<float>({1, channels, side, side})});
  Tensor<double> x = images();
  x[0] = 0, x[1] = 0.75; // both edges are outside the window
  const auto open = [&](index_t n, index_t i) {
    return x[n * features + i] > 0 && x[n * features + i] < 0.75;
  };
  const auto a = gradient<double>(explain, x, classes);
  index_t zeros = 0;
  check_values(a, [&](index_t n, index_t i) {
    zeros += !open(n, i);
    return open(n, i) ? weight(net, n, i) : 0;
  });
  CHECK(a.zero_share == static_cast<double>(zeros) / static_cast<double>(x.size()));
  const auto guided = guided_backprop<double>(explain, x, classes);
  check_values(guided, [&](index_t n, index_t i) {
    return open(n, i) ? std::max(weight(net, n, i), 0.0) : 0;
  });
  CHECK(guided.zero_share > a.zero_share);
  CHECK(smoothgrad<double>(explain, x, classes, {.samples = 2, .fraction = 0}).zero_share ==
        a.zero_share); // the same gradient twice
  const auto shut = std::count_if(x.begin(), x.end(), [](double v) { return v <= 0 || v >= 1.5; });
  CHECK(integrated_gradients<double>(explain, x, classes, {.steps = 1}).zero_share ==
        static_cast<double>(shut) / static_cast<double>(x.size())); // half-way to x
  CHECK(vargrad<double>(explain, x, classes, {.samples = 2}).zero_share > 0);
  CHECK(expected_gradients<double>(explain, x, classes).zero_share > 0);
  for (const std::string& label :
       {a.label, guided.label, gradient_x_input<double>(explain, x, classes).label,
        smoothgrad<double>(explain, x, classes, {.samples = 1}).label,
        integrated_gradients<double>(explain, x, classes, {.steps = 1}).label})
    CHECK(label.ends_with(" (STE)"));
  CHECK(grad_cam<double>(explain, x, classes).label == "Grad-CAM (STE)");
  CHECK(vargrad<double>(explain, x, classes, {.samples = 2}).label == "VarGrad (STE)");
}

TEST_CASE("a net is straight-through as soon as anything in it is quantised", "[maps][quant]") {
  const auto says = [](const char* bits) {
    Net<float> net = small_net<float>(std::string("plain ") + bits);
    return Explainer<float>(net).straight_through();
  };
  CHECK_FALSE(says("fp32"));
  CHECK(says("w4a4"));
  CHECK(says("w4a32"));
  CHECK(says("w32a4"));
  Net<float> net = small_net<float>("plain fp32");
  const Explainer explain(net);
  CHECK(explain.label("gradient") == "gradient");
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                 .input = {.scale = 1 / 64.0f, .zero_point = {100, 128}}});
  CHECK(explain.label("gradient") == "gradient (STE)"); // quantised after it was made
}

TEST_CASE("T is deduced from the net; views of data and labels need no const", "[maps]") {
  const std::vector<std::uint8_t> labels{2, 0, 1};
  const std::span<const std::uint8_t> span(labels);
  const auto deduces = [&](auto net) {
    using T = std::decay_t<decltype(net.parameters()[0].parameter->value()[0])>;
    Explainer explain(net, {.background = {0}});
    Tensor<T> x = random_tensor<T>({3, 2, 8, 8}, 1);
    const View<T> view = x;
    const View<const T> constant = x;
    const Attribution<T> a = gradient(explain, x, labels);
    const auto same = [&](const Attribution<T>& b) {
      return std::equal(a.values.begin(), a.values.end(), b.values.begin());
    };
    CHECK(same(gradient(explain, view, span)));
    CHECK(same(gradient(explain, constant, span)));
    CHECK_FALSE(same(gradient_x_input(explain, view, labels)));
    CHECK_FALSE(same(guided_backprop(explain, view, labels)));
    CHECK_FALSE(same(integrated_gradients(explain, view, labels)));
    CHECK_FALSE(same(smoothgrad(explain, view, labels)));
    CHECK(grad_cam(explain, view, labels).values.shape() == Shape{3, 1, 8, 8});
    Explainer plain(net);
    CHECK(same(gradient(plain, x, labels)));
  };
  deduces(small_plain_net<float>());
  deduces(small_plain_net<double>());
}

TEST_CASE("guided backprop names a non-linearity that it has no rule for", "[maps]") {
  Net<double> net = net_of(Relu<double>(), Swish<double>());
  Explainer<double> explain(net);
  const Tensor<double> x = images();
  const std::string text =
      message_of<value_error>([&] { guided_backprop<double>(explain, x, classes); });
  CHECK(contains(text, "'layer1' (swish)"));
  CHECK_NOTHROW(gradient<double>(explain, x, classes)); // nothing is wrong with its gradient
}

TEST_CASE("explaining leaves parameters and gradients of the net as they are", "[maps]") {
  Net<double> net = small_net<double>("residual w2a2");
  for (auto& p : net.parameters()) p.parameter->grad().fill(7);
  std::vector<std::uint64_t> versions;
  for (auto& p : net.parameters()) versions.push_back(p.parameter->version());
  Explainer<double> explain(net);
  const Tensor<double> x = random_tensor<double>({3, 2, 8, 8}, 1);
  gradient<double>(explain, x, classes);
  grad_cam<double>(explain, x, classes);
  std::size_t k = 0;
  for (auto& p : net.parameters()) {
    CHECK(p.parameter->version() == versions[k++]);
    for (double g : p.parameter->grad()) REQUIRE(g == 7);
  }
}

TEST_CASE("maps are bitwise the same for any number of threads", "[maps]") {
  Net<float> net = small_net<float>("residual w4a4");
  const Tensor<float> x = random_tensor<float>({5, 2, 8, 8}, 1);
  const std::vector<std::uint8_t> five{0, 1, 2, 3, 4};
  CHECK(same_for_any_thread_count([&] {
    Explainer<float> explain(net, {.background = {0}, .baselines = x, .batch = 3});
    std::vector<float> all;
    for (const auto& a :
         {smoothgrad<float>(explain, x, five, {.samples = 2}),
          vargrad<float>(explain, x, five, {.samples = 2}),
          integrated_gradients<float>(explain, x, five, {.steps = 3}),
          expected_gradients<float>(explain, x, five, {.samples = 3}),
          grad_cam<float>(explain, x, five), grad_cam_plus_plus<float>(explain, x, five),
          layer_cam<float>(explain, x, five), hires_cam<float>(explain, x, five)})
      all.insert(all.end(), a.values.begin(), a.values.end());
    return all;
  }));
}

// ---- borders ------------------------------------------------------------------------------------

TEST_CASE("what every gradient map refuses", "[maps][errors]") {
  Net<double> net = small_plain_net<double>(); // 2 x 8 x 8, 5 classes
  Explainer<double> explain(net, {.background = {0}, .baselines = Tensor<float>({1, 2, 8, 8})});
  const Tensor<double> good = random_tensor<double>({3, 2, 8, 8}, 1);
  const auto fails = [&](View<const double> x, const std::vector<std::uint8_t>& c) {
    std::vector<std::string> texts;
    texts.push_back(message_of<error>([&] { gradient<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { guided_backprop<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { smoothgrad<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { integrated_gradients<double>(explain, x, c, {}); }));
    texts.push_back(message_of<error>([&] { vargrad<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { expected_gradients<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { grad_cam<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { grad_cam_plus_plus<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { layer_cam<double>(explain, x, c); }));
    texts.push_back(message_of<error>([&] { hires_cam<double>(explain, x, c); }));
    return texts;
  };
  const auto all_contain = [](const std::vector<std::string>& texts, const std::string& part) {
    for (const std::string& text : texts) {
      INFO(text);
      CHECK(contains(text, part));
    }
  };
  for (const Shape& shape : {Shape{3, 2, 8, 9}, Shape{3, 1, 8, 8}, Shape{3, 128}, Shape{2, 8, 8}})
    all_contain(fails(Tensor<double>(shape), {0, 1, 2}), "[N, 2, 8, 8]");
  all_contain(fails(good, {0, 1}), "expected 3");
  all_contain(fails(good, {0, 1, 5}), "less than 5 classes");
  Tensor<double> bad;
  for (double v : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    bad.copy_from(good);
    bad[128 + 5] = v;
    for (const std::string& text : fails(bad, {0, 1, 2})) CHECK(contains(text, "finite"));
  }
  CHECK(contains(message_of<value_error>([&] { gradient<double>(explain, bad, classes); }),
                 "element 5 of image 1"));
}

TEST_CASE("no images give no maps", "[maps][errors]") {
  Net<double> net = small_plain_net<double>();
  Explainer<double> explain(net, {.background = {0}, .baselines = Tensor<float>({1, 2, 8, 8})});
  const Tensor<double> none({0, 2, 8, 8});
  const auto a = gradient<double>(explain, none, {});
  CHECK(a.values.shape() == Shape{0, 2, 8, 8});
  CHECK(a.zero_share == 0);
  CHECK(to_maps(a, Values::magnitude).shape() == Shape{0, 8, 8});
  CHECK(integrated_gradients<double>(explain, none, {}, {}).completeness_error.empty());
  CHECK(smoothgrad<double>(explain, none, {}).values.empty());
  CHECK(vargrad<double>(explain, none, {}).values.empty());
  CHECK(expected_gradients<double>(explain, none, {}).values.empty());
  CHECK(grad_cam<double>(explain, none, {}).values.shape() == Shape{0, 1, 8, 8});
  CHECK(layer_cam<double>(explain, none, {}).values.shape() == Shape{0, 1, 8, 8});
}

TEST_CASE("options out of range", "[maps][errors]") {
  Net<double> net = small_plain_net<double>();
  Explainer<double> explain(net);
  const Tensor<double> x = random_tensor<double>({1, 2, 8, 8}, 1);
  const std::vector<std::uint8_t> c{1};
  CHECK_SAYS(Explainer<double>(net, {.batch = 0}), value_error, "explainer", "batch", "got 0");
  CHECK_SAYS(smoothgrad<double>(explain, x, c, {.samples = 0}), value_error, "SmoothGrad",
             "samples", "got 0");
  for (double fraction : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK_SAYS(smoothgrad<double>(explain, x, c, {.fraction = fraction}), value_error, "SmoothGrad",
               "fraction", "and " + to_text(fraction));
  for (const VarGradOptions& o : {VarGradOptions{.samples = 1}, {.fraction = 0}, {.fraction = NAN}})
    CHECK(contains(message_of<value_error>([&] { vargrad<double>(explain, x, c, o); }),
                   "2 or more samples and a fraction > 0"));
  CHECK_SAYS(integrated_gradients<double>(explain, x, c, {.steps = 0}), value_error,
             "integrated gradients", "steps", "got 0");
  for (const std::vector<float>& base : {std::vector<float>{}, std::vector<float>{0, 0, 0}})
    CHECK(contains(message_of<value_error>(
                       [&] { integrated_gradients<double>(explain, x, c, {.background = base}); }),
                   "2 channels"));
  CHECK(contains(message_of<value_error>([&] { grad_cam<double>(explain, x, c, "conv9"); }),
                 "'conv9'"));
  CHECK(contains(message_of<value_error>([&] { grad_cam<double>(explain, x, c, "fc1"); }),
                 "'fc1' [1, 7]"));
  CHECK(
      contains(message_of<value_error>([&] { grad_cam_plus_plus<double>(explain, x, c, "conv2"); }),
               "Grad-CAM++: expected feature maps of 0 or more, got -"));
  Net<double> flat = net_of();
  CHECK(contains(message_of<value_error>([&] { last_feature_maps(flat); }), "feature maps"));
}

TEST_CASE("CAMs pass over a branch that nobody reads", "[maps][errors]") {
  Net<double> net({channels, side, side});
  const ValueId read = net.add("relu", Relu<double>());
  net.add("side", Relu<double>());
  net.add("flatten", Flatten<double>(), {read});
  net.add("fc", Linear<double>({.in = features, .out = 3}));
  initialize(net, 1);
  CHECK(last_feature_maps(net) == read);
  Explainer<double> explain(net);
  const auto by_itself = grad_cam<double>(explain, images(), classes),
             named = grad_cam<double>(explain, images(), classes, "relu");
  check_values(by_itself, [&](index_t n, index_t i) { return named.values[n * plane + i]; });
  CHECK_SAYS(grad_cam<double>(explain, images(), classes, "side"), value_error, "CAM",
             "a layer that the logits depend on", "got 'side'");
  CHECK_NOTHROW(grad_cam<double>(explain, images(), classes, "input"));
}

TEST_CASE("what expected gradients refuse", "[maps][errors]") {
  Net<double> net = small_plain_net<double>();
  const Tensor<double> x = random_tensor<double>({1, 2, 8, 8}, 1);
  const std::vector<std::uint8_t> c{1};
  const auto says = [&](Tensor<float> baselines, index_t samples) {
    Explainer<double> explain(net, {.baselines = std::move(baselines)});
    return message_of<error>(
        [&] { expected_gradients<double>(explain, x, c, {.samples = samples}); });
  };
  CHECK(contains(says({}, 1), "expected training images [M, ...] of [1, 2, 8, 8] in input units, "
                              "got none"));
  CHECK(contains(says({}, 1), "data::baseline_images(training_set, grid)"));
  for (const Shape& shape : {Shape{3, 2, 8, 9}, Shape{3, 128}, Shape{2, 8, 8}})
    CHECK(contains(says(Tensor<float>(shape), 1), "got " + shape.str()));
  Tensor<float> bad({3, 2, 8, 8});
  bad[2 * 128 + 5] = std::nanf("");
  CHECK(contains(says(bad, 1), "finite numbers, got nan in image 2"));
  CHECK(contains(says(Tensor<float>({1, 2, 8, 8}), 0), "1 or more samples, got 0"));
}

} // namespace test_maps
