#include "sgq/saliency/metrics/blank.hpp"

#include "sgq/saliency/metrics/similarity.hpp"
#include "sgq/saliency/metrics/sparseness.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <vector>

namespace test_blank {

using namespace sgq;
using namespace sgq::saliency;

namespace {

// Images 1 and 3 of 5 have a blank map; -0 is 0, the smallest number is not.
Tensor<float> some_maps() {
  Tensor<float> maps({5, 2, 3});
  maps[0] = 1;
  maps[2 * 6 + 5] = std::numeric_limits<float>::denorm_min();
  maps[3 * 6 + 2] = -0.0f;
  for (index_t i = 0; i < 6; ++i) maps[4 * 6 + i] = -0.5f;
  return maps;
}

} // namespace

TEST_CASE("a map is blank if it is exactly 0 everywhere", "[blank]") {
  const Tensor<double> blank = blank_maps(some_maps());
  CHECK(std::vector<double>(blank.begin(), blank.end()) == std::vector<double>{0, 1, 0, 1, 0});
  CHECK(blank_maps(Tensor<float>({0, 4, 4})).empty());
  CHECK_SAYS(blank_maps(Tensor<float>({4})), shape_error, "blank maps", "[N, H, W]", "got [4]");
  CHECK_SAYS(blank_maps(Tensor<float>({1, 2}, std::numeric_limits<float>::infinity())), value_error,
             "blank maps", "inf at position 0 of image 0");
}

TEST_CASE("a measure is stated with blank maps and without", "[blank]") {
  const Tensor<float> maps = some_maps();
  const Tensor<double> blank = blank_maps(maps);
  // Gini of the five: 5/6, 0 (blank), 5/6, 0 (blank), 0
  const MapEstimate sparse = map_estimate(gini(maps, Blank::as_uniform), blank);
  CHECK(sparse.blank == 2);
  CHECK(sparse.with.count == 5);
  CHECK(sparse.with.mean == Approx(1.0 / 3));
  CHECK(sparse.without.count == 3);
  CHECK(sparse.without.excluded == 2);
  CHECK(sparse.without.mean == Approx(5.0 / 9));
  // Where blank maps are undefined, both leave them out.
  const MapEstimate undefined_ = map_estimate(gini(maps), blank);
  CHECK(undefined_.with.count == 3);
  CHECK(undefined_.with.mean == undefined_.without.mean);
  const Tensor<double> alike = cosine(maps, maps, Values::with_sign);
  CHECK(map_estimate(alike, blank).with.count == 2); // the constant map is left out as well
  CHECK(map_estimate(alike, blank).blank == 2);
}

TEST_CASE("seeds keep their own blank maps; other shapes are errors", "[blank]") {
  const Tensor<double> values({2, 3}, {1, 2, 3, 4, 5, 6}), blank({2, 3}, {0, 1, 0, 1, 1, 0});
  const MapEstimate estimate = map_estimate(values, blank);
  CHECK(estimate.blank == 3);
  CHECK(estimate.without.mean == Approx(10.0 / 3));
  CHECK_SAYS(map_estimate(values, Tensor<double>({6})), shape_error, "blank maps", "got [6]");
  const MapEstimate none = map_estimate(values, Tensor<double>({2, 3}, 1.0));
  CHECK(none.without.count == 0);
  CHECK(std::isnan(none.without.mean));
}

} // namespace test_blank
