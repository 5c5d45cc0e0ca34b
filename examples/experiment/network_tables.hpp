// The page's tables of single networks and of runs: drift, cost, classes, recipes, commands.
#pragma once

#include "choose.hpp"
#include "tables.hpp"

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

/// How alike in one measure, from a row of drift.jsonl: to other seeds, and the drift.
inline TableCell similarity_cell(const io::Json& row, std::string_view measure) {
  const io::Json& s = row.at("similarity").at(measure);
  TableCell cell{number_of(matrix_mean(s.at("quantised"), false), 3) + " / " +
                 number_of(matrix_mean(s.at("reference"), false), 3)};
  if (const auto drift = detail::drift_of(row, measure)) {
    const TableCell found = cell_of(*drift, ratio);
    cell.small = found.text + (found.small.empty() ? "" : " " + found.small);
  }
  return cell;
}

/// How alike maps are to those of the fp32 networks of their own seed, measure by measure.
inline std::vector<TableCell> same_seed_cells(const io::Json& row) {
  std::vector<TableCell> cells{
      {row.at("bits").as_string() + ", " + row.at("training").as_string() + ", same seed"}};
  for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
    cells.push_back(
        {number_of(matrix_mean(row.at("similarity").at(m.name).at("quantised"), true), 3)});
  cells.emplace_back();
  return cells;
}

inline Table drift_table(const Study& study) {
  Table t{
      .caption =
          "How alike maps are to those of fp32 networks from other seeds (first number) and how "
          "alike fp32 networks from different seeds are (second): a drift is a first number "
          "below the second, and stands with its jackknife interval below them; the claims above "
          "test it by Spearman, and by no other measure. Same seed: to the fp32 network of that "
          "seed, which shares its start. All are of the "
          "same images: those where none of the maps is blank; left out is the share of the "
          "others, mean over pairs of seeds. Random weights: how alike maps are to those of an "
          "untrained network, which is the floor.",
      .head = {"network"}};
  for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
    t.head.emplace_back(m.title);
  t.head.emplace_back("left out, %");
  for (const io::Json& row : study.drift) {
    std::vector<TableCell> cells{
        {row.at("bits").as_string() + ", " + row.at("training").as_string()}};
    for (const saliency::SimilarityMeasure& m : saliency::similarity_measures)
      cells.push_back(similarity_cell(row, m.name));
    cells.push_back({number_of(
        100 * matrix_mean(row.at("left_out"), false) / row.at("images").as_double(), 1)});
    t.rows.push_back(std::move(cells));
  }
  for (const io::Json& row : study.drift) t.rows.push_back(same_seed_cells(row));
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

// ---- What it costs ------------------------------------------------------------------------------

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
                     "training loses and gains beside plain training, means over so few networks "
                     "that there is no interval. At most half a point may be lost; of those the "
                     "one that gains most is taken.",
          .folded = stage == 1};
  const auto small = [&](double fp32, int digits) {
    return stage == 1 ? "" : "fp32 alone " + number_of(fp32, digits, true);
  };
  for (const Score& s : stage_scores(rows, stage))
    t.rows.push_back({{s.recipe.name()},
                      {number_of(100 * s.loss, 2, true), small(100 * s.fp32_loss, 2)},
                      {number_of(s.gain, 4, true), small(s.fp32_gain, 4)},
                      {sgq::to_text(s.networks)}});
  if (t.rows.empty()) return t;
  const std::string& second = rows.front().at("second_measure").at("name").as_string();
  t.head = {"recipe", "accuracy lost, points", measure_title(second) + " gained", "networks"};
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
