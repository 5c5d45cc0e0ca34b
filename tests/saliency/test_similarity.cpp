#include "sgq/saliency/metrics/similarity.hpp"

#include "golden/metrics.hpp"
#include "over_ties.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/table.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

namespace test_similarity {

using namespace sgq;
using namespace sgq::saliency;

namespace {

const Shape shape{5, 9, 11};
const View<const float> a(golden::metrics::a, shape), b(golden::metrics::b, shape);

Tensor<float> noise(const Shape& of, std::uint64_t seed) {
  Tensor<float> maps(of);
  for (index_t i = 0; i < maps.size(); ++i) maps[i] = static_cast<float>(Random(seed).normal(i));
  return maps;
}

} // namespace

TEST_CASE("similarities equal those of an independent program", "[similarity]") {
  CHECK(names_of(similarity_measures) ==
        std::vector<std::string>{"spearman", "pearson", "cosine", "ssim", "top_10_iou"});
  CHECK((similarity_measures[4].values == &Similarity::top_iou));
  for (Values values : {Values::with_sign, Values::magnitude}) {
    const double* expected = values == Values::magnitude ? golden::metrics::similarity_magnitude
                                                         : golden::metrics::similarity_signed;
    const Similarity s = similarity(a, b, values);
    for (std::size_t k = 0; k < 4; ++k)
      saliency_test::check_golden(s.*similarity_measures[k].values, expected + 5 * k);
    saliency_test::check_over_ties(
        [&](std::uint64_t seed) { return top_iou(a, b, values, 0.1, seed); }, expected + 20);
  }
}

TEST_CASE("a map is as similar to itself as can be, whatever its scale", "[similarity]") {
  const Tensor<float> map = noise({3, 8, 8}, 1);
  Tensor<float> scaled = map, negated = map;
  for (float& v : scaled) v *= 4;
  for (float& v : negated) v = -v;
  const Similarity s = similarity(map, scaled, Values::with_sign);
  for (const Tensor<double>* t : {&s.spearman, &s.pearson, &s.cosine, &s.ssim, &s.top_iou})
    for (double v : *t) CHECK(v == Approx(1).epsilon(1e-12));
  const Similarity opposite = similarity(map, negated, Values::with_sign);
  for (const Tensor<double>* t : {&opposite.spearman, &opposite.pearson, &opposite.cosine})
    for (double v : *t) CHECK(v == Approx(-1).epsilon(1e-12));
  for (double v : opposite.top_iou) CHECK(v == 0);
  const Similarity magnitudes = similarity(map, negated, Values::magnitude);
  for (const Tensor<double>* t : {&magnitudes.spearman, &magnitudes.ssim, &magnitudes.top_iou})
    for (double v : *t) CHECK(v == Approx(1).epsilon(1e-12));
}

TEST_CASE("ties that two maps share do not look like agreement", "[similarity]") {
  // One position of each map is set, another one; the other 9 of the top 10 of 100 are drawn among
  // 99 zeros. The position set in a is among the 9 of b with p = 1/11, and the reverse; of the 98
  // others both take the rest. Broken by the same words, the ties would agree on 8 or 9 of 9.
  constexpr index_t images = 500;
  Tensor<float> p({images, 10, 10}), q(p.shape());
  for (index_t n = 0; n < images; ++n) p[n * 100 + 3] = q[n * 100 + 4] = 1;
  double both = 0; // positions in both: iou = both / (20 - both)
  for (double iou : top_iou(p, q, Values::magnitude)) both += 20 * iou / (1 + iou) / images;
  // E = 2 * 9/99 + 98 * (9 - 9/99)^2 / 98^2 = 0.99; a count's deviation is below 1
  CHECK(std::abs(both - 0.99) < 5 / std::sqrt(double(images)));
  const Tensor<double> first = similarity(p, q, Values::magnitude).top_iou,
                       second = similarity(p, q, Values::magnitude, 1).top_iou;
  CHECK_FALSE(std::equal(first.begin(), first.end(), second.begin()));
}

TEST_CASE("unrelated maps are at chance", "[similarity]") {
  const Shape many{50, 20, 20};
  const Similarity s = similarity(noise(many, 1), noise(many, 2), Values::with_sign);
  const auto mean = [](const Tensor<double>& t) {
    double sum = 0;
    for (double v : t) sum += v;
    return sum / double(t.size());
  };
  // correlations of 400 numbers have standard deviation 1/20, their mean over 50 images 1/141
  CHECK(std::abs(mean(s.spearman)) < 4.0 / 141);
  CHECK(std::abs(mean(s.pearson)) < 4.0 / 141);
  CHECK(std::abs(mean(s.cosine)) < 4.0 / 141);
  CHECK(std::abs(mean(s.ssim)) < 0.03);
  // two random tenths share a tenth of their positions: 4 / (80 - 4)
  CHECK(mean(s.top_iou) == Approx(4.0 / 76).epsilon(0.25));
}

TEST_CASE("Spearman sees order only, ties at their average rank", "[similarity]") {
  const Tensor<float> x({1, 5}, {1, 2, 2, 3, 10}), y({1, 5}, {0.1f, 5, 5, 6, 1e6f});
  CHECK(spearman(x, y, Values::with_sign)[0] == Approx(1).epsilon(1e-14));
  // ranks 1 2.5 2.5 4 5 against 5 3 3 3 1, each less its mean of 3
  const Tensor<float> z({1, 5}, {9, 4, 4, 4, 0});
  // -2 -.5 -.5 1 2 and 2 0 0 0 -2: product -8, squares 9.5 and 8
  CHECK(spearman(x, z, Values::with_sign)[0] == Approx(-8 / std::sqrt(76.0)).epsilon(1e-14));
}

TEST_CASE("a constant map has no similarity", "[similarity]") {
  const Tensor<float> map = noise({1, 8, 8}, 1), zero({1, 8, 8}), one({1, 8, 8}, 1.0f);
  for (const Tensor<float>* constant : {&zero, &one})
    for (Values values : {Values::with_sign, Values::magnitude}) {
      const Similarity s = similarity(map, *constant, values),
                       t = similarity(*constant, map, values);
      for (const Tensor<double>* m : {&s.spearman, &s.pearson, &s.cosine, &s.ssim, &s.top_iou,
                                      &t.spearman, &t.pearson, &t.cosine, &t.ssim, &t.top_iou})
        CHECK(std::isnan((*m)[0]));
    }
}

TEST_CASE("top-share overlap counts positions", "[similarity]") {
  const Tensor<float> x({1, 10}, {9, 8, 7, 0, 0, 0, 0, 0, 0, 0});
  const Tensor<float> y({1, 10}, {9, 0, 0, 0, 0, 0, 0, 0, 8, 7});
  CHECK(top_iou(x, y, Values::with_sign, 0.3)[0] == Approx(1.0 / 5));
  CHECK(top_iou(x, y, Values::with_sign, 0.1)[0] == 1);
  CHECK(top_iou(x, y, Values::with_sign, 1)[0] == 1);
  CHECK(std::isnan(top_iou(x, y, Values::with_sign, 0)[0]));    // 0 of 0 positions
  CHECK(std::isnan(top_iou(x, y, Values::with_sign, 0.05)[0])); // floor(0.5) = 0
  CHECK_SAYS(top_iou(x, y, Values::with_sign, 1.1), value_error, "share", "got 1.1");
}

TEST_CASE("SSIM follows its closed form where one window covers the map", "[similarity]") {
  // A set's indicator against its complement's: means w and 1 - w, w the set's weight under the
  // window, variances w (1 - w), covariance minus that.
  const Tensor<float> p = noise({1, 7, 7}, 3);
  Tensor<double> x({7, 7}), y({7, 7});
  double weight_of_set = 0, sum = 0;
  for (index_t i = 0; i < 49; ++i) {
    const double r2 = double((i / 7 - 3) * (i / 7 - 3) + (i % 7 - 3) * (i % 7 - 3));
    const double w = std::exp(-r2 / 4.5);
    x[i] = p[i] > 0;
    y[i] = p[i] > 0 ? 0 : 1;
    weight_of_set += w * x[i];
    sum += w;
  }
  const double w = weight_of_set / sum, c1 = 1e-4, c2 = 9e-4, v = w * (1 - w);
  CHECK(structural_similarity(x.data(), x.data(), 7, 7, 1) == Approx(1).epsilon(1e-14));
  const double expected =
      (2 * w * (1 - w) + c1) * (-2 * v + c2) / ((w * w + (1 - w) * (1 - w) + c1) * (2 * v + c2));
  CHECK(structural_similarity(x.data(), y.data(), 7, 7, 1) == Approx(expected).epsilon(1e-13));
}

TEST_CASE("maps that cannot be compared are errors", "[similarity]") {
  const Tensor<float> small({2, 6, 9}), other({2, 9, 6}), flat({2, 54});
  CHECK(contains(message_of<shape_error>([&] { ssim(small, small, Values::with_sign); }), "7 x 7"));
  CHECK_SAYS(ssim(flat, flat, Values::with_sign), shape_error, "ssim", "[N, H, W]", "got [2, 54]");
  CHECK_SAYS(pearson(small, other, Values::with_sign), shape_error, "pearson", "got [2, 9, 6]");
  Tensor<float> bad = noise({2, 8, 8}, 1);
  const Tensor<float> good = bad;
  bad[70] = std::numeric_limits<float>::quiet_NaN();
  const auto message = message_of<value_error>([&] { spearman(good, bad, Values::magnitude); });
  CHECK(contains(message, "spearman"));
  CHECK(contains(message, "position 6 of image 1"));
}

TEST_CASE("similarity is the same for any thread count", "[similarity]") {
  const Tensor<float> x = noise({9, 12, 12}, 1), y = noise({9, 12, 12}, 2);
  CHECK(same_for_any_thread_count([&] {
    const Similarity s = similarity(x, y, Values::magnitude);
    std::vector<double> all;
    for (const SimilarityMeasure& m : similarity_measures)
      all.insert(all.end(), (s.*m.values).begin(), (s.*m.values).end());
    return all;
  }));
}

} // namespace test_similarity
