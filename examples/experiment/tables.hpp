// The report's tables and charts, each from the study.
#pragma once

#include "answers.hpp"
#include "charts.hpp"
#include "document.hpp"
#include "drift.hpp"

namespace examples {

/// The policies that a set was run with, from many bits to few; such as nobody thought of here come
/// last.
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

inline Table explanation_table(const Study& study, const std::string& dataset) {
  struct Column {
    const char *name, *head;
  };
  constexpr Column known[] = {{"masked_accuracy", "masked accuracy (low)"},
                              {"masked_accuracy_of_random_ranking", "the same, random ranking"},
                              {"deletion", "deletion (low)"},
                              {"insertion", "insertion (high)"},
                              {"relevance_mass_on_evidence", "mass on evidence (high)"},
                              {"relevance_mass_on_ink", "mass on ink (high)"},
                              {"gini", "Gini"},
                              {"normalized_entropy", "entropy / ln d"},
                              {"max_sensitivity", "max-sensitivity (low)"},
                              {"blank_maps", "blank maps, share"}};
  Table t{.head = {set_title(dataset)}};
  std::vector<const Column*> columns;
  index_t images = 0, disturbed = 0;
  const auto anywhere = [&](const char* measure) -> std::optional<Contrast> {
    for (const std::string& bits : bits_of(study, dataset))
      for (const bool guided : {false, true})
        if (const auto found = level(study, dataset, measure, {{bits}, guided})) return found;
    return std::nullopt;
  };
  for (const Column& c : known)
    if (const auto found = anywhere(c.name)) {
      columns.push_back(&c);
      t.head.push_back(c.head);
      (std::string_view(c.name) == "max_sensitivity" ? disturbed : images) = found->images;
    }
  t.head.push_back("zero gradients, %");
  for (const bool guided : {false, true})
    for (const std::string& bits : bits_of(study, dataset)) {
      std::vector<TableCell> row{{bits + ", " + training_title(guided)}};
      for (const Column* c : columns)
        row.push_back(cell_of(level(study, dataset, c->name, {{bits}, guided}), ratio));
      double zeros = 0, cells = 0;
      for (const CellNumbers& c : study.cells)
        if (c.dataset == dataset && c.variant.empty() && c.bits == bits && c.guided == guided)
          zeros += c.row->at("zero_share_of_gradients").as_double(), ++cells;
      if (cells == 0) continue;
      row.push_back({number_of(100 * zeros / cells, 1)});
      t.rows.push_back(std::move(row));
    }
  t.caption =
      "Maps |dS/dx| of the true class's logit on " + set_title(dataset) + ", " +
      sgq::to_text(images) + " test images (max-sensitivity: " + sgq::to_text(disturbed) +
      "). In a quantised network the gradient is the straight-through one. Where the head "
      "says low or high, that is better; Gini and entropy only say how sparse maps are. A blank "
      "map is exactly 0 and counts as a uniform one; the rows have every measure without "
      "them, too.";
  return t;
}

// ---- Drift --------------------------------------------------------------------------------------

/// True if fp32 networks of several seeds are there to be compared with each other.
inline bool has_band(const Study& study, const std::string& dataset) {
  return level(study, dataset, "spearman", {{"fp32"}, false}) ||
         level(study, dataset, "spearman", {{"fp32"}, true});
}

inline IntervalChart drift_chart(const Study& study, const std::string& dataset) {
  IntervalChart chart{.title = set_title(dataset), .y_label = "Spearman correlation with fp32"};
  if (chart.title[0] == 't') chart.title[0] = 'T';
  auto all = bits_of(study, dataset);
  all.erase(std::remove(all.begin(), all.end(), "fp32"), all.end());
  const bool band = has_band(study, dataset);
  if (band) chart.categories.push_back("other\nseed");
  for (const std::string& bits : all) chart.categories.push_back(bits_label(bits));
  chart.categories.push_back("random\nweights");
  for (const bool guided : {false, true}) {
    IntervalChart::Series s{.name = training_title(guided),
                            .color = guided ? guided_color : plain_color};
    const Condition real{{"fp32"}, guided};
    if (band) {
      s.values.push_back(level(study, dataset, "spearman", real));
      if (s.values[0]) s.band = s.values[0]->estimate;
    }
    for (const std::string& bits : all)
      s.values.push_back(level(study, dataset, "spearman", {{bits}, guided}));
    s.values.push_back(level(study, dataset, "floor.spearman", real));
    chart.series.push_back(std::move(s));
  }
  return chart;
}

inline Table drift_table(const Study& study, const std::string& dataset) {
  const bool band = has_band(study, dataset);
  Table t{.caption = "How alike maps of " + set_title(dataset) +
                     " are to those of the fp32 network of the same seed and training. ",
          .head = {set_title(dataset)}};
  for (const SimilarityMeasure& m : similarity_measures) t.head.emplace_back(m.title);
  if (band) t.head.insert(t.head.end(), {"less the band", "drift?"});
  t.caption += band ? "Rows of other seeds are the noise band, random weights the floor. The last "
                      "columns: Spearman less that of the band, paired by seed and image; a drift "
                      "only if the interval lies below zero. In brackets, other measures that "
                      "call it one."
                    : "Random weights are the floor. There is one seed, so nothing says how far "
                      "maps move without any quantisation.";
  const auto add = [&](const std::string& title, const std::string& prefix, const Condition& how,
                       bool compared) {
    std::vector<TableCell> row{{title}};
    bool any = false;
    for (const SimilarityMeasure& m : similarity_measures) {
      const auto found = level(study, dataset, prefix + std::string(m.name), how);
      any = any || found;
      row.push_back(cell_of(found, ratio));
    }
    if (!any) return;
    if (!band) return t.rows.push_back(std::move(row));
    const auto less = compared ? contrast(study, dataset, "spearman", how, {{"fp32"}, how.guided})
                               : std::optional<Contrast>();
    row.push_back(less ? cell_of(less, ratio_change) : TableCell{""});
    const auto others = less ? others_beyond_band(study, dataset, how) : std::vector<std::string>();
    row.push_back({!less                     ? ""
                   : less->estimate.high < 0 ? "beyond the band"
                   : less->estimate.low > 0  ? "closer than seeds are"
                                             : "within the band",
                   others.empty() ? "" : "(beyond: " + join(others, ", ") + ")", "words"});
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
