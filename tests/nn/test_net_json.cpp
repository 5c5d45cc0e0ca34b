// What defines a net goes into its model file, and the file alone gives the net back.
#include "sgq/nn/model_file.hpp"

#include "io/mutate.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <limits>

namespace test_net_json {

using namespace sgq;
using namespace sgq::nn;
using io::Json, io::SafeTensors;

namespace {

const QuantParams colours{0.02f, {10, 100, 200}};

/// A net with every kind of layer that the library has, wired with names.
template <class T = float>
Net<T> every_layer() {
  Net<T> net({3, 12, 20});
  net.add("stem", Conv2d<T>({.in = 3, .out = 4, .kernel = 3, .stride = 2, .pad = 1}));
  net.add("stem bn", BatchNorm<T>({.channels = 4, .eps = 1e-3, .momentum = 0.25}));
  const ValueId x = net.add("stem.relu", Relu<T>());
  net.add("conv", Conv2d<T>({.in = 4, .out = 6, .kernel = 3, .pad = 1, .bias = false}));
  const ValueId y = net.add("bn", BatchNorm<T>({.channels = 6}));
  const ValueId r = net.add("shortcut", Shortcut<T>({.in = 4, .out = 6, .stride = 1}), {x});
  net.add("add", Add<T>(), {y, r});
  net.add("relu", Relu<T>());
  net.add("max", MaxPool<T>({.kernel = 2, .stride = 1}));
  net.add("avg", AvgPool<T>({.kernel = 2}));
  net.add("global", GlobalAvgPool<T>());
  net.add("flatten", Flatten<T>());
  net.add("drop", Dropout<T>(0.25));
  net.add("fc1", Linear<T>({.in = 6, .out = 9}));
  net.add("relu1", Relu<T>());
  net.add("fc2", Linear<T>({.in = 9, .out = 7}));
  initialize(net, 3);
  return net;
}

template <class T>
void quantise(Net<T>& net, const char* bits, const char* weights = "sawb",
              quant::PactGradient gradient = quant::PactGradient::paper) {
  quantize(net, {.bits = quant::parse_bit_policy(bits),
                 .weights = weights,
                 .gradient = gradient,
                 .alpha = 2.5,
                 .input = colours});
}

std::vector<float> logits(const Net<float>& net) {
  Tensor<float> x(net.input_shape().with_batch(2));
  for (index_t i = 0; i < x.size(); ++i) x[i] = 0.02f * static_cast<float>(i * i % 91 - 45);
  Tape<float> tape;
  const auto z = net.forward(x, tape);
  return {z.begin(), z.end()};
}

/// A net's file.
SafeTensors file_of(Net<float>& net) {
  const TempDir dir;
  save_model(dir / "m", net);
  SafeTensors file = io::read_safetensors(dir / "m");
  file.origin = "own.safetensors";
  return file;
}

/// Leaky rectifier: a layer of the user's own, with options of every type.
class Leaky final : public Layer<float> {
public:
  struct Options {
    double slope = 0.125;
    index_t long_number = 1;
    int number = 2;
    bool truth = true;
    std::string text = "t";
  };
  explicit Leaky(Options o) : o_(std::move(o)) {}
  static void fields(Options& o, Fields& f) {
    f("slope", o.slope);
    f("long", o.long_number);
    f("number", o.number);
    f("truth", o.truth);
    f("text", o.text);
  }
  static std::unique_ptr<Layer<float>> make(Fields& f) {
    Options o;
    fields(o, f);
    return std::make_unique<Leaky>(o);
  }
  const Options& options() const { return o_; }

  std::string_view kind() const override { return "leaky"; }
  void save(Fields& f) const override {
    Options o = o_;
    fields(o, f);
  }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(Inputs<float> in, Slot<float>& slot, const Mode&) const override {
    const View<float> y = slot.plain(in[0]->shape);
    const View<const float> x = in[0]->view();
    for (index_t i = 0; i < y.size(); ++i)
      y[i] = x[i] > 0 ? x[i] : static_cast<float>(o_.slope) * x[i];
  }
  void backward(Inputs<float>, const Slot<float>&, View<float>, Gradients<float>, bool,
                const BackwardOptions&) override {}

private:
  Options o_;
};

/// The same without save().
class Silent final : public Layer<float> {
public:
  std::string_view kind() const override { return "silent"; }
  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }
  void forward(Inputs<float> in, Slot<float>& slot, const Mode&) const override {
    slot.out = *in[0];
  }
  void backward(Inputs<float>, const Slot<float>&, View<float>, Gradients<float>, bool,
                const BackwardOptions&) override {}
};

/// Signs times the largest weight: a quantiser of the user's own.
class Signs final : public quant::WeightQuantizer<float> {
public:
  explicit Signs(int bits) : bits_(bits) { quant::check_bits("signs", bits); }
  std::string name() const override { return "signs"; }
  int bits() const override { return bits_; }
  quant::QuantRange grid() const override { return quant::QuantRange::odd(bits_); }
  void quantize(View<const float> w, float, quant::WeightCodes<float>& out,
                std::string_view) const override {
    out.codes.resize(w.shape());
    out.scale = 0.125f;
    for (index_t i = 0; i < w.size(); ++i) out.codes[i] = w[i] < 0 ? -1.0f : 1.0f;
  }
  float backward(View<const float>, float, const quant::WeightCodes<float>&, View<const float> dwq,
                 View<float> dw) const override {
    for (index_t i = 0; i < dw.size(); ++i) dw[i] += dwq[i];
    return 0;
  }
  static std::unique_ptr<const WeightQuantizer<float>> make(int bits) {
    return std::make_unique<Signs>(bits);
  }

private:
  int bits_;
};

} // namespace

TEST_CASE("the description names every kind of layer that the library has", "[nn]") {
  Net<float> net = every_layer();
  quantise(net, "w4a4,conv=w3a32");
  const Json json = to_json(net);
  std::set<std::string> kinds;
  for (const Json& layer : json.as_array()) kinds.insert(layer.at("kind").as_string());
  for (const std::string& kind : names_of(layer_kinds<float>)) CHECK(kinds.count(kind) == 1);
  CHECK(kinds.size() == std::size(layer_kinds<float>) + 1); // and the input
  CHECK(io::to_string(json.as_array()[0]) ==
        R"({"name":"input","kind":"input","shape":[3,12,20],"scale":0.019999999552965164,)"
        R"("zero_point":[10,100,200]})");
  CHECK(io::to_string(json.as_array()[4]) ==
        R"({"name":"conv","kind":"conv2d","inputs":["stem.relu"],"options":{"in":4,"out":6,)"
        R"("kernel":3,"stride":1,"pad":1,"bias":false},"weights":{"quantizer":"sawb","bits":3}})");
  CHECK(io::to_string(json.as_array()[7]) ==
        R"({"name":"add","kind":"add","inputs":["bn","shortcut"]})");
}

TEST_CASE("a net of one's own comes back from its file alone", "[nn]") {
  const TempDir dir;
  for (const char* bits : {"fp32", "w4a4", "w2a3", "w4a4,conv=w8a2", "layerwise-8-1"})
    for (const char* weights : {"sawb", "lsq", "dorefa-rescaled", "symmetric"}) {
      if (std::string(weights) != "dorefa-rescaled" && std::string(bits) == "layerwise-8-1")
        continue; // the others have no 1 bit
      INFO(bits << ", " << weights);
      Net<float> net = every_layer();
      quantise(net, bits, weights, quant::PactGradient::plus);
      save_model(dir / "a", net);
      Model<float> model = load_model(dir / "a");
      CHECK(to_json(model.net) == to_json(net));
      CHECK(model.net.precision() == net.precision());
      CHECK(logits(model.net) == logits(net));
      CHECK_FALSE(model.spec);
      CHECK(model.input == (std::string(bits) == "fp32" ? QuantParams{} : colours));
      save_model(dir / "b", model.net);
      CHECK((io::read_file(dir / "a") == io::read_file(dir / "b")));
    }
}

TEST_CASE("a real-valued net's file may say how its input was normalised", "[nn]") {
  const TempDir dir;
  Net<float> net = every_layer();
  save_model(dir / "m", net, to_metadata(colours));
  CHECK(load_model(dir / "m").input == colours);
  save_model(dir / "m", net, to_metadata(QuantParams{0.02f, {1, 2}}));
  CHECK(contains(message_of<io_error>([&] { load_model(dir / "m"); }), "3 zero points"));
}

TEST_CASE("a net of doubles is described like one of floats", "[nn]") {
  Net<double> wide = every_layer<double>();
  Net<float> narrow = every_layer<float>();
  quantise(wide, "w4a4");
  quantise(narrow, "w4a4");
  CHECK(to_json(wide) == to_json(narrow));
  const SafeTensors file = file_of(narrow);
  CHECK(to_json(load_model<double>(file).net) == to_json(narrow));
}

TEST_CASE("a net from its description starts from the same weights as the model", "[nn]") {
  for (const std::string& name : names_of(models<float>)) {
    ModelSpec spec{.net = name, .options = {.seed = 5, .width = 3}};
    spec.quant = {.bits = quant::parse_bit_policy("w4a4"), .weights = "lsq", .input = {0.01f, {}}};
    Net<float> plain = make_model(name, {.seed = 5, .width = 3});
    spec.quant.input.zero_point.resize(static_cast<std::size_t>(plain.input_shape()[1]), 50);
    Net<float> net = build_model(spec), again = net_from_json<float>(to_json(net), {}, 5);
    const auto a = net.parameters(), b = again.parameters();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK((io::bytes_of(a[i].parameter->value()) == io::bytes_of(b[i].parameter->value())));
  }
}

TEST_CASE("a layer of one's own is made by its factory, or refused by name", "[nn]") {
  Net<float> net({2, 4, 4});
  net.add("mine",
          Leaky({.slope = 0.25, .long_number = -7, .number = 3, .truth = false, .text = "x"}));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 32, .out = 3}));
  initialize(net, 1);
  const SafeTensors file = file_of(net);
  Model<float> model = load_model<float>(file, {.layers = {{"leaky", Leaky::make}}});
  CHECK(logits(model.net) == logits(net));
  const auto& options = dynamic_cast<Leaky&>(model.net.layer(1)).options();
  CHECK(options.slope == 0.25);
  CHECK(options.long_number == -7);
  CHECK(options.number == 3);
  CHECK(options.truth == false);
  CHECK(options.text == "x");
  const std::string refusal = message_of<io_error>([&] { load_model(file); });
  CHECK(contains(refusal, "own.safetensors: layer 'mine': its kind: expected conv2d, "));
  CHECK(contains(refusal, "got 'leaky' (hint: give load_model a factory for it)"));
}

TEST_CASE("a layer that does not list its options cannot be saved", "[nn]") {
  const TempDir dir;
  Net<float> net({4});
  net.add("hush", Silent());
  const std::string text = message_of<value_error>([&] { save_model(dir / "m", net); });
  CHECK(contains(text, "layer 'hush': a layer of kind 'silent'"));
  CHECK(contains(text, "override save()"));
  CHECK_FALSE(std::filesystem::exists(dir / "m"));
}

TEST_CASE("a weight quantiser of one's own is made by its factory, or refused by name", "[nn]") {
  Net<float> net = every_layer();
  quantize(net, {.bits = quant::parse_bit_policy("w3a4"), .alpha = 2, .input = colours},
           [](const std::string&, int bits) { return Signs::make(bits); });
  const SafeTensors file = file_of(net);
  Model<float> model = load_model<float>(file, {.quantizers = {{"signs", Signs::make}}});
  CHECK(logits(model.net) == logits(net));
  const std::string refusal = message_of<io_error>([&] { load_model(file); });
  CHECK(contains(refusal, "layer 'conv': its weight quantiser: expected dorefa, "));
  CHECK(contains(refusal, "got 'signs' (hint: give load_model a factory for it)"));
  const auto none = [](int) -> std::unique_ptr<const quant::WeightQuantizer<float>> { return {}; };
  CHECK(contains(message_of<io_error>([&] {
                   load_model<float>(file, {.quantizers = {{"signs", none}}});
                 }),
                 "layer 'conv': factory 'signs': expected a weight quantiser, got null"));
  // Another rule under the same name is found by its codes.
  CHECK(contains(message_of<io_error>([&] {
                   load_model<float>(
                       file,
                       {.quantizers = {{"signs", quant::make_scheme<float, quant::Sawb<float>>}}});
                 }),
                 "layer 'conv'"));
}

TEST_CASE("a description that cannot be is an error that says where", "[nn]") {
  Net<float> net = every_layer();
  quantise(net, "w4a4");
  const SafeTensors good = file_of(net);
  const std::string& text = good.metadata.at("layers");
  const auto message = [&](const std::string& from, const std::string& to) {
    SafeTensors file = good;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    file.metadata["layers"] = text.substr(0, at) + to + text.substr(at + from.size());
    const std::string said = message_of<io_error>([&] { load_model(file); });
    CHECK(contains(said, "own.safetensors"));
    return said;
  };
  CHECK(contains(message("[{", "{"), "layers, byte"));
  CHECK(contains(message(R"("kind":"input")", R"("kind":"relu")"), "the first layer"));
  CHECK(contains(message("[3,12,20]", "[3,12]"), "1 or 3 extents"));
  CHECK(contains(message("[3,12,20]", "[3,0,20]"), "extents >= 1"));
  CHECK(contains(message("[3,12,20]", "[3,1.5,20]"), "'shape': expected an integer"));
  CHECK(contains(message("[3,12,20]", "[2,12,20]"), "layer 'stem'"));
  CHECK(contains(message("[3,12,20]", "[3,2000000,2000000]"), "at most 268435456 numbers"));
  CHECK(contains(message("0.019999999552965164", "-1"), "'scale'"));
  CHECK(contains(message("0.019999999552965164", "1e300"), "'scale'"));
  CHECK(contains(message("[10,100,200]", "[10,100]"), "3 zero points"));
  CHECK(contains(message("[10,100,200]", "[10,100,256]"), "zero points in 0..255"));
  CHECK(contains(message(R"("name":"stem")", R"("nome":"stem")"), "a member 'name'"));
  CHECK(contains(message(R"("name":"stem bn")", R"("name":"stem")"), "'stem' a second time"));
  CHECK(contains(message(R"("inputs":["bn","shortcut"])", R"("inputs":["bn","relu"])"),
                 "layer 'add': its input: expected an earlier layer, got 'relu'"));
  CHECK(contains(message(R"("inputs":["bn","shortcut"])", R"("inputs":["bn"])"), "got 1"));
  CHECK(contains(message(R"("inputs":["bn","shortcut"])", R"("inputs":7)"), "layer 'add'"));
  CHECK(contains(message(R"("inputs":["bn","shortcut"])", R"("inputs":[])"), "one or more"));
  CHECK(contains(message(R"("kind":"conv2d")", R"("kind":"conv3d")"), "got 'conv3d'"));
  CHECK(contains(message(R"("stride":2)", R"("stride":0)"), "layer 'stem'"));
  CHECK(contains(message(R"("stride":2)", R"("stride":2.0)"), "'stride': expected an integer"));
  CHECK(contains(message(R"("stride":2)", R"("stride":"2")"), "'stride'"));
  CHECK(contains(message(R"("out":4)", R"("out":4000000000)"), "4000000000"));
  CHECK(contains(message(R"("out":4)", R"("out":2000000000)"), "bytes of memory, got"));
  CHECK(contains(message(R"("pad":1)", R"("pad":1000000)"), "layer 'stem': outputs of one image"));
  CHECK(contains(message(R"("bias":true)", R"("bias":1)"), "'bias': expected true or false"));
  CHECK(contains(message(R"("eps":0.001)", R"("eps":0.0)"), "layer 'stem bn'"));
  CHECK(contains(message(R"("eps":0.001)", R"("eps":"x")"), "'eps': expected a finite number"));
  CHECK(contains(message(R"("eps":0.001)", R"("epsilon":0.001)"), "'epsilon'"));
  CHECK(contains(message(R"("gradient":"paper")", R"("gradient":"dream")"), "'dream'"));
  CHECK(contains(message(R"("quantizer":"sawb")", R"("quantizer":"soap")"), "'soap'"));
  CHECK(contains(message(R"("bits":4})", R"("bits":9})"), "expected 2 to 8, got 9"));
  CHECK(contains(message(R"("weights":{)", R"("weights":5,"w":{)"), "an object"));
  CHECK(contains(message(R"("kind":"flatten")", R"("kind":"flatten","weights":{})"),
                 "layer 'flatten': 'weights': expected a layer with weights, got \"flatten\""));
  CHECK(contains(message(R"("bits":4})", R"("bits":2})"), "layer 'conv': expected sawb, 2 bits"));
  CHECK(contains(message(R"("kernel":3,"stride":2)", R"("kernel":5,"stride":2)"), "'stem.weight'"));
}

TEST_CASE("a description's fields keep their defaults where an older file lacks them", "[nn]") {
  Net<float> net = every_layer();
  SafeTensors file = file_of(net);
  std::string& text = file.metadata["layers"];
  const std::string field = R"(,"momentum":0.25)";
  text.erase(text.find(field), field.size());
  Model<float> model = load_model(file);
  CHECK(dynamic_cast<BatchNorm<float>&>(model.net.layer(2)).options().momentum == 0.1);
}

TEST_CASE("a description takes no memory and no time that its tensors do not justify", "[nn]") {
  SafeTensors file;
  const auto refused = [&](const std::string& layers) {
    file.metadata["layers"] = layers;
    const std::size_t before = allocations::bytes_taken;
    const std::string text = message_of<io_error>([&] { load_model(file); });
    CHECK(allocations::bytes_taken - before < 64 << 20);
    return text;
  };
  const std::string input = R"([{"name":"input","kind":"input","shape":[1000]})";
  CHECK(contains(refused(input + R"(,{"name":"fc","kind":"linear","inputs":["input"],)" +
                         R"("options":{"in":1000,"out":1000000}}])"),
                 "bytes of memory"));
  CHECK(contains(refused("[]"), "2 to 4096"));
  CHECK(contains(refused(input + "]"), "2 to 4096"));
  std::string many = input;
  for (int i = 0; i < 5000; ++i)
    many += R"(,{"name":")" + to_text(i) + R"(","kind":"relu","inputs":["input"]})";
  CHECK(contains(refused(many + "]"), "2 to 4096"));
  CHECK(contains(refused("7"), "an array"));
  CHECK(contains(refused("[7,7]"), "'kind'"));
}

TEST_CASE("a mutated description gives a net or an io_error", "[nn]") {
  Net<float> net({1, 4, 4});
  net.add("conv", Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  net.add("relu", Relu<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 8, .out = 2}));
  initialize(net, 1);
  quantize(net, {.bits = quant::parse_bit_policy("w2a2"), .alpha = 1, .input = {0.5f, {3}}});
  const SafeTensors good = file_of(net);
  const std::string& text = good.metadata.at("layers");
  int loaded = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    for (char c : {'0', '9', '"', '}', 'x'}) {
      SafeTensors file = good;
      file.metadata["layers"][i] = c;
      try {
        Model<float> model = load_model(file);
        ++loaded;
      } catch (const io_error& e) {
        CHECK(contains(e.what(), "own.safetensors"));
      }
    }
  CHECK(loaded > 0);
}

} // namespace test_net_json
