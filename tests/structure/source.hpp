// The project's headers and pages as text. The tests of this folder run in the project's root.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace structure {

inline std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw std::runtime_error("cannot read " + path.string() + " (run in the project's root)");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Header {
  std::string path; // as in an include: "sgq/ops/conv2d.hpp"
  std::string text;
};

/// Every header below include/, sorted.
inline std::vector<Header> all_headers() {
  std::vector<Header> headers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("include"))
    if (entry.path().extension() == ".hpp") // not the lists of compiled/
      headers.push_back(
          {entry.path().lexically_relative("include").generic_string(), read(entry.path())});
  if (headers.size() < 100) throw std::runtime_error("run this from the root of the repository");
  std::sort(headers.begin(), headers.end(),
            [](const Header& a, const Header& b) { return a.path < b.path; });
  return headers;
}

inline bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// The text without comments and without what stands in quotes; line breaks stay.
inline std::string code_of(const std::string& text) {
  enum { code, line_comment, block_comment, quoted } state = code;
  std::string result;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\n') {
      if (state != block_comment) state = code;
      result += c;
    } else if (state == code) {
      const bool separator = c == '\'' && i > 0 && is_word(text[i - 1]); // 60'000
      if (c == '/' && next == '/')
        state = line_comment;
      else if (c == '/' && next == '*')
        state = block_comment;
      else if (c == '"' || (c == '\'' && !separator)) {
        state = quoted;
        quote = c;
        result += c;
      } else
        result += c;
    } else if (state == block_comment) {
      if (c == '*' && next == '/') {
        state = code;
        ++i;
      }
    } else if (state == quoted) {
      if (c == '\\')
        ++i;
      else if (c == quote) {
        state = code;
        result += c;
      }
    }
  }
  return result;
}

/// True if `name` stands in the text as a word of its own.
inline bool has_word(const std::string& text, const std::string& name) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const bool starts = at == 0 || !is_word(text[at - 1]);
    const std::size_t end = at + name.size();
    if (starts && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

struct Include {
  std::string target;
  bool angled;
};

inline std::vector<Include> includes_of(const std::string& text) {
  std::vector<Include> found;
  for (const std::string& line : lines_of(text)) {
    if (line.rfind("#include ", 0) != 0) continue;
    const std::size_t open = line.find_first_of("\"<"), close = line.find_last_of("\">");
    const std::string target = line.substr(open + 1, close - open - 1);
    if (target.find(' ') == std::string::npos) // config.hpp ends compilations by a sentence
      found.push_back({target, line[open] == '<'});
  }
  return found;
}

/// A page without its fenced blocks: a lambda in C++ looks like a link.
inline std::string without_code(const std::string& markdown) {
  std::string text;
  bool on = false;
  for (const std::string& line : lines_of(markdown))
    if (line.rfind("```", 0) == 0)
      on = !on;
    else if (!on)
      text += line + "\n";
  return text;
}

/// What stands in backticks.
inline std::vector<std::string> in_backticks(const std::string& markdown) {
  std::vector<std::string> found;
  for (std::size_t open = markdown.find('`'); open != std::string::npos;) {
    const std::size_t close = markdown.find('`', open + 1);
    if (close == std::string::npos) break;
    found.push_back(markdown.substr(open + 1, close - open - 1));
    open = markdown.find('`', close + 1);
  }
  return found;
}

/// One problem a line, for INFO.
inline std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& p : problems) text += "\n  " + p;
  return text;
}

} // namespace structure
