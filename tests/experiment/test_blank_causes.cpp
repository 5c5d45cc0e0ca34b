#include "../../examples/experiment/blank_causes.hpp"

#include "support/catch.hpp"

namespace test_blank_causes {

using namespace examples;

namespace {

/// A rectifier on two images of 2 x 2 pixels, and two classes. The second image is dark: its pixels
/// are at or below the mean of the grid, 100.
/// A clip of 0 asks for a ReLU.
Subject subject(double clip) {
  const QuantParams grid{0.01f, {100}};
  nn::Net<float> net({1, 2, 2});
  if (clip > 0)
    net.add("act", nn::Pact<float>({.bits = 4, .alpha = clip}));
  else
    net.add("act", nn::Relu<float>());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 4, .out = 2}));
  nn::initialize(net, 1);
  data::Dataset set{.name = "two", .classes = 2, .class_names = {"a", "b"}, .grid = grid};
  set.images = Tensor<std::uint8_t>({2, 1, 2, 2});
  const std::uint8_t pixels[] = {90, 150, 200, 250, 100, 90, 80, 0};
  std::copy(std::begin(pixels), std::end(pixels), set.images.begin());
  set.labels = {0, 1};
  return Subject({std::move(net), {}, grid}, set, 2);
}

} // namespace

TEST_CASE("gates are counted, and images whose gradient ends there", "[experiment]") {
  Subject s = subject(0);
  const auto gates = measure_gates(s);
  REQUIRE(gates.size() == 1);
  CHECK(gates[0].layer == "act");
  CHECK(gates[0].at_zero == 5.0 / 8);
  CHECK(gates[0].inside == 3.0 / 8);
  CHECK(gates[0].at_alpha == 0);
  CHECK(gates[0].gone == 0); // the weights of the last layer are not 0
  CHECK(gates[0].gone_below == 0.5);
}

TEST_CASE("a clip closes gates from above", "[experiment]") {
  Subject s = subject(1.0); // 0.5 is inside; 1.0 and 1.5 are at the clip
  const auto gates = measure_gates(s);
  CHECK(gates[0].at_zero == 5.0 / 8);
  CHECK(gates[0].inside == 1.0 / 8);
  CHECK(gates[0].at_alpha == 2.0 / 8);
  CHECK(gates[0].gone_below == 0.5);
  Subject low = subject(0.25); // below all that is above 0
  CHECK(measure_gates(low)[0].inside == 0);
  CHECK(measure_gates(low)[0].gone_below == 1);
}

} // namespace test_blank_causes
