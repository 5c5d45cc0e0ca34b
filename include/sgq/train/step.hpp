// sgq/train/step.hpp -- one step of plain training.
//
// Any function with this interface can take its place in fit(): it gets a batch and what is special
// about this step, moves the parameters once, and says what the batch's loss was.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/ops/loss.hpp"
#include "sgq/train/distillation.hpp"
#include "sgq/train/forward.hpp"
#include "sgq/train/nonfinite.hpp"
#include "sgq/train/optimizer.hpp"

#include <optional>

namespace sgq::train {

/// What differs from step to step, beside the batch.
struct StepContext {
  /// For dropout, ties and fills; unset, each step of an optimiser has its own.
  std::optional<ImageRandom> random{};
  double lr_factor = 1; ///< what the schedule says
  /// Share of the run that is done before this step, in [0, 1); unset outside a run.
  std::optional<double> progress{};
};

struct StepResult {
  double loss = 0; ///< mean over the batch
  index_t correct = 0;
  index_t images = 0; ///< of the whole batch, where ranks share it
};

/// The random numbers of a step on this batch.
template <class T>
ImageRandom random_of(const StepContext& at, const Optimizer<T>& optimizer,
                      const data::Batch<T>& batch) {
  const Random run(0, 0x6c6f6f70u); // "loop"
  const Random own = run.split(static_cast<std::uint64_t>(optimizer.steps()));
  return at.random.value_or(ImageRandom(own, batch.first));
}

/// Forward, loss, backward, update. The optimiser was made for this net. A teacher adds its term to
/// the loss (train/distillation.hpp).
/// Throws value_error, naming the first layer at fault, if the loss is not finite; the parameters
/// are then still those from before the step.
template <class T>
StepResult train_step(nn::Net<T>& net, nn::Tape<T>& tape, const data::Batch<T>& batch,
                      Optimizer<T>& optimizer, const StepContext& at = {},
                      std::type_identity_t<Distillation<T>*> teacher = nullptr) {
  const View<const T> z =
      forward(net, batch, tape, nn::Mode::train(random_of(at, optimizer, batch)));
  Arena::Scope scope(scratch());
  const View<T> dz(scratch().take<T>(z.size()), z.shape());
  T loss = ops::cross_entropy<T>(z, batch.labels, dz);
  if (teacher) loss = teacher->add(loss, z, batch, dz);
  check_loss(loss, net, tape);
  net.zero_grad();
  net.backward(dz, tape, nn::Want::params);
  optimizer.step(tape, at.lr_factor);
  note_grid(net, batch);
  return {.loss = static_cast<double>(loss),
          .correct = ops::count_correct<T>(z, batch.labels),
          .images = whole_batch(batch.size())};
}

} // namespace sgq::train
