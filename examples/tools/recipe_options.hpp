// Ways to lose less accuracy at low precision, each an option of its own; docs/quantisation.md
// describes them.
#pragma once

#include "command_line.hpp"

#include "sgq/train/distillation.hpp"
#include "sgq/train/progressive.hpp"

#include "sgq/nn/spec.hpp"

namespace examples {

struct RecipeOptions {
  std::string progressive = ""; ///< policies before that of --bits
  std::string teacher = "";     ///< a model file
  double distil_weight = sgq::train::DistillationOptions{}.weight,
         temperature = sgq::train::DistillationOptions{}.temperature;
  double ema = 0; ///< decay of the average of the weights; 0: no average
  bool reestimate = false;
};

inline void add_recipe_options(CommandLine& line, RecipeOptions& o) {
  line.section("Recipes for few bits");
  line.text("--progressive", &o.progressive, "LIST",
            "policies before that of --bits, one after the other within the run: w8a8,w4a4; with "
            "shares of the run: fp32:0.6");
  line.text("--teacher", &o.teacher, "FILE",
            "learn the probabilities of this model.safetensors as well (distillation)");
  line.number("--distil-weight", &o.distil_weight, "weight of the teacher's term in the loss");
  line.number("--temperature", &o.temperature, "by which the teacher's logits are divided");
  line.number("--ema", &o.ema,
              "test and save an exponential moving average of the weights with this decay per "
              "step, 0.999 for example; 0: the last weights");
  line.flag("--reestimate", &o.reestimate,
            "measure batch norm's statistics again when training is over");
}

/// Throws usage_error on values out of range, and on settings of a teacher without one.
inline void check_recipe_options(const RecipeOptions& o) {
  const auto number = [](double v) { return sgq::to_text(v); };
  if (o.ema >= 1) throw usage_error(sgq::describe("--ema", "0 or more, below 1", number(o.ema)));
  if (!(o.temperature > 0))
    throw usage_error(sgq::describe("--temperature", "above 0", number(o.temperature)));
  const RecipeOptions usual;
  if (o.teacher.empty() &&
      (o.distil_weight != usual.distil_weight || o.temperature != usual.temperature))
    throw usage_error("--distil-weight and --temperature need --teacher: add it");
}

/// What of them decides the result; the teacher's file is told apart by what is in it (start()).
inline void put_recipe_pairs(sgq::nn::Metadata& pairs, const RecipeOptions& o) {
  if (!o.progressive.empty()) pairs["progressive"] = o.progressive;
  if (!o.teacher.empty()) {
    pairs["teacher"] = o.teacher;
    pairs["distil.weight"] = sgq::to_text(o.distil_weight);
    pairs["distil.temperature"] = sgq::to_text(o.temperature);
  }
  if (o.ema > 0) pairs["ema"] = sgq::to_text(o.ema);
  if (o.reestimate) pairs["reestimate"] = "yes";
}

} // namespace examples
