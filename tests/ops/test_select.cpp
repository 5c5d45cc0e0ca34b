#include "sgq/ops/select.hpp"

#include "sgq/core/random.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace test_select {

using namespace sgq;

namespace {

// The definition itself: sort all positions stably, take the first k.
template <class T>
std::vector<std::uint8_t> sorted_selection(const T* row, index_t n, index_t k, bool highest) {
  std::vector<index_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), index_t{0});
  std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return highest ? row[a] > row[b] : row[a] < row[b];
  });
  std::vector<std::uint8_t> mask(order.size(), 0);
  for (index_t i = 0; i < k; ++i)
    mask[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1;
  return mask;
}

template <class T>
void compare_with_sort(const Tensor<T>& scores, index_t k) {
  const index_t n = scores.shape().stride();
  Tensor<std::uint8_t> lowest(scores.shape(), 7), highest(scores.shape(), 7);
  ops::select_lowest<T>(scores, k, lowest);
  ops::select_highest<T>(scores, k, highest);
  for (index_t image = 0; image < scores.shape()[0]; ++image) {
    const T* row = scores.data() + image * n;
    const auto low = sorted_selection(row, n, k, false), high = sorted_selection(row, n, k, true);
    REQUIRE(std::equal(low.begin(), low.end(), lowest.data() + image * n));
    REQUIRE(std::equal(high.begin(), high.end(), highest.data() + image * n));
  }
}

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

} // namespace

TEMPLATE_TEST_CASE("selection equals a stable sort", "[select]", float, double) {
  for (index_t n : {1, 2, 7, 64, 301}) {
    for (index_t levels : {1, 2, 5, 1000000}) { // one level: all tied
      Tensor<TestType> scores({3, n});
      const Random random(static_cast<std::uint64_t>(n * 31 + levels));
      for (index_t i = 0; i < scores.size(); ++i)
        scores[i] = static_cast<TestType>(random.below(i, levels) - levels / 2) / TestType{8};
      for (index_t k : {index_t{0}, index_t{1}, n / 3, n / 2, n - 1, n})
        compare_with_sort(scores, k);
    }
  }
}

TEMPLATE_TEST_CASE("extreme values are ordinary values", "[select]", float, double) {
  using Limits = std::numeric_limits<TestType>;
  const Tensor<TestType> scores({2, 8}, {Limits::infinity(), TestType(-0.0), Limits::denorm_min(),
                                         0, -Limits::max(), -Limits::denorm_min(), Limits::max(),
                                         -Limits::infinity(),
                                         // zeros of both signs are ties: index decides
                                         0, TestType(-0.0), 0, TestType(-0.0), 1, 1, -1, -1});
  for (index_t k = 0; k <= 8; ++k) compare_with_sort(scores, k);
}

TEST_CASE("ties go to the lower index, at both ends", "[select]") {
  const Tensor<float> scores({1, 2, 3}, {5, 1, 5, 1, 1, 5});
  Tensor<std::uint8_t> mask({1, 2, 3});
  ops::select_lowest<float>(scores, 2, mask);
  CHECK(std::vector<int>(mask.begin(), mask.end()) == std::vector<int>{0, 1, 0, 1, 0, 0});
  ops::select_highest<float>(scores, 2, mask);
  CHECK(std::vector<int>(mask.begin(), mask.end()) == std::vector<int>{1, 0, 1, 0, 0, 0});
}

TEST_CASE("the selection does not depend on the number of threads", "[select]") {
  Tensor<float> scores({37, 50});
  for (index_t i = 0; i < scores.size(); ++i) scores[i] = float(Random(1).below(i, 9));
  Tensor<std::uint8_t> one(scores.shape()), three(scores.shape());
  set_num_threads(1);
  ops::select_lowest<float>(scores, 20, one);
  set_num_threads(3);
  ops::select_lowest<float>(scores, 20, three);
  set_num_threads(0);
  CHECK(std::equal(one.begin(), one.end(), three.begin()));
}

TEST_CASE("NaN is an error that names the image", "[select]") {
  Tensor<float> scores({2, 3}, {1, 2, 3, 4, not_a_number, 6});
  Tensor<std::uint8_t> mask(scores.shape());
  CHECK(contains(message_of<value_error>([&] { ops::select_lowest<float>(scores, 1, mask); }),
                 "NaN in image 1"));
  scores[4] = -not_a_number;
  CHECK_THROWS_AS(ops::select_highest<float>(scores, 0, mask), value_error);
  scores[4] = -inf;
  CHECK_NOTHROW(ops::select_highest<float>(scores, 1, mask));
}

TEST_CASE("a k or a shape that does not fit is an error", "[select]") {
  const Tensor<float> scores({2, 3});
  Tensor<std::uint8_t> mask({2, 3}), other({3, 2});
  CHECK_THROWS_AS(ops::select_lowest<float>(scores, 4, mask), value_error);
  CHECK_THROWS_AS(ops::select_lowest<float>(scores, -1, mask), value_error);
  CHECK_THROWS_AS(ops::select_lowest<float>(scores, 1, other), shape_error);
}

TEST_CASE("an empty batch selects nothing", "[select]") {
  const Tensor<float> scores({0, 5});
  Tensor<std::uint8_t> mask({0, 5});
  CHECK_NOTHROW(ops::select_lowest<float>(scores, 0, mask));
}

TEST_CASE("a share is floored, and meant in decimal", "[select]") {
  CHECK(ops::share_count(0.5, 784) == 392);
  CHECK(ops::share_count(0.1, 784) == 78);
  CHECK(ops::share_count(0.9, 1024) == 921);
  CHECK(ops::share_count(0, 784) == 0);
  CHECK(ops::share_count(1, 784) == 784);
  for (index_t percent = 0; percent <= 100; ++percent) // .29 * 100 = 28.999999999999996
    CHECK(ops::share_count(static_cast<double>(percent) / 100, 100) == percent);
  CHECK_THROWS_AS(ops::share_count(-0.01, 10), value_error);
  CHECK_THROWS_AS(ops::share_count(1.01, 10), value_error);
  CHECK_THROWS_AS(ops::share_count(double(not_a_number), 10), value_error);
}

TEST_CASE("a position's score is the mean over channels", "[select]") {
  const Tensor<float> dx({2, 2, 1, 3}, {1, -2, 3, -1, -4, 5, 0, 1, 2, 8, -1, -2});
  Tensor<float> scores({2, 1, 3});
  ops::channel_mean<float>(dx, ops::Values::with_sign, scores);
  CHECK(std::vector<float>(scores.begin(), scores.end()) == std::vector<float>{0, -3, 4, 4, 0, 0});
  ops::channel_mean<float>(dx, ops::Values::magnitude, scores);
  CHECK(std::vector<float>(scores.begin(), scores.end()) == std::vector<float>{1, 3, 4, 4, 1, 2});
  CHECK_THROWS_AS(ops::channel_mean<float>(scores, ops::Values::magnitude, scores), shape_error);
}

TEST_CASE("positions of a mask come in ascending order", "[select]") {
  const Tensor<std::uint8_t> mask({2, 4}, {0, 1, 0, 1, 1, 1, 0, 0});
  Tensor<std::int32_t> positions({2, 2});
  ops::positions_of(mask, positions);
  CHECK(std::vector<int>(positions.begin(), positions.end()) == std::vector<int>{1, 3, 0, 1});
  Tensor<std::int32_t> three({2, 3});
  CHECK_THROWS_AS(ops::positions_of(mask, three), shape_error);
}

} // namespace test_select
