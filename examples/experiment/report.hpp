// The page of one set: what was asked, the answer, and everything behind it. From rows and evidence
// alone, so it can be made again at any time.
#pragma once

#include "blank_tables.hpp"
#include "html.hpp"
#include "introduction.hpp"
#include "making.hpp"
#include "markdown.hpp"
#include "pictures.hpp"
#include "short_answer.hpp"

namespace examples {

namespace detail {

inline void add_accuracy(Document& d, const Study& study) {
  d.blocks.push_back(Heading{"Accuracy"});
  add(d, Figure{{{"accuracy", to_svg(bits_chart(study, "accuracy", "%", 100))}},
                "Test accuracy from many bits to few. Dots are means over seeds, whiskers 95 % "
                "intervals of Student's t, rings single seeds. The scale does not begin at 0."});
  add(d, accuracy_table(study));
}

inline void add_maps(Document& d, const Study& study) {
  d.blocks.push_back(Heading{"Maps"});
  const std::string second = second_measure_of(study.dataset);
  add(d,
      Figure{{{"second-measure", to_svg(bits_chart(study, second, "higher is better", 1))},
              {"masked-advantage",
               to_svg(bits_chart(study, "masked_advantage", "higher is better", 1))}},
             "The two measures that decide together: " + measure_title(second) +
                 ", and the masked-accuracy advantage, which is how far the area lies below "
                 "that of a random ranking. The advantage may fall although masked accuracy "
                 "improves: where random pixels confuse a network more, there is less room. "
                 "Below 0, pixels that the map ranks highest are missed less than random ones."});
  const auto deciding = deciding_measures(study), all = shown_measures(study);
  std::vector<std::string> others, of_rivals = deciding;
  for (const std::string& measure : all)
    if (std::find(deciding.begin(), deciding.end(), measure) == deciding.end())
      others.push_back(measure);
  if (all.back() == "blank_maps") of_rivals.push_back(all.back());
  add(d, maps_table(study, "", deciding,
                    "The deciding measures of |dS/dx|, S the logit of the true class: means over "
                    "seeds with 95 % intervals. In a quantised network the gradient is the "
                    "straight-through one. A blank map is exactly 0 and counts as a uniform one."));
  add(d, gains_table(study));
  add(d, maps_table(study, "", others, "The measures that stand beside them."));
  add(d, maps_table(study, "smoothgrad.", of_rivals,
                    "The deciding measures of SmoothGrad, 25 samples."));
  add(d, maps_table(study, "integrated-gradients.", of_rivals,
                    "The deciding measures of integrated gradients, 50 steps."));
  add(d, maps_table(study, "leaky.", of_rivals,
                    "The deciding measures of the gradient where closed gates of PACT pass a "
                    "hundredth of it: in maps alone, the network is the same."));
  Figure curves{.caption = "Accuracy while pixels are hidden: those that the map ranks highest "
                           "first, and dashed, random ones. Mean over seeds."};
  for (const std::string& bits : main_bits)
    if (const LineChart chart = masked_chart(study, bits); !chart.lines.empty())
      curves.drawings.push_back({"masked-" + bits, to_small_svg(chart)});
  add(d, std::move(curves));
}

inline void add_blank(Document& d, const Study& study, const std::vector<Claim>& claims) {
  d.blocks.push_back(Heading{"Blank maps"});
  if (none_is_blank(study)) {
    d.blocks.push_back(
        Text{"No map of any network is exactly 0, and no gradient of any test image."});
    add(d, variant_table(study, number_of_tests(claims)));
    return;
  }
  add(d, Figure{{{"blank-gradients",
                  to_svg(bits_chart(study, "blank_gradients", "% of the images", 100))}},
                "Test images whose gradient is exactly 0, of all in the set. Blank maps of other "
                "methods, and what measures make of blank maps, are counted on the explained "
                "images; so is the claim that integrated gradients leave fewer blank, for both."});
  add(d, blank_table(study));
  add(d, Text{direction_text(claims)});
  add(d, variant_table(study, number_of_tests(claims)));
  d.blocks.push_back(Text{gates_text(study)});
  for (const char* bits : {"w4a4", "w2a2"})
    for (const std::string& training : {how::plain, how::guided})
      add(d, gates_table(study, {bits, training}));
}

inline void add_courses(Document& d, const Study& study) {
  d.blocks.push_back(Heading{"How they learned"});
  Figure losses{.caption = "Training loss of the first seed's networks; that of guided training "
                           "contains the KL term once guiding has begun."},
      clips{.caption = "PACT's clips during training, first layers dark, last ones light."};
  for (const std::string& training : {how::plain, how::guided}) {
    if (const LineChart chart = training_chart(study, training); !chart.lines.empty())
      losses.drawings.push_back({"loss-" + training, to_small_svg(chart)});
    for (const char* bits : {"w4a4", "w2a2"})
      if (const LineChart chart = clips_chart(study, {bits, training}); !chart.lines.empty())
        clips.drawings.push_back({"clips-" + training + "-" + bits, to_small_svg(chart)});
  }
  add(d, std::move(losses));
  add(d, std::move(clips));
}

/// What each measure says, with the papers.
inline void add_definitions(Document& d, const Study& study) {
  d.blocks.push_back(Heading{"What is measured"});
  const auto& blank = study.networks.front().evidence.numbers.at("blank_maps");
  Table t{.caption =
              "Maps are |dS/dx| of the true class's logit on " + sgq::to_text(blank.size()) +
              " test images, spread evenly over the set. Masked accuracy is the measure of "
              "saliency-guided training (arXiv 2111.14338); it "
              "rewards any training on masked pixels, so it decides nothing alone. ROAD: "
              "arXiv 2202.00449. Hidden pixels become black, those of photographs the mean colour; "
              "there integrated gradients start, too. Deletion and insertion: arXiv 1806.07421. "
              "SmoothGrad: arXiv "
              "1706.03825. Integrated gradients: arXiv 1703.01365. How alike two maps are: "
              "Spearman's and Pearson's correlation, cosine, SSIM (structural similarity), "
              "and the IoU of the highest tenth of their pixels. Clips: PACT, "
              "arXiv 1805.06085; weights: SAWB, arXiv 1807.06964.",
          .head = {"measure", "what it says"},
          .defines = true};
  for (const std::string& measure : shown_measures(study))
    if (const saliency::MapMetric* m = saliency::find_map_metric(measure))
      t.rows.push_back({{head_of_measure(measure)}, {std::string(m->about), "", "words"}});
  d.blocks.push_back(std::move(t));
}

inline void add_drift(Document& d, const Study& study, const std::vector<Claim>& claims) {
  Table t = drift_table(study);
  if (t.rows.empty()) return;
  d.blocks.push_back(Heading{"Do quantised networks look elsewhere?"});
  const IntervalChart chart = drift_chart(claims);
  if (!chart.series.empty())
    d.blocks.push_back(
        Figure{{{"drift", to_svg(chart)}},
               "How much less alike, by Spearman correlation, quantised networks' maps are to "
               "those of fp32 networks from other seeds than these are to each other. Whiskers: "
               "the jackknife over seeds, 95 %."});
  d.blocks.push_back(std::move(t));
}

} // namespace detail

inline Document make_report(const Study& study, std::vector<Claim> claims, const Shown& shown,
                            const Setting& setting) {
  add_notes(claims, study, setting.choice);
  Document d{.title =
                 "What few bits cost in accuracy and in explanations: " + set_title(study.dataset)};
  detail::add_introduction(d, study, setting.scale);
  detail::add_glance(d, study);
  d.answers = make_answers(study, claims);
  if (setting.missing > 0)
    d.blocks.push_back(Text{"**Unfinished:** " + sgq::to_text(setting.missing) +
                            " networks of the plan are not made or not measured yet."});
  if (setting.scale == "smoke")
    d.blocks.push_back(Text{"One seed of each: this shows what the page looks like and what "
                            "networks say, and decides nothing."});
  d.blocks.push_back(Heading{"The claims"});
  d.blocks.push_back(claims_table(claims, none_is_blank(study),
                                  "[docs/experiment.md](" + setting.docs + "/experiment.md)"));
  detail::add_accuracy(d, study);
  detail::add_maps(d, study);
  detail::add_blank(d, study, claims);
  detail::add_drift(d, study, claims);
  d.blocks.push_back(Heading{"What the networks look at"});
  d.blocks.push_back(map_table(study, shown));
  detail::add_courses(d, study);
  d.blocks.push_back(Heading{"Size, speed, errors"});
  add(d, cost_table(study));
  for (const Arm& arm : {Arm{"fp32", how::plain}, {"w2a2", how::guided}})
    if (!study.seeds_of(arm).empty())
      d.blocks.push_back(confusion_table(study, arm, shown.class_names));
  detail::add_definitions(d, study);
  detail::add_making(d, study, setting);
  return d;
}

} // namespace examples
