// sgq/saliency/metrics/map_metrics.hpp -- every metric of one map per image, by its name.
//
//     MapMetricInput in{.maps = maps};                // [N,H,W]
//     in.model = &model, in.x = x, in.labels = labels;
//     for (const MapMeasure& m : measure_maps(in)) .. // m.name, m.values [N]
//
// What is measured is what the input has parts for: without a model, neither deletion nor masked
// accuracy; without a grid of pixel codes, no ROAD; without a mask, no localisation. The share of
// blank maps comes first, so that it stands beside every other measure; a blank map counts as a
// uniform one.
//
// To add a metric: a header of its own, and a row here. Programs, tables and tests read the table.
// Metrics of two maps of an image are in similarity.hpp.
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/saliency/metrics/deletion.hpp"
#include "sgq/saliency/metrics/localization.hpp"
#include "sgq/saliency/metrics/masked_accuracy.hpp"
#include "sgq/saliency/metrics/road.hpp"
#include "sgq/saliency/metrics/sensitivity.hpp"
#include "sgq/saliency/metrics/sparseness.hpp"

#include <string>

namespace sgq::saliency {

/// What metrics read. Only the maps must be there. Nothing is copied, so every part must outlive
/// the input: `.maps = to_maps(..)` is right inside a call of measure_maps(), where the temporary
/// lives as long as the call, and wrong in a variable, where it does not.
struct MapMetricInput {
  View<const float> maps; ///< [N,H,W]
  /// How maps rank the positions that are hidden or filled in. Localisation reads signs.
  Values rank_by = Values::magnitude;
  View<const std::uint8_t> mask{};        ///< [N,H,W], 1 at the positions that ought to matter
  std::string mask_name = "evidence";     ///< what the mask marks
  const Classifier* model = nullptr;      ///< with it, the images x:
  View<const float> x{};                  ///< [N,C,H,W]
  std::span<const std::uint8_t> labels{}; ///< the true classes
  QuantParams grid{};                     ///< of the images' pixel codes
  const Explain* explain = nullptr;       ///< makes the maps of the first `disturbed` of x again
  index_t disturbed = 0;
};

struct MapMetric {
  enum class Reads { maps, mask, model, labels, grid, explain }; ///< grid: and labels

  /// Of results and options; of columns; in one line. Where a mask is read, what it marks follows
  /// name and title: "relevance_mass_on_" + "evidence".
  std::string_view name, title, about;
  int better; ///< +1: more is better; -1: less is; 0: neither
  Reads reads;
  Tensor<double> (*measure)(const MapMetricInput& in); ///< [N], or [disturbed]
  /// Of a metric that is the difference of two others: their names. Where both were measured, they
  /// are subtracted instead.
  std::string_view minuend{}, subtrahend{};
};

inline constexpr MapMetric map_metrics[] = {
    {"blank_maps", "blank maps, share", "maps that are exactly 0", 0, MapMetric::Reads::maps,
     [](auto& in) { return blank_maps(in.maps); }},
    {"gini", "Gini", "sparseness: 0 for a constant map", 0, MapMetric::Reads::maps,
     [](auto& in) { return gini(in.maps, Blank::as_uniform); }},
    {"normalized_entropy", "entropy, relative", "spread: 1 for a constant map", 0,
     MapMetric::Reads::maps,
     [](auto& in) { return normalized_entropy(in.maps, Blank::as_uniform); }},
    {"relevance_mass_on_", "mass on ", "the share of the map's sum that lies on the marked pixels",
     +1, MapMetric::Reads::mask,
     [](auto& in) { return relevance_mass(in.maps, in.mask, Blank::as_uniform); }},
    {"relevance_rank_on_", "rank on ", "the share of the mask among the highest positions", +1,
     MapMetric::Reads::mask, [](auto& in) { return relevance_rank(in.maps, in.mask); }},
    {"pointing_at_", "pointing at ", "whether the highest position lies in the mask", +1,
     MapMetric::Reads::mask, [](auto& in) { return pointing_game(in.maps, in.mask); }},
    {"masked_accuracy", "masked accuracy",
     "mean accuracy while the pixels that the map ranks highest are hidden, 0 to 90 %", -1,
     MapMetric::Reads::labels,
     [](auto& in) {
       return masked_accuracy(*in.model, in.x, in.labels, in.maps, {.rank_by = in.rank_by}).area;
     }},
    {"masked_accuracy_of_random_ranking", "masked accuracy, random ranking",
     "the same with random pixels", 0, MapMetric::Reads::labels,
     [](auto& in) { return random_masked_accuracy(*in.model, in.x, in.labels).area; }},
    {"masked_advantage", "masked-accuracy advantage",
     "random ranking minus map: how much more accuracy the map's pixels carry", +1,
     MapMetric::Reads::labels,
     [](auto& in) {
       return masked_advantage(*in.model, in.x, in.labels, in.maps, {.rank_by = in.rank_by});
     },
     "masked_accuracy_of_random_ranking", "masked_accuracy"},
    {"road", "ROAD",
     "accuracy with the lowest-ranked pixels filled in from their neighbours, minus that "
     "with the highest-ranked filled in",
     +1, MapMetric::Reads::grid,
     [](auto& in) {
       return road(*in.model, in.x, in.labels, in.maps, {.grid = in.grid, .rank_by = in.rank_by})
           .score;
     }},
    {"deletion", "deletion",
     "probability of the predicted class while the highest-ranked pixels are hidden", -1,
     MapMetric::Reads::model,
     [](auto& in) { return deletion(*in.model, in.x, in.maps, {.rank_by = in.rank_by}).area; }},
    {"insertion", "insertion",
     "probability of the predicted class while the highest-ranked pixels are put back", +1,
     MapMetric::Reads::model,
     [](auto& in) { return insertion(*in.model, in.x, in.maps, {.rank_by = in.rank_by}).area; }},
    {"max_sensitivity", "max-sensitivity",
     "the largest relative change of a map when its image changes slightly", -1,
     MapMetric::Reads::explain,
     [](auto& in) { return max_sensitivity(*in.explain, in.x.slice(0, in.disturbed)); }},
};

/// True if the input has what the metric reads.
inline bool can_measure(const MapMetric& metric, const MapMetricInput& in) {
  switch (metric.reads) {
  case MapMetric::Reads::maps:
    return true;
  case MapMetric::Reads::mask:
    return !in.mask.empty();
  case MapMetric::Reads::model:
    return in.model != nullptr;
  case MapMetric::Reads::labels:
    return in.model != nullptr && !in.labels.empty();
  case MapMetric::Reads::grid:
    return in.model != nullptr && !in.labels.empty() && in.grid;
  case MapMetric::Reads::explain:
    return in.explain != nullptr;
  }
  return false;
}

/// The metric of a measure "relevance_mass_on_evidence", or null.
inline const MapMetric* find_map_metric(std::string_view measure) {
  for (const MapMetric& m : map_metrics)
    if (m.reads == MapMetric::Reads::mask ? measure.starts_with(m.name) : measure == m.name)
      return &m;
  return nullptr;
}

/// "mass on evidence" for "relevance_mass_on_evidence"; a measure that is of no metric keeps its
/// name.
inline std::string title_of_measure(std::string_view measure) {
  const MapMetric* m = find_map_metric(measure);
  if (!m) return std::string(measure);
  return std::string(m->title) + std::string(measure.substr(m->name.size()));
}

/// One number per image, [N]; NaN where it is not defined.
struct MapMeasure {
  std::string name;
  Tensor<double> values;
};

namespace detail {

/// The measure of that name, or null.
inline const MapMeasure* find_measure(const std::vector<MapMeasure>& all, std::string_view name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const MapMeasure& m) { return m.name == name; });
  return found == all.end() ? nullptr : &*found;
}

/// The metric, from `all` that were measured where it is their difference.
inline Tensor<double> measure_or_subtract(const MapMetric& metric, const MapMetricInput& in,
                                          const std::vector<MapMeasure>& all) {
  const MapMeasure *from = find_measure(all, metric.minuend),
                   *what = find_measure(all, metric.subtrahend);
  if (!from || !what) return metric.measure(in);
  Tensor<double> difference = from->values;
  for (index_t n = 0; n < difference.size(); ++n) difference[n] -= what->values[n];
  return difference;
}

} // namespace detail

/// Every metric that keep(metric) wants and the input can give, in the table's order. Throws
/// value_error where `explain` comes without images to disturb, or without as many in x.
template <class Keep>
std::vector<MapMeasure> measure_maps(const MapMetricInput& in, Keep keep) {
  if (in.explain && in.disturbed < 1)
    throw value_error(describe("measures of maps: disturbed",
                               "1 or more images, which `explain` explains again",
                               to_text(in.disturbed)));
  if (in.explain && in.x.shape()[0] < in.disturbed)
    throw value_error(
        describe("measures of maps: x",
                 "the images that `explain` explains again, " + to_text(in.disturbed) + " or more",
                 to_text(in.x.shape()[0])));
  std::vector<MapMeasure> all;
  for (const MapMetric& metric : map_metrics) {
    if (!can_measure(metric, in) || !keep(metric)) continue;
    std::string name(metric.name);
    if (metric.reads == MapMetric::Reads::mask) name += in.mask_name;
    all.push_back({std::move(name), detail::measure_or_subtract(metric, in, all)});
  }
  return all;
}

inline std::vector<MapMeasure> measure_maps(const MapMetricInput& in) {
  return measure_maps(in, [](const MapMetric&) { return true; });
}

} // namespace sgq::saliency
