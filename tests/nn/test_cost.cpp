#include "sgq/nn/cost.hpp"
#include "sgq/nn/models.hpp"

#include "support/catch.hpp"

namespace test_cost {

using namespace sgq;

namespace {

nn::NetCost cost(nn::Net<float> net, const char* bits, const char* weights = "sawb") {
  const auto channels = static_cast<std::size_t>(net.input_shape()[1]);
  nn::quantize(net,
               {.bits = quant::parse_bit_policy(bits),
                .weights = weights,
                .input = {.scale = 0.01f, .zero_point = std::vector<std::int32_t>(channels, 128)}});
  return nn::cost_of(net);
}

} // namespace

TEST_CASE("multiplications of the nets, counted by hand", "[nn]") {
  // mnist_cnn: 26*26*32*9, 24*24*64*288, 9216*128, 128*10.
  CHECK(cost(nn::mnist_cnn(), "fp32").macs() == 194688 + 10616832 + 1179648 + 1280);
  // ResNet-20, He et al.: 40.6 million with the first and the last layer.
  const index_t body =
      32 * 32 * 16 * 144 * 6 + 16 * 16 * 32 * (144 + 5 * 288) + 8 * 8 * 64 * (288 + 5 * 576);
  CHECK(cost(nn::resnet20(), "fp32").macs() == 32 * 32 * 16 * 27 + body + 640);
}

TEST_CASE("bits of weights and of what reaches each layer", "[nn]") {
  const nn::NetCost mnist = cost(nn::mnist_cnn(), "w2a4");
  REQUIRE(mnist.layers.size() == 4);
  CHECK(mnist.layers[0].weight_bits == 8);
  CHECK(mnist.layers[0].input_bits == 8); // pixel codes
  CHECK(mnist.layers[1].weight_bits == 2);
  CHECK(mnist.layers[1].input_bits == 4);
  CHECK(mnist.layers[2].input_bits == 4); // pooled codes are codes
  CHECK(mnist.layers[3].weight_bits == 8);
  CHECK(mnist.bit_operations() == 194688 * 64 + 10616832 * 8 + 1179648 * 8 + 1280 * 32);
  // The sum of 8x8 codes of 4 bits reaches the last layer as it is: up to 960.
  CHECK(cost(nn::resnet20(), "w4a4").layers.back().input_bits == 10);
  for (const nn::LayerCost& layer : cost(nn::resnet20(), "fp32").layers)
    CHECK((layer.weight_bits == 32 && layer.input_bits == 32));
}

TEST_CASE("packed bytes", "[nn]") {
  // 288 and 1280 weights at 8 bits, 18432 and 1179648 at 2; 234 biases, 4 scales, 3 alphas.
  CHECK(cost(nn::mnist_cnn(), "w2a2").packed_bytes() ==
        288 + 1280 + (18432 + 1179648) / 4 + 4 * (234 + 4 + 3));
  CHECK(cost(nn::mnist_cnn(), "fp32").packed_bytes() == 4 * 1199882);
  CHECK(cost(nn::resnet20(), "fp32").packed_bytes() == 4 * 269722); // gammas and betas, too
  CHECK(nn::LayerCost{.name = "", .weights = 9, .weight_bits = 2}.packed_bytes() == 3);
  // A step that is learned is the layer's scale.
  CHECK(cost(nn::mnist_cnn(), "w2a2", "lsq").packed_bytes() ==
        cost(nn::mnist_cnn(), "w2a2").packed_bytes());
}

} // namespace test_cost
