// What the page is made of, a file per cell: OUT/evidence/CELL.safetensors (evidence_file.hpp).
//
// Made from the files of cells/ once all that a cell is compared with is there, and some 100 kB
// where those are 10 MB. With it cells/ may go: claims, intervals and the page can be made again
// from rows, evidence and the set's own images, and a run can go on elsewhere. It carries the
// SHA-256 of its contents and of the row and maps it was made of, so evidence of other rows is
// never believed.
#pragma once

#include "drift.hpp"
#include "evidence_file.hpp"

#include "sgq/io/npy.hpp"
#include "sgq/saliency/colormap.hpp"

namespace examples {

/// Raised whenever other evidence would be made of the same files.
inline constexpr int evidence_version = 2;

/// The images to be drawn of each set.
using DrawnImages = std::map<std::string, std::vector<std::int32_t>>;

inline std::string evidence_path(const std::string& out, std::string key) {
  std::replace(key.begin(), key.end(), '/', '.');
  return out + "/evidence/" + key + ".safetensors";
}

/// True if the files that evidence is made of are there.
inline bool has_cell_files(const std::string& out, const io::Json& row) {
  const std::string folder = cell_folder(out, key_of(row));
  for (const char* name : {"right.npy", "values.npy", "maps.npy", "floor.npy", "alpha.npy"})
    if (row.at("files").find(name) && !std::filesystem::exists(folder + "/" + name)) return false;
  return true;
}

namespace detail {

/// What evidence depends on: all of its row that equal runs share, and the maps of the references.
inline std::string sum_of_sources(const CellNumbers& cell,
                                  const std::vector<const CellNumbers*>& references) {
  io::Sha256 sum;
  sum.update(sgq::to_text(evidence_version)).update(io::to_string(without_run(*cell.row)));
  for (const CellNumbers* r : references)
    sum.update(key_of(*r->row)).update(r->row->at("files").at("maps.npy").as_string());
  return sum.hex();
}

/// Some of the maps [N,H,W], as they are drawn.
inline DrawnMaps draw(const Tensor<float>& maps, std::vector<std::int32_t> images) {
  const Shape& s = maps.shape();
  DrawnMaps drawn{std::move(images), Tensor<std::uint8_t>()};
  drawn.levels = Tensor<std::uint8_t>({static_cast<index_t>(drawn.images.size()), s[1], s[2]});
  std::uint8_t* level = drawn.levels.data();
  for (const std::int32_t n : drawn.images) {
    const std::span<const float> map(maps.data() + n * s.stride(),
                                     static_cast<std::size_t>(s.stride()));
    const double scale = saliency::color_scale(map, saliency::ColorOptions{}.percentile);
    for (const float v : map) {
      const double share = scale > 0 ? static_cast<double>(v) / scale : 0;
      *level++ = static_cast<std::uint8_t>(std::lround(255 * std::min(share, 1.0)));
    }
  }
  return drawn;
}

/// The images with the lowest correlations, those first.
inline std::vector<std::int32_t> lowest(const std::vector<double>& alike, std::size_t most) {
  std::vector<std::int32_t> order;
  for (std::size_t n = 0; n < alike.size(); ++n)
    if (!std::isnan(alike[n])) order.push_back(static_cast<std::int32_t>(n));
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return alike[static_cast<std::size_t>(a)] < alike[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), most));
  return order;
}

/// At most 121 points of the clips' course, the last being what the network ships with.
inline Tensor<float> thin_clips(const io::Json& row, const Tensor<float>& course) {
  const index_t rows = course.shape()[0], layers = course.shape()[1];
  const index_t stride = std::max<index_t>(1, (rows + 119) / 120);
  std::vector<float> points;
  for (index_t r = 0; r < rows - 1; r += stride) {
    points.push_back(static_cast<float>(r));
    points.insert(points.end(), course.data() + r * layers, course.data() + (r + 1) * layers);
  }
  points.push_back(static_cast<float>(rows - 1));
  for (const auto& [layer, alpha] : row.at("alphas").as_object())
    points.push_back(static_cast<float>(alpha.as_double()));
  Tensor<float> clips({static_cast<index_t>(points.size()) / (1 + layers), 1 + layers});
  std::copy(points.begin(), points.end(), clips.begin());
  return clips;
}

/// The measures of a row, from values.npy.
inline void take_measures(CellNumbers& cell, const std::string& folder) {
  const auto table = io::parse_npy<double>(read_cell_file(folder, *cell.row, "values.npy"),
                                           folder + "/values.npy");
  index_t m = 0;
  for (const auto& [name, summary] : cell.row->at("measures").as_object()) {
    const index_t images =
        summary.at("count").as_int() + summary.at("excluded").as_int(); // the rest is padding
    if (table.shape().rank() != 2 || m >= table.shape()[0] || images > table.shape()[1])
      throw sgq::io_error(
          sgq::describe(folder + "/values.npy", "a row for each measure", table.shape().str()));
    const double* values = table.data() + table.shape()[1] * m++;
    cell.values[name].assign(values, values + images);
  }
}

/// Everything, from the files of cells/.
inline void gather(CellNumbers& cell, const std::vector<const CellNumbers*>& references,
                   const std::string& out, const std::vector<std::int32_t>& drawn_images) {
  const std::string folder = cell_folder(out, key_of(*cell.row));
  const auto right = io::parse_npy<std::uint8_t>(read_cell_file(folder, *cell.row, "right.npy"),
                                                 folder + "/right.npy");
  cell.values["accuracy"].assign(right.begin(), right.end());
  take_measures(cell, folder);
  measure_drift(cell, references, out);
  const Tensor<float> maps = load_maps(out, *cell.row, 0);
  if (cell.variant.empty()) cell.maps = draw(maps, drawn_images);
  if (cell.bits != "fp32" && !references.empty()) {
    cell.moved = draw(maps, lowest(cell.values.at("spearman"), 8));
    cell.moved_from = draw(load_maps(out, *references[0]->row, 0), cell.moved.images);
  }
  if (cell.row->at("files").find("alpha.npy"))
    cell.clips =
        thin_clips(*cell.row, io::parse_npy<float>(read_cell_file(folder, *cell.row, "alpha.npy"),
                                                   folder + "/alpha.npy"));
}

/// Rows as cells without numbers.
inline Study name_cells(std::vector<io::Json>& rows) {
  Study study;
  for (io::Json& row : rows)
    study.cells.push_back({.dataset = row.at("dataset").as_string(),
                           .bits = row.at("bits").as_string(),
                           .guided = row.at("guided").as_bool(),
                           .seed = static_cast<std::uint64_t>(row.at("seed").as_int()),
                           .variant = row.at("variant").as_string(),
                           .row = &row});
  return study;
}

inline std::vector<const CellNumbers*> references_of(const CellNumbers& cell, const Study& study) {
  std::vector<const CellNumbers*> references;
  for (const CellNumbers& other : study.cells)
    if (is_reference(other, cell)) references.push_back(&other);
  return references;
}

} // namespace detail

/// The cells whose evidence is there and holds, by their keys: what they are compared with has rows
/// too. Throws io_error on a damaged file.
inline std::vector<std::string> cells_with_evidence(const std::string& out,
                                                    std::vector<io::Json>& rows) {
  std::vector<std::string> keys;
  Study study = detail::name_cells(rows);
  for (CellNumbers& cell : study.cells)
    if (detail::read_evidence(cell,
                              detail::sum_of_sources(cell, detail::references_of(cell, study)),
                              evidence_path(out, key_of(*cell.row))))
      keys.push_back(key_of(*cell.row));
  return keys;
}

/// Everything that the rows' evidence says, made from cells/ where there is none yet; rows get
/// their `drift`. They must stay where they are. Rows that have neither are left out. Throws
/// io_error on a file that is damaged or another one.
inline Study load_study(const std::string& out, std::vector<io::Json>& rows,
                        const DrawnImages& drawn_images) {
  Study study = detail::name_cells(rows);
  std::filesystem::create_directories(out + "/evidence");
  const auto is_without = [&](CellNumbers& cell) {
    const auto references = detail::references_of(cell, study);
    const std::string sources = detail::sum_of_sources(cell, references);
    const std::string path = evidence_path(out, key_of(*cell.row));
    if (!detail::read_evidence(cell, sources, path)) {
      if (!has_cell_files(out, *cell.row)) return true;
      for (const CellNumbers* r : references)
        if (!has_cell_files(out, *r->row)) return true;
      detail::gather(cell, references, out, drawn_images.at(cell.dataset));
      detail::write_evidence(cell, sources, path);
    }
    (*cell.row)["drift"] = drift_of(cell);
    return false;
  };
  Study known;
  for (CellNumbers& cell : study.cells)
    if (is_without(cell))
      (*cell.row)["drift"] = io::Json::object({}); // may be that against other rows
    else
      known.cells.push_back(cell);
  return known;
}

} // namespace examples
