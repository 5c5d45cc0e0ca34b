// A few steps of training, by one process or by ranks that are threads.
#pragma once

#include "sgq/distributed/data_parallel.hpp"
#include "sgq/distributed/thread_communicator.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/train/average.hpp"
#include "sgq/train/optimizers.hpp"
#include "sgq/train/progressive.hpp"
#include "sgq/train/saliency_guided.hpp"

#include "train/small_run.hpp"

namespace parallel_run {

using namespace sgq;
using namespace sgq::distributed;

struct Case {
  std::string net = "small", bits = "w4a4", optimizer = "adamw";
  std::string weights = "sawb";
  quant::PactGradient gradient = quant::PactGradient::paper;
  bool guided = false;
  train::GuidedOptions options{};
  bool teacher = false, average = false;
  index_t batch = 26, images = 60, steps = 3;
};

/// 60 images in batches of 26: blocks of 8, 8, 8 and 2, then the same, then a batch of one block.
inline data::Dataset images(const Case& c) {
  data::Dataset set = data::synthetic(c.images, 3, data::Split::train);
  if (c.net != "resnet20") return set;
  set.evidence = {};
  Tensor<std::uint8_t> colour({c.images, 3, 32, 32});
  for (index_t i = 0; i < colour.size(); ++i)
    colour[i] = static_cast<std::uint8_t>(set.images[i % set.images.size()] / (i % 3 + 1));
  set.images = std::move(colour);
  return set;
}

inline QuantParams grid(const Case& c) {
  QuantParams params = data::normalization("synthetic");
  if (c.net == "resnet20") params.zero_point = {33, 20, 10};
  return params;
}

inline nn::Net<float> make_net(const Case& c, const QuantParams& params, View<const float> x) {
  nn::Net<float> net = c.net == "small" ? small_run::net() : nn::make_model(c.net, {.seed = 3});
  if (c.bits == "fp32") return net;
  nn::quantize(net, {.bits = quant::parse_bit_policy(c.bits),
                     .weights = c.weights,
                     .gradient = c.gradient,
                     .input = params});
  nn::calibrate<float>(net, x);
  return net;
}

struct Result {
  std::string bytes; ///< weights, running statistics, averages
  train::TrainState state;
  Traffic traffic{}; ///< received by the rank
  bool operator==(const Result& o) const { return bytes == o.bytes && state == o.state; }
};

/// Stops after some steps.
struct Stop : train::Callbacks {
  index_t steps;
  explicit Stop(index_t n) : steps(n) {}
  bool after_step(const train::TrainState& state, const train::StepResult&) override {
    return state.step < steps;
  }
};

/// The run of a case; ranks null for one process.
inline Result run(const Case& c, Communicator* ranks) {
  const data::Dataset set = images(c);
  const QuantParams params = grid(c);
  data::BatchOptions how{.size = c.batch, .seed = 7, .augment = {.pad = 2, .flip = true}};
  data::Batches<float> whole(set, params, how);
  nn::Net<float> net = make_net(c, params, whole.batch(0).x);
  const nn::Net<float> other = nn::make_model("lenet5", {.seed = 9});
  train::Distillation<float> teacher(other);
  const auto optimizer =
      train::make_optimizer<float>(c.optimizer, net, {.lr = 0.01, .groups = train::decayed(0.01)});
  train::WeightAverage<float> average(net, 0.9);
  train::GuidedOptions options = c.options;
  options.mask.fill.grid = params;
  train::Distillation<float>* const term = c.teacher ? &teacher : nullptr;
  train::GuidedStep<float> guided(net, *optimizer, options, term);
  nn::Tape<float> tape;
  auto step = [&](const data::Batch<float>& batch, const train::StepContext& at) {
    const train::StepResult result =
        c.guided ? guided(batch, at) : train::train_step(net, tape, batch, *optimizer, at, term);
    if (c.average) average.update();
    return result;
  };
  Stop stop(c.steps);
  const train::FitOptions fit{.epochs = 100, .seed = 5};
  Result result;
  if (ranks) {
    DataParallel<float> parallel(*ranks, net);
    how.share = parallel.share();
    data::Batches<float> batches(set, params, how);
    auto shared = parallel.shared(step);
    result.state = train::fit<float>(batches, fit, shared, {}, &stop);
    result.traffic = parallel.traffic();
  } else {
    result.state = train::fit<float>(whole, fit, step, {}, &stop);
  }
  result.bytes = small_run::bytes(net);
  if (c.average)
    for (const auto& a : average.state()) result.bytes += io::bytes_of(a.tensor->view());
  return result;
}

/// The results of all ranks.
inline std::vector<Result> run_on(index_t ranks, const Case& c) {
  std::vector<Result> results(static_cast<std::size_t>(ranks));
  run_on_threads(ranks, [&](Communicator& own) {
    results[static_cast<std::size_t>(own.rank())] = run(c, &own);
  });
  return results;
}

} // namespace parallel_run
