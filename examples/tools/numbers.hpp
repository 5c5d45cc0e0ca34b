// Means with their intervals, as JSON and as text.
#pragma once

#include "sgq/io/json.hpp"
#include "sgq/saliency/metrics/blank.hpp"
#include "sgq/saliency/metrics/map_metrics.hpp"
#include "sgq/saliency/metrics/t_interval.hpp"

#include <cstdio>

namespace examples {

namespace io = sgq::io;
namespace saliency = sgq::saliency;
using sgq::describe;
using sgq::index_t;
using sgq::Shape;
using sgq::Tensor;
using sgq::View;

inline io::Json to_json(const saliency::Estimate& e) {
  return io::Json::object({{"mean", e.mean},
                           {"low", e.low},
                           {"high", e.high},
                           {"count", e.count},
                           {"excluded", e.excluded}});
}

/// "0.61 [0.58, 0.64]"; "0.61" of fewer than five numbers, whose bootstrap says little; "-" where
/// nothing was defined.
inline std::string text_of(const saliency::Estimate& e) {
  if (e.count == 0) return "-";
  char text[64];
  if (e.count < 5)
    std::snprintf(text, sizeof text, "%.3f", e.mean);
  else
    std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", e.mean, e.low, e.high);
  return text;
}

/// a - b of two groups of networks, paired by seed and image.
struct SeedDifference {
  saliency::SeedEstimate seeds{}; ///< of other seeds: decides, from three seeds on
  saliency::Estimate images{};    ///< of other images, the networks as they are
};

/// a, b [S,N].
inline SeedDifference difference_of(View<const double> a, View<const double> b) {
  const Tensor<double> rows = saliency::paired_difference(a, b);
  const index_t seeds = rows.shape()[0], images = rows.shape()[1];
  Tensor<double> by_image({images});
  for (index_t n = 0; n < images; ++n) {
    double sum = 0, count = 0;
    for (index_t s = 0; s < seeds; ++s)
      if (const double v = rows[s * images + n]; !std::isnan(v)) sum += v, ++count;
    by_image[n] = sum / count; // NaN where there is none
  }
  return {saliency::t_mean(rows), saliency::bootstrap_mean(by_image)};
}

inline io::Json to_json(const SeedDifference& d) {
  return io::Json::object({{"mean", d.seeds.mean},
                           {"low", d.seeds.low},
                           {"high", d.seeds.high},
                           {"p", d.seeds.p},
                           {"seeds", d.seeds.seeds},
                           {"over_images", to_json(d.images)}});
}

/// "-0.034 [-0.051, -0.017], other images [-0.040, -0.028]"; without the first brackets where
/// there are fewer than three seeds.
inline std::string text_of(const SeedDifference& d) {
  if (d.seeds.seeds == 0) return "-";
  char text[120], images[60] = "";
  if (!std::isnan(d.images.low))
    std::snprintf(images, sizeof images, ", other images [%.3f, %.3f]", d.images.low,
                  d.images.high);
  if (std::isnan(d.seeds.low))
    std::snprintf(text, sizeof text, "%.3f%s", d.seeds.mean, images);
  else
    std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]%s", d.seeds.mean, d.seeds.low, d.seeds.high,
                  images);
  return text;
}

/// A measure's mean with blank maps and without: {.., "blank": 3, "without_blank": {..}}. `blank`
/// are the blank_maps of the same images, or of more of them.
inline io::Json to_json(const saliency::MapMeasure& m, View<const double> blank) {
  const auto both = saliency::map_estimate(m.values, blank.slice(0, m.values.size()));
  io::Json json = to_json(both.with);
  json["blank"] = both.blank;
  json["without_blank"] = to_json(both.without);
  return json;
}

/// NAME -> the mean of each of measures, the first of them being blank_maps.
inline io::Json to_json(const std::vector<saliency::MapMeasure>& measures) {
  io::Json json = io::Json::object({});
  for (const saliency::MapMeasure& m : measures) json[m.name] = to_json(m, measures.at(0).values);
  return json;
}

} // namespace examples
