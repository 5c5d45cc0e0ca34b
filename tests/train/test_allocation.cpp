// After its second step a training run asks for no memory, the smaller last batch included.
//
// Every operator new of this program is counted (OpenMP's own bookkeeping does not go through it).
#include "sgq/train/average.hpp"
#include "sgq/train/saliency_guided.hpp"
#include "small_run.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

namespace test_allocation {

using namespace sgq;
using namespace sgq::train;

namespace {

struct Counter : Callbacks {
  long after_second = 0;
  bool after_step(const TrainState& state, const StepResult&) override {
    if (state.step == 2) after_second = allocations::count;
    return true;
  }
};

/// Allocations after the second of eight steps, the fourth and eighth of which are smaller.
template <class Step>
long count(Step&& step) {
  auto batches = small_run::batches();
  Counter counter;
  allocations::count = 0;
  fit<float>(batches, {.epochs = 2}, step, {}, &counter);
  const long all = allocations::count;
  CHECK(counter.after_second > 0); // the counter counts
  return all - counter.after_second;
}

} // namespace

TEST_CASE("no allocation after the second step", "[train]") {
  const small_run::Threads scope(1);
  auto net = small_run::net();
  nn::Tape<float> tape;
  for (const std::string& name : names_of(optimizers<float>)) {
    const auto optimizer = make_optimizer<float>(name, net, {.lr = 1e-3, .groups = decayed(0.1)});
    CHECK(count([&](const data::Batch<float>& batch, const StepContext& at) {
            return train_step(net, tape, batch, *optimizer, at);
          }) == 0);
  }
}

TEST_CASE("no allocation after the second step with a teacher and an average", "[train]") {
  const small_run::Threads scope(1);
  auto net = small_run::net();
  const auto teacher_net = small_run::net();
  Distillation<float> teacher(teacher_net);
  Sgd<float> optimizer(net, {.lr = 1e-3});
  WeightAverage<float> average(net, 0.9);
  nn::Tape<float> tape;
  CHECK(count([&](const data::Batch<float>& batch, const StepContext& at) {
          const StepResult result = train_step(net, tape, batch, optimizer, at, &teacher);
          average.update();
          return result;
        }) == 0);
}

TEST_CASE("no allocation after the second guided step", "[train]") {
  const small_run::Threads scope(1);
  const QuantParams grid = data::normalization("synthetic");
  GuidedOptions separate = GuidedOptions::authors(), blurred;
  blurred.mask.fill.fill = ops::Fill::blur;
  for (GuidedOptions options : {GuidedOptions{}, separate, blurred}) {
    options.mask.fill.grid = grid;
    auto net = small_run::net();
    Sgd<float> optimizer(net, {.lr = 1e-3});
    GuidedStep<float> step(net, optimizer, options);
    CHECK(count(step) == 0);
  }
  auto net = nn::lenet5<float>(); // no batch norm: one backward pass may serve twice
  Sgd<float> optimizer(net, {.lr = 1e-3});
  GuidedStep<float> step(net, optimizer, {.kl_attached = false});
  CHECK(step.one_backward());
  CHECK(count(step) == 0);
}

} // namespace test_allocation
