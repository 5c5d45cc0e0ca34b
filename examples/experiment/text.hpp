// Words and numbers of the report, whatever it is printed as.
#pragma once

#include "sgq/saliency/metrics/statistics.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace examples {

using sgq::saliency::Estimate;

/// What was found, line by line, under a short name.
struct Answer {
  std::string label{};
  std::vector<std::string> lines{};
};

/// A number and, below it, how sure it is. With a tone it is set as words: "words", or coloured by
/// a verdict: "yes", "no", "open".
struct TableCell {
  std::string text{}, small{}, tone{};
};

/// Calls plain(text), strong(text), code(text) or link(text, url) for the parts of a text.
template <class Plain, class Strong, class Code, class Link>
void each_span(const std::string& text, Plain plain, Strong strong, Code code, Link link) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t middle = text.find("](", at);
    std::size_t bracket = middle == text.npos ? middle : text.rfind('[', middle);
    if (bracket != text.npos && bracket < at) bracket = text.npos; // of what is done already
    const std::size_t mark = std::min({text.find("**", at), text.find('`', at), bracket});
    if (mark == text.npos) break;
    const std::string fence = mark == bracket ? ")" : text[mark] == '`' ? "`" : "**";
    const std::size_t begin = mark + (mark == bracket ? 1 : fence.size()),
                      end = text.find(fence, mark == bracket ? middle : begin);
    if (end == text.npos) break;
    plain(text.substr(at, mark - at));
    const std::string inside = text.substr(begin, end - begin);
    if (mark == bracket)
      link(text.substr(begin, middle - begin), text.substr(middle + 2, end - middle - 2));
    else
      fence == "`" ? code(inside) : strong(inside);
    at = end + fence.size();
  }
  plain(text.substr(std::min(at, text.size())));
}

/// "0.123", "-0.12" with a real minus, "+0.12" if signs are asked for; "-" for NaN.
inline std::string number_of(double v, int digits, bool sign = false) {
  if (std::isnan(v)) return "-";
  char text[40];
  std::snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, v);
  std::string out = text;
  if (out.find_first_not_of("+-0.") == out.npos && out[0] == '-') out[0] = '+'; // -0.00
  if (!sign && out[0] == '+') out.erase(0, 1);
  return out[0] == '-' ? "\u2212" + out.substr(1) : out;
}

/// "10,000"
inline std::string with_commas(double v) {
  std::string text = number_of(v, 0);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// "how-it-was-made", as a repository's pages name their headings.
inline std::string anchor_of(const std::string& heading) {
  std::string id;
  for (const char c : heading)
    if (std::isalnum(static_cast<unsigned char>(c)))
      id += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (c == ' ' || c == '-')
      id += '-';
  return id;
}

/// "38 s", "12 min", "1.3 h"
inline std::string duration_text(double seconds) {
  if (seconds < 59.5) return number_of(seconds, 0) + " s";
  if (seconds < 59.5 * 60) return number_of(seconds / 60, 0) + " min";
  return number_of(seconds / 3600, 1) + " h";
}

/// How a measure's numbers are printed: percent for accuracy.
struct Style {
  double scale = 1;
  int digits = 3;
  bool sign = false; ///< of differences
};
inline constexpr Style percent{100, 2, false}, points{100, 2, true}, ratio{1, 3, false},
    ratio_change{1, 3, true};

inline std::string text_of(double v, const Style& s) {
  return number_of(s.scale * v, s.digits, s.sign);
}
inline std::string interval_of(const Estimate& e, const Style& s) {
  if (std::isnan(e.low)) return "";
  return "[" + text_of(e.low, s) + ",\u00a0" + text_of(e.high, s) + "]"; // no break inside
}

inline std::string join(const std::vector<std::string>& parts, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? last : ", ") + parts[i];
  return text;
}

} // namespace examples
