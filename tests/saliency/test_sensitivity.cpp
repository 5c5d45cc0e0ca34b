#include "sgq/saliency/metrics/sensitivity.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_sensitivity {

using namespace sgq;
using namespace sgq::saliency;

namespace {

const Shape shape{4, 2, 5, 5};

Tensor<float> image_batch() {
  Tensor<float> x(shape);
  for (index_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(i / 50 + 1) * Random(1).uniform(i); // a range for each image
  return x;
}

} // namespace

TEST_CASE("a constant map is insensitive; zero maps are undefined", "[sensitivity]") {
  const Tensor<float> x = image_batch();
  auto constant = [](View<const float>, View<float> maps) { maps.fill(3); };
  auto zero = [](View<const float>, View<float> maps) { maps.fill(0); };
  for (double v : max_sensitivity(constant, x)) CHECK(v == 0);
  for (double v : max_sensitivity(zero, x)) CHECK(std::isnan(v));
}

TEST_CASE("sensitivity of the identity map is the relative noise, within its bound",
          "[sensitivity]") {
  const Tensor<float> x = image_batch();
  const auto radius = [&](index_t n) {
    const float* p = x.data() + n * 50;
    const auto [low, high] = std::minmax_element(p, p + 50);
    return 0.02 * double(*high - *low);
  };
  double lowest = 0, highest = 0; // of the noise, in radii
  auto first_channel = [&](View<const float> in, View<float> maps) {
    for (index_t n = 0; n < in.shape()[0]; ++n)
      std::copy(in.data() + n * 50, in.data() + n * 50 + 25, maps.data() + n * 25);
    for (index_t i = 0; i < in.size(); ++i) {
      const double e = (double(in[i]) - double(x[i])) / radius(i / 50);
      lowest = std::min(lowest, e), highest = std::max(highest, e);
    }
  };
  const SensitivityOptions options{.radius = 0.02, .samples = 20};
  const Tensor<double> result = max_sensitivity(first_channel, x, options);
  // Of 4000 draws. A pixel is 52 radii at most, and rounding it to float moves it by 6e-8 of that.
  CHECK(lowest < -0.9);
  CHECK(lowest >= -1 - 1e-5);
  CHECK(highest > 0.9);
  CHECK(highest <= 1 + 1e-5);
  for (index_t n = 0; n < 4; ++n) {
    const float* p = x.data() + n * 50;
    const double r = radius(n);
    double norm = 0;
    for (index_t i = 0; i < 25; ++i) norm += double(p[i]) * double(p[i]);
    // ||d||_2 of 25 uniform numbers: r sqrt(25 / 3), the largest of 20 somewhat more, never r sqrt
    // 25
    CHECK(result[n] > r * std::sqrt(25 / 3.0 / norm));
    CHECK(result[n] < r * std::sqrt(25 / norm));
  }
}

TEST_CASE("the maximum grows with samples and radius and repeats with the seed", "[sensitivity]") {
  const Tensor<float> x = image_batch();
  index_t calls = 0;
  auto squares = [&](View<const float> in, View<float> maps) {
    ++calls;
    for (index_t i = 0; i < maps.size(); ++i)
      maps[i] = in[i / 25 * 50 + i % 25] * in[i / 25 * 50 + i % 25];
  };
  const auto few = max_sensitivity(squares, x, {.samples = 3});
  CHECK(calls == 4);
  const auto many = max_sensitivity(squares, x, {.samples = 30});
  const auto again = max_sensitivity(squares, x, {.samples = 30});
  const auto wide = max_sensitivity(squares, x, {.radius = 0.2, .samples = 30});
  const auto none = max_sensitivity(squares, x, {.radius = 0});
  const auto other = max_sensitivity(squares, x, {.samples = 30, .seed = 1});
  for (index_t n = 0; n < 4; ++n) {
    CHECK(many[n] >= few[n]); // the first samples are the same ones
    CHECK(many[n] == again[n]);
    CHECK(wide[n] > 5 * many[n]);
    CHECK(none[n] == 0);
    CHECK(other[n] != many[n]);
  }
  Tensor<float> twins = x; // two equal images have noise of their own
  std::copy(x.data(), x.data() + 50, twins.data() + 50);
  const auto of_twins = max_sensitivity(squares, twins);
  CHECK(of_twins[0] != of_twins[1]);
}

TEST_CASE("sensitivity's borders", "[sensitivity]") {
  Tensor<float> x = image_batch();
  auto constant = [](View<const float>, View<float> maps) { maps.fill(3); };
  auto broken = [](View<const float>, View<float> maps) {
    maps.fill(std::numeric_limits<float>::quiet_NaN());
  };
  CHECK_SAYS(max_sensitivity(broken, x), value_error, "max-sensitivity: maps",
             "nan at position 0 of image 0");
  CHECK_SAYS(max_sensitivity(constant, x, {.radius = -1}), value_error, "radius", "got radius -1");
  CHECK_SAYS(max_sensitivity(constant, x, {.samples = 0}), value_error, "samples", "samples 0");
  CHECK_SAYS(max_sensitivity(constant, x.view().reshape({4, 50})), shape_error, "max-sensitivity",
             "[N, C, H, W]", "got [4, 50]");
  x[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_SAYS(max_sensitivity(constant, x), value_error, "max-sensitivity: images",
             "nan at position 7 of image 0");
}

} // namespace test_sensitivity
