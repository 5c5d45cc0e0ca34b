// sgq/saliency/metrics/holm.hpp -- several tests at once: Holm's correction.
//
//     p sorted, p_1 <= .. <= p_m:    adjusted p_i = max over j <= i of min(1, (m - j + 1) p_j)
//
// Where all adjusted p below alpha are called findings, the probability of even one false finding
// is at most alpha, however the tests depend on each other. Holm, "A simple sequentially rejective
// multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace sgq::saliency {

/// The adjusted p, in the order of the tests. NaN, the p of a test that could not be made, stays
/// NaN and is not one of the m. Throws value_error outside [0, 1].
inline std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (std::isnan(p[i])) continue;
    if (!(p[i] >= 0 && p[i] <= 1))
      throw value_error(describe("Holm's correction", "p in [0, 1]", to_text(p[i])));
    order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.begin(), p.end());
  double largest = 0;
  for (std::size_t j = 0; j < order.size(); ++j) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - j) * p[order[j]]));
    adjusted[order[j]] = largest;
  }
  return adjusted;
}

} // namespace sgq::saliency
