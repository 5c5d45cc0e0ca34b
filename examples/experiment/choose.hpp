// Which recipe guided training gets on a set: chosen on validation images, before any test image is
// looked at, with seeds that are not used afterwards.
//
//     stage 1   every recipe of guided_recipe.hpp: fp32, seed 101, 20,000 images, a third of the
//               epochs; and plain training
//     stage 2   the best two at full length, fp32 and w4a4, seeds 101 and 102; and plain training
//
// A recipe loses l points of validation accuracy against plain training of the same bits and seed,
// and gains g of the set's second measure (subject.hpp), both averaged. Of the recipes with
// l <= 0.5 points the one with the largest g is best, then those that lose more, the least first.
// The rows are the table of the choice, so nothing else is stored: chosen_recipe() reads them.
#pragma once

#include "grid.hpp"
#include "results.hpp"

#include <map>
#include <optional>

namespace examples {

inline constexpr double allowed_loss = 0.005; ///< of validation accuracy: half a point

/// How a recipe did in a stage.
struct Score {
  GuidedRecipe recipe{};
  double loss = 0, gain = 0;
  index_t networks = 0;                ///< behind both
  double fp32_loss = 0, fp32_gain = 0; ///< of the fp32 networks alone, which decide nothing
};

/// The cells of a stage; `recipes` are tried beside plain training.
inline std::vector<Cell> choose_cells(const Plan& plan, int stage,
                                      const std::vector<GuidedRecipe>& recipes) {
  const auto variant = [&](const std::string& recipe) {
    return "stage-" + sgq::to_text(stage) + (recipe.empty() ? "" : "-" + recipe);
  };
  std::vector<Cell> cells;
  for (const std::uint64_t seed : {101u, 102u}) // above those that --seeds allows
    for (const std::string& bits : {std::string("fp32"), std::string("w4a4")}) {
      if (stage == 1 && (seed != 101 || bits != "fp32")) continue;
      Cell base = make_cell(plan, bits, how::plain, seed);
      TrainingOptions& o = base.options;
      o.protocol = data::Protocol::validation;
      if (stage == 1) {
        o.epochs = std::max<index_t>(1, (o.epochs + 1) / 3);
        o.limit = o.limit > 0 ? std::min<index_t>(o.limit, 20000) : 20000;
      }
      base.variant = variant("");
      cells.push_back(base);
      for (const GuidedRecipe& recipe : recipes) {
        Cell cell = base;
        cell.training = how::guided;
        cell.variant = variant(recipe.name());
        recipe.apply(cell.options);
        cells.push_back(std::move(cell));
      }
    }
  return cells;
}

namespace detail {

/// What a choice compares of a network.
struct Judged {
  double accuracy, measure;
};

inline Judged judge(const io::Json& row) {
  return {row.at("validation_accuracy").as_double(),
          row.at("second_measure").at("mean").as_double()};
}

} // namespace detail

/// The scores of a stage's recipes, the best first. Recipes whose rows are not all there are left
/// out. `rows` are those of a folder that --scale choose has filled.
inline std::vector<Score> stage_scores(const std::vector<io::Json>& rows, int stage) {
  const std::string head = "stage-" + sgq::to_text(stage);
  std::map<std::string, detail::Judged> plain_ones; // by bits and seed
  std::map<std::string, Score> scores;
  const auto where = [](const io::Json& row) {
    return row.at("bits").as_string() + " " + io::to_string(row.at("seed"));
  };
  for (const io::Json& row : rows)
    if (row.at("variant").as_string() == head) plain_ones.emplace(where(row), detail::judge(row));
  for (const io::Json& row : rows) {
    const std::string& variant = row.at("variant").as_string();
    const auto base = plain_ones.find(where(row));
    if (!variant.starts_with(head + "-") || base == plain_ones.end()) continue;
    const detail::Judged now = detail::judge(row);
    Score& s = scores[variant];
    s.recipe = parse_guided_recipe(variant.substr(head.size() + 1));
    s.loss += base->second.accuracy - now.accuracy;
    s.gain += now.measure - base->second.measure;
    ++s.networks;
    if (row.at("bits").as_string() != "fp32") continue;
    s.fp32_loss += base->second.accuracy - now.accuracy;
    s.fp32_gain += now.measure - base->second.measure;
  }
  std::vector<Score> sorted;
  for (auto& [variant, s] : scores) {
    if (s.networks < (stage == 1 ? 1 : 4)) continue;
    s.loss /= static_cast<double>(s.networks);
    s.gain /= static_cast<double>(s.networks);
    const double fp32_networks = stage == 1 ? 1 : 2; // of each recipe
    s.fp32_loss /= fp32_networks, s.fp32_gain /= fp32_networks;
    sorted.push_back(s);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Score& a, const Score& b) {
    const double limit = allowed_loss + 1e-9; // differences of decimal fractions are not exact
    const bool a_keeps = a.loss <= limit, b_keeps = b.loss <= limit;
    if (a_keeps != b_keeps) return a_keeps;
    return a_keeps ? a.gain > b.gain : a.loss < b.loss;
  });
  return sorted;
}

/// The recipes of stage 2; none before stage 1 is complete.
inline std::vector<GuidedRecipe> finalists(const std::vector<io::Json>& rows) {
  const std::vector<Score> first = stage_scores(rows, 1);
  if (first.size() < guided_recipes().size()) return {};
  return {first[0].recipe, first[1].recipe};
}

/// The winner of stage 2; nothing before that is complete.
inline std::optional<GuidedRecipe> chosen_recipe(const std::vector<io::Json>& rows) {
  const std::vector<Score> second = stage_scores(rows, 2);
  if (second.size() < 2) return std::nullopt;
  return second[0].recipe;
}

namespace detail {

/// Throws io_error unless a network of stage 2 was tried on as much as `plan` trains: its net, as
/// many epochs and images, none of them a test image.
inline void check_trial(const std::string& place, const io::Json& row, const Plan& plan) {
  const auto expect = [&](bool holds, const std::string& expected, const io::Json& got) {
    if (!holds)
      throw sgq::io_error(describe(place + ": " + key_of(row), expected, io::to_string(got),
                                   "--scale choose makes the table"));
  };
  expect(row.at("net") == io::Json(plan.net), "the net " + plan.net, row.at("net"));
  expect(row.at("epochs").as_double() >= static_cast<double>(plan.epochs),
         sgq::to_text(plan.epochs) + " epochs", row.at("epochs"));
  const io::Json &data = row.at("data"), &limit = data.at("limit");
  const double images = limit.as_double(); // 0: all
  expect(images == 0 || (plan.limit > 0 && images >= static_cast<double>(plan.limit)),
         plan.limit > 0 ? "--limit " + sgq::to_text(plan.limit) + " or more" : "no --limit", limit);
  expect(data.at("validation") == io::Json(true), "validation images", data);
}

} // namespace detail

/// The same from the rows of the set in a folder of choices, FOLDER/SET/results.jsonl; nothing where
/// there are none, or not all. Throws io_error on rows of a lesser trial than `plan`, where `strict`:
/// scales to try things out take the recipe of another net or of fewer images as well.
inline std::optional<GuidedRecipe> read_choice(const std::string& folder, const Plan& plan,
                                               bool strict) {
  const std::string place = folder + "/" + plan.dataset;
  Results results(place, "", numerics_version);
  results.load(false);
  for (const io::Json& row : results.rows())
    if (strict && row.at("variant").as_string().starts_with("stage-2"))
      detail::check_trial(place, row, plan);
  return chosen_recipe(results.rows());
}

} // namespace examples
