// From the files of a folder to a study: rows, measures, evidence, predictions, drift.
#pragma once

#include "drift.hpp"
#include "measure_cell.hpp"
#include "study.hpp"

#include "sgq/io/npy.hpp"

#include <set>

namespace examples {

/// The classes that a network predicts of the test images. Throws io_error where the file is not
/// that of the row.
inline Tensor<std::uint8_t> read_predictions(const std::string& out, const io::Json& row) {
  const std::string path = predictions_path(out, key_of(row)), bytes = io::read_file(path);
  if (io::sha256(bytes) != row.at("files").at("predictions.npy").as_string())
    throw sgq::io_error(describe(path, "the predictions of its row", "others",
                                 "delete the row to have the network made again"));
  return io::parse_npy<std::uint8_t>(bytes, path);
}

/// The networks that are trained, measured and have their evidence. `results` and `measures` must
/// stay where they are.
inline Study load_study(const std::string& out, const std::string& dataset,
                        const std::vector<io::Json>& results, const std::vector<io::Json>& measures,
                        const std::vector<std::uint8_t>& labels) {
  Study study{.dataset = dataset};
  for (const io::Json& row : results) {
    const auto measured = std::find_if(measures.begin(), measures.end(), [&](const io::Json& m) {
      return key_of(m) == key_of(row) && m.at("network") == row.at("files").at("model.safetensors");
    });
    const std::string path = evidence_path(out, key_of(row));
    if (measured == measures.end() || !std::filesystem::exists(path)) continue;
    Network n{.bits = row.at("bits").as_string(),
              .training = row.at("training").as_string(),
              .variant = row.at("variant").as_string(),
              .seed = static_cast<std::uint64_t>(row.at("seed").as_int()),
              .evidence = read_evidence(path, *measured),
              .row = &row,
              .measured = &*measured};
    const Tensor<std::uint8_t> said = read_predictions(out, row);
    if (said.size() != static_cast<index_t>(labels.size()))
      throw sgq::io_error(describe(predictions_path(out, key_of(row)),
                                   sgq::to_text(labels.size()) + " images",
                                   sgq::to_text(said.size())));
    const auto& blank = n.evidence.blank_gradients;
    n.evidence.numbers["blank_gradients"].assign(blank.begin(), blank.end());
    std::vector<float>& right = n.evidence.numbers["accuracy"];
    for (std::size_t i = 0; i < labels.size(); ++i)
      right.push_back(said[static_cast<index_t>(i)] == labels[i] ? 1.0f : 0.0f);
    study.networks.push_back(std::move(n));
  }
  return study;
}

namespace detail {

/// The rows of quantised networks and of the fp32 ones of the same training and seeds.
struct DriftRows {
  std::vector<const io::Json*> few{}, real{};
};

inline DriftRows drift_rows(const Study& study, const Arm& arm) {
  DriftRows rows;
  for (const std::uint64_t seed : study.seeds_of(arm))
    if (const Network* f = study.find({"fp32", arm.training}, seed)) {
      rows.few.push_back(study.find(arm, seed)->row);
      rows.real.push_back(f->row);
    }
  return rows;
}

/// True if the networks of a row of drift are all among `sums`, SHA-256 of model files.
inline bool is_drift_of(const io::Json& row, const std::set<std::string>& sums) {
  for (const char* name : {"quantised", "reference"})
    for (const io::Json& sum : row.at(name).as_array())
      if (!sums.count(sum.as_string())) return false;
  return true;
}

/// True if the study has a network in the place of each of the row's.
inline bool has_drift(const Study& study, const io::Json& row) {
  const std::string &bits = row.at("bits").as_string(), &training = row.at("training").as_string();
  for (const io::Json& value : row.at("seeds").as_array()) {
    const auto seed = static_cast<std::uint64_t>(value.as_int());
    if (!study.find({bits, training}, seed) || !study.find({"fp32", training}, seed)) return false;
  }
  return true;
}

/// The rows of drift that the study cannot make, for want of measures or evidence of a network that
/// is trained: they cost networks, so they wait. Where it has all of their networks, its own rows
/// take their place.
inline std::vector<io::Json> waiting_drift(const std::vector<io::Json>& before, const Study& study,
                                           const std::vector<io::Json>& results) {
  std::set<std::string> trained;
  for (const io::Json& row : results)
    trained.insert(row.at("files").at("model.safetensors").as_string());
  const io::Json today =
      io::Json::object({{"numerics", numerics_version}, {"drift_version", drift_version}});
  std::vector<io::Json> rows;
  for (const io::Json& row : before)
    if (is_made_so(row, today) && is_drift_of(row, trained) && !has_drift(study, row))
      rows.push_back(row);
  return rows;
}

} // namespace detail

/// The rows of drift of the study: those that are there and hold, and new ones, for which
/// maps_of(row) makes the maps of a network. `results` are the rows of all networks. Writes
/// drift.jsonl, with the rows that wait at its end.
template <class MapsOf>
std::vector<io::Json> update_drift(const std::string& out, const Study& study,
                                   const std::vector<io::Json>& results, index_t explained,
                                   MapsOf maps_of) {
  const std::string path = out + "/drift.jsonl";
  const std::vector<io::Json> before =
      std::filesystem::exists(path) ? read_rows(path).rows : std::vector<io::Json>{};
  std::vector<io::Json> rows;
  const auto maps_by_seed = [&](const std::vector<const io::Json*>& of) {
    MapsBySeed maps;
    for (const io::Json* row : of)
      maps[static_cast<std::uint64_t>(row->at("seed").as_int())] = maps_of(*row);
    return maps;
  };
  for (const std::string& training : {how::plain, how::guided})
    for (const std::string& bits : {main_bits[1], main_bits[2]}) {
      const detail::DriftRows made_of = detail::drift_rows(study, {bits, training});
      if (made_of.few.size() < 2) continue;
      const io::Json making = drift_making(made_of.few, made_of.real, explained);
      const auto known = std::find_if(before.begin(), before.end(),
                                      [&](const io::Json& row) { return is_made_so(row, making); });
      rows.push_back(known != before.end()
                         ? *known
                         : drift_row(making, *made_of.few[0], maps_by_seed(made_of.few),
                                     maps_by_seed(made_of.real)));
    }
  io::write_file_atomically(path, to_lines(rows) +
                                      to_lines(detail::waiting_drift(before, study, results)));
  return rows;
}

} // namespace examples
