// The net of a run of `mnist` or `cifar10` at its start: built, or loaded from --from-weights.
#pragma once

#include "trainer.hpp"

#include "sgq/sgq.hpp"

namespace examples {

/// A net and everything that decides what becomes of it.
struct Start {
  nn::ModelSpec spec;
  nn::Net<float> net;
  nn::Metadata deciding; ///< options of the run, by name
};

/// What a model file says of a set in a folder, which no table knows.
inline nn::Metadata own_set_pairs(const data::Dataset& set) {
  nn::Metadata pairs = nn::to_metadata(set.class_names);
  pairs["dataset"] = set.name;
  pairs["background"] = set.on_black ? "black" : "mean";
  pairs["dataset.sha256"] = data::digest(set);
  return pairs;
}

/// The model of --from-weights. Throws usage_error where the options or the set want another one.
inline nn::Model<float> load_start(const TrainingOptions& o, const data::Dataset& set) {
  nn::Model<float> model = load_source(o, "--from-weights", o.from_weights);
  if (!model.spec)
    throw usage_error(describe("--from-weights", "one of the networks of this program",
                               o.from_weights + ", a net of its own"));
  const bool real = model.bits() == "fp32";
  if (real && o.bits.empty()) check_nothing_quantised(o);
  check_agrees(o.from_weights, model, o.net, real ? "" : o.bits);
  const TrainingOptions usual; // no recipe says anything of these
  if (!real && (o.weights != usual.weights || o.first_last != usual.first_last ||
                o.pact != usual.pact || o.alpha != usual.alpha ||
                o.alpha_quantile != usual.alpha_quantile || !o.recipe.progressive.empty()))
    throw usage_error("--weights, --first-last, --pact, --alpha and --progressive: " +
                      o.from_weights + " is quantised already, and keeps what it has");
  const sgq::Shape images = set.images.shape().with_batch(1);
  if (model.net.input_shape() != images)
    throw usage_error(describe("--from-weights", "a net for images " + images.str(),
                               model.name() + ", " + model.net.input_shape().str()));
  if (model.input && model.input != set.grid)
    throw usage_error(describe("--from-weights", "a net that was trained on " + set.name,
                               o.from_weights + ", whose images have another scale"));
  if (model.net.classes() != set.classes)
    throw usage_error(
        describe("--from-weights",
                 "a net of " + sgq::to_text(set.classes) + " classes, as " + set.name + " has",
                 sgq::to_text(model.net.classes())));
  return model;
}

/// Builds the net for the images and classes of the set, or loads --from-weights, and quantises it
/// as asked, for that stage of --progressive. `first` is a batch of the training set, for the
/// clips. Prints the warnings of quantize().
inline Start start(const TrainingOptions& o, const data::Dataset& set, sgq::View<const float> first,
                   std::size_t stage) {
  nn::ModelSpec spec{.net = o.net.empty() ? o.default_net : o.net};
  spec.options = {
      .seed = o.seed, .classes = set.classes, .image = {set.channels(), set.height(), set.width()}};
  spec.quant.input = set.grid;
  nn::Net<float> net = [&] {
    if (o.from_weights.empty()) return nn::build_model<float>(spec);
    nn::Model<float> model = load_start(o, set);
    spec = *model.spec;
    return std::move(model.net);
  }();
  if (quant::name(spec.quant.bits) == "fp32") { // not so the file of a quantised net
    spec.quant = quantization(o, set.grid);
    enter_stage(o, stage, spec.quant, first, net);
  }
  nn::Metadata deciding = deciding_options(o, spec);
  if (!sgq::find_row(data::datasets, o.dataset))
    for (const auto& [key, value] : own_set_pairs(set)) deciding[key] = value;
  if (!o.from_weights.empty()) deciding["from_weights"] = io::sha256(io::read_file(o.from_weights));
  return {std::move(spec), std::move(net), std::move(deciding)};
}

/// The layers that have a clip when the run ends.
inline std::vector<nn::ValueId> clipped_at_end(const TrainingOptions& o, Start& begun) {
  if (o.recipe.progressive.empty()) return nn::pact_layers(begun.net);
  nn::Net<float> last = nn::build_model(begun.spec);
  return nn::pact_layers(last);
}

/// start() on the whole first batch, which every rank sees.
inline Start start(const TrainingOptions& o, const data::Dataset& set, std::size_t stage) {
  data::Batches<float> whole(set, set.grid,
                             {.size = o.batch, .seed = o.seed, .augment = o.augment});
  Start begun = start(o, set, whole.batch(0).x, stage);
  if (o.recipe.reestimate && begun.net.buffers().empty())
    throw usage_error(describe("--reestimate", "a net with batch norm", begun.spec.net));
  if (!o.recipe.teacher.empty())
    begun.deciding["teacher"] = io::sha256(io::read_file(o.recipe.teacher));
  return begun;
}

} // namespace examples
