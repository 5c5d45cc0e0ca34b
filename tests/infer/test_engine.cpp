#include "sgq/infer/engine.hpp"
#include "sgq/infer/reference.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

using namespace infer_tests;
using namespace sgq::infer;

namespace {

/// Every value of the engine, and the logits of the engine that fuses, beside the reference's.
std::string mismatch(const nn::Net<float>& net, index_t images = 3) {
  const Graph graph = export_integer(net);
  const Tensor<std::uint8_t> pixels =
      codes_of(graph, test_images(net.input_shape(), graph.grid, images));
  const auto expected = run_reference(graph, pixels);
  const Engine open(graph, {.keep_values = true}), fused(graph);
  const auto values = open.values(pixels);
  std::string text;
  for (Value v = 0; v <= graph.last(); ++v)
    if (!std::equal(expected[v].begin(), expected[v].end(), values[v].begin()))
      text += (v ? graph.steps[v - 1].name : "input") + " ";
  Tensor<std::int32_t> logits({images, graph.classes()});
  fused.run(pixels, logits);
  if (!std::equal(logits.begin(), logits.end(), expected.back().begin())) text += "fused logits";
  return text;
}

} // namespace

TEST_CASE("engine: every value is the reference's, for every net and bit mix", "[infer]") {
  for (const char* name : {"lenet5", "mnist_cnn", "vgg_small", "resnet20"})
    for (const char* bits : {"w4a4", "w2a2", "w4a2", "w2a4", "layerwise-4-2", "w8a8", "w3a5"}) {
      const Case c{.net = name, .bits = bits, .width = 3};
      INFO(str(c));
      CHECK(mismatch(make_case(c)) == "");
    }
}

TEST_CASE("engine: the same for every weight quantiser, first and last layer too", "[infer]") {
  for (quant::WeightScheme scheme : quant::all_weight_schemes)
    for (const char* bits : {"w2a2", "w4a4", "w8a8"})
      for (auto first_last : {quant::FirstLast::eight_bit, quant::FirstLast::same}) {
        const Case c{"lenet5", bits, scheme, first_last};
        INFO(str(c));
        CHECK(mismatch(make_case(c)) == "");
      }
}
