#include "sgq/saliency/metrics/ranking.hpp"

#include "support/catch.hpp"

#include <vector>

namespace test_ranking {

using namespace sgq;
using namespace sgq::saliency;

TEST_CASE("a ranking falls in value; equal ones rise in their random words", "[ranking]") {
  const Tensor<float> maps({2, 2, 3}, {1, -5, 3, 2, 0, -1, 4, -4, -0.0f, 4, 0, -6});
  const Random ties = tie_breaker(3);
  const auto by_value = ranking(maps, Values::with_sign, ties);
  const auto by_magnitude = ranking(maps, Values::magnitude, ties);
  CHECK(std::vector<int>(by_value.data(), by_value.data() + 6) ==
        std::vector<int>{2, 3, 0, 4, 5, 1});
  CHECK(by_magnitude[0] == 1);
  CHECK(by_magnitude[1] == 2);
  CHECK(by_magnitude[2] == 3);
  const Random of_image = ImageRandom(ties)(1);
  const auto first = [&](int a, int b) { return of_image.bits(a) < of_image.bits(b) ? a : b; };
  CHECK(by_value(1, 0) == first(0, 3));
  CHECK(by_value(1, 2) == first(2, 4)); // -0 and 0
  CHECK(by_value(1, 4) == 1);
  CHECK(by_magnitude(1, 0) == 5);
}

TEST_CASE("the first k of a ranking are what selection finds", "[ranking]") {
  Tensor<float> maps({3, 60});
  for (index_t i = 0; i < maps.size(); ++i) maps[i] = float(Random(2).below(i, 11));
  const auto order = ranking(maps, Values::with_sign, Random(8));
  for (index_t k = 0; k <= 60; ++k) {
    Tensor<std::uint8_t> mask(maps.shape());
    ops::highest_k<float>(maps, k, Random(8), mask);
    for (index_t n = 0; n < 3; ++n)
      for (index_t i = 0; i < 60; ++i) REQUIRE(mask(n, order(n, i)) == (i < k));
  }
}

TEST_CASE("a slice of the images ranks as the whole set does", "[ranking]") {
  const Tensor<float> maps({5, 40}, 0.25f);
  const auto whole = ranking(maps, Values::magnitude, Random(8));
  const auto part = ranking(maps.view().slice(3, 2), Values::magnitude, {Random(8), 3});
  CHECK(std::equal(part.begin(), part.end(), whole.data() + 3 * 40));
}

TEST_CASE("a constant map ranks its positions at random", "[ranking]") {
  constexpr index_t images = 4000, d = 9;
  const auto order = random_ranking(images, d, tie_breaker(1));
  // How often each position comes first: chi-square with 8 degrees of freedom exceeds 31.8 once in
  // 10^4.
  std::vector<double> first(d);
  for (index_t n = 0; n < images; ++n) first[static_cast<std::size_t>(order(n, 0))] += 1;
  double chi_square = 0;
  for (double count : first) chi_square += (count - images / 9.0) * (count - images / 9.0);
  CHECK(chi_square / (images / 9.0) < 31.8);
  const auto other = random_ranking(images, d, tie_breaker(1, 1));
  CHECK_FALSE(std::equal(order.begin(), order.end(), other.begin()));
}

} // namespace test_ranking
