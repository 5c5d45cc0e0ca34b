// examples/learn/one_file.cpp includes nothing of the library, reads its model files, and gives the
// same codes in every layer and the same integer logits.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <sgq/sgq.hpp>

#define main one_file_main
#include "../../examples/learn/one_file.cpp"
#undef main

#include <fstream>

namespace test_one_file {

using namespace sgq;

namespace {

/// What a net and its file give for 6 images, compared layer by layer. Returns how many numbers.
index_t compare(nn::Net<float>& net, const std::string& path) {
  nn::save_model(path, net);
  const one_file::Net own = one_file::read_model(path);
  const auto integers = one_file::to_integers(own);
  const infer::Graph graph = infer::export_integer(net);
  const data::Dataset set = data::synthetic(6, 7, data::Split::test);
  const auto expected = infer::run_reference(graph, set.images);
  index_t compared = 0, different = 0;
  for (index_t n = 0; n < set.size(); ++n) {
    one_file::Array<int> pixels;
    for (index_t i = 0; i < 784; ++i) pixels.push_back(set.images[n * 784 + i]);
    const auto values = one_file::run_integers(own, integers, pixels);
    for (infer::Value v = 1; v <= graph.last(); ++v) {
      const std::string& name = graph.steps[v - 1].name;
      int layer = 0;
      while (layer < own.layers.count() && own.layers[layer].name != name) ++layer;
      REQUIRE(layer < own.layers.count());
      const index_t size = graph.shape(v).size();
      REQUIRE(values[layer].count() == size);
      for (index_t i = 0; i < size; ++i, ++compared)
        different += values[layer][static_cast<int>(i)] != expected[v][n * size + i];
    }
  }
  CHECK(different == 0);
  return compared;
}

nn::Net<float> make_net(const std::string& name, const std::string& bits, std::uint64_t seed,
                        quant::FirstLast ends = quant::FirstLast::eight_bit) {
  nn::Net<float> net = nn::make_model<float>(name, {.seed = seed, .width = 4});
  const data::Dataset set = data::synthetic(20, seed, data::Split::train);
  const QuantParams grid = data::normalization("synthetic");
  nn::quantize(net, {.bits = quant::parse_bit_policy(bits, ends), .input = grid});
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, grid, x);
  nn::calibrate(net, x);
  // Biases as training leaves them: initial ones are 0.
  const Random random(seed);
  for (auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::bias)
      for (float& b : p.parameter->edit())
        b = 0.2f * (random.uniform(&b - p.parameter->value().data()) - 0.5f);
  net.quantize_weights();
  return net;
}

} // namespace

TEST_CASE("one_file gives the library's codes and logits for its model files", "[learn]") {
  const TempDir folder;
  for (const char* bits : {"w2a2", "w3a3", "w4a4", "w5a2", "w8a8", "w2a4", "layerwise-4-2"})
    for (const char* name : {"lenet5", "mnist_cnn"}) {
      INFO(name << " " << bits);
      auto net = make_net(name, bits, 3);
      CHECK(compare(net, folder / "model.safetensors") > 6 * 4000);
    }
  auto same = make_net("lenet5", "w2a2", 5, quant::FirstLast::same);
  compare(same, folder / "model.safetensors");
}

TEST_CASE("one_file's net of a model file computes the library's float logits too", "[learn]") {
  const TempDir folder;
  auto net = make_net("lenet5", "w4a4", 1);
  nn::save_model(folder / "model.safetensors", net);
  const one_file::Net own = one_file::read_model(folder / "model.safetensors");
  const data::Dataset set = data::synthetic(5, 9, data::Split::test);
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, data::normalization("synthetic"), x);
  const Tensor<float> expected = saliency::logits_of(net, x);
  one_file::Tape tape;
  for (int n = 0; n < 5; ++n) {
    one_file::Digit digit;
    for (index_t i = 0; i < 784; ++i) digit.pixels.push_back(set.images[n * 784 + i]);
    const auto z = one_file::forward(own, one_file::input_of(own, digit), tape);
    for (int k = 0; k < 10; ++k) CHECK(z[k] == expected(n, k));
  }
}

TEST_CASE("one_file's gradients are those of the library", "[learn]") {
  const TempDir folder;
  auto net = make_net("lenet5", "w2a4", 2);
  nn::save_model(folder / "model.safetensors", net);
  one_file::Net own = one_file::read_model(folder / "model.safetensors");
  const data::Dataset set = data::synthetic(1, 9, data::Split::test);
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, data::normalization("synthetic"), x);
  nn::Tape<float> tape;
  const View<const float> z = net.forward(View<const float>(x), tape);
  Tensor<float> dz(z.shape());
  ops::cross_entropy<float>(z, set.labels, dz);
  net.zero_grad();
  const View<const float> dx = net.backward(dz, tape, nn::Want::both);

  one_file::Digit digit;
  for (index_t i = 0; i < 784; ++i) digit.pixels.push_back(set.images[i]);
  one_file::Tape own_tape;
  const auto own_z = one_file::forward(own, one_file::input_of(own, digit), own_tape);
  const auto own_dx = one_file::backward(
      own, own_tape, one_file::cross_entropy_gradient(one_file::softmax(own_z), set.labels[0], 1),
      true);
  // Sums of at most 784 floats in another order, three layers deep.
  const auto close = [](double a, double b, double largest) {
    return std::abs(a - b) <= 1e-4 * largest;
  };
  double largest = 0;
  for (const float d : dx) largest = std::max(largest, std::abs(static_cast<double>(d)));
  REQUIRE(largest > 0);
  for (int i = 0; i < 784; ++i)
    REQUIRE(close(static_cast<double>(own_dx[i]), static_cast<double>(dx[i]), largest));
  for (auto& p : net.parameters()) {
    const std::size_t dot = p.name.find('.');
    int layer = 0;
    while (own.layers[layer].name != p.name.substr(0, dot)) ++layer;
    const one_file::Layer& l = own.layers[layer];
    const auto& own_grad = p.name.substr(dot) == ".weight" ? l.weight.grad
                           : p.name.substr(dot) == ".bias" ? l.bias.grad
                                                           : l.alpha.grad;
    INFO(p.name);
    double top = 1e-12;
    for (const float g : p.parameter->grad()) top = std::max(top, std::abs(static_cast<double>(g)));
    REQUIRE(own_grad.count() == p.parameter->size());
    for (index_t i = 0; i < p.parameter->size(); ++i)
      REQUIRE(close(static_cast<double>(own_grad[static_cast<int>(i)]),
                    static_cast<double>(p.parameter->grad()[i]), top));
  }
}

TEST_CASE("one_file refuses what it does not have", "[learn]") {
  const TempDir folder;
  const std::string path = folder / "model.safetensors";
  const auto refusal = [&] {
    return message_of<std::runtime_error>(
        [&] { one_file::to_integers(one_file::read_model(path)); });
  };
  nn::Net<float> real = nn::lenet5<float>();
  nn::save_model(path, real);
  CHECK(contains(refusal(), "scale"));
  nn::Net<float> resnet = nn::resnet20<float>({.width = 4, .image = {1, 28, 28}});
  nn::quantize(resnet, {.bits = quant::parse_bit_policy("w4a4"),
                        .alpha = 1.0,
                        .input = data::normalization("synthetic")});
  nn::save_model(path, resnet);
  CHECK(contains(refusal(), "bn1"));
  std::ofstream(path) << "not a model";
  CHECK(contains(refusal(), "safetensors"));
}

} // namespace test_one_file
