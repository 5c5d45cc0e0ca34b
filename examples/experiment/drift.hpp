// How alike the maps of networks from different seeds are: drift.jsonl, a row per training and bits.
//
//     similarity.MEASURE.quantised[i][j]    s(q_i, f_j)   quantised network of seed i, fp32 of seed j
//     similarity.MEASURE.reference[i][j]    s(f_i, f_j)   of the same training
//
// Each is the mean over the images where both maps have a ranking (null: none has). Both compare
// different seeds where i and j differ, so a shared initialisation does not look like agreement.
// The diagonal of `quantised` is the same seed.
#pragma once

#include "grid.hpp"
#include "results.hpp"
#include "subject.hpp"

#include "sgq/saliency/metrics/similarity.hpp"

#include <map>

namespace examples {

inline constexpr int drift_version = 1;

/// |dS/dx| of networks by seed, [N,H,W] each.
using MapsBySeed = std::map<std::uint64_t, Tensor<float>>;

namespace detail {

/// MEASURE -> [[mean similarity of a_i and b_j]].
inline std::map<std::string, io::Json> similarity_matrices(const MapsBySeed& a,
                                                           const MapsBySeed& b) {
  std::map<std::string, io::Json> matrices;
  for (const auto& [i, of_a] : a) {
    std::map<std::string, io::Json> line;
    for (const auto& [j, of_b] : b) {
      const auto alike = saliency::similarity(of_b, of_a, saliency::Values::magnitude);
      for (const saliency::SimilarityMeasure& m : saliency::similarity_measures) {
        double sum = 0, count = 0;
        for (const double v : alike.*m.values)
          if (!std::isnan(v)) sum += v, ++count;
        line[std::string(m.name)].push_back(sum / count);
      }
    }
    for (auto& [name, row] : line) matrices[name].push_back(std::move(row));
  }
  return matrices;
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
  auto quantised = detail::similarity_matrices(few, real);
  auto reference = detail::similarity_matrices(real, real);
  for (auto& [name, matrix] : quantised)
    row["similarity"][name] = io::Json::object(
        {{"quantised", std::move(matrix)}, {"reference", std::move(reference.at(name))}});
  row["run"] = io::Json::object({});
  return row;
}

} // namespace examples
