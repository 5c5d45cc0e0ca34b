// sgq/saliency/metrics/per_image.hpp -- what every metric shares: one number per image, in order.
//
//     maps [N, ...]  one map of d numbers per image, usually [N,H,W]  ->  Tensor<double> [N]
//
// A metric that is not defined for an image (a constant map, an empty mask) is NaN there; the means
// of statistics.hpp leave NaN out and count it. A map that holds NaN or infinity is an error, never
// a silent NaN. Sums run in double, in index order.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/ops/finite.hpp"

#include <cmath>
#include <limits>
#include <string_view>

namespace sgq::saliency {

inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// Throws value_error at the first number that is not finite.
inline void check_finite(std::string_view what, View<const float> x) {
  const index_t at = ops::find_nonfinite(x);
  if (at >= 0)
    throw value_error(describe(what, "finite numbers",
                               to_text(x[at]) + " at position " + to_text(at % x.shape().stride()) +
                                   " of image " + to_text(at / x.shape().stride())));
}

/// Throws unless these are maps: a batch of at least one number each, all finite.
inline void check_maps(std::string_view what, View<const float> maps) {
  const Shape& s = maps.shape();
  if (s.rank() < 2 || (s[0] > 0 && s.stride() == 0))
    throw shape_error(describe(what, "maps [N, H, W]", s.str()));
  check_finite(what, maps);
}

/// Throws unless both are maps and have the same shape.
inline void check_map_pair(std::string_view what, View<const float> a, View<const float> b) {
  check_shape(what, a.shape(), b.shape(), "the maps to compare must have the same shape");
  check_maps(what, a);
  check_maps(what, b);
}

/// f(image) for every image, in parallel.
template <class F>
Tensor<double> per_image(index_t images, F f) {
  Tensor<double> values({images});
  parallel_for(images, [&](index_t n) { values[n] = f(n); });
  return values;
}

} // namespace sgq::saliency
