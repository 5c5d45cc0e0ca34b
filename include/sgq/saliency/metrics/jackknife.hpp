// sgq/saliency/metrics/jackknife.hpp -- do quantised networks look elsewhere? With an interval.
//
//     D = mean over i != j of  s(q_i, f_j) - s(f_i, f_j)        i, j = 0 .. S-1, seeds
//
// s is the similarity of the maps of two networks, q_i the quantised network of seed i, f_j the
// fp32 one of seed j. D < 0: a quantised network's maps differ from those of fp32 networks more
// than these differ among each other. Both terms compare two seeds, so that a shared
// initialisation does not look like agreement.
//
// Every seed is in 2 (S - 1) terms, so the terms are not S independent numbers. The jackknife
// leaves seed k out in both roles and turns D into one number per seed,
//
//     pseudo-value_k = S D - (S - 1) D_without_k        their mean is D
//
// which Student's t, S - 1 degrees of freedom, treats as independent (Tukey 1958; of U-statistics:
// Arvesen, Annals of Mathematical Statistics 40, 1969).
#pragma once

#include "sgq/saliency/metrics/t_interval.hpp"

namespace sgq::saliency {

namespace detail {

/// The mean of a - b over i != j, both not `without` (-1: none).
inline double mean_of_pairs(View<const double> a, View<const double> b, index_t without) {
  const index_t seeds = a.shape()[0];
  double sum = 0, count = 0;
  for (index_t i = 0; i < seeds; ++i)
    for (index_t j = 0; j < seeds; ++j)
      if (i != j && i != without && j != without) sum += a(i, j) - b(i, j), ++count;
  return sum / count;
}

} // namespace detail

/// D with its interval, p of D = 0, and the deviation of the pseudo-values. quantised(i, j) is
/// s(q_i, f_j), reference(i, j) is s(f_i, f_j), both [S,S]; the diagonals are not read. Below 3
/// seeds interval, p and deviation are NaN. Throws shape_error unless both are square and alike,
/// value_error where a pair of seeds has no finite similarity, or as t_mean.
inline SeedEstimate drift_jackknife(View<const double> quantised, View<const double> reference,
                                    double confidence = 0.95) {
  detail::check_confidence(confidence);
  check_shape("drift", quantised.shape(), reference.shape());
  const Shape& shape = quantised.shape();
  if (shape.rank() != 2 || shape[0] != shape[1])
    throw shape_error(describe("drift", "similarities [S, S]", shape.str()));
  const index_t seeds = shape[0];
  for (index_t i = 0; i < seeds; ++i)
    for (index_t j = 0; j < seeds; ++j)
      if (i != j && !std::isfinite(quantised(i, j) - reference(i, j)))
        throw value_error(describe("drift", "a similarity of every two seeds",
                                   "none of " + to_text(i) + " and " + to_text(j)));
  const double whole = detail::mean_of_pairs(quantised, reference, -1);
  if (seeds < fewest_seeds) return {whole, undefined, undefined, undefined, undefined, seeds, 0};
  Tensor<double> pseudo({seeds});
  for (index_t k = 0; k < seeds; ++k) {
    const double rest = detail::mean_of_pairs(quantised, reference, k);
    pseudo[k] = std::fma(static_cast<double>(seeds - 1), whole - rest, whole);
  }
  return t_mean(pseudo, confidence);
}

} // namespace sgq::saliency
