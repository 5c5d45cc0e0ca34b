// What a user can forget when ranks train together is an error that says so.
#include "parallel_run.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_mistakes {

using namespace parallel_run;

namespace {

/// y = s x. Its author has forgotten that other ranks have images, too.
class OwnScale final : public nn::Layer<float> {
public:
  explicit OwnScale(bool knows_ranks) : knows_ranks_(knows_ranks) { s_.edit()[0] = 1; }
  std::string_view kind() const override { return "own_scale"; }
  nn::Gate gate() const override { return nn::Gate::none; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(nn::Inputs<float> in, nn::Slot<float>& slot, const nn::Mode&) const override {
    const View<const float> x = in[0]->view();
    const View<float> y = slot.plain(x.shape());
    for (index_t i = 0; i < x.size(); ++i) y[i] = s_.value()[0] * x[i];
  }
  void backward(nn::Inputs<float> in, const nn::Slot<float>&, View<float> dy,
                nn::Gradients<float> dx, bool want_params, const nn::BackwardOptions&) override {
    const View<const float> x = in[0]->view();
    const index_t images = x.shape()[0], features = x.shape().stride();
    if (want_params) {
      Arena::Scope scope(scratch());
      const auto of_image = [&](index_t n) {
        double sum = 0;
        for (index_t i = n * features; i < (n + 1) * features; ++i)
          sum += double(dy[i]) * double(x[i]);
        return sum;
      };
      const double* const sums = knows_ranks_ ? numbers_of_images(images, of_image) : nullptr;
      double sum = 0;
      for (index_t n = 0; n < (sums ? whole_batch(images) : images); ++n)
        sum += sums ? sums[n] : of_image(n);
      s_.grad()[0] += float(sum);
    }
    if (dx[0].empty()) return;
    for (index_t i = 0; i < x.size(); ++i) dx[0][i] = s_.value()[0] * dy[i];
  }
  void collect(std::vector<nn::NamedParameter<float>>& out) override { out.push_back({"s", &s_}); }

private:
  nn::Parameter<float> s_{nn::ParameterGroup::norm, {1}};
  bool knows_ranks_;
};

/// What a step with this layer says on three ranks, one text per rank.
std::vector<std::string> train_with_own_layer(bool knows_ranks) {
  std::vector<std::string> said(3);
  run_on_threads(3, [&](Communicator& ranks) {
    nn::Net<float> net({1, 28, 28});
    net.add("own", OwnScale(knows_ranks));
    net.add("flatten", nn::Flatten<float>());
    net.add("fc", nn::Linear<float>({.in = 784, .out = 10}));
    nn::initialize(net, 1);
    train::Sgd<float> optimizer(net);
    DataParallel<float> parallel(ranks, net);
    const data::Dataset set = images({});
    data::Batches<float> batches(set, grid({}), {.size = 26, .share = parallel.share()});
    nn::Tape<float> tape;
    auto step = [&](const data::Batch<float>& batch, const train::StepContext& at) {
      return train::train_step(net, tape, batch, optimizer, at);
    };
    auto shared = parallel.shared(step);
    said[std::size_t(ranks.rank())] =
        message_of<value_error>([&] { shared(batches.batch(0), {}); });
  });
  return said;
}

/// What f(parallel, batches, net, ranks) says on rank 1 of two, which makes its share of batches of
/// 26 images.
template <class F>
std::string on_rank_1(F f) {
  std::string said;
  run_on_threads(2, [&](Communicator& ranks) {
    nn::Net<float> net = small_run::net();
    DataParallel<float> parallel(ranks, net);
    const data::Dataset set = images({});
    data::Batches<float> batches(set, grid({}), {.size = 26, .share = parallel.share()});
    const std::string text = message_of<value_error>([&] { f(parallel, batches, net, ranks); });
    if (ranks.rank() == 1) said = text;
  });
  return said;
}

} // namespace

TEST_CASE("a layer that adds up its own images only is found and named", "[distributed]") {
  CHECK(train_with_own_layer(true) == std::vector<std::string>(3, ""));
  const std::vector<std::string> said = train_with_own_layer(false);
  CHECK(contains(said[0], "rank 1, 'own.s' after the step: expected the weights of rank 0, got "
                          "different ones (hint: a layer of your own"));
  CHECK(said == std::vector<std::string>(3, said[0]));
}

TEST_CASE("a share of a batch is not trained on alone", "[distributed]") {
  CHECK(contains(on_rank_1([](auto&, auto& batches, auto& net, auto&) {
                   train::Sgd<float> optimizer(net);
                   nn::Tape<float> tape;
                   train::train_step(net, tape, batches.batch(0), optimizer);
                 }),
                 "a batch that ranks share, of 26 images: expected a step that they share, got a "
                 "pass of one rank (hint: wrap the step by DataParallel::shared(step))"));
}

TEST_CASE("ranks do not all train on whole batches", "[distributed]") {
  CHECK(contains(on_rank_1([](auto& parallel, auto&, auto&, auto&) {
                   const data::Dataset set = images({});
                   data::Batches<float> whole(set, grid({}), {.size = 26});
                   auto step = [](const data::Batch<float>&, const train::StepContext&) {
                     return train::StepResult{};
                   };
                   parallel.shared(step)(whole.batch(0), {});
                 }),
                 "images of a pass in a step that ranks share: expected 10, got 26"));
}

TEST_CASE("a rank does not train on the share of another", "[distributed]") {
  CHECK(contains(
      on_rank_1([](auto& parallel, auto&, auto&, auto& ranks) {
        const data::Dataset set = images({});
        data::Batches<float> swapped(set, grid({}), {.size = 32, .share = {1 - ranks.rank(), 2}});
        auto step = [](const data::Batch<float>&, const train::StepContext&) {
          return train::StepResult{};
        };
        parallel.shared(step)(swapped.batch(0), {});
      }),
      "the first image of a rank's share: expected 16, got 0"));
}

TEST_CASE("nothing else is evaluated within a step", "[distributed]") {
  CHECK(contains(on_rank_1([](auto& parallel, auto& batches, auto& net, auto&) {
                   auto step = [&](const data::Batch<float>&, const train::StepContext&) {
                     const data::Dataset set = images({});
                     data::Batches<float> test(set, grid({}), {.size = 60});
                     train::evaluate(net, test);
                     return train::StepResult{};
                   };
                   parallel.shared(step)(batches.batch(0), {});
                 }),
                 "expected 10, got 60 (hint: evaluate and explain outside the step)"));
}

TEST_CASE("more ranks than blocks", "[distributed]") {
  const data::Dataset set = images({});
  const auto said = [&](data::Share share) {
    return message_of<value_error>(
        [&] { data::Batches<float> batches(set, grid({}), {.size = 26, .share = share}); });
  };
  CHECK(said({3, 4}).empty());
  CHECK(said({0, 5}) == "ranks that share a batch of 26 images: expected 1 to 4, its blocks of 8 "
                        "images, got 5 (hint: fewer ranks, or a larger batch)");
  CHECK(contains(said({4, 4}), "ranks that share"));
  CHECK(contains(said({0, 0}), "ranks that share"));
}

TEST_CASE("a loss that one rank's image makes infinite ends all, with the layer", "[distributed]") {
  std::vector<std::string> said(2);
  run_on_threads(2, [&](Communicator& ranks) {
    nn::Net<float> net = small_run::net();
    net.parameters()[0].parameter->edit().fill(1); // of conv1: sums of 3e38 are infinite
    net.quantize_weights();
    train::Sgd<float> optimizer(net);
    DataParallel<float> parallel(ranks, net);
    Tensor<float> x({8, 1, 28, 28}, ranks.rank() == 1 ? 3e38f : 0.5f);
    const std::vector<std::uint8_t> labels(8);
    const data::Batch<float> batch{.x = x,
                                   .codes = {},
                                   .labels = labels,
                                   .indices = {},
                                   .first = 8 * ranks.rank(),
                                   .whole = 16};
    nn::Tape<float> tape;
    auto step = [&](const data::Batch<float>& b, const train::StepContext& at) {
      return train::train_step(net, tape, b, optimizer, at);
    };
    said[std::size_t(ranks.rank())] =
        message_of<value_error>([&] { parallel.shared(step)(batch, {}); });
  });
  CHECK(contains(said[0], "from layer 'conv1'"));
  CHECK(said[1] == said[0]);
}

namespace {
/// What a step says on two ranks where rank 1 makes its batches of another set, with other options
/// or another context.
std::vector<std::string> said_of(const data::Dataset& of_rank_1, data::BatchOptions options,
                                 const train::StepContext& at = {}) {
  std::vector<std::string> said(2);
  const data::Dataset set = images({});
  run_on_threads(2, [&](Communicator& ranks) {
    const bool other = ranks.rank() == 1;
    nn::Net<float> net = small_run::net();
    train::Sgd<float> optimizer(net);
    DataParallel<float> parallel(ranks, net);
    data::BatchOptions own = other ? options : data::BatchOptions{.size = 26, .seed = 7};
    own.share = parallel.share();
    data::Batches<float> batches(other ? of_rank_1 : set, grid({}), own);
    nn::Tape<float> tape;
    auto step = [&](const data::Batch<float>& batch, const train::StepContext& here) {
      return train::train_step(net, tape, batch, optimizer, here);
    };
    said[std::size_t(ranks.rank())] = message_of<value_error>(
        [&] { parallel.shared(step)(batches.batch(0), other ? at : train::StepContext{}); });
  });
  return said;
}
} // namespace

TEST_CASE("ranks that train on different things are told", "[distributed]") {
  const data::BatchOptions same{.size = 26, .seed = 7};
  data::Dataset set = images({});
  CHECK(said_of(set, same) == std::vector<std::string>(2));
  const std::vector<std::string> seed = said_of(set, {.size = 26, .seed = 8});
  CHECK(contains(seed[0], "rank 1, a step: expected the images, labels, seeds and schedule of rank "
                          "0, got different ones"));
  CHECK(seed[1] == seed[0]);
  CHECK(contains(said_of(set, {.size = 26, .seed = 7, .augment = {.flip = true}})[0],
                 "rank 1, a step"));
  CHECK(contains(said_of(set, same, {.lr_factor = 0.5})[0], "rank 1, a step"));
  CHECK(contains(said_of(set, same, {.random = Random(3)})[0], "rank 1, a step"));
  CHECK(contains(said_of(set, same, {.progress = 0.5})[0], "rank 1, a step"));
  for (std::uint8_t& label : set.labels) label = static_cast<std::uint8_t>(9 - label);
  CHECK(contains(said_of(set, same)[0], "rank 1, a step"));
  set = images({});
  for (index_t i = 0; i < set.images.size(); ++i) set.images[i] ^= 1; // in whatever batch
  CHECK(contains(said_of(set, same)[0], "rank 1, a step"));
}

} // namespace test_mistakes
