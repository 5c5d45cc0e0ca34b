#include "sgq/kernels/simd/bucketize.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <vector>

namespace test_bucketize {

using namespace sgq;
using namespace sgq::kernels;

TEST_CASE("bucketize and bucket_of count, ties and repeated thresholds included", "[kernels]") {
  for (int bits = 0; bits <= 8; ++bits) {
    const int n = (1 << bits) - 1;
    std::vector<std::int32_t> t(static_cast<std::size_t>(n)), a(bucketize_block);
    const Random random(1);
    for (int j = 0; j < n; ++j)
      t[static_cast<std::size_t>(j)] = static_cast<std::int32_t>(random.below(j, 301)) - 150;
    std::sort(t.begin(), t.end());
    std::vector<std::int32_t> apart; // the same, three numbers apart
    for (std::int32_t x : t) apart.insert(apart.end(), {x, 1000, -1000});
    for (index_t i = 0; i < bucketize_block; ++i)
      a[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(random.below(i, 321)) - 160;
    std::vector<std::int32_t> counts(bucketize_block);
    bucketize(a.data(), bucketize_block, t.data(), bits, counts.data());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const auto expected =
          std::count_if(t.begin(), t.end(), [&](std::int32_t x) { return a[i] >= x; });
      REQUIRE(counts[i] == expected);
      REQUIRE(bucket_of(a[i], t.data(), bits) == expected);
      REQUIRE(bucket_of(a[i], apart.data(), bits, 3) == expected);
    }
  }
}

} // namespace test_bucketize
