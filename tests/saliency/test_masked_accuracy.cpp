#include "sgq/saliency/metrics/masked_accuracy.hpp"

#include "golden/metrics.hpp"
#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <array>

namespace test_masked_accuracy {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

namespace golden_ = golden::metrics;
constexpr index_t images = 6;
const View<const float> x(golden_::x, {images, 2, 6, 5});
const View<const float> maps(golden_::scores, {images, 6, 5});
const std::span<const std::uint8_t> labels(golden_::labels);

LinearModel golden_model() {
  LinearModel linear(3, 60, 0);
  std::copy(std::begin(golden_::weight), std::end(golden_::weight), linear.weight.data());
  std::copy(std::begin(golden_::bias), std::end(golden_::bias), linear.bias.data());
  return linear;
}

/// Counts the ink of ten columns of 10 pixels; where nothing is left, class 0 has a little more.
const auto columns = [](View<const float> in, View<float> logits) {
  logits.fill(0);
  for (index_t i = 0; i < in.size(); ++i) logits(i / 100, i % 10) += in[i];
  for (index_t i = 0; i < in.shape()[0]; ++i) logits(i, 0) += 0.5f;
};

MaskedAccuracyOptions background(std::vector<float> value) {
  MaskedAccuracyOptions options;
  options.background.value = std::move(value);
  return options;
}

} // namespace

TEST_CASE("masked accuracy equals that of an independent program", "[masked_accuracy]") {
  LinearModel linear = golden_model();
  for (index_t batch : {1, 4, 100}) {
    const auto map = masked_accuracy(Classifier(linear, 3, {.batch = batch}), x, labels, maps,
                                     background({-0.5f, 0.25f}));
    REQUIRE(map.correct.shape() == Shape{10, images});
    CHECK(std::equal(map.correct.begin(), map.correct.end(), std::begin(golden_::correct)));
    for (index_t n = 0; n < images; ++n)
      CHECK(map.area[n] == Approx(golden_::masked_area[n]).epsilon(1e-12).margin(1e-14));
  }
}

TEST_CASE("planted evidence: the oracle's accuracy falls at once, noise's in step with the share",
          "[masked_accuracy]") {
  // Class k is written in the k-th column. Labels are never 0.
  const index_t n = 90;
  Tensor<float> images_({n, 1, 10, 10}), oracle({n, 10, 10}), inverse({n, 10, 10});
  std::vector<std::uint8_t> truth;
  for (index_t i = 0; i < n; ++i) {
    const index_t label = 1 + i % 9;
    truth.push_back(static_cast<std::uint8_t>(label));
    for (index_t y = 0; y < 10; ++y) {
      images_(i, 0, y, label) = 1;
      oracle[(i * 10 + y) * 10 + label] = 1;
    }
  }
  for (index_t i = 0; i < inverse.size(); ++i) inverse[i] = 1 - oracle[i];
  const Classifier model(columns, 10);
  const auto by_oracle = masked_accuracy(model, images_, truth, oracle, background({0}));
  const auto curve = by_oracle.curve();
  CHECK(curve[0] == 1);
  for (std::size_t t = 1; t < 10; ++t) CHECK(curve[t] == 0);
  for (double area : by_oracle.area) CHECK(area == Approx(0.5 / 9));
  // The reverse ranking takes the evidence last: at 90 % it is all still there.
  const auto by_inverse = masked_accuracy(model, images_, truth, inverse, background({0}));
  for (double accuracy : by_inverse.curve()) CHECK(accuracy == 1);
  for (double area : by_inverse.area) CHECK(area == Approx(1));
  // Random 90 % hold all ten pixels of a column with p = (90 .. 81) / (100 .. 91) = .33: accuracy
  // .67, standard error .05.
  const auto by_chance = random_masked_accuracy(model, images_, truth, background({0}));
  CHECK(std::abs(by_chance.curve()[9] - 0.67) < 0.2);
  CHECK(by_chance.curve()[5] > 0.97); // p(all gone) = .0006
}

TEST_CASE("constant and blank maps score like a random ranking", "[masked_accuracy]") {
  // The evidence of class k is two pixels in the first two rows of column k. By index a blank map
  // would find it at once: area 0.17 instead of 0.73.
  const index_t n = 500;
  Tensor<float> images_({n, 1, 10, 10});
  std::vector<std::uint8_t> truth;
  for (index_t i = 0; i < n; ++i) {
    truth.push_back(static_cast<std::uint8_t>(1 + i % 9));
    images_(i, 0, 0, truth.back()) = images_(i, 0, 1, truth.back()) = 1;
  }
  const Classifier model(columns, 10);
  for (float value : {0.0f, 0.25f}) {
    const auto constant =
        masked_accuracy(model, images_, truth, Tensor<float>({n, 10, 10}, value), background({0}));
    const auto random = random_masked_accuracy(model, images_, truth, background({0}));
    double mean = 0, squares = 0; // of the paired differences of areas
    for (index_t i = 0; i < n; ++i) {
      const double d = constant.area[i] - random.area[i];
      mean += d / static_cast<double>(n);
      squares += d * d / static_cast<double>(n);
    }
    CHECK(squares > 0); // another random ranking, not the same one
    CHECK(std::abs(mean) < 5 * std::sqrt(squares / static_cast<double>(n)));
    // Accuracy after t tenths: 1 less p(both gone) = share^2, so the area is close to
    // 1 - (sum of (t/10)^2, t = 0..9, the last halved) / 9 = 0.73.
    double area = 0;
    for (double a : constant.area) area += a / static_cast<double>(n);
    CHECK(std::abs(area - 0.73) < 0.05);
  }
  // The seed decides ties, the random ranking, and a random background, each by itself.
  const Tensor<float> blank({n, 10, 10}), untied = random_tensor<float>({n, 10, 10}, 5);
  const auto areas = [&](std::uint64_t seed) {
    MaskedAccuracyOptions black = background({0}), noise;
    noise.background.fill = ops::Fill::uniform;
    black.seed = noise.seed = seed;
    return std::array{masked_accuracy(model, images_, truth, blank, black).area,
                      random_masked_accuracy(model, images_, truth, black).area,
                      masked_accuracy(model, images_, truth, untied, noise).area};
  };
  const auto first = areas(0), second = areas(1);
  for (std::size_t k = 0; k < first.size(); ++k)
    CHECK_FALSE(std::equal(first[k].begin(), first[k].end(), second[k].begin()));
}

TEST_CASE("images, labels and maps that do not fit are errors", "[masked_accuracy]") {
  LinearModel linear = golden_model();
  const Classifier model(linear, 3);
  const auto options = background({0});
  const auto fails = [&](View<const float> in, std::span<const std::uint8_t> l,
                         View<const float> m) {
    return message_of<error>([&] { masked_accuracy(model, in, l, m, options); });
  };
  CHECK(
      contains(fails(x, labels, Tensor<float>({images, 5, 5})), "expected one map for each image"));
  CHECK(contains(fails(x, labels.first(5), maps), "expected 6"));
  CHECK(contains(fails(x.reshape({images, 60}), labels, maps), "[N, C, H, W]"));
  const std::uint8_t wrong[] = {0, 1, 2, 3, 0, 1};
  CHECK(contains(fails(x, wrong, maps), "less than 3 classes"));
  Tensor<float> bad;
  bad.copy_from(x);
  bad[61] = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(fails(bad, labels, maps), "position 1 of image 1"));
  bad.copy_from(maps);
  bad[0] = std::numeric_limits<float>::infinity();
  CHECK(contains(fails(x, labels, bad), "finite"));
  // a background must be stated
  CHECK_SAYS(masked_accuracy(model, x, labels, maps, {}), value_error, "masked accuracy",
             "background", "got none");
  CHECK_SAYS(random_masked_accuracy(model, x, labels, {}), value_error, "masked accuracy",
             "background", "got none");
  CHECK_SAYS(random_masked_accuracy(model, x, labels.first(5), options), shape_error, "labels",
             "expected 6", "got 5");
}

} // namespace test_masked_accuracy
