// Any number of ranks and threads trains the bytes of one process, exchanges what the formula says
// and, from the third step on, allocates nothing.
#include "parallel_run.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_data_parallel {

using namespace parallel_run;

namespace {

/// The case by one process, against each number of ranks on each number of threads.
void compare(const Case& c, std::initializer_list<index_t> ranks = {1, 2, 3, 4},
             std::initializer_list<int> threads = {1, 2}) {
  INFO(c.net << " " << c.bits << " " << c.weights << " " << c.optimizer << " " << c.guided);
  const Result expected = run(c, nullptr);
  CHECK(expected.state.step == c.steps);
  for (const int t : threads) {
    const small_run::Threads scope(t);
    for (const index_t n : ranks) {
      INFO(n << " ranks, " << t << " threads");
      const std::vector<Result> results = run_on(n, c);
      CHECK(std::count(results.begin(), results.end(), expected) == n);
    }
  }
}

} // namespace

TEST_CASE("ranks train the bytes of one process", "[distributed]") {
  for (const char* optimizer : {"adamw", "sgd"}) {
    compare({.bits = "fp32", .optimizer = optimizer, .steps = 7});
    compare({.optimizer = optimizer, .guided = true, .steps = 7});
  }
}

TEST_CASE("with every way to train", "[distributed]") {
  const std::initializer_list<index_t> ranks = {3};
  compare({.optimizer = "adadelta", .teacher = true, .average = true}, ranks, {2});
  compare({.weights = "lsq", .guided = true, .teacher = true}, ranks, {1});
  compare({.weights = "dorefa", .gradient = quant::PactGradient::plus, .guided = true}, ranks, {1});
  compare({.guided = true, .options = train::GuidedOptions::authors()}, ranks, {1});
  train::GuidedOptions one_pass{.kl_attached = false}, random;
  random.mask.rank_by = ops::Rank::random;
  random.mask.fill.fill = ops::Fill::blur;
  compare({.net = "lenet5", .guided = true, .options = one_pass}, ranks, {1});
  compare({.guided = true, .options = random}, ranks, {1});
}

TEST_CASE("networks of the library", "[distributed]") {
  const std::initializer_list<index_t> ranks = {2, 3};
  const Case mnist{.net = "mnist_cnn",
                   .optimizer = "adamw",
                   .guided = true,
                   .batch = 18,
                   .images = 20,
                   .steps = 2};
  const Case residual{
      .net = "resnet20", .optimizer = "sgd", .guided = true, .batch = 18, .images = 20, .steps = 2};
  Case real = residual;
  real.bits = "fp32", real.guided = false, real.optimizer = "adamw";
  compare(mnist, ranks, {2});
  compare(residual, ranks, {2});
  compare(real, ranks, {2});
}

TEST_CASE("a batch beyond one block of the matrix product's sum", "[distributed]") {
  // 264 images: dW of a linear layer adds up in two blocks (kernels/gemm/tiles.hpp).
  compare({.net = "lenet5", .bits = "fp32", .batch = 264, .images = 264, .steps = 2}, {3}, {1});
}

TEST_CASE("bits that change within a run are calibrated on the whole batch", "[distributed]") {
  const data::Dataset set = images({});
  const QuantParams params = grid({});
  const auto train_with = [&](Communicator* ranks) {
    nn::Net<float> net = small_run::net();
    std::optional<train::Sgd<float>> optimizer(std::in_place, net);
    nn::Tape<float> tape;
    auto step = [&](const data::Batch<float>& batch, const train::StepContext& at) {
      if (*at.progress >= 0.5 && nn::pact_layers(net).empty()) {
        train::change_bits<float>(net, {.bits = quant::parse_bit_policy("w2a2"), .input = params},
                                  batch.x);
        optimizer.emplace(net);
      }
      return train::train_step(net, tape, batch, *optimizer, at);
    };
    std::optional<DataParallel<float>> parallel;
    if (ranks) parallel.emplace(*ranks, net);
    data::Batches<float> batches(
        set, params, {.size = 26, .share = parallel ? parallel->share() : data::Share{}});
    if (parallel) {
      auto shared = parallel->shared(step);
      train::fit<float>(batches, {.epochs = 2}, shared);
    } else {
      train::fit<float>(batches, {.epochs = 2}, step);
    }
    return small_run::bytes(net);
  };
  const std::string expected = train_with(nullptr);
  run_on_threads(3, [&](Communicator& ranks) {
    if (train_with(&ranks) != expected) throw value_error("other bytes");
  });
}

TEST_CASE("ranks evaluate as one process does", "[distributed]") {
  const Case c;
  const data::Dataset set = images(c);
  const QuantParams params = grid(c);
  nn::Net<float> net = small_run::net();
  data::Batches<float> batches(set, params, {.size = 7, .shuffle = false});
  const train::Meter expected = train::evaluate(net, batches);
  run_on_threads(4, [&](Communicator& ranks) {
    nn::Net<float> own = small_run::net();
    data::Batches<float> all(set, params, {.size = 7, .shuffle = false});
    nn::Tape<float> tape;
    DataParallel<float> parallel(ranks, own);
    if (!(parallel.evaluate(tape, all) == expected)) throw value_error("another result");
  });
}

TEST_CASE("a step exchanges what the formula says", "[distributed]") {
  for (const char* name : {"small", "lenet5", "resnet20"})
    for (const bool guided : {false, true}) {
      const Case c{.net = name,
                   .bits = std::string(name) == "lenet5" ? "fp32" : "w4a4",
                   .guided = guided,
                   .batch = 18,
                   .images = 18,
                   .steps = 1};
      INFO(name << " " << guided);
      const QuantParams params = grid(c);
      const data::Dataset set = images(c);
      data::Batches<float> batches(set, params, {.size = c.batch});
      nn::Net<float> net = make_net(c, params, batches.batch(0).x);
      nn::Tape<float> tape;
      train::forward(net, batches.batch(0), tape, nn::Mode::train(Random(1)));
      for (const index_t ranks : {1, 2, 3}) {
        const std::vector<Result> results = run_on(ranks, c);
        for (index_t rank = 0; rank < ranks; ++rank) {
          const Traffic expected = step_traffic(net, tape, guided, {c.batch, rank, ranks});
          const Traffic& got = results[static_cast<std::size_t>(rank)].traffic;
          CHECK(got.bytes == expected.bytes);
          CHECK(got.exchanges == expected.exchanges);
        }
      }
    }
}

TEST_CASE("no allocation on any rank after the second step", "[distributed]") {
  const small_run::Threads scope(1);
  const Case c{.guided = true};
  const data::Dataset set = images(c);
  const QuantParams params = grid(c);
  data::Batches<float> first(set, params, {.size = c.batch});
  const auto x = first.batch(0).x;
  long after_second = 0, after_fourth = 0;
  run_on_threads(3, [&](Communicator& ranks) {
    nn::Net<float> net = make_net(c, params, x);
    train::Adamw<float> optimizer(net);
    train::GuidedStep<float> guided(net, optimizer, {});
    DataParallel<float> parallel(ranks, net);
    data::Batches<float> batches(set, params, {.size = c.batch, .share = parallel.share()});
    auto step = parallel.shared(guided);
    for (const index_t i : {0, 1}) step(batches.batch(i), {});
    ranks.barrier();
    if (ranks.rank() == 0) after_second = allocations::count;
    ranks.barrier();
    for (const index_t i : {2, 0}) step(batches.batch(i), {}); // a smaller batch among them
    ranks.barrier();
    if (ranks.rank() == 0) after_fourth = allocations::count;
    ranks.barrier();
  });
  CHECK(after_second > 0);
  CHECK(after_fourth == after_second);
}

} // namespace test_data_parallel
