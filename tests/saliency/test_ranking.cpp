#include "sgq/saliency/metrics/ranking.hpp"

#include "support/catch.hpp"

#include <vector>

namespace test_ranking {

using namespace sgq;
using namespace sgq::saliency;

TEST_CASE("a ranking falls in value, equal ones by index", "[ranking]") {
  const Tensor<float> maps({2, 2, 3}, {1, -5, 3, 3, 0, -1, 0, 0, 0, 0, 0, 0});
  const auto by_value = ranking(maps, Values::with_sign);
  const auto by_magnitude = ranking(maps, Values::magnitude);
  CHECK(std::vector<int>(by_value.begin(), by_value.end()) ==
        std::vector<int>{2, 3, 0, 4, 5, 1, 0, 1, 2, 3, 4, 5});
  CHECK(std::vector<int>(by_magnitude.begin(), by_magnitude.end()) ==
        std::vector<int>{1, 2, 3, 0, 5, 4, 0, 1, 2, 3, 4, 5});
}

TEST_CASE("the first k of a ranking are what selection finds", "[ranking]") {
  Tensor<float> maps({3, 60});
  for (index_t i = 0; i < maps.size(); ++i) maps[i] = float(Random(2).below(i, 11));
  const auto order = ranking(maps, Values::with_sign);
  for (index_t k = 0; k <= 60; ++k) {
    Tensor<std::uint8_t> mask(maps.shape());
    ops::select_highest<float>(maps, k, mask);
    for (index_t n = 0; n < 3; ++n)
      for (index_t i = 0; i < 60; ++i) REQUIRE(mask(n, order(n, i)) == (i < k));
  }
}

TEST_CASE("random maps differ between images and repeat with the seed", "[ranking]") {
  const auto maps = random_maps(3, 50, Random(4)), again = random_maps(3, 50, Random(4));
  CHECK(std::equal(maps.begin(), maps.end(), again.begin()));
  CHECK_FALSE(std::equal(maps.data(), maps.data() + 50, maps.data() + 50));
}

} // namespace test_ranking
