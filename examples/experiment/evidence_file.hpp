// The numbers behind a row of measures, one per image: OUT/evidence/CELL.safetensors.
//
//     number.MEASURE    F32 [images]         "masked_accuracy", "smoothgrad.blank_maps", ..
//     blank_gradients   U8 [all test images] 1 where |dS/dx| is exactly 0
//     images            I32 [n]              the test images whose maps are drawn
//     maps              F32 [n, H, W]        their |dS/dx|
//
// Measures are rounded to float before anything is computed from them, so the rows can be computed
// again from these files. The row has the file's SHA-256.
#pragma once

#include "results.hpp"

#include "sgq/io/safetensors.hpp"

#include <map>

namespace examples {

using sgq::index_t;
using sgq::Tensor;
using sgq::View;

struct Evidence {
  std::map<std::string, std::vector<float>> numbers{}; ///< one per image, NaN where not defined
  std::vector<std::uint8_t> blank_gradients{};         ///< of all test images
  std::vector<std::int32_t> images{};
  Tensor<float> maps{};
};

inline std::string evidence_path(const std::string& out, const std::string& key) {
  return out + "/evidence/" + file_name_of(key) + ".safetensors";
}

/// Returns the file's SHA-256.
inline std::string write_evidence(const std::string& path, const Evidence& evidence) {
  io::SafeTensors file;
  for (const auto& [name, numbers] : evidence.numbers)
    file.add("number." + name,
             View<const float>(numbers.data(), {static_cast<index_t>(numbers.size())}));
  file.add("blank_gradients",
           View<const std::uint8_t>(evidence.blank_gradients.data(),
                                    {static_cast<index_t>(evidence.blank_gradients.size())}));
  file.add("images", View<const std::int32_t>(evidence.images.data(),
                                              {static_cast<index_t>(evidence.images.size())}));
  file.add("maps", evidence.maps);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  io::write_safetensors(path, file);
  return io::sha256(io::read_file(path));
}

/// Throws io_error where the file is not the one that the row of measures was made with.
inline Evidence read_evidence(const std::string& path, const io::Json& row) {
  const std::string sum = io::sha256(io::read_file(path));
  if (const std::string& said = row.at("files").at("evidence").as_string(); sum != said)
    throw sgq::io_error(
        sgq::describe(path, "SHA-256 " + said, sum, "delete it to have it made again"));
  const io::SafeTensors file = io::read_safetensors(path);
  Evidence evidence;
  for (const auto& [name, stored] : file.tensors())
    if (name.starts_with("number.")) {
      const auto numbers = file.tensor<float>(name);
      evidence.numbers[name.substr(7)].assign(numbers.begin(), numbers.end());
    }
  const auto blank = file.tensor<std::uint8_t>("blank_gradients");
  evidence.blank_gradients.assign(blank.begin(), blank.end());
  const auto images = file.tensor<std::int32_t>("images");
  evidence.images.assign(images.begin(), images.end());
  evidence.maps = file.tensor<float>("maps");
  return evidence;
}

} // namespace examples
