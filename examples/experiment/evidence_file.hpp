// A cell's evidence as a file, OUT/evidence/CELL.safetensors.
//
//     right                     U8  [test images]     1 where the prediction is the label
//     number.MEASURE            F64 [images]          of the maps, and their drift
//     images.PART, levels.PART  I32 [n], U8 [n, H, W] the few maps that are drawn
//     clips                     F32 [points, 1 + layers]  training step and alphas, thinned out
//
// The file carries the SHA-256 of its contents and that of its sources, so evidence of other rows is
// never believed.
#pragma once

#include "study.hpp"

#include "sgq/io/safetensors.hpp"

#include <cmath>

namespace examples {

namespace detail {

using sgq::Shape;
using sgq::View;

inline std::string sum_of_contents(const io::SafeTensors& file) {
  io::Sha256 sum;
  for (const auto& [name, tensor] : file.tensors())
    sum.update(name + " " + sgq::to_text(static_cast<int>(tensor.dtype)) + " " +
               io::str(tensor.shape))
        .update(tensor.bytes);
  return sum.hex();
}

inline constexpr std::pair<const char*, DrawnMaps CellNumbers::*> drawn_parts[] = {
    {"maps", &CellNumbers::maps},
    {"moved", &CellNumbers::moved},
    {"moved_from", &CellNumbers::moved_from}};

inline void write_evidence(const CellNumbers& cell, const std::string& sources,
                           const std::string& path) {
  io::SafeTensors file;
  for (const auto& [name, numbers] : cell.values) {
    const auto count = static_cast<index_t>(numbers.size());
    if (name == "accuracy") {
      Tensor<std::uint8_t> right({count});
      std::transform(numbers.begin(), numbers.end(), right.begin(),
                     [](double v) { return static_cast<std::uint8_t>(v); });
      file.add("right", right);
    } else {
      file.add("number." + name, View<const double>(numbers.data(), {count}));
    }
  }
  for (const auto& [name, part] : drawn_parts) {
    const DrawnMaps& drawn = cell.*part;
    if (drawn.images.empty()) continue;
    const auto count = static_cast<index_t>(drawn.images.size());
    file.add(std::string("images.") + name, View<const std::int32_t>(drawn.images.data(), {count}));
    file.add(std::string("levels.") + name, drawn.levels);
  }
  if (!cell.clips.empty()) file.add("clips", cell.clips);
  file.metadata = {{"cell", key_of(*cell.row)},
                   {"sources_sha256", sources},
                   {"contents_sha256", sum_of_contents(file)}};
  io::write_safetensors(path, file);
}

/// Throws io_error where evidence does not fit its row: checksums can be right of wrong shapes.
class EvidenceCheck {
public:
  EvidenceCheck(const CellNumbers& cell, const std::string& path)
      : cell_(cell), path_(path), tested_(cell.row->at("test_images").as_int()),
        explained_(std::min(cell.row->at("explained").as_int(), tested_)) {
    for (const auto& [name, numbers] : cell.values) check_numbers(name, numbers);
    for (const auto& [name, part] : drawn_parts) check_drawn(name, cell.*part);
    require(cell.moved.images == cell.moved_from.images, "the same images in moved and moved_from",
            "others");
    if (!cell.clips.empty()) check_clips();
  }

private:
  void require(bool holds, const std::string& expected, const std::string& got) const {
    if (!holds)
      throw sgq::io_error(sgq::describe(path_, expected, got, "delete it to have it made again"));
  }

  void check_numbers(const std::string& name, const std::vector<double>& numbers) const {
    const bool accuracy = name == "accuracy";
    const io::Json* measure = cell_.row->at("measures").find(name);
    const index_t count = accuracy ? tested_
                          : measure
                              ? measure->at("count").as_int() + measure->at("excluded").as_int()
                              : explained_; // drift
    require(static_cast<index_t>(numbers.size()) == count,
            sgq::to_text(count) + " numbers of " + name, sgq::to_text(numbers.size()));
    for (const double v : numbers)
      require(accuracy ? v == 0 || v == 1 : !std::isinf(v),
              accuracy ? "0 or 1 for every test image" : "finite numbers of " + name,
              sgq::to_text(v));
  }

  void check_drawn(const std::string& name, const DrawnMaps& drawn) const {
    const Shape &s = drawn.levels.shape(), &first = cell_.maps.levels.shape();
    const auto count = static_cast<index_t>(drawn.images.size());
    const bool fits = s.rank() == 3 && s[0] == count &&
                      (cell_.maps.images.empty() || (s[1] == first[1] && s[2] == first[2]));
    require(count == 0 || fits, "levels." + name + " [" + sgq::to_text(count) + ", H, W]", s.str());
    for (const std::int32_t image : drawn.images)
      require(image >= 0 && image < explained_, "images below " + sgq::to_text(explained_),
              sgq::to_text(image));
  }

  void check_clips() const {
    const Shape& s = cell_.clips.shape();
    const auto layers = static_cast<index_t>(cell_.row->at("alphas").as_object().size());
    require(s.rank() == 2 && s[1] == 1 + layers, "clips [points, " + sgq::to_text(1 + layers) + "]",
            s.str());
    for (const float v : cell_.clips) require(std::isfinite(v), "finite clips", sgq::to_text(v));
  }

  const CellNumbers& cell_;
  const std::string& path_;
  index_t tested_, explained_;
};

/// Reads the evidence of a cell; false where there is none, or it is of other rows. Throws io_error
/// on a damaged file.
inline bool read_evidence(CellNumbers& cell, const std::string& sources, const std::string& path) {
  if (!std::filesystem::exists(path)) return false;
  const io::SafeTensors file = io::read_safetensors(path);
  const auto stated = [&](const char* what) {
    const auto found = file.metadata.find(what);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  if (stated("sources_sha256") != sources) return false;
  if (stated("contents_sha256") != sum_of_contents(file))
    throw sgq::io_error(sgq::describe(path, "contents of SHA-256 " + stated("contents_sha256"),
                                      sum_of_contents(file), "delete it to have it made again"));
  for (const auto& [name, stored] : file.tensors())
    if (name == "right") {
      const auto right = file.tensor<std::uint8_t>(name);
      cell.values["accuracy"].assign(right.begin(), right.end());
    } else if (name.starts_with("number.")) {
      const auto numbers = file.tensor<double>(name);
      cell.values[name.substr(7)].assign(numbers.begin(), numbers.end());
    }
  for (const auto& [name, part] : drawn_parts)
    if (file.find(std::string("images.") + name)) {
      const auto images = file.tensor<std::int32_t>(std::string("images.") + name);
      (cell.*part).images.assign(images.begin(), images.end());
      (cell.*part).levels = file.tensor<std::uint8_t>(std::string("levels.") + name);
    }
  if (file.find("clips")) cell.clips = file.tensor<float>("clips");
  EvidenceCheck(cell, path);
  return true;
}

} // namespace detail

} // namespace examples
