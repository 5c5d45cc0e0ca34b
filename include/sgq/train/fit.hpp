// sgq/train/fit.hpp -- the training loop: epochs, batches, schedule, progress, and going on from
// where an interrupted run stopped.
//
//     TrainState state = fit(net, batches, optimizer, {.epochs = 5, .seed = 1});
//
// Everything random is a function of (seed, epoch, batch) or (seed, step), and TrainState is all
// that the loop itself remembers. So a run that starts from a stored state, with the parameters and
// the optimiser's state of that moment, goes on as if it had never stopped, to the last bit.
#pragma once

#include "sgq/train/meters.hpp"
#include "sgq/train/schedule.hpp"
#include "sgq/train/step.hpp"

#include <type_traits>

namespace sgq::train {

struct FitOptions {
  index_t epochs = 1;
  std::uint64_t seed = 0; ///< of dropout, ties and fills; Batches has its own seed for the order
  Schedule schedule{};
};

/// Where a run stands.
struct TrainState {
  index_t epoch = 0; ///< epochs completed
  index_t batch = 0; ///< batches done in the epoch under way
  index_t step = 0;  ///< steps done in all
  Meter meter{};     ///< of the epoch under way
  bool operator==(const TrainState&) const = default;
};

/// Callbacks of the loop. They may store the state that they get; a run can continue from it.
class Callbacks {
public:
  virtual ~Callbacks() = default;
  /// After every step. Return false to stop here.
  virtual bool after_step(const TrainState& state, const StepResult& result) {
    static_cast<void>(state), static_cast<void>(result);
    return true;
  }
  /// After every epoch; `meter` has its training loss and accuracy, state.epoch counts it already.
  virtual bool after_epoch(const TrainState& state, const Meter& meter) {
    static_cast<void>(state), static_cast<void>(meter);
    return true;
  }
};

namespace detail {
inline constexpr index_t most_steps = index_t{1} << 53; // doubles count that far

inline void check_fit(const FitOptions& options, const TrainState& state, index_t batches) {
  options.schedule.check();
  if (options.epochs < 1)
    throw value_error(describe("epochs", "1 or more", to_text(options.epochs)));
  if (options.epochs > most_steps / batches)
    throw value_error(
        describe("epochs", "no more than 2^53 steps in all",
                 to_text(options.epochs) + " epochs of " + to_text(batches) + " batches"));
  if (state.epoch < 0 || state.epoch > options.epochs || state.batch < 0 || state.batch > batches ||
      state.step != state.epoch * batches + state.batch)
    throw value_error(describe("start of training",
                               "a state of a run of " + to_text(options.epochs) + " epochs of " +
                                   to_text(batches) + " batches",
                               "epoch " + to_text(state.epoch) + ", batch " + to_text(state.batch) +
                                   ", step " + to_text(state.step)));
}
} // namespace detail

/// Trains by calling step(batch, context), which returns a StepResult, for every batch not yet done
/// in `state`. Returns the state at the end. A value_error of a step is rethrown with the step's
/// number before its text.
template <class T, class Step>
TrainState fit(data::Batches<T>& batches, const FitOptions& options, Step&& step,
               TrainState state = {}, Callbacks* callbacks = nullptr) {
  static_assert(
      std::is_invocable_r_v<StepResult, Step&, const data::Batch<T>&, const StepContext&>,
      "step must be callable as step(const data::Batch<T>&, const StepContext&) and return a "
      "StepResult");
  Callbacks silent;
  Callbacks& tell = callbacks ? *callbacks : silent;
  const index_t count = batches.count();
  detail::check_fit(options, state, count);
  const index_t steps = options.epochs * count;
  const Random random(options.seed, 0x73746570u); // "step"
  while (state.epoch < options.epochs) {
    batches.begin_epoch(state.epoch);
    while (state.batch < count) {
      const data::Batch<T> batch = batches.batch(state.batch);
      const StepContext context{
          .random = ImageRandom(random.split(static_cast<std::uint64_t>(state.step)), batch.first),
          .lr_factor = options.schedule(state.step, steps),
          .progress = static_cast<double>(state.step) / static_cast<double>(steps)};
      StepResult result;
      try {
        result = step(batch, context);
      } catch (const value_error& e) {
        throw value_error("training step " + to_text(state.step + 1) + ": " + e.what());
      }
      state.meter.add(result.loss, result.correct, result.images);
      ++state.batch, ++state.step;
      if (!tell.after_step(state, result)) return state;
    }
    const Meter meter = state.meter;
    state = {.epoch = state.epoch + 1, .step = state.step};
    if (!tell.after_epoch(state, meter)) return state;
  }
  return state;
}

/// Plain training: train_step() on every batch.
template <class T>
TrainState fit(nn::Net<T>& net, data::Batches<T>& batches, Optimizer<T>& optimizer,
               const FitOptions& options, TrainState state = {}, Callbacks* callbacks = nullptr) {
  nn::Tape<T> tape;
  const auto step = [&](const data::Batch<T>& batch, const StepContext& context) {
    return train_step(net, tape, batch, optimizer, context);
  };
  return fit<T>(batches, options, step, state, callbacks);
}

} // namespace sgq::train
