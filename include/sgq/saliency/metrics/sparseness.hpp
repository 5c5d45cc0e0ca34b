// sgq/saliency/metrics/sparseness.hpp -- how few positions a map puts its weight on.
//
//     a = |map| sorted ascending, i = 1..d
//     gini     sum_i (2i - d - 1) a_i / (d sum a)      0 (constant) to 1 - 1/d (one position)
//     entropy  H = -sum_i P_i ln P_i, P = |map| / sum |map|      0 (one position) to ln d
//
// Gini: Hurley and Rickard, "Comparing measures of sparsity", IEEE Trans. Inf. Theory 55 (2009).
// The magnitude is taken here. A blank map (blank.hpp) is undefined (NaN), unless it is to count as
// a uniform one.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/saliency/metrics/blank.hpp"

namespace sgq::saliency {

/// maps [N, ...] -> [N], in [0, 1 - 1/d].
inline Tensor<double> gini(View<const float> maps, Blank blank = Blank::left_out) {
  check_maps("gini", maps);
  const index_t d = maps.shape().stride();
  return per_image(maps.shape()[0], [&](index_t n) {
    const float* map = maps.data() + n * d;
    Arena::Scope scope(scratch());
    float* a = scratch().take<float>(d);
    for (index_t i = 0; i < d; ++i) a[i] = std::abs(map[i]);
    std::sort(a, a + d);
    double weighted = 0, sum = 0;
    for (index_t i = 0; i < d; ++i) {
      weighted += static_cast<double>(2 * i + 1 - d) * static_cast<double>(a[i]);
      sum += static_cast<double>(a[i]);
    }
    if (sum == 0) return blank == Blank::as_uniform ? 0.0 : undefined;
    return weighted / (static_cast<double>(d) * sum);
  });
}

/// maps [N, ...] -> [N], in nats, in [0, ln d].
inline Tensor<double> entropy(View<const float> maps, Blank blank = Blank::left_out) {
  check_maps("entropy", maps);
  const index_t d = maps.shape().stride();
  return per_image(maps.shape()[0], [&](index_t n) {
    const float* map = maps.data() + n * d;
    double sum = 0, h = 0;
    for (index_t i = 0; i < d; ++i) sum += static_cast<double>(std::abs(map[i]));
    if (sum == 0) return blank == Blank::as_uniform ? math::log(static_cast<double>(d)) : undefined;
    for (index_t i = 0; i < d; ++i) {
      const double p = static_cast<double>(std::abs(map[i])) / sum;
      if (p > 0) h = std::fma(-p, math::log(p), h); // 0 ln 0 = 0
    }
    return h;
  });
}

/// entropy / ln d: 0 to 1, comparable between image sizes; NaN for maps of one position.
inline Tensor<double> normalized_entropy(View<const float> maps, Blank blank = Blank::left_out) {
  Tensor<double> h = entropy(maps, blank);
  const double full = math::log(static_cast<double>(maps.shape().stride()));
  for (double& v : h) v = full > 0 ? v / full : undefined;
  return h;
}

} // namespace sgq::saliency
