// Words and numbers of the report, whatever it is printed as.
#pragma once

#include "sgq/saliency/metrics/statistics.hpp"

#include <algorithm>
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

/// Calls plain(text), strong(text) or code(text) for the parts of a text.
template <class Plain, class Strong, class Code>
void each_span(const std::string& text, Plain plain, Strong strong, Code code) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t mark = std::min(text.find("**", at), text.find('`', at));
    if (mark == text.npos) break;
    const std::string fence = text[mark] == '`' ? "`" : "**";
    const std::size_t end = text.find(fence, mark + fence.size());
    if (end == text.npos) break;
    plain(text.substr(at, mark - at));
    const std::string inside = text.substr(mark + fence.size(), end - mark - fence.size());
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
