// One cell of the experiment: a network to be trained, and the name it goes by.
//
//     mnist/mnist_cnn/w4a4/guided/seed-1
//     mnist/mnist_cnn/w2a2/guided/seed-1/pact-plus     a variant: what differs from the rest
//
// A cell is trained exactly as `mnist` or `cifar10` would train it, so its command makes the same
// weights again, to the last bit.
#pragma once

#include "guided_recipe.hpp"

#include "sgq/io/sha256.hpp"
#include "sgq/version.hpp"

namespace examples {

/// Rows of different versions must not stand in one table.
using sgq::numerics_version;

/// How networks are trained, by the names that rows have. The control hides random positions, in
/// an otherwise equal step; equal compute is plain training for as long as guided training takes.
namespace how {
inline const std::string plain = "plain", guided = "guided", random_mask = "random-mask",
                         equal_compute = "plain, equal compute";
} // namespace how

struct Cell {
  TrainingOptions options{}; ///< but for out, threads, resume
  std::string training = how::plain;
  std::string variant{}; ///< empty in the grid

  const std::string& net() const { return options.net.empty() ? options.default_net : options.net; }
  std::string key() const {
    const std::string kind = training == how::equal_compute ? "plain-equal-compute" : training;
    return options.dataset + "/" + net() + "/" + options.bits + "/" + kind + "/seed-" +
           sgq::to_text(options.seed) + (variant.empty() ? "" : "/" + variant);
  }
};

/// The options of a command line that differ from the program's defaults, and those whose defaults
/// an experiment may change: rows outlive them.
class Differences {
public:
  explicit Differences(std::string program) : line_(std::move(program)) {}

  void flag(const std::string& name, bool given) {
    if (given) line_ += " " + name;
  }
  template <class Value>
  void always(const char* name, const Value& value) {
    if constexpr (std::is_arithmetic_v<Value>)
      line_ += std::string(" ") + name + " " + sgq::to_text(value);
    else
      line_ += std::string(" ") + name + " " + value;
  }
  template <class Value>
  void put(const char* name, const Value& value, const Value& usual) {
    if (!(value == usual)) always(name, value);
  }
  const std::string& line() const { return line_; }

private:
  std::string line_;
};

namespace detail {

inline void put_quantisation(Differences& d, const TrainingOptions& o,
                             const TrainingOptions& usual) {
  d.put("--bits", o.bits, std::string());
  if (o.bits.empty() || o.bits == "fp32") return;
  d.always("--weights", o.weights);
  d.put("--first-last", o.first_last, usual.first_last);
  d.always("--pact", o.pact);
  d.put("--alpha", o.alpha, usual.alpha);
  d.always("--alpha-quantile", o.alpha_quantile);
  d.put("--alpha-lr", o.alpha_lr, usual.alpha_lr);
  if (o.alpha_decay) d.always("--alpha-decay", *o.alpha_decay);
}

inline void put_recipe(Differences& d, const RecipeOptions& o, const RecipeOptions& usual) {
  d.put("--progressive", o.progressive, usual.progressive);
  d.put("--teacher", o.teacher, usual.teacher);
  d.put("--distil-weight", o.distil_weight, usual.distil_weight);
  d.put("--temperature", o.temperature, usual.temperature);
  d.put("--ema", o.ema, usual.ema);
  d.flag("--reestimate", o.reestimate);
}

inline void put_guidance(Differences& d, const TrainingOptions& o, const TrainingOptions& usual) {
  d.flag("--guided", true);
  d.flag("--authors", o.authors);
  const auto say = [&](const char* name, const auto& value, const auto& of_usual) {
    if (o.authors) // which decides the rest
      d.put(name, value, of_usual);
    else
      d.always(name, value);
  };
  say("--rank", o.rank, usual.rank);
  say("--share", o.share, usual.share);
  say("--lambda", o.lambda, usual.lambda);
  say("--fill", o.fill, usual.fill);
  say("--target", o.target, usual.target);
  say("--kl", o.kl, usual.kl);
  say("--saliency-pass", o.saliency_pass, usual.saliency_pass);
  say("--statistics", o.statistics, usual.statistics);
  say("--start", o.start, usual.start);
  say("--ramp", o.ramp, usual.ramp);
  say("--rate", o.rate, usual.rate);
}

} // namespace detail

/// The program and the options that train such a network, without those of the run.
inline std::string training_command(const TrainingOptions& o) {
  const TrainingOptions usual = recipe(o.dataset);
  const bool photos = has_photographs(o.dataset);
  Differences d(photos ? "cifar10" : "mnist");
  d.put("--dataset", o.dataset, std::string(photos ? "cifar-10" : "mnist"));
  d.flag("--holdout", o.protocol == data::Protocol::holdout);
  d.flag("--validation", o.protocol == data::Protocol::validation);
  d.flag("--no-augmentation", photos && !o.augment.any());
  if (o.net != usual.default_net) d.put("--net", o.net, std::string());
  d.put("--limit", o.limit, index_t{0});
  d.always("--epochs", o.epochs);
  d.put("--batch", o.batch, usual.batch);
  d.put("--optimizer", o.optimizer, usual.optimizer);
  d.put("--schedule", o.schedule, usual.schedule);
  d.put("--lr", o.lr, usual.lr);
  d.put("--decay", o.decay, usual.decay);
  detail::put_quantisation(d, o, usual);
  detail::put_recipe(d, o.recipe, usual.recipe);
  if (o.guided) detail::put_guidance(d, o, usual);
  d.always("--seed", o.seed);
  return d.line();
}

} // namespace examples
