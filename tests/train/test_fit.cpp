// The training loop: what it does in which order, where it stops, what it says when numbers burst.
#include "sgq/train/evaluate.hpp"
#include "small_run.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <cfenv>
#include <cmath>

namespace test_fit {

using namespace sgq;
using namespace sgq::train;
using small_run::batches_per_epoch;

namespace {

/// Writes down what the loop tells.
struct Recorder : Callbacks {
  std::vector<double> losses;
  std::vector<TrainState> states;
  std::vector<Meter> epochs;
  std::vector<index_t> completed;
  index_t stop_at = -1;

  bool after_step(const TrainState& state, const StepResult& result) override {
    losses.push_back(result.loss);
    states.push_back(state);
    return state.step != stop_at;
  }
  bool after_epoch(const TrainState& state, const Meter& meter) override {
    CHECK(state.batch == 0);
    CHECK(state.meter.images == 0);
    epochs.push_back(meter);
    completed.push_back(state.epoch);
    return true;
  }
};

const FitOptions three_epochs{.epochs = 3, .seed = 2, .schedule = {.kind = "one-cycle"}};

/// Three epochs from one state to the end, or to where the recorder stops them.
TrainState run(nn::Net<float>& net, Optimizer<float>& optimizer, Recorder& recorder,
               TrainState start = {}) {
  auto batches = small_run::batches();
  return fit(net, batches, optimizer, three_epochs, start, &recorder);
}

} // namespace

TEST_CASE("fit sees every image of every epoch once and learns", "[train]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  Adamw<float> optimizer(net, {.lr = 3e-3});
  Recorder recorder;
  const TrainState end = run(net, optimizer, recorder);
  CHECK((end == TrainState{.epoch = 3, .step = 3 * batches_per_epoch}));
  CHECK(optimizer.steps() == end.step);
  CHECK((recorder.completed == std::vector<index_t>{1, 2, 3}));
  REQUIRE(recorder.epochs.size() == 3);
  for (const Meter& meter : recorder.epochs) CHECK(meter.images == small_run::images().size());
  CHECK(recorder.epochs[2].loss() < 0.8 * recorder.epochs[0].loss());
  CHECK(recorder.states[5].epoch == 1);
  CHECK(recorder.states[5].batch == 2);
  CHECK(recorder.states[5].meter.images == 32);
}

TEST_CASE("the loop and the steps by hand are the same run", "[train]") {
  const small_run::Threads one(1);
  auto a = small_run::net(), b = small_run::net();
  Sgd<float> by_fit(a, {.lr = 0.02}), by_hand(b, {.lr = 0.02});
  Recorder recorder;
  run(a, by_fit, recorder);

  auto batches = small_run::batches();
  nn::Tape<float> tape;
  const index_t steps = 3 * batches_per_epoch;
  for (index_t step = 0; step < steps; ++step) {
    if (step % batches_per_epoch == 0) batches.begin_epoch(step / batches_per_epoch);
    const StepContext context{.random =
                                  Random(2, 0x73746570u).split(static_cast<std::uint64_t>(step)),
                              .lr_factor = three_epochs.schedule(step, steps)};
    const StepResult result =
        train_step(b, tape, batches.batch(step % batches_per_epoch), by_hand, context);
    CHECK(result.loss == recorder.losses[static_cast<std::size_t>(step)]);
  }
  CHECK((small_run::bytes(a) == small_run::bytes(b)));
}

TEST_CASE("a run that was stopped anywhere goes on to the same end", "[train]") {
  const small_run::Threads one(1);
  auto whole = small_run::net();
  Adamw<float> whole_optimizer(whole, {});
  Recorder all;
  run(whole, whole_optimizer, all);
  for (index_t stop : {1, 4, 6, 11, 12}) {
    auto net = small_run::net();
    Adamw<float> optimizer(net, {});
    Recorder first, second;
    first.stop_at = stop;
    const TrainState state = run(net, optimizer, first);
    CHECK(state.step == stop);
    const TrainState end = run(net, optimizer, second, state);
    CHECK(end.epoch == 3);
    CHECK((small_run::bytes(net) == small_run::bytes(whole)));
    REQUIRE(second.epochs.size() >= 1);
    CHECK(second.epochs.back() == all.epochs.back()); // the meter went on, too
  }
}

TEST_CASE("training is bitwise the same for 1, 2 and 3 threads", "[train]") {
  CHECK(same_for_any_thread_count([] {
    auto net = small_run::net();
    Adamw<float> optimizer(net, {.lr = 3e-3, .groups = decayed(0.01)});
    Recorder recorder;
    run(net, optimizer, recorder);
    return small_run::bytes(net);
  }));
}

TEST_CASE("another step takes the place of the plain one", "[train]") {
  const small_run::Threads one(1);
  auto batches = small_run::batches();
  std::vector<double> factors;
  std::vector<std::uint32_t> draws;
  const FitOptions options{.epochs = 2, .seed = 9, .schedule = {.kind = "cosine"}};
  const TrainState end =
      fit<float>(batches, options, [&](const data::Batch<float>& batch, const StepContext& at) {
        factors.push_back(at.lr_factor);
        draws.push_back((*at.random)(0).bits(0));
        return StepResult{.loss = 1, .correct = 0, .images = batch.size()};
      });
  CHECK(end.step == 2 * batches_per_epoch);
  REQUIRE(factors.size() == 8);
  for (index_t i = 0; i < 8; ++i)
    CHECK(factors[static_cast<std::size_t>(i)] == options.schedule(i, 8));
  std::sort(draws.begin(), draws.end());
  CHECK(std::unique(draws.begin(), draws.end()) == draws.end()); // every step its own numbers
}

TEST_CASE("a loss that is not finite stops with step, layer and parameter", "[train]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  Sgd<float> optimizer(net, {.lr = 0.01});
  struct Spoiler : Callbacks {
    nn::Net<float>& net;
    std::string parameter;
    float value = NAN;
    explicit Spoiler(nn::Net<float>& n) : net(n) {}
    bool after_step(const TrainState& state, const StepResult&) override {
      if (state.step != 5) return true;
      for (auto& p : net.parameters())
        if (p.name == parameter) p.parameter->edit()[0] = value;
      return true;
    }
  } spoiler(net);
  const auto message = [&](const char* parameter) {
    spoiler.parameter = parameter;
    auto batches = small_run::batches();
    return message_of<value_error>(
        [&] { fit(net, batches, optimizer, {.epochs = 2}, {}, &spoiler); });
  };
  SECTION("weights of a convolution") {
    const std::string text = message("conv2.weight");
    CHECK(contains(text, "training step 6: "));
    CHECK(contains(text, "layer 'conv2'"));
    CHECK(contains(text, "its weight"));
  }
  SECTION("gamma of batch norm, which writes no tensor") {
    CHECK(contains(message("bn2.weight"), "layer 'bn2' (its weight"));
  }
  SECTION("bias of the last layer") {
    CHECK(contains(message("fc.bias"), "layer 'fc' (its bias"));
  }
  SECTION("an infinity") {
    spoiler.value = INFINITY;
    CHECK(contains(message("conv1.weight"), "layer 'conv1'"));
  }
}

TEST_CASE("a loss that is not finite leaves the parameters as they were", "[train]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  net.parameters().back().parameter->edit()[3] = NAN;
  Sgd<float> optimizer(net, {.lr = 0.01});
  const std::string before = small_run::bytes(net);
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  CHECK_SAYS(train_step(net, tape, batches.batch(0), optimizer), value_error, "loss", "got nan",
             "layer 'fc'");
  CHECK((small_run::bytes(net) == before));
}

TEST_CASE("finite logits too large for the loss are the last layer's", "[train]") {
  auto net = small_run::net();
  const View<float> bias = net.parameters().back().parameter->edit();
  bias.fill(-3e38f);
  bias[0] = 3e38f; // the other classes' losses are 6e38, beyond float
  Sgd<float> optimizer(net, {.lr = 0.01});
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  CHECK_SAYS(train_step(net, tape, batches.batch(0), optimizer), value_error, "got inf",
             "layer 'fc', whose finite logits are too large");
}

TEST_CASE("a state that is none of this run is refused", "[train]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  Sgd<float> optimizer(net, {});
  Recorder recorder;
  for (const TrainState& bad : {TrainState{.epoch = -1}, TrainState{.epoch = 4, .step = 16},
                                TrainState{.batch = 5, .step = 5}, TrainState{.batch = 1},
                                TrainState{.epoch = 1, .batch = -1, .step = 3}})
    CHECK(contains(message_of<value_error>([&] { run(net, optimizer, recorder, bad); }),
                   "3 epochs of 4 batches"));
  auto batches = small_run::batches();
  CHECK_SAYS(fit(net, batches, optimizer, {.epochs = 0}), value_error, "epochs", "got 0");
  CHECK_SAYS(fit(net, batches, optimizer, {.epochs = std::numeric_limits<index_t>::max()}),
             value_error, "epochs", "no more than 2^53 steps");
  CHECK_SAYS(fit(net, batches, optimizer, {.schedule = {.warm_up = 2}}), value_error, "schedule",
             "warm-up", "got 2");
}

TEST_CASE("a meter weighs batches by their images", "[train]") {
  Meter meter;
  CHECK(meter.loss() == 0);
  CHECK(meter.accuracy() == 0);
  meter.add(2.0, 3, 6);
  meter.add(5.0, 2, 2);
  CHECK(meter.loss() == Approx((2.0 * 6 + 5.0 * 2) / 8));
  CHECK(meter.accuracy() == Approx(5.0 / 8));
}

TEST_CASE("no step is made where the processor rounds in another direction", "[train][errors]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  Sgd<float> optimizer(net, {.lr = 0.1});
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  std::vector<std::vector<float>> before;
  for (const auto& p : net.parameters())
    before.emplace_back(p.parameter->value().begin(), p.parameter->value().end());
  std::fesetround(FE_UPWARD);
  const std::string text =
      message_of<value_error>([&] { train_step(net, tape, batches.batch(0), optimizer); });
  std::fesetround(FE_TONEAREST);
  CHECK(contains(text, "optimizer step: expected rounding to nearest"));
  std::size_t k = 0;
  for (const auto& p : net.parameters())
    CHECK(
        std::equal(p.parameter->value().begin(), p.parameter->value().end(), before[k++].begin()));
}

TEST_CASE("evaluation does not depend on the batch size and moves nothing", "[train]") {
  const small_run::Threads one(1);
  auto net = small_run::net();
  const std::string before = small_run::bytes(net);
  const auto grid = data::normalization("synthetic");
  data::Batches<float> whole(small_run::images(), grid, {.size = 50, .shuffle = false});
  data::Batches<float> many(small_run::images(), grid, {.size = 7, .seed = 4});
  const Meter a = evaluate(net, whole), b = evaluate(net, many);
  CHECK(a.images == 50);
  CHECK(a.correct == b.correct);
  CHECK(a.loss() == Approx(b.loss()).epsilon(2e-7)); // each batch's is rounded once, by 6e-8
  CHECK((small_run::bytes(net) == before));

  nn::Tape<float> tape; // one image at a time, by hand
  index_t correct = 0;
  data::Batches<float> single(small_run::images(), grid, {.size = 1, .shuffle = false});
  for (index_t i = 0; i < single.count(); ++i) {
    const auto batch = single.batch(i);
    const auto z = net.forward(batch.x, tape, nn::Mode::eval());
    correct += std::max_element(z.begin(), z.end()) - z.begin() == batch.labels[0];
  }
  CHECK(a.correct == correct);
}

} // namespace test_fit
