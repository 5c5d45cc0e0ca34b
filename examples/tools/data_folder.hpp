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
  const auto found = metadata.find("protocol");
  if (found == metadata.end()) return sgq::data::Protocol::standard;
  const std::string& name = found->second;
  if (name == "holdout") return sgq::data::Protocol::holdout;
  if (name == "validation" || name == "tuning") return sgq::data::Protocol::validation;
  throw sgq::io_error(
      sgq::describe(file + ", protocol", "holdout or validation", "'" + name + "'"));
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
