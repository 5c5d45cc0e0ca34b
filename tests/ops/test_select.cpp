#include "sgq/ops/select.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace test_select {

using namespace sgq;

namespace {

const ImageRandom ties(Random(77));

// The definition itself: sort all positions by score, word and index, take the first k.
template <class T>
std::vector<std::uint8_t> sorted_selection(const T* row, index_t n, index_t k, bool highest,
                                           const Random& random) {
  std::vector<index_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), index_t{0});
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    if (row[a] != row[b]) return highest ? row[a] > row[b] : row[a] < row[b];
    const std::uint32_t word_a = random.bits(a), word_b = random.bits(b);
    return word_a != word_b ? word_a < word_b : a < b;
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
  ops::lowest_k<T>(scores, k, ties, lowest);
  ops::highest_k<T>(scores, k, ties, highest);
  for (index_t image = 0; image < scores.shape()[0]; ++image) {
    const T* row = scores.data() + image * n;
    const auto low = sorted_selection(row, n, k, false, ties(image));
    const auto high = sorted_selection(row, n, k, true, ties(image));
    REQUIRE(std::equal(low.begin(), low.end(), lowest.data() + image * n));
    REQUIRE(std::equal(high.begin(), high.end(), highest.data() + image * n));
  }
}

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

} // namespace

TEMPLATE_TEST_CASE("selection equals a sort by score, random word and index", "[select]", float,
                   double) {
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
                                         // zeros of both signs are ties
                                         0, TestType(-0.0), 0, TestType(-0.0), 1, 1, -1, -1});
  for (index_t k = 0; k <= 8; ++k) compare_with_sort(scores, k);
}

TEST_CASE("of tied positions each is chosen equally often", "[select]") {
  // 20000 images of 6 zeros among 3 lower and 3 higher scores; 5 are wanted, so 2 of the 6 zeros.
  constexpr index_t images = 20000, n = 12, tied = 6;
  Tensor<float> scores({images, n});
  for (index_t i = 0; i < scores.size(); ++i)
    scores[i] =
        static_cast<float>(std::array<int, 4>{0, -1, 0, 1}[static_cast<std::size_t>(i % 4)]);
  Tensor<std::uint8_t> mask(scores.shape());
  ops::lowest_k<float>(scores, 5, ties, mask);
  std::array<double, n> chosen{};
  for (index_t image = 0; image < images; ++image) {
    index_t count = 0;
    for (index_t i = 0; i < n; ++i) {
      count += mask(image, i);
      chosen[static_cast<std::size_t>(i)] += mask(image, i);
    }
    REQUIRE(count == 5);
  }
  // Each zero is drawn with p = 1/3: 6667 times, with a deviation of sqrt(N p (1 - p)) = 67. The
  // sum of squares over p (1 - p) N (tied / (tied - 1)) is chi-square with 5 degrees of freedom,
  // which exceeds 25.7 once in 10^4.
  constexpr double p = 1.0 / 3, expected = images * p;
  double chi_square = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (i % 4 == 1) CHECK(chosen[i] == images);
    if (i % 4 == 3) CHECK(chosen[i] == 0);
    if (i % 2 == 0) chi_square += (chosen[i] - expected) * (chosen[i] - expected);
  }
  chi_square /= expected * (1 - p) * tied / (tied - 1);
  CHECK(chi_square < 25.7);
}

TEST_CASE("which tied positions are chosen does not depend on their neighbours", "[select]") {
  // Half of 64 equal scores. Chosen neighbours: 32 less the runs of chosen positions, whose number
  // has mean 32 * 33 / 64 and variance 32 * 31 * 33 * 32 / (64^2 * 63) = 4.06. The bound is 5
  // deviations of the mean over the images.
  constexpr index_t images = 4000, n = 64;
  const Tensor<float> scores({images, n}, 0.5f);
  Tensor<std::uint8_t> mask(scores.shape());
  ops::highest_k<float>(scores, n / 2, ties, mask);
  index_t pairs = 0;
  for (index_t image = 0; image < images; ++image)
    for (index_t i = 0; i + 1 < n; ++i) pairs += mask(image, i) * mask(image, i + 1);
  CHECK(static_cast<double>(pairs) / images ==
        Approx(32 - 16.5).margin(5 * std::sqrt(4.06 / images)));
}

TEST_CASE("a slice of a batch breaks its ties as the whole batch does", "[select]") {
  const Tensor<float> scores({9, 40});
  Tensor<std::uint8_t> whole(scores.shape()), part({3, 40});
  ops::lowest_k<float>(scores, 20, ties, whole);
  ops::lowest_k<float>(scores.view().slice(4, 3), 20, ImageRandom(Random(77), 4), part);
  CHECK(std::equal(part.begin(), part.end(), whole.data() + 4 * 40));
  CHECK_FALSE(std::equal(part.data(), part.data() + 40, part.data() + 40));
}

TEST_CASE("the selection does not depend on the number of threads", "[select]") {
  Tensor<float> scores({37, 50});
  for (index_t i = 0; i < scores.size(); ++i) scores[i] = float(Random(1).below(i, 3));
  Tensor<std::uint8_t> mask(scores.shape());
  CHECK(same_for_any_thread_count([&] {
    ops::lowest_k<float>(scores, 20, ties, mask);
    return values(mask);
  }));
}

TEST_CASE("NaN is an error that names the image", "[select]") {
  Tensor<float> scores({2, 3}, {1, 2, 3, 4, not_a_number, 6});
  Tensor<std::uint8_t> mask(scores.shape());
  CHECK(contains(message_of<value_error>([&] { ops::lowest_k<float>(scores, 1, ties, mask); }),
                 "NaN in image 1"));
  scores[4] = -not_a_number;
  CHECK_SAYS(ops::highest_k<float>(scores, 0, ties, mask), value_error, "NaN in image 1");
  scores[4] = -inf;
  CHECK_NOTHROW(ops::highest_k<float>(scores, 1, ties, mask));
}

TEST_CASE("a k or a shape that does not fit is an error", "[select]") {
  const Tensor<float> scores({2, 3});
  Tensor<std::uint8_t> mask({2, 3}), other({3, 2});
  CHECK_SAYS(ops::lowest_k<float>(scores, 4, ties, mask), value_error, "0 to 3 positions", "got 4");
  CHECK_SAYS(ops::lowest_k<float>(scores, -1, ties, mask), value_error, "0 to 3 positions",
             "got -1");
  CHECK_SAYS(ops::lowest_k<float>(scores, 1, ties, other), shape_error, "selection by score",
             "got [3, 2]");
}

TEST_CASE("an empty batch selects nothing", "[select]") {
  const Tensor<float> scores({0, 5});
  Tensor<std::uint8_t> mask({0, 5});
  CHECK_NOTHROW(ops::lowest_k<float>(scores, 0, ties, mask));
}

TEST_CASE("a share is floored, and meant in decimal", "[select]") {
  CHECK(ops::share_count(0.5, 784) == 392);
  CHECK(ops::share_count(0.1, 784) == 78);
  CHECK(ops::share_count(0.9, 1024) == 921);
  CHECK(ops::share_count(0, 784) == 0);
  CHECK(ops::share_count(1, 784) == 784);
  for (index_t percent = 0; percent <= 100; ++percent) // .29 * 100 = 28.999999999999996
    CHECK(ops::share_count(static_cast<double>(percent) / 100, 100) == percent);
  for (double share : {-0.01, 1.01, double(not_a_number)})
    CHECK_SAYS(ops::share_count(share, 10), value_error, "share", "got " + to_text(share));
}

TEST_CASE("a position's score is the mean over channels", "[select]") {
  const Tensor<float> dx({2, 2, 1, 3}, {1, -2, 3, -1, -4, 5, 0, 1, 2, 8, -1, -2});
  Tensor<float> scores({2, 1, 3});
  ops::channel_mean<float>(dx, ops::Values::with_sign, scores);
  CHECK(std::vector<float>(scores.begin(), scores.end()) == std::vector<float>{0, -3, 4, 4, 0, 0});
  ops::channel_mean<float>(dx, ops::Values::magnitude, scores);
  CHECK(std::vector<float>(scores.begin(), scores.end()) == std::vector<float>{1, 3, 4, 4, 1, 2});
  CHECK_SAYS(ops::channel_mean<float>(scores, ops::Values::magnitude, scores), shape_error,
             "channel_mean", "[N, C, H, W]", "got [2, 1, 3]");
  CHECK_SAYS(ops::channel_mean<float>(dx, ops::Values::magnitude, scores.view().reshape({2, 3, 1})),
             shape_error, "channel_mean: expected [2, 1, 3]", "got [2, 3, 1]");
}

} // namespace test_select
