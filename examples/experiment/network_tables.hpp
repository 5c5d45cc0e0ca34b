// The page's tables of single networks and of runs: drift, gates, cost, classes, recipes, commands.
#pragma once

#include "choose.hpp"
#include "tables.hpp"

#include <array>

namespace examples {

// ---- Drift --------------------------------------------------------------------------------------

/// The mean of a matrix of a drift row, off its diagonal or on it.
inline double matrix_mean(const io::Json& matrix, bool diagonal) {
  double sum = 0, count = 0;
  const auto& lines = matrix.as_array();
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (std::size_t j = 0; j < lines.size(); ++j)
      if (const io::Json& v = lines[i].as_array()[j]; (i == j) == diagonal && !v.is_null())
        sum += v.as_double(), ++count;
  return sum / count;
}

inline Table drift_table(const Study& study) {
  Table t{
      .caption =
          "How alike maps are to those of fp32 networks from other seeds (first number) "
          "and how alike fp32 networks from different seeds are (second): a drift is a "
          "first number below the second, and the claims above test it by Spearman. "
          "Third: to the fp32 network of the same seed, which shares its start. All are "
          "of the same images: those where none of the maps is blank; left out is the "
          "share of the others, mean over pairs of seeds. Random weights: how alike maps are to "
          "those of the same network untrained, which is the floor.",
      .head = {"network"}};
  for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
    t.head.emplace_back(m.title);
  t.head.emplace_back("left out, %");
  for (const io::Json& row : study.drift) {
    std::vector<TableCell> cells{
        {row.at("bits").as_string() + ", " + row.at("training").as_string()}};
    for (const saliency::SimilarityMeasure& m : saliency::similarity_measures) {
      const io::Json& s = row.at("similarity").at(m.name);
      cells.push_back({number_of(matrix_mean(s.at("quantised"), false), 3) + " / " +
                           number_of(matrix_mean(s.at("reference"), false), 3),
                       "same seed " + number_of(matrix_mean(s.at("quantised"), true), 3)});
    }
    cells.push_back({number_of(
        100 * matrix_mean(row.at("left_out"), false) / row.at("images").as_double(), 1)});
    t.rows.push_back(std::move(cells));
  }
  for (const std::string& training : {how::plain, how::guided}) {
    std::vector<TableCell> cells{{"random weights, fp32, " + training}};
    bool any = false;
    for (const saliency::SimilarityMeasure& m : saliency::similarity_measures) {
      const auto floor = level(study, {"fp32", training}, "floor." + std::string(m.name));
      any = any || floor;
      cells.push_back(cell_of(floor, ratio));
    }
    cells.emplace_back();
    if (any) t.rows.push_back(std::move(cells));
  }
  return t;
}

// ---- Blank maps ---------------------------------------------------------------------------------

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
};

/// Where gradients end: every activation layer of an arm, over the explained images of all seeds.
/// No rows where none of them has a blank map.
inline Table gates_table(const Study& study, const Arm& arm) {
  Table t{.head = {"layer", "units at 0", "inside", "at alpha", "gone above", "gone below"}};
  std::map<std::string, std::array<PooledGates, 2>> layers; // blank maps, others
  std::vector<std::string> order;
  for (const std::uint64_t seed : study.seeds_of(arm))
    for (const io::Json& gate : study.find(arm, seed)->measured->at("gates").as_array()) {
      const auto [found, is_new] = layers.try_emplace(gate.at("layer").as_string());
      if (is_new) order.push_back(found->first);
      found->second[0].add(gate.at("blank"));
      found->second[1].add(gate.at("others"));
    }
  for (const std::string& layer : order) {
    const auto& [blank, others] = layers[layer];
    if (blank.images == 0) continue;
    std::vector<TableCell> row{{layer}};
    for (std::size_t k = 0; k < 5; ++k)
      row.push_back({number_of(100 * blank.sums[k] / blank.images, 1),
                     "others " + number_of(100 * others.sums[k] / others.images, 1)});
    t.rows.push_back(std::move(row));
    t.caption = arm_title(arm) + ": " + number_of(blank.images, 0) + " of " +
                number_of(blank.images + others.images, 0) + " explained images of all seeds";
  }
  t.caption += " have blank maps. Activation layers from the image to the score, for these images "
               "and for the others, %: units at 0 and at alpha have closed gates. Gone: images for "
               "which the gradient of all units is exactly 0, above the gates (of the layer's "
               "output) and below them.";
  return t;
}

// ---- What it costs ------------------------------------------------------------------------------

inline std::string with_commas(double v) {
  std::string text = number_of(v, 0);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// The median speed of an arm's networks, and the range.
inline TableCell speed_cell(const Study& study, const Arm& arm) {
  std::vector<double> speeds;
  for (const std::uint64_t seed : study.seeds_of(arm)) {
    const io::Json& run = study.find(arm, seed)->row->at("run");
    const io::Json* integer = run.find("integer_images_per_second");
    speeds.push_back((integer ? *integer : run.at("evaluation_images_per_second")).as_double());
  }
  std::sort(speeds.begin(), speeds.end());
  const std::size_t half = speeds.size() / 2;
  return {
      with_commas(speeds.size() % 2 == 1 ? speeds[half] : (speeds[half - 1] + speeds[half]) / 2),
      with_commas(speeds.front()) + " to " + with_commas(speeds.back())};
}

inline Table cost_table(const Study& study) {
  Table t{.caption =
              "Packed bytes: weights at their bit widths; integer file: its actual size. Bit "
              "operations, multiplications per image, each times weight bits times input bits (32 "
              "for fp32), are a count, not a time. Images per second: median and range of the "
              "networks, tested while other work ran; fp32 by the float network, the others by "
              "the integer engine. Equal logits: share of those in which the integer engine and "
              "the trained network agree bit for bit.",
          .head = {"network", "parameters", "packed bytes", "smaller", "integer file, bytes",
                   "bit operations", "fewer", "images/s", "equal logits"}};
  const auto seeds_of_real = study.seeds_of({"fp32", how::plain});
  if (seeds_of_real.empty()) return t;
  const io::Json& real = *study.find({"fp32", how::plain}, seeds_of_real[0])->row;
  for (const std::string& bits : bits_of(study)) {
    const auto seeds = study.seeds_of({bits, how::plain});
    if (seeds.empty()) continue;
    const io::Json& row = *study.find({bits, how::plain}, seeds[0])->row;
    const auto number = [&](const char* what) { return with_commas(row.at(what).as_double()); };
    const auto times = [&](const char* what) {
      return number_of(real.at(what).as_double() / row.at(what).as_double(), 1) + "\u00d7";
    };
    const io::Json& run = row.at("run");
    const bool integer = run.find("integer_file_bytes");
    t.rows.push_back(
        {{row.at("net").as_string() + " " + bits},
         {number("parameters")},
         {number("packed_bytes")},
         {times("packed_bytes")},
         {integer ? with_commas(run.at("integer_file_bytes").as_double()) : "-"},
         {number("bit_operations")},
         {times("bit_operations")},
         speed_cell(study, {bits, how::plain}),
         {integer ? number_of(100 * row.at("integer_logits_equal").as_double(), 1) + " %" : "-"}});
  }
  return t;
}

// ---- Classes ------------------------------------------------------------------------------------

/// What networks of an arm take each class for, % of its images, over all seeds.
inline Table confusion_table(const Study& study, const Arm& arm,
                             const std::vector<std::string>& class_names) {
  Table t{.caption = "Confusion matrix: " + arm_title(arm) +
                     ". % of the images of a class (row) by predicted class (column), all seeds "
                     "together.",
          .head = {"class"},
          .folded = true};
  const std::size_t classes = class_names.size();
  std::vector<std::vector<double>> sums(classes, std::vector<double>(classes));
  for (const std::uint64_t seed : study.seeds_of(arm)) {
    const auto& lines = study.find(arm, seed)->row->at("confusion").as_array();
    for (std::size_t i = 0; i < classes; ++i)
      for (std::size_t j = 0; j < classes; ++j) sums[i][j] += lines[i].as_array()[j].as_double();
  }
  for (std::size_t i = 0; i < classes; ++i) {
    t.head.push_back(class_names[i]);
    const double all = std::accumulate(sums[i].begin(), sums[i].end(), 0.0);
    std::vector<TableCell> row{{class_names[i]}};
    for (const double v : sums[i]) row.push_back({v == 0 ? "" : number_of(100 * v / all, 1)});
    t.rows.push_back(std::move(row));
  }
  return t;
}

// ---- How it was made ----------------------------------------------------------------------------

/// The table of the choice; the rows are those of --scale choose.
inline Table choice_table(const std::vector<io::Json>& rows, int stage) {
  Table t{.caption = "Stage " + sgq::to_text(stage) +
                     " of the choice, on validation images, best first: what a recipe of guided "
                     "training loses and gains beside plain training. At most half a point may be "
                     "lost; of those the one that gains most is taken.",
          .head = {"recipe", "accuracy lost, points", "second measure gained", "networks"},
          .folded = stage == 1};
  for (const Score& s : stage_scores(rows, stage))
    t.rows.push_back({{s.recipe.name()},
                      {number_of(100 * s.loss, 2, true)},
                      {number_of(s.gain, 4, true)},
                      {sgq::to_text(s.networks)}});
  return t;
}

/// Networks beside the grid, which may cure blank maps.
inline Table variant_table(const Study& study) {
  Table t{.caption =
              "Networks beside the grid: PACT+ gives alpha a gradient from every input; late "
              "clips start on a network that has learned in fp32 for half of the run. Differences "
              "are to networks of the same bits and training, in points.",
          .head = {"network", "seeds", "accuracy, %", "difference", "blank gradients, %",
                   "difference"}};
  for (const std::string& variant : {cure::pact_plus, cure::late_clips}) {
    const Arm base{"w2a2", how::guided}, arm{base.bits, base.training, "", variant};
    const std::size_t seeds = study.seeds_of(arm).size();
    if (seeds == 0) continue;
    std::vector<TableCell> row{{arm_title(arm)}, {sgq::to_text(seeds)}};
    for (const char* measure : {"accuracy", "blank_gradients"}) {
      row.push_back(cell_of(level(study, arm, measure), percent));
      row.push_back(cell_of(difference(paired(study, arm, base, measure)), points));
    }
    t.rows.push_back(std::move(row));
  }
  return t;
}

inline Table cell_table(const Study& study) {
  Table t{.caption =
              "Every network: its accuracy, the SHA-256 of its weights, and the command that "
              "trains it again",
          .head = {"cell", "accuracy, %", "training", "weights", "command"},
          .folded = true};
  for (const Network& n : study.networks)
    t.rows.push_back({{key_of(*n.row)},
                      {number_of(100 * n.row->at("test_accuracy").as_double(), 2)},
                      {duration_text(n.row->at("run").at("training_seconds").as_double())},
                      {n.row->at("files").at("model.safetensors").as_string().substr(0, 16)},
                      {"", "`" + n.row->at("command").as_string() + "`", "words"}});
  return t;
}

} // namespace examples
