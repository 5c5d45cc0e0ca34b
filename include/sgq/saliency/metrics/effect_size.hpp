// sgq/saliency/metrics/effect_size.hpp -- how large a difference is beside what seeds differ by,
// and how many seeds would show it.
//
//     d = (mean a - mean b) / sqrt((s_a^2 + s_b^2) / 2)    a, b [S]: the same seeds, two conditions
//
// s is the standard deviation between the seeds of one condition (S - 1). So d counts in units of
// what one more seed may change, and pairing, which makes differences more exact, does not make
// them larger. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 2nd edition 1988,
// equation 2.3.2; "d_av" in Cumming, "Understanding the New Statistics", 2012. Not corrected for
// few seeds: at 3 of them it is a quarter too large on average, where a and b are independent
// (Hedges 1981).
#pragma once

#include "sgq/saliency/metrics/t_interval.hpp"

#include <optional>

namespace sgq::saliency {

/// a, b [S] or [S,N]; a pair counts where both are numbers. NaN below 3 seeds, and where neither
/// condition varies. Throws as t_difference, infinite values included.
inline double effect_size(View<const double> a, View<const double> b) {
  check_shape("effect size", a.shape(), b.shape());
  const Tensor<double> difference = paired_difference(a, b);
  Tensor<double> of_a(a.shape()), of_b(b.shape());
  for (index_t i = 0; i < a.size(); ++i) {
    const bool pair = !std::isnan(difference[i]);
    of_a[i] = pair ? a[i] : undefined;
    of_b[i] = pair ? b[i] : undefined;
  }
  const SeedEstimate mean_a = detail::mean_of_seeds(of_a), mean_b = detail::mean_of_seeds(of_b);
  if (mean_a.seeds < fewest_seeds) return undefined;
  const double spread = std::hypot(mean_a.deviation, mean_b.deviation) / std::sqrt(2.0);
  return spread > 0 ? (mean_a.mean - mean_b.mean) / spread : undefined;
}

/// The seeds that a t-interval needs to leave 0 out with probability `power`, if mean and deviation
/// are what they are in e: the smallest S >= 3 with
///
///     |mean| sqrt(S) / deviation >= t_{(1 + confidence) / 2} + t_{power}    of S - 1 degrees
///
/// Rough, since few seeds say little of the deviation. Nothing where 1000 would not do, or where e
/// has no deviation. Throws value_error where confidence or power is not in (0, 1).
inline std::optional<index_t> seeds_needed(const SeedEstimate& e, double confidence = 0.95,
                                           double power = 0.8) {
  detail::check_confidence(confidence);
  if (!(power > 0 && power < 1))
    throw value_error(describe("seeds needed: power", "a number in (0, 1)", to_text(power)));
  const auto enough = [&](index_t seeds) {
    const double t =
        student_quantile((1 + confidence) / 2, seeds - 1) + student_quantile(power, seeds - 1);
    return std::abs(e.mean) * std::sqrt(static_cast<double>(seeds)) >= t * e.deviation;
  };
  index_t too_few = fewest_seeds - 1, sufficient = 1000;
  if (e.mean == 0 || !enough(sufficient)) return std::nullopt;
  while (sufficient - too_few > 1) {
    const index_t middle = too_few + (sufficient - too_few) / 2;
    (enough(middle) ? sufficient : too_few) = middle;
  }
  return sufficient;
}

} // namespace sgq::saliency
