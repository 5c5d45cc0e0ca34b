// sgq/saliency/metrics/ssim.hpp -- structural similarity of two planes of numbers.
//
//                              (2 m_a m_b + C1) (2 s_ab + C2)
//     SSIM = mean over windows  ------------------------------------------
//                              (m_a^2 + m_b^2 + C1) (s_a^2 + s_b^2 + C2)
//
// m, s^2, s_ab: mean, variance and covariance under a Gaussian window of 7 x 7 and sigma 1.5 whose
// weights sum to 1 (biased: no n / (n - 1)); only windows that lie fully inside count.
// C1 = (0.01 L)^2, C2 = (0.03 L)^2, L the range of the numbers: 1 for [0, 1], 2 for [-1, 1].
// Signed maps: where m_a and m_b differ in sign as well as s_ab, both factors are negative and
// their product is positive, so a map and its negative can have a high SSIM. Read it with
// Pearson's. Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE Trans. Image
// Processing 13 (2004); they use 11 x 11, too large for maps of 28 x 28.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/core/shape.hpp"

#include <array>
#include <cmath>

namespace sgq::saliency {

inline constexpr index_t ssim_window = 7;

namespace detail {

using SsimWeights = std::array<double, ssim_window * ssim_window>;

inline SsimWeights ssim_weights() {
  constexpr double sigma = 1.5;
  constexpr index_t half = ssim_window / 2;
  SsimWeights weights{};
  double sum = 0;
  std::size_t k = 0;
  for (index_t y = -half; y <= half; ++y)
    for (index_t x = -half; x <= half; ++x)
      sum += weights[k++] = math::exp(-static_cast<double>(y * y + x * x) / (2 * sigma * sigma));
  for (double& w : weights) w /= sum;
  return weights;
}

// The window whose upper left corner a and b point at, in planes of that width.
inline double ssim_at(const double* a, const double* b, index_t width, const SsimWeights& weights,
                      double c1, double c2) {
  const auto mean_of = [&](const auto& value) { // the weighted mean of value(offset)
    double sum = 0;
    std::size_t k = 0;
    for (index_t y = 0; y < ssim_window; ++y)
      for (index_t x = 0; x < ssim_window; ++x) sum += weights[k++] * value(y * width + x);
    return sum;
  };
  const double ma = mean_of([&](index_t i) { return a[i]; });
  const double mb = mean_of([&](index_t i) { return b[i]; });
  const double va = mean_of([&](index_t i) { return (a[i] - ma) * (a[i] - ma); });
  const double vb = mean_of([&](index_t i) { return (b[i] - mb) * (b[i] - mb); });
  const double cov = mean_of([&](index_t i) { return (a[i] - ma) * (b[i] - mb); });
  return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

} // namespace detail

/// a, b [H,W], at least 7 x 7, within `range`; they are compared as they are.
inline double structural_similarity(const double* a, const double* b, index_t height, index_t width,
                                    double range) {
  const detail::SsimWeights weights = detail::ssim_weights();
  const double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range;
  const index_t rows = height - ssim_window + 1, columns = width - ssim_window + 1;
  double sum = 0;
  for (index_t y = 0; y < rows; ++y)
    for (index_t x = 0; x < columns; ++x)
      sum += detail::ssim_at(a + y * width + x, b + y * width + x, width, weights, c1, c2);
  return sum / static_cast<double>(rows * columns);
}

} // namespace sgq::saliency
