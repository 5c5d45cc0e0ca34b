// sgq/saliency/metrics/blank.hpp -- maps that are exactly 0, and measures with them and without.
//
// A blank map is a result. In guided networks of few bits up to a tenth of the images have one,
// most of them classified correctly. Leaving blank maps out hides them; counting them in mixes two
// effects. So every measure is stated both ways, with their number.
//
// Counted in, a blank map scores what a map without preference would. Rankings are random
// (ranking.hpp). Relevance rank and the pointing game give |s| / (H W), the share of the mask.
// Relevance mass, Gini and entropy are undefined (NaN) by default; with Blank::as_uniform they are
// |s| / (H W), 0 and ln d. Similarities and max-sensitivity are always undefined.
#pragma once

#include "sgq/saliency/metrics/per_image.hpp"
#include "sgq/saliency/metrics/statistics.hpp"

#include <algorithm>

namespace sgq::saliency {

/// What a measure that divides by the map's sum says of a blank map.
enum class Blank { left_out, as_uniform };

/// True if all d numbers of a map are exactly 0.
inline bool is_blank(const float* map, index_t d) {
  return std::all_of(map, map + d, [](float v) { return v == 0; });
}

/// maps [N, ...] -> [N]: 1 where the map is blank, else 0. Its mean is the share of blank maps.
inline Tensor<double> blank_maps(View<const float> maps) {
  check_maps("blank maps", maps);
  const index_t d = maps.shape().stride();
  return per_image(maps.shape()[0],
                   [&](index_t n) { return is_blank(maps.data() + n * d, d) ? 1.0 : 0.0; });
}

/// The values of a measure with NaN, which means leave out, wherever the map is blank. Both [N] or
/// [S,N]; throws shape_error unless the shapes are the same.
inline Tensor<double> without_blank(View<const double> values, View<const double> blank) {
  check_shape("measure without blank maps", values.shape(), blank.shape());
  Tensor<double> rest(values.shape());
  for (index_t i = 0; i < rest.size(); ++i) rest[i] = blank[i] != 0 ? undefined : values[i];
  return rest;
}

/// The mean of a measure over all images, and over those whose map is not blank.
struct MapEstimate {
  Estimate with, without;
  index_t blank; ///< how many maps are blank
};

/// `values` of a measure and the blank_maps() they were taken of, both [N] or [S,N]. Throws as
/// bootstrap_mean and without_blank do.
inline MapEstimate map_estimate(View<const double> values, View<const double> blank,
                                const BootstrapOptions& options = {}) {
  const Tensor<double> rest = without_blank(values, blank);
  return {bootstrap_mean(values, options), bootstrap_mean(rest, options),
          static_cast<index_t>(
              std::count_if(blank.begin(), blank.end(), [](double b) { return b != 0; }))};
}

} // namespace sgq::saliency
