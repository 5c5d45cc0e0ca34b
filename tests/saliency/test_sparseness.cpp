#include "sgq/saliency/metrics/sparseness.hpp"

#include "golden/metrics.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_sparseness {

using namespace sgq;
using namespace sgq::saliency;

TEST_CASE("sparseness equals that of an independent program", "[sparseness]") {
  const View<const float> maps(golden::metrics::a, {5, 9, 11});
  const Tensor<double> g = gini(maps), h = entropy(maps), share = normalized_entropy(maps);
  for (index_t n = 0; n < 5; ++n) {
    CHECK(g[n] == Approx(golden::metrics::gini_of_a[n]).epsilon(1e-12).margin(1e-14));
    CHECK(h[n] == Approx(golden::metrics::entropy_of_a[n]).epsilon(1e-12));
    CHECK(share[n] == Approx(golden::metrics::entropy_of_a[n] / std::log(99.0)).epsilon(1e-12));
  }
}

TEST_CASE("sparseness runs from a constant map to a single position", "[sparseness]") {
  Tensor<float> maps({3, 4, 5});
  for (index_t i = 0; i < 20; ++i) {
    maps[i] = i % 2 ? -0.3f : 0.3f; // constant in magnitude
    maps[20 + i] = i == 7 ? -2.0f : 0;
    maps[40 + i] = i < 5 ? 1.0f : 0; // a quarter of the positions
  }
  const Tensor<double> g = gini(maps), h = entropy(maps), share = normalized_entropy(maps);
  CHECK(g[0] == Approx(0).margin(1e-15));
  CHECK(g[1] == Approx(1 - 1.0 / 20));
  CHECK(g[2] == Approx(0.75)); // k equal ones of d: 1 - k/d
  CHECK(h[0] == Approx(std::log(20.0)));
  CHECK(h[1] == 0);
  CHECK(h[2] == Approx(std::log(5.0)));
  CHECK(share[0] == Approx(1));
  CHECK(share[2] == Approx(std::log(5.0) / std::log(20.0)));
}

TEST_CASE("Gini of 1..d is (d - 1) / (3 d)", "[sparseness]") {
  Tensor<float> maps({1, 50});
  for (index_t i = 0; i < 50; ++i) maps[i] = float((i * 7) % 50 + 1); // any order
  CHECK(gini(maps)[0] == Approx(49.0 / 150));
}

TEST_CASE("an all-zero map has no sparseness; a bad one is an error", "[sparseness]") {
  const Tensor<float> zero({2, 3, 3}), single({1, 1}, 4.0f);
  CHECK(std::isnan(gini(zero)[1]));
  CHECK(std::isnan(entropy(zero)[0]));
  CHECK(std::isnan(normalized_entropy(zero)[0]));
  CHECK(gini(zero, Blank::as_uniform)[1] == 0);
  CHECK(entropy(zero, Blank::as_uniform)[1] == Approx(std::log(9.0)));
  CHECK(normalized_entropy(zero, Blank::as_uniform)[1] == 1);
  CHECK(gini(single)[0] == 0);
  CHECK(entropy(single)[0] == 0);
  CHECK(std::isnan(normalized_entropy(single)[0])); // ln 1 = 0
  Tensor<float> bad({1, 3}, {1, std::numeric_limits<float>::infinity(), 2});
  CHECK_SAYS(gini(bad), value_error, "gini", "inf at position 1 of image 0");
  CHECK_SAYS(entropy(bad), value_error, "entropy", "inf at position 1 of image 0");
  CHECK_SAYS(gini(Tensor<float>({3})), shape_error, "gini", "[N, H, W]", "got [3]");
  CHECK(gini(Tensor<float>({0, 4, 4})).empty());
}

} // namespace test_sparseness
