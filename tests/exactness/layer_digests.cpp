// Tells, for a quantised net, the SHA-256 of every layer's codes on 1,000 images, and of the
// logits. Built several times with different compiler flags and run under every instruction set and
// several thread counts, it must print the same text each time (layer_digests.sh).
//
//     layer_digests make NET BITS WEIGHTS FILE     a net with random weights, statistics, clips
//     layer_digests show FILE THREADS
#include "sgq/io/sha256.hpp"
#include "sgq/nn/model_file.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace sgq;

namespace {

constexpr index_t images = 1000, batch = 100;

// Pixels that are black with probability 1/2 and else of any brightness: [n, C, H, W] as input.
Tensor<float> draw_batch(const nn::Net<float>& net, const QuantParams& grid, index_t first,
                         index_t n) {
  Tensor<float> x(net.input_shape().with_batch(n));
  const index_t stride = x.shape().stride(), plane = x.shape().plane();
  const Random random(7);
  for (index_t i = 0; i < x.size(); ++i) {
    const std::uint32_t bits = random.bits(first * stride + i);
    x[i] = grid.value<float>(bits & 256 ? static_cast<index_t>(bits & 255) : 0, i % stride / plane);
  }
  return x;
}

void make(const char* name, const char* bits, const char* weights, const char* path) {
  nn::ModelSpec spec;
  spec.net = name;
  spec.options.seed = 3;
  spec.options.width = std::strcmp(name, "vgg_small") == 0 ? 16 : 0;
  spec.quant.bits = quant::parse_bit_policy(bits);
  spec.quant.weights = weights;
  spec.quant.input = {.scale = 0.01f, .zero_point = {33, 100, 128}};
  spec.quant.input.zero_point.resize(
      std::strcmp(name, "resnet20") && std::strcmp(name, "vgg_small") ? 1 : 3);
  nn::Net<float> net = nn::build_model(spec);
  const Tensor<float> x = draw_batch(net, spec.quant.input, 0, batch);
  nn::calibrate<float>(net, x);
  // A few passes move the running statistics to where they belong; odd numbers for gamma and beta.
  nn::Tape<float> tape;
  for (int pass = 0; pass < 30; ++pass) {
    net.forward(x, tape, nn::Mode::train(Random(0)));
    net.update_statistics(tape);
  }
  const Random random(11);
  index_t at = 0;
  for (auto& p : net.parameters())
    if (p.parameter->group() == nn::ParameterGroup::norm ||
        p.parameter->group() == nn::ParameterGroup::bias)
      for (float& v : p.parameter->edit())
        v += 0.6f * static_cast<float>(random.bits(at++)) * 0x1p-32f - 0.3f;
  net.quantize_weights();
  nn::save_model(path, net, nn::to_metadata(spec));
}

void show(const char* path, int threads) {
  set_num_threads(threads);
  nn::Model<float> model = nn::load_model(path);
  std::vector<io::Sha256> sums(model.net.last() + 1);
  nn::Tape<float> tape;
  for (index_t first = 0; first < images; first += batch) {
    const Tensor<float> x = draw_batch(model.net, model.input, first, batch);
    const View<const float> z = model.net.forward(x, tape);
    sums.back().update({reinterpret_cast<const char*>(z.data()),
                        static_cast<std::size_t>(z.size()) * sizeof(float)});
    for (const nn::ValueId i : nn::pact_layers(model.net)) {
      const Signal<float>& out = tape[i].out;
      sums[i].update(
          {reinterpret_cast<const char*>(out.codes), static_cast<std::size_t>(out.shape.size())});
    }
  }
  for (const nn::ValueId i : nn::pact_layers(model.net))
    std::printf("%-18s %s\n", model.net.nodes()[i].name.c_str(), sums[i].hex().c_str());
  std::printf("%-18s %s\n", "logits", sums.back().hex().c_str());
}

} // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 6 && std::strcmp(argv[1], "make") == 0)
      make(argv[2], argv[3], argv[4], argv[5]);
    else if (argc == 4 && std::strcmp(argv[1], "show") == 0)
      show(argv[2], std::atoi(argv[3]));
    else
      return std::fprintf(stderr, "layer_digests make NET BITS WEIGHTS FILE | show FILE THREADS\n"),
             2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "layer_digests: %s\n", e.what());
    return 1;
  }
}
