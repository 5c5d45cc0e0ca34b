// Where the data sets lie, and what their classes are called.
#pragma once

#include "sgq/core/text.hpp"

#include <filesystem>
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
