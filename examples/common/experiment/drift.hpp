// How far maps move when a network is quantised, beside how far they move anyway.
//
//     a quantised cell   its maps and those of the fp32 cell of the same seed and training
//     an fp32 cell       its maps and those of the same training from other seeds: the band
//     floor              an fp32 cell's maps and those of random weights
//
// All are numbers of the cell, one an image, so "less alike than two seeds are" is a difference
// paired by seed and image. A drift inside the band is no drift.
#pragma once

#include "study.hpp"

#include "../explaining.hpp"

#include "sgq/saliency/metrics/similarity.hpp"

namespace examples {

struct DriftMeasure {
  const char *name, *title;
  Tensor<double> saliency::Similarity::*values; ///< [N]
};
inline constexpr DriftMeasure drift_measures[] = {
    {"spearman", "Spearman", &saliency::Similarity::spearman},
    {"pearson", "Pearson", &saliency::Similarity::pearson},
    {"cosine", "cosine", &saliency::Similarity::cosine},
    {"ssim", "SSIM", &saliency::Similarity::ssim},
    {"top_10_iou", "top-10 % IoU", &saliency::Similarity::top_iou}};

/// The maps of a cell [N,H,W]; `kind` 0: magnitudes, 1: with sign.
inline Tensor<float> load_maps(const std::string& out, const io::Json& row, index_t kind,
                               const std::string& file = "maps.npy") {
  const std::string folder = cell_folder(out, key_of(row));
  const auto both = io::parse_npy<float>(read_cell_file(folder, row, file), folder + "/" + file);
  const Shape& s = both.shape();
  if (s.rank() != 4 || s[0] != 2)
    throw sgq::io_error(describe(folder + "/" + file, "maps [2, N, H, W]", s.str()));
  Tensor<float> maps({s[1], s[2], s[3]});
  std::copy_n(both.data() + kind * maps.size(), maps.size(), maps.data());
  return maps;
}

namespace detail {

/// Adds sums to a cell's numbers, to become the mean over several references.
inline void add_alike(CellNumbers& cell, const std::string& prefix, View<const float> reference,
                      View<const float> maps, saliency::Values values, double weight) {
  const saliency::Similarity alike = saliency::similarity(reference, maps, values);
  for (const DriftMeasure& m : drift_measures) {
    std::vector<double>& numbers = cell.values[prefix + m.name];
    const Tensor<double>& found = alike.*m.values;
    numbers.resize(static_cast<std::size_t>(found.size()));
    for (std::size_t n = 0; n < numbers.size(); ++n)
      numbers[n] += weight * found[static_cast<index_t>(n)];
  }
}

/// Where a summary of numbers belongs in a row.
inline void summarise_drift(CellNumbers& cell, const std::string& prefix, const char* part,
                            const char* values) {
  for (const DriftMeasure& m : drift_measures) {
    const auto& numbers = cell.values[prefix + m.name];
    Tensor<double> all({static_cast<index_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), all.begin());
    (*cell.row)["drift"][part][values][m.name] = to_json(saliency::bootstrap_mean(all));
  }
}

} // namespace detail

/// Computes the drift of every cell of the grid: into its numbers ("spearman", of magnitudes;
/// "signed.spearman"; "floor.spearman", ..) and into its row.
inline void add_drift(Study& study, const std::string& out) {
  for (CellNumbers& cell : study.cells) {
    (*cell.row)["drift"] = io::Json::object({});
    if (!cell.variant.empty()) continue;
    std::vector<const CellNumbers*> references;
    for (const CellNumbers& other : study.cells)
      if (other.variant.empty() && other.dataset == cell.dataset && other.bits == "fp32" &&
          other.guided == cell.guided && (other.seed == cell.seed) == (cell.bits != "fp32"))
        references.push_back(&other);
    const bool real = cell.bits == "fp32";
    for (const index_t kind : {0, 1}) {
      const auto values = kind ? saliency::Values::with_sign : saliency::Values::magnitude;
      const char* name = kind ? "with_sign" : "magnitude";
      const std::string prefix = kind ? "signed." : "";
      const Tensor<float> maps = load_maps(out, *cell.row, kind);
      for (const CellNumbers* reference : references)
        detail::add_alike(cell, prefix, load_maps(out, *reference->row, kind), maps, values,
                          1.0 / static_cast<double>(references.size()));
      if (!references.empty())
        detail::summarise_drift(cell, prefix, real ? "to_other_seeds" : "to_fp32", name);
      if (!real) continue;
      detail::add_alike(cell, prefix + "floor.", load_maps(out, *cell.row, kind, "floor.npy"), maps,
                        values, 1);
      detail::summarise_drift(cell, prefix + "floor.", "to_random_weights", name);
    }
  }
}

} // namespace examples
