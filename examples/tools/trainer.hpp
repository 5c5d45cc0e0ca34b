// What moves the weights in a run of `mnist` or `cifar10`: for each stage of bits an optimiser, a
// step and an average of the weights of its own; for all of them the teacher.
#pragma once

#include "source_network.hpp"

#include "sgq/sgq.hpp"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

namespace examples {

/// The stage that the net of a run is in when it begins or, with --resume, goes on: that of the
/// checkpoint's last step. Throws usage_error where a stage would have no step.
inline std::size_t stage_at_start(const TrainingOptions& o, index_t steps,
                                  const std::string& checkpoint) {
  const std::vector<train::BitStage> stages = stages_of(o);
  const auto stage_of_step = [&](index_t step) {
    return train::stage_at(stages, static_cast<double>(step) / static_cast<double>(steps));
  };
  std::size_t begun = 1;
  for (index_t step = 1; step < steps; ++step)
    if (stage_of_step(step) != stage_of_step(step - 1)) ++begun;
  if (begun != stages.size())
    throw usage_error(describe("--progressive", "a step of training for each policy",
                               "none for one of them", "train longer, or name fewer"));
  if (stages.size() == 1 || !o.resume || !std::filesystem::exists(checkpoint)) return 0;
  const index_t done = train::read_state(checkpoint).step;
  return stage_of_step(std::max<index_t>(done - 1, 0));
}

/// Gives the net the bits of a stage; x is a batch, for new clips. `options` are those of the
/// run's end. Prints the warnings of quantize().
inline void enter_stage(const TrainingOptions& o, std::size_t stage, nn::QuantizeOptions options,
                        sgq::View<const float> x, nn::Net<float>& net) {
  const std::vector<train::BitStage> stages = stages_of(o);
  for (const train::BitStage& each : stages) // an unknown layer fails at once, not hours later
    quant::resolve(each.bits, nn::weight_layer_names(net));
  options.bits = stages.at(stage).bits;
  for (const std::string& warning : train::change_bits(net, options, x, o.alpha_quantile))
    std::printf("warning: %s\n", warning.c_str());
}

/// The learning rate of a step, guiding's factor included.
inline double learning_rate(const TrainingOptions& o, index_t step, index_t steps) {
  const double progress = static_cast<double>(step) / static_cast<double>(steps);
  const double guiding = o.guided && progress >= o.start ? o.rate : 1;
  return o.lr * train::Schedule{.kind = o.schedule}(step, steps) * guiding;
}

/// The step of a run, for fit().
class Trainer {
public:
  /// The net is in `stage` already, and has its clips; `quant` is what it ends with.
  Trainer(const TrainingOptions& o, nn::Net<float>& net, const nn::QuantizeOptions& quant,
          const data::Dataset& set, std::size_t stage)
      : o_(o), net_(net), quant_(quant), set_(set), stages_(stages_of(o)), stage_(stage) {
    if (!o.recipe.teacher.empty()) load_teacher();
    begin_stage();
  }

  Trainer(const Trainer&) = delete; // its parts refer to each other
  Trainer& operator=(const Trainer&) = delete;

  train::StepResult operator()(const data::Batch<float>& batch, const train::StepContext& at) {
    if (const std::size_t now = train::stage_at(stages_, at.progress.value()); now != stage_) {
      enter_stage(o_, now, quant_, batch.x, net_);
      stage_ = now;
      begin_stage();
    }
    const train::StepResult result =
        guided_ ? (*guided_)(batch, at)
                : train::train_step(net_, tape_, batch, *optimizer_, at, teacher());
    if (average_) average_->update();
    return result;
  }

  train::Optimizer<float>& optimizer() { return *optimizer_; }
  /// Null without --ema.
  train::WeightAverage<float>* average() { return average_ ? &*average_ : nullptr; }

private:
  train::Distillation<float>* teacher() { return teacher_ ? &*teacher_ : nullptr; }

  void load_teacher() {
    const std::string& path = o_.recipe.teacher;
    teacher_model_.emplace(load_source(o_, "--teacher", path));
    const nn::Net<float>& t = teacher_model_->net;
    const auto what = [](const nn::Net<float>& net) {
      return net.input_shape().str() + " and " + sgq::to_text(net.classes()) + " classes";
    };
    if (t.input_shape() != net_.input_shape() || t.classes() != net_.classes())
      throw usage_error(
          describe("--teacher", "a net for images " + what(net_), path + ", for " + what(t)));
    if (teacher_model_->input && teacher_model_->input != set_.grid)
      throw usage_error(describe("--teacher", "a net that was trained on " + o_.dataset,
                                 path + ", whose images have another scale"));
    teacher_.emplace(t, train::DistillationOptions{.weight = o_.recipe.distil_weight,
                                                   .temperature = o_.recipe.temperature});
  }

  void begin_stage() {
    guided_.reset(); // it refers to the optimiser
    optimizer_ =
        train::make_optimizer<float>(o_.optimizer, net_, {.lr = o_.lr, .groups = groups(o_)});
    if (o_.guided) guided_.emplace(net_, *optimizer_, guidance(o_, set_), teacher());
    if (o_.recipe.ema > 0) average_.emplace(net_, o_.recipe.ema);
  }

  const TrainingOptions& o_;
  nn::Net<float>& net_;
  nn::QuantizeOptions quant_;
  const data::Dataset& set_;
  std::vector<train::BitStage> stages_;
  std::size_t stage_;
  std::optional<nn::Model<float>> teacher_model_;
  std::optional<train::Distillation<float>> teacher_;
  std::unique_ptr<train::Optimizer<float>> optimizer_;
  std::optional<train::GuidedStep<float>> guided_;
  std::optional<train::WeightAverage<float>> average_;
  nn::Tape<float> tape_;
};

} // namespace examples
