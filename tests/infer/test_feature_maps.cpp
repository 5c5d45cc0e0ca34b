// Score-CAM on the integer engine is that of the trained net, to the last bit.
#include "sgq/infer/feature_maps.hpp"

#include "sgq/saliency/net_function.hpp"
#include "sgq/saliency/score_cam.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_feature_maps {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

bool same(const Tensor<float>& a, const Tensor<float>& b) {
  return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

/// Checks that the layer's codes and the maps made of them are the net's.
void check_layer(const nn::Net<float>& net, const Graph& graph, std::string_view layer) {
  INFO(std::string(layer));
  const Tensor<float> x = test_images(net.input_shape(), graph.grid, 5);
  EngineFeatureMaps of_engine(graph, layer);
  saliency::NetFeatureMaps of_net(net, layer);
  Tensor<float> codes, expected;
  of_engine(x, codes);
  of_net(x, expected);
  CHECK(same(codes, expected));

  const Engine engine(graph);
  saliency::NetFunction f(net);
  const index_t k = net.classes();
  const std::vector<float> black{graph.grid.value<float>(0, 0)};
  const saliency::Classifier deployed(engine, k, {.background = black}),
      trained(f, k, {.background = black, .batch = 2});
  const std::vector<std::uint8_t> classes{0, 1, 2, 3, 0};
  const auto a = saliency::score_cam(deployed, of_engine, x, classes);
  CHECK(same(a.values, saliency::score_cam(trained, of_net, x, classes).values));
  CHECK(std::any_of(a.values.begin(), a.values.end(), [](float v) { return v > 0; }));
}

} // namespace

TEST_CASE("the engine's feature maps and Score-CAM are the net's", "[infer][maps]") {
  for (const char* bits : {"w4a4", "w2a2", "w8a8"})
    for (const char* name : {"lenet5", "mnist_cnn", "resnet20"}) {
      const nn::Net<float> net = make_case({.net = name, .bits = bits, .width = 4});
      INFO(name << " " << bits);
      check_layer(net, export_integer(net), "");
    }
}

TEST_CASE("any layer with planes of codes can be named", "[infer][maps]") {
  const nn::Net<float> net = oblong_net("w4a4");
  const Graph graph = export_integer(net);
  for (const char* layer : {"relu1", "relu2", "pool2", "relu3", ""}) check_layer(net, graph, layer);
  CHECK(graph.steps[last_feature_maps(graph) - 1].name == "relu3");
  for (const char* layer : {"global", "fc", "conv1", "relu9", "input"})
    CHECK(contains(message_of<value_error>([&] { EngineFeatureMaps(graph, layer); }),
                   "a layer with planes of codes, got '" + std::string(layer) + "'"));
}

TEST_CASE("a branch that nobody reads has no default feature maps", "[infer][maps]") {
  using namespace sgq::nn;
  Net<float> net({1, 8, 8});
  net.add("conv1", Conv2d<float>({.in = 1, .out = 4, .pad = 1}));
  const ValueId read = net.add("relu1", Relu<float>());
  net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .pad = 1}));
  net.add("relu2", Relu<float>());
  net.add("flatten", Flatten<float>(), {read});
  net.add("fc", Linear<float>({.in = 4 * 64, .out = 4}));
  initialize(net, 1);
  quantize_for_test(net, {.bits = "w4a4"}, 1);
  const Graph graph = export_integer(net);
  CHECK(graph.steps[last_feature_maps(graph) - 1].name == "relu1");
  check_layer(net, graph, "");
}

TEST_CASE("what the engine's feature maps refuse", "[infer][maps][errors]") {
  using namespace sgq::nn;
  Net<float> flat({1, 4, 4});
  flat.add("flatten", Flatten<float>());
  flat.add("fc1", Linear<float>({.in = 16, .out = 8}));
  flat.add("relu1", Relu<float>());
  flat.add("fc2", Linear<float>({.in = 8, .out = 3}));
  initialize(flat, 1);
  quantize_for_test(flat, {.bits = "w4a4"}, 1);
  CHECK(contains(message_of<value_error>([&] { EngineFeatureMaps(export_integer(flat)); }),
                 "a convolution with an activation, got none"));

  const Graph graph = export_integer(oblong_net("w4a4"));
  EngineFeatureMaps features(graph);
  Tensor<float> maps;
  CHECK_SAYS(features(Tensor<float>({1, 2, 9, 5}), maps), shape_error, "input", "got [1, 2, 9, 5]");
  Tensor<float> bad({1, 2, 5, 9});
  bad[3] = std::nanf("");
  CHECK_SAYS(features(bad, maps), value_error, "input", "nan at element 3");
}

TEST_CASE("an empty graph has no feature maps and no classes", "[infer]") {
  CHECK_SAYS(last_feature_maps(Graph{}), value_error, "a convolution with an activation",
             "got none");
  CHECK(Graph{}.classes() == 0);
}

} // namespace test_feature_maps
