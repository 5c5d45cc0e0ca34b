// Where the data sets lie, how they are divided, and what their classes are called.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/text.hpp"
#include "sgq/data/load.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace examples {

/// What a model file's metadata say of that; "" where they say nothing.
inline std::string value_of(const std::map<std::string, std::string>& metadata,
                            const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

/// The folder to look for a set in: the one given, else `data` here, else that of the source tree.
inline std::string data_folder(const std::string& given, const std::string& set) {
  namespace fs = std::filesystem;
  if (!given.empty()) return given;
  const std::string here = "data";
  const std::string source = (fs::path(__FILE__).parent_path() / "../../data").lexically_normal();
  std::error_code ignored;
  for (const std::string& folder : {here, source})
    if (fs::is_directory(folder + "/" + set, ignored)) return folder;
  return fs::is_directory(here, ignored) ? here : source;
}

/// How the set was divided that a network was trained on, by its file's metadata: what it is tested
/// on then is what it has not seen. "tuning" is what validation was called before. Throws io_error.
inline sgq::data::Protocol protocol_of(const std::map<std::string, std::string>& metadata,
                                       const std::string& file) {
  const std::string name = value_of(metadata, "protocol");
  if (name.empty()) return sgq::data::Protocol::standard;
  if (name == "holdout") return sgq::data::Protocol::holdout;
  if (name == "validation" || name == "tuning") return sgq::data::Protocol::validation;
  throw sgq::io_error(
      sgq::describe(file + ", protocol", "holdout or validation", "'" + name + "'"));
}

/// True if the network was trained on `set`, a name or the path of a folder. A folder is the set
/// that it was trained on if it has its images: names of folders repeat. Throws io_error, and what
/// data::load() throws.
inline bool was_trained_on(const std::string& set, const std::string& given_folder,
                           const std::map<std::string, std::string>& metadata,
                           const std::string& file) {
  namespace data = sgq::data;
  if (sgq::find_row(data::datasets, set)) return value_of(metadata, "dataset") == set;
  const data::Protocol protocol = protocol_of(metadata, file);
  const std::string sum = value_of(metadata, "dataset.sha256");
  if (sum.empty() || protocol == data::Protocol::holdout) return false; // no folder has that one
  data::Dataset images =
      data::load(set, data_folder(given_folder, set), data::Split::train, protocol);
  sgq::index_t limit = 0;
  if (sgq::read_number(value_of(metadata, "limit"), limit) && limit > 0 && limit < images.size())
    images = data::slice(images, 0, limit);
  return sum == data::digest(images);
}

/// How `set` was divided when this network was trained; standard where it was trained on another
/// set. Throws what was_trained_on() throws.
inline sgq::data::Protocol protocol_for(const std::string& set, const std::string& given_folder,
                                        const std::map<std::string, std::string>& metadata,
                                        const std::string& file) {
  using sgq::data::Protocol;
  const Protocol protocol = protocol_of(metadata, file);
  const bool same =
      protocol != Protocol::standard && was_trained_on(set, given_folder, metadata, file);
  return same ? protocol : Protocol::standard;
}

/// True if the network may have been trained on images that `protocol` holds out of `set`. The
/// standard protocol trains on most, validation on least.
inline bool has_seen_held_out(const std::string& set, const std::string& given_folder,
                              const std::map<std::string, std::string>& metadata,
                              const std::string& file, sgq::data::Protocol protocol) {
  namespace data = sgq::data;
  const data::DatasetInfo* const known = sgq::find_row(data::datasets, set);
  if (known && known->format == data::Format::synthetic) return false; // drawn for each protocol
  const auto seen = [](data::Protocol p) {
    return p == data::Protocol::standard ? 2 : p == data::Protocol::holdout ? 1 : 0;
  };
  return seen(protocol_of(metadata, file)) > seen(protocol) &&
         was_trained_on(set, given_folder, metadata, file);
}

/// "test images", or what a network that was trained so is tested on instead.
inline const char* tested_on(sgq::data::Protocol protocol) {
  return protocol == sgq::data::Protocol::validation ? "validation images"
         : protocol == sgq::data::Protocol::holdout  ? "held-out images"
                                                     : "test images";
}

/// "7 classes: crow, finch, .."; "" where the names are the numbers of the classes.
inline std::string classes_text(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 20;
  bool numbers = true;
  std::string text = sgq::to_text(names.size()) + " classes: ";
  for (std::size_t c = 0; c < names.size(); ++c) {
    numbers = numbers && names[c] == sgq::to_text(c);
    if (c < shown) text += (c == 0 ? "" : ", ") + names[c];
  }
  return numbers ? "" : text + (names.size() > shown ? ", .." : "");
}

} // namespace examples
