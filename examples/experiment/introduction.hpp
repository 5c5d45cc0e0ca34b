// How the page begins: what the papers say, what was trained, the words that a reader needs, and
// the picture that answers at a glance.
#pragma once

#include "tables.hpp"

namespace examples {

/// True if any network of the grid is of that training.
inline bool has_training(const Study& study, const std::string& training) {
  return std::any_of(study.networks.begin(), study.networks.end(),
                     [&](const Network& n) { return n.training == training; });
}

namespace detail {

/// The first row of the set; of equal compute, or of the others.
inline const io::Json* first_row(const Study& study, bool equal_compute) {
  for (const Network& n : study.networks)
    if ((n.training == how::equal_compute) == equal_compute) return n.row;
  return nullptr;
}

/// "8 epochs"
inline std::string epochs_of(const io::Json& row) {
  const double epochs = row.at("epochs").as_double();
  return number_of(epochs, 0) + (epochs == 1 ? " epoch" : " epochs");
}

/// "44 networks (`lenet5`, 8 epochs, 10,000 training and 2,000 test images) on the built-in set"
inline std::string facts_of(const Study& study) {
  const io::Json *longer = first_row(study, true), *others = first_row(study, false);
  const io::Json& row = others ? *others : *longer;
  return sgq::to_text(study.networks.size()) + " networks (`" + row.at("net").as_string() + "`, " +
         epochs_of(row) + ", " + with_commas(row.at("train_images").as_double()) +
         " training and " + with_commas(row.at("test_images").as_double()) + " test images" +
         (longer ? "; those of equal compute " + epochs_of(*longer) : "") + ") on " +
         set_title(study.dataset) + ", " + std::string(data::dataset_info(study.dataset).about);
}

/// What stood in for test images, where these were left alone.
inline std::string protocol_text(const Study& study) {
  const io::Json* protocol = study.networks.front().row->at("options").find("protocol");
  return protocol && *protocol == io::Json("holdout")
             ? " Trained on batches 1 to 4, tested on batch 5; the official test images are not "
               "used."
             : "";
}

/// What training on hidden pixels costs, and whether anything here is a control for that.
inline std::string cost_text(const Study& study) {
  const auto passes = [&](const std::string& training) {
    const Arm arm{"fp32", training};
    const auto seeds = study.seeds_of(arm);
    return seeds.empty()
               ? saliency::undefined
               : study.find(arm, seeds[0])->row->at("run").at("forward_passes").as_double();
  };
  const double plain = passes(how::plain);
  const std::string guided = number_of(passes(how::guided) / plain, 1),
                    control = number_of(passes(how::random_mask) / plain, 1);
  if (guided == "-") return "";
  std::string text = "Guided training costs " + guided + " times";
  if (control == guided) text = "Guided and random-mask training cost " + guided + " times";
  if (control != guided && control != "-") text += ", random-mask training " + control + " times";
  return text + " the forward passes of plain training" +
         (has_training(study, how::equal_compute) ? ". " : "; this set has no control for that. ");
}

inline std::string terms_of(const Study& study) {
  const auto bits = bits_of(study);
  const auto has = [&](const char* one) {
    return std::find(bits.begin(), bits.end(), one) != bits.end();
  };
  std::string text =
      "**fp32** networks are ordinary ones of 32 bits; **w4a4** and **w2a2** have weights and "
      "activations of 4 or 2 bits; the weights of the first and last layer, and the image, have "
      "8. ";
  if (has("w4a2") && has("w2a4"))
    text += "**w4a2** has weights of 4 bits and activations of 2, **w2a4** the reverse. ";
  if (has("layerwise-4-2"))
    text += "**layerwise-4-2** is w4a4 in the first half of the layers between, and w2a2 in the "
            "second. ";
  text += "**Plain** training is ordinary. **Guided** training hides the pixels with the lowest "
          "gradients at every step, and penalises a prediction that changes; **random-mask**, the "
          "control, hides random pixels. ";
  if (has_training(study, how::equal_compute))
    text += "**Plain, equal compute**, in charts \"longer\", is plain training for as many forward "
            "passes as guided training. ";
  return text + cost_text(study) +
         "A map says how strongly each pixel moves the score of the true class. A seed fixes the "
         "first weights and the order of the images.";
}

/// What the papers say, what was trained, and the words that the page needs.
inline void add_introduction(Document& d, const Study& study, const std::string& scale) {
  d.lead =
      "Paper A (by its abstract, arXiv 2411.05858) reports that quantising networks which learn "
      "with saliency costs accuracy and interpretability, more at fewer bits. Paper B (by its "
      "abstract, arXiv 2412.03915) reports that guided, quantised networks keep the accuracy of "
      "ordinary ones, and are smaller and more interpretable. Both may be true; this page tests "
      "each claim in its own comparison. Verdicts are corrected for all tests on the page, so a "
      "claim may stay undecided although its interval excludes 0.";
  d.facts = facts_of(study) + "; scale " + scale + "." + protocol_text(study);
  d.terms = terms_of(study);
}

inline void add_glance(Document& d, const Study& study) {
  Figure figure{.caption = "What networks lose in accuracy and gain in maps beside plain fp32 "
                           "networks of the same seeds: up and to the left is better. Large dots "
                           "are means, small ones seeds; arrows go from plain to guided training "
                           "at the same precision."};
  for (const std::string& measure :
       {std::string(second_measure_of(study.dataset)), std::string("masked_advantage")}) {
    const GlanceChart chart = glance_chart(study, measure);
    if (!chart.points.empty()) figure.drawings.push_back({"glance-" + measure, to_svg(chart)});
  }
  d.glance = std::move(figure);
}

} // namespace detail

} // namespace examples
