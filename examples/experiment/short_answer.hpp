// The answer before the tables: a line per claim and verdict, precisions together.
//
//     **supported**: smaller, fewer operations, w4a4 (7.7 times smaller), w2a2 (14.4 times smaller)
#pragma once

#include "claims_table.hpp"

namespace examples {

namespace detail {

/// "-0.64 [-0.88, -0.40] points"; of maps both measures, with words where they differ.
inline std::string found_words(const Claim& c) {
  if (c.question.rule == Rule::counted) return number_of(c.times_smaller, 1) + " times smaller";
  if (c.question.rule != Rule::maps) {
    const std::string& measure = c.parts[0].measure;
    const saliency::SeedEstimate& e = c.parts[0].found.seeds;
    const Style& s = change_style(measure);
    const std::string interval = interval_of({e.mean, e.low, e.high, e.seeds, 0}, s);
    return text_of(e.mean, s) + (interval.empty() ? "" : " " + interval) +
           (in_percent(measure) ? " points" : "");
  }
  std::vector<std::string> found;
  const bool differ = sign_of(c.parts[0].found.seeds) != sign_of(c.parts[1].found.seeds);
  for (const Part& part : c.parts)
    found.push_back(measure_title(part.measure) + " " +
                    change_text(part.found.seeds.mean, part.measure) +
                    (differ ? std::string(", ") + direction_of(part.found.seeds) : ""));
  return join(found, "; ");
}

/// "**undecided**, leaning yes": the verdict, and what it would be without the correction.
inline std::string verdict_words(const Claim& c) {
  const int leans = c.verdict == Verdict::undecided ? lean(c) : 0;
  return std::string("**") + name(c.verdict) + "**" +
         (leans > 0   ? ", leaning yes"
          : leans < 0 ? ", leaning no"
                      : "");
}

/// Cuts "accuracy is kept, w4a4" before its bits; the second is empty where there are none.
inline std::pair<std::string, std::string> without_bits(const std::string& claim) {
  const std::size_t cut = claim.rfind(", ");
  const bool ends_so = std::any_of(main_bits.begin(), main_bits.end(),
                                   [&](const std::string& bits) { return claim.ends_with(bits); });
  if (cut == claim.npos || !ends_so) return {claim, ""};
  return {claim.substr(0, cut), claim.substr(cut + 2)};
}

/// A line for each verdict on each question among `ids`, in the order of the claims.
inline std::vector<std::string> verdict_lines(const std::vector<Claim>& claims,
                                              const std::string& ids) {
  std::vector<std::pair<std::string, std::string>> lines; // "**undecided**: question", arms
  for (const Claim& c : claims) {
    if (ids.find(c.question.id[0]) == ids.npos) continue;
    const auto [question, arm] = without_bits(c.question.claim);
    const std::string head = verdict_words(c) + ": " + question, found = found_words(c);
    const std::string said = arm.empty() ? " (" + found + ")" : arm + " (" + found + ")";
    const auto same = std::find_if(lines.begin(), lines.end(),
                                   [&](const auto& line) { return line.first == head; });
    if (same != lines.end())
      same->second += ", " + said;
    else
      lines.emplace_back(head, arm.empty() ? said : ", " + said);
  }
  std::vector<std::string> texts;
  for (const auto& [head, rest] : lines) texts.push_back(head + rest);
  return texts;
}

} // namespace detail

inline std::vector<Answer> make_answers(const Study& study, const std::vector<Claim>& claims) {
  std::vector<Answer> answers;
  for (const auto& [label, ids] : {std::pair("Paper B", "B"),
                                   {"Paper A", "A"},
                                   {"Is it the guiding?", "C"},
                                   {"Blank maps", "E"},
                                   {"Do quantised networks look elsewhere?", "D"}}) {
    std::vector<std::string> lines = detail::verdict_lines(claims, ids);
    if (*ids == 'E' && none_is_blank(study))
      lines = {"There are none: no map of any network is exactly 0."};
    if (lines.empty()) lines = {"Nothing here answers this yet."};
    answers.push_back({label, lines});
  }
  return answers;
}

} // namespace examples
