// The page's table of claims: the verdict first, then what was compared and found.
#pragma once

#include "tables.hpp"

namespace examples {

/// "p = .003", "p < .001"
inline std::string p_text(double p) {
  if (std::isnan(p)) return "";
  if (p < 0.001) return "p < .001";
  const std::string number = number_of(p, 3);
  return "p = " + number.substr(number[0] == '0' ? 1 : 0);
}

/// True where all seeds have the same difference, so that p is 0; but for the rounding of means.
inline bool has_no_spread(const saliency::SeedEstimate& e) {
  return e.seeds > 1 && e.mean != 0 && e.deviation <= 1e-12 * std::abs(e.mean);
}

/// "mass on ink +0.034 [+0.020, +0.048]; resampled images .."
inline TableCell part_cell(const Part& part) {
  const Style& s = change_style(part.measure);
  const saliency::SeedEstimate& e = part.found.seeds;
  std::string small = interval_of({e.mean, e.low, e.high, e.seeds, 0}, s);
  if (!std::isnan(part.found.images.low))
    small += (small.empty() ? "" : "; ") + std::string("resampled images ") +
             interval_of(part.found.images, s);
  if (!std::isnan(part.found.effect)) small += "; effect " + number_of(part.found.effect, 1, true);
  if (has_no_spread(e)) small += "; no spread between seeds";
  if (const auto& w = part.without_blank)
    small +=
        "; without blank maps " + text_of(w->mean, s) +
        (std::isnan(w->low) ? "" : " " + interval_of({w->mean, w->low, w->high, w->seeds, 0}, s));
  return {measure_title(part.measure) + " " + change_text(e.mean, part.measure), small, "words"};
}

/// By its own interval, without correction; where seeds are too few for one, "open".
inline const char* direction_of(const saliency::SeedEstimate& e) {
  const int sign = sign_of(e);
  return sign > 0 ? "better" : sign < 0 ? "worse" : "open";
}

/// "mass on ink is better, masked-accuracy advantage is open": the rule for maps, part by part.
inline std::string mixed_words(const Claim& c) {
  std::vector<std::string> found;
  for (const Part& part : c.parts)
    found.push_back(measure_title(part.measure) + " is " + direction_of(part.found.seeds));
  return join(found, ", ");
}

/// The verdict with what belongs to it.
inline TableCell verdict_cell(const Claim& c) {
  const char* tone = c.verdict == Verdict::supported ? "yes"
                     : c.verdict == Verdict::refuted ? "no"
                                                     : "open";
  const std::string p = "corrected " + p_text(std::min(c.corrected_for, c.corrected_against));
  std::string small;
  const bool no_difference = std::all_of(c.parts.begin(), c.parts.end(), [](const Part& part) {
    return part.found.seeds.mean == 0 && part.found.seeds.deviation == 0;
  });
  if (c.verdict == Verdict::undecided && no_difference)
    small = "the same in every network";
  else if (c.verdict == Verdict::undecided)
    small = p + (detail::points_both_ways(c) ? "; the measures point opposite ways"
                 : c.seeds_needed ? "; would need about " + sgq::to_text(*c.seeds_needed) + " seeds"
                                  : "; would need more than 1000 seeds");
  else if (c.verdict == Verdict::mixed)
    small = mixed_words(c);
  else if (c.verdict == Verdict::none)
    small = sgq::to_text(c.seeds()) + " of 3 seeds or more";
  else if (c.question.rule != Rule::counted)
    small = p;
  return {name(c.verdict), small, tone};
}

/// What is compared, and of how many seeds.
inline TableCell compared_cell(const Claim& c) {
  if (c.question.rule == Rule::counted)
    return {arm_title(c.question.a) + " beside " + arm_title(c.question.b),
            "the same for every seed", "words"};
  return {arm_title(c.question.a) + " \u2212 " + arm_title(c.question.b),
          sgq::to_text(c.seeds()) + (c.seeds() == 1 ? " seed" : " seeds"), "words"};
}

/// The first of what was found; of "kept" with the one-sided bound that decides.
inline TableCell found_cell(const Claim& c) {
  if (c.question.rule == Rule::counted)
    return {number_of(c.times_smaller, 1) + " times smaller",
            number_of(c.times_fewer_operations, 0) + " times fewer bit operations", "words"};
  TableCell cell = part_cell(c.parts[0]);
  if (c.question.rule == Rule::kept && c.tests() > 0)
    cell.small +=
        "; one-sided bound " + text_of(c.bound, points) + ", margin " + text_of(-c.margin, points);
  return cell;
}

/// What a reader must know of the verdicts; `protocol` is a link, and `idle` of the tests are about
/// blank maps where no map is blank.
inline std::string claims_caption(std::size_t tests, std::size_t idle,
                                  const std::string& protocol) {
  return "Questions, margins and rules were fixed before the run; " + protocol +
         " has them, and what was changed since. Differences are paired by seed. In brackets "
         "stands the 95 % interval of Student's t over seeds, then that of images drawn "
         "again, with the networks as they are. Where seeds' differences are normal, 95 % of "
         "such intervals contain the true value; where uniform, 92 % (3 seeds) or 93 % (5); "
         "where skewed like an exponential, 88 %. Supported and refuted: p < .05 after Holm's "
         "correction over all " +
         sgq::to_text(tests) + " tests of this page" +
         (idle > 0 ? ", " + sgq::to_text(idle) + " of them about blank maps, though no map is blank"
                   : "") +
         "; a claim of accuracy that is kept, and one of maps, are two "
         "tests, for and against. Maps are better where two measures are better; mixed: one "
         "is better and the other is not, by their uncorrected intervals. Seeds needed: for a "
         "chance of .8, if differences and spread stay as found and this were the first test "
         "in Holm's order. Effect: the difference over the standard deviation between seeds "
         "of one kind of network; verdicts depend on how the paired differences vary.";
}

/// With a line for all claims about blank maps where there are none.
inline Table claims_table(const std::vector<Claim>& claims, bool nothing_blank = false,
                          const std::string& protocol = "docs/experiment.md") {
  std::vector<Claim> about_blank;
  std::copy_if(claims.begin(), claims.end(), std::back_inserter(about_blank),
               [](const Claim& c) { return c.question.id == "E"; });
  const std::size_t idle = nothing_blank ? number_of_tests(about_blank) : 0;
  Table t{.caption = claims_caption(number_of_tests(claims), idle, protocol),
          .head = {"claim", "verdict", "compared", "found", "second measure"}};
  bool told = false;
  for (const Claim& c : claims) {
    if (nothing_blank && c.question.id == "E") {
      if (!told)
        t.rows.push_back({{"E: blank maps, " + sgq::to_text(about_blank.size()) + " claims"},
                          {name(Verdict::undecided), "no map is blank", "open"},
                          {"", "", "words"},
                          {"", "", "words"},
                          {"", "", "words"}});
      told = true;
      continue;
    }
    std::vector<TableCell> row{{c.question.id + ": " + c.question.claim, c.question.note},
                               verdict_cell(c)};
    row.push_back(compared_cell(c));
    row.push_back(found_cell(c));
    row.push_back(c.parts.size() > 1 ? part_cell(c.parts[1]) : TableCell{"", "", "words"});
    t.rows.push_back(std::move(row));
  }
  return t;
}

/// Drift with its interval, from the claims about it.
inline IntervalChart drift_chart(const std::vector<Claim>& claims) {
  IntervalChart chart{.title = "Drift",
                      .y_label = "below 0: they look elsewhere",
                      .categories = {main_bits[1], main_bits[2]},
                      .with_zero = true};
  for (const std::string& training : {how::plain, how::guided}) {
    IntervalChart::Series s{.name = training, .color = color_of(training), .values = {{}, {}}};
    for (const Claim& c : claims)
      if (c.question.rule == Rule::drift && c.question.a.training == training)
        s.values[c.question.a.bits == main_bits[1] ? 0 : 1] = Level{c.parts[0].found.seeds, {}};
    if (s.values[0] || s.values[1]) chart.series.push_back(std::move(s));
  }
  return chart;
}

} // namespace examples
