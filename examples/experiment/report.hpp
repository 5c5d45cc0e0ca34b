// The report: what was asked, the answer, and everything behind it. From rows and evidence alone,
// so it can be made again at any time, by the command that made the rows and --report.
#pragma once

#include "html.hpp"
#include "markdown.hpp"
#include "pictures.hpp"
#include "run_tables.hpp"

namespace examples {

namespace detail {

inline void add(Document& d, Figure figure) {
  if (!figure.drawings.empty()) d.blocks.push_back(std::move(figure));
}

/// What the reader must know before he reads a number.
inline void add_warnings(Document& d, const Setting& setting) {
  if (!setting.missing.empty())
    d.blocks.push_back(Text{"**Unfinished:** networks of this grid that are left out, because they "
                            "are not made yet or lack what they are compared with: " +
                            sgq::to_text(setting.missing.size()) + "."});
  if (setting.scale == "smoke")
    d.blocks.push_back(
        Text{"This is the smoke scale: small networks, few images, moments of training. It shows "
             "that everything runs, and what the report looks like; it is no evidence."});
}

inline void add_accuracy(Document& d, const Study& study,
                         const std::vector<std::string>& datasets) {
  d.blocks.push_back(Heading{"Accuracy against bits"});
  add(d,
      bits_figure(study, datasets, "accuracy", "test accuracy, %", 100,
                  "Test accuracy from many bits to few. Dots are means over seeds, whiskers 95 % "
                  "intervals over seeds and images, rings single seeds. The scales do not begin "
                  "at zero."));
  for (const std::string& set : datasets) d.blocks.push_back(accuracy_table(study, set));
}

inline void add_explanations(Document& d, const Study& study,
                             const std::vector<std::string>& datasets) {
  d.blocks.push_back(Heading{"Explanations against bits"});
  add(d, bits_figure(study, datasets, "masked_accuracy", "masked accuracy, lower is better", 1,
                     "Accuracy while the pixels that a map ranks highest are replaced by the "
                     "background, as an area over 0 to 90 % of them: a good map takes away what "
                     "matters first."));
  add(d, bits_figure(study, datasets, "relevance_mass_on_evidence",
                     "relevance mass on the evidence, higher is better", 1,
                     "The built-in set knows which pixels its class is written in: the share of "
                     "the map that lies on them."));
  for (const std::string& set : datasets) d.blocks.push_back(explanation_table(study, set));
}

inline void add_drift(Document& d, const Study& study, const std::vector<std::string>& datasets) {
  d.blocks.push_back(Heading{"Do quantised networks look elsewhere?"});
  const bool seeds = std::any_of(datasets.begin(), datasets.end(), [&](const std::string& set) {
    return has_seed_baseline(study, set);
  });
  Figure drifts{.caption =
                    "How alike the maps are to those of the fp32 network of the same seed. " +
                    std::string(seeds ? "Shaded: the between-seed baseline, how alike two fp32 "
                                        "networks from different seeds are. A dot inside it is no "
                                        "drift. "
                                      : "") +
                    "At the right, the random-weights baseline."};
  for (const std::string& set : datasets)
    drifts.drawings.push_back({"drift-" + set, to_svg(drift_chart(study, set))});
  add(d, std::move(drifts));
  for (const std::string& set : datasets) d.blocks.push_back(drift_table(study, set));
}

inline void add_pictures(Document& d, const Study& study, const std::vector<Shown>& shown) {
  d.blocks.push_back(Heading{"What the networks look at"});
  for (const Shown& s : shown) d.blocks.push_back(map_table(study, s));
  d.blocks.push_back(Heading{"Where maps moved most"});
  for (const Shown& s : shown)
    if (MapTable t = worst_table(study, s); !t.columns.empty()) d.blocks.push_back(std::move(t));
  d.blocks.push_back(Heading{"The clips"});
  for (const Shown& s : shown) add(d, alpha_figure(study, s.dataset));
  d.blocks.push_back(Heading{"Class by class"});
  for (const Shown& s : shown) d.blocks.push_back(class_table(study, s.dataset, s.class_names));
}

} // namespace detail

/// `shown`: the sets in their order; all have cells.
inline Document make_report(const Study& study, const std::vector<Claim>& claims,
                            const std::vector<Shown>& shown, const Setting& setting) {
  std::vector<std::string> datasets, titles;
  for (const Shown& s : shown) datasets.push_back(s.dataset);
  for (const std::string& set : datasets) titles.push_back(set_title(set));
  Document d{.title = "What few bits cost in accuracy and in explanations"};
  d.lead =
      "Two papers disagree. Paper A (arXiv 2411.05858) finds that quantising a network costs both "
      "accuracy and interpretability, more at fewer bits; paper B (arXiv 2412.03915) that guided "
      "and quantised networks keep their accuracy and become more efficient and more "
      "interpretable. This page tests their claims on seeded networks, by several measures, with "
      "confidence intervals.";
  d.facts = sgq::to_text(study.cells.size()) + " networks on " + join(titles, " and ") +
            "; scale " + setting.scale + "; brackets are 95 % intervals over seeds and images";
  d.answers = make_answers(study, claims, datasets);
  detail::add_warnings(d, setting);
  d.blocks.push_back(Heading{"The claims, one by one"});
  d.blocks.push_back(claims_table(claims));
  detail::add_accuracy(d, study, datasets);
  detail::add_explanations(d, study, datasets);
  detail::add_drift(d, study, datasets);
  detail::add_pictures(d, study, shown);
  d.blocks.push_back(Heading{"What it costs to run them"});
  d.blocks.push_back(detail::cost_table(study, datasets));
  if (Table t = detail::ablation_table(study); !t.rows.empty()) {
    d.blocks.push_back(Heading{"Ways of guiding"});
    d.blocks.push_back(std::move(t));
  }
  detail::add_making(d, study, datasets, setting);
  return d;
}

} // namespace examples
