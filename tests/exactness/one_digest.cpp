// One digest for every processor, compiler and instruction set (docs/portability.md): trains LeNet
// w4a4, saliency-guided, for 20 steps on the built-in set, draws maps, exports the net, runs the
// integer engine, and prints the SHA-256 of weights, maps and integer logits. one_digest.txt has
// both kinds: fused multiply-adds and separate ones.
//
//     one_digest                       trains
//     one_digest make NET BITS FILE    an integer net with random weights
//     one_digest run FILE IMAGES       the SHA-256 of its logits on so many images
#include "sgq/data/batches.hpp"
#include "sgq/data/load.hpp"
#include "sgq/infer/engine.hpp"
#include "sgq/infer/export.hpp"
#include "sgq/infer/file.hpp"
#include "sgq/io/dtype.hpp"
#include "sgq/io/sha256.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/saliency/map_methods.hpp"
#include "sgq/train/optimizers.hpp"
#include "sgq/train/saliency_guided.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace sgq;

namespace {

void print(const char* what, const io::Sha256& digest) {
  std::printf("%s %s %s\n", kernels::fuses_here() ? "fused" : "separate", what,
              digest.hex().c_str());
}

void add_logits(const infer::Engine& engine, View<const std::uint8_t> pixels, io::Sha256& digest) {
  Tensor<std::int32_t> logits({pixels.shape()[0], engine.graph().classes()});
  engine.run(pixels, logits);
  digest.update(io::bytes_of(logits));
}

nn::Net<float> make_net(const char* name, const char* bits, const QuantParams& grid) {
  nn::ModelSpec spec;
  spec.net = name;
  spec.options.seed = 1;
  spec.quant.bits = quant::parse_bit_policy(bits);
  spec.quant.input = grid;
  return nn::build_model(spec);
}

/// Pixels that are black with probability 1/2 and else of any brightness.
Tensor<std::uint8_t> random_pixels(const Shape& shape) {
  Tensor<std::uint8_t> pixels(shape);
  const Random random(7);
  for (index_t i = 0; i < pixels.size(); ++i) {
    const std::uint32_t bits = random.bits(i);
    pixels[i] = static_cast<std::uint8_t>(bits & 256 ? bits & 255 : 0);
  }
  return pixels;
}

void train_and_print() {
  constexpr index_t steps = 20, batch = 25, shown = 5;
  const data::Dataset set = data::synthetic(steps * batch, 1, data::Split::train);
  const data::Dataset test_set = data::synthetic(100, 1, data::Split::test);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(set, grid, {.size = batch, .seed = 1});
  nn::Net<float> net = make_net("lenet5", "w4a4", grid);
  nn::calibrate<float>(net, batches.batch(0).x);
  const auto optimizer = train::make_optimizer<float>("sgd", net, {.lr = 0.02});
  train::GuidedStep<float> step(net, *optimizer, {});
  for (index_t i = 0; i < steps; ++i)
    step(batches.batch(i), {.random = Random(5).split(static_cast<std::uint64_t>(i))});
  io::Sha256 weights, maps, logits;
  for (auto& p : net.parameters()) weights.update(io::bytes_of(p.parameter->value()));
  print("weights", weights);

  data::Batches<float> test_batches(test_set, grid, {.size = shown, .shuffle = false});
  const data::Batch<float> images = test_batches.batch(0);
  saliency::Explainer<float> explain(net,
                                     {.background = data::background_values("synthetic", grid)});
  for (const char* method : {"gradient", "integrated-gradients", "guided_backprop", "smoothgrad"})
    maps.update(io::bytes_of(choose("map", saliency::map_methods, method)
                                 .make(explain, images.x, images.labels, {.samples = 5, .steps = 5})
                                 .values));
  print("maps", maps);
  add_logits(infer::Engine(infer::export_integer(net)), test_set.images, logits);
  print("logits", logits);
}

void make(const char* name, const char* bits, const char* path) {
  QuantParams grid{.scale = 0.01f, .zero_point = {33, 100, 128}};
  grid.zero_point.resize(std::strcmp(name, "resnet20") == 0 ? 3 : 1);
  nn::Net<float> net = make_net(name, bits, grid);
  const Tensor<std::uint8_t> pixels = random_pixels(net.input_shape().with_batch(64));
  Tensor<float> x(pixels.shape());
  const index_t plane = x.shape().plane(), channels = x.shape()[1];
  for (index_t i = 0; i < x.size(); ++i) x[i] = grid.value<float>(pixels[i], i / plane % channels);
  nn::calibrate<float>(net, x);
  nn::Tape<float> tape; // moves the running statistics to where they belong
  for (int pass = 0; pass < 10; ++pass) {
    net.forward(x, tape, nn::Mode::train(Random(0)));
    net.update_statistics(tape);
  }
  net.quantize_weights();
  infer::save_integer(path, infer::export_integer(net));
}

void run(const char* path, index_t images) {
  const infer::Engine engine(infer::load_integer(path));
  io::Sha256 logits;
  add_logits(engine, random_pixels(engine.graph().image.with_batch(images)), logits);
  std::printf("%s\n", logits.hex().c_str());
}

} // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 1)
      train_and_print();
    else if (argc == 5 && std::strcmp(argv[1], "make") == 0)
      make(argv[2], argv[3], argv[4]);
    else if (argc == 4 && std::strcmp(argv[1], "run") == 0)
      run(argv[2], std::atoi(argv[3]));
    else
      return std::fprintf(stderr, "one_digest [make NET BITS FILE | run FILE IMAGES]\n"), 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "one_digest: %s\n", e.what());
    return 1;
  }
}
