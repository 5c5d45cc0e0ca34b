// own_model -- a network of one's own: trained, quantised, saved, loaded, explained, exported to C.
//
//     build/release/examples/own_model out/own_model
//
// The folder gets model.safetensors, which the other programs read, images.npy, logits.npy, map.npy, and
// the network as integers in C: bars.c, bars.h.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <filesystem>

using namespace sgq;
using namespace sgq::nn;

namespace {

/// Colour images of 24 x 40 on which the place of a bright bar is the class.
data::Dataset bars(index_t count) {
  data::Dataset set;
  set.classes = 7;
  set.images.resize({count, 3, 24, 40});
  for (index_t n = 0; n < count; ++n) set.labels.push_back(static_cast<std::uint8_t>(n % 7));
  for (index_t i = 0; i < set.images.size(); ++i) {
    const bool lit = i % 40 / 5 == i / (3 * 24 * 40) % 7;
    set.images[i] = static_cast<std::uint8_t>(Random(1).bits(i) % 100 + (lit ? 100 : 0));
  }
  return set;
}

Net<float> make_net() {
  Net<float> net({3, 24, 40});
  net.add("conv1", Conv2d<float>({.in = 3, .out = 8, .kernel = 3, .stride = 2, .pad = 1}));
  net.add("bn1", BatchNorm<float>({.channels = 8}));
  const ValueId x = net.add("relu1", Relu<float>()); // quantize() makes it a PACT
  net.add("conv2", Conv2d<float>({.in = 8, .out = 8, .kernel = 3, .pad = 1, .bias = false}));
  const ValueId y = net.add("bn2", BatchNorm<float>({.channels = 8}));
  net.add("add", Add<float>(), {y, x});
  net.add("relu2", Relu<float>());
  net.add("pool", MaxPool<float>({.kernel = 2}));
  net.add("flatten", Flatten<float>());
  net.add("fc1", Linear<float>({.in = 8 * 6 * 10, .out = 20}));
  net.add("relu3", Relu<float>());
  net.add("fc2", Linear<float>({.in = 20, .out = 7}));
  initialize(net, 1);
  return net;
}

void run(const std::string& out) {
  const data::Dataset set = bars(70);
  const QuantParams grid{.scale = 0.02f, .zero_point = {60, 60, 60}};
  data::Batches<float> batches(set, grid, {.size = 35, .seed = 1});
  Net<float> net = make_net();
  quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = grid});
  calibrate(net, batches.batch(0).x);
  train::Adamw<float> optimizer(net, {.lr = 5e-3});
  train::fit(net, batches, optimizer, {.epochs = 10});
  save_model(out + "/model.safetensors", net);

  Model<float> model = load_model(out + "/model.safetensors"); // nothing but the file
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, model.input, x);
  Tape<float> tape;
  io::write_npy(out + "/images.npy", set.images);
  io::write_npy(out + "/logits.npy", model.net.forward(x.view(), tape));
  saliency::Explainer<float> explainer(model.net);
  const auto gradient = saliency::gradient(explainer, x, set.labels);
  io::write_npy(out + "/map.npy", saliency::to_maps(gradient, saliency::Values::magnitude));

  const infer::Graph graph = infer::export_integer(model.net);
  const infer::CSource c =
      infer::to_c(graph, {.name = "bars", .sample = set.images.view().slice(0, 1)});
  io::write_file_atomically(out + "/bars.h", c.header);
  io::write_file_atomically(out + "/bars.c", c.source);
  std::printf("%s %s: accuracy %.0f %%, %s/bars.c\n", model.name().c_str(), model.bits().c_str(),
              100 * train::evaluate(model.net, batches).accuracy(), out.c_str());
}

} // namespace

int main(int argc, char** argv) try {
  const std::string out = argc > 1 ? argv[1] : "out/own_model";
  if (out == "--help") return std::puts("own_model [DIR] [--help]"), 0;
  if (argc > 2 || out[0] == '-')
    return std::fprintf(stderr, "own_model: expected one folder, got %s\n", argv[argc - 1]), 2;
  std::filesystem::create_directories(out);
  run(out);
} catch (const std::exception& e) {
  return std::fprintf(stderr, "own_model: %s\n", e.what()), 1;
}
