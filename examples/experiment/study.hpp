// The rows and evidence of one set, as numbers that can be compared.
//
//     Study study = ..;                                                // load_study.hpp
//     Paired p = paired(study, {"w4a4", how::guided}, {"fp32", how::guided}, "masked_advantage");
//     saliency::t_difference(p.a, p.b);                                // [seeds, images] each
#pragma once

#include "cell.hpp"
#include "evidence_file.hpp"

#include "../tools/numbers.hpp"

#include "sgq/saliency/metrics/effect_size.hpp"

#include <set>

namespace examples {

/// A network with its numbers; among them, of all test images, "accuracy", 1 where the prediction
/// is right, and "blank_gradients", 1 where |dS/dx| is exactly 0.
struct Network {
  std::string bits{}, training{}, variant{};
  std::uint64_t seed = 1;
  Evidence evidence{};
  const io::Json *row = nullptr, *measured = nullptr; ///< of results.jsonl and measures.jsonl
};

/// The networks of one kind, and which of their maps is meant.
struct Arm {
  std::string bits{}, training{};
  std::string map = "";  ///< "" for the gradient, "smoothgrad.", "integrated-gradients."
  std::string variant{}; ///< empty in the grid
};

struct Study {
  std::string dataset{};
  std::vector<Network> networks{};
  std::vector<io::Json> drift{}; ///< rows of drift.jsonl

  const Network* find(const Arm& arm, std::uint64_t seed) const {
    for (const Network& n : networks)
      if (n.variant == arm.variant && n.bits == arm.bits && n.training == arm.training &&
          n.seed == seed)
        return &n;
    return nullptr;
  }
  /// In ascending order.
  std::vector<std::uint64_t> seeds_of(const Arm& arm) const {
    std::vector<std::uint64_t> seeds;
    for (const Network& n : networks)
      if (find(arm, n.seed) == &n) seeds.push_back(n.seed);
    std::sort(seeds.begin(), seeds.end());
    return seeds;
  }
};

/// How many of these cells have no network in the study.
inline std::size_t count_missing(const Study& study, const std::vector<Cell>& cells) {
  std::set<std::string> there;
  for (const Network& n : study.networks) there.insert(key_of(*n.row));
  std::size_t missing = 0;
  for (const Cell& cell : cells) missing += there.count(cell.key()) == 0;
  return missing;
}

/// True if no map of any network, by whichever method, is 0 everywhere.
inline bool none_is_blank(const Study& study) {
  for (const Network& n : study.networks)
    for (const auto& [name, numbers] : n.evidence.numbers)
      if (name.ends_with("blank_maps") || name == "blank_gradients")
        for (const float blank : numbers)
          if (blank != 0) return false;
  return true;
}

/// A measure of one arm, [seeds, images]; no seeds where it was not measured.
inline Tensor<double> values_of(const Study& study, const Arm& arm, const std::string& measure,
                                const std::vector<std::uint64_t>& seeds) {
  const std::string name = measure == "accuracy" ? measure : arm.map + measure;
  Tensor<double> all({0, 0});
  for (std::size_t s = 0; s < seeds.size(); ++s) {
    const auto& numbers = study.find(arm, seeds[s])->evidence.numbers;
    const auto found = numbers.find(name);
    if (found == numbers.end()) return Tensor<double>({0, 0});
    const auto images = static_cast<index_t>(found->second.size());
    if (s == 0) all = Tensor<double>({static_cast<index_t>(seeds.size()), images});
    if (all.shape()[1] != images)
      throw sgq::io_error(sgq::describe(
          "evidence, " + name, sgq::to_text(all.shape()[1]) + " images", sgq::to_text(images)));
    std::copy(found->second.begin(), found->second.end(),
              all.data() + static_cast<index_t>(s) * images);
  }
  return all;
}

/// The same of all the arm's seeds.
inline Tensor<double> values_of(const Study& study, const Arm& arm, const std::string& measure) {
  return values_of(study, arm, measure, study.seeds_of(arm));
}

/// A measure of two arms over the seeds that both have.
struct Paired {
  Tensor<double> a, b; ///< [seeds, images]
  std::vector<std::uint64_t> seeds{};

  bool empty() const { return a.empty() || b.empty(); }
};

inline Paired paired(const Study& study, const Arm& a, const Arm& b, const std::string& measure) {
  const auto of_a = study.seeds_of(a), of_b = study.seeds_of(b);
  std::vector<std::uint64_t> seeds;
  std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                        std::back_inserter(seeds));
  return {values_of(study, a, measure, seeds), values_of(study, b, measure, seeds), seeds};
}

/// A mean over seeds, with the interval of Student's t.
struct Level {
  saliency::SeedEstimate seeds{};
  std::vector<double> by_seed{};
};

/// A measure of an arm; nothing where it was not measured.
inline std::optional<Level> level(const Study& study, const Arm& arm, const std::string& measure) {
  const Tensor<double> values = values_of(study, arm, measure);
  if (values.empty()) return std::nullopt;
  const Tensor<double> means = saliency::detail::seed_means(values);
  return Level{saliency::t_mean(values), {means.begin(), means.end()}};
}

/// A difference of two arms.
struct Difference : SeedDifference {
  double effect =
      saliency::undefined; ///< over the standard deviation between seeds; NaN below 3 of them
  std::vector<double> by_seed{};
};

/// a - b; nothing where they have no seed in common.
inline std::optional<Difference> difference(const Paired& p) {
  if (p.empty()) return std::nullopt;
  Difference d{difference_of(p.a, p.b), saliency::effect_size(p.a, p.b)};
  const Tensor<double> means = saliency::detail::seed_means(saliency::paired_difference(p.a, p.b));
  d.by_seed.assign(means.begin(), means.end());
  return d;
}

} // namespace examples
