// Which cells an experiment has: --paper, --scale and --dataset as a list.
//
//     bits x {plain, guided} x seeds on every set, and on MNIST the ablations of guided training
//
// To add a set: teach data::load its name, and papers.hpp of whom it is; plan_set() says how it is
// learned. To add a policy: a list below. Tables and charts show whatever has rows.
#pragma once

#include "cell.hpp"
#include "papers.hpp"

namespace examples {

/// The ablations of guided training, in the order of the report.
inline const std::vector<std::string> ablation_names = {
    "joint",       "rank-magnitude", "share-25",    "share-75",    "fill-mean",
    "lambda-half", "lambda-2",       "kl-detached", "kl-attached", "guided-then-quantised"};

/// How many images a cell is measured on.
struct Measuring {
  index_t explained = 500; ///< maps are made and judged of the first of the test set
  index_t disturbed = 100; ///< of these, max-sensitivity
};

/// How one set is learned at a scale.
struct SetPlan {
  std::string dataset, net;
  index_t epochs = 1, limit = 0; ///< limit: of training images and of test images; 0 for all
  std::uint64_t seeds = 1, mix_seeds = 1; ///< 0: no such cells
  data::Protocol protocol = data::Protocol::standard;
  bool pact_recipe = false; ///< steps and decay of PACT's own CIFAR-10 training
};

struct Plan {
  std::vector<SetPlan> sets{};
  Measuring measuring{};
  index_t ablation_epochs = 0; ///< 0: none
  std::string kl = "attached"; ///< of guided training, as its authors have it; or "detached"
};

inline const std::vector<std::string> scales = {"smoke", "quick", "full", "paper"};

/// The policies of the main comparison, and the mixes of 4 and 2 bits.
inline const std::vector<std::string> main_bits = {"fp32", "w4a4", "w2a2"};
inline const std::vector<std::string> mixed_bits = {"w4a2", "w2a4", "layerwise-4-2"};

/// The sets that were named, or those of the scale: in the long ones, of --paper.
inline std::vector<std::string> sets_of(const std::string& paper, const std::string& scale,
                                        const std::vector<std::string>& named) {
  if (!named.empty()) return named;
  if (scale == "smoke") return {"synthetic"};
  if (scale == "quick") return {"mnist", "synthetic"};
  return sets_of_paper(paper);
}

inline SetPlan plan_set(const std::string& dataset, const std::string& scale) {
  const bool photos = has_photographs(dataset), built_in = dataset == "synthetic";
  SetPlan p{.dataset = dataset,
            .net = photos                         ? "resnet20"
                   : built_in || scale == "smoke" ? "lenet5"
                                                  : "mnist_cnn"};
  if (data::dataset_info(dataset).has_holdout && scale != "paper")
    p.protocol = data::Protocol::holdout;
  if (scale == "smoke") {
    p.epochs = built_in ? 4 : 1;
    p.limit = photos ? 2000 : built_in ? 4000 : 15000;
    p.seeds = built_in ? 2 : 1;
    p.mix_seeds = 0;
  } else if (scale == "quick") {
    p.epochs = built_in ? 4 : 2;
    p.limit = photos ? 8000 : 10000;
    p.seeds = photos ? 1 : 2;
  } else if (scale == "full") {
    p.epochs = photos ? 15 : built_in ? 8 : 6;
    p.seeds = photos ? 1 : 3;
    p.mix_seeds = photos ? 0 : 1;
  } else {
    p.epochs = photos ? 200 : 20;
    p.pact_recipe = photos;
    p.seeds = p.mix_seeds = 5;
  }
  return p;
}

inline Plan make_plan(const std::string& scale, const std::vector<std::string>& datasets) {
  Plan plan;
  for (const std::string& dataset : datasets) plan.sets.push_back(plan_set(dataset, scale));
  if (scale == "smoke") plan.measuring = {.explained = 100, .disturbed = 20};
  if (scale == "quick") plan.measuring = {.explained = 200, .disturbed = 50};
  if (scale == "full") plan.ablation_epochs = 3;
  if (scale == "paper") plan.measuring = {.explained = 1000}, plan.ablation_epochs = 10;
  return plan;
}

namespace detail {

/// True if any activation of the policy has two bits.
inline bool has_two_bit_activations(const std::string& bits) {
  const quant::BitPolicy policy = quant::parse_bit_policy(bits);
  bool any = policy.front.activations == 2 || policy.back.activations == 2;
  for (const auto& [layer, of_layer] : policy.layers) any = any || of_layer.activations == 2;
  return any;
}

inline Cell base_cell(const SetPlan& set, const std::string& bits, bool guided, std::uint64_t seed,
                      const std::string& kl) {
  Cell cell{.training = recipe(set.dataset)};
  TrainingOptions& o = cell.training;
  o.net = set.net;
  o.epochs = set.epochs;
  o.limit = set.limit;
  o.protocol = set.protocol;
  o.bits = bits;
  o.guided = guided;
  if (guided) o.kl = kl;
  // Chosen on CIFAR-10's validation split: with two bits, clips must start low.
  if (has_photographs(set.dataset) && has_two_bit_activations(bits)) o.alpha_quantile = 0.95;
  o.seed = seed;
  o.silent = true;
  if (set.pact_recipe) {
    o.schedule = "step";
    o.decay = 2e-4;
  }
  return cell;
}

/// One change at a time from guided training at w4a4, the first without any.
inline std::vector<Cell> ablations(SetPlan set, index_t epochs, const std::string& kl) {
  set.epochs = epochs;
  std::vector<Cell> cells;
  for (const std::string& name : ablation_names) {
    Cell cell = base_cell(set, "w4a4", true, 1, kl);
    cell.variant = name;
    TrainingOptions& o = cell.training;
    if (name == "rank-magnitude") o.rank = "magnitude";
    if (name == "share-25") o.share = 0.25;
    if (name == "share-75") o.share = 0.75;
    if (name == "fill-mean") o.fill = "mean";
    if (name == "lambda-half") o.lambda = 0.5;
    if (name == "lambda-2") o.lambda = 2;
    if (name.starts_with("kl-")) {
      if (name == "kl-" + kl) continue; // no change
      o.kl = name.substr(3);
    }
    if (name == "guided-then-quantised") { // as many epochs in all
      cell.guided_first = std::max<index_t>(1, 2 * epochs / 3);
      o.epochs = std::max<index_t>(1, epochs - cell.guided_first);
      o.guided = false;
    }
    cells.push_back(std::move(cell));
  }
  return cells;
}

} // namespace detail

/// The cells in the order in which they run: seed by seed, so that a run which is looked at halfway
/// has whole comparisons.
inline std::vector<Cell> make_cells(const Plan& plan) {
  std::vector<Cell> cells;
  std::uint64_t seeds = 0;
  for (const SetPlan& set : plan.sets) seeds = std::max(seeds, set.seeds);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    for (const SetPlan& set : plan.sets)
      for (const auto* list : {&main_bits, &mixed_bits})
        for (const std::string& bits : *list)
          for (const bool guided : {false, true})
            if (seed <= (list == &main_bits ? set.seeds : std::min(set.seeds, set.mix_seeds)))
              cells.push_back(detail::base_cell(set, bits, guided, seed, plan.kl));
  for (const SetPlan& set : plan.sets)
    if (set.dataset == "mnist" && plan.ablation_epochs > 0)
      for (Cell& cell : detail::ablations(set, plan.ablation_epochs, plan.kl))
        cells.push_back(std::move(cell));
  return cells;
}

/// "i/n", 1 <= i <= n.
struct Shard {
  index_t part = 1, of = 1;
  bool all() const { return of == 1; }
};

inline Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto i = std::from_chars(text.data(), end, shard.part);
  const bool slash = i.ec == std::errc{} && i.ptr != end && *i.ptr == '/';
  const auto n = std::from_chars(slash ? i.ptr + 1 : end, end, shard.of);
  if (!slash || n.ec != std::errc{} || n.ptr != end || shard.part < 1 || shard.of < shard.part ||
      shard.of > 10000)
    throw usage_error(describe("--shard", "i/n with 1 <= i <= n", "'" + text + "'"));
  return shard;
}

/// Every n-th cell, dealt to and fro (1 2 2 1 1 2 ..), so that no shard gets all the guided ones,
/// which take twice as long.
inline std::vector<Cell> take_shard(const std::vector<Cell>& cells, const Shard& shard) {
  std::vector<Cell> mine;
  for (std::size_t first = 0, round = 0; first < cells.size(); ++round) {
    const auto n = static_cast<std::size_t>(shard.of), part = static_cast<std::size_t>(shard.part);
    const std::size_t i = first + (round % 2 == 0 ? part - 1 : n - part);
    if (i < cells.size()) mine.push_back(cells[i]);
    first += n;
  }
  return mine;
}

} // namespace examples
