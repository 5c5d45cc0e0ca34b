// The answer in three sentences, made from the claims and the numbers: one for each paper, and one
// for what moves the maps.
#pragma once

#include "claims.hpp"
#include "document.hpp"

#include <cstdio>

namespace examples {

// ---- How things are called and printed ----------------------------------------------------------

inline std::string set_title(const std::string& dataset) {
  return dataset == "mnist"           ? "MNIST"
         : dataset == "fashion-mnist" ? "Fashion-MNIST"
         : dataset == "cifar-10"      ? "CIFAR-10"
                                      : "the built-in set";
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
inline TableCell cell_of(const std::optional<Contrast>& c, const Style& s) {
  if (!c || c->estimate.count == 0) return {"-"};
  return {text_of(c->estimate.mean, s), interval_of(c->estimate, s)};
}

/// "+0.12 points [+0.05, +0.20]"
inline std::string found_text(const Claim& c) {
  char text[100];
  if (c.exact()) {
    std::snprintf(text, sizeof text, "%.1f times smaller, %.0f times fewer bit operations",
                  c.times_smaller, c.times_fewer_operations);
    return text;
  }
  const bool accuracy = c.measure == accuracy_measure.title;
  const Style& style = accuracy ? points : ratio_change;
  const std::string interval = interval_of(c.found.estimate, style);
  return text_of(c.found.estimate.mean, style) + (accuracy ? "\u00a0points" : "") +
         (interval.empty() ? "" : " " + interval);
}

inline std::string join(const std::vector<std::string>& parts, const std::string& last) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i)
    text += (i == 0 ? "" : i + 1 == parts.size() ? last : ", ") + parts[i];
  return text;
}

// ---- The sentences ------------------------------------------------------------------------------

namespace detail {

/// "**supported** on MNIST (..) and **not decided** on Fashion-MNIST (..)", over the paper's own
/// sets, or the built-in one where none of them was run.
inline std::string verdicts_text(const std::vector<Claim>& claims, char paper,
                                 const std::string& what) {
  std::vector<const Claim*> own, built_in;
  for (const Claim& c : claims)
    if (c.paper == paper && c.what == what)
      (is_set_of(paper, c.dataset) ? own : built_in).push_back(&c);
  std::vector<std::string> parts;
  for (const Claim* c : own.empty() ? built_in : own)
    parts.push_back("**" + std::string(name(c->verdict)) + "** on " + set_title(c->dataset) + " (" +
                    found_text(*c) +
                    (!c->exact() && c->found.seeds < 2 ? "; one seed decides nothing" : "") + ")");
  return join(parts, " and ");
}

/// "That .. is ..; that .. is ...", for those of the (claim, words) that were asked.
inline std::string sentence(const std::vector<Claim>& claims, char paper,
                            const std::vector<std::pair<std::string, std::string>>& what) {
  std::string text;
  for (const auto& [claim, words] : what) {
    const std::string found = verdicts_text(claims, paper, claim);
    if (!found.empty()) text += (text.empty() ? "That " : "; that ") + words + " is " + found;
  }
  return text.empty() ? "These data have no cells to judge its claims by." : text + ".";
}

/// Which of two training choices moves the maps, and whether they move more than between seeds.
inline std::string what_moves(const Study& study, const std::string& dataset) {
  const Condition plain{{"fp32"}, false}, guided{{"fp32"}, true}, few{{"w2a2"}, true};
  const auto guiding = contrast(study, dataset, "masked_accuracy", guided, plain);
  const auto quantising = contrast(study, dataset, "masked_accuracy", few, guided);
  std::string text = "On " + set_title(dataset);
  const auto change = [&](const Contrast& c) {
    return text_of(c.estimate.mean, ratio_change) + " " + interval_of(c.estimate, ratio_change);
  };
  if (guiding && quantising)
    text += ", guiding an fp32 network changes the masked-accuracy area (lower is better) by " +
            change(*guiding) + " and taking a guided one to two bits by " + change(*quantising) +
            "; ";
  else
    text += ", ";
  const auto alike = level(study, dataset, "spearman", few);
  const auto band = level(study, dataset, "spearman", guided);
  const auto floor = level(study, dataset, "floor.spearman", guided);
  const auto drift = contrast(study, dataset, "spearman", few, guided);
  if (!alike) return text + "how far maps move was not measured.";
  text += "maps of guided w2a2 networks correlate with those of fp32 by " +
          text_of(alike->estimate.mean, ratio) + " " + interval_of(alike->estimate, ratio);
  if (floor) text += ", where random weights reach " + text_of(floor->estimate.mean, ratio);
  if (!band || !drift)
    return text + "; without a second seed nobody can tell that from the noise of training.";
  text += std::string(floor ? " and" : ", where") + " fp32 from another seed " +
          text_of(band->estimate.mean, ratio) + " " + interval_of(band->estimate, ratio) + ": ";
  return text + (drift->estimate.high < 0  ? "a drift beyond the noise between seeds."
                 : drift->estimate.low > 0 ? "two bits move them less than another seed does."
                                           : "within the noise between seeds.");
}

} // namespace detail

inline std::vector<Answer> make_answers(const Study& study, const std::vector<Claim>& claims,
                                        const std::vector<std::string>& datasets) {
  return {{"Paper A",
           detail::sentence(
               claims, 'A',
               {{"quantisation costs accuracy", "quantisation costs accuracy"},
                {"fewer bits cost more accuracy", "two bits cost more of it than four"},
                {"quantisation costs interpretability", "it costs interpretability"},
                {"fewer bits cost more interpretability", "two bits cost more of that"}})},
          {"Paper B",
           detail::sentence(claims, 'B',
                            {{"accuracy is kept", "accuracy is kept to within one point"},
                             {"more efficient", "the network is more efficient"},
                             {"more interpretable", "it is more interpretable"}})},
          {"What moves the maps",
           datasets.empty() ? "Nothing was run." : detail::what_moves(study, datasets.front())}};
}

} // namespace examples
