// The report's table and chart of how far maps move.
#pragma once

#include "tables.hpp"

namespace examples {

/// True if fp32 networks of several seeds are there to be compared with each other.
inline bool has_seed_baseline(const Study& study, const std::string& dataset) {
  return level(study, dataset, "spearman", {{"fp32"}, false}) ||
         level(study, dataset, "spearman", {{"fp32"}, true});
}

inline IntervalChart drift_chart(const Study& study, const std::string& dataset) {
  IntervalChart chart{.title = set_title(dataset), .y_label = "Spearman correlation with fp32"};
  if (chart.title[0] == 't') chart.title[0] = 'T';
  auto all = bits_of(study, dataset);
  all.erase(std::remove(all.begin(), all.end(), "fp32"), all.end());
  const bool seeds = has_seed_baseline(study, dataset);
  if (seeds) chart.categories.push_back("other\nseed");
  for (const std::string& bits : all) chart.categories.push_back(bits_label(bits));
  chart.categories.push_back("random\nweights");
  for (const bool guided : {false, true}) {
    IntervalChart::Series s{.name = training_title(guided),
                            .color = guided ? guided_color : plain_color};
    const Condition real{{"fp32"}, guided};
    if (seeds) {
      s.values.push_back(level(study, dataset, "spearman", real));
      if (s.values[0]) s.baseline = s.values[0]->estimate;
    }
    for (const std::string& bits : all)
      s.values.push_back(level(study, dataset, "spearman", {{bits}, guided}));
    s.values.push_back(level(study, dataset, "floor.spearman", real));
    chart.series.push_back(std::move(s));
  }
  return chart;
}

namespace detail {

/// The row's last two cells: Spearman - between-seed baseline, and what that says.
inline std::vector<TableCell> drift_verdict(const Study& study, const std::string& dataset,
                                            const Condition& how) {
  const auto change = contrast(study, dataset, "spearman", how, {{"fp32"}, how.guided});
  if (!change) return {{""}, {"", "", "words"}};
  const auto others = others_beyond_seeds(study, dataset, how);
  return {cell_of(change, ratio_change),
          {change->estimate.high < 0  ? "more than between seeds"
           : change->estimate.low > 0 ? "less than between seeds"
                                      : "as between seeds",
           others.empty() ? "" : "(more: " + join(others, ", ") + ")", "words"}};
}

/// The similarities under a condition; nothing if none was measured.
inline std::optional<std::vector<TableCell>> similarities(const Study& study,
                                                          const std::string& dataset,
                                                          const std::string& prefix,
                                                          const Condition& how) {
  std::vector<TableCell> row;
  bool any = false;
  for (const SimilarityMeasure& m : similarity_measures) {
    const auto found = level(study, dataset, prefix + std::string(m.name), how);
    any = any || found;
    row.push_back(cell_of(found, ratio));
  }
  if (!any) return std::nullopt;
  return row;
}

} // namespace detail

inline Table drift_table(const Study& study, const std::string& dataset) {
  const bool seeds = has_seed_baseline(study, dataset);
  Table t{.caption = "How alike maps of " + set_title(dataset) +
                     " are to those of the fp32 network of the same seed and training. ",
          .head = {set_title(dataset)}};
  for (const SimilarityMeasure& m : similarity_measures) t.head.emplace_back(m.title);
  if (seeds) t.head.insert(t.head.end(), {"Spearman \u2212 between seeds", "drift?"});
  t.caption += seeds
                   ? "Two baselines: fp32 networks from other seeds, and random weights. The last "
                     "columns compare Spearman with the between-seed baseline, paired by seed and "
                     "image: maps have drifted only if the interval lies below zero. In brackets, "
                     "other measures that call it a drift."
                   : "Random weights are the baseline. There is one seed, so nothing says how far "
                     "maps move without any quantisation.";
  const auto add = [&](const std::string& title, const std::string& prefix, const Condition& how,
                       bool compared) {
    const auto found = detail::similarities(study, dataset, prefix, how);
    if (!found) return;
    std::vector<TableCell> row{{title}};
    row.insert(row.end(), found->begin(), found->end());
    if (seeds) {
      const auto verdict = compared ? detail::drift_verdict(study, dataset, how)
                                    : std::vector<TableCell>{{""}, {"", "", "words"}};
      row.insert(row.end(), verdict.begin(), verdict.end());
    }
    t.rows.push_back(std::move(row));
  };
  for (const bool guided : {false, true}) {
    const std::string kind = ", " + training_title(guided);
    for (const std::string& bits : bits_of(study, dataset))
      add(bits == "fp32" ? "fp32, other seeds" + kind : bits + kind, "", {{bits}, guided},
          bits != "fp32");
    add("random weights" + kind, "floor.", {{"fp32"}, guided}, false);
  }
  return t;
}

} // namespace examples
