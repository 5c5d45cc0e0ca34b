// Global average pooling of planes that are not square.
#include "sgq/nn/cost.hpp"
#include "support/nets.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_global_avg_pool {

using namespace sgq;
using namespace sgq::nn;

namespace {

template <class T>
Net<T> oblong_net() {
  Net<T> net({2, 5, 9});
  net.add("conv", Conv2d<T>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  net.add("relu", Relu<T>());
  net.add("pool", GlobalAvgPool<T>());
  net.add("fc", Linear<T>({.in = 3, .out = 4}));
  initialize(net, 1);
  return net;
}

} // namespace

TEST_CASE("global average pooling is the mean of each plane, of any height and width", "[layers]") {
  Net<double> net({2, 5, 9});
  net.add("pool", GlobalAvgPool<double>());
  Tape<double> tape;
  const Tensor<double> x = random_tensor<double>({3, 2, 5, 9}, 1);
  const View<const double> y = net.forward(x, tape);
  REQUIRE(y.shape() == Shape{3, 2});
  for (index_t p = 0; p < 6; ++p) {
    double sum = 0;
    for (index_t i = 0; i < 45; ++i) sum += x[p * 45 + i];
    CHECK(y[p] == Approx(sum / 45).epsilon(1e-14));
  }
}

TEST_CASE("gradients through global average pooling equal finite differences", "[layers]") {
  Net<double> net({2, 5, 9});
  net.add("conv", Conv2d<double>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  net.add("swish", Swish<double>());
  net.add("pool", GlobalAvgPool<double>());
  initialize(net, 1);
  Tensor<double> x = random_tensor<double>({2, 2, 5, 9}, 1);
  const Tensor<double> dy = random_tensor<double>({2, 3}, 2);
  Tape<double> tape, probe;
  net.forward(x, tape, Mode::train(Random(0)));
  net.zero_grad();
  const View<const double> dx = net.backward(dy, tape, Want::both);
  const auto loss = [&] { return dot(net.forward(x, probe, Mode::train(Random(0))), dy); };
  CHECK(gradient_error(loss, x, dx) < 1e-9);
  for (const auto& p : net.parameters()) {
    INFO(p.name);
    CHECK(gradient_error(loss, p.parameter->edit(), p.parameter->grad()) < 1e-9);
  }
}

TEST_CASE("a quantised net pools sums of codes from planes that are not square", "[layers]") {
  Net<float> net = oblong_net<float>();
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                 .input = {.scale = 1 / 64.0f, .zero_point = {100, 128}}});
  calibrate<float>(net, random_tensor<float>({4, 2, 5, 9}, 1));
  Tape<float> tape;
  for (const Mode& mode : {Mode::train(Random(0)), Mode::eval()}) {
    net.forward(random_tensor<float>({4, 2, 5, 9}, 1), tape, mode);
    const Signal<float>&codes = tape[net.find("relu")].out, &sums = tape[net.find("pool")].out;
    REQUIRE(sums.is_codes());
    CHECK(sums.max_code == 45 * 15);
    CHECK(sums.scale == codes.scale / 45);
    for (index_t p = 0; p < 12; ++p) {
      index_t sum = 0;
      for (index_t i = 0; i < 45; ++i) sum += codes.codes[p * 45 + i];
      CHECK(sums.real[p] == static_cast<float>(sum));
    }
    CHECK_NOTHROW(net.backward(random_tensor<float>({4, 4}, 2), tape, Want::both));
  }
  const NetCost cost = cost_of(net);
  CHECK(cost.macs() == 5 * 9 * 3 * 18 + 3 * 4);
  CHECK(cost.layers.back().input_bits == 10); // sums up to 675
}

TEST_CASE("global average pooling refuses what has no planes", "[layers]") {
  Net<float> net({45});
  const std::string text =
      message_of<shape_error>([&] { net.add("pool", GlobalAvgPool<float>()); });
  CHECK(contains(text, "layer 'pool': "));
  CHECK(contains(text, "expected [N, C, H, W], got [1, 45]"));
}

TEST_CASE("an average of more codes than a float can sum is refused", "[layers][errors]") {
  // 8-bit codes of at most 222: 2^24 / 222 = 75,573 of them are exact.
  const auto average = [](index_t width) {
    Net<float> net({1, 256, width});
    net.add("pool", GlobalAvgPool<float>());
    net.input().set_grid({.scale = 1, .zero_point = {33}});
    Tape<float> tape;
    return net.forward(Tensor<float>({1, 1, 256, width}, 222.0f), tape, Mode::infer())[0];
  };
  CHECK(average(295) == 222);
  CHECK(contains(message_of<value_error>([&] { average(296); }), "75776 codes up to 222"));
}

} // namespace test_global_avg_pool
