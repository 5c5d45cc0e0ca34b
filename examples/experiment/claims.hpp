// The claims of papers A and B, and what the data say of each.
//
//     A  arXiv 2411.05858   quantisation costs accuracy and interpretability, more at fewer bits
//     B  arXiv 2412.03915   quantised and guided: accuracy is kept; the model is more efficient and
//                           more interpretable
//
// A claim is a difference of means, paired by seed and image, turned so that above zero is what the
// paper says. Its 95 % interval decides: wholly above zero the claim is supported, wholly below it
// is not supported, else these data do not decide. One seed decides nothing about training: its
// interval speaks of other images only. "Kept" is a margin, fixed here: at most one point lost.
// Paper A trains with explanations, so its comparison is within guided training; what paper B calls
// the standard model is plain fp32. Interpretability is read as masked accuracy, the measure of
// those who invented guided training; what the other measures say of the same claim stands beside.
#pragma once

#include "papers.hpp"
#include "study.hpp"

#include "sgq/saliency/metrics/map_metrics.hpp"

#include <span>

namespace examples {

inline constexpr double kept_margin = 0.01; ///< of the images: one point of accuracy

enum class Verdict { supported, not_supported, undecided };

inline const char* name(Verdict v) {
  return v == Verdict::supported       ? "supported"
         : v == Verdict::not_supported ? "not supported"
                                       : "not decided";
}

/// By the interval of a difference that was claimed to be above zero.
inline Verdict decide(const Estimate& e, index_t seeds) {
  if (seeds < 2 || e.count == 0 || std::isnan(e.low)) return Verdict::undecided;
  return e.low > 0 ? Verdict::supported : e.high < 0 ? Verdict::not_supported : Verdict::undecided;
}

/// A measure, its title, and whether more of it is better.
struct MeasureInfo {
  std::string name, title;
  int better; ///< +1: more is better
};

inline const MeasureInfo accuracy_measure{"accuracy", "accuracy", +1};

/// Of maps; the first decides the claims. All but the second are metrics of the library.
inline const std::vector<MeasureInfo>& map_measures() {
  static const std::vector<MeasureInfo> measures = [] {
    std::vector<MeasureInfo> all;
    for (const char* name :
         {"masked_accuracy", "masked_advantage", "deletion", "insertion",
          "relevance_mass_on_evidence", "relevance_mass_on_ink", "max_sensitivity"})
      if (const auto* metric = sgq::saliency::find_map_metric(name))
        all.push_back({name, sgq::saliency::title_of_measure(name), metric->better});
      else
        all.push_back({name, "masked accuracy below that of a random ranking", +1});
    return all;
  }();
  return measures;
}

/// What another measure says of the same claim.
struct Opinion {
  std::string title;
  Verdict verdict;
};

struct Claim {
  char paper = 'A';
  std::string what{};  ///< "quantisation costs accuracy", the same on every set
  std::string words{}; ///< the same within the answer: "That .. is supported"
  std::string dataset{};
  std::string measure{}; ///< by its title
  /// The difference as it is printed, not turned; positive where the measure rose.
  Contrast found{};
  Verdict verdict = Verdict::undecided;
  std::vector<Opinion> others{};
  /// For the claim of efficiency, which has no interval: fp32 over quantised.
  double times_smaller = 0, times_fewer_operations = 0;

  bool exact() const { return times_smaller > 0; }
};

namespace detail {

/// What is claimed of a, beside b.
enum class Claimed {
  better,
  worse,
  kept, ///< not worse by more than the margin
};

struct Question {
  char paper;
  const char *what, *words;
  Condition a, b;
  Claimed claimed;
};

inline Estimate turned(Estimate e, double sign, double shift) {
  const double low = sign * e.low + shift, high = sign * e.high + shift;
  e.mean = sign * e.mean + shift;
  e.low = std::min(low, high);
  e.high = std::max(low, high);
  return e;
}

inline std::optional<Claim> ask(const Study& study, const std::string& dataset, const Question& q,
                                const MeasureInfo& measure) {
  const auto found = contrast(study, dataset, measure.name, q.a, q.b);
  if (!found) return std::nullopt;
  Claim claim{.paper = q.paper,
              .what = q.what,
              .words = q.words,
              .dataset = dataset,
              .measure = measure.title,
              .found = *found};
  const double sign = (q.claimed == Claimed::worse ? -1 : 1) * measure.better;
  const double margin = q.claimed == Claimed::kept ? kept_margin : 0;
  claim.verdict = decide(turned(found->estimate, sign, margin), found->seeds);
  return claim;
}

/// The same about maps: the first measure decides, the others are asked for their opinion.
inline std::optional<Claim> ask_maps(const Study& study, const std::string& dataset,
                                     const Question& q) {
  std::optional<Claim> claim = ask(study, dataset, q, map_measures().front());
  if (!claim) return std::nullopt;
  for (const MeasureInfo& m : std::span(map_measures()).subspan(1))
    if (const auto other = ask(study, dataset, q, m))
      claim->others.push_back({m.title, other->verdict});
  return claim;
}

/// Exact counts, no interval.
inline std::optional<Claim> efficiency(const Study& study, const std::string& dataset,
                                       const Condition& quantised) {
  const CellNumbers *small = nullptr, *real = nullptr;
  for (const CellNumbers& c : study.cells) {
    if (c.dataset != dataset || !c.variant.empty() || !c.row) continue;
    if (c.bits == quantised.bits.front() && c.guided == quantised.guided) small = &c;
    if (c.bits == "fp32" && !c.guided) real = &c;
  }
  if (!small || !real) return std::nullopt;
  const auto ratio = [&](const char* what) {
    return real->row->at(what).as_double() / small->row->at(what).as_double();
  };
  Claim claim{.paper = 'B',
              .what = "more efficient",
              .words = "the network is more efficient",
              .dataset = dataset,
              .measure = "counted, " + quantised.bits.front()};
  claim.times_smaller = ratio("packed_bytes");
  claim.times_fewer_operations = ratio("bit_operations");
  claim.verdict = claim.times_smaller > 1 && claim.times_fewer_operations > 1
                      ? Verdict::supported
                      : Verdict::not_supported;
  return claim;
}

} // namespace detail

namespace detail {

inline const Condition four_bits{{"w4a4"}, true}, two_bits{{"w2a2"}, true},
    few_bits{{"w4a4", "w2a2"}, true}, guided_fp32{{"fp32"}, true}, plain_fp32{{"fp32"}, false};

/// The claims of a paper on one set, in the order of the report; nothing where cells are missing.
inline std::vector<std::optional<Claim>> ask_paper_a(const Study& study, const std::string& set) {
  const Question accuracy{.paper = 'A',
                          .what = "quantisation costs accuracy",
                          .words = "quantisation costs accuracy",
                          .a = few_bits,
                          .b = guided_fp32,
                          .claimed = Claimed::worse};
  const Question fewer{.paper = 'A',
                       .what = "fewer bits cost more accuracy",
                       .words = "two bits cost more of it than four",
                       .a = two_bits,
                       .b = four_bits,
                       .claimed = Claimed::worse};
  const Question maps{.paper = 'A',
                      .what = "quantisation costs interpretability",
                      .words = "it costs interpretability",
                      .a = few_bits,
                      .b = guided_fp32,
                      .claimed = Claimed::worse};
  const Question maps_fewer{.paper = 'A',
                            .what = "fewer bits cost more interpretability",
                            .words = "two bits cost more of that",
                            .a = two_bits,
                            .b = four_bits,
                            .claimed = Claimed::worse};
  return {ask(study, set, accuracy, accuracy_measure), ask(study, set, fewer, accuracy_measure),
          ask_maps(study, set, maps), ask_maps(study, set, maps_fewer)};
}

inline std::vector<std::optional<Claim>> ask_paper_b(const Study& study, const std::string& set) {
  const Question accuracy{.paper = 'B',
                          .what = "accuracy is kept",
                          .words = "accuracy is kept to within one point",
                          .a = few_bits,
                          .b = plain_fp32,
                          .claimed = Claimed::kept};
  const Question maps{.paper = 'B',
                      .what = "more interpretable",
                      .words = "it is more interpretable",
                      .a = few_bits,
                      .b = plain_fp32,
                      .claimed = Claimed::better};
  return {ask(study, set, accuracy, accuracy_measure), efficiency(study, set, four_bits),
          ask_maps(study, set, maps)};
}

} // namespace detail

/// Every claim on every set: those of the paper's own, and the built-in one as a check.
inline std::vector<Claim> decide_claims(const Study& study,
                                        const std::vector<std::string>& datasets) {
  std::vector<Claim> claims;
  for (const char paper : {'A', 'B'})
    for (const std::string& set : datasets) {
      if (!is_set_of(paper, set) && set != "synthetic") continue;
      const auto asked =
          paper == 'A' ? detail::ask_paper_a(study, set) : detail::ask_paper_b(study, set);
      for (const std::optional<Claim>& claim : asked)
        if (claim) claims.push_back(*claim);
    }
  return claims;
}

/// Adds what follows from measures of one network: the area below that of a random ranking.
inline void add_derived(Study& study) {
  for (CellNumbers& cell : study.cells) {
    const auto map = cell.values.find("masked_accuracy"),
               random = cell.values.find("masked_accuracy_of_random_ranking");
    if (map == cell.values.end() || random == cell.values.end()) continue;
    std::vector<double> gain(map->second.size());
    for (std::size_t i = 0; i < gain.size(); ++i) gain[i] = random->second[i] - map->second[i];
    cell.values["masked_advantage"] = std::move(gain);
  }
}

} // namespace examples
