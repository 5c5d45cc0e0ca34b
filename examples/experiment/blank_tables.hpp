// The page on blank maps: how many there are, whether these images are classified well, where their
// gradient ends, and what may cure them.
#pragma once

#include "claims_table.hpp"

#include <array>
#include <map>

namespace examples {

/// Of all test images: whose gradient is exactly 0, and the accuracy on these and on the others.
inline Table blank_table(const Study& study) {
  Table t{.caption =
              "Test images whose gradient is exactly 0: mean over seeds with the 95 % interval "
              "of Student's t; the accuracy on them and on the others, images of all seeds "
              "together.",
          .head = {"network", "seeds", "blank gradients, %", "accuracy on blank images, %",
                   "accuracy on the others, %"}};
  for (const Arm& arm : arms_of(study)) {
    const Tensor<double> blank = values_of(study, arm, "blank_gradients"),
                         right = values_of(study, arm, "accuracy");
    double images[2] = {}, sums[2] = {};
    for (index_t i = 0; i < blank.size(); ++i)
      images[blank[i] == 0] += 1, sums[blank[i] == 0] += right[i];
    std::vector<TableCell> row{{arm_title(arm)},
                               {sgq::to_text(study.seeds_of(arm).size())},
                               cell_of(level(study, arm, "blank_gradients"), percent)};
    for (const int k : {0, 1})
      row.push_back(images[k] == 0
                        ? TableCell{"-"}
                        : TableCell{number_of(100 * sums[k] / images[k], 2),
                                    with_commas(sums[k]) + " of " + with_commas(images[k])});
    t.rows.push_back(std::move(row));
  }
  return t;
}

/// Shares of gates over the images of several networks.
struct PooledGates {
  double images = 0, sums[5] = {};

  void add(const io::Json& shares) {
    const double n = shares.at("images").as_double();
    if (n == 0) return; // undefined
    images += n;
    std::size_t k = 0;
    for (const char* what : {"at_zero", "inside", "at_alpha", "gone", "gone_below"})
      sums[k++] += n * shares.at(what).as_double();
  }
  /// "74.6"
  std::string percent_of(std::size_t k) const { return number_of(100 * sums[k] / images, 1); }
};

/// An activation layer of an arm over the explained images of all seeds.
struct PooledLayer {
  std::string name{};
  PooledGates blank{}, others{}; ///< of images whose map is blank, or not
};

/// From the image to the score; none where no map of the arm is blank.
inline std::vector<PooledLayer> pooled_layers(const Study& study, const Arm& arm) {
  std::vector<PooledLayer> layers;
  for (const std::uint64_t seed : study.seeds_of(arm))
    for (const io::Json& gate : study.find(arm, seed)->measured->at("gates").as_array()) {
      const std::string& name = gate.at("layer").as_string();
      auto found = std::find_if(layers.begin(), layers.end(),
                                [&](const PooledLayer& l) { return l.name == name; });
      if (found == layers.end()) found = layers.insert(found, {.name = name});
      found->blank.add(gate.at("blank"));
      found->others.add(gate.at("others"));
    }
  std::erase_if(layers, [](const PooledLayer& l) { return l.blank.images == 0; });
  return layers;
}

/// What the tables of gates have.
inline std::string gates_text(const Study& study) {
  const bool residual = study.networks.front().row->at("net").as_string().starts_with("resnet");
  return "Where gradients end: activation layers from the image to the score, for blank images and "
         "for the others, %. Units at 0 and at alpha have closed gates; gone are images for which "
         "the gradient of all units is exactly 0, above the gates (of the layer's output) and "
         "below them." +
         std::string(residual ? " Inside a residual block the gradient may still pass beside."
                              : "");
}

/// Whether a layer lies inside a residual block, as `layer2.0.relu1`: gradients pass beside it.
inline bool has_way_round(const std::string& layer) {
  return layer.starts_with("layer") && layer.ends_with(".relu1");
}

/// The first layer, seen from the score, that loses gradients of blank images.
inline std::string cause_text(const std::vector<PooledLayer>& layers) {
  const auto first = std::find_if(layers.rbegin(), layers.rend(), [](const PooledLayer& l) {
    return l.blank.sums[4] > 0 && !has_way_round(l.name);
  });
  if (first == layers.rend()) return "";
  return " Seen from the score, their gradient ends at " + first->name +
         ": gone above its gates for " + first->blank.percent_of(3) + " %, below them for " +
         first->blank.percent_of(4) + " %; " + first->blank.percent_of(1) +
         " % of its units are inside, " + first->others.percent_of(1) + " % for the others.";
}

/// Every activation layer of an arm. No rows where no map is blank.
inline Table gates_table(const Study& study, const Arm& arm) {
  const auto layers = pooled_layers(study, arm);
  Table t{.head = {"layer", "units at 0", "inside", "at alpha", "gone above", "gone below"},
          .folded = layers.size() > 8};
  for (const PooledLayer& layer : layers) {
    std::vector<TableCell> row{{layer.name}};
    for (std::size_t k = 0; k < 5; ++k)
      row.push_back({layer.blank.percent_of(k), "others " + layer.others.percent_of(k)});
    t.rows.push_back(std::move(row));
  }
  if (layers.empty()) return t;
  const double blank = layers[0].blank.images;
  t.caption = arm_title(arm) + ": " + with_commas(blank) + " of " +
              with_commas(blank + layers[0].others.images) +
              " explained images of all seeds have blank maps." + cause_text(layers);
  return t;
}

/// Which claims about maps change direction where images with a blank map are left out; "" where
/// no claim that has an interval compares blank maps.
inline std::string direction_text(const std::vector<Claim>& claims) {
  std::vector<std::string> changed;
  bool any = false;
  for (const Claim& c : claims)
    for (const Part& part : c.parts) {
      if (!part.without_blank || std::isnan(part.found.seeds.low)) continue;
      any = true;
      const std::string with = direction_of(part.found.seeds),
                        without = direction_of(*part.without_blank);
      if (with != without)
        changed.push_back(c.question.id + ", " + arm_title(c.question.a) + " \u2212 " +
                          arm_title(c.question.b) + ": " + measure_title(part.measure) + " is " +
                          with + ", without them " + without);
    }
  if (!any) return "";
  const std::string head = "Without the images on which a compared map is blank, ";
  if (changed.empty()) return head + "no claim about maps changes direction.";
  return head + "the direction changes. " + join(changed, ". ") + ".";
}

/// Networks beside the grid, which may cure blank maps; `tests` are those of the page.
inline Table variant_table(const Study& study, std::size_t tests) {
  const Arm base{"w2a2", how::guided};
  Table t{.caption =
              "Networks beside the grid: PACT+ gives alpha a gradient from every positive input; "
              "late clips start on a network that has learned in fp32 for half of the run. "
              "Differences are to networks of the same bits and training; of accuracy and "
              "blank gradients in points.",
          .head = {"network", "seeds"}};
  const std::vector<std::string> measures = {"accuracy", "blank_gradients",
                                             second_measure_of(study.dataset), "masked_advantage"};
  for (const std::string& measure : measures) {
    t.head.push_back(measure_title(measure) + (in_percent(measure) ? ", %" : ""));
    t.head.emplace_back("difference");
  }
  for (const std::string& variant : {cure::pact_plus, cure::late_clips}) {
    const Arm arm{base.bits, base.training, "", variant};
    const auto seeds = static_cast<index_t>(study.seeds_of(arm).size());
    if (seeds == 0) continue;
    std::vector<TableCell> row{{arm_title(arm)}, {sgq::to_text(seeds)}};
    for (const std::string& measure : measures) {
      row.push_back(cell_of(level(study, arm, measure), in_percent(measure) ? percent : ratio));
      row.push_back(cell_of(difference(paired(study, arm, base, measure)), change_style(measure)));
    }
    t.rows.push_back(std::move(row));
    if (seeds >= saliency::fewest_seeds && t.rows.size() == 1)
      t.caption += " With " + sgq::to_text(seeds) +
                   " seeds a verdict, as the first test in Holm's "
                   "order, needs a mean difference of about " +
                   number_of(deviations_needed(seeds, tests), 0) + " standard deviations.";
  }
  return t;
}

} // namespace examples
