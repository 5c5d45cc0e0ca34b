// FloatEngine: the logits of evaluation up to rounding, for every net of the library, nets that
// fuse in part or not at all, any batch and any number of threads.
#include "sgq/infer/float_engine.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/pool.hpp"
#include "sgq/nn/quantize.hpp"
#include "support/catch.hpp"
#include "support/differences.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <memory>

namespace test_float_engine {

using namespace sgq;

namespace {

template <class T>
Tensor<T> images(const nn::Net<T>& net, index_t n) {
  Tensor<T> x(net.input_shape().with_batch(n));
  for (index_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(Random(3).uniform(i)) - T(0.5);
  return x;
}

/// Parameters and statistics of batch norm that are none of their initial values.
template <class T>
void disturb(nn::Net<T>& net) {
  index_t i = 0;
  for (auto& p : net.parameters())
    for (T& v : p.parameter->edit())
      v += static_cast<T>(0.1) * (static_cast<T>(Random(5).uniform(i++)) - T(0.5));
  for (auto& b : net.buffers())
    for (T& v : *b.tensor) v += static_cast<T>(Random(5).uniform(i++));
}

/// The largest difference from the net's own evaluation, relative to its largest logit.
template <class T>
double difference(const nn::Net<T>& net, const infer::FloatEngine<T>& engine, index_t n) {
  const Tensor<T> x = images(net, n);
  nn::Tape<T> tape;
  const View<const T> expected = net.forward(x, tape);
  Tensor<T> logits(expected.shape());
  engine(x, logits);
  return relative_difference(logits, expected);
}

// Each of up to 20 layers rounds its sums, which have at most 2^11 addends in these nets, in
// another way than evaluation does.
constexpr double tolerance = 20 * 2048 * std::numeric_limits<double>::epsilon();

} // namespace

TEST_CASE("FloatEngine computes what evaluation computes") {
  for (const std::string& name : names_of(nn::models<float>)) {
    nn::Net<double> net = nn::make_model<double>(name, {.width = 4});
    disturb(net);
    const infer::FloatEngine<double> engine(net);
    for (index_t n : {1, 6}) { // one image, and a block that is not full
      CAPTURE(name, n);
      CHECK(difference(net, engine, n) < tolerance);
    }
  }
}

TEST_CASE("FloatEngine's logits do not depend on the threads") {
  nn::Net<float> net = nn::resnet20({.width = 4});
  disturb(net);
  const infer::FloatEngine<float> engine(net);
  const Tensor<float> x = images(net, 11);
  CHECK(same_for_any_thread_count([&] {
    Tensor<float> logits({11, 10});
    engine(x, logits);
    return std::vector<float>(logits.begin(), logits.end());
  }));
}

TEST_CASE("FloatEngine runs nets that fuse in part or not at all") {
  using nn::Conv2dOptions;
  nn::Net<double> net({2, 6, 6});
  net.add("norm", nn::BatchNorm<double>({.channels = 2})); // nothing before it to go into
  const auto a = net.add("a", nn::Conv2d<double>({.in = 2, .out = 3, .pad = 1}));
  const auto b = net.add("b", nn::Conv2d<double>({.in = 3, .out = 3, .pad = 1}));
  SECTION("a residual that is read again later keeps its place") {
    net.add("add", nn::Add<double>(), {b, a});
    net.add("relu", nn::Relu<double>());
    net.add("again", nn::Add<double>(), {net.last(), a});
  }
  SECTION("a value read twice is not fused over") {
    const auto r = net.add("relu", nn::Relu<double>(), {b});
    net.add("add", nn::Add<double>(), {b, r});
  }
  SECTION("a value added to itself") {
    net.add("add", nn::Add<double>(), {b, b});
  }
  SECTION("a convolution as the second operand") {
    net.add("add", nn::Add<double>(), {a, b});
  }
  SECTION("an average pool, and dropout, which is off") {
    net.add("pool", nn::AvgPool<double>({.kernel = 2}));
    net.add("dropout", nn::Dropout<double>(0.5));
  }
  SECTION("a value that reaches the linear part beside its input") {
    net.add("f", nn::Flatten<double>());
    const auto g = net.add("g", nn::Linear<double>({.in = 108, .out = 4}));
    net.add("pool", nn::GlobalAvgPool<double>(), {a});
    net.add("h", nn::Linear<double>({.in = 3, .out = 4}));
    net.add("add", nn::Add<double>(), {net.last(), g});
  }
  net.add("flat", nn::Flatten<double>());
  net.add("fc", nn::Linear<double>({.in = net.nodes().back().shape.size(), .out = 3}));
  disturb(net);
  CHECK(difference(net, infer::FloatEngine<double>(net), 6) < tolerance);
}

TEST_CASE("FloatEngine takes images that are not square, pooled globally") {
  nn::Net<double> net({2, 5, 9});
  net.add("conv", nn::Conv2d<double>({.in = 2, .out = 3, .pad = 1}));
  net.add("norm", nn::BatchNorm<double>({.channels = 3, .eps = 0.1}));
  net.add("relu", nn::Relu<double>());
  SECTION("as they are") {}
  SECTION("after max pooling") {
    net.add("max", nn::MaxPool<double>());
  }
  net.add("pool", nn::GlobalAvgPool<double>());
  net.add("fc", nn::Linear<double>({.in = 3, .out = 4}));
  nn::initialize(net, 1);
  disturb(net);
  CHECK(difference(net, infer::FloatEngine<double>(net), 6) < tolerance);
}

TEST_CASE("FloatEngine uses memory again") {
  const nn::Net<float> net = nn::resnet20();
  auto steps = infer::fuse(net);
  CHECK(steps.size() == 24); // input, 19 convolutions, 2 shortcuts, pool, linear
  CHECK(infer::plan(steps) == 3);
}

TEST_CASE("FloatEngine: a sum does not take the place of what its convolution reads") {
  nn::Net<double> net({64, 32, 32}); // too large to be packed before the first result is written
  const auto r = net.add("relu", nn::Relu<double>());
  net.add("dropout", nn::Dropout<double>(0.5)); // hands on the memory of relu
  net.add("conv", nn::Conv2d<double>({.in = 64, .out = 64, .pad = 1}));
  net.add("add", nn::Add<double>(), {net.last(), r});
  net.add("pool", nn::GlobalAvgPool<double>());
  net.add("fc", nn::Linear<double>({.in = 64, .out = 3}));
  disturb(net);
  CHECK(difference(net, infer::FloatEngine<double>(net), 1) < tolerance);
  auto steps = infer::fuse(net); // input, relu, dropout, convolution with the sum, ..
  infer::plan(steps);
  REQUIRE(steps[3].joins());
  CHECK(steps[3].slot != steps[1].slot);
}

TEST_CASE("FloatEngine refuses quantised nets and wrong shapes") {
  nn::Net<float> net = nn::lenet5();
  const infer::FloatEngine<float> engine(net);
  Tensor<float> x({2, 1, 28, 28}), wrong({2, 1, 27, 28}), logits({2, 10}), few({1, 10});
  CHECK_SAYS(engine(wrong, logits), shape_error, "engine input", "got [2, 1, 27, 28]");
  CHECK_SAYS(engine(x, few), shape_error, "engine: logits", "got [1, 10]");
  nn::QuantizeOptions options;
  options.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::fp32);
  nn::quantize(net, options);
  CHECK_SAYS(infer::FloatEngine<float>(net), value_error, "float engine", "layer 'relu1'",
             "4 bits");
  options.bits = quant::parse_bit_policy("w32a4"); // real weights, codes between the layers
  nn::quantize(net, options);
  CHECK(contains(message_of<value_error>([&] { infer::FloatEngine<float>{net}; }), "'relu1'"));
}

TEST_CASE("FloatEngine refuses a net that has changed since it was made") {
  static_assert(!std::is_constructible_v<infer::FloatEngine<float>, nn::Net<float>>);
  auto net = std::make_unique<nn::Net<float>>(nn::lenet5());
  const infer::FloatEngine<float> engine(*net);
  Tensor<float> x({2, 1, 28, 28}), logits({2, 10}), moved({2, 10});
  x.fill(0.5f);
  engine(x, logits);
  auto elsewhere = std::make_unique<nn::Net<float>>(std::move(*net));
  engine(x, moved);
  CHECK(std::equal(logits.begin(), logits.end(), moved.begin()));
  const auto message = [&] { return message_of<value_error>([&] { engine(x, logits); }); };
  SECTION("weights") {
    elsewhere->parameters()[0].parameter->edit()[0] += 1; // quantize_weights() is not needed
    CHECK(contains(message(), "the numbers that it was made of"));
  }
  SECTION("statistics") {
    nn::Tape<float> tape;
    elsewhere->forward(x, tape, nn::Mode::train(Random(0)));
    elsewhere->update_statistics(tape);
    CHECK(contains(message(), "the numbers that it was made of"));
  }
  SECTION("layers") {
    nn::quantize(*elsewhere, {.bits = quant::parse_bit_policy("w32a4")});
    CHECK(contains(message(), "has changed since"));
  }
  SECTION("gone") {
    elsewhere.reset();
    CHECK(contains(message(), "one that is gone"));
  }
}

namespace {
/// A layer of a user's that hands on what it computed as bytes, which only PACT's readers expect.
struct Coder final : nn::Layer<float> {
  std::string_view kind() const override { return "coder"; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(nn::Inputs<float> in, nn::Slot<float>& slot, const nn::Mode&) const override {
    slot.codes.resize(in[0]->shape);
    slot.codes.fill(3);
    slot.out = Signal<float>{
        .shape = in[0]->shape, .codes = slot.codes.data(), .scale = 0.5, .max_code = 3};
  }
  void backward(nn::Inputs<float>, const nn::Slot<float>&, View<float>, nn::Gradients<float>, bool,
                const nn::BackwardOptions&) override {}
};
} // namespace

TEST_CASE("FloatEngine refuses codes of a layer of one's own") {
  nn::Net<float> net({1, 5, 5});
  net.add("coder", Coder());
  net.add("conv", nn::Conv2d<float>({.in = 1, .out = 2}));
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 18, .out = 2}));
  nn::initialize(net, 1);
  const infer::FloatEngine<float> engine(net);
  Tensor<float> x({1, 1, 5, 5}), logits({1, 2});
  CHECK(contains(message_of<value_error>([&] { engine(x, logits); }), "layer 'coder'"));
}

} // namespace test_float_engine
