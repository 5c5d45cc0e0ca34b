// The options of the programs that train, and what they mean to the library.
#pragma once

#include "command_line.hpp"
#include "data_folder.hpp"
#include "model_options.hpp"
#include "recipe_options.hpp"

#include "sgq/sgq.hpp"

#include <limits>
#include <tuple>

namespace examples {

namespace train = sgq::train;
namespace data = sgq::data;
namespace io = sgq::io;
namespace ops = sgq::ops;
using sgq::QuantParams;

/// Each program has its own defaults. Empty text means "not given".
struct TrainingOptions {
  // What is learned.
  std::string dataset, data = "";
  data::Protocol protocol = data::Protocol::standard;
  data::Augmentation augment{};
  index_t limit = 0;
  // The network.
  std::string net = "", default_net = "mnist_cnn";
  std::string bits = "", weights = "sawb", first_last = "8bit", pact = "paper", from_weights = "";
  double alpha = 0;              ///< where the clips start; 0: calibrated on the first batch
  double alpha_quantile = 0.999; ///< of the positive inputs, where calibration puts a clip
  // The training.
  index_t epochs = 5, batch = 64;
  std::string optimizer = "adamw", schedule = "one-cycle";
  double lr = 1e-3, decay = 0, alpha_lr = 1;
  std::optional<double> alpha_decay{}; ///< that of the weights if not given
  std::uint64_t seed = 1;
  RecipeOptions recipe{};
  // Saliency-guided training.
  bool guided = false, authors = false;
  std::string rank = "signed", fill = "uniform", target = "log-probability", kl = "attached",
              saliency_pass = "shared", statistics = "clean";
  double share = 0.5, lambda = 1, start = 0, ramp = 0, rate = 1;
  // The run.
  std::string out = "out";
  int threads = 0;
  index_t checkpoint_seconds = 60;
  bool resume = false;
  bool silent = false; ///< trains only: no tests, and no line but warnings and the progress
};

/// Sets of photographs have a program, nets and a recipe of their own.
inline bool has_photographs(const std::string& dataset) {
  return !data::dataset_info(dataset).on_black;
}

/// The sets that a program learns.
inline std::vector<std::string> sets_with_photographs(bool photographs) {
  std::vector<std::string> sets = sgq::names_of(data::datasets);
  std::erase_if(sets, [&](const std::string& set) { return has_photographs(set) != photographs; });
  return sets;
}

/// How a set is learned unless the command line says otherwise.
inline TrainingOptions recipe(const std::string& dataset) {
  TrainingOptions o{.dataset = dataset};
  if (has_photographs(dataset)) {
    o.augment = {.pad = 4, .flip = true};
    o.default_net = "resnet20";
    o.epochs = 30;
    o.batch = 128;
    o.optimizer = "sgd";
    o.lr = 0.1;
    o.decay = 5e-4;
  } else {
    o.lr = 2e-3;
    o.decay = 0.01;
  }
  return o;
}

// ---- The command line ---------------------------------------------------------------------------

namespace detail {

inline void add_quantisation_options(CommandLine& line, TrainingOptions& o) {
  line.section("Quantisation");
  line.text("--bits", &o.bits, "POLICY",
            "fp32, w8a8, w4a4, w2a2, w4a2, layerwise-4-2, w4a4,conv2=w2a2, .., or a file with such "
            "a line [fp32]");
  std::string weights = "how weights are quantised";
  for (const auto& scheme : quant::weight_schemes<float>)
    weights += "\n        " + std::string(scheme.name) + ": " + std::string(scheme.about);
  line.choice("--weights", &o.weights, sgq::names_of(quant::weight_schemes<float>), weights);
  line.choice("--first-last", &o.first_last, {"fp32", "8bit", "same"},
              "the weights of first and last layer, and the input");
  line.choice("--pact", &o.pact, {"paper", "plus"}, "gradient of alpha: the paper's, or PACT+");
  line.number("--alpha", &o.alpha, "where the clips start; 0: calibrated on the first batch");
  line.number("--alpha-quantile", &o.alpha_quantile,
              "share of the positive inputs below a calibrated clip; 2 bits do well with 0.95");
  line.number("--alpha-lr", &o.alpha_lr, "learning rate of the clips, times that of the weights");
  line.number("--alpha-decay", &o.alpha_decay, "decay of the clips [that of the weights]");
  line.text("--from-weights", &o.from_weights, "FILE",
            "start from this model.safetensors; a real-valued one is quantised by --bits");
}

inline void add_guidance_options(CommandLine& line, TrainingOptions& o) {
  line.section("Saliency-guided training");
  line.flag("--guided", &o.guided,
            "hide the pixels with the lowest gradient, penalise a change of prediction");
  line.flag("--authors", &o.authors, "use the settings of its authors' program");
  line.choice(
      "--rank", &o.rank, {"signed", "magnitude", "random"},
      "pixels to hide: most negative gradient, smallest |gradient|, or random (the control)");
  line.number("--share", &o.share, "share of the pixels that is hidden, 0 to 1");
  line.number("--lambda", &o.lambda, "weight of the KL term");
  line.choice("--fill", &o.fill, {"uniform", "mean", "constant", "blur"},
              "what hides a pixel; constant: the background");
  line.choice("--target", &o.target, {"log-probability", "logit"},
              "score whose gradient ranks the pixels");
  line.choice("--kl", &o.kl, {"attached", "detached"}, "whether KL moves the clean prediction too");
  line.choice("--saliency-pass", &o.saliency_pass, {"shared", "separate"},
              "saliency from the training pass, or from one in evaluation mode");
  line.choice("--statistics", &o.statistics, {"clean", "both"},
              "passes that move batch norm's running statistics");
  line.number("--start", &o.start, "share of the run before guiding begins");
  line.number("--ramp", &o.ramp, "share of the run over which lambda then rises linearly");
  line.number("--rate", &o.rate, "learning-rate factor once guiding has begun");
}

} // namespace detail

inline void add_training_options(CommandLine& line, TrainingOptions& o,
                                 const std::vector<std::string>& datasets,
                                 const std::vector<std::string>& nets) {
  constexpr index_t many = index_t{1} << 31;
  line.choice_or_folder("--dataset", &o.dataset, datasets,
                        "what to learn; DIR: a set of your own (docs/own-data.md)");
  line.text("--data", &o.data, "DIR",
            "where the set is, in DIR/SET or DIR (default: data, here or in the source tree)");
  line.integer("--limit", &o.limit, {0, many},
               "use the first N training and N test images only, 0 for all");
  line.flag("--validation", &o.protocol, data::Protocol::validation,
            "for choosing a recipe: test on images set aside from the training set; the test "
            "images are not read");
  line.choice("--net", &o.net, nets, ("the network [" + o.default_net + "]").c_str());
  line.integer("--epochs", &o.epochs, {1, 100000}, "passes over the training set");
  line.integer("--batch", &o.batch, {1, 65536}, "images in a step");
  line.choice("--optimizer", &o.optimizer, sgq::names_of(train::optimizers<float>),
              "the optimiser");
  line.choice(
      "--schedule", &o.schedule, sgq::names_of(train::schedules),
      "course of the learning rate; step: a tenth at .3 and .6 of the run, as in PACT's paper");
  line.number("--lr", &o.lr, "the highest learning rate");
  line.number("--decay", &o.decay, "weight decay");
  line.integer("--seed", &o.seed, {0, std::numeric_limits<index_t>::max()},
               "seed of weights, order, dropout, ties and fills");
  line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
  line.text("--out", &o.out, "DIR",
            "folder for metrics.json, model.safetensors, history.jsonl, training.svg, alpha.svg "
            "and the checkpoint");
  line.integer("--checkpoint-every", &o.checkpoint_seconds, {0, 86400},
               "seconds between checkpoints, beside the one after each epoch; 0: every step");
  line.flag("--resume", &o.resume, "go on from the checkpoint in --out, if there is one");
  detail::add_quantisation_options(line, o);
  add_recipe_options(line, o.recipe);
  detail::add_guidance_options(line, o);
}

/// The policies of the run, one after the other; one unless --progressive lists more. Throws
/// usage_error.
inline std::vector<train::BitStage> stages_of(const TrainingOptions& o) {
  if (!o.recipe.progressive.empty() && o.bits.empty())
    throw usage_error(describe("--progressive", "--bits, the policy it ends with", "none"));
  const quant::BitPolicy last = parse_bits_option(o.bits.empty() ? "fp32" : o.bits, o.first_last);
  try {
    return train::parse_bit_stages(o.recipe.progressive, last);
  } catch (const sgq::value_error& e) {
    throw usage_error(std::string("--progressive: ") + e.what());
  }
}

/// Throws usage_error where options of quantisation are given: nothing is quantised.
inline void check_nothing_quantised(const TrainingOptions& o) {
  const auto quantising = [](const TrainingOptions& t) {
    return std::tie(t.weights, t.first_last, t.pact, t.alpha, t.alpha_quantile, t.alpha_lr,
                    t.alpha_decay);
  };
  const TrainingOptions usual; // no recipe says anything of what is compared with it
  if (quantising(o) != quantising(usual))
    throw usage_error("--weights, --first-last, --pact, --alpha, --alpha-quantile, --alpha-lr and "
                      "--alpha-decay need --bits: add --bits w4a4, for example");
}

namespace detail {

/// Throws usage_error on quantisation that cannot be, or where its options would do nothing.
inline void check_quantisation_options(const TrainingOptions& o) {
  using Float = std::numeric_limits<float>;
  if (o.alpha != 0 && (o.alpha < Float::min() || o.alpha > Float::max()))
    throw usage_error(describe(
        "--alpha", "0, or " + sgq::to_text(Float::min()) + " to " + sgq::to_text(Float::max()),
        sgq::to_text(o.alpha)));
  if (!(o.alpha_quantile > 0 && o.alpha_quantile <= 1))
    throw usage_error(
        describe("--alpha-quantile", "above 0, up to 1", sgq::to_text(o.alpha_quantile)));
  stages_of(o);
  // --bits fp32 is the baseline of a loop over policies, whose other options may stay.
  if (o.bits.empty() && o.from_weights.empty()) check_nothing_quantised(o);
  if (o.alpha != 0 && o.alpha_quantile != TrainingOptions().alpha_quantile)
    throw usage_error(describe("--alpha and --alpha-quantile", "one of them", "both"));
}

/// The same for saliency-guided training.
inline void check_guidance_options(const TrainingOptions& o) {
  if (o.share > 1) throw usage_error(describe("--share", "0 to 1", sgq::to_text(o.share)));
  if (o.start + o.ramp > 1)
    throw usage_error(describe("--start and --ramp", "at most 1 together",
                               sgq::to_text(o.start) + " and " + sgq::to_text(o.ramp)));
  if (o.start >= 1) throw usage_error(describe("--start", "less than 1", sgq::to_text(o.start)));
  const TrainingOptions usual;
  const auto guiding = [](const TrainingOptions& t) {
    return std::tie(t.authors, t.rank, t.fill, t.target, t.kl, t.saliency_pass, t.statistics,
                    t.share, t.lambda, t.start, t.ramp, t.rate);
  };
  if (!o.guided && guiding(o) != guiding(usual))
    throw usage_error(
        "--authors, --rank, --share, --lambda, --fill, --target, --kl, --saliency-pass, "
        "--statistics, --start, --ramp and --rate need --guided: add it");
  const auto authors_choose = [](const TrainingOptions& t) {
    return std::tie(t.rank, t.fill, t.kl, t.saliency_pass, t.statistics, t.share, t.lambda);
  };
  if (o.authors && authors_choose(o) != authors_choose(usual))
    throw usage_error("--authors fixes --rank, --share, --lambda, --fill, --kl, --saliency-pass "
                      "and --statistics: leave them out");
  if (o.rank == "random" && (o.target != usual.target || o.saliency_pass != usual.saliency_pass))
    throw usage_error("--target and --saliency-pass do nothing with --rank random, which needs no "
                      "saliency");
}

} // namespace detail

/// Throws usage_error where options of the line cannot be used together.
inline void check_training_options(const TrainingOptions& o) {
  if (!o.data.empty() && !sgq::find_row(data::datasets, o.dataset))
    throw usage_error("--data is where sets with a name are: leave it out, the set is in " +
                      o.dataset);
  detail::check_quantisation_options(o);
  detail::check_guidance_options(o);
  check_recipe_options(o.recipe);
}

// ---- What they mean -----------------------------------------------------------------------------

inline data::Dataset load_dataset(const TrainingOptions& o, data::Split split) {
  data::Dataset set = data::load(o.dataset, data_folder(o.data, o.dataset), split, o.protocol);
  if (o.limit > 0 && o.limit < set.size()) return data::slice(set, 0, o.limit);
  return set;
}

/// What --bits, --weights and so on ask for.
inline nn::QuantizeOptions quantization(const TrainingOptions& o, const QuantParams& grid) {
  return {.bits = parse_bits_option(o.bits.empty() ? "fp32" : o.bits, o.first_last),
          .weights = o.weights,
          .gradient = quant::parse_pact_gradient(o.pact),
          .alpha = o.alpha > 0 ? std::optional(o.alpha) : std::nullopt,
          .input = grid};
}

inline train::ParameterGroups groups(const TrainingOptions& o) {
  train::ParameterGroups groups = train::decayed(o.decay);
  groups.clip = {.lr_scale = o.alpha_lr, .decay = o.alpha_decay.value_or(o.decay)};
  return groups;
}

/// What --guided and its options ask for, on images of this set.
inline train::GuidedOptions guidance(const TrainingOptions& o, const data::Dataset& set) {
  using ops::Fill;
  const ops::Target target =
      o.target == "logit" ? ops::Target::logit : ops::Target::log_probability;
  train::GuidedOptions guided{.target = target};
  if (o.authors) {
    guided = train::GuidedOptions::authors(target);
  } else {
    guided.mask.rank_by = o.rank == "random"      ? ops::Rank::random
                          : o.rank == "magnitude" ? ops::Rank::magnitude
                                                  : ops::Rank::with_sign;
    guided.mask.share = o.share;
    guided.lambda = o.lambda;
    guided.kl_attached = o.kl == "attached";
    guided.pass =
        o.saliency_pass == "shared" ? train::SaliencyPass::shared : train::SaliencyPass::separate;
    guided.statistics =
        o.statistics == "both" ? train::StatisticsFrom::both : train::StatisticsFrom::clean;
    guided.mask.fill.fill = o.fill == "mean"       ? Fill::mean
                            : o.fill == "constant" ? Fill::constant
                            : o.fill == "blur"     ? Fill::blur
                                                   : Fill::uniform;
  }
  guided.start = o.start;
  guided.ramp = o.ramp;
  guided.lr_factor = o.rate;
  guided.mask.fill.grid = set.grid;
  if (guided.mask.fill.fill == Fill::constant)
    guided.mask.fill.value = data::background_values(set, set.grid);
  return guided;
}

/// The options that decide the result: a checkpoint of other ones cannot be gone on from, and a
/// model file remembers them. `spec` is that of the net which is trained.
inline nn::Metadata deciding_options(const TrainingOptions& o, const nn::ModelSpec& spec) {
  const auto number = [](double v) { return sgq::to_text(v); };
  nn::Metadata pairs{{"dataset", o.dataset},
                     {"limit", sgq::to_text(o.limit)},
                     {"epochs", sgq::to_text(o.epochs)},
                     {"batch", sgq::to_text(o.batch)},
                     {"optimizer", o.optimizer},
                     {"schedule", o.schedule},
                     {"lr", number(o.lr)},
                     {"decay", number(o.decay)},
                     {"alpha", number(o.alpha)},
                     {"alpha_quantile", number(o.alpha_quantile)},
                     {"alpha_lr", number(o.alpha_lr)},
                     {"alpha_decay", number(o.alpha_decay.value_or(o.decay))},
                     {"seed", sgq::to_text(o.seed)},
                     {"guided", o.guided ? "yes" : "no"}};
  if (o.augment.any())
    pairs["augment"] = "shift " + sgq::to_text(o.augment.pad) + (o.augment.flip ? ", flip" : "");
  if (o.protocol != data::Protocol::standard)
    pairs["protocol"] = o.protocol == data::Protocol::holdout ? "holdout" : "validation";
  put_recipe_pairs(pairs, o.recipe);
  if (o.guided) {
    const train::GuidedOptions g = guidance(o, {});
    pairs["guided.rank"] = o.authors ? "signed" : o.rank;
    pairs["guided.share"] = number(g.mask.share);
    pairs["guided.lambda"] = number(g.lambda);
    pairs["guided.start"] = number(g.start);
    pairs["guided.ramp"] = number(g.ramp);
    pairs["guided.rate"] = number(g.lr_factor);
    pairs["guided.fill"] = o.authors ? "uniform" : o.fill;
    pairs["guided.target"] = o.target;
    pairs["guided.kl"] = g.kl_attached ? "attached" : "detached";
    pairs["guided.pass"] = g.pass == train::SaliencyPass::shared ? "shared" : "separate";
    pairs["guided.statistics"] = g.statistics == train::StatisticsFrom::both ? "both" : "clean";
  }
  for (const auto& [key, value] : nn::to_metadata(spec)) pairs[key] = value;
  return pairs;
}

} // namespace examples
