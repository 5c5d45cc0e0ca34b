#include "sgq/quant/bucketize.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <vector>

namespace test_count_passed {

using namespace sgq;
using namespace sgq::quant;

TEST_CASE("bucketize and search_passed count, ties and repeated thresholds included", "[quant]") {
  for (int bits = 0; bits <= 8; ++bits) {
    const int n = (1 << bits) - 1;
    std::vector<std::int32_t> rising(static_cast<std::size_t>(n)), a(count_block);
    const Random random(1);
    for (int j = 0; j < n; ++j)
      rising[static_cast<std::size_t>(j)] = static_cast<std::int32_t>(random.below(j, 301)) - 150;
    std::sort(rising.begin(), rising.end());
    const std::vector<std::int32_t> falling(rising.rbegin(), rising.rend());
    for (index_t i = 0; i < count_block; ++i)
      a[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(random.below(i, 321)) - 160;
    std::vector<std::int32_t> up(count_block), down(count_block);
    bucketize<false>(a.data(), count_block, rising.data(), bits, up.data());
    bucketize<true>(a.data(), count_block, falling.data(), bits, down.data());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto at_most =
          std::count_if(rising.begin(), rising.end(), [&](std::int32_t t) { return a[i] >= t; });
      const auto at_least =
          std::count_if(rising.begin(), rising.end(), [&](std::int32_t t) { return a[i] <= t; });
      REQUIRE(up[i] == at_most);
      REQUIRE(down[i] == at_least);
      REQUIRE(search_passed<false>(a[i], rising.data(), bits) == at_most);
      REQUIRE(search_passed<true>(a[i], falling.data(), bits) == at_least);
    }
  }
}

} // namespace test_count_passed
