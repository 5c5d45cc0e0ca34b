// The numbers behind the rows: what was measured of every image through every network, so that
// conditions can be compared in pairs.
//
//     Study study = load_study(out, rows, drawn_images);      // evidence.hpp
//     Contrast c = contrast(study, "mnist", "masked_accuracy", {{"w4a4", "w2a2"}, true},
//                           {{"fp32"}, false});
#pragma once

#include "results.hpp"

#include "sgq/core/tensor.hpp"
#include "sgq/saliency/metrics/statistics.hpp"

#include <map>
#include <optional>

namespace examples {

using sgq::index_t;
using sgq::Tensor;
using sgq::saliency::Estimate;

/// Maps of some images as they are drawn: |gradient| on a scale from 0 to 255, each on its own.
struct DrawnMaps {
  std::vector<std::int32_t> images{};
  Tensor<std::uint8_t> levels{}; ///< [images, H, W]
};

/// A cell's conditions, its numbers, NAME -> one an image, and what is drawn of it.
struct CellNumbers {
  std::string dataset{}, bits{};
  bool guided = false;
  std::uint64_t seed = 1;
  std::string variant{};
  std::map<std::string, std::vector<double>> values{};
  DrawnMaps maps{};                ///< of an image of each class
  DrawnMaps moved{}, moved_from{}; ///< of those that moved most from fp32, and the fp32 ones
  Tensor<float> clips{};           ///< [points, 1 + layers]: training step, alphas
  io::Json* row = nullptr;
};

/// How networks were made: the policies (several are averaged), and whether guided.
struct Condition {
  std::vector<std::string> bits{};
  bool guided = false;
};

struct Study {
  std::vector<CellNumbers> cells{};

  /// The cell of the grid, or null.
  const CellNumbers* find(const std::string& dataset, const std::string& bits, bool guided,
                          std::uint64_t seed) const {
    for (const CellNumbers& c : cells)
      if (c.variant.empty() && c.dataset == dataset && c.bits == bits && c.guided == guided &&
          c.seed == seed)
        return &c;
    return nullptr;
  }

  /// In ascending order.
  std::vector<std::uint64_t> seeds_of(const std::string& dataset, const Condition& how) const {
    std::vector<std::uint64_t> seeds;
    for (const CellNumbers& c : cells) {
      if (c.dataset != dataset || !c.variant.empty()) continue;
      bool everywhere = std::find(seeds.begin(), seeds.end(), c.seed) == seeds.end();
      for (const std::string& bits : how.bits)
        everywhere = everywhere && find(dataset, bits, how.guided, c.seed);
      if (everywhere) seeds.push_back(c.seed);
    }
    std::sort(seeds.begin(), seeds.end());
    return seeds;
  }
};

namespace detail {

/// A measure under a condition, the mean over its policies: [seeds, images].
inline std::optional<Tensor<double>> values_of(const Study& study, const std::string& dataset,
                                               const std::string& measure, const Condition& how,
                                               const std::vector<std::uint64_t>& seeds) {
  // Every condition here has a cell for each of the seeds.
  Tensor<double> all;
  for (std::size_t s = 0; s < seeds.size(); ++s)
    for (const std::string& bits : how.bits) {
      const CellNumbers& cell = *study.find(dataset, bits, how.guided, seeds[s]);
      const auto found = cell.values.find(measure);
      if (found == cell.values.end()) return std::nullopt;
      const auto images = static_cast<index_t>(found->second.size());
      if (all.empty()) all = Tensor<double>({static_cast<index_t>(seeds.size()), images});
      if (all.shape()[1] != images) return std::nullopt;
      double* row = all.data() + static_cast<index_t>(s) * images;
      for (index_t n = 0; n < images; ++n)
        row[n] += found->second[static_cast<std::size_t>(n)] / static_cast<double>(how.bits.size());
    }
  if (all.empty()) return std::nullopt;
  return all;
}

} // namespace detail

/// A mean, or a difference of means, and what is behind it.
struct Contrast {
  Estimate estimate{};
  index_t seeds = 0, images = 0;
  std::vector<double> by_seed{}; ///< the same for each seed alone
};

namespace detail {

inline Contrast summarise(const Tensor<double>& values) {
  Contrast c{.estimate = sgq::saliency::bootstrap_mean(values),
             .seeds = values.shape()[0],
             .images = values.shape()[1]};
  for (index_t s = 0; s < c.seeds; ++s) {
    double sum = 0, count = 0;
    for (index_t n = 0; n < c.images; ++n) {
      const double v = values[s * c.images + n];
      if (!std::isnan(v)) sum += v, ++count;
    }
    c.by_seed.push_back(sum / count);
  }
  return c;
}

} // namespace detail

/// The mean of a measure under a condition, over its seeds; nothing where it was not measured.
inline std::optional<Contrast> level(const Study& study, const std::string& dataset,
                                     const std::string& measure, const Condition& how) {
  const auto values = detail::values_of(study, dataset, measure, how, study.seeds_of(dataset, how));
  if (!values) return std::nullopt;
  return detail::summarise(*values);
}

/// The mean of a - b, paired by seed and image; nothing where they have no seed in common.
inline std::optional<Contrast> contrast(const Study& study, const std::string& dataset,
                                        const std::string& measure, const Condition& a,
                                        const Condition& b) {
  const auto in_a = study.seeds_of(dataset, a), in_b = study.seeds_of(dataset, b);
  std::vector<std::uint64_t> both;
  std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                        std::back_inserter(both));
  auto left = detail::values_of(study, dataset, measure, a, both);
  const auto right = detail::values_of(study, dataset, measure, b, both);
  if (!left || !right || !(left->shape() == right->shape())) return std::nullopt;
  for (index_t i = 0; i < left->size(); ++i) (*left)[i] -= (*right)[i];
  return detail::summarise(*left);
}

} // namespace examples
