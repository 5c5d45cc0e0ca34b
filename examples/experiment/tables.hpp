// The page's tables and charts of accuracy and maps, each from the study.
#pragma once

#include "claims.hpp"
#include "document.hpp"
#include "glance_chart.hpp"

namespace examples {

/// As texts call a set.
inline std::string set_title(const std::string& dataset) {
  return std::string(data::dataset_info(dataset).title);
}

/// The policies that have networks, from many bits to few; others come last.
inline std::vector<std::string> bits_of(const Study& study) {
  std::vector<std::string> order = {"fp32", "w4a4", "w4a2", "w2a4", "layerwise-4-2", "w2a2"};
  for (const Network& n : study.networks)
    if (std::find(order.begin(), order.end(), n.bits) == order.end()) order.push_back(n.bits);
  std::erase_if(order, [&](const std::string& bits) {
    return std::none_of(study.networks.begin(), study.networks.end(),
                        [&](const Network& n) { return n.variant.empty() && n.bits == bits; });
  });
  return order;
}

inline const std::vector<std::string>& trainings() {
  static const std::vector<std::string> all = {how::plain, how::guided, how::random_mask,
                                               how::equal_compute};
  return all;
}

/// The arms that have networks, training by training.
inline std::vector<Arm> arms_of(const Study& study) {
  std::vector<Arm> arms;
  for (const std::string& training : trainings())
    for (const std::string& bits : bits_of(study))
      if (!study.seeds_of({bits, training}).empty()) arms.push_back({bits, training});
  return arms;
}

/// Short enough for the axis of a chart.
inline std::string bits_label(const std::string& bits) {
  return bits == "layerwise-4-2" ? "layers\n4, 2" : bits;
}

inline std::string arm_title(const Arm& arm) {
  std::string title = arm.bits + ", " + arm.training;
  if (!arm.map.empty()) title += ", " + arm.map.substr(0, arm.map.size() - 1);
  if (!arm.variant.empty()) title += ", " + arm.variant;
  return title;
}

/// "-0.12 [-0.20, -0.04]", as two lines of a cell.
inline TableCell cell_of(const saliency::SeedEstimate& e, const Style& s) {
  if (e.seeds == 0) return {"-"};
  return {text_of(e.mean, s), interval_of({e.mean, e.low, e.high, e.seeds, 0}, s)};
}

inline TableCell cell_of(const std::optional<Level>& l, const Style& s) {
  return l ? cell_of(l->seeds, s) : TableCell{"-"};
}

inline TableCell cell_of(const std::optional<Difference>& d, const Style& s) {
  return d ? cell_of(d->seeds, s) : TableCell{"-"};
}

/// How a measure is called, and which way is better.
inline std::string measure_title(const std::string& measure) {
  if (measure == "spearman") return "Spearman correlation";
  if (measure == "blank_gradients") return "blank gradients";
  if (measure == "blank_maps") return "blank maps";
  return measure == "accuracy" ? measure : saliency::title_of_measure(measure);
}

inline bool in_percent(const std::string& measure) {
  return measure == "accuracy" || measure == "blank_maps" || measure == "blank_gradients";
}
inline const Style& change_style(const std::string& measure) {
  return in_percent(measure) ? points : ratio_change;
}
/// "-0.64 points"
inline std::string change_text(double change, const std::string& measure) {
  return text_of(change, change_style(measure)) + (in_percent(measure) ? " points" : "");
}

// ---- The picture that answers at a glance -------------------------------------------------------

/// Accuracy lost against a measure gained, both beside plain fp32 of the same seed.
inline GlanceChart glance_chart(const Study& study, const std::string& measure) {
  GlanceChart chart{.title = measure_title(measure),
                    .x_label = "accuracy lost, points (left is better)",
                    .y_label = "gained (up is better)"};
  const Arm base{"fp32", how::plain};
  std::map<std::string, std::size_t> plain_at;
  for (const Arm& arm : arms_of(study)) {
    if (std::find(main_bits.begin(), main_bits.end(), arm.bits) == main_bits.end()) continue;
    const auto accuracy = difference(paired(study, arm, base, "accuracy")),
               gain = difference(paired(study, arm, base, measure));
    if (!accuracy || !gain) continue;
    GlanceChart::Point p{.name = arm.bits, .color = color_of(arm.training)};
    if (chart.legend.empty() || chart.legend.back().second != p.color)
      chart.legend.emplace_back(legend_of(arm.training), p.color);
    for (const double a : accuracy->by_seed) p.lost.push_back(-100 * a);
    p.gained = gain->by_seed;
    if (arm.training == how::plain) plain_at[arm.bits] = chart.points.size();
    if (arm.training == how::guided && plain_at.count(arm.bits))
      chart.arrows.emplace_back(plain_at[arm.bits], chart.points.size());
    chart.points.push_back(std::move(p));
  }
  return chart;
}

// ---- Levels -------------------------------------------------------------------------------------

/// A measure against bits, a series per training.
inline IntervalChart bits_chart(const Study& study, const std::string& measure,
                                const std::string& y_label, double scale) {
  IntervalChart chart{.title = measure_title(measure), .y_label = y_label, .scale = scale};
  const auto all = bits_of(study);
  for (const std::string& training : trainings()) {
    IntervalChart::Series s{.name = legend_of(training), .color = color_of(training)};
    for (const std::string& bits : all) s.values.push_back(level(study, {bits, training}, measure));
    if (std::any_of(s.values.begin(), s.values.end(), [](const auto& v) { return v.has_value(); }))
      chart.series.push_back(std::move(s));
  }
  for (const std::string& bits : all) chart.categories.push_back(bits_label(bits));
  return chart;
}

/// An arm minus plain networks of the same bits and seeds.
inline saliency::SeedEstimate gain_of(const Study& study, const Arm& arm,
                                      const std::string& measure) {
  const Paired p = paired(study, arm, {arm.bits, how::plain}, measure);
  return p.empty() ? saliency::SeedEstimate{} : saliency::t_difference(p.a, p.b);
}

inline Table accuracy_table(const Study& study) {
  Table t{
      .caption = "Test accuracy, %, mean over seeds with the 95 % interval of Student's t; "
                 "differences in points, paired by seed.",
      .head = {"network", "seeds", "accuracy", "\u2212 plain fp32", "\u2212 fp32, same training"}};
  for (const Arm& arm : arms_of(study)) {
    const auto minus = [&](const Arm& other) {
      if (other.bits == arm.bits && other.training == arm.training) return TableCell{""};
      return cell_of(difference(paired(study, arm, other, "accuracy")), points);
    };
    t.rows.push_back({{arm_title(arm)},
                      {sgq::to_text(study.seeds_of(arm).size())},
                      cell_of(level(study, arm, "accuracy"), percent),
                      minus({"fp32", how::plain}),
                      minus({"fp32", arm.training})});
  }
  return t;
}

/// Where the gain comes from whose origin C1 asks: every other training minus plain training.
inline Table gains_table(const Study& study) {
  const std::string second = second_measure_of(study.dataset);
  Table t{.caption = "What each training gains over plain networks of the same bits and seeds, "
                     "accuracy in points: the gain whose origin C1 asks for. Not tested.",
          .head = {"network \u2212 plain, same bits", "seeds", "accuracy", measure_title(second),
                   measure_title("masked_advantage")}};
  for (const Arm& arm : arms_of(study)) {
    const Paired common = paired(study, arm, {arm.bits, how::plain}, "accuracy");
    if (arm.training == how::plain || common.empty()) continue;
    std::vector<TableCell> row{{arm_title(arm)}, {sgq::to_text(common.seeds.size())}};
    for (const std::string& measure :
         {std::string("accuracy"), second, std::string("masked_advantage")})
      row.push_back(cell_of(gain_of(study, arm, measure), change_style(measure)));
    t.rows.push_back(std::move(row));
  }
  return t;
}

/// The second measure, and masked accuracy.
inline std::vector<std::string> deciding_measures(const Study& study) {
  return {second_measure_of(study.dataset), "masked_advantage", "masked_accuracy",
          "masked_accuracy_of_random_ranking"};
}

/// The measures of |dS/dx| in the order of the tables.
inline std::vector<std::string> shown_measures(const Study& study) {
  std::vector<std::string> shown, all = deciding_measures(study);
  for (const char* measure :
       {"relevance_mass_on_evidence", "relevance_mass_on_ink", "road", "deletion", "insertion",
        "gini", "normalized_entropy", "max_sensitivity", "blank_maps"})
    if (std::find(all.begin(), all.end(), measure) == all.end()) all.emplace_back(measure);
  if (none_is_blank(study)) all.pop_back();
  for (const std::string& measure : all)
    if (std::any_of(study.networks.begin(), study.networks.end(),
                    [&](const Network& n) { return n.evidence.numbers.count(measure) > 0; }))
      shown.emplace_back(measure);
  return shown;
}

/// "masked accuracy (low)"
inline std::string head_of_measure(const std::string& measure) {
  const saliency::MapMetric* metric = saliency::find_map_metric(measure);
  const int better = metric ? metric->better : 0;
  return measure_title(measure) + (in_percent(measure) ? ", %" : "") +
         (better > 0   ? " (high)"
          : better < 0 ? " (low)"
                       : "");
}

/// Levels of measures; `map` chooses the maps.
inline Table maps_table(const Study& study, const std::string& map,
                        const std::vector<std::string>& wanted, const std::string& caption) {
  Table t{.caption = caption, .head = {"network"}};
  std::vector<std::string> measures;
  for (const std::string& measure : wanted)
    if (std::any_of(study.networks.begin(), study.networks.end(), [&](const Network& n) {
          return n.evidence.numbers.count(map + measure) > 0;
        })) {
      measures.push_back(measure);
      t.head.push_back(head_of_measure(measure));
    }
  for (const Arm& arm : arms_of(study)) {
    std::vector<TableCell> row{{arm_title(arm)}};
    bool any = false;
    for (const std::string& measure : measures) {
      const auto found = level(study, {arm.bits, arm.training, map}, measure);
      any = any || found;
      row.push_back(cell_of(found, in_percent(measure) ? percent : ratio));
    }
    if (any) t.rows.push_back(std::move(row));
  }
  return t;
}

} // namespace examples
