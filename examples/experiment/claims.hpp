// What the numbers say of each question of the experiment (questions.hpp).
//
//     one measure   a - b, paired by seed: Student's t over the seeds' differences, two-sided
//     kept          a - b stays above -margin: non-inferiority, one-sided
//     maps          the rule for maps: the set's second measure improves, AND the masked-accuracy
//                   area falls below that of the random ranking of the same network
//     drift         jackknife over seeds (sgq/saliency/metrics/jackknife.hpp)
//
// Holm's correction goes over all tests of a set. "Supported" and "refuted" need the corrected
// p < .05. "One measure" and drift are one two-sided test. "Kept" is two one-sided tests: that the
// loss is below the margin, and that it is above. The rule for maps is two tests, one for each
// direction: p is the larger one of its two parts' two-sided p, and 1 where a part points the other
// way. "Mixed": by their own intervals, without correction, the maps of a are better in one part
// and not in the other; both of them are named. Fewer than 3 seeds: no verdict, the number alone.
#pragma once

#include "questions.hpp"

#include "sgq/saliency/metrics/holm.hpp"
#include "sgq/saliency/metrics/jackknife.hpp"

namespace examples {

inline constexpr double significance = 0.05; ///< of corrected p

enum class Verdict { supported, refuted, mixed, undecided, none };

inline const char* name(Verdict v) {
  constexpr const char* names[] = {"supported", "refuted", "mixed", "undecided", "no verdict"};
  return names[static_cast<int>(v)];
}

/// A measure's share in the answer. More of every measure here is better.
struct Part {
  std::string measure{};
  Difference found{};
  /// Over the images on which neither map is blank, if there are others; decides nothing.
  std::optional<saliency::SeedEstimate> without_blank{};
};

struct Claim {
  Question question{};
  std::vector<Part> parts{};
  double margin = 0, bound = 0;                    ///< of "kept"; bound: one-sided, 95 %
  double p_for = 1, p_against = 1;                 ///< as tested
  double corrected_for = 1, corrected_against = 1; ///< by Holm, over all tests of the set
  Verdict verdict = Verdict::none;
  std::optional<index_t> seeds_needed{};                ///< where undecided
  double times_smaller = 0, times_fewer_operations = 0; ///< counted

  /// Those that all parts have.
  index_t seeds() const {
    index_t fewest = parts.empty() ? 0 : parts[0].found.seeds.seeds;
    for (const Part& p : parts) fewest = std::min(fewest, p.found.seeds.seeds);
    return fewest;
  }
  /// How many tests it is, of those that Holm's correction goes over.
  std::size_t tests() const {
    if (question.rule == Rule::counted || seeds() < saliency::fewest_seeds) return 0;
    return question.rule == Rule::kept || question.rule == Rule::maps ? 2 : 1;
  }
};

/// Of all claims of a set.
inline std::size_t number_of_tests(const std::vector<Claim>& claims) {
  std::size_t tests = 0;
  for (const Claim& c : claims) tests += c.tests();
  return tests;
}

/// +1, -1 by the sign of an interval that leaves 0 out; else 0.
inline int sign_of(const saliency::SeedEstimate& e) {
  return e.low > 0 ? +1 : e.high < 0 ? -1 : 0;
}

namespace detail {

/// p of a difference's own direction, and 1 for the other one.
inline void two_sided(Claim& c, const saliency::SeedEstimate& e) {
  (e.mean * c.question.claimed > 0 ? c.p_for : c.p_against) = e.p;
}

inline void ask_kept(Claim& c, const Study& study) {
  c.margin = kept_margin(study.dataset);
  const Paired p = paired(study, c.question.a, c.question.b, "accuracy");
  const auto result = saliency::non_inferiority(saliency::paired_difference(p.a, p.b), c.margin);
  c.bound = result.bound;
  c.p_for = result.p;
  c.p_against = 1 - result.p; // of a true loss of less than the margin
}

inline void ask_counted(Claim& c, const Study& study) {
  const auto one = [&](const Arm& arm) { return study.find(arm, study.seeds_of(arm).at(0))->row; };
  const io::Json &few = *one(c.question.a), &real = *one(c.question.b);
  const auto times = [&](const char* what) {
    return real.at(what).as_double() / few.at(what).as_double();
  };
  c.times_smaller = times("packed_bytes");
  c.times_fewer_operations = times("bit_operations");
  c.verdict =
      c.times_smaller > 1 && c.times_fewer_operations > 1 ? Verdict::supported : Verdict::refuted;
}

/// The larger p of both parts, for each direction.
inline void ask_maps(Claim& c) {
  c.p_for = c.p_against = 0;
  for (const Part& part : c.parts) {
    const saliency::SeedEstimate& e = part.found.seeds;
    const bool agrees = e.mean * c.question.claimed > 0;
    c.p_for = std::max(c.p_for, agrees ? e.p : 1.0);
    c.p_against = std::max(c.p_against, agrees ? 1.0 : e.p);
  }
}

/// A difference over the images on which neither map is blank; nothing where this is all images.
inline std::optional<saliency::SeedEstimate>
difference_without_blank(const Study& study, const Question& q, const std::string& measure) {
  Paired p = paired(study, q.a, q.b, measure);
  const Paired blank = paired(study, q.a, q.b, "blank_maps");
  bool any = false;
  for (index_t i = 0; i < blank.a.size() && !blank.empty(); ++i)
    if (blank.a[i] != 0 || blank.b[i] != 0) p.a[i] = saliency::undefined, any = true;
  if (!any) return std::nullopt;
  return saliency::t_difference(p.a, p.b);
}

/// The difference of what was asked, measure by measure; nothing where networks are missing.
inline std::optional<Claim> ask(const Study& study, const Question& q) {
  Claim c{.question = q};
  std::vector<std::string> measures = {q.measure};
  if (q.rule == Rule::maps) measures = {second_measure_of(study.dataset), "masked_advantage"};
  for (const std::string& measure : measures) {
    const auto found = difference(paired(study, q.a, q.b, measure));
    if (!found) return std::nullopt;
    c.parts.push_back({measure, *found});
    if (q.rule == Rule::maps)
      c.parts.back().without_blank = difference_without_blank(study, q, measure);
  }
  if (q.rule == Rule::counted) {
    ask_counted(c, study);
    return c;
  }
  if (c.seeds() < saliency::fewest_seeds) return c;
  if (q.rule == Rule::kept)
    ask_kept(c, study);
  else if (q.rule == Rule::maps)
    ask_maps(c);
  else
    two_sided(c, c.parts[0].found.seeds);
  return c;
}

/// A matrix of a row of drift.jsonl [S,S]; undefined where two networks have no image in common on
/// which neither map is blank.
inline Tensor<double> matrix_of(const io::Json& stored) {
  const auto& lines = stored.as_array();
  const auto seeds = static_cast<index_t>(lines.size());
  Tensor<double> m({seeds, seeds});
  for (index_t i = 0; i < m.size(); ++i) {
    const io::Json& v =
        lines[static_cast<std::size_t>(i / seeds)].as_array()[static_cast<std::size_t>(i % seeds)];
    m[i] = v.is_null() ? saliency::undefined : v.as_double();
  }
  return m;
}

/// The drift in one measure of similarity, from a row of drift.jsonl; nothing where a pair of seeds
/// cannot be compared.
inline std::optional<saliency::SeedEstimate> drift_of(const io::Json& row,
                                                      std::string_view measure) {
  const io::Json& stored = row.at("similarity").at(measure);
  const Tensor<double> quantised = matrix_of(stored.at("quantised")),
                       reference = matrix_of(stored.at("reference"));
  const index_t seeds = quantised.shape()[0];
  for (index_t i = 0; i < quantised.size(); ++i)
    if (i / seeds != i % seeds && std::isnan(quantised[i] - reference[i])) return std::nullopt;
  return saliency::drift_jackknife(quantised, reference);
}

/// Do quantised networks look elsewhere? By Spearman; nothing where drift_of() has nothing.
inline std::optional<Claim> ask_drift(const io::Json& row) {
  const auto found = drift_of(row, "spearman");
  if (!found) return std::nullopt;
  const std::string &bits = row.at("bits").as_string(), &training = row.at("training").as_string();
  Claim c{.question = {.id = "D",
                       .claim = "quantised networks look elsewhere, " + training + " " + bits,
                       .rule = Rule::drift,
                       .a = {bits, training},
                       .b = {"fp32", training},
                       .claimed = -1,
                       .measure = "spearman"}};
  Difference d;
  d.seeds = *found;
  d.images = {saliency::undefined, saliency::undefined, saliency::undefined, 0, 0};
  c.parts.push_back({.measure = "spearman", .found = d});
  if (c.seeds() >= saliency::fewest_seeds) two_sided(c, d.seeds);
  return c;
}

/// What an undecided claim would be without the correction: +1 supported, -1 refuted, 0 open, too.
inline int lean(const Claim& c) {
  return c.p_for < significance ? +1 : c.p_against < significance ? -1 : 0;
}

/// Holm over all tests.
inline void correct(std::vector<Claim>& claims) {
  std::vector<double> p;
  std::vector<double*> into;
  const auto add = [&](double tested, double& corrected) {
    p.push_back(tested), into.push_back(&corrected);
  };
  for (Claim& c : claims) {
    if (c.tests() == 0) continue;
    const bool both = c.tests() == 2;
    if (both || c.p_for <= c.p_against) add(c.p_for, c.corrected_for);
    if (both || c.p_against < c.p_for) add(c.p_against, c.corrected_against);
  }
  const std::vector<double> adjusted = saliency::holm(p);
  for (std::size_t i = 0; i < into.size(); ++i) *into[i] = adjusted[i];
}

/// True where one measure of maps is better on average, and the other is worse.
inline bool points_both_ways(const Claim& c) {
  return c.parts.size() == 2 && c.parts[0].found.seeds.mean * c.parts[1].found.seeds.mean < 0;
}

/// How many seeds would decide an open claim, were it the first of `tests` in Holm's order. More
/// seeds cannot decide one whose measures point both ways.
inline std::optional<index_t> needed(const Claim& c, std::size_t tests) {
  const double sides = c.question.rule == Rule::kept ? 2 : 1, // of an interval: one is tested
      confidence = 1 - sides * significance / static_cast<double>(tests);
  if (points_both_ways(c)) return std::nullopt;
  std::optional<index_t> most = 0;
  for (const Part& part : c.parts) {
    saliency::SeedEstimate e = part.found.seeds;
    e.mean += c.margin;
    const auto one = saliency::seeds_needed(e, confidence);
    most = most && one ? std::optional(std::max(*most, *one)) : std::nullopt;
  }
  return most;
}

inline void decide(Claim& c, std::size_t tests) {
  if (c.tests() == 0) return;
  if (c.corrected_for < significance || c.corrected_against < significance) {
    c.verdict = c.corrected_for < significance ? Verdict::supported : Verdict::refuted;
    return;
  }
  c.verdict = Verdict::undecided;
  const auto better = [&](std::size_t part) { return sign_of(c.parts[part].found.seeds) > 0; };
  if (c.question.rule == Rule::maps && better(0) != better(1))
    c.verdict = Verdict::mixed;
  else
    c.seeds_needed = needed(c, tests);
}

} // namespace detail

/// How large a mean difference must be, in standard deviations of the seeds' differences, for the
/// first of `tests` in Holm's order to give a verdict.
inline double deviations_needed(index_t seeds, std::size_t tests) {
  const double p = significance / static_cast<double>(std::max<std::size_t>(1, tests));
  return saliency::student_quantile(1 - p / 2, seeds - 1) / std::sqrt(static_cast<double>(seeds));
}

/// All claims that the set's networks allow, in the order of the page.
inline std::vector<Claim> decide_claims(const Study& study) {
  std::vector<Claim> claims;
  for (const auto& list :
       {detail::questions_of_papers(study.dataset), detail::questions_of_rivals(study.dataset),
        detail::questions_of_blank_maps()})
    for (const Question& q : list)
      if (auto claim = detail::ask(study, q)) claims.push_back(std::move(*claim));
  for (const io::Json& row : study.drift)
    if (auto claim = detail::ask_drift(row)) claims.push_back(std::move(*claim));
  detail::correct(claims);
  const std::size_t tests = number_of_tests(claims);
  for (Claim& c : claims) detail::decide(c, tests);
  return claims;
}

} // namespace examples
