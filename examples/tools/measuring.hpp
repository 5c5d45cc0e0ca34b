// How good maps are, by name: numbers for every image, so that networks can be compared in pairs.
#pragma once

#include "explaining.hpp"

#include "sgq/saliency/metrics/deletion.hpp"
#include "sgq/saliency/metrics/localization.hpp"
#include "sgq/saliency/metrics/masked_accuracy.hpp"
#include "sgq/saliency/metrics/sparseness.hpp"

namespace examples {

/// One number an image, [N]; NaN where it is not defined.
struct MapMeasure {
  std::string name;
  Tensor<double> values;
};

/// The pixels that ought to matter: [N,H,W], empty where nobody knows.
struct Evidence {
  std::string kind{}; ///< "evidence" where it is known, "ink" on sets drawn on black
  Tensor<std::uint8_t> masks{};
};

inline Evidence evidence_of(const Images& images) {
  const Shape planes{images.size(), images.shape()[2], images.shape()[3]};
  Evidence found;
  if (!images.evidence.empty()) {
    found.kind = "evidence";
    found.masks = Tensor<std::uint8_t>(planes);
    std::copy(images.evidence.begin(), images.evidence.end(), found.masks.begin());
  } else if (images.set == "mnist" || images.set == "fashion-mnist") {
    found.kind = "ink";
    found.masks = saliency::bright_mask(images.codes);
  }
  return found;
}

/// Which maps [N,H,W] are blank, first, so that their share stands beside every measure; then what
/// maps look like by themselves: sparseness, and where they point. Blank ones count as uniform.
inline std::vector<MapMeasure> measure_shape(View<const float> maps, const Evidence& evidence) {
  std::vector<MapMeasure> all;
  constexpr auto uniform = saliency::Blank::as_uniform;
  all.push_back({"blank_maps", saliency::blank_maps(maps)});
  all.push_back({"gini", saliency::gini(maps, uniform)});
  all.push_back({"normalized_entropy", saliency::normalized_entropy(maps, uniform)});
  if (evidence.masks.empty()) return all;
  const View<const std::uint8_t> masks = evidence.masks.view().reshape(maps.shape());
  all.push_back(
      {"relevance_mass_on_" + evidence.kind, saliency::relevance_mass(maps, masks, uniform)});
  all.push_back({"relevance_rank_on_" + evidence.kind, saliency::relevance_rank(maps, masks)});
  all.push_back({"pointing_at_" + evidence.kind, saliency::pointing_game(maps, masks)});
  return all;
}

/// A measure's mean with blank maps and without: {.., "blank": 3, "without_blank": {..}}. `blank`
/// are the blank_maps of the same images, or of more of them.
inline io::Json to_json(const MapMeasure& m, View<const double> blank) {
  const auto both = saliency::map_estimate(m.values, blank.slice(0, m.values.size()));
  io::Json json = to_json(both.with);
  json["blank"] = both.blank;
  json["without_blank"] = to_json(both.without);
  return json;
}

/// NAME -> the mean of each of measures, the first of them being blank_maps.
inline io::Json to_json(const std::vector<MapMeasure>& measures) {
  io::Json json = io::Json::object({});
  for (const MapMeasure& m : measures) json[m.name] = to_json(m, measures.at(0).values);
  return json;
}

/// Accuracy on x while the positions that maps [N,H,W] rank highest are replaced by the model's
/// background; a random ranking beside it.
inline std::vector<MapMeasure> measure_masked_accuracy(const saliency::Classifier& model,
                                                       View<const float> x,
                                                       std::span<const std::uint8_t> labels,
                                                       View<const float> maps,
                                                       saliency::Values rank_by) {
  auto masked = saliency::masked_accuracy(model, x, labels, maps, {.rank_by = rank_by});
  std::vector<MapMeasure> both;
  both.push_back({"masked_accuracy", std::move(masked.map.area)});
  both.push_back({"masked_accuracy_of_random_ranking", std::move(masked.random.area)});
  return both;
}

/// Masked accuracy, unless `labels` are empty, and the probability of the prediction on the way to
/// the background and back.
inline std::vector<MapMeasure> measure_faithfulness(const saliency::Classifier& model,
                                                    View<const float> x,
                                                    std::span<const std::uint8_t> labels,
                                                    View<const float> maps,
                                                    saliency::Values rank_by) {
  std::vector<MapMeasure> all;
  if (!labels.empty()) all = measure_masked_accuracy(model, x, labels, maps, rank_by);
  const saliency::DeletionOptions how{.rank_by = rank_by};
  all.push_back({"deletion", saliency::deletion(model, x, maps, how).area});
  all.push_back({"insertion", saliency::insertion(model, x, maps, how).area});
  return all;
}

} // namespace examples
