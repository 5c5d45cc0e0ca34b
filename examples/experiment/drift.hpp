// How far maps move when a network is quantised, beside how far they move anyway.
//
//     a quantised cell   its maps and those of the fp32 cell of the same seed and training
//     an fp32 cell       its maps and those of the same training from other seeds: the between-seed
//                        baseline; and those of random weights: the random-weights baseline
//
// All are numbers of the cell, one per image, so "less alike than two seeds are" is a difference
// paired by seed and image. Maps that are as alike as two seeds are have not drifted. In files the
// random-weights baseline is called "floor".
#pragma once

#include "study.hpp"

#include "../tools/numbers.hpp"

#include "sgq/io/npy.hpp"
#include "sgq/saliency/metrics/similarity.hpp"

#include <span>

namespace examples {

using saliency::SimilarityMeasure, saliency::similarity_measures;

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

/// True if the maps of `cell` are held against those of `other`.
inline bool is_reference(const CellNumbers& other, const CellNumbers& cell) {
  return cell.variant.empty() && other.variant.empty() && other.dataset == cell.dataset &&
         other.bits == "fp32" && other.guided == cell.guided &&
         (other.seed == cell.seed) == (cell.bits != "fp32");
}

namespace detail {

/// Adds sums to a cell's numbers, to become the mean over several references.
inline void add_alike(CellNumbers& cell, const std::string& prefix, View<const float> reference,
                      View<const float> maps, saliency::Values values, double weight) {
  const saliency::Similarity alike = saliency::similarity(reference, maps, values);
  for (const SimilarityMeasure& m : similarity_measures) {
    std::vector<double>& numbers = cell.values[prefix + std::string(m.name)];
    const Tensor<double>& found = alike.*m.values;
    numbers.resize(static_cast<std::size_t>(found.size()));
    for (std::size_t n = 0; n < numbers.size(); ++n)
      numbers[n] += weight * found[static_cast<index_t>(n)];
  }
}

} // namespace detail

/// Computes a cell's drift into its numbers: "spearman", of magnitudes; "signed.spearman";
/// "floor.spearman", of an fp32 cell; ..
inline void measure_drift(CellNumbers& cell, const std::vector<const CellNumbers*>& references,
                          const std::string& out) {
  if (!cell.variant.empty()) return;
  for (const index_t kind : {0, 1}) {
    const auto values = kind ? saliency::Values::with_sign : saliency::Values::magnitude;
    const std::string prefix = kind ? "signed." : "";
    const Tensor<float> maps = load_maps(out, *cell.row, kind);
    for (const CellNumbers* reference : references)
      detail::add_alike(cell, prefix, load_maps(out, *reference->row, kind), maps, values,
                        1.0 / static_cast<double>(references.size()));
    if (cell.bits == "fp32")
      detail::add_alike(cell, prefix + "floor.", load_maps(out, *cell.row, kind, "floor.npy"), maps,
                        values, 1);
  }
}

/// The measures but the first by which quantised maps have drifted beyond the between-seed baseline
/// of their own training: less alike to fp32 of their seed than fp32 of other seeds are, interval
/// and all.
inline std::vector<std::string> others_beyond_seeds(const Study& study, const std::string& dataset,
                                                    const Condition& how) {
  std::vector<std::string> titles;
  for (const SimilarityMeasure& m : std::span(similarity_measures).subspan(1)) {
    const auto less = contrast(study, dataset, std::string(m.name), how, {{"fp32"}, how.guided});
    if (less && less->estimate.high < 0) titles.emplace_back(m.title);
  }
  return titles;
}

/// A cell's drift, as its row has it.
inline io::Json drift_of(const CellNumbers& cell) {
  io::Json drift = io::Json::object({});
  for (const bool random : {false, true})
    for (const bool sign : {false, true})
      for (const SimilarityMeasure& m : similarity_measures) {
        const auto found = cell.values.find(std::string(sign ? "signed." : "") +
                                            (random ? "floor." : "") + std::string(m.name));
        if (found == cell.values.end()) continue;
        Tensor<double> all({static_cast<index_t>(found->second.size())});
        std::copy(found->second.begin(), found->second.end(), all.begin());
        const char* to = random                ? "to_random_weights"
                         : cell.bits == "fp32" ? "to_other_seeds"
                                               : "to_fp32";
        drift[to][sign ? "with_sign" : "magnitude"][std::string(m.name)] =
            to_json(saliency::bootstrap_mean(all));
      }
  return drift;
}

} // namespace examples
