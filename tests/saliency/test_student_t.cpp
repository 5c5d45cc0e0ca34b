#include "sgq/saliency/metrics/student_t.hpp"

#include "golden/statistics.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_student_t {

using namespace sgq;
using namespace sgq::saliency;

TEST_CASE("Student's t has its closed forms at 1 to 4 degrees of freedom", "[statistics]") {
  for (const double t : {0.0, 0.01, 0.7, 1.4, 1.5, 3.0, 30.0, 1e4, 1e8}) {
    INFO("t = " << t);
    // Cauchy: atan2 has no cancellation.
    CHECK(student_upper(t, 1) == Approx(std::atan2(1, t) / M_PI).epsilon(1e-13));
    // 1/2 (1 - t / sqrt(2 + t^2)), without its cancellation
    const double root = std::sqrt(2 + t * t);
    CHECK(student_upper(t, 2) == Approx(1 / (root * (root + t))).epsilon(1e-13));
    // P(T <= t) = 1/2 + 3/4 (s - s^3 / 3), s = t / sqrt(4 + t^2): DLMF and any textbook
    const double s = t / std::sqrt(4 + t * t);
    CHECK(student_cdf(t, 4) == Approx(0.5 + 0.75 * (s - s * s * s / 3)).epsilon(1e-13));
    // P(T <= t) = 1/2 + (u / (1 + u^2) + atan u) / pi, u = t / sqrt(3)
    const double u = t / std::sqrt(3.0);
    CHECK(student_cdf(t, 3) ==
          Approx(0.5 + (u / (1 + u * u) + std::atan(u)) / M_PI).epsilon(1e-13));
    for (const index_t v : {1, 2, 3, 4, 8, 41}) // it is symmetric
      CHECK(student_upper(-t, v) + student_upper(t, v) == Approx(1).epsilon(1e-15));
  }
  CHECK(student_two_sided(0, 5) == 1);
  CHECK(student_two_sided(std::numeric_limits<double>::infinity(), 5) == 0);
}

TEST_CASE("probabilities and quantiles equal SciPy's", "[statistics]") {
  using namespace golden::statistics;
  const double *expected = two_sided, *quantile = quantiles;
  // SciPy's are themselves up to 5e-13 off at 1000 degrees.
  for (const std::int64_t v : dof) {
    for (const double u : t) {
      INFO("t = " << u << ", " << v << " degrees");
      CHECK(student_two_sided(u, v) == Approx(*expected++).epsilon(1e-12));
    }
    for (const double q : p) {
      INFO("p = " << q << ", " << v << " degrees");
      CHECK(student_quantile(q, v) == Approx(*quantile++).epsilon(1e-12));
    }
  }
}

TEST_CASE("quantiles are those of the printed tables", "[statistics]") {
  struct Row {
    index_t dof;
    double p95, p975, p995;
  };
  // Fisher and Yates, to three decimals.
  constexpr Row rows[] = {
      {1, 6.314, 12.706, 63.657}, {2, 2.920, 4.303, 9.925},  {3, 2.353, 3.182, 5.841},
      {4, 2.132, 2.776, 4.604},   {5, 2.015, 2.571, 4.032},  {6, 1.943, 2.447, 3.707},
      {7, 1.895, 2.365, 3.499},   {8, 1.860, 2.306, 3.355},  {9, 1.833, 2.262, 3.250},
      {10, 1.812, 2.228, 3.169},  {30, 1.697, 2.042, 2.750}, {120, 1.658, 1.980, 2.617}};
  for (const Row& row : rows) {
    INFO(row.dof << " degrees");
    CHECK(std::abs(student_quantile(0.95, row.dof) - row.p95) <= 0.0005);
    CHECK(std::abs(student_quantile(0.975, row.dof) - row.p975) <= 0.0005);
    CHECK(std::abs(student_quantile(0.995, row.dof) - row.p995) <= 0.0005);
  }
}

TEST_CASE("a quantile is the inverse of the distribution", "[statistics]") {
  for (const index_t v : {1, 2, 3, 4, 17, 300})
    for (const double p : {1e-100, 1e-9, 0.01, 0.3, 0.5, 0.75, 0.999}) {
      INFO("p = " << p << ", " << v << " degrees");
      const double t = student_quantile(p, v);
      CHECK(student_cdf(t, v) == Approx(p).epsilon(1e-12));
      CHECK((t < 0) == (p < 0.5));
    }
  CHECK(student_quantile(0.5, 3) == 0);
  CHECK(student_quantile(0.25, 3) == -student_quantile(0.75, 3));
}

TEST_CASE("degrees and probabilities out of range are errors", "[statistics]") {
  CHECK_SAYS(student_two_sided(1, 0), value_error, "degree of freedom", "got 0");
  CHECK_SAYS(student_quantile(0.5, 0), value_error, "degree of freedom", "got 0");
  for (const double p : {0.0, 1.0, -0.5, std::nan("")})
    CHECK(contains(message_of<value_error>([&] { student_quantile(p, 2); }), "0 < p < 1"));
}

} // namespace test_student_t
