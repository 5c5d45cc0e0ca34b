// Layers inside nets, in double against finite differences, and against nets that compute the same
// in another way.
#include "sgq/ops/loss.hpp"
#include "support/nets.hpp"

#include "support/catch.hpp"
#include "support/differences.hpp"
#include "support/errors.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace test_layers {

using namespace sgq;
using namespace sgq::nn;

namespace {

/// No kink anywhere, so that differences are exact to 1e-9; value `v` has three readers, `twice`
/// adds a value to itself, `side` comes from the input, and nobody reads `idle`.
Net<double> smooth_net() {
  using T = double;
  Net<T> net({2, 7, 7});
  net.add("conv1", Conv2d<T>({.in = 2, .out = 4, .kernel = 3, .pad = 1}));
  net.add("bn1", BatchNorm<T>({.channels = 4}));
  const ValueId v = net.add("swish1", Swish<T>());
  const ValueId a = net.add("conv2", Conv2d<T>({.in = 4, .out = 4, .kernel = 3, .pad = 1}));
  const ValueId b =
      net.add("conv3", Conv2d<T>({.in = 4, .out = 4, .kernel = 1, .bias = false}), {v});
  net.add("idle", Conv2d<T>({.in = 4, .out = 2, .kernel = 3}), {a});
  net.add("add1", Add<T>(), {a, v});
  net.add("bn2", BatchNorm<T>({.channels = 4}));
  const ValueId c = net.add("add2", Add<T>(), {net.last(), b});
  net.add("twice", Add<T>(), {c, c});
  const ValueId d = net.add("swish2", Swish<T>());
  const ValueId side = net.add("side", Shortcut<T>({.in = 2, .out = 4, .stride = 1}), {0});
  net.add("add3", Add<T>(), {side, d});
  net.add("dropout", Dropout<T>(0.3));
  net.add("average", AvgPool<T>({.kernel = 3, .stride = 2}));
  net.add("strided", Conv2d<T>({.in = 4, .out = 6, .kernel = 3, .stride = 2, .pad = 2}));
  net.add("bn3", BatchNorm<T>({.channels = 6}));
  net.add("bn4", BatchNorm<T>({.channels = 6})); // a norm of a norm: per-channel factors
  net.add("swish3", Swish<T>());
  net.add("global", GlobalAvgPool<T>());
  net.add("fc1", Linear<T>({.in = 6, .out = 5}));
  net.add("bn5", BatchNorm<T>({.channels = 5})); // of features
  net.add("swish4", Swish<T>());
  net.add("fc2", Linear<T>({.in = 5, .out = 3, .bias = false}));
  initialize(net, 1);
  std::uint64_t seed = 10;
  for (const auto& p : net.parameters()) {
    ++seed;
    if (p.parameter->group() == ParameterGroup::weight) continue;
    const Tensor<T> r = random_tensor<T>(p.parameter->shape(), seed, 0.3);
    const View<T> value = p.parameter->edit();
    for (index_t i = 0; i < r.size(); ++i) value[i] += r[i];
  }
  for (const auto& buffer : net.buffers())
    for (T& value : *buffer.tensor) value += 0.25;
  return net;
}

/// Every gradient of dot(output, weight) against differences of step h.
void check_all_gradients(Net<double>& net, Tensor<double> x, const Mode& mode, double h,
                         double tolerance) {
  Tape<double> tape, probe;
  const Tensor<double> weight = random_tensor<double>(net.forward(x, tape, mode).shape(), 77);
  net.zero_grad();
  const View<const double> dx = net.backward(weight, tape, Want::both);
  const auto loss = [&] { return dot(net.forward(x, probe, mode), weight); };
  CHECK(gradient_error(loss, x, dx, 60, h) < tolerance);
  for (const auto& p : net.parameters()) {
    INFO(p.name);
    CHECK(gradient_error(loss, p.parameter->edit(), p.parameter->grad(), 25, h) < tolerance);
  }
}

/// The running statistics become those of the recorded batch (biased variance), so that evaluation
/// computes what training did, with statistics that do not move.
template <class T>
void freeze_statistics(Net<T>& net, const Tape<T>& tape) {
  std::vector<NamedBuffer<T>> buffers;
  for (ValueId i = 0; i <= net.last(); ++i) {
    buffers.clear();
    net.layer(i).collect_buffers(buffers);
    if (buffers.empty()) continue;
    using Norm = BatchNorm<T>;
    for (index_t c = 0; c < buffers[0].tensor->size(); ++c) {
      (*buffers[0].tensor)[c] = tape[i].channel(Norm::batch_mean, c);
      (*buffers[1].tensor)[c] = tape[i].channel(Norm::batch_var, c);
    }
  }
}

} // namespace

// ---- gradients ----------------------------------------------------------------------------------

TEST_CASE("all gradients of a smooth net equal finite differences", "[layers]") {
  Net<double> net = smooth_net();
  const Tensor<double> x = random_tensor<double>({3, 2, 7, 7}, 2);
  SECTION("in training, through batch statistics and a dropout mask") {
    check_all_gradients(net, x, Mode::train(Random(3)), 1e-3, 1e-8);
  }
  SECTION("in evaluation") {
    check_all_gradients(net, x, Mode::eval(), 1e-3, 1e-8);
  }
}

TEST_CASE("a layer that nobody reads gets no gradient", "[layers]") {
  Net<double> net = smooth_net();
  Tape<double> tape;
  net.forward(random_tensor<double>({2, 2, 7, 7}, 2), tape, Mode::train(Random(0)));
  net.zero_grad();
  net.backward(Tensor<double>({2, 3}, 1.0), tape, Want::both);
  for (const auto& p : net.parameters()) {
    INFO(p.name);
    double largest = 0;
    for (double g : p.parameter->grad()) largest = std::max(largest, std::abs(g));
    CHECK((largest == 0) == p.name.starts_with("idle."));
  }
}

TEST_CASE("gradients through ReLU and max pooling equal finite differences", "[layers]") {
  // Steps so small that no pre-activation of these few changes side; rounding costs 1e-16/1e-6.
  Net<double> plain = small_net<double>("plain fp32"),
              residual = small_net<double>("residual fp32");
  const Tensor<double> x = random_tensor<double>({2, 2, 8, 8}, 2);
  for (Net<double>* net : {&plain, &residual})
    for (const Mode& mode : {Mode::train(Random(3)), Mode::eval()})
      check_all_gradients(*net, x, mode, 1e-6, 1e-8);
}

TEST_CASE("the input gradient takes batch statistics for constants", "[layers]") {
  Net<double> net = smooth_net();
  Tensor<double> x = random_tensor<double>({3, 2, 7, 7}, 2);
  // Without dropout, which evaluation would leave out.
  net.replace(net.find("dropout"), std::make_unique<Dropout<double>>(0.0));
  Tape<double> tape, probe;
  const View<const double> trained = net.forward(x, tape, Mode::train(Random(0)));
  freeze_statistics(net, tape);
  CHECK(largest_difference(net.forward(x, probe), trained) < 1e-12);
  const Tensor<double> weight = random_tensor<double>(trained.shape(), 77);
  const auto loss = [&] { return dot(net.forward(x, probe), weight); };
  Tensor<double> dx;
  dx.copy_from(net.input_gradient(weight, tape));
  CHECK(gradient_error(loss, x, dx, 100) < 1e-8);
  // And that is not the gradient through the statistics.
  CHECK(largest_difference(net.backward(weight, tape, Want::input), dx) > 1e-3);
}

TEST_CASE("two passes through one net give the sum of their gradients", "[layers]") {
  for (const char* name : small_net_names) {
    INFO(name);
    Net<double> net = small_net<double>(name);
    Tape<double> clean, masked;
    const Tensor<double> dz = random_tensor<double>({4, 5}, 6);
    const Tensor<double> dzm = random_tensor<double>({4, 5}, 7);
    net.forward(random_tensor<double>({4, 2, 8, 8}, 1), clean, Mode::train(Random(1)));
    net.forward(random_tensor<double>({4, 2, 8, 8}, 2), masked, Mode::train(Random(2)));
    const auto single = [&](const Tensor<double>& d, const Tape<double>& tape) {
      net.zero_grad();
      net.backward(d, tape, Want::params);
      return gradients(net);
    };
    const auto one = single(dz, clean), two = single(dzm, masked);
    net.zero_grad();
    net.backward(dz, clean, Want::params);
    net.backward(dzm, masked, Want::params);
    const auto sum = gradients(net);
    double error = 0, largest = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      raise_to(error, std::abs(sum[i] - (one[i] + two[i])));
      largest = std::max(largest, std::abs(sum[i]));
    }
    CHECK(largest > 0.1);
    CHECK(error < 1e-13 * largest);
  }
}

// ---- codes against real numbers -----------------------------------------------------------------

namespace {

constexpr float pixel_scale = 1 / 64.0f;

/// Pixel codes, 8-bit weights with biases, batch norm, pooling and an addition, and no rounding of
/// activations: a function that a real net computes too, given the quantised weights.
Net<double> coded_net() {
  using T = double;
  Net<T> net({2, 8, 8});
  net.add("conv1", Conv2d<T>({.in = 2, .out = 3, .kernel = 3}));
  net.add("bn1", BatchNorm<T>({.channels = 3}));
  const ValueId x = net.add("pool", AvgPool<T>({.kernel = 2}));
  net.add("conv2", Conv2d<T>({.in = 3, .out = 3, .kernel = 3, .pad = 1}));
  net.add("add", Add<T>(), {net.last(), x});
  net.add("flatten", Flatten<T>());
  net.add("fc", Linear<T>({.in = 27, .out = 5}));
  initialize(net, 4);
  for (const auto& p : net.parameters())
    if (p.parameter->group() != ParameterGroup::weight) {
      const Tensor<T> r = random_tensor<T>(p.parameter->shape(), p.name.size(), 0.3);
      const View<T> value = p.parameter->edit();
      for (index_t i = 0; i < r.size(); ++i) value[i] += r[i];
    }
  return net;
}

} // namespace

TEST_CASE("layers on codes compute what real layers do on the codes' values", "[layers]") {
  Net<double> coded = coded_net(), real = coded_net();
  coded.input().set_grid({.scale = pixel_scale, .zero_point = {100, 128}});
  for (const char* name : {"conv1", "conv2", "fc"}) {
    Weights<double>& w = *coded.layer(coded.find(name)).weights();
    w.set_quantizer(std::make_shared<quant::Symmetric<double>>(8));
    w.quantize(name);
    const View<double> value = real.layer(real.find(name)).weights()->parameter().edit();
    for (index_t i = 0; i < value.size(); ++i) value[i] = w.scale() * w.codes().codes[i];
  }
  Tensor<double> x = random_tensor<double>({3, 2, 8, 8}, 1), quantised(x.shape());
  const std::int32_t zero[] = {100, 128};
  for (index_t i = 0; i < x.size(); ++i) {
    const double z = zero[i / 64 % 2];
    quantised[i] = pixel_scale * (std::clamp(std::rint(x[i] / pixel_scale) + z, 0.0, 255.0) - z);
  }
  const Tensor<double> dz = random_tensor<double>({3, 5}, 2);
  for (const Mode& mode : {Mode::train(Random(0)), Mode::eval()}) {
    Tape<double> a, b;
    CHECK(largest_difference(coded.forward(x, a, mode), real.forward(quantised, b, mode)) < 1e-12);
    coded.zero_grad();
    real.zero_grad();
    CHECK(largest_difference(coded.backward(dz, a, Want::both), real.backward(dz, b, Want::both)) <
          1e-12);
    for (std::size_t k = 0; k < real.parameters().size(); ++k) {
      INFO(real.parameters()[k].name);
      CHECK(largest_difference(coded.parameters()[k].parameter->grad(),
                               real.parameters()[k].parameter->grad()) < 1e-10);
    }
  }
}

namespace {

/// 128 input channels and weights of equal size: 9 * 128 * 127 * 155 > 2^24, more than a float
/// holds, so evaluation in float sums in int32. What follows is up to the caller.
template <class T>
Net<T> wide_net(bool bias) {
  Net<T> net({128, 4, 4});
  Conv2d<T> conv({.in = 128, .out = 3, .kernel = 3, .pad = 1, .bias = bias});
  const View<T> w = conv.weights()->parameter().edit();
  for (index_t i = 0; i < w.size(); ++i) w[i] = Random(1).bits(i) % 3 == 0 ? T(-0.01) : T(0.01);
  conv.weights()->set_quantizer(std::make_shared<quant::Symmetric<T>>(8));
  if (bias) conv.bias().edit().fill(T(0.3));
  net.add("conv", std::move(conv));
  net.input().set_grid({.scale = pixel_scale, .zero_point = std::vector<std::int32_t>(128, 100)});
  return net;
}

/// The net in float and in double, which holds all sums: equal up to the rounding of results.
template <class Build>
void check_wide(const char* what, Build&& build) {
  for (bool bias : {false, true}) {
    INFO(what << (bias ? ", with bias" : ", without bias"));
    Net<float> narrow = wide_net<float>(bias);
    Net<double> wide = wide_net<double>(bias);
    build(narrow, 1.0f);
    build(wide, 1.0);
    initialize(narrow, 3); // a parameter's numbers depend on layer and seed alone
    initialize(wide, 3);
    // The convolution's are set again: equal in both, as are their codes.
    for (auto* w : {&narrow}) w->quantize_weights();
    auto& from = narrow.layer(1).weights()->parameter();
    auto& to = wide.layer(1).weights()->parameter();
    for (index_t i = 0; i < from.size(); ++i) {
      from.edit()[i] = Random(1).bits(i) % 3 == 0 ? -0.015625f : 0.015625f;
      to.edit()[i] = static_cast<double>(from.value()[i]);
    }
    narrow.quantize_weights();
    wide.quantize_weights();
    const Tensor<float> x = random_integers<float>({2, 128, 4, 4}, 5, -1, 1);
    Tensor<double> x_double(x.shape());
    for (index_t i = 0; i < x.size(); ++i) x_double[i] = static_cast<double>(x[i]);
    Tape<float> tape;
    Tape<double> tape_double;
    const View<const float> got = narrow.forward(x, tape);
    const View<const double> expected = wide.forward(x_double, tape_double);
    CHECK(tape[1].acc.size() == 2 * 3 * 16);
    double size = 0;
    for (double v : expected) size = std::max(size, std::abs(v));
    CHECK(size > 0.01);
    CHECK(largest_difference(got, expected) < 3e-6 * size);
  }
}

} // namespace

TEST_CASE("sums too wide for a float are read by every layer", "[layers]") {
  // build(net, one): one is 1 of the net's type.
  const auto add = [](auto& net, auto layer) { net.add("next", std::move(layer)); };
  check_wide("output", [](auto&, auto) {});
  check_wide("relu", [&]<class T>(Net<T>& net, T) { add(net, Relu<T>()); });
  check_wide("pact",
             [&]<class T>(Net<T>& net, T) { add(net, Pact<T>({.bits = 4, .alpha = 1.1})); });
  check_wide("batch norm",
             [&]<class T>(Net<T>& net, T) { add(net, BatchNorm<T>({.channels = 3})); });
  check_wide("max pool", [&]<class T>(Net<T>& net, T) { add(net, MaxPool<T>()); });
  check_wide("average", [&]<class T>(Net<T>& net, T) { add(net, AvgPool<T>()); });
  check_wide("global", [&]<class T>(Net<T>& net, T) { add(net, GlobalAvgPool<T>()); });
  check_wide("dropout", [&]<class T>(Net<T>& net, T) { add(net, Dropout<T>(0.5)); });
  check_wide("conv", [&]<class T>(Net<T>& net, T) {
    add(net, Conv2d<T>({.in = 3, .out = 2, .kernel = 3}));
  });
  check_wide("shortcut",
             [&]<class T>(Net<T>& net, T) { add(net, Shortcut<T>({.in = 3, .out = 4})); });
  check_wide("linear", [&]<class T>(Net<T>& net, T) {
    net.add("flatten", Flatten<T>());
    add(net, Linear<T>({.in = 48, .out = 4}));
  });
  check_wide("add", [&]<class T>(Net<T>& net, T) { net.add("next", Add<T>(), {1, 1}); });
}

namespace {

/// A layer's forward pass of codes as bytes, and of the same integers as numbers: the same bits,
/// moments included, or the same accumulators.
template <class L>
void check_bytes(L layer, const Shape& shape, int bits) {
  Weights<float>& weights = *layer.weights();
  const View<float> w = weights.parameter().edit();
  for (index_t i = 0; i < w.size(); ++i) w[i] = Random(1).bits(i) % 16 == 0 ? -0.01f : 0.01f;
  w[0] = 0.004f;
  if constexpr (requires { layer.bias(); }) layer.bias().edit().fill(0.3f);
  weights.set_quantizer(std::make_shared<quant::Symmetric<float>>(bits));
  weights.set_integer_bias(true);
  weights.quantize("layer");
  const index_t max_code = (1 << bits) - 1;
  const auto codes = random_integers<std::uint8_t>(shape, 2, 0, max_code);
  Tensor<float> numbers(shape);
  std::copy(codes.begin(), codes.end(), numbers.begin());
  Signal<float> bytes{.shape = shape, .scale = 0.5, .max_code = max_code}, floats = bytes;
  bytes.codes = codes.data();
  floats.real = numbers.data();
  for (const Mode& mode : {Mode::train(Random(0)), Mode::eval()}) {
    const Signal<float>*a = &bytes, *b = &floats;
    Slot<float> from_bytes, from_floats;
    from_bytes.wants_moments = from_floats.wants_moments = true;
    layer.forward({&a, 1}, from_bytes, mode);
    layer.forward({&b, 1}, from_floats, mode);
    const Signal<float>&x = from_bytes.out, &y = from_floats.out;
    const std::size_t n = static_cast<std::size_t>(x.shape.size()) * 4;
    REQUIRE((x.shape == y.shape && !x.acc == !y.acc && !x.moments == !y.moments));
    CHECK(!x.acc == (mode.training || weights.accumulator_bound(max_code) < 1 << 24));
    CHECK(std::memcmp(x.acc ? static_cast<const void*>(x.acc) : x.real,
                      y.acc ? static_cast<const void*>(y.acc) : y.real, n) == 0);
    if (x.moments)
      CHECK(std::equal(from_bytes.moments.begin(), from_bytes.moments.end(), y.moments));
  }
}

} // namespace

TEST_CASE("bytes and the same integers as numbers are summed to the same bits", "[layers]") {
  for (int bits : {2, 4, 8}) {
    INFO("bits " << bits);
    check_bytes(Conv2d<float>({.in = 18, .out = 5, .kernel = 3, .pad = 1}), {3, 18, 9, 7}, bits);
    check_bytes(Conv2d<float>({.in = 3, .out = 9, .kernel = 5, .stride = 2}), {2, 3, 9, 12}, bits);
    check_bytes(Linear<float>({.in = 37, .out = 19}), {9, 37}, bits);
  }
  // 9 * 136 * 127 * 255 > 2^24: rounded in training, in 32 bits otherwise.
  check_bytes(Conv2d<float>({.in = 136, .out = 4, .kernel = 3, .pad = 1}), {2, 136, 6, 6}, 8);
  check_bytes(Linear<float>({.in = 1300, .out = 3}), {9, 1300}, 8);
}

TEST_CASE("sums too wide for the integer arithmetic are an error", "[layers]") {
  // Two layers without an activation between them: the second would sum sums.
  Net<float> net({64});
  net.add("fc1", Linear<float>({.in = 64, .out = 64, .bias = false}));
  net.add("fc2", Linear<float>({.in = 64, .out = 4, .bias = false}));
  initialize(net, 1);
  net.input().set_grid({.scale = pixel_scale, .zero_point = std::vector<std::int32_t>(64, 0)});
  for (const char* name : {"fc1", "fc2"})
    net.layer(net.find(name))
        .weights()
        ->set_quantizer(std::make_shared<quant::Symmetric<float>>(8));
  net.quantize_weights();
  Tape<float> tape;
  CHECK(contains(message_of<value_error>([&] {
                   net.forward(Tensor<float>({1, 64}, 1.0f), tape);
                 }),
                 "below 2^29"));
}

TEST_CASE("logits of a quantised net are integers times one scale", "[layers]") {
  Net<float> net = small_net<float>("plain w4a4");
  const auto& fc2 = dynamic_cast<const Linear<float>&>(net.layer(net.find("fc2")));
  net.parameters().back().parameter->edit()[2] = 0.7f; // a bias that is no multiple of the scale
  net.quantize_weights();
  Tape<float> tape;
  const View<const float> z = net.forward(random_tensor<float>({5, 2, 8, 8}, 1), tape);
  const double scale = tape[net.find("relu3")].out.scale * fc2.weights()->scale();
  for (float v : z) {
    const double code = static_cast<double>(v) / scale; // |code| < 2^15, so that the error is small
    CHECK(std::abs(code - std::rint(code)) < 0x1p-8);
    CHECK(v == static_cast<float>(std::rint(code)) * static_cast<float>(scale));
  }
}

// ---- input, PACT --------------------------------------------------------------------------------

TEST_CASE("a quantised input is the nearest pixel code, and passes every gradient", "[layers]") {
  Net<float> net({2, 1, 3});
  net.input().set_grid({.scale = 0.5f, .zero_point = {2, 200}});
  // out of range, halves (ties to even), exact
  const Tensor<float> x({1, 2, 1, 3}, {-9, 0.25f, 0.75f, 150, -0.1f, -100});
  Tape<float> tape;
  const View<const float> y = net.forward(x, tape);
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{-1, 0, 1, 27.5f, 0, -100});
  const Tensor<float> dy({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(largest_difference(net.input_gradient(dy, tape), dy) == 0);
  net.input().set_grid({.scale = 0.5f, .zero_point = {2}});
  CHECK_SAYS(net.forward(x, tape), value_error, "net input", "2 zero points", "got 1");
  CHECK_SAYS(net.input().set_grid({.scale = 0, .zero_point = {2, 2}}), value_error, "net input",
             "positive scale", "got 0");
  CHECK_SAYS(net.input().set_grid({.scale = 1, .zero_point = {2, 256}}), value_error, "net input",
             "zero points in 0..255", "got 256");
  net.input().clear_grid();
  CHECK(net.forward(x, tape)[0] == -9);
}

TEST_CASE("a net with a quantised input takes pixel codes as they are", "[layers]") {
  const QuantParams params{.scale = 0.0123f, .zero_point = {2, 200}};
  Net<float> net({2, 5, 7});
  net.add("conv", Conv2d<float>({.in = 2, .out = 3, .kernel = 3, .pad = 1}));
  initialize(net, 1);
  Tensor<std::uint8_t> codes({256, 2, 5, 7}); // every code, at every place of a row
  Tensor<float> x(codes.shape());
  for (index_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::uint8_t>((i / 70 + i) % 256);
    x[i] = params.value<float>(codes[i], i / 35 % 2);
  }
  Tape<float> tape, other;
  CHECK(contains(message_of<value_error>([&] { net.forward(codes, tape); }), "pixel codes"));
  net.input().set_grid(params);
  net.layers_changed();
  const View<const float> y = net.forward(codes, tape), expected = net.forward(x, other);
  CHECK(std::equal(y.begin(), y.end(), expected.begin(), expected.end()));
  CHECK(tape[0].out.max_code == other[0].out.max_code);
  CHECK_SAYS(net.forward(Tensor<std::uint8_t>({1, 2, 7, 5}), tape), shape_error, "net input",
             "got [1, 2, 7, 5]");
}

TEST_CASE("alpha is kept above its floor, and one that is not finite is named", "[layers]") {
  Net<float> net = small_net<float>("plain w4a4");
  auto& pact = dynamic_cast<Pact<float>&>(net.layer(net.find("relu2")));
  Parameter<float>* alpha = nullptr;
  for (const auto& p : net.parameters())
    if (p.name == "relu2.alpha") alpha = p.parameter;
  REQUIRE(alpha);
  CHECK(alpha->group() == ParameterGroup::clip);
  alpha->edit()[0] = -3;
  net.quantize_weights();
  CHECK(pact.alpha() == 1e-3f);
  alpha->edit()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(
      contains(message_of<value_error>([&] { net.quantize_weights(); }), "alpha of layer 'relu2'"));
}

// ---- models -------------------------------------------------------------------------------------

TEST_CASE("the models have the published sizes", "[models]") {
  CHECK(make_model("lenet5").parameter_count() == 61706);
  CHECK(make_model("mnist_cnn").parameter_count() == 1199882);
  CHECK(make_model("resnet20").parameter_count() == 269722);
  const index_t convolutions =
      9 * (3 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512);
  CHECK(make_model("vgg_small").parameter_count() ==
        convolutions + 2 * 2 * (128 + 256 + 512) + 8192 * 10 + 10);
  for (const std::string& name : names_of(models<float>)) {
    Net<float> net = make_model(name, {.classes = 7, .width = 6});
    const Tensor<float> x(net.input_shape().with_batch(2), 0.5f);
    Tape<float> tape;
    CHECK(net.forward(x, tape).shape() == Shape{2, 7});
    CHECK(net.classes() == 7);
    const Shape& image = choose("net", models<float>, name).image;
    CHECK(net.input_shape() == Shape{1, image[0], image[1], image[2]});
  }
  CHECK(models_for({1, 28, 28}) == std::vector<std::string>{"lenet5", "mnist_cnn"});
  CHECK(contains(message_of<value_error>([] { make_model("alexnet"); }),
                 "expected lenet5, mnist_cnn, vgg_small or resnet20, got 'alexnet'"));
}

TEST_CASE("parameters have the names of PyTorch's ResNets", "[models]") {
  std::vector<std::string> names;
  Net<float> net = resnet20<float>({.width = 2});
  for (const auto& p : net.parameters()) names.push_back(p.name);
  for (const auto& b : net.buffers()) names.push_back(b.name);
  for (const char* name : {"conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight",
                           "layer2.0.bn2.bias", "layer3.2.conv2.weight", "fc.weight", "fc.bias",
                           "bn1.running_mean", "layer3.2.bn2.running_var"})
    CHECK(std::count(names.begin(), names.end(), name) == 1);
  CHECK(names.size() == 19 + 4 * 19 + 2);
}

TEST_CASE("a model need not draw weights that others replace", "[models]") {
  for (const std::string& name : names_of(models<float>)) {
    Net<float> drawn = make_model(name, {.width = 6}),
               empty = make_model(name, {.width = 6, .initialize = false});
    const auto from = drawn.parameters(), to = empty.parameters();
    REQUIRE(from.size() == to.size());
    for (std::size_t i = 0; i < to.size(); ++i) {
      const View<const float> w = to[i].parameter->value();
      if (to[i].parameter->group() == ParameterGroup::weight)
        CHECK(std::all_of(w.begin(), w.end(), [](float v) { return v == 0; }));
      const View<const float> other = from[i].parameter->value();
      std::copy(other.begin(), other.end(), to[i].parameter->edit().begin());
    }
    const Tensor<float> x(drawn.input_shape().with_batch(2), 0.5f);
    Tape<float> a, b;
    const auto expected = drawn.forward(x, a), got = empty.forward(x, b);
    CHECK(std::equal(expected.begin(), expected.end(), got.begin()));
  }
}

TEST_CASE("initial weights: He's deviation, zero biases, a stream for each layer", "[models]") {
  Net<float> a = mnist_cnn<float>({.seed = 1, .width = 16}),
             b = mnist_cnn<float>({.seed = 1, .width = 16});
  Net<float> c = mnist_cnn<float>({.seed = 2, .width = 16});
  const auto pa = a.parameters(), pb = b.parameters(), pc = c.parameters();
  for (std::size_t k = 0; k < pa.size(); ++k) {
    const Parameter<float>& p = *pa[k].parameter;
    INFO(pa[k].name);
    CHECK(largest_difference(p.value(), pb[k].parameter->value()) == 0);
    if (p.group() == ParameterGroup::bias) {
      for (float v : p.value()) CHECK(v == 0);
      continue;
    }
    CHECK(largest_difference(p.value(), pc[k].parameter->value()) > 0);
    double sum = 0, squares = 0;
    for (float v : p.value()) sum += static_cast<double>(v), squares += static_cast<double>(v * v);
    const double n = static_cast<double>(p.size()), gain = pa[k].name == "fc2.weight" ? 1 : 2;
    const double variance = gain / static_cast<double>(p.shape().stride());
    CHECK(std::abs(sum / n) < 4 * std::sqrt(variance / n));
    CHECK(std::abs(squares / n / variance - 1) < 4 * std::sqrt(2 / n));
  }
  // No two layers begin alike.
  CHECK(pa[0].parameter->value()[0] / std::sqrt(1 / 9.0f) !=
        Approx(pa[2].parameter->value()[0] / std::sqrt(1 / 144.0f)));
}

} // namespace test_layers
