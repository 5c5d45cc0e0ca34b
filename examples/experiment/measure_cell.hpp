// What maps of a trained network are worth: a row of measures.jsonl and its evidence.
//
//     measures   of |dS/dx|, S the logit of the true class, on images spread over the test set; and
//                "smoothgrad.NAME", "integrated-gradients.NAME", "leaky.NAME" of those maps (the
//                latter of w2a2: leaky_clips.hpp)
//     curves     accuracy while pixels are hidden, by the map and by chance
//     gates      where gradients end (blank_causes.hpp)
//     floor      how alike the maps of another network, with random weights, are (fp32)
//     blank_gradients    of how many test images, not only explained ones, |dS/dx| is exactly 0
//
// A measure is added here, and `measures_version` raised: rows of another version are made again,
// from the networks, without training.
#pragma once

#include "blank_causes.hpp"
#include "evidence_file.hpp"
#include "grid.hpp"
#include "leaky_clips.hpp"

#include "../tools/progress.hpp"

#include "sgq/saliency/metrics/similarity.hpp"

namespace examples {

inline constexpr int measures_version = 2;

/// What a row of measures is, before anything is measured.
inline io::Json measuring_of(const Cell& cell, const io::Json& trained, const Measuring& m) {
  return io::Json::object({{"cell", cell.key()},
                           {"numerics", numerics_version},
                           {"measures_version", measures_version},
                           {"network", trained.at("files").at("model.safetensors")},
                           {"explained", m.explained},
                           {"disturbed", m.disturbed}});
}

/// The first image of each class, of ten classes at most.
inline std::vector<index_t> one_of_each(const std::vector<std::uint8_t>& labels,
                                        std::size_t classes) {
  std::vector<index_t> chosen;
  for (std::size_t c = 0; c < classes && chosen.size() < 10; ++c)
    if (const auto at = std::find(labels.begin(), labels.end(), c); at != labels.end())
      chosen.push_back(at - labels.begin());
  return chosen;
}

namespace detail {

inline std::vector<float> rounded(View<const double> values) {
  std::vector<float> numbers;
  for (const double v : values) numbers.push_back(static_cast<float>(v));
  return numbers;
}

/// Masked accuracy by the map, by chance, and the difference; the curves go to the row.
inline void measure_masked(Subject& s, const ToMeasure& what, const std::string& prefix,
                           Evidence& evidence, io::Json& row) {
  saliency::NetFunction f(s.model.net);
  const saliency::Classifier model(f, s.model.net.classes(),
                                   {.background = background_of(s.images, s.model)});
  const saliency::MaskedAccuracyOptions options{.rank_by = what.rank_by};
  const auto by_map = saliency::masked_accuracy(model, s.x, s.images.labels, what.maps, options);
  const auto by_chance = saliency::random_masked_accuracy(model, s.x, s.images.labels, options);
  const auto curve = [](const saliency::MaskedAccuracy& m) {
    const auto points = m.curve();
    return std::vector<double>(points.begin(), points.end());
  };
  row["curves"][prefix + "masked_accuracy"] = curve(by_map);
  if (prefix.empty()) row["curves"]["masked_accuracy_of_random_ranking"] = curve(by_chance);
  Tensor<double> advantage = by_chance.area;
  for (index_t n = 0; n < advantage.size(); ++n) advantage[n] -= by_map.area[n];
  evidence.numbers[prefix + "masked_accuracy"] = rounded(by_map.area);
  evidence.numbers[prefix + "masked_advantage"] = rounded(advantage);
  if (prefix.empty())
    evidence.numbers["masked_accuracy_of_random_ranking"] = rounded(by_chance.area);
}

/// All measures of one kind of map; of rivals those that decide.
inline void measure_maps_of(Subject& s, const ToMeasure& what, const std::string& prefix,
                            const std::string& dataset, Evidence& evidence, io::Json& row) {
  const std::string_view second = second_measure_of(dataset);
  measure_masked(s, what, prefix, evidence, row);
  const auto measures = measure_subject(s, what, [&](const saliency::MapMetric& m) {
    if (m.name.starts_with("masked_")) return false; // measured above, with their curves
    return prefix.empty() || m.name == "blank_maps" || second.starts_with(m.name);
  });
  for (const saliency::MapMeasure& m : measures)
    evidence.numbers[prefix + m.name] = rounded(m.values);
}

/// How alike the maps of an untrained network are: other random weights than it began with.
inline void measure_floor(Subject& s, View<const float> maps, std::uint64_t seed,
                          Evidence& evidence) {
  nn::Net<float> random = untrained(s.model.net, seed, s.x);
  saliency::Explainer explain(random);
  const Tensor<float> of_random = saliency::to_maps(
      saliency::gradient(explain, s.x, s.images.labels), saliency::Values::magnitude);
  const auto alike = saliency::similarity(of_random, maps, saliency::Values::magnitude);
  for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
    evidence.numbers["floor." + std::string(m.name)] = rounded(alike.*m.values);
}

/// A measure's mean over images, with blank maps and without: {"mean", "count", "blank", ..}.
inline io::Json summary(const std::vector<float>& numbers, const std::vector<float>& blank) {
  double sum = 0, rest = 0, count = 0, rest_count = 0, blanks = 0;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    const bool is_blank = blank[n] != 0;
    blanks += is_blank;
    if (std::isnan(numbers[n])) continue;
    sum += static_cast<double>(numbers[n]), ++count;
    if (!is_blank) rest += static_cast<double>(numbers[n]), ++rest_count;
  }
  return io::Json::object({{"mean", sum / count},
                           {"count", static_cast<index_t>(count)},
                           {"blank", static_cast<index_t>(blanks)},
                           {"mean_without_blank", rest / rest_count}});
}

/// The summaries; each prefix has blank maps of its own.
inline io::Json summaries(const Evidence& evidence) {
  io::Json measures = io::Json::object({});
  for (const auto& [name, numbers] : evidence.numbers) {
    const std::size_t dot = name.find('.');
    const auto own = evidence.numbers.find((dot == name.npos ? "" : name.substr(0, dot + 1)) +
                                           std::string("blank_maps"));
    const auto& blank =
        own == evidence.numbers.end() ? evidence.numbers.at("blank_maps") : own->second;
    measures[name] = summary(numbers, blank);
  }
  return measures;
}

/// Keeps the maps of some images, for pictures; `explained`: their place in the test set.
inline void keep_maps(View<const float> maps, const std::vector<index_t>& images,
                      const std::vector<index_t>& explained, Evidence& evidence) {
  const index_t d = maps.shape().stride();
  evidence.maps.resize(maps.shape().with_batch(static_cast<index_t>(images.size())));
  float* out = evidence.maps.data();
  for (const index_t n : images) {
    out = std::copy_n(maps.data() + n * d, d, out);
    evidence.images.push_back(static_cast<std::int32_t>(explained[static_cast<std::size_t>(n)]));
  }
}

} // namespace detail

/// Measures a network; writes its evidence below `out` and returns the row. `trained` is its row
/// of results.jsonl.
inline io::Json measure_cell(const Cell& cell, const io::Json& trained, nn::Model<float> model,
                             const data::Dataset& test, const Measuring& measuring,
                             const std::string& out) {
  const Stopwatch watch;
  const std::string& set = cell.options.dataset;
  const auto explained = spread(test.size(), measuring.explained, measuring.disturbed);
  Subject s(std::move(model), data::subset(test, explained));
  io::Json row = measuring_of(cell, trained, measuring);
  for (const char* name : {"dataset", "net", "bits", "training", "variant", "seed"})
    row[name] = trained.at(name);
  Evidence evidence;
  double zeros = 0;
  const Tensor<float> maps = gradient_maps(s, &zeros);
  row["zero_share_of_gradients"] = zeros;
  detail::measure_maps_of(s, {.maps = maps, .disturbed = measuring.disturbed}, "", set, evidence,
                          row);
  for (const char* name : {"smoothgrad", "integrated-gradients"}) {
    const saliency::MapMethod& method = sgq::choose("map", saliency::map_methods, name);
    const Tensor<float> rival = maps_of(s, method);
    detail::measure_maps_of(s, {.maps = rival, .rank_by = method.values}, name + std::string("."),
                            set, evidence, row);
  }
  if (cell.options.bits == "fp32")
    detail::measure_floor(s, maps, 1000 + cell.options.seed, evidence);
  detail::keep_maps(maps, one_of_each(s.images.labels, s.images.class_names.size()), explained,
                    evidence);
  evidence.blank_gradients = blank_gradients(s.model, test);
  row["blank_gradients"] =
      std::accumulate(evidence.blank_gradients.begin(), evidence.blank_gradients.end(), index_t{0});
  row["gates"] = to_json(measure_gates(s));
  if (cell.options.bits == main_bits[2]) {
    make_leaky(s.model.net); // last of all: gradients are others from here on
    detail::measure_maps_of(s, {.maps = gradient_maps(s)}, "leaky.", set, evidence, row);
  }
  row["measures"] = detail::summaries(evidence);
  row["files"]["evidence"] = write_evidence(evidence_path(out, cell.key()), evidence);
  row["run"]["measuring_seconds"] = watch.seconds();
  return row;
}

} // namespace examples
