// sgq/saliency/metrics/t_interval.hpp -- what a few training seeds say of all: Student's t.
//
//     values [S]      one number per seed, usually a difference of two networks of that seed
//     values [S,N]    one number per seed and image; each seed is first averaged over its images
//
//     mean +- t s / sqrt(S)    s: the seeds' standard deviation (S - 1),  t of S - 1 degrees
//
// The bootstrap of statistics.hpp serves images, since they are many. From three seeds its "95 %"
// covers the truth 75 times in 100; this interval covers it 95 times where seeds' means are normal
// ("Student", Biometrika 6, 1908). Fewer than 3 seeds decide nothing: interval and p are NaN.
//
// NaN means "not defined here": it is left out, and a seed without numbers is counted.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/saliency/metrics/per_image.hpp"
#include "sgq/saliency/metrics/student_t.hpp"

namespace sgq::saliency {

inline constexpr index_t fewest_seeds = 3; ///< that decide anything

/// The mean over seeds and its interval.
struct SeedEstimate {
  double mean, low, high;
  double p;         ///< two-sided, of a true mean of 0
  double deviation; ///< between seeds, with S - 1; NaN below 2 seeds
  index_t seeds, excluded;

  /// Of the mean.
  double standard_error() const { return deviation / std::sqrt(static_cast<double>(seeds)); }
};

/// Not worse than by a margin?
struct NonInferiority {
  double bound; ///< the mean's lower one-sided bound: above -margin, nothing is lost
  double p;     ///< one-sided, of a true loss of the margin or more
  index_t seeds;
};

namespace detail {

/// 0 / 0 is 0: seeds that all agree on no distance.
inline double t_statistic(double distance, double error) {
  return distance == 0 ? 0 : distance / error;
}

/// The mean of each seed; NaN where it has no number.
inline Tensor<double> seed_means(View<const double> values) {
  if (values.shape().rank() != 1 && values.shape().rank() != 2)
    throw shape_error(describe("t-interval", "values [S] or [S, N]", values.shape().str()));
  const index_t seeds = values.shape()[0], images = values.shape().stride();
  Tensor<double> means({seeds});
  for (index_t s = 0; s < seeds; ++s) {
    double sum = 0, count = 0;
    for (index_t n = 0; n < images; ++n) {
      const double v = values[s * images + n];
      if (std::isinf(v))
        throw value_error(describe("t-interval", "finite values or NaN", "infinity"));
      if (!std::isnan(v)) sum += v, ++count;
    }
    means[s] = sum / count; // NaN where there is none
  }
  return means;
}

/// All but the interval and p. The mean of equal numbers is that number, and their deviation 0.
inline SeedEstimate mean_of_seeds(View<const double> values) {
  SeedEstimate e{undefined, undefined, undefined, undefined, undefined, 0, 0};
  const Tensor<double> means = seed_means(values);
  double sum = 0, lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  for (const double m : means) {
    if (std::isnan(m)) {
      ++e.excluded;
    } else {
      sum += m;
      lowest = std::min(lowest, m);
      highest = std::max(highest, m);
      ++e.seeds;
    }
  }
  if (e.seeds == 0) return e;
  e.mean = lowest == highest ? lowest : sum / static_cast<double>(e.seeds); // 3 * .1 / 3 is not .1
  double squares = 0;
  for (const double m : means)
    if (!std::isnan(m)) squares = std::fma(m - e.mean, m - e.mean, squares);
  if (e.seeds > 1) e.deviation = std::sqrt(squares / static_cast<double>(e.seeds - 1));
  return e;
}

inline void check_confidence(double confidence) {
  if (!(confidence > 0 && confidence < 1))
    throw value_error(describe("t-interval", "confidence in (0, 1)", to_text(confidence)));
}

} // namespace detail

/// The mean of values [S] or [S,N]. Throws value_error on infinite values or a confidence out of
/// range, shape_error on another rank.
inline SeedEstimate t_mean(View<const double> values, double confidence = 0.95) {
  detail::check_confidence(confidence);
  SeedEstimate e = detail::mean_of_seeds(values);
  if (e.seeds < fewest_seeds) return e;
  const double t = student_quantile((1 + confidence) / 2, e.seeds - 1);
  e.low = std::fma(-t, e.standard_error(), e.mean);
  e.high = std::fma(t, e.standard_error(), e.mean);
  e.p = student_two_sided(detail::t_statistic(e.mean, e.standard_error()), e.seeds - 1);
  return e;
}

/// a - b, both [S] or [S,N]: paired by seed and image, so NaN where either is. Throws value_error
/// on infinite values.
inline Tensor<double> paired_difference(View<const double> a, View<const double> b) {
  check_shape("paired difference", a.shape(), b.shape());
  Tensor<double> difference(a.shape());
  for (index_t i = 0; i < a.size(); ++i) {
    if (std::isinf(a[i]) || std::isinf(b[i]))
      throw value_error(describe("paired difference", "finite values or NaN", "infinity"));
    difference[i] = a[i] - b[i];
  }
  return difference;
}

/// The mean of a - b.
inline SeedEstimate t_difference(View<const double> a, View<const double> b,
                                 double confidence = 0.95) {
  return t_mean(paired_difference(a, b), confidence);
}

/// Whether differences [S] or [S,N], more being better, stay above -margin: supported where the
/// bound does, which is where p < 1 - confidence. Throws as t_mean, and where the margin is
/// negative.
inline NonInferiority non_inferiority(View<const double> differences, double margin,
                                      double confidence = 0.95) {
  detail::check_confidence(confidence);
  if (!(margin >= 0 && std::isfinite(margin)))
    throw value_error(describe("non-inferiority", "a margin of 0 or more", to_text(margin)));
  const SeedEstimate e = detail::mean_of_seeds(differences);
  if (e.seeds < fewest_seeds) return {undefined, undefined, e.seeds};
  const double error = e.standard_error();
  return {std::fma(-student_quantile(confidence, e.seeds - 1), error, e.mean),
          student_upper(detail::t_statistic(e.mean + margin, error), e.seeds - 1), e.seeds};
}

} // namespace sgq::saliency
