#include "sgq/saliency/metrics/road.hpp"

#include "golden/road.hpp"
#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_road {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

constexpr index_t images = 6;
const QuantParams golden_grid{1.0f / 32, {120, 136}};
const View<const float> maps(golden::road::scores, {images, 7, 6});
const std::span<const std::uint8_t> labels(golden::road::labels);

Tensor<float> golden_images() {
  Tensor<float> x({images, 2, 7, 6});
  for (index_t i = 0; i < x.size(); ++i)
    x[i] = golden_grid.value<float>(golden::road::codes[i], i / 42 % 2);
  return x;
}

LinearModel golden_model() {
  LinearModel linear(3, 84, 0);
  std::copy(std::begin(golden::road::weight), std::end(golden::road::weight), linear.weight.data());
  std::copy(std::begin(golden::road::bias), std::end(golden::road::bias), linear.bias.data());
  return linear;
}

/// Class k is written as one bright pixel, the k-th of row 5; the bias prefers class 0 where there
/// is none.
struct Planted {
  Tensor<float> x;
  std::vector<std::uint8_t> truth{};
  QuantParams grid{1, {0}};

  explicit Planted(index_t n) : x({n, 1, 10, 10}) {
    for (index_t i = 0; i < n; ++i) {
      truth.push_back(static_cast<std::uint8_t>(1 + i % 9));
      x(i, 0, 5, truth.back()) = 255;
    }
  }
  void operator()(View<const float> in, View<float> logits) const {
    for (index_t i = 0; i < in.shape()[0]; ++i)
      for (index_t k = 0; k < 10; ++k) logits(i, k) = in(i, 0, 5, k) + (k == 0 ? 50.0f : 0.0f);
  }
};

} // namespace

TEST_CASE("ROAD equals that of an independent program", "[road]") {
  LinearModel linear = golden_model();
  const Tensor<float> x = golden_images();
  for (index_t batch : {1, 4, 100}) {
    const Road r = road(Classifier(linear, 3, {.batch = batch}), x, labels, maps,
                        {.grid = golden_grid, .noise = 0});
    REQUIRE(r.most_first.correct.shape() == Shape{10, images});
    CHECK(std::equal(r.most_first.correct.begin(), r.most_first.correct.end(),
                     std::begin(golden::road::most)));
    CHECK(std::equal(r.least_first.correct.begin(), r.least_first.correct.end(),
                     std::begin(golden::road::least)));
    for (index_t n = 0; n < images; ++n)
      CHECK(r.score[n] == Approx(golden::road::road[n]).epsilon(1e-12).margin(1e-14));
  }
}

TEST_CASE("planted evidence: an oracle scores highest, its reverse lowest", "[road]") {
  Planted planted(18);
  const Classifier model(planted, 10);
  Tensor<float> oracle({18, 10, 10}), inverse(oracle.shape(), 1.0f);
  for (index_t i = 0; i < oracle.size(); ++i) {
    oracle[i] = planted.x[i] > 0 ? 1.0f : 0.0f;
    inverse[i] -= oracle[i];
  }
  const RoadOptions options{.grid = planted.grid};
  const Road best = road(model, planted.x, planted.truth, oracle, options);
  // Removed first, the pixel is computed from black ones, plus noise of 2.55 codes. Removed last,
  // it is there at 90 %.
  CHECK(best.most_first.curve()[0] == 1);
  for (std::size_t t = 1; t < 10; ++t) CHECK(best.most_first.curve()[t] == 0);
  for (const double accuracy : best.least_first.curve()) CHECK(accuracy == 1);
  for (const double score : best.score) CHECK(score == Approx(1 - 0.5 / 9));
  const Road worst = road(model, planted.x, planted.truth, inverse, options);
  for (const double score : worst.score) CHECK(score == Approx(0.5 / 9 - 1));
}

TEST_CASE("constant and blank maps score 0 on average", "[road]") {
  const index_t n = 400;
  Planted planted(n);
  const Classifier model(planted, 10);
  for (float value : {0.0f, 0.25f}) {
    const Road r = road(model, planted.x, planted.truth, Tensor<float>({n, 10, 10}, value),
                        {.grid = planted.grid});
    double mean = 0, squares = 0;
    for (const double score : r.score) {
      mean += score / double(n);
      squares += score * score / double(n);
    }
    CHECK(squares > 0.1); // one pixel is found early or late
    CHECK(std::abs(mean) < 5 * std::sqrt(squares / double(n)));
  }
}

TEST_CASE("removed pixels are pixel codes with noise around what their neighbours say", "[road]") {
  const index_t n = 40, side = 16, gone = side * side * 9 / 10;
  const QuantParams grid{0.25f, {100}};
  const Tensor<float> grey({n, 1, side, side}, grid.value<float>(128, 0));
  const Tensor<float> black({n, 1, side, side}, grid.value<float>(0, 0));
  Tensor<float> map({n, side, side});
  for (index_t i = 0; i < map.size(); ++i) map[i] = Random(1).uniform(i);
  Tensor<float> last;
  auto watch = [&](View<const float> x, View<float> logits) {
    last.copy_from(x);
    logits.fill(0);
  };
  const Classifier model(watch, 2, {.batch = n});
  const std::vector<std::uint8_t> truth(static_cast<std::size_t>(n), 0);
  const auto moments = [&](View<const float> x, double noise, double center, double* variance) {
    road(model, x, truth, map, {.grid = grid, .noise = noise});
    double sum = 0, squares = 0;
    for (const float v : last) {
      const index_t code = grid.code(v, 0);
      CHECK(v == grid.value<float>(code, 0));
      sum += double(code) - center;
      squares += (double(code) - center) * (double(code) - center);
    }
    const double count = double(n * gone); // of 230 a map; the others are the centre itself
    *variance = squares / count;
    return sum / count;
  };
  // 9200 draws of standard deviation 2.55, rounded to integers: variance 2.55^2 + 1/12 = 6.586.
  double variance = 0;
  const double mean = moments(grey, 0.01, 128, &variance);
  CHECK(std::abs(mean) < 5 * std::sqrt(6.586 / 9200));
  CHECK(std::abs(variance - 6.586) < 5 * 6.586 * std::sqrt(2.0 / 9200));
  // Black is clipped: the mean of a normal number cut at 0 is 2.55 / sqrt(2 pi) = 1.017, and its
  // second moment half the variance.
  const double above = moments(black, 0.01, 0, &variance);
  CHECK(std::abs(above - 1.017) < 0.1);
  CHECK(std::abs(variance - 6.586 / 2) < 0.4);
  CHECK(moments(grey, 0, 128, &variance) == 0);
  CHECK(variance == 0);
}

TEST_CASE("ROAD depends on the seed, not on threads or batches", "[road]") {
  LinearModel linear = golden_model();
  const Tensor<float> x = golden_images();
  std::vector<float> seen;
  auto watch = [&](View<const float> in, View<float> logits) {
    seen.insert(seen.end(), in.begin(), in.end());
    linear(in, logits);
  };
  const auto states = [&](int threads, index_t batch, std::uint64_t seed) {
    set_num_threads(threads);
    seen.clear();
    road(Classifier(watch, 3, {.batch = batch}), x, labels, maps,
         {.grid = golden_grid, .seed = seed});
    set_num_threads(0);
    std::vector<float> sorted = seen; // batches visit the same states in another order
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };
  const auto one = states(1, 6, 0);
  CHECK(one == states(3, 6, 0));
  CHECK(one == states(2, 4, 0));
  CHECK(one != states(1, 6, 1));
}

TEST_CASE("images, labels, maps and grids that do not fit are errors", "[road]") {
  LinearModel linear = golden_model();
  const Classifier model(linear, 3);
  const Tensor<float> x = golden_images();
  const auto fails = [&](const RoadOptions& options) {
    return message_of<value_error>([&] { road(model, x, labels, maps, options); });
  };
  CHECK(contains(fails({}), "ROAD: pixel grid"));
  CHECK(contains(fails({.grid = {0.5f, {0}}}), "2 zero points"));
  CHECK(contains(fails({.grid = golden_grid, .noise = -1}), "noise from 0 to 1"));
  CHECK(contains(fails({.grid = golden_grid, .noise = std::nan("")}), "noise"));
  const RoadOptions options{.grid = golden_grid};
  CHECK_SAYS(road(model, x, labels.first(5), maps, options), shape_error, "labels", "expected 6",
             "got 5");
  CHECK_SAYS(road(model, x, labels, Tensor<float>({images, 6, 6}), options), shape_error, "ROAD",
             "one map for each image", "got [6, 6, 6]");
  const std::uint8_t wrong[] = {0, 1, 2, 3, 0, 1};
  CHECK_SAYS(road(model, x, wrong, maps, options), value_error, "less than 3 classes", "got 3");
  Tensor<float> between = golden_images();
  between[100] += golden_grid.scale / 2;
  CHECK(contains(message_of<value_error>([&] { road(model, between, labels, maps, options); }),
                 "ROAD, image 1: expected inputs that are pixel codes of the grid"));
}

} // namespace test_road
