// Trains small nets in every way that the library knows, a few steps each, and prints the SHA-256
// of their weights, of their maps and of their logits. Which processor, instruction set, compiler
// or flag is nobody's business: there are two texts, one with fused multiply-adds and one without
// (kernels/simd/fused.hpp), and training_digests.txt has both (training_digests.sh).
//
//     training_digests [THREADS]
#include "digest.hpp"

#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/saliency/map_methods.hpp"
#include "sgq/train/optimizers.hpp"
#include "sgq/train/saliency_guided.hpp"

#include <cstdio>
#include <cstdlib>

using namespace sgq;

namespace {

struct Case {
  const char *net, *bits, *weights, *optimizer;
  quant::PactGradient gradient;
  bool guided;
};

constexpr Case cases[] = {
    {"resnet20", "fp32", "sawb", "sgd", quant::PactGradient::paper, true},
    {"resnet20", "w4a4", "sawb", "sgd", quant::PactGradient::paper, false},
    {"resnet20", "w2a2", "dorefa", "adamw", quant::PactGradient::plus, true},
    {"mnist_cnn", "fp32", "sawb", "adamw", quant::PactGradient::paper, false},
    {"mnist_cnn", "w4a2", "lsq", "adadelta", quant::PactGradient::paper, true},
    {"mnist_cnn", "w4a4", "dorefa-rescaled", "sgd", quant::PactGradient::plus, false},
    {"lenet5", "fp32", "sawb", "adadelta", quant::PactGradient::paper, true},
    {"lenet5", "w8a8", "sawb-clipped", "adamw", quant::PactGradient::paper, false},
};
constexpr index_t images = 11, steps = 3; // no multiple of anything

void print(const Case& c, std::string_view what, Digest& digest) {
  std::printf("%s %s %s %s %s %.*s %s\n", kernels::fuses_here() ? "fused" : "separate", c.net,
              c.bits, c.weights, c.optimizer, static_cast<int>(what.size()), what.data(),
              digest.hex().c_str());
}

nn::Net<float> make_net(const Case& c, const QuantParams& grid) {
  nn::ModelSpec spec;
  spec.net = c.net;
  spec.options.seed = 3;
  nn::Net<float> net = nn::build_model(spec);
  nn::quantize(net, {.bits = quant::parse_bit_policy(c.bits),
                     .weights = c.weights,
                     .gradient = c.gradient,
                     .input = grid});
  return net;
}

void run(const Case& c) {
  QuantParams grid{.scale = 0.01f, .zero_point = {33, 100, 128}};
  grid.zero_point.resize(std::string_view(c.net) == "resnet20" ? 3 : 1);
  nn::Net<float> net = make_net(c, grid);
  Tensor<std::uint8_t> codes(net.input_shape().with_batch(images));
  Tensor<float> x(codes.shape());
  const index_t plane = x.shape().plane(), channels = x.shape()[1];
  std::vector<std::uint8_t> labels(images);
  std::vector<index_t> indices(images);
  const Random random(7);
  for (index_t i = 0; i < x.size(); ++i) {
    const std::uint32_t bits = random.bits(i);
    codes[i] = static_cast<std::uint8_t>(bits & 256 ? bits & 255 : 0);
    x[i] = grid.value<float>(codes[i], i / plane % channels);
  }
  for (index_t n = 0; n < images; ++n) {
    labels[static_cast<std::size_t>(n)] = static_cast<std::uint8_t>(n % 10);
    indices[static_cast<std::size_t>(n)] = n;
  }
  const data::Batch<float> batch{x, codes, labels, indices, &grid};
  if (std::string_view(c.bits) != "fp32") nn::calibrate<float>(net, x);

  const auto optimizer =
      train::make_optimizer<float>(c.optimizer, net, {.lr = 0.01, .groups = train::decayed(0.01)});
  train::GuidedStep<float> guided(net, *optimizer, {});
  nn::Tape<float> tape;
  for (index_t step = 0; step < steps; ++step) {
    const train::StepContext at{.random = Random(5).split(static_cast<std::uint64_t>(step))};
    if (c.guided)
      guided(batch, at);
    else
      train::train_step(net, tape, batch, *optimizer, at);
  }
  Digest weights, logits;
  for (auto& p : net.parameters()) weights.add<float>(p.parameter->value());
  for (auto& b : net.buffers()) weights.add<float>(*b.tensor);
  print(c, "weights", weights);
  logits.add<float>(net.forward(x, tape));
  print(c, "logits", logits);
  saliency::Explainer<float> explainer(net,
                                       {.background = std::vector<float>(1, 0.0f), .baselines = x});
  for (const saliency::MapMethod& method : saliency::map_methods) {
    Digest map;
    const auto some = View<const float>(x).slice(0, 1);
    map.add<float>(method.make(explainer, some, std::span(labels).first(1), {3, 3, 5, 1}).values);
    print(c, method.name, map);
  }
}

} // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1) set_num_threads(std::atoi(argv[1]));
    for (const Case& c : cases) run(c);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "training_digests: %s\n", e.what());
    return 1;
  }
}
