// The answer in three sentences, made from the claims and the numbers: one for each paper, and one
// for what moves the maps.
#pragma once

#include "claims.hpp"
#include "drift.hpp"
#include "text.hpp"

namespace examples {

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

namespace detail {

/// "; of 5 other measures 3 agree and 1 contradicts"
inline std::string others_text(const Claim& c) {
  if (c.others.empty()) return "";
  const auto count = [&](Verdict v) {
    return std::count_if(c.others.begin(), c.others.end(),
                         [&](const Opinion& o) { return o.verdict == v; });
  };
  const auto agree = count(Verdict::supported), contradict = count(Verdict::not_supported);
  return "; of " + sgq::to_text(c.others.size()) + " other measures " + sgq::to_text(agree) +
         (agree == 1 ? " agrees" : " agree") + " and " + sgq::to_text(contradict) +
         (contradict == 1 ? " contradicts" : " contradict");
}

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
    parts.push_back(
        "**" + std::string(name(c->verdict)) + "** on " + set_title(c->dataset) + " (" +
        found_text(*c) +
        (!c->exact() && c->found.seeds < 2 ? "; one seed decides nothing" : others_text(*c)) + ")");
  return join(parts, " and ");
}

/// "That .. is ..; that .. is ...", for the claims of a paper, each once for all sets.
inline std::string sentence(const std::vector<Claim>& claims, const Paper& paper) {
  std::string text;
  std::vector<std::string> said;
  for (const Claim& c : claims) {
    if (c.paper != paper.name || std::find(said.begin(), said.end(), c.what) != said.end())
      continue;
    said.push_back(c.what);
    text += (text.empty() ? "That " : "; that ") + c.words + " is " +
            verdicts_text(claims, paper.name, c.what);
  }
  if (!text.empty()) return text + ".";
  std::vector<std::string> sets;
  for (const std::string& set : paper.sets) sets.push_back(set_title(set));
  sets.push_back(set_title("synthetic"));
  return "Its claims are judged on " + join(sets, " and ") +
         "; of these nothing is here that could be compared.";
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
  const auto seeds = level(study, dataset, "spearman", guided);
  const auto random = level(study, dataset, "floor.spearman", guided);
  const auto drift = contrast(study, dataset, "spearman", few, guided);
  if (!alike) return text + "how far maps move was not measured.";
  text += "maps of guided w2a2 networks correlate with those of fp32 by " +
          text_of(alike->estimate.mean, ratio) + " " + interval_of(alike->estimate, ratio);
  if (random) text += ", where random weights reach " + text_of(random->estimate.mean, ratio);
  if (!seeds || !drift)
    return text + "; without a second seed nobody can tell that from the noise of training.";
  text += std::string(random ? " and" : ", where") + " fp32 from another seed " +
          text_of(seeds->estimate.mean, ratio) + " " + interval_of(seeds->estimate, ratio) + ": ";
  text += drift->estimate.high < 0  ? "a drift beyond the noise between seeds"
          : drift->estimate.low > 0 ? "two bits move them less than another seed does"
                                    : "within the noise between seeds";
  const auto others = others_beyond_seeds(study, dataset, few);
  if (others.empty()) return text + ".";
  const std::string by = "; by " + join(others, " and ");
  return text + by + (drift->estimate.high < 0 ? ", too." : " it is beyond that.");
}

} // namespace detail

inline std::vector<Answer> make_answers(const Study& study, const std::vector<Claim>& claims,
                                        const std::vector<std::string>& datasets) {
  std::vector<Answer> answers;
  for (const Paper& paper : papers)
    answers.push_back({std::string("Paper ") + paper.name, detail::sentence(claims, paper)});
  answers.push_back({"What moves the maps", datasets.empty()
                                                ? "Nothing was run."
                                                : detail::what_moves(study, datasets.front())});
  return answers;
}

} // namespace examples
