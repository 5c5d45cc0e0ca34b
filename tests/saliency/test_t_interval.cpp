#include "sgq/saliency/metrics/t_interval.hpp"

#include "golden/statistics.hpp"
#include "sgq/core/random.hpp"
#include "sgq/saliency/metrics/effect_size.hpp"
#include "sgq/saliency/metrics/holm.hpp"
#include "sgq/saliency/metrics/jackknife.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_t_interval {

using namespace sgq;
using namespace sgq::saliency;

namespace {

constexpr double none = undefined, infinity = std::numeric_limits<double>::infinity();

/// How often intervals of numbers whose true mean is 0 cover it.
template <class Interval>
double coverage(int trials, Interval interval) {
  int covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const SeedEstimate e = interval(static_cast<std::uint64_t>(trial));
    covered += e.low < 0 && 0 < e.high;
  }
  return double(covered) / double(trials);
}

Tensor<double> normals(const Shape& shape, std::uint64_t seed, double scale = 1) {
  Tensor<double> values(shape);
  for (index_t i = 0; i < values.size(); ++i) values[i] = scale * Random(seed, 77).normal(i);
  return values;
}

constexpr int trials = 4000;
// A share of 4000 trials has a standard deviation of sqrt(.95 .05 / 4000) = .0034; four of them.
constexpr double allowed = 0.0138;

} // namespace

TEST_CASE("the interval of Student's own example", "[statistics]") {
  // Hours of sleep gained, Biometrika 6 (1908); t = 4.0621 and the interval as R's t.test prints
  // them.
  const Tensor<double> hours({10}, {1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4});
  const SeedEstimate e = t_mean(hours);
  CHECK(e.mean == Approx(1.58));
  CHECK(e.mean / e.standard_error() == Approx(4.0621).epsilon(1e-5));
  CHECK(e.p == Approx(0.002833).epsilon(1e-3));
  CHECK(e.low == Approx(0.7001142).epsilon(1e-6));
  CHECK(e.high == Approx(2.4598858).epsilon(1e-6));
  CHECK(e.seeds == 10);
  // Other confidences: 1.833 is the printed t_.95, so half a unit in 1833 off.
  CHECK(t_mean(hours, 0.9).high - e.mean == Approx(1.833 * e.standard_error()).epsilon(3e-4));
  CHECK(non_inferiority(hours, 0.1, 0.975).bound == Approx(e.low).epsilon(1e-12));
}

TEST_CASE("intervals, tests and sizes equal SciPy's", "[statistics]") {
  namespace g = golden::statistics;
  const View<const double> a(g::a, {5}), b(g::b, {5});
  const SeedEstimate e = t_difference(a, b);
  CHECK(e.mean == Approx(g::interval[0]).epsilon(1e-12));
  CHECK(e.low == Approx(g::interval[1]).epsilon(1e-10));
  CHECK(e.high == Approx(g::interval[2]).epsilon(1e-10));
  CHECK(e.p == Approx(g::interval[3]).epsilon(1e-10));
  CHECK(e.deviation == Approx(g::interval[4]).epsilon(1e-12));
  const NonInferiority kept = non_inferiority(paired_difference(a, b), g::non_inferiority[0]);
  CHECK(kept.bound == Approx(g::non_inferiority[1]).epsilon(1e-10));
  CHECK(kept.p == Approx(g::non_inferiority[2]).epsilon(1e-10));
  CHECK(effect_size(a, b) == Approx(g::effect[0]).epsilon(1e-12));
  CHECK(effect_size(b, a) == -effect_size(a, b));
  for (std::size_t k = 0; k < std::size(g::sizes); ++k) {
    const SeedEstimate found{g::sizes[k], none, none, none, 1, 5, 0};
    INFO("size " << g::sizes[k]);
    REQUIRE(seeds_needed(found));
    CHECK(std::abs(*seeds_needed(found) - g::needed[k]) <= 1); // the formula is approximate
  }
  const std::vector<double> corrected = holm(g::tests);
  for (std::size_t k = 0; k < corrected.size(); ++k)
    CHECK(corrected[k] == Approx(g::adjusted[k]).epsilon(1e-11));
  const View<const double> quantised(g::quantised, {5, 5}), reference(g::reference, {5, 5});
  const SeedEstimate drift = drift_jackknife(quantised, reference);
  CHECK(drift.mean == Approx(g::drift[0]).epsilon(1e-12));
  CHECK(drift.low == Approx(g::drift[1]).epsilon(1e-10));
  CHECK(drift.high == Approx(g::drift[2]).epsilon(1e-10));
  CHECK(drift.p == Approx(g::drift[3]).epsilon(1e-10));
  // The printed t_.95 and t_.975 of 4 degrees, each half a unit off.
  CHECK(drift_jackknife(quantised, reference, 0.9).high - drift.mean ==
        Approx((drift.high - drift.mean) * 2.132 / 2.776).epsilon(4.2e-4));
}

TEST_CASE("the t-interval covers the truth 95 times in 100, from 3 seeds and from 5",
          "[statistics]") {
  for (const index_t seeds : {3, 5}) {
    INFO(seeds << " seeds");
    const auto of = [&](std::uint64_t s) { return t_mean(normals({seeds}, s)); };
    CHECK(std::abs(coverage(trials, of) - 0.95) < allowed);
    // With 1.96 for t it would be .81 and .88.
    const double z = 1.96 / student_quantile(0.975, seeds - 1);
    const auto too_short = [&](std::uint64_t s) {
      SeedEstimate e = t_mean(normals({seeds}, s));
      e.low = e.mean + z * (e.low - e.mean);
      e.high = e.mean + z * (e.high - e.mean);
      return e;
    };
    CHECK(coverage(trials, too_short) < 0.90);
  }
}

TEST_CASE("at a true loss of the margin, non-inferiority is found 5 times in 100", "[statistics]") {
  for (const index_t seeds : {3, 5}) {
    int found = 0, by_p = 0;
    for (int trial = 0; trial < trials; ++trial) {
      Tensor<double> d = normals({seeds}, static_cast<std::uint64_t>(trial), 0.01);
      for (double& v : d) v -= 0.02;
      const NonInferiority kept = non_inferiority(d, 0.02);
      found += kept.bound > -0.02;
      by_p += kept.p < 0.05;
    }
    CHECK(found == by_p);
    CHECK(std::abs(double(found) / trials - 0.05) < allowed);
  }
}

TEST_CASE("the jackknife of additive similarities is the t-interval of their parts",
          "[statistics]") {
  // s(q_i, f_j) - s(f_i, f_j) = a_i + b_j: D = mean(a) + mean(b), and seed k's pseudo-value is
  // a_k + b_k.
  for (const index_t seeds : {3, 4, 7}) {
    const Tensor<double> a = normals({seeds}, 1), b = normals({seeds}, 2, 3);
    const Tensor<double> reference = normals({seeds, seeds}, 3);
    Tensor<double> quantised(reference.shape()), sums({seeds});
    for (index_t i = 0; i < seeds; ++i) {
      sums[i] = a[i] + b[i];
      for (index_t j = 0; j < seeds; ++j) quantised(i, j) = reference(i, j) + a[i] + b[j];
      quantised(i, i) = none; // the diagonal is not read
    }
    const SeedEstimate found = drift_jackknife(quantised, reference), expected = t_mean(sums);
    CHECK(found.mean == Approx(expected.mean).epsilon(1e-12));
    CHECK(found.low == Approx(expected.low).epsilon(1e-11));
    CHECK(found.high == Approx(expected.high).epsilon(1e-11));
    CHECK(found.p == Approx(expected.p).epsilon(1e-10));
    CHECK(found.deviation == Approx(expected.deviation).epsilon(1e-11));
    CHECK(found.seeds == seeds);
  }
}

TEST_CASE(
    "the jackknife covers 95 times in 100 where references dominate, a mean per seed does not",
    "[statistics]") {
  const index_t seeds = 5;
  const auto similarities = [&](std::uint64_t s) {
    const Tensor<double> q = normals({seeds}, 2 * s, 0.3), f = normals({seeds}, 2 * s + 1);
    Tensor<double> all({seeds, seeds});
    for (index_t i = 0; i < seeds; ++i)
      for (index_t j = 0; j < seeds; ++j) all(i, j) = q[i] + f[j];
    return all;
  };
  const Tensor<double> zero({seeds, seeds});
  const auto jackknife = [&](std::uint64_t s) { return drift_jackknife(similarities(s), zero); };
  CHECK(std::abs(coverage(trials, jackknife) - 0.95) < allowed);
  const auto per_seed = [&](std::uint64_t s) {
    Tensor<double> all = similarities(s);
    for (index_t i = 0; i < seeds; ++i) all(i, i) = none;
    return t_mean(all);
  };
  CHECK(coverage(trials, per_seed) < 0.8);
}

TEST_CASE("Holm's correction by hand", "[statistics]") {
  const auto check = [](std::vector<double> p, const std::vector<double>& expected) {
    const std::vector<double> adjusted = holm(p);
    REQUIRE(adjusted.size() == expected.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (std::isnan(expected[i]))
        CHECK(std::isnan(adjusted[i]));
      else
        CHECK(adjusted[i] == Approx(expected[i]));
    }
  };
  check({0.01, 0.04, 0.03, 0.005}, {0.03, 0.06, 0.06, 0.02});
  check({0.01, 0.02, 0.03, 0.04, 0.05}, {0.05, 0.08, 0.09, 0.09, 0.09});
  check({0.3}, {0.3});
  check({0.6, 0.6}, {1, 1});
  check({}, {});
  check({0.01, none, 0.03}, {0.02, none, 0.03}); // two tests, not three
  CHECK(contains(message_of<value_error>([] { holm(std::vector<double>{0.5, 1.5}); }), "got 1.5"));
  CHECK_SAYS(holm(std::vector<double>{-0.1}), value_error, "Holm", "got -0.1");
}

TEST_CASE("seeds are averaged over their images, and NaN is left out", "[statistics]") {
  const Tensor<double> values({4, 3}, {1, 2, 3, 4, none, 6, none, none, none, 0, 0, 9});
  const SeedEstimate e = t_mean(values), means = t_mean(Tensor<double>({4}, {2, 5, none, 3}));
  CHECK(e.mean == Approx(10.0 / 3));
  CHECK(e.seeds == 3);
  CHECK(e.excluded == 1);
  CHECK(e.low == means.low);
  CHECK(e.p == means.p);
  // A pair counts where both are numbers: seed 0 keeps 1 - 0, 3 - 1.
  const SeedEstimate d =
      t_difference(Tensor<double>({1, 3}, {1, 2, 3}), Tensor<double>({1, 3}, {0, none, 1}));
  CHECK(d.mean == 1.5);
  // sqrt((1 + 1) / 2) = 1 for both, the pair with NaN apart
  CHECK(effect_size(Tensor<double>({4}, {4, 5, 6, 100}), Tensor<double>({4}, {1, 2, 3, none})) ==
        Approx(3));
}

TEST_CASE("fewer than three seeds decide nothing", "[statistics]") {
  const Tensor<double> two({2}, {1, 3});
  const SeedEstimate e = t_mean(two), one = t_mean(Tensor<double>({1}, {4})),
                     empty = t_mean(Tensor<double>({0}));
  CHECK(e.mean == 2);
  CHECK(e.deviation == Approx(std::sqrt(2.0)));
  CHECK(one.mean == 4);
  CHECK(std::isnan(one.deviation));
  CHECK(std::isnan(empty.mean));
  for (const SeedEstimate& few : {e, one, empty}) {
    CHECK(std::isnan(few.low));
    CHECK(std::isnan(few.high));
    CHECK(std::isnan(few.p));
  }
  const NonInferiority kept = non_inferiority(two, 0.1);
  CHECK(std::isnan(kept.bound));
  CHECK(std::isnan(kept.p));
  CHECK(std::isnan(effect_size(two, two)));
  CHECK_FALSE(seeds_needed(one));
  const Tensor<double> pair({2, 2}, {0, 1, 3, 0});
  const SeedEstimate drift = drift_jackknife(pair, Tensor<double>({2, 2}));
  CHECK(drift.mean == 2);
  CHECK(drift.seeds == 2);
  CHECK_SAYS(drift_jackknife(pair, Tensor<double>({2, 2}), 2), value_error, "confidence");
  CHECK(std::isnan(drift.low));
  CHECK(std::isnan(drift.p));
}

TEST_CASE("seeds that all agree leave no doubt", "[statistics]") {
  const SeedEstimate zero = t_mean(Tensor<double>({3})), same = t_mean(Tensor<double>({4}, 0.5));
  CHECK(zero.low == 0);
  CHECK(zero.high == 0);
  CHECK(zero.p == 1);
  CHECK(same.low == 0.5);
  CHECK(same.high == 0.5);
  CHECK(same.p == 0);
  CHECK(non_inferiority(Tensor<double>({3}, -0.5), 0.25).p == 1);
  CHECK(non_inferiority(Tensor<double>({3}, -0.5), 0.5).p == 0.5);
  CHECK(non_inferiority(Tensor<double>({3}), 0.25).p == 0);
  CHECK(std::isnan(effect_size(Tensor<double>({3}, 1.0), Tensor<double>({3}))));
  // The sum of three .1, divided by 3, is not .1.
  for (const double v : {0.1, -0.7, 1e-300}) {
    const Tensor<double> all({3}, v), twice({3}, 2 * v);
    const SeedEstimate e = t_mean(all);
    CHECK(e.mean == v);
    CHECK(e.deviation == 0);
    CHECK(e.low == v);
    CHECK(e.high == v);
    CHECK(e.p == 0);
    CHECK(std::isnan(effect_size(all, twice)));
  }
}

TEST_CASE("how many seeds would do", "[statistics]") {
  const auto needed = [](double mean, double power = 0.8) {
    return seeds_needed({mean, none, none, none, 1, 5, 0}, 0.95, power);
  };
  // With power 1/2 the interval just touches 0: t_.975 = 4.303 and 3.182 at 2 and 3 degrees.
  CHECK(needed(4.303 / std::sqrt(3.0) + 1e-3, 0.5) == 3);
  CHECK(needed(4.303 / std::sqrt(3.0) - 1e-3, 0.5) == 4);
  CHECK(needed(3.182 / 2 - 1e-3, 0.5) == 5);
  CHECK(needed(-0.5) == needed(0.5));
  CHECK(needed(100) == 3);
  // ((1.96 + 0.84) / 0.1)^2 = 785, and a few for the t distribution
  REQUIRE(needed(0.1));
  CHECK(std::abs(*needed(0.1) - 787) <= 2);
  CHECK_FALSE(needed(0.08)); // 1226
  CHECK_FALSE(needed(0));
  CHECK_FALSE(seeds_needed({0, 0, 0, 1, 0, 5, 0})); // all seeds agree on nothing
  CHECK_FALSE(needed(none));
  CHECK_SAYS(needed(1, 1.0), value_error, "power", "got 1");
  CHECK_SAYS(needed(0, 2.0), value_error, "power", "got 2");
}

TEST_CASE("values and options of tests out of range are errors", "[statistics]") {
  const Tensor<double> three({3}, {1, 2, 3});
  CHECK_SAYS(t_mean(three, 1), value_error, "t-interval", "confidence", "got 1");
  CHECK_SAYS(t_mean(three, none), value_error, "t-interval", "confidence", "got nan");
  CHECK_SAYS(t_mean(Tensor<double>({1, 1, 3})), shape_error, "t-interval", "[S, N]",
             "got [1, 1, 3]");
  CHECK(contains(message_of<value_error>([] {
                   t_mean(Tensor<double>({2}, {1, infinity}));
                 }),
                 "infinity"));
  CHECK_SAYS(t_difference(three, Tensor<double>({2})), shape_error, "paired difference", "got [2]");
  const Tensor<double> endless({3}, INFINITY);
  CHECK_SAYS(t_difference(endless, endless), value_error, "paired difference",
             "got infinity"); // no NaN that is left out
  CHECK_SAYS(effect_size(three, Tensor<double>({2})), shape_error, "effect size", "got [2]");
  CHECK_SAYS(non_inferiority(three, -0.1), value_error, "margin", "got -0.1");
  CHECK_SAYS(non_inferiority(three, none), value_error, "margin", "got nan");
  CHECK_SAYS(non_inferiority(three, 0.1, 0), value_error, "confidence", "got 0");
  const Tensor<double> square({3, 3}), wide({3, 4});
  CHECK_SAYS(drift_jackknife(wide, wide), shape_error, "drift", "[S, S]", "got [3, 4]");
  CHECK_SAYS(drift_jackknife(square, wide), shape_error, "drift", "expected [3, 3]", "got [3, 4]");
  Tensor<double> hole({3, 3});
  hole(0, 2) = none;
  CHECK(
      contains(message_of<value_error>([&] { drift_jackknife(hole, square); }), "none of 0 and 2"));
}

} // namespace test_t_interval
