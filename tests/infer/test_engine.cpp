#include "sgq/infer/engine.hpp"
#include "sgq/infer/reference.hpp"

#include "sgq/saliency/callable.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_engine {

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
  for (const std::string& name : names_of(nn::models<float>))
    for (const char* bits : {"w4a4", "w2a2", "w4a2", "w2a4", "layerwise-4-2", "w8a8", "w3a5"}) {
      const Case c{.net = name, .bits = bits, .width = 3};
      INFO(str(c));
      CHECK(mismatch(make_case(c)) == "");
    }
}

TEST_CASE("engine: the same for every weight quantiser, first and last layer too", "[infer]") {
  for (const std::string& scheme : names_of(quant::weight_schemes<float>))
    for (const char* bits : {"w2a2", "w4a4", "w8a8"})
      for (auto first_last : {quant::FirstLast::eight_bit, quant::FirstLast::same}) {
        const Case c{"lenet5", bits, scheme, first_last};
        INFO(str(c));
        CHECK(mismatch(make_case(c)) == "");
      }
}

namespace {

/// Odd sizes, strides, wide padding, average pooling, overlapping windows, a kernel of one.
nn::Net<float> odd_net(const char* bits) {
  using namespace sgq::nn;
  Net<float> net({3, 29, 27});
  net.add("conv1", Conv2d<float>({.in = 3, .out = 6, .kernel = 5, .stride = 2, .pad = 2}));
  net.add("relu1", Relu<float>());
  net.add("average", AvgPool<float>({.kernel = 2}));
  net.add("conv2", Conv2d<float>({.in = 6, .out = 19, .kernel = 3, .pad = 1, .bias = false}));
  net.add("bn2", BatchNorm<float>({.channels = 19}));
  net.add("relu2", Relu<float>());
  net.add("pool2", MaxPool<float>({.kernel = 3, .stride = 2}));
  net.add("conv3", Conv2d<float>({.in = 19, .out = 5, .kernel = 1}));
  net.add("relu3", Relu<float>());
  net.add("pool3", MaxPool<float>({.kernel = 2}));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 5, .out = 10}));
  initialize(net, 3);
  quantize_for_test(net, {.bits = bits}, 3);
  return net;
}

} // namespace

TEST_CASE("engine: odd sizes, strides and every kind of pooling", "[infer]") {
  for (const char* bits : {"w2a2", "w4a4", "w8a8"}) {
    INFO(bits);
    CHECK(mismatch(odd_net(bits), 9) == "");
  }
}

TEST_CASE("engine: images that are not square, pooled globally", "[infer]") {
  for (const char* bits : {"w2a2", "w4a4", "w8a8"}) {
    INFO(bits);
    CHECK(mismatch(oblong_net(bits), 9) == "");
  }
}

TEST_CASE("engine: max pooling and shortcuts of sums that no byte holds", "[infer]") {
  CHECK(mismatch(wide_sums_net(), 9) == "");
}

TEST_CASE("engine: the same logits for any number of threads and any batch", "[infer]") {
  const Graph graph = export_integer(odd_net("w4a4"));
  const Engine engine(graph);
  const Tensor<std::uint8_t> pixels = codes_of(graph, test_images(graph.image, graph.grid, 21));
  const auto run = [&](index_t batch) {
    std::vector<std::int32_t> all(21 * 10);
    for (index_t first = 0; first < 21; first += batch) {
      const index_t n = std::min(batch, 21 - first);
      engine.run(pixels.view().slice(first, n), {all.data() + first * 10, {n, 10}});
    }
    return all;
  };
  const auto expected = run(21);
  for (index_t batch : {1, 2, 5, 20}) CHECK(run(batch) == expected);
  CHECK(same_for_any_thread_count([&] { return run(21); }));
  CHECK_SAYS(engine.values(pixels), value_error, "values", "keep_values");
  CHECK_SAYS(engine.run(pixels.view().reshape({3, 7 * 29 * 27, 3}), {}), shape_error, "pixels",
             "got [3, 5481, 3]");
}

TEST_CASE("engine: a model for whoever asks a batch for its logits", "[infer]") {
  const nn::Net<float> net = odd_net("w4a4");
  const Engine engine(export_integer(net));
  const Tensor<float> x = test_images(net.input_shape(), engine.graph().grid, 6);
  nn::Tape<float> tape;
  const View<const float> expected = net.forward(x, tape);
  const saliency::Classifier model(engine, engine.graph().classes(), {.batch = 4});
  index_t wrong = 0;
  model.each(x, [&](index_t n, const float* row) {
    for (index_t c = 0; c < 10; ++c) wrong += row[c] != expected(n, c);
  });
  CHECK(wrong == 0);
  Tensor<float> of_rows({6, 10});
  engine(x.view().reshape({6, net.input_shape().size()}), of_rows);
  CHECK(std::equal(of_rows.begin(), of_rows.end(), expected.begin()));
  CHECK_SAYS(engine(Tensor<float>(x.shape(), 255.0f), Tensor<float>({6, 10})), value_error,
             "integer net: input", "normalize", "got 255");
  // As many numbers in another order are no images.
  const Shape in = net.input_shape();
  const Shape channels_last{6, in[2], in[3], in[1]};
  Tensor<std::uint8_t> pixels({6, in.size()});
  Tensor<std::int32_t> sums({6, 10});
  CHECK_NOTHROW(engine.run(pixels, sums));
  CHECK_SAYS(engine.run(pixels.view().reshape(channels_last), sums), shape_error, "pixels",
             "got [6, 29, 27, 3]");
  CHECK_SAYS(run_reference(engine.graph(), pixels.view().reshape(channels_last)), shape_error,
             "pixels", "got [6, 29, 27, 3]");
  Tensor<float> bad = x, logits({6, 10});
  CHECK_SAYS(engine(x.view().reshape(channels_last), logits), shape_error, "input",
             "got [6, 29, 27, 3]");
  bad[5] = std::numeric_limits<float>::infinity();
  CHECK_SAYS(engine(bad, logits), value_error, "input", "inf at element 5");
}

} // namespace test_engine
