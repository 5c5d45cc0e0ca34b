// The answer before the tables: a line per claim and verdict, precisions together.
//
//     **supported**: smaller, fewer operations, w4a4 (7.7 times smaller), w2a2 (14.4 times smaller)
#pragma once

#include "tables.hpp"

namespace examples {

namespace detail {

/// "-0.64 [-0.88, -0.40] points"; of maps, both measures in words.
inline std::string found_words(const Claim& c) {
  if (c.question.rule == Rule::counted) return number_of(c.times_smaller, 1) + " times smaller";
  std::vector<std::string> found;
  for (const Part& part : c.parts) {
    const saliency::SeedEstimate& e = part.found.seeds;
    const Style& s = change_style(part.measure);
    const std::string mean = text_of(e.mean, s);
    if (c.question.rule == Rule::maps) {
      const int sign = sign_of(e);
      found.push_back(measure_title(part.measure) + " " + mean +
                      (sign > 0   ? ", better"
                       : sign < 0 ? ", worse"
                                  : ", undecided"));
    } else {
      const std::string interval = interval_of({e.mean, e.low, e.high, e.seeds, 0}, s);
      found.push_back(mean + (interval.empty() ? "" : " " + interval) +
                      (&s == &points ? " points" : ""));
    }
  }
  return join(found, "; ");
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
    const std::string head = std::string("**") + name(c.verdict) + "**: " + question,
                      found = found_words(c);
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

/// True if no gradient of any network is 0 everywhere.
inline bool none_is_blank(const Study& study) {
  return std::all_of(study.networks.begin(), study.networks.end(), [](const Network& n) {
    return n.measured->at("blank_gradients").as_double() == 0;
  });
}

inline std::vector<Answer> make_answers(const Study& study, const std::vector<Claim>& claims) {
  std::vector<Answer> answers;
  for (const auto& [label, ids] : {std::pair("Paper B", "B"),
                                   {"Paper A", "A"},
                                   {"Is it the guiding?", "C"},
                                   {"Blank maps", "E"},
                                   {"Do they look elsewhere?", "D"}}) {
    std::vector<std::string> lines = detail::verdict_lines(claims, ids);
    if (*ids == 'E' && none_is_blank(study))
      lines = {"There are none: no network has a test image whose gradient is exactly 0."};
    if (lines.empty()) lines = {"Nothing here answers this yet."};
    answers.push_back({label, lines});
  }
  return answers;
}

} // namespace examples
