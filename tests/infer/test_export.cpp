#include "sgq/infer/file.hpp"
#include "sgq/infer/onnx.hpp"
#include "sgq/infer/reference.hpp"
#include "sgq/infer/verify.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

#include <cfenv>

namespace test_export {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

/// Exports the net, runs both on test images, and compares every layer and the float logits.
std::string mismatch(const nn::Net<float>& net, index_t images = 4) {
  const Graph graph = export_integer(net);
  const Tensor<float> x = test_images(net.input_shape(), graph.grid, images);
  nn::Tape<float> tape;
  const View<const float> logits = net.forward(x, tape);
  const auto values = run_reference(graph, codes_of(graph, x));
  std::string text = difference(graph, values, net, tape);
  for (index_t i = 0; i < logits.size(); ++i) {
    const double z = static_cast<double>(graph.logit_scale) * values.back()[i];
    if (static_cast<float>(z) != logits[i]) return text + "float logits differ";
  }
  return text;
}

/// Codes of a value take all kinds of values: a test on constant codes would show little.
index_t distinct_codes(const Tensor<std::int32_t>& value) {
  std::vector<std::int32_t> seen(value.begin(), value.end());
  std::sort(seen.begin(), seen.end());
  return std::unique(seen.begin(), seen.end()) - seen.begin();
}

/// The net with first weights, quantised.
nn::Net<float> quantised(nn::Net<float> net) {
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = test_grid(1)});
  return net;
}

/// A convolution, what add(net) puts behind it, and a linear layer.
template <class F>
nn::Net<float> chain(F add) {
  nn::Net<float> net({1, 8, 8});
  net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 4, .kernel = 3, .pad = 1}));
  add(net);
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = net.nodes().back().shape.size(), .out = 3}));
  return quantised(std::move(net));
}

std::string refusal(const nn::Net<float>& net) {
  return message_of<value_error>([&] { export_integer(net); });
}

} // namespace

TEST_CASE("integer graph: every layer's codes are the net's, for every net and bit mix",
          "[infer]") {
  for (const std::string& name : names_of(nn::models<float>))
    for (const char* bits : {"w4a4", "w2a2", "w4a2", "w2a4", "layerwise-4-2", "w8a8", "w3a5"}) {
      const Case c{.net = name, .bits = bits, .width = 2};
      INFO(str(c));
      CHECK(mismatch(make_case(c)) == "");
    }
}

TEST_CASE("integer graph: the same for every weight quantiser, first and last layer too",
          "[infer]") {
  for (const std::string& scheme : names_of(quant::weight_schemes<float>))
    for (const char* net :
         {"lenet5 w2a2", "lenet5 w4a4", "lenet5 w8a8", "resnet20 w2a2", "resnet20 w4a4"})
      for (auto first_last : {quant::FirstLast::eight_bit, quant::FirstLast::same}) {
        const std::string name(net), bits = name.substr(name.size() - 4);
        const Case c{name.substr(0, name.size() - 5), bits, scheme, first_last, 2};
        INFO(str(c));
        CHECK(mismatch(make_case(c, 3), 3) == "");
      }
  CHECK(mismatch(make_case({.bits = "w1a1", .weights = "dorefa-rescaled"})) == "");
}

TEST_CASE("integer graph: the tests' nets use their codes", "[infer]") {
  const nn::Net<float> net = make_case({.net = "resnet20", .width = 4});
  const Graph graph = export_integer(net);
  const auto values =
      run_reference(graph, codes_of(graph, test_images(net.input_shape(), graph.grid, 4)));
  int falling = 0;
  for (const Step& s : graph.steps)
    for (std::uint8_t f : s.thresholds.falling) falling += f;
  CHECK(falling > 5);
  int busy = 0;
  for (Value v = 1; v <= graph.last(); ++v) busy += distinct_codes(values[v]) >= 8;
  CHECK(busy >= 17); // of 23
}

TEST_CASE("integer graph: the small nets of other tests, dropout and all", "[infer]") {
  for (const char* name : {"plain w4a4", "residual w2a2", "residual w4a4", "residual w8a8"}) {
    INFO(name);
    CHECK(mismatch(small_net<float>(name)) == "");
  }
}

TEST_CASE("integer graph: images that are not square, pooled globally", "[infer]") {
  for (const char* bits : {"w2a2", "w4a4", "w8a8"}) {
    const nn::Net<float> net = oblong_net(bits);
    INFO(bits);
    CHECK(mismatch(net, 9) == "");
    const Graph graph = export_integer(net);
    const Step& pool = graph.steps[graph.last() - 2];
    CHECK(pool.name == "global");
    CHECK(pool.max_code == 2 * 4 * graph.max_code(pool.input));
  }
}

TEST_CASE("integer graph: what has no integer form is refused by name", "[infer]") {
  auto fp32 = nn::lenet5();
  CHECK(contains(refusal(fp32), "'input': expected pixel codes"));

  auto last = make_case({.net = "resnet20", .width = 4});
  nn::quantize(
      last, {.bits = quant::parse_bit_policy("w4a4,layer2.0.conv1=w32a4"), .input = test_grid(3)});
  CHECK(contains(refusal(last), "'layer2.0.conv1': expected weights of 8 bits or fewer, got fp32"));

  auto relu = make_case({});
  nn::quantize(relu, {.bits = quant::parse_bit_policy("w4a4,conv2=w4a32"), .input = test_grid(1)});
  CHECK(contains(refusal(relu), "'relu2': expected PACT, got relu"));

  auto first_last = make_case({});
  nn::quantize(first_last, {.bits = quant::parse_bit_policy("w4a4", quant::FirstLast::fp32),
                            .input = test_grid(1)});
  CHECK(contains(refusal(first_last), "'input': expected pixel codes, got an input in fp32"));

  using namespace sgq::nn;
  auto two = chain([](auto& net) {
    net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .kernel = 3}));
    net.add("relu", Relu<float>());
  });
  CHECK(contains(refusal(two), "'conv2': expected codes as input, got the sums of 'conv1'"));
  auto early_pool = chain([](auto& net) {
    net.add("pool", MaxPool<float>());
    net.add("relu", Relu<float>());
  });
  CHECK(contains(refusal(early_pool), "'pool': expected codes as input"));
  auto swish = chain([](auto& net) {
    net.add("relu", Relu<float>());
    net.add("swish", Swish<float>());
  });
  CHECK(contains(refusal(swish), "'swish': expected a layer that has an integer form, got swish"));
  auto shortcut = chain([](auto& net) {
    net.add("relu1", Relu<float>());
    const ValueId x = net.last();
    net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .kernel = 3, .pad = 1}));
    const ValueId y = net.last();
    net.add("convs", Conv2d<float>({.in = 4, .out = 4, .kernel = 1}), {x});
    net.add("add", Add<float>(), {y, net.last()});
    net.add("relu2", Relu<float>());
  });
  CHECK(contains(refusal(shortcut), "'add': expected codes of at most 8 bits as second operand"));
  auto turned = chain([](auto& net) {
    net.add("relu1", Relu<float>());
    const ValueId x = net.last();
    net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .kernel = 3, .pad = 1}));
    net.add("add", Add<float>(), {x, net.last()});
    net.add("relu2", Relu<float>());
  });
  CHECK(contains(refusal(turned), "{sums, codes}"));
  Net<float> late({1, 8, 8}); // its logits are not sums
  late.add("conv", Conv2d<float>({.in = 1, .out = 3, .kernel = 8}));
  late.add("bn", BatchNorm<float>({.channels = 3}));
  initialize(late, 1);
  nn::quantize(late, {.bits = quant::parse_bit_policy("w4a4"), .input = test_grid(1)});
  CHECK(contains(refusal(late), "'bn': expected a linear layer or convolution at the end"));
}

TEST_CASE("integer graph: what would become the graph of another function is refused", "[infer]") {
  using namespace sgq::nn;
  auto real_bias = make_case({});
  real_bias.layer(real_bias.find("fc3")).weights()->set_integer_bias(false);
  CHECK(contains(refusal(real_bias), "'fc3': expected a bias that is a multiple of the scale, got "
                                     "a real one (hint: set_integer_bias(true))"));
  const auto last = [](index_t kernel, bool bias) {
    Net<float> net({1, 8, 8});
    net.add("conv", Conv2d<float>({.in = 1, .out = 3, .kernel = kernel, .bias = bias}));
    return quantised(std::move(net));
  };
  CHECK(mismatch(last(8, false)) == "");
  CHECK(contains(refusal(last(8, true)), "'conv': expected a bias that is a multiple of the scale, "
                                         "got a real one (hint: end with a linear layer)"));
  CHECK(
      contains(refusal(last(7, false)), "expected one sum per class at the end, got [1, 3, 2, 2]"));

  const auto norm = chain([](auto& net) {
    net.add("relu", Relu<float>());
    net.add("bn", BatchNorm<float>({.channels = 4}));
  });
  CHECK(
      contains(refusal(norm), "'bn': expected a convolution or linear layer before it, got codes"));
  const auto twice = chain([](auto& net) {
    net.add("relu1", Relu<float>());
    net.add("relu2", Relu<float>());
  });
  CHECK(contains(refusal(twice),
                 "'relu2': expected a convolution or linear layer before it, got codes"));
  const auto rounded = chain([](auto& net) {
    const ValueId sums = net.last();
    net.add("relu", Relu<float>());
    net.add("pool", MaxPool<float>(), {sums}); // reads numbers
  });
  CHECK(contains(refusal(rounded), "'relu': expected sums as input, got rounded numbers"));
  Net<float> pixels({1, 8, 8});
  pixels.add("pool", MaxPool<float>());
  pixels.add("flatten", Flatten<float>());
  pixels.add("fc", Linear<float>({.in = 16, .out = 3}));
  CHECK(contains(refusal(quantised(std::move(pixels))),
                 "'pool': expected codes of an activation, got pixels"));

  const auto pixels_join = chain([](auto& net) {
    net.add("relu1", Relu<float>());
    net.add("conv2", Conv2d<float>({.in = 4, .out = 1, .kernel = 3, .pad = 1}));
    net.add("add", Add<float>(), {net.last(), 0});
    net.add("relu2", Relu<float>());
  });
  const auto wide_sums_join = chain([](auto& net) {
    const ValueId x = net.add("relu1", Relu<float>());
    const ValueId wide = net.add("pool", AvgPool<float>({.kernel = 5, .stride = 1})); // to 375
    net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .kernel = 5}), {x});
    net.add("add", Add<float>(), {net.last(), wide});
    net.add("relu2", Relu<float>());
  });
  for (const auto* net : {&pixels_join, &wide_sums_join})
    CHECK(contains(refusal(*net), "'add': expected codes of at most 8 bits as second operand, got "
                                  "pixels or wide sums"));
}

TEST_CASE("integer graph: max pooling and shortcuts of sums that no byte holds", "[infer]") {
  CHECK(mismatch(wide_sums_net(), 9) == "");
}

TEST_CASE("integer graph: feature vectors are images of one pixel", "[infer]") {
  nn::Net<float> net({6});
  net.add("fc1", nn::Linear<float>({.in = 6, .out = 8}));
  net.add("relu", nn::Relu<float>());
  net.add("fc2", nn::Linear<float>({.in = 8, .out = 3}));
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                     .alpha = 2,
                     .input = {1 / 64.0f, std::vector<std::int32_t>(6, 100)}});
  CHECK(mismatch(net) == "");
}

TEST_CASE("integer graph: bounds of sums, by hand", "[infer]") {
  const Tensor<float> codes({6}, {3, -1, 0, -3, -2, 1});
  const BitPackedWeights w = bit_pack(codes, quant::QuantRange::zero_aligned(3), {2, 3, 1, 1});
  const std::int32_t low[] = {5, -7}, high[] = {50, -7};
  CHECK(accumulator_bound(w, low, 2).largest == 7 + 2 * (3 + 2));
  CHECK(accumulator_bound(w, low, 2).underway == 7 + 2 * (3 + 2 + 1));
  CHECK(accumulator_bound(w, high, 2).largest == 50 + 2 * 3);
  CHECK(accumulator_bound(w, high, 2).underway == 50 + 2 * (3 + 1));
}

TEST_CASE("compare() counts what differs, value by value", "[infer]") {
  const nn::Net<float> net = make_case({.bits = "w4a4"});
  const Graph graph = export_integer(net);
  const Tensor<float> x = test_images(net.input_shape(), graph.grid, 2);
  nn::Tape<float> tape;
  net.forward(x, tape);
  auto values = run_reference(graph, codes_of(graph, x));
  values[1][3] += 1;
  values.back()[0] -= 1;
  values.back()[1] += 2;
  const auto found = compare(graph, values, net, tape);
  CHECK(found.front().different == 1);
  CHECK(found[1].different == 0);
  CHECK(found.back().different == 2);
  values[2].resize({3});
  CHECK_SAYS(compare(graph, values, net, tape), shape_error, "comparing 'pool1'", "got [3]");
}

/// Says that it has an integer form, and then no operation.
class Silent final : public nn::Layer<float> {
public:
  std::string_view kind() const override { return "silent"; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(nn::Inputs<float> in, nn::Slot<float>& slot, const nn::Mode&) const override {
    const auto x = in[0]->view();
    std::copy(x.begin(), x.end(), slot.plain(in[0]->shape).begin());
  }
  void backward(nn::Inputs<float>, const nn::Slot<float>&, View<float>, nn::Gradients<float>, bool,
                const nn::BackwardOptions&) override {}
  void lower(nn::Lowering<float>&) const override {}
};

TEST_CASE("a layer that lowers to nothing is refused, not taken for the image", "[infer]") {
  nn::Net<float> net({1, 6, 6});
  net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 4, .kernel = 3, .pad = 1}));
  net.add("relu", nn::Relu<float>());
  net.add("silent", Silent());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 144, .out = 3}));
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = test_grid(1)});
  CHECK(contains(message_of<value_error>([&] { export_integer(net); }),
                 "layer 'silent': expected one operation, got none"));
}

TEST_CASE("a net with clips that nobody chose is not exported", "[infer]") {
  auto net = nn::lenet5();
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = test_grid(1)});
  const std::string text = message_of<value_error>([&] { export_integer(net); });
  CHECK(contains(text, "export_integer: 'relu1.alpha': expected an initial value"));
}

TEST_CASE("a bias that no integer holds, values that are not all, another rounding: errors",
          "[infer]") {
  nn::Net<float> net = make_case({.bits = "w4a4"});
  const Graph graph = export_integer(net);
  nn::Tape<float> tape;
  CHECK_SAYS(compare(graph, {}, net, tape), shape_error, "comparing a graph", "values", "got 0");
#ifdef FE_UPWARD // WebAssembly rounds to nearest only
  std::fesetround(FE_UPWARD);
  const std::string said = message_of<value_error>([&] { export_integer(net); });
  std::fesetround(FE_TONEAREST);
  CHECK(contains(said, "rounding to nearest"));
#endif
  for (auto& p : net.parameters())
    if (p.name == "fc3.bias") p.parameter->edit()[0] = std::nanf("");
  net.quantize_weights();
  CHECK(contains(message_of<value_error>([&] { export_integer(net); }),
                 "bias 0: expected a finite number, got nan"));
  for (auto& p : net.parameters())
    if (p.name == "fc3.weight") p.parameter->edit().fill(0);
  net.quantize_weights();
  CHECK(contains(message_of<value_error>([&] { export_integer(net); }),
                 "expected logits that depend on the image, got a layer whose weights have the"));
}

TEST_CASE("integer graph: a bias of more than 2^24 units is the float that the net adds",
          "[infer]") {
  nn::Net<float> net = make_case({.bits = "w4a4"});
  for (nn::ValueId i : nn::pact_layers(net)) net.layer(i).clip()->edit()[0] = 0.001f;
  for (auto& p : net.parameters())
    if (p.name == "fc3.bias") {
      for (index_t o = 0; o < p.parameter->size(); ++o)
        p.parameter->edit()[o] = 0.19f + 0.0007f * static_cast<float>(o);
    } else if (p.name == "fc3.weight") {
      for (float& w : p.parameter->edit()) w *= 0.02f;
    }
  net.quantize_weights();
  const Graph graph = export_integer(net);
  const auto& bias = graph.steps.back().bias;
  CHECK(*std::max_element(bias.begin(), bias.end()) > 1 << 24);
  CHECK(mismatch(net) == "");
}

TEST_CASE("sums that two activations read are two steps, in a file too", "[infer]") {
  nn::Net<float> net({1, 8, 8});
  const nn::ValueId sums = net.add("conv", nn::Conv2d<float>({.in = 1, .out = 4, .kernel = 3}));
  const nn::ValueId a = net.add("relu1", nn::Relu<float>(), {sums});
  const nn::ValueId b = net.add("relu2", nn::Relu<float>(), {sums});
  net.add("conv2", nn::Conv2d<float>({.in = 4, .out = 4, .kernel = 1}), {a});
  net.add("add", nn::Add<float>(), {net.last(), b});
  net.add("relu3", nn::Relu<float>());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 4 * 6 * 6, .out = 3}));
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 1, .input = test_grid(1)});
  CHECK(mismatch(net) == "");
  const Graph graph = export_integer(net), again = from_file(to_file(graph));
  const auto codes = codes_of(graph, test_images(net.input_shape(), graph.grid, 4));
  const auto all = run_reference(graph, codes), of_file = run_reference(again, codes);
  CHECK(std::equal(all.back().begin(), all.back().end(), of_file.back().begin()));
  CHECK_NOTHROW(to_onnx(graph));
}

} // namespace test_export
