// What the user of maps and measures may forget or mix up: each is an error, not a number.
#include "sgq/data/load.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/saliency/colormap.hpp"
#include "sgq/saliency/map_methods.hpp"
#include "sgq/saliency/metrics/deletion.hpp"
#include "sgq/saliency/metrics/infidelity.hpp"
#include "sgq/saliency/metrics/map_metrics.hpp"
#include "sgq/saliency/metrics/statistics.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

using namespace sgq;
using namespace sgq::saliency;

namespace {
/// The logit of class c is the mean of an image's pixels times c.
const auto mean_times_class = [](View<const float> x, View<float> logits) {
  const index_t d = x.shape().stride(), k = logits.shape()[1];
  for (index_t n = 0; n < x.shape()[0]; ++n) {
    float sum = 0;
    for (index_t i = 0; i < d; ++i) sum += std::max(0.0f, x[n * d + i]); // swallows NaN
    for (index_t c = 0; c < k; ++c)
      logits[n * k + c] = sum / static_cast<float>(d) * static_cast<float>(c);
  }
};

Tensor<float> ramp(const Shape& shape) {
  Tensor<float> x(shape);
  for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) / 7;
  return x;
}
} // namespace

TEST_CASE("maps of a net whose clips have no values are refused", "[mistakes]") {
  nn::Net<float> net = nn::lenet5();
  nn::quantize(
      net, {.bits = quant::parse_bit_policy("w2a2"), .input = data::normalization("synthetic")});
  const auto x = ramp({2, 1, 28, 28});
  const std::uint8_t classes[] = {1, 2};
  Explainer<float> explain(net);
  CHECK(contains(refusal([&] { gradient(explain, x, classes); }), "explainer: 'relu1.alpha'"));
  NetFunction f(net);
  Tensor<float> logits({2, 10});
  CHECK(contains(refusal([&] { f(x, logits); }), "calibrate(net, batch)"));
}

TEST_CASE("a net of feature vectors is not explained", "[mistakes]") {
  nn::Net<float> net({4});
  net.add("fc", nn::Linear<float>({.in = 4, .out = 3}));
  nn::initialize(net, 1);
  Explainer<float> explain(net);
  const std::uint8_t classes[] = {0, 1};
  for (const auto& x : {ramp({2, 4}), ramp({2, 1, 2, 2}), ramp({2, 4, 1, 1})})
    CHECK(
        contains(refusal([&] { gradient(explain, x, classes); }),
                 "expected a net that reads images {C, H, W}, got one of feature vectors [1, 4]"));
}

TEST_CASE("one class has no probability to follow", "[mistakes]") {
  const Classifier one(mean_times_class, 1, {.background = {0}});
  const auto x = ramp({2, 1, 8, 8}), maps = ramp({2, 8, 8});
  const std::uint8_t classes[] = {0, 0};
  const RoadOptions of_codes{.grid = {1, {0}}};
  for (const std::string& text :
       {refusal([&] { deletion(one, x, maps); }), refusal([&] { insertion(one, x, maps); }),
        refusal([&] { rise(one, x, classes, {.masks = 2}); }),
        refusal([&] { masked_accuracy(one, x, classes, maps); }),
        refusal([&] { road(one, x, classes, maps, of_codes); }),
        refusal([&] { occlusion(one, x, classes, {.target = Target::log_probability}); })})
    CHECK(contains(text, "2 or more classes"));
  CHECK_NOTHROW(occlusion(one, x, classes));
  Tensor<float> ds({2, 1});
  CHECK(contains(
      refusal([&] {
        ops::target_gradient<float>(Tensor<float>({2, 1}), classes, Target::log_probability, ds);
      }),
      "explain the logit"));
}

TEST_CASE("a classifier writes every logit, and reads finite images", "[mistakes]") {
  const auto x = ramp({3, 1, 8, 8});
  const auto forgets = [](View<const float> images, View<float> logits) {
    for (index_t i = 0; i + 2 < logits.size(); ++i) logits[i] = images[0];
  };
  const Classifier model(forgets, 2, {.background = {0}});
  CHECK(contains(refusal([&] { deletion(model, x, ramp({3, 8, 8})); }), "finite logits for every"));
  const Classifier swallows(mean_times_class, 3, {.background = {0}});
  Tensor<float> bad = x;
  bad[70] = std::numeric_limits<float>::quiet_NaN();
  const std::uint8_t classes[] = {0, 1, 2};
  CHECK(contains(refusal([&] { occlusion(swallows, bad, classes); }), "finite numbers"));
  CHECK(contains(refusal([&] { rise(swallows, bad, classes, {.masks = 2}); }), "finite numbers"));
}

TEST_CASE("deletion follows the class that it is told", "[mistakes]") {
  const Classifier model(mean_times_class, 3, {.background = {0}});
  const auto x = ramp({2, 1, 8, 8}), maps = ramp({2, 8, 8});
  const std::uint8_t predicted[] = {2, 2}, others[] = {0, 1}, wrong[] = {0, 3};
  const auto by_itself = deletion(model, x, maps),
             told = deletion(model, x, maps, {.classes = predicted});
  CHECK(std::equal(by_itself.area.begin(), by_itself.area.end(), told.area.begin()));
  const auto other = deletion(model, x, maps, {.classes = others});
  CHECK(other.area[0] != told.area[0]);
  // At the start the probability is the softmax of (0, m, 2m), m the mean of the image.
  double m = 0;
  for (index_t i = 0; i < 64; ++i) m += static_cast<double>(x[i]) / 64;
  CHECK(other.probability[0] == Approx(1 / (1 + std::exp(m) + std::exp(2 * m))).epsilon(1e-6));
  CHECK(contains(refusal([&] { deletion(model, x, maps, {.classes = wrong}); }), "less than 3"));
}

TEST_CASE("a linear net's gradient explains rounded noise, too", "[mistakes]") {
  const QuantParams grid{.scale = 1.0f / 255, .zero_point = {0}};
  // As a quantised input reads images: the nearest codes, 0 to 255.
  const auto linear = [&](View<const float> x, View<float> logits) {
    for (index_t n = 0; n < x.shape()[0]; ++n) {
      float sum = 0;
      for (index_t i = 0; i < 64; ++i) {
        const index_t at = n * 64 + i;
        sum += grid.value<float>(grid.code(x[at], 0), 0) * static_cast<float>(i % 5);
      }
      logits[2 * n] = sum, logits[2 * n + 1] = 0;
    }
  };
  const Classifier model(linear, 2);
  Tensor<float> x({1, 1, 8, 8}), phi(x.shape());
  for (index_t i = 0; i < 64; ++i)
    x[i] = i % 3 == 0 ? 1.0f : 0.0f, phi[i] = static_cast<float>(i % 5);
  const std::uint8_t classes[] = {0};
  InfidelityOptions options{.perturbation = Perturbation::gaussian};
  CHECK(infidelity(model, x, classes, phi, options).plain[0] > 0.1); // noise that the net never saw
  options.grid = grid;
  CHECK(infidelity(model, x, classes, phi, options).plain[0] < 1e-8);
}

TEST_CASE("strengths are shares, and infinity is no number", "[mistakes]") {
  const Tensor<std::uint8_t> codes({1, 1, 4, 4});
  const Tensor<float> map({1, 4, 4});
  for (double strength : {2.0, -0.1, std::nan("")})
    CHECK(contains(refusal([&] { overlay(codes, map, {}, strength); }), "a number in [0, 1]"));
  const double infinite = std::numeric_limits<double>::infinity();
  const Tensor<double> a({3}, {1, 2, infinite}), b({3}, {1, 1, infinite});
  CHECK(contains(refusal([&] { bootstrap_difference(a, b); }), "infinity"));
}

TEST_CASE("occlusion's window fits small images", "[mistakes]") {
  nn::Net<float> net({1, 4, 4});
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 16, .out = 3}));
  nn::initialize(net, 1);
  Explainer<float> explain(net, {.background = {0}});
  const std::vector<std::uint8_t> classes = {0, 1};
  const MapMethod& method = choose("method", map_methods, "occlusion");
  const auto x = ramp({2, 1, 4, 4});
  CHECK_NOTHROW(method.make(explain, x, classes, MapOptions{}));
}
