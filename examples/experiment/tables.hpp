// The report's tables and charts, each from the study.
#pragma once

#include "answers.hpp"
#include "charts.hpp"
#include "document.hpp"
#include "drift.hpp"

namespace examples {

/// The policies that a set was run with, from many bits to few; others come last.
inline std::vector<std::string> bits_of(const Study& study, const std::string& dataset) {
  std::vector<std::string> order = {"fp32", "w4a4", "w4a2", "w2a4", "layerwise-4-2", "w2a2"};
  const auto take = [&](const CellNumbers& c) { return c.dataset == dataset && c.variant.empty(); };
  for (const CellNumbers& c : study.cells)
    if (take(c) && std::find(order.begin(), order.end(), c.bits) == order.end())
      order.push_back(c.bits);
  std::erase_if(order, [&](const std::string& bits) {
    return std::none_of(study.cells.begin(), study.cells.end(),
                        [&](const CellNumbers& c) { return take(c) && c.bits == bits; });
  });
  return order;
}

/// Short enough for the axis of a chart.
inline std::string bits_label(const std::string& bits) {
  return bits == "layerwise-4-2" ? "layers\n4, 2" : bits;
}

inline std::string training_title(bool guided) {
  return guided ? "guided" : "plain";
}

/// A number with its interval below.
inline TableCell cell_of(const std::optional<Contrast>& c, const Style& s) {
  if (!c || c->estimate.count == 0) return {"-"};
  return {text_of(c->estimate.mean, s), interval_of(c->estimate, s)};
}

// ---- Claims -------------------------------------------------------------------------------------

inline Table claims_table(const std::vector<Claim>& claims) {
  Table t{.caption =
              "Every claim, turned into a difference of means, paired by seed and image, with its "
              "95 % bootstrap interval over seeds and images; no correction for their number. "
              "Wholly on the claim's side: supported; wholly on the other: not supported; else, or "
              "with one seed: not decided. Interpretability is judged by the area under masked "
              "accuracy (lower is better); the last column says where other measures of the same "
              "maps agree.",
          .head = {"claim", "set", "difference", "verdict", "other measures of the maps"}};
  for (const Claim& c : claims) {
    std::vector<std::string> agree, differ, open;
    for (const Opinion& o : c.others)
      (o.verdict == Verdict::supported       ? agree
       : o.verdict == Verdict::not_supported ? differ
                                             : open)
          .push_back(o.title);
    std::string others;
    for (const auto& [words, list] :
         {std::pair{"agree: ", &agree}, {"contradict: ", &differ}, {"undecided: ", &open}})
      if (!list->empty()) others += (others.empty() ? "" : "; ") + (words + join(*list, ", "));
    const char* tone = c.verdict == Verdict::supported       ? "yes"
                       : c.verdict == Verdict::not_supported ? "no"
                                                             : "open";
    t.rows.push_back({{std::string(1, c.paper) + ": " + c.what},
                      {set_title(c.dataset), "", "words"},
                      {found_text(c), c.measure, "words"},
                      {name(c.verdict), "", tone},
                      {others.empty() ? "" : others, "", "words"}});
  }
  return t;
}

// ---- Accuracy and explanations ------------------------------------------------------------------

inline Table accuracy_table(const Study& study, const std::string& dataset) {
  Table t{.head = {set_title(dataset), "plain", "guided", "guided - plain", "plain - fp32",
                   "guided - fp32"}};
  index_t images = 0, seeds = 0;
  for (const std::string& bits : bits_of(study, dataset)) {
    const Condition plain{{bits}, false}, guided{{bits}, true};
    const auto a = level(study, dataset, "accuracy", plain),
               b = level(study, dataset, "accuracy", guided);
    for (const auto& found : {a, b})
      if (found) images = found->images, seeds = std::max(seeds, found->seeds);
    const auto loss = [&](const Condition& how) {
      if (bits == "fp32") return TableCell{""};
      return cell_of(contrast(study, dataset, "accuracy", how, {{"fp32"}, how.guided}), points);
    };
    t.rows.push_back({{bits},
                      cell_of(a, percent),
                      cell_of(b, percent),
                      cell_of(contrast(study, dataset, "accuracy", guided, plain), points),
                      loss(plain),
                      loss(guided)});
  }
  t.caption = "Accuracy on " + set_title(dataset) + ", % of " + sgq::to_text(images) + " images, " +
              (seeds < 2 ? "one seed," : "mean over up to " + sgq::to_text(seeds) + " seeds") +
              " with 95 % interval; differences in points.";
  return t;
}

/// A measure against bits, plain and guided.
inline IntervalChart bits_chart(const Study& study, const std::string& dataset,
                                const std::string& measure, const std::string& y_label,
                                double scale) {
  IntervalChart chart{.title = set_title(dataset), .y_label = y_label, .scale = scale};
  if (chart.title[0] == 't') chart.title[0] = 'T';
  const auto all = bits_of(study, dataset);
  for (const bool guided : {false, true}) {
    IntervalChart::Series s{.name = training_title(guided),
                            .color = guided ? guided_color : plain_color};
    for (const std::string& bits : all)
      s.values.push_back(level(study, dataset, measure, {{bits}, guided}));
    chart.series.push_back(std::move(s));
  }
  for (const std::string& bits : all) chart.categories.push_back(bits_label(bits));
  return chart;
}

/// Empty where nobody measured it on this set.
inline Figure bits_figure(const Study& study, const std::vector<std::string>& datasets,
                          const std::string& measure, const std::string& y_label, double scale,
                          const std::string& caption) {
  Figure figure{.caption = caption};
  for (const std::string& set : datasets) {
    const IntervalChart chart = bits_chart(study, set, measure, y_label, scale);
    bool any = false;
    for (const auto& s : chart.series)
      for (const auto& v : s.values) any = any || v;
    if (any) figure.drawings.push_back({measure + "-" + set, to_svg(chart)});
  }
  return figure;
}

namespace detail {

/// "masked accuracy (low)"
inline std::string head_of_measure(const char* measure) {
  const saliency::MapMetric* metric = saliency::find_map_metric(measure);
  const int better = metric ? metric->better : 0;
  return saliency::title_of_measure(measure) + (better > 0   ? " (high)"
                                                : better < 0 ? " (low)"
                                                             : "");
}

/// The measure under the first condition that has it.
inline std::optional<Contrast> anywhere(const Study& study, const std::string& dataset,
                                        const char* measure) {
  for (const std::string& bits : bits_of(study, dataset))
    for (const bool guided : {false, true})
      if (const auto found = level(study, dataset, measure, {{bits}, guided})) return found;
  return std::nullopt;
}

/// The mean over the seeds of a condition, in percent; nothing without cells.
inline std::optional<double> zero_gradients(const Study& study, const std::string& dataset,
                                            const std::string& bits, bool guided) {
  double zeros = 0, cells = 0;
  for (const CellNumbers& c : study.cells)
    if (c.dataset == dataset && c.variant.empty() && c.bits == bits && c.guided == guided)
      zeros += c.row->at("zero_share_of_gradients").as_double(), ++cells;
  if (cells == 0) return std::nullopt;
  return 100 * zeros / cells;
}

} // namespace detail

inline Table explanation_table(const Study& study, const std::string& dataset) {
  Table t{.head = {set_title(dataset)}};
  std::vector<const char*> measures;
  index_t images = 0, disturbed = 0;
  for (const char* measure : {"masked_accuracy", "masked_accuracy_of_random_ranking", "deletion",
                              "insertion", "relevance_mass_on_evidence", "relevance_mass_on_ink",
                              "gini", "normalized_entropy", "max_sensitivity", "blank_maps"})
    if (const auto found = detail::anywhere(study, dataset, measure)) {
      measures.push_back(measure);
      t.head.push_back(detail::head_of_measure(measure));
      (std::string_view(measure) == "max_sensitivity" ? disturbed : images) = found->images;
    }
  t.head.push_back("zero gradients, %");
  for (const bool guided : {false, true})
    for (const std::string& bits : bits_of(study, dataset)) {
      const auto zeros = detail::zero_gradients(study, dataset, bits, guided);
      if (!zeros) continue;
      std::vector<TableCell> row{{bits + ", " + training_title(guided)}};
      for (const char* measure : measures)
        row.push_back(cell_of(level(study, dataset, measure, {{bits}, guided}), ratio));
      row.push_back({number_of(*zeros, 1)});
      t.rows.push_back(std::move(row));
    }
  t.caption =
      "Maps |dS/dx| of the true class's logit on " + set_title(dataset) + ", " +
      sgq::to_text(images) + " test images (max-sensitivity: " + sgq::to_text(disturbed) +
      "). In a quantised network the gradient is the straight-through one. (low) and (high) "
      "say which is better; Gini and entropy only say how sparse maps are. A blank map is "
      "exactly 0 and counts as a uniform one; the rows have every measure without them, "
      "too.";
  return t;
}

} // namespace examples
