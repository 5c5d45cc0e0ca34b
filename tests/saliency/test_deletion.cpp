#include "sgq/saliency/metrics/deletion.hpp"

#include "golden/metrics.hpp"
#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_deletion {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

namespace golden_ = golden::metrics;
constexpr index_t images = 6;
const View<const float> x(golden_::x, {images, 2, 6, 5});
const View<const float> maps(golden_::scores, {images, 6, 5});

DeletionOptions options_with(index_t steps, std::vector<float> value) {
  DeletionOptions options;
  options.steps = steps;
  options.background.value = std::move(value);
  return options;
}

void check_curve(const ProbabilityCurve& curve, const double* probability, const double* area) {
  REQUIRE(curve.probability.shape() == Shape{5, images});
  // float logits of magnitude 4 carry an error of 2e-7, a probability at most half of it
  for (index_t i = 0; i < 5 * images; ++i)
    CHECK(std::abs(curve.probability[i] - probability[i]) < 5e-7);
  for (index_t n = 0; n < images; ++n) CHECK(std::abs(curve.area[n] - area[n]) < 5e-7);
}

} // namespace

TEST_CASE("deletion and insertion equal those of an independent program", "[deletion]") {
  LinearModel linear(3, 60, 0);
  std::copy(std::begin(golden_::weight), std::end(golden_::weight), linear.weight.data());
  std::copy(std::begin(golden_::bias), std::end(golden_::bias), linear.bias.data());
  for (index_t batch : {2, 50}) {
    const Classifier model(linear, 3, {.batch = batch});
    const auto options = options_with(4, {-0.5f, 0.25f}); // 8 + 8 + 8 + 6 positions
    const auto out = deletion(model, x, maps, options), in = insertion(model, x, maps, options);
    check_curve(out, golden_::deletion, golden_::deletion_area);
    check_curve(in, golden_::insertion, golden_::insertion_area);
    CHECK(out.share[3] == Approx(24.0 / 30));
    CHECK(out.share[4] == 1);
  }
}

TEST_CASE("the area of a known curve, with equal and with a narrow last step", "[deletion]") {
  // Probability of class 1 = (ink left) / 8 exactly: logits 0 and log(p / (1 - p)), 8 of 10 inked
  // positions would give p = 1, so ink is 1 on 7 positions and p = (1 + ink) / 10.
  auto counting = [](View<const float> in, View<float> logits) {
    for (index_t n = 0; n < in.shape()[0]; ++n) {
      double ink = 0;
      for (index_t i = 0; i < 10; ++i) ink += static_cast<double>(in[n * 10 + i]);
      logits(n, 0) = 0;
      logits(n, 1) = static_cast<float>(std::log((1 + ink) / (9 - ink)));
    }
  };
  const Classifier model(counting, 2);
  Tensor<float> image({1, 1, 2, 5}), map({1, 2, 5});
  for (index_t i = 0; i < 7; ++i) image[i] = 1;
  for (index_t i = 0; i < 10; ++i) map[i] = static_cast<float>(10 - i);
  // T = 5: counts 0 2 4 6 8 10, p = .8 .6 .4 .2 .1 .1
  const auto even = deletion(model, image, map, options_with(5, {0}));
  CHECK(even.area[0] == Approx((0.8 + 0.6 + 0.4 + 0.2 + 0.1 + 0.1 - 0.45) / 5).epsilon(1e-6));
  // T = 4: counts 0 3 6 9 10, p = .8 .5 .2 .1 .1, widths .3 .3 .3 .1
  const auto narrow = deletion(model, image, map, options_with(4, {0}));
  CHECK(narrow.share == std::vector<double>{0, 0.3, 0.6, 0.9, 1});
  CHECK(narrow.area[0] == Approx(0.3 * (0.65 + 0.35 + 0.15) + 0.1 * 0.1).epsilon(1e-6));
  // Insertion by the same ranking: the class is that of the full image.
  const auto back = insertion(model, image, map, options_with(5, {0}));
  CHECK(back.area[0] == Approx((0.1 + 0.3 + 0.5 + 0.7 + 0.8 + 0.8 - 0.45) / 5).epsilon(1e-6));
  // More steps than positions: one position at a time.
  CHECK(deletion(model, image, map, options_with(1000, {0})).share.size() == 11);
  CHECK(deletion(model, image, map, options_with(1, {0})).area[0] == Approx(0.45).epsilon(1e-6));
}

TEST_CASE("constant and blank maps delete and insert like a random ranking", "[deletion]") {
  // Class 1 owns the upper half of the ink, by index all of it is taken or brought back first.
  constexpr index_t n = 500;
  auto upper = [](View<const float> in, View<float> logits) {
    logits.fill(0);
    for (index_t i = 0; i < in.size(); ++i)
      if (i % 64 < 32) logits(i / 64, 1) += in[i] / 8;
  };
  const Classifier model(upper, 2);
  Tensor<float> ink({n, 1, 8, 8}), noise({n, 8, 8});
  for (index_t i = 0; i < ink.size(); ++i) {
    ink[i] = 0.5f + Random(1).uniform(i);
    noise[i] = static_cast<float>(Random(2).normal(i));
  }
  const auto options = options_with(16, {0});
  for (auto measure : {deletion, insertion}) {
    const Tensor<double> random = measure(model, ink, noise, options).area;
    for (float value : {0.0f, 0.25f}) {
      const Tensor<float> map({n, 8, 8}, value);
      const Tensor<double> area = measure(model, ink, map, options).area;
      double mean = 0, squares = 0;
      for (index_t i = 0; i < n; ++i) {
        mean += (area[i] - random[i]) / n;
        squares += (area[i] - random[i]) * (area[i] - random[i]) / n;
      }
      CHECK(squares > 0);
      CHECK(std::abs(mean) < 5 * std::sqrt(squares / n));
      CHECK(std::sqrt(squares) < 0.1); // so the bound is below 0.03
      DeletionOptions reseeded = options;
      reseeded.seed = 1; // ties fall otherwise
      const Tensor<double> other = measure(model, ink, map, reseeded).area;
      CHECK_FALSE(std::equal(area.begin(), area.end(), other.begin()));
    }
  }
}

TEST_CASE("a background may be a blur, the image's mean or noise", "[deletion]") {
  LinearModel linear(3, 60, 4);
  const Classifier model(linear, 3);
  const std::vector<std::uint8_t> zeros(images, 0);
  Tensor<float> filled(x.shape()), logits({images, 3});
  for (ops::Fill fill : {ops::Fill::blur, ops::Fill::mean, ops::Fill::uniform}) {
    DeletionOptions options{.classes = zeros};
    options.background.fill = fill;
    ops::fill_all<float>(x, options.background, Random(0), filled);
    linear(filled, logits);
    const bool draws = fill == ops::Fill::uniform;
    const auto out = deletion(model, x, maps, options), in = insertion(model, x, maps, options);
    const index_t last = static_cast<index_t>(out.share.size()) - 1;
    for (index_t n = 0; n < images; ++n) { // the ends of one are the ends of the other
      CHECK(out.probability(0, n) == in.probability(last, n));
      CHECK(out.probability(last, n) == in.probability(0, n));
      const double p = math::exp(log_probability(logits.data() + n * 3, 3, 0));
      if (!draws) CHECK(out.probability(last, n) == p);
    }
    options.seed = 1;
    const auto other = deletion(model, x, maps, options);
    CHECK((other.probability(last, 0) != out.probability(last, 0)) == draws);
  }
}

TEST_CASE("options that do not fit are errors", "[deletion]") {
  LinearModel linear(3, 60, 4);
  const Classifier model(linear, 3);
  CHECK_SAYS(deletion(model, x, maps, options_with(0, {0})), value_error, "deletion", "step",
             "got 0");
  CHECK_SAYS(deletion(model, x, maps, options_with(4, {})), value_error, "deletion", "background",
             "got none");
  CHECK_SAYS(deletion(model, x, maps, options_with(4, {0, 0, 0})), value_error, "deletion",
             "background", "got 3 values");
  CHECK_SAYS(insertion(model, x, maps.slice(0, 5), options_with(4, {0})), shape_error, "insertion",
             "one map for each image", "got [5, 6, 5]");
}

} // namespace test_deletion
