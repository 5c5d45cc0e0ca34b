#include "sgq/saliency/metrics/statistics.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <vector>

namespace test_statistics {

using namespace sgq;
using namespace sgq::saliency;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

Tensor<double> normals(const Shape& shape, std::uint64_t seed) {
  Tensor<double> values(shape);
  for (index_t i = 0; i < values.size(); ++i) values[i] = Random(seed).normal(i);
  return values;
}

} // namespace

TEST_CASE("the interval of a mean is that of the normal theory", "[statistics]") {
  const index_t n = 400;
  const Tensor<double> values = normals({n}, 1);
  double sum = 0, squares = 0;
  for (double v : values) {
    sum += v;
    squares += v * v;
  }
  const double mean = sum / double(n),
               se = std::sqrt((squares / double(n) - mean * mean) / double(n));
  const Estimate e = bootstrap_mean(values, {.resamples = 4000});
  CHECK(e.mean == Approx(mean).epsilon(1e-12));
  // A 2.5 % quantile of 4000 draws has a standard error of 0.042 se; four of them.
  CHECK(std::abs(e.low - (mean - 1.96 * se)) < 0.17 * se);
  CHECK(std::abs(e.high - (mean + 1.96 * se)) < 0.17 * se);
  CHECK(e.count == n);
  CHECK(e.excluded == 0);
  const Estimate half = bootstrap_mean(values, {.resamples = 4000, .confidence = 0.5});
  CHECK(std::abs(half.high - (mean + 0.6745 * se)) < 0.1 * se);
}

TEST_CASE("the interval covers the truth as often as it says", "[statistics]") {
  set_num_threads(1); // many tiny jobs
  int covered = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Estimate e = bootstrap_mean(normals({60}, 100 + seed), {.resamples = 300});
    covered += e.low < 0 && 0 < e.high;
  }
  set_num_threads(0);
  // 95 % of 300 is 285, standard deviation 3.8; the percentile interval is slightly short.
  CHECK(covered > 270);
  CHECK(covered < 299);
}

TEST_CASE("seeds and images are both resampled", "[statistics]") {
  // Rows that differ, images that do not: the spread between seeds must show, and the reverse.
  Tensor<double> by_seed({4, 50}), by_image({4, 50});
  for (index_t s = 0; s < 4; ++s)
    for (index_t i = 0; i < 50; ++i) {
      by_seed(s, i) = double(s);
      by_image(s, i) = double(i);
    }
  const Estimate seeds = bootstrap_mean(by_seed), images = bootstrap_mean(by_image);
  CHECK(seeds.mean == 1.5);
  // the mean of 4 draws from {0, 1, 2, 3} has standard deviation sqrt(1.25 / 4) = 0.56
  CHECK(seeds.high - seeds.low == Approx(2 * 1.96 * 0.56).epsilon(0.15));
  // the mean of 50 draws from 0..49: sqrt(2499 / 12 / 50) = 2.04
  CHECK(images.high - images.low == Approx(2 * 1.96 * 2.04).epsilon(0.15));
  CHECK(seeds.count == 200);
}

TEST_CASE("the bootstrap variance of crossed data has its closed form", "[statistics]") {
  // Mean of m_s n_i v_si with multinomial m, n: var = (1 - 1/S)(1 - 1/N) terms of the row, column
  // and cell variances; for additive v = a_s + b_i it is var(a)/S + var(b)/N exactly (biased vars).
  const index_t S = 3, N = 40;
  const Tensor<double> a = normals({S}, 7), b = normals({N}, 8);
  Tensor<double> v({S, N});
  for (index_t s = 0; s < S; ++s)
    for (index_t i = 0; i < N; ++i) v(s, i) = a[s] + 3 * b[i];
  const auto variance = [](const Tensor<double>& t, double scale) {
    double sum = 0, squares = 0;
    for (double x : t) {
      sum += scale * x;
      squares += scale * x * scale * x;
    }
    const double n = double(t.size());
    return squares / n - sum * sum / n / n;
  };
  const double expected = variance(a, 1) / double(S) + variance(b, 3) / double(N);
  // the central 68.27 % of a nearly normal distribution spans two standard deviations
  const Estimate e = bootstrap_mean(v, {.resamples = 8000, .confidence = 0.6827});
  CHECK((e.high - e.low) / 2 == Approx(std::sqrt(expected)).epsilon(0.06));
}

TEST_CASE("NaN is left out and counted", "[statistics]") {
  const Tensor<double> values({6}, {1, none, 2, 3, none, 6});
  const Estimate e = bootstrap_mean(values);
  CHECK(e.mean == 3);
  CHECK(e.count == 4);
  CHECK(e.excluded == 2);
  CHECK(e.low >= 1);
  CHECK(e.high <= 6);
  // The interval is that of the four numbers alone.
  const Estimate alone = bootstrap_mean(Tensor<double>({4}, {1, 2, 3, 6}));
  CHECK(alone.low == e.low);
  CHECK(alone.high == e.high);
}

TEST_CASE("one value has no interval and none has no mean", "[statistics]") {
  const Estimate one = bootstrap_mean(Tensor<double>({2}, {5, none}));
  CHECK(one.mean == 5);
  CHECK(one.count == 1);
  CHECK(std::isnan(one.low));
  CHECK(std::isnan(one.high));
  for (const Tensor<double>& empty : {Tensor<double>({2}, {none, none}), Tensor<double>({0})}) {
    const Estimate e = bootstrap_mean(empty);
    CHECK(std::isnan(e.mean));
    CHECK(e.count == 0);
    CHECK(e.excluded == empty.size());
  }
  const Estimate constant = bootstrap_mean(Tensor<double>({9}, 4.0));
  CHECK(constant.low == 4);
  CHECK(constant.high == 4);
}

TEST_CASE("a paired difference sees what unpaired noise would hide", "[statistics]") {
  Tensor<double> a = normals({3, 100}, 5), b = a;
  for (index_t i = 0; i < b.size(); ++i) b[i] += 0.05 + 0.01 * Random(6).normal(i);
  b[17] = none;
  const Estimate e = bootstrap_difference(a, b);
  CHECK(e.high < -0.045);
  CHECK(e.low > -0.055);
  CHECK(e.count == 299);
  CHECK(e.excluded == 1);
  CHECK_SAYS(bootstrap_difference(a, Tensor<double>({100, 3})), shape_error, "paired bootstrap",
             "got [100, 3]");
}

TEST_CASE("the interval depends on the seed only, not on threads", "[statistics]") {
  const Tensor<double> values = normals({2, 70}, 9);
  const auto interval = [&](std::uint64_t seed) {
    const Estimate e = bootstrap_mean(values, {.seed = seed});
    return std::vector<double>{e.low, e.high};
  };
  CHECK(same_for_any_thread_count([&] { return interval(0); }));
  CHECK(interval(0) != interval(1));
}

TEST_CASE("values and options out of range are errors", "[statistics]") {
  const Tensor<double> values({2}, {1, 2});
  CHECK_SAYS(bootstrap_mean(values, {.resamples = 0}), value_error, "bootstrap", "resamples",
             "got 0");
  CHECK_SAYS(bootstrap_mean(values, {.confidence = 1}), value_error, "bootstrap", "confidence",
             "and 1");
  CHECK_SAYS(bootstrap_mean(Tensor<double>({1, 1, 2})), shape_error, "bootstrap", "[S, N]",
             "got [1, 1, 2]");
  const Tensor<double> infinite({2}, {1, std::numeric_limits<double>::infinity()});
  CHECK(contains(message_of<value_error>([&] { bootstrap_mean(infinite); }), "infinity"));
}

} // namespace test_statistics
