// Where the data sets lie.
#pragma once

#include <filesystem>
#include <string>

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

} // namespace examples
