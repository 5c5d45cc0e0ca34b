// The average of a net's numbers: against its closed form, exchanged with the net and back, and
// through a checkpoint.
#include "sgq/train/average.hpp"

#include "sgq/train/checkpoint.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/sgd.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"
#include "support/raise_to.hpp"
#include "support/temp_dir.hpp"

#include <cmath>

namespace test_average {

using namespace sgq;
using namespace sgq::train;
using Use = WeightAverage<float>::Use;

namespace {

/// All parameters and running statistics.
std::vector<double> numbers(nn::Net<double>& net) {
  std::vector<double> all;
  for (auto& p : net.parameters())
    all.insert(all.end(), p.parameter->value().begin(), p.parameter->value().end());
  for (auto& b : net.buffers()) all.insert(all.end(), b.tensor->begin(), b.tensor->end());
  return all;
}

std::vector<double> numbers(WeightAverage<double>& average) {
  std::vector<double> all;
  for (auto& s : average.state()) all.insert(all.end(), s.tensor->begin(), s.tensor->end());
  return all;
}

template <class T>
std::string bytes(WeightAverage<T>& average) {
  std::string all;
  for (auto& s : average.state())
    all.append(reinterpret_cast<const char*>(s.tensor->data()),
               static_cast<std::size_t>(s.tensor->size()) * sizeof(T));
  return all;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) raise_to(largest, std::abs(a[i] - b[i]));
  CHECK(largest <= tolerance);
}

nn::Net<float> quantised_net(const char* weights) {
  nn::Net<float> net = small_run::net();
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::same),
                     .weights = weights,
                     .alpha = 2,
                     .input = data::normalization("synthetic")});
  return net;
}

} // namespace

TEST_CASE("the average is the weighted mean of the steps", "[average]") {
  const auto x = random_tensor<double>({6, 2, 8, 8}, 3);
  const std::vector<std::uint8_t> labels{0, 1, 2, 3, 4, 0};
  const data::Batch<double> batch{.x = x, .codes = {}, .labels = labels, .indices = {}};
  for (const double decay : {0.0, 0.5, 0.99}) {
    nn::Net<double> net = small_net<double>("residual w4a4", "lsq");
    Sgd<double> sgd(net, {.lr = 0.05});
    WeightAverage<double> average(net, decay);
    CHECK(numbers(average) == numbers(net)); // nothing else is known yet
    std::vector<std::vector<double>> steps;
    nn::Tape<double> tape;
    for (std::uint64_t t = 1; t <= 12; ++t) {
      train_step(net, tape, batch, sgd, {.random = Random(t)});
      average.update();
      steps.push_back(numbers(net));
      std::vector<double> expected(steps[0].size());
      double total = 0;
      for (std::size_t i = 0; i < t; ++i) total += std::pow(decay, t - 1 - i);
      for (std::size_t i = 0; i < t; ++i)
        for (std::size_t j = 0; j < expected.size(); ++j)
          expected[j] += std::pow(decay, t - 1 - i) / total * steps[i][j];
      // Numbers of size 10 at most, a rounding or two a step.
      check_equal(numbers(average), expected, 1e-13);
      if (t == 1) CHECK(numbers(average) == steps[0]);
    }
    CHECK(average.steps() == 12);
    if (decay > 0) CHECK(numbers(average) != steps.back());
  }
}

TEST_CASE("in use the net is the one of the averages, afterwards the old one", "[average]") {
  const small_run::Threads one(1);
  for (const char* weights : {"sawb", "lsq"}) {
    INFO(weights);
    nn::Net<float> net = quantised_net(weights);
    Sgd<float> sgd(net, {.lr = 0.01});
    WeightAverage<float> average(net, 0.9);
    auto batches = small_run::batches();
    fit(net, batches, sgd, {.epochs = 3}, {}, &average); // a callback of the loop
    CHECK(average.steps() == 12);

    nn::Net<float> other = quantised_net(weights); // with the averages as its own numbers
    auto state = average.state();
    std::size_t next = 0;
    for (auto& p : other.parameters()) {
      const Tensor<float>& mean = *state[next++].tensor;
      if (p.parameter->group() == nn::ParameterGroup::clip) CHECK(mean[0] > 0);
      std::copy(mean.begin(), mean.end(), p.parameter->edit().begin());
    }
    for (auto& b : other.buffers()) *b.tensor = *state[next++].tensor;
    REQUIRE(next == state.size());
    other.quantize_weights();

    const std::string own = small_run::bytes(net), mean = bytes(average);
    auto images = small_run::plain_batches();
    const Meter before = evaluate(net, images);
    {
      const Use averaged(&average);
      CHECK((small_run::bytes(net) == small_run::bytes(other)));
      CHECK(evaluate(net, images) == evaluate(other, images)); // so its codes are fresh
      CHECK_FALSE(evaluate(net, images) == before);
    }
    CHECK((small_run::bytes(net) == own));
    CHECK((bytes(average) == mean));
    CHECK(evaluate(net, images) == before);
  }
  const Use none(nullptr);
}

TEST_CASE("while the net has the averages, nothing goes on", "[average]") {
  const TempDir dir;
  nn::Net<float> net = small_run::net();
  Sgd<float> sgd(net);
  WeightAverage<float> average(net, 0.9), other(net, 0.5);
  save_checkpoint(dir / "c", net, sgd, {});
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  nn::save_model(dir / "m", net);
  const io::SafeTensors model = io::read_safetensors(dir / "m");
  const std::string text = "a net with its own weights, got one with their averages";
  {
    const Use averaged(&average);
    const std::string before = small_run::bytes(net);
    net.forward(batches.batch(0).x, tape, nn::Mode::train(Random(1)));
    net.zero_grad();
    net.backward(Tensor<float>({16, 10}, 0.1f), tape, nn::Want::params);
    CHECK_SAYS(sgd.step(tape), value_error, "optimizer step", text);
    CHECK_SAYS(nn::initialize(net, 2), value_error, "initialize", text);
    CHECK_SAYS(nn::load_weights(model, net), value_error, "load_weights", text);
    WeightAverage<float>* const any[] = {nullptr, &average, &other};
    for (WeightAverage<float>* const a : any) {
      CHECK_SAYS(save_checkpoint(dir / "c", net, sgd, {}, a), value_error, "checkpoint", text);
      CHECK_SAYS(load_checkpoint(dir / "c", net, sgd, {}, a), value_error, "checkpoint", text);
      if (a) CHECK_SAYS(a->update(), value_error, text);
      if (a) CHECK_SAYS(Use(a), value_error, text);
    }
    CHECK((small_run::bytes(net) == before));
    CHECK(sgd.steps() + average.steps() + other.steps() == 0);
  }
  CHECK_NOTHROW(save_checkpoint(dir / "c", net, sgd, {}, &average));
}

TEST_CASE("an average is of one net with the layers it has", "[average]") {
  nn::Net<float> net = small_run::net();
  for (const double bad : {1.0, -0.1, std::nan("")})
    CHECK(contains(message_of<value_error>([&] { WeightAverage<float>(net, bad); }),
                   "expected a number in [0, 1)"));
  WeightAverage<float> average(net, 0.9);
  CHECK_SAYS(average.set_steps(-1), value_error, "weight average: steps", "got -1");
  {
    const Use averaged(&average);
    nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                       .alpha = 2,
                       .input = data::normalization("synthetic")});
    Sgd<float> sgd(net); // the new layers have numbers of their own
    auto batches = small_run::batches();
    nn::Tape<float> tape;
    CHECK_NOTHROW(train_step(net, tape, batches.batch(0), sgd));
  } // there is nothing to put back
  CHECK(contains(message_of<value_error>([&] { average.update(); }), "weight average"));
}

TEST_CASE("an average is the same for any number of threads", "[average]") {
  CHECK(same_for_any_thread_count([] {
    nn::Net<float> net = small_run::net();
    Sgd<float> sgd(net, {.lr = 0.02});
    WeightAverage<float> average(net, 0.8);
    auto batches = small_run::batches();
    fit(net, batches, sgd, {.epochs = 2}, {}, &average);
    return bytes(average);
  }));
}

TEST_CASE("killed and gone on with, the average has the same bytes", "[average]") {
  const small_run::Threads one(1);
  const TempDir dir;
  const std::string path = dir / "checkpoint";
  struct Run : Callbacks {
    nn::Net<float> net = quantised_net("lsq");
    Sgd<float> sgd{net, {.lr = 0.01}};
    WeightAverage<float> average{net, 0.9};
    std::string path{};
    index_t kill = 0;
    bool after_step(const TrainState& state, const StepResult&) override {
      average.update();
      if (state.step != kill) return true;
      save_checkpoint(path, net, sgd, {.state = state}, &average);
      return false;
    }
  };
  auto batches = small_run::batches();
  Run whole;
  fit(whole.net, batches, whole.sgd, {.epochs = 2}, {}, &whole);
  for (const index_t kill : {1, 4, 6}) {
    {
      Run first;
      first.path = path, first.kill = kill;
      fit(first.net, batches, first.sgd, {.epochs = 2}, {}, &first);
    }
    Run second;
    const TrainState state =
        load_checkpoint(path, second.net, second.sgd, {}, &second.average).state;
    CHECK(state.step == kill);
    CHECK(second.average.steps() == kill);
    fit(second.net, batches, second.sgd, {.epochs = 2}, state, &second);
    CHECK((small_run::bytes(second.net) == small_run::bytes(whole.net)));
    CHECK((bytes(second.average) == bytes(whole.average)));
  }
  // A run without an average has other tensors.
  Run other;
  CHECK(contains(message_of<io_error>([&] { load_checkpoint(path, other.net, other.sgd, {}); }),
                 "tensor 'average."));
  save_checkpoint(path, other.net, other.sgd, {});
  CHECK(contains(message_of<io_error>(
                     [&] { load_checkpoint(path, other.net, other.sgd, {}, &other.average); }),
                 "average_steps"));
}

} // namespace test_average
