// How guided networks of the experiment are trained: the recipes that may be chosen, by name.
//
//     lambda {.1, .3, 1} x KL {attached, detached} x share {.3, .5} x when {whole, late}
//
// `whole` guides from the first step. `late` trains plainly first and guides in the last third of
// the run, at a quarter of the learning rate. Everything else is the library's default: signed
// rank, uniform fill, log-probability, saliency from the training pass, clean statistics.
#pragma once

#include "../tools/training_options.hpp"

namespace examples {

struct GuidedRecipe {
  double lambda = 0.3;
  bool attached = false; ///< KL moves the clean prediction, too
  double share = 0.5;
  bool late = true;

  bool operator==(const GuidedRecipe&) const = default;

  /// "lambda-0.3-detached-share-0.5-late"
  std::string name() const {
    return "lambda-" + sgq::to_text(lambda) + (attached ? "-attached" : "-detached") + "-share-" +
           sgq::to_text(share) + (late ? "-late" : "-whole");
  }

  /// The same in words.
  std::string words() const {
    return "the KL term weighs " + sgq::to_text(lambda) +
           (attached ? ", and its gradient reaches both predictions"
                     : ", and its gradient reaches only the prediction of the masked image") +
           "; " + sgq::to_text(100 * share) + " % of the pixels are hidden; " +
           (late ? "guided in the last third, at a quarter of the rate"
                 : "guided from the first step");
  }

  void apply(TrainingOptions& o) const {
    o.guided = true;
    o.lambda = lambda;
    o.kl = attached ? "attached" : "detached";
    o.share = share;
    if (late) o.start = 2.0 / 3, o.rate = 0.25;
  }
};

/// All that may be chosen.
inline std::vector<GuidedRecipe> guided_recipes() {
  std::vector<GuidedRecipe> all;
  for (const bool late : {false, true})
    for (const bool attached : {false, true})
      for (const double lambda : {0.1, 0.3, 1.0})
        for (const double share : {0.3, 0.5}) all.push_back({lambda, attached, share, late});
  return all;
}

/// The recipe of that name. Throws io_error.
inline GuidedRecipe parse_guided_recipe(const std::string& name) {
  for (const GuidedRecipe& r : guided_recipes())
    if (r.name() == name) return r;
  throw sgq::io_error(describe("recipe", "one that may be chosen", "'" + name + "'"));
}

/// What a run costs beside a plain one of as many epochs, by forward passes: a plain step takes 3,
/// a guided one 7, or 6 where one backward pass serves both (train/saliency_guided.hpp).
inline double relative_cost(const TrainingOptions& o, bool has_batch_norm) {
  if (!o.guided) return 1;
  const bool control = o.rank == "random", detached = o.kl == "detached";
  const double step = control || (detached && !has_batch_norm) ? 6 : 7;
  return o.start + (1 - o.start) * step / 3;
}

} // namespace examples
