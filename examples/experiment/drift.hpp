// How alike the maps of networks from different seeds are: drift.jsonl, a row per training and bits.
//
//     similarity.MEASURE.quantised[i][j]    s(q_i, f_j)   quantised network of seed i, fp32 of seed j
//     similarity.MEASURE.reference[i][j]    s(f_i, f_j)   of the same training
//     left_out[i][j]                        images that neither of the two is of
//
// Both are means over the same images: those where none of the three maps, of q_i, f_i and f_j, is
// blank (null: there is none). Else the drift would compare the images on which q_i says something
// with all images. Both compare different seeds where i and j differ, so a shared initialisation
// does not look like agreement. The diagonal of `quantised` is the same seed. `quantised` and
// `reference` of the row itself name the networks by the SHA-256 of their tensors.
#pragma once

#include "grid.hpp"
#include "results.hpp"
#include "subject.hpp"

#include "sgq/saliency/metrics/similarity.hpp"

#include <map>

namespace examples {

inline constexpr int drift_version = 2;

/// |dS/dx| of networks by seed, [N,H,W] each.
using MapsBySeed = std::map<std::uint64_t, Tensor<float>>;

namespace detail {

/// Adds the means of seeds i and j to line i of the matrices: `few` is how alike q_i and f_j are,
/// image by image, `real` f_i and f_j. A similarity is NaN where one of its maps is blank.
inline void add_pair(io::Json& line, const saliency::Similarity& few,
                     const saliency::Similarity& real) {
  index_t count = 0;
  const auto compared = [&](index_t n) {
    return !std::isnan(few.spearman[n]) && !std::isnan(real.spearman[n]);
  };
  const index_t images = few.spearman.size();
  for (index_t n = 0; n < images; ++n) count += compared(n);
  line["left_out"].push_back(images - count);
  for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
    for (const auto& [name, alike] : {std::pair("quantised", &few), {"reference", &real}}) {
      double sum = 0;
      for (index_t n = 0; n < images; ++n)
        if (compared(n)) sum += (alike->*m.values)[n];
      line[m.name][name].push_back(sum / static_cast<double>(count));
    }
}

} // namespace detail

/// What a row of drift is, before anything is compared: `trained` are the rows of its quantised and
/// of its fp32 networks, in the order of seeds.
inline io::Json drift_making(const std::vector<const io::Json*>& quantised,
                             const std::vector<const io::Json*>& real, index_t explained) {
  const io::Json& first = *quantised.at(0);
  io::Json making = io::Json::object({{"cell", std::string(head_of(key_of(first), 4))},
                                      {"numerics", numerics_version},
                                      {"drift_version", drift_version},
                                      {"explained", explained},
                                      {"quantised", io::Json::array()},
                                      {"reference", io::Json::array()}});
  for (const auto& [name, rows] : {std::pair("quantised", &quantised), {"reference", &real}})
    for (const io::Json* row : *rows)
      making[name].push_back(row->at("files").at("model.safetensors"));
  return making;
}

/// The row; `making` is what drift_making() says of it.
inline io::Json drift_row(const io::Json& making, const io::Json& of_cell, const MapsBySeed& few,
                          const MapsBySeed& real) {
  io::Json row = making;
  for (const char* name : {"dataset", "net", "bits", "training"}) row[name] = of_cell.at(name);
  for (const auto& [seed, maps] : few) row["seeds"].push_back(seed);
  row["images"] = few.begin()->second.shape()[0];
  for (const auto& [i, of_few] : few) {
    io::Json line;
    for (const auto& [j, of_real] : real)
      detail::add_pair(line, saliency::similarity(of_real, of_few, saliency::Values::magnitude),
                       saliency::similarity(of_real, real.at(i), saliency::Values::magnitude));
    row["left_out"].push_back(line["left_out"]);
    for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
      for (const char* name : {"quantised", "reference"})
        row["similarity"][m.name][name].push_back(line[m.name][name]);
  }
  row["run"] = io::Json::object({});
  return row;
}

} // namespace examples
