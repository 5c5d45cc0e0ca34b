// Which cells an experiment has: --scale and --dataset as a list.
//
//     bits x {plain, guided, random-mask, plain with guided training's compute} x seeds
//
// make_plan() says how a set is learned and which conditions it has at each scale; make_cells()
// spells them out. Tables and charts show whatever has rows.
#pragma once

#include "cell.hpp"

#include <charconv>

namespace examples {

/// How many images a network is measured on.
struct Measuring {
  index_t explained = 500; ///< maps are made and judged of so many test images
  index_t disturbed = 100; ///< of these, max-sensitivity
};

/// Networks that differ in their seed alone, 1 to `seeds`.
struct Condition {
  std::string bits{}, training{};
  std::uint64_t seeds = 1;
  std::string variant{}; ///< beside the grid: one of `cure`
};

/// What may cure blank maps: PACT+ gives alpha a gradient from every positive input; late clips
/// start on a network that has learned in fp32.
namespace cure {
inline const std::string pact_plus = "pact-plus", late_clips = "late-clips";
} // namespace cure

/// How one set is learned at a scale.
struct Plan {
  std::string dataset{}, net{}, data{}; ///< data: the folder, as TrainingOptions has it
  index_t epochs = 1, limit = 0;        ///< limit: of training images and of test images; 0 for all
  data::Protocol protocol = data::Protocol::standard;
  bool pact_recipe = false; ///< steps and decay of PACT's own CIFAR-10 training
  std::vector<Condition> conditions{};
  GuidedRecipe recipe{};
  Measuring measuring{};
};

inline const std::vector<std::string> scales = {"smoke", "quick", "full", "paper", "choose"};

/// The policies of the main comparison, and the mixes of 4 and 2 bits.
inline const std::vector<std::string> main_bits = {"fp32", "w4a4", "w2a2"};
inline const std::vector<std::string> mixed_bits = {"w4a2", "w2a4", "layerwise-4-2"};

namespace detail {

/// The conditions of a long run; `all` seeds where the experiment asks for five.
inline std::vector<Condition> long_conditions(const std::string& dataset, std::uint64_t all) {
  const bool photos = has_photographs(dataset), built_in = dataset == "synthetic";
  const std::uint64_t few = std::min<std::uint64_t>(all, 3);
  std::vector<Condition> list;
  for (const std::string& bits : main_bits)
    for (const std::string& training : {how::plain, how::guided})
      list.push_back({bits, training, all});
  // The protocol asks for three: these could decide nothing (docs/experiment.md).
  list.push_back({"fp32", how::random_mask, all});
  if (!photos) list.push_back({"w4a4", how::random_mask, few});
  if (!photos)
    for (const std::string& variant : {cure::pact_plus, cure::late_clips})
      list.push_back({"w2a2", how::guided, few, variant});
  if (!photos && !built_in)
    for (const std::string& bits : mixed_bits)
      for (const std::string& training : {how::plain, how::guided})
        list.push_back({bits, training, few});
  if (dataset == "fashion-mnist") list.push_back({"fp32", how::equal_compute, few});
  return list;
}

inline void plan_short(Plan& p, const std::string& scale) {
  const bool photos = has_photographs(p.dataset), built_in = p.dataset == "synthetic";
  const bool smoke = scale == "smoke";
  p.epochs = built_in ? 4 : smoke ? 1 : 2;
  p.limit = photos     ? (smoke ? 2000 : 8000)
            : built_in ? (smoke ? 4000 : 10000)
                       : (smoke ? 15000 : 10000);
  for (const std::string& bits : main_bits)
    for (const std::string& training : {how::plain, how::guided})
      if (!smoke || bits != "w4a4") p.conditions.push_back({bits, training, smoke ? 1u : 3u});
  if (!smoke) p.conditions.push_back({"fp32", how::random_mask, 3});
  p.measuring = smoke ? Measuring{100, 20} : Measuring{200, 50};
}

} // namespace detail

/// The plan of a scale; `choose` plans as `full`, and takes no conditions.
inline Plan make_plan(const std::string& dataset, const std::string& scale) {
  const bool photos = has_photographs(dataset), built_in = dataset == "synthetic";
  Plan p{.dataset = dataset,
         .net = photos                         ? "resnet20"
                : built_in || scale == "smoke" ? "lenet5"
                                               : "mnist_cnn"};
  if (data::dataset_info(dataset).has_holdout && scale != "paper")
    p.protocol = data::Protocol::holdout;
  if (scale == "smoke" || scale == "quick") {
    detail::plan_short(p, scale);
  } else if (scale == "paper") {
    p.epochs = photos ? 200 : 20;
    p.pact_recipe = photos;
    p.conditions = detail::long_conditions(dataset, 5);
    p.measuring.explained = 1000;
  } else {
    p.epochs = photos ? 15 : built_in ? 8 : 6;
    if (scale == "choose") return p;
    p.conditions = detail::long_conditions(dataset, 5);
  }
  return p;
}

namespace detail {

/// True if any activation of the policy has two bits.
inline bool has_two_bit_activations(const std::string& bits) {
  const quant::BitPolicy policy = quant::parse_bit_policy(bits);
  bool any = policy.front.activations == 2 || policy.back.activations == 2;
  for (const auto& [layer, of_layer] : policy.layers) any = any || of_layer.activations == 2;
  return any;
}

inline bool has_batch_norm(const std::string& net) {
  return !nn::build_model<float>({.net = net}).buffers().empty();
}

} // namespace detail

inline Cell make_cell(const Plan& plan, const std::string& bits, const std::string& training,
                      std::uint64_t seed) {
  Cell cell{.options = recipe(plan.dataset), .training = training};
  TrainingOptions& o = cell.options;
  o.net = plan.net;
  o.data = plan.data;
  o.epochs = plan.epochs;
  o.limit = plan.limit;
  o.protocol = plan.protocol;
  o.bits = bits;
  // Chosen on CIFAR-10's validation split: with two bits, clips must start low.
  if (has_photographs(plan.dataset) && detail::has_two_bit_activations(bits))
    o.alpha_quantile = 0.95;
  o.seed = seed;
  o.silent = true;
  if (plan.pact_recipe) {
    o.schedule = "step";
    o.decay = 2e-4;
  }
  if (training == how::equal_compute) {
    TrainingOptions as_guided = o;
    plan.recipe.apply(as_guided);
    const double times = relative_cost(as_guided, detail::has_batch_norm(plan.net));
    o.epochs = static_cast<index_t>(std::llround(times * static_cast<double>(o.epochs)));
  } else if (training != how::plain) {
    plan.recipe.apply(o);
    if (training == how::random_mask) o.rank = "random";
  }
  return cell;
}

/// The cells in the order in which they run: seed by seed, so that a run which is looked at halfway
/// has whole comparisons.
inline std::vector<Cell> make_cells(const Plan& plan) {
  std::vector<Cell> cells;
  std::uint64_t seeds = 0;
  for (const Condition& c : plan.conditions) seeds = std::max(seeds, c.seeds);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    for (const Condition& c : plan.conditions) {
      if (seed > c.seeds) continue;
      Cell cell = make_cell(plan, c.bits, c.training, seed);
      cell.variant = c.variant;
      if (c.variant == cure::pact_plus) cell.options.pact = "plus";
      if (c.variant == cure::late_clips) cell.options.recipe.progressive = "fp32:0.5";
      cells.push_back(std::move(cell));
    }
  return cells;
}

/// "i/n", 1 <= i <= n.
struct Shard {
  index_t part = 1, of = 1;
  bool all() const { return of == 1; }
  /// "1-of-2"; "" for all.
  std::string name() const { return all() ? "" : sgq::to_text(part) + "-of-" + sgq::to_text(of); }
};

inline Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto i = std::from_chars(text.data(), end, shard.part);
  const bool slash = i.ec == std::errc{} && i.ptr != end && *i.ptr == '/';
  const auto n = std::from_chars(slash ? i.ptr + 1 : end, end, shard.of);
  if (!slash || n.ec != std::errc{} || n.ptr != end || shard.part < 1 || shard.of < shard.part ||
      shard.of > 10000)
    throw usage_error(describe("--shard", "i/n with 1 <= i <= n <= 10000", "'" + text + "'"));
  return shard;
}

/// Every n-th cell, dealt to and fro (1 2 2 1 1 2 ..), so that no shard gets all the guided ones,
/// which take longer.
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
