// Quantising nets by a policy, calibration, and nets described in words.
#include "sgq/nn/spec.hpp"
#include "support/nets.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>
#include <set>
#include <string>
#include <vector>

namespace test_quantize {

using namespace sgq;
using namespace sgq::nn;
using quant::FirstLast;

namespace {

const QuantParams grey{.scale = 1 / 64.0f, .zero_point = {33}};

QuantizeOptions options(const std::string& bits, FirstLast first_last = FirstLast::eight_bit) {
  return {.bits = quant::parse_bit_policy(bits, first_last), .input = grey};
}

/// "conv1 symmetric8 a4, .." and in front of it the kind of input.
std::string describe_net(Net<float>& net) {
  std::string text = net.input().grid() ? "pixels" : "numbers";
  for (ValueId i = 1; i <= net.last(); ++i) {
    Layer<float>& layer = net.layer(i);
    if (const Weights<float>* w = layer.weights()) {
      text += ", " + net.nodes()[i].name;
      if (w->quantized())
        text += " " + w->quantizer()->name() + std::to_string(w->quantizer()->bits());
    }
    if (const auto* pact = dynamic_cast<const Pact<float>*>(&layer))
      text += " a" + std::to_string(pact->options().bits);
    if (layer.weights() && layer.weights()->integer_bias()) text += " integer bias";
  }
  return text;
}

std::vector<float> run(const Net<float>& net, const Mode& mode = Mode::eval()) {
  Tape<float> tape;
  const View<const float> z =
      net.forward(random_tensor<float>(net.input_shape().with_batch(3), 5), tape, mode);
  return {z.begin(), z.end()};
}

} // namespace

TEST_CASE("a policy decides about every layer", "[quantize]") {
  const auto quantised = [](const QuantizeOptions& o) {
    Net<float> net = mnist_cnn<float>({.width = 2});
    quantize(net, o);
    return describe_net(net);
  };
  CHECK(quantised(options("fp32")) == "numbers, conv1, conv2, fc1, fc2");
  CHECK(quantised(options("w4a2")) == "pixels, conv1 symmetric8 a2, conv2 sawb4 a2, fc1 sawb4 a2, "
                                      "fc2 symmetric8 integer bias");
  CHECK(quantised(options("w4a2", FirstLast::fp32)) ==
        "numbers, conv1 a2, conv2 sawb4 a2, fc1 sawb4 a2, fc2");
  CHECK(quantised(options("w2a4", FirstLast::same)) ==
        "pixels, conv1 sawb2 a4, conv2 sawb2 a4, fc1 sawb2 a4, fc2 sawb2 integer bias");
  CHECK(quantised(options("4/2")) == "pixels, conv1 symmetric8 a4, conv2 sawb4 a4, fc1 sawb2 a2, "
                                     "fc2 symmetric8 integer bias");
  CHECK(quantised(options("w4a32")) ==
        "pixels, conv1 symmetric8, conv2 sawb4, fc1 sawb4, fc2 symmetric8 integer bias");
  CHECK(quantised(options("w4a4,fc1=w8a2")) ==
        "pixels, conv1 symmetric8 a4, conv2 sawb4 a4, fc1 sawb8 a2, fc2 symmetric8 integer bias");
  QuantizeOptions lsq = options("2");
  lsq.weights = "lsq";
  lsq.gradient = quant::PactGradient::plus;
  CHECK(quantised(lsq) == "pixels, conv1 symmetric8 a2, conv2 lsq2 a2, fc1 lsq2 a2, "
                          "fc2 symmetric8 integer bias");
}

TEST_CASE("a PACT has the bits of the weight layer before it, in residual blocks too",
          "[quantize]") {
  Net<float> net = resnet20<float>({.width = 2});
  quantize(net, {.bits = quant::parse_bit_policy("4/2"),
                 .input = {.scale = 0.02f, .zero_point = {1, 2, 3}}});
  const auto bits = [&](const char* name) {
    return dynamic_cast<const Pact<float>&>(net.layer(net.find(name))).options().bits;
  };
  CHECK(pact_layers(net).size() == 19);
  CHECK(weight_layer_names(net).size() == 20);
  CHECK(bits("relu1") == 4); // body layers 1-9 of 18 are the front: layer1.0 .. layer2.1.conv1
  CHECK(bits("layer2.1.relu1") == 4);
  CHECK(bits("layer2.1.relu2") == 2);
  CHECK(bits("layer3.2.relu2") == 2);
}

TEST_CASE("back to fp32 is the net as it was; parameters keep their values", "[quantize]") {
  Net<float> net = mnist_cnn<float>({.seed = 3, .width = 2});
  const auto before = run(net);
  quantize(net, options("w4a4"));
  CHECK(run(net) != before);
  for (ValueId i : pact_layers(net)) dynamic_cast<Pact<float>&>(net.layer(i)).set_alpha(2.5f);
  quantize(net, options("w2a2")); // finer training goes on with the alphas it has
  for (ValueId i : pact_layers(net))
    CHECK(dynamic_cast<const Pact<float>&>(net.layer(i)).alpha() == 2.5f);
  quantize(net, options("fp32"));
  CHECK(run(net) == before);
}

TEST_CASE("a layer of the user's own stays, whatever its gate", "[quantize]") {
  Net<float> net({1, 5, 5});
  net.add("conv", Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  net.add("swish", Swish<float>(Gate::rectifier));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 18, .out = 3}));
  initialize(net, 1);
  for (const char* bits : {"w4a4", "fp32"}) {
    quantize(net, options(bits));
    CHECK(net.nodes()[2].layer->kind() == "swish");
  }
}

TEST_CASE("unsuitable weight quantisers are reported, by layer", "[quantize]") {
  Net<float> mnist = mnist_cnn<float>({.width = 2});
  QuantizeOptions dorefa = options("w4a4");
  dorefa.weights = "dorefa";
  const auto warnings = quantize(mnist, dorefa);
  REQUIRE(warnings.size() == 2); // first and last are symmetric
  CHECK(contains(warnings[0], "layer 'conv2': dorefa"));
  CHECK(contains(warnings[1], "layer 'fc1': dorefa"));
  for (const char* w : {"dorefa-rescaled", "sawb", "lsq"}) {
    dorefa.weights = w;
    CHECK(quantize(mnist, dorefa).empty());
  }
  Net<float> residual = small_net<float>("residual fp32");
  CHECK(quantize(residual, {.bits = quant::parse_bit_policy("4"),
                            .weights = "dorefa",
                            .input = {.scale = 1 / 64.0f, .zero_point = {1, 2}}})
            .empty());
}

TEST_CASE("policies and grids that do not fit are errors", "[quantize]") {
  Net<float> net = mnist_cnn<float>({.width = 2});
  const auto text = [&](const QuantizeOptions& o) {
    return message_of<error>([&] { quantize(net, o); });
  };
  CHECK(contains(text({.bits = quant::parse_bit_policy("w4a4")}), "pixel codes, got none"));
  CHECK(contains(text(options("w4a4,conv9=w2a2")), "conv1, conv2, fc1, fc2, got 'conv9'"));
  for (int bits : {0, 9, -1}) {
    QuantizeOptions o = options("w4a4");
    o.bits.front.activations = bits;
    CHECK(contains(text(o), "got " + std::to_string(bits)));
  }
  QuantizeOptions colour = options("w4a4");
  colour.input.zero_point = {1, 2, 3};
  CHECK(contains(text(colour), "1 zero point"));
  Net<float> empty({1, 2, 2});
  CHECK_SAYS(quantize(empty, options("w4a4")), value_error, "quantize", "a net with weights");
}

TEST_CASE("calibration gives each alpha its quantile, after those before it", "[quantize]") {
  // With every alpha in its final place a pass shows each PACT the pre-activations that calibrated
  // it; dropout, whose probability must not matter, is off for that pass.
  for (const char* name : {"plain w4a4", "residual w2a2"}) {
    INFO(name);
    Net<float> net = small_net<float>(name);
    const Tensor<float> x = random_tensor<float>({6, 2, 8, 8}, 3);
    calibrate<float>(net, x);
    for (ValueId i = 1; i < net.last(); ++i)
      if (net.layer(i).kind() == "dropout") net.replace(i, std::make_unique<Dropout<float>>(0.0));
    Tape<float> tape;
    net.forward(x, tape, Mode::train(Random(0)));
    std::set<float> alphas;
    for (ValueId i : pact_layers(net)) {
      const Signal<float>& in = tape[net.nodes()[i].inputs[0]].out;
      Tensor<float> v(in.shape);
      ops::materialise(in, v.view());
      const float alpha = dynamic_cast<const Pact<float>&>(net.layer(i)).alpha();
      CHECK(alpha == quant::positive_quantile<float>(v, 0.999));
      alphas.insert(alpha);
    }
    CHECK(alphas.size() == pact_layers(net).size());
  }
}

TEST_CASE("a net's description gives the same net again", "[spec]") {
  ModelSpec spec{.net = "resnet20",
                 .options = {.seed = 7, .classes = 6, .width = 2, .dropout = false},
                 .quant = {.bits = quant::parse_bit_policy("w4a2,layer1.0.conv1=w8a4"),
                           .weights = "dorefa-rescaled",
                           .gradient = quant::PactGradient::plus,
                           .input = {.scale = 0.0123456f, .zero_point = {1, 128, 255}}}};
  const Metadata words = to_metadata(spec);
  CHECK(words.at("bits") == "w4a2,layer1.0.conv1=w8a4");
  const ModelSpec again = spec_from_metadata(words);
  CHECK(again == spec);
  CHECK(again.quant.input == spec.quant.input); // the scale to the last bit
  Net<float> a = build_model<float>(spec), b = build_model<float>(again);
  CHECK(describe_net(a) == describe_net(b));
  CHECK(run(a) != run(b)); // the seed is not in it: weights follow
  spec.quant.bits.first_last = FirstLast::same;
  CHECK_FALSE(again == spec);
  std::vector<std::string> warnings;
  build_model<float>(
      {.quant = {.bits = quant::parse_bit_policy("4"), .weights = "dorefa", .input = grey}},
      &warnings);
  CHECK(warnings.size() == 2);
}

TEST_CASE("descriptions that cannot be are errors that say where", "[spec]") {
  const Metadata good = to_metadata({.quant = options("w4a4")});
  CHECK_NOTHROW(spec_from_metadata(good));
  const auto text = [&](const char* key, const char* value) {
    Metadata bad = good;
    bad[key] = value;
    return message_of<value_error>([&] { build_model<float>(spec_from_metadata(bad)); });
  };
  for (const auto& [key, value] : good) {
    Metadata without = good;
    without.erase(key);
    CHECK(contains(message_of<value_error>([&] { spec_from_metadata(without); }), "'" + key + "'"));
  }
  CHECK(contains(text("classes", "ten"), "'classes': expected a number, got 'ten'"));
  CHECK(contains(text("classes", "10 "), "'classes'"));
  CHECK(contains(text("classes", "0"), "1 to 256 classes"));
  CHECK(contains(text("width", "99999999999999999999"), "'width'"));
  CHECK(contains(text("width", "-4"), "width of 0 to 4096"));
  CHECK(contains(text("net", "alexnet"), "'alexnet'"));
  CHECK(contains(text("bits", "w0a4"), "'w0a4'"));
  CHECK(contains(text("weights", "magic"), "'magic'"));
  CHECK(contains(text("first_last", "16bit"), "'16bit'"));
  CHECK(contains(text("dropout", "maybe"), "'dropout'"));
  CHECK(contains(text("pact_gradient", "maybe"), "PACT gradient: expected paper or plus"));
  CHECK(contains(text("input_zero", "1 x"), "'input_zero'"));
  CHECK(contains(text("input_scale", "nan"), "pixel grid"));
}

/// Ternary weights {-s, 0, s} with s = mean |w|: a quantiser that the library does not have.
template <class T>
class Ternary final : public quant::WeightQuantizer<T> {
public:
  std::string name() const override { return "ternary"; }
  int bits() const override { return 2; }
  quant::QuantRange grid() const override { return quant::QuantRange::zero_aligned(2); }
  void quantize(View<const T> w, T, quant::WeightCodes<T>& out, std::string_view) const override {
    T sum = 0;
    for (T v : w) sum += std::abs(v);
    out.codes.resize(w.shape());
    out.scale = out.range = sum / static_cast<T>(w.size());
    for (index_t i = 0; i < w.size(); ++i)
      out.codes[i] = std::clamp(std::rint(w[i] / out.scale), T{-1}, T{1});
  }
  T backward(View<const T>, T, const quant::WeightCodes<T>&, View<const T> dwq,
             View<T> dw) const override {
    for (index_t i = 0; i < dw.size(); ++i) dw[i] += dwq[i];
    return 0;
  }
};

TEST_CASE("a weight quantiser of one's own goes in through a factory", "[quantize]") {
  auto net = small_plain_net<float>();
  std::vector<std::string> asked;
  const QuantizeOptions how{
      .bits = quant::parse_bit_policy("w2a4"), .alpha = 2, .input = {1 / 64.0f, {100, 128}}};
  const auto warnings = quantize(net, how, [&](const std::string& layer, int bits) {
    asked.push_back(layer + " " + std::to_string(bits));
    return std::make_shared<Ternary<float>>();
  });
  CHECK(warnings.empty());
  CHECK(asked == std::vector<std::string>{"conv2 2", "fc1 2"}); // the ends are symmetric, 8 bits
  CHECK(net.precision().at("conv2") == "ternary, 2 bits, codes -1..1");
  CHECK(net.precision().at("conv1") == "symmetric, 8 bits, codes -127..127");
  CHECK(net.precision().at("relu1") == "pact, 4 bits");
  CHECK(net.precision().at("input") == "pixel codes, scale 0.015625, zero 100 128");
  Tape<float> tape;
  const auto z = net.forward(random_tensor<float>({2, 2, 8, 8}, 1), tape, Mode::train(Random(0)));
  CHECK_NOTHROW(net.backward(Tensor<float>(z.shape(), 0.1f), tape, Want::params));
  const std::string text = message_of<value_error>(
      [&] { quantize(net, how, [](const std::string&, int) { return nullptr; }); });
  CHECK(contains(text, "layer 'conv2': expected a weight quantiser, got none"));
}

/// A quantiser that breaks its promise: codes between the integers, beyond the grid, too few; at
/// once, or where weights have become large.
template <class T>
class Broken final : public quant::WeightQuantizer<T> {
public:
  explicit Broken(std::string how) : how_(std::move(how)) {}
  std::string name() const override { return "broken"; }
  int bits() const override { return 2; }
  quant::QuantRange grid() const override {
    return quant::QuantRange::zero_aligned(how_ == "wide" ? 4 : 2);
  }
  void quantize(View<const T> w, T, quant::WeightCodes<T>& out, std::string_view) const override {
    out.codes = Tensor<T>(how_ == "few" ? Shape{1} : w.shape(), how_ == "between"  ? T(0.5)
                                                                : how_ == "beyond" ? T(2)
                                                                                   : T(1));
    if (how_ == "later" && w[0] > T(100)) out.codes[7] = T(300);
    out.scale = how_ == "scale" ? T(0) : T(1);
  }
  T backward(View<const T>, T, const quant::WeightCodes<T>&, View<const T>,
             View<T>) const override {
    return 0;
  }

private:
  std::string how_;
};

TEST_CASE("a quantiser of one's own that breaks its promise is refused", "[quantize][errors]") {
  for (const char* how : {"between", "beyond", "few", "scale", "wide"}) {
    auto net = small_plain_net<float>();
    const std::string text = message_of<error>([&] {
      quantize(
          net,
          {.bits = quant::parse_bit_policy("w2a4"), .alpha = 2, .input = {1 / 64.0f, {100, 128}}},
          [&](const std::string&, int) { return std::make_shared<Broken<float>>(how); });
    });
    INFO(how);
    CHECK(contains(text, "layer 'conv2', quantiser broken"));
  }
}

TEST_CASE("a quantiser of one's own is watched at every step", "[quantize][errors]") {
  auto net = small_plain_net<float>();
  quantize(net,
           {.bits = quant::parse_bit_policy("w2a4"), .alpha = 2, .input = {1 / 64.0f, {100, 128}}},
           [](const std::string&, int) { return std::make_shared<Broken<float>>("later"); });
  nn::Layer<float>& conv = net.layer(net.find("conv2"));
  conv.weights()->parameter().edit()[0] = 101;
  const std::string text = message_of<value_error>([&] { net.quantize_weights(); });
  CHECK(contains(text, "layer 'conv2', quantiser broken: expected integer codes in -1..1"));
  CHECK(contains(text, "got 1 other codes"));
}

TEST_CASE("a quantiser of other bits than the policy's is a warning", "[quantize]") {
  auto net = small_plain_net<float>();
  const QuantizeOptions w4{
      .bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = {1 / 64.0f, {100, 128}}};
  const auto two = [](const std::string&, int) { return std::make_shared<Broken<float>>("not"); };
  const auto warnings = quantize(net, w4, two);
  REQUIRE(!warnings.empty());
  CHECK(contains(warnings[0], "its quantiser broken has 2 bits, the policy says 4"));
}

TEST_CASE("clips stay where calibration fails on the way", "[quantize]") {
  Net<float> net({1, 6, 6});
  net.add("conv", Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  net.add("relu1", Relu<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc1", Linear<float>({.in = 32, .out = 4}));
  net.add("bn", BatchNorm<float>({.channels = 4})); // has no moments of one image
  net.add("relu2", Relu<float>());
  net.add("fc2", Linear<float>({.in = 4, .out = 3}));
  initialize(net, 1);
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 7, .input = {1 / 64.0f, {100}}});
  const Tensor<float> x = random_tensor<float>({2, 1, 6, 6}, 3);
  CHECK_SAYS(calibrate(net, x.view().slice(0, 1)), value_error, "2 or more values per channel");
  for (ValueId i : pact_layers(net)) CHECK(net.layer(i).clip()->value()[0] == 7);
  CHECK_NOTHROW(calibrate(net, x));
  for (ValueId i : pact_layers(net)) CHECK(net.layer(i).clip()->value()[0] != 7);
}

TEST_CASE("calibrate takes its number type from the net", "[quantize]") {
  auto net = small_plain_net<float>();
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = {1 / 64.0f, {100, 128}}});
  Tensor<float> x = random_tensor<float>({4, 2, 8, 8}, 3);
  calibrate(net, x);
  calibrate(net, x.view());
  calibrate(net, std::as_const(x).view());
  CHECK(net.layer(net.find("relu1")).clip()->written());
}

TEST_CASE("a quantised net that cannot be run says so, and is quantised", "[quantize]") {
  Net<float> net({1, 130, 130});
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 16900, .out = 1}));
  net.parameters()[0].parameter->edit().fill(1.0f); // 16900 * 127 * 255 > 2^29
  const auto warnings =
      quantize(net, {.bits = quant::parse_bit_policy("w8a8"), .input = {1 / 64.0f, {0}}});
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "cannot be run"));
  CHECK(contains(warnings[0], "below 2^29"));
  CHECK(net.precision().size() == 2);
}

TEST_CASE("the bound of sums is that of the output with the largest codes", "[quantize]") {
  Weights<float> w({2, 3});
  const float values[] = {1, 0, 0, 1, -1, 0.5f};
  std::copy(std::begin(values), std::end(values), w.parameter().edit().begin());
  w.set_quantizer(std::make_shared<quant::Symmetric<float>>(8));
  w.quantize("w");
  CHECK(w.accumulator_bound(10) == (127 + 127 + 64) * 10); // 63.5 is a tie, which goes to 64
}

TEST_CASE("LSQ names the layer whose weights are not numbers", "[quantize]") {
  auto net = small_plain_net<float>();
  auto& w = net.layer(net.find("conv2")).weights()->parameter(); // the first layer is symmetric
  w.edit()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(message_of<value_error>([&] {
                   quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                                  .weights = "lsq",
                                  .input = {1 / 64.0f, {100, 128}}});
                 }),
                 "layer 'conv2'"));
}

TEST_CASE("a bias that is not a number stops a quantised net", "[quantize]") {
  auto net = small_plain_net<float>();
  quantize(net,
           {.bits = quant::parse_bit_policy("w4a4"), .alpha = 4, .input = {1 / 64.0f, {100, 128}}});
  net.parameters().back().parameter->edit()[0] = std::numeric_limits<float>::quiet_NaN();
  net.quantize_weights();
  Tape<float> tape;
  const Tensor<float> x = random_tensor<float>({8, 2, 8, 8}, 3);
  for (const Mode& mode : {Mode::train(Random(1)), Mode::eval()})
    CHECK(contains(message_of<value_error>([&] { net.forward(x.view(), tape, mode); }),
                   "bias 0: expected a finite number, got nan"));
}

TEST_CASE("sums that a float rounds can be averaged", "[quantize]") {
  Net<float> net({128, 4, 4});
  net.add("conv", Conv2d<float>({.in = 128, .out = 3, .kernel = 3, .bias = false}));
  net.add("pool", AvgPool<float>({.kernel = 2}));
  initialize(net, 1);
  quantize(net, {.bits = quant::parse_bit_policy("w8a8"),
                 .alpha = 4,
                 .input = {1 / 64.0f, std::vector<std::int32_t>(128, 128)}});
  const Tensor<float> x = random_tensor<float>({2, 128, 4, 4}, 3);
  Tape<float> tape;
  Tensor<float> trained;
  trained.copy_from(net.forward(x.view(), tape, Mode::train(Random(1))));
  const View<const float> z = net.forward(x.view(), tape);
  for (index_t i = 0; i < z.size(); ++i)
    CHECK(trained[i] == Approx(z[i]).epsilon(1e-5).margin(1e-5));
}

} // namespace test_quantize
