// What the ONNX files say, read back without a runtime; tests/onnx runs them.
#include "sgq/infer/file.hpp"
#include "sgq/infer/onnx.hpp"

#include "infer/helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"
#include "support/protobuf_reader.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <set>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test_onnx {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

OnnxFile file_of(const nn::Net<float>& net, const OnnxOptions& options = {}) {
  return OnnxFile(to_onnx(net, options).bytes);
}

/// Every input of every node is there when it runs, and every output is made.
std::string dangling(const OnnxFile& f) {
  std::set<std::string> known = {""};
  for (const OnnxValue& v : f.inputs) known.insert(v.name);
  for (const auto& [name, tensor] : f.constants) known.insert(name);
  for (const OnnxNode& n : f.nodes) {
    for (const std::string& input : n.inputs)
      if (!known.count(input)) return n.name + " reads " + input;
    known.insert(n.outputs.begin(), n.outputs.end());
  }
  for (const OnnxValue& v : f.outputs)
    if (!known.count(v.name)) return "output " + v.name;
  return {};
}

/// The bytes of a constant are those of its extents and type.
std::string sizes(const OnnxFile& f) {
  const std::map<std::int64_t, int> bits = {{1, 32}, {2, 8},   {3, 8},  {6, 32},
                                            {7, 64}, {11, 64}, {22, 4}, {26, 2}};
  for (const auto& [name, t] : f.constants) {
    std::int64_t n = 1;
    for (std::int64_t e : t.extents) n *= e;
    if (static_cast<std::int64_t>(t.bytes.size()) != (n * bits.at(t.type) + 7) / 8) return name;
  }
  return {};
}

template <class T>
std::vector<T> numbers(const OnnxFile& f, const std::string& name) {
  const std::string& bytes = f.constants.at(name).bytes;
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

} // namespace

TEST_CASE("ONNX: the contract of a quantised file", "[infer]") {
  for (const char* bits : {"w2a2", "w4a4", "w8a8"})
    for (OnnxForm form : {OnnxForm::exact, OnnxForm::integer}) {
      INFO(bits << " " << name(form));
      const nn::Net<float> net = make_case({.net = "resnet20", .bits = bits, .width = 2});
      const OnnxFile f = file_of(net, {.form = form, .name = "small"});
      CHECK(dangling(f) == "");
      CHECK(sizes(f) == "");
      REQUIRE(f.inputs.size() == 1);
      CHECK(f.inputs[0].name == "pixels");
      CHECK(f.inputs[0].type == 2); // uint8
      CHECK(f.inputs[0].extents == std::vector<std::int64_t>{-1, 3, 32, 32});
      REQUIRE(f.outputs.size() == 1);
      CHECK(f.outputs[0].name == "logits");
      CHECK(f.outputs[0].type == 1); // float
      CHECK(f.outputs[0].extents == std::vector<std::int64_t>{-1, 10});
      CHECK(f.producer == "sgq");
      CHECK(f.producer_version == sgq::version);
      CHECK(f.name == "small");
      CHECK(f.metadata.at("form") == name(form));
      const std::string width(bits, 4);
      CHECK(contains(f.metadata.at("policy"), "conv1 w8a" + width.substr(3)));
      CHECK(contains(f.metadata.at("policy"), "layer2.1.conv2 " + width));
      CHECK(f.metadata.at("input") == "x = scale (p - zero), scale 0.015625, zero 33 123 213");
      if (form == OnnxForm::exact)
        CHECK(f.opset == (width == "w2a2" ? 25 : width == "w4a4" ? 21 : 18));
      CHECK(f.ir_version == (f.opset == 25 ? 13 : f.opset == 21 ? 10 : 8));
    }
}

TEST_CASE("ONNX exact: weights are the integer file's bytes, odd codes are 2 s + 1", "[infer]") {
  const nn::Net<float> net = make_case({.bits = "w2a2"});
  const Graph graph = export_integer(net);
  const OnnxFile f = file_of(net);
  for (const Step& s : graph.steps) {
    if (s.op != Op::convolve) continue;
    const OnnxTensor& w = f.constants.at(s.weights_name + "/weight");
    CHECK(w.type == (s.weights.bits == 2 ? 26 : 3));
    CHECK(w.bytes == std::string(s.weights.bytes.begin(), s.weights.bytes.end()));
    const std::vector<std::int64_t> linear = {s.weights.outputs(), s.weights.row(), 1, 1};
    CHECK(w.extents == (s.name.find("fc") == 0 || s.name == "relu3" || s.name == "relu4"
                            ? linear
                            : io::extents_of(s.weights.shape)));
    const OnnxNode* codes = f.maker(s.weights_name + "/codes");
    REQUIRE(codes);
    CHECK(codes->op == "DequantizeLinear");
    CHECK(numbers<float>(f, codes->inputs[1])[0] == (s.weights.odd ? 2 : 1));
    CHECK((f.maker(s.weights_name + "/odd codes") != nullptr) == s.weights.odd);
  }
  CHECK(f.count("MatMul") + f.count("Gemm") == 0); // wrong behind two bits in ONNX Runtime
  CHECK(f.count("Round") == 4);
  CHECK(numbers<double>(f, "relu1/m")[0] ==
        static_cast<double>(graph.steps[0].requantizer.channels[0].m));
}

TEST_CASE("ONNX exact: the file of w2a2 is hardly larger than the integer file", "[infer]") {
  const nn::Net<float> net = make_case({.net = "mnist_cnn", .bits = "w2a2"});
  const TempDir dir;
  save_integer(dir / "net", export_integer(net));
  const auto integers = static_cast<double>(io::read_file(dir / "net").size());
  CHECK(static_cast<double>(to_onnx(net).bytes.size()) < 1.1 * integers);
}

TEST_CASE("ONNX exact: a graph from a file has lines in the place of its formulas", "[infer]") {
  const nn::Net<float> net = small_net<float>("residual w4a4"); // clips without ties
  const TempDir dir;
  save_integer(dir / "net", export_integer(net));
  const Graph graph = load_integer(dir / "net");
  const OnnxFile f(to_onnx(graph).bytes);
  CHECK(dangling(f) == "");
  CHECK(numbers<double>(f, "relu1/m") != numbers<double>(file_of(net), "relu1/m"));
  CHECK_FALSE(f.maker("relu1/scaled")); // the line's unit is the code
  // Ties, which no line reproduces.
  Graph tied = graph;
  Thresholds& t = tied.steps[0].thresholds;
  for (index_t j = 0; j < 15; ++j) t.values(0, j) = 2 * j + 1 + j % 2;
  CHECK(contains(message_of<value_error>([&] { to_onnx(tied); }),
                 "layer 'relu1': expected thresholds that a line passes through"));
}

TEST_CASE("ONNX integer: each layer says what it became", "[infer]") {
  const nn::Net<float> net = small_net<float>("residual w4a4");
  const OnnxExport onnx = to_onnx(net, {.form = OnnxForm::integer});
  const OnnxFile f(onnx.bytes);
  CHECK(dangling(f) == "");
  std::map<std::string, OnnxLayer> layers;
  for (const OnnxLayer& layer : onnx.layers) layers[layer.name] = layer;
  CHECK(layers.size() == export_integer(net).steps.size());
  CHECK(layers.at("a.relu1").operation == "QLinearConv");
  CHECK(layers.at("a.relu1").margin > 4);
  CHECK(layers.at("a.relu2").operation == "Conv, codes in float");
  CHECK(layers.at("a.relu2").note == "a residual joins");
  CHECK(layers.at("relu1").note == "8-bit pixels");
  CHECK(layers.at("relu1").operation == "Conv, codes in float"); // zero points 100 and 128
  CHECK(layers.at("b.shortcut").operation == "Slice, Pad");
  CHECK(layers.at("fc").operation == "Conv, logits");
  int qlinear = 0;
  for (const auto& [name, layer] : layers) qlinear += layer.operation == "QLinearConv";
  CHECK(f.count("QLinearConv") == qlinear);
}

TEST_CASE("ONNX integer: ties fall back to double, 8-bit codes to float sums", "[infer]") {
  nn::Net<float> net({1, 6, 6});
  net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 4, .kernel = 3, .bias = false}));
  net.add("relu1", nn::Relu<float>());
  net.add("conv2", nn::Conv2d<float>({.in = 4, .out = 4, .kernel = 3, .bias = false}));
  net.add("relu2", nn::Relu<float>());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 16, .out = 3}));
  nn::initialize(net, 1);
  for (const char* bits : {"w4a4", "w8a8"}) {
    nn::quantize(net, {.bits = quant::parse_bit_policy(bits), .alpha = 2, .input = test_grid(1)});
    Graph graph = export_integer(net);
    const bool wide = std::string(bits) == "w8a8";
    if (!wide) // two accumulators per code, no shift
      for (auto* step : {&graph.steps[1]}) {
        step->requantizer.channels.assign(4, {0.5f, 0.0f});
        step->requantizer.alpha = 15;
        step->thresholds = make_thresholds(step->requantizer.channels, 15, 4, step->bound);
      }
    const OnnxExport onnx = to_onnx(graph, {.form = OnnxForm::integer});
    const OnnxFile f(onnx.bytes);
    INFO(bits);
    CHECK(onnx.layers[1].operation == (wide ? "Conv, codes in float" : "Conv, codes in double"));
    CHECK(onnx.layers[1].note ==
          (wide ? "8-bit codes and weights"
                : "no multiplier for channel 0, no multiplier for channel 0 in float"));
    CHECK(f.count("ConvInteger") == 0);
  }
}

TEST_CASE("ONNX: intermediate values are outputs of their own type", "[infer]") {
  const nn::Net<float> net = make_case({.net = "resnet20", .width = 2});
  const Graph graph = export_integer(net);
  const OnnxFile f = file_of(net, {.intermediate = true});
  REQUIRE(f.outputs.size() == graph.steps.size() + 1);
  CHECK(f.outputs[0].name == "logits"); // stays the first
  for (std::size_t v = 1; v <= graph.steps.size(); ++v) {
    CHECK(f.outputs[v].name == graph.steps[v - 1].name);
    const index_t most = graph.max_code(v);
    CHECK(f.outputs[v].type == (most > 0 && most <= 255 ? 2 : 1));
  }
  const OnnxFile wide = file_of(wide_sums_net());
  CHECK(dangling(wide) == "");
  CHECK(wide.maker("shortcut")->inputs.at(2) == "float/0"); // what it pads with
  // A value for each of 13 layers; a convolution and its ReLU share one, which makes 11.
  const OnnxFile real =
      file_of(nn::lenet5(), {.form = OnnxForm::real, .intermediate = true, .input = test_grid(1)});
  CHECK(dangling(real) == "");
  REQUIRE(real.outputs.size() == 1 + 11);
  CHECK(real.outputs[1].name == "input");
  CHECK(real.outputs[2].name == "relu1");
  CHECK(real.outputs[2].extents == std::vector<std::int64_t>{-1, 6, 28, 28});
}

TEST_CASE("ONNX float: feature vectors", "[infer]") {
  nn::Net<float> net({6});
  net.add("fc", nn::Linear<float>({.in = 6, .out = 3}));
  nn::initialize(net, 1);
  const OnnxFile f = file_of(
      net, {.form = OnnxForm::real, .input = {1 / 64.0f, std::vector<std::int32_t>(6, 100)}});
  CHECK(f.inputs.at(0).extents == std::vector<std::int64_t>{-1, 6});
  CHECK(f.constants.at("pixels/zero point").extents == std::vector<std::int64_t>{1, 6});
}

TEST_CASE("ONNX: Grad-CAM needs maps, means and a linear layer", "[infer]") {
  for (OnnxForm form : {OnnxForm::exact, OnnxForm::integer}) {
    const OnnxFile f =
        file_of(make_case({.net = "resnet20", .width = 2}), {.form = form, .saliency = true});
    CHECK(dangling(f) == "");
    REQUIRE(f.outputs.size() == 2);
    CHECK(f.outputs[1].name == "saliency");
    CHECK(f.outputs[1].extents == std::vector<std::int64_t>{-1, 1, 32, 32});
    const OnnxNode* resize = f.maker("saliency");
    REQUIRE(resize);
    CHECK(resize->attributes.at("coordinate_transformation_mode").text(4) == "half_pixel");
    CHECK(resize->attributes.at("mode").text(4) == "linear");
  }
  const std::string refusal =
      message_of<value_error>([&] { to_onnx(make_case({}), {.saliency = true}); });
  CHECK(contains(refusal, "layer 'fc3': expected feature maps, global average pooling and a linear "
                          "layer at the end"));
  CHECK(contains(message_of<value_error>([&] {
                   to_onnx(oblong_net("w4a4"), {.saliency = false, .name = ""});
                   to_onnx(nn::lenet5(),
                           {.form = OnnxForm::real, .saliency = true, .input = test_grid(1)});
                 }),
                 "layer 'fc3'"));
}

TEST_CASE("ONNX float: an operator per layer, or batch norm folded", "[infer]") {
  nn::Net<float> net = nn::resnet20({.width = 2});
  randomize_batch_norm(net, 4);
  const OnnxOptions options{.form = OnnxForm::real, .saliency = true, .input = test_grid(3)};
  const OnnxFile folded = file_of(net, options);
  OnnxOptions keeping = options;
  keeping.fold_batch_norm = false;
  const OnnxFile kept = file_of(net, keeping);
  for (const OnnxFile* f : {&folded, &kept}) {
    CHECK(dangling(*f) == "");
    CHECK(sizes(*f) == "");
    CHECK(f->opset == 18);
    CHECK(f->count("Conv") == 19);
    CHECK(f->count("Gemm") == 1);
    CHECK(f->outputs.at(1).name == "saliency");
  }
  CHECK(folded.count("BatchNormalization") == 0);
  CHECK(kept.count("BatchNormalization") == 19);
  CHECK(kept.maker("bn1")->attributes.at("epsilon").real(2) == 1e-5f);
  CHECK(kept.metadata.at("batch_norm") == "kept");
  const View<const float> w = net.nodes()[1].layer->weights()->parameter().value();
  CHECK(numbers<float>(kept, "conv1/weight") == std::vector<float>(w.begin(), w.end()));
}

TEST_CASE("ONNX float: what has no form is refused by name", "[infer]") {
  const auto refusal = [](const nn::Net<float>& net, const OnnxOptions& options) {
    return message_of<value_error>([&] { to_onnx(net, options); });
  };
  const OnnxOptions real{.form = OnnxForm::real, .input = test_grid(1)};
  CHECK(contains(refusal(make_case({}), real),
                 "layer 'input': expected real numbers, got pixel codes"));
  CHECK(contains(refusal(nn::lenet5(), {.form = OnnxForm::real}), "option input"));
  CHECK(contains(refusal(nn::lenet5(), {}), "integer export, layer 'input'"));
  CHECK(contains(message_of<value_error>(
                     [&] { to_onnx(export_integer(make_case({})), {.form = OnnxForm::real}); }),
                 "expected the form exact or integer, got float"));
  nn::Net<float> own({1, 8, 8});
  own.add("conv", nn::Conv2d<float>({.in = 1, .out = 2, .kernel = 3}));
  own.add("swish", Swish<float>());
  own.add("flatten", nn::Flatten<float>());
  own.add("fc", nn::Linear<float>({.in = 72, .out = 3}));
  nn::initialize(own, 1);
  CHECK(contains(refusal(own, real),
                 "layer 'swish': expected a layer that lowers to an operation, got swish"));
  nn::Net<float> twice({1, 8, 8});
  twice.add("pixels", nn::Flatten<float>());
  twice.add("fc", nn::Linear<float>({.in = 64, .out = 3}));
  nn::initialize(twice, 1);
  CHECK(contains(refusal(twice, real), "a name of its own"));
  CHECK_SAYS(parse_onnx_form("quick"), value_error, "ONNX form", "got 'quick'");
  CHECK(parse_onnx_form("float") == OnnxForm::real);
}

TEST_CASE("ONNX: sums that a float does not hold become integers, or are refused", "[infer]") {
  nn::Net<float> net({1, 32, 32});
  net.add("conv1", nn::Conv2d<float>({.in = 1, .out = 16, .kernel = 3, .pad = 1}));
  net.add("relu1", nn::Relu<float>());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc1", nn::Linear<float>({.in = 16 * 32 * 32, .out = 4}));
  net.add("relu2", nn::Relu<float>());
  net.add("fc2", nn::Linear<float>({.in = 4, .out = 3}));
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w8a8"), .alpha = 2, .input = test_grid(1)});
  Graph graph = export_integer(net);
  REQUIRE(graph.steps[1].bound > 1 << 24);
  const OnnxExport onnx = to_onnx(graph);
  CHECK(onnx.layers[1].operation == "ConvInteger, codes in double");
  CHECK(OnnxFile(onnx.bytes).maker("relu2/sums")->op == "ConvInteger");
  graph.steps[1].weights.odd = true; // codes of nine bits, in no byte
  graph.steps[1].bound =
      accumulator_bound(graph.steps[1].weights, graph.steps[1].bias, 255).largest;
  REQUIRE(graph.steps[1].bound < quant::accumulator_limit);
  CHECK(contains(message_of<value_error>([&] { to_onnx(graph); }),
                 "layer 'relu2': expected sums of at most 2^24, which a float holds"));
}

} // namespace test_onnx
