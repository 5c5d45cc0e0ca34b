// Means with their intervals, as JSON and as text.
#pragma once

#include "sgq/io/json.hpp"
#include "sgq/saliency/metrics/blank.hpp"
#include "sgq/saliency/metrics/map_metrics.hpp"

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

/// "0.61 [0.58, 0.64]"; "-" where nothing was defined.
inline std::string text_of(const saliency::Estimate& e) {
  if (e.count == 0) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.3f [%.3f, %.3f]", e.mean, e.low, e.high);
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
