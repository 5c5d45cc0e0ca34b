// quickstart -- define a network, train it, see what it learned. Takes a few seconds, needs no
// data:
//
//     g++ -std=c++20 -O2 -fopenmp -Iinclude examples/quickstart.cpp -o quickstart && ./quickstart
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;
using namespace sgq::nn;

void quickstart() {
  // Digits on clutter, drawn by the library itself.
  const data::Dataset train_set = data::synthetic(6000, 1, data::Split::train);
  const data::Dataset test_set = data::synthetic(1000, 1, data::Split::test);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(train_set, grid, {.size = 50, .seed = 1});
  data::Batches<float> test_batches(test_set, grid, {.size = 250, .shuffle = false});

  Net<float> net({1, 28, 28});
  net.add("conv1", Conv2d<float>({.in = 1, .out = 16, .kernel = 5}));
  net.add("relu1", Relu<float>());
  net.add("pool1", MaxPool<float>({.kernel = 2}));
  net.add("conv2", Conv2d<float>({.in = 16, .out = 32, .kernel = 5}));
  net.add("relu2", Relu<float>());
  net.add("pool2", MaxPool<float>({.kernel = 2}));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 32 * 4 * 4, .out = 10}));
  initialize(net, 1);

  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  Tape<float> tape;       // what the forward pass leaves for the backward pass
  Tensor<float> dlogits;  // gradient of the loss with respect to the network's output
  const Random random(1); // for dropout, if the net has any
  std::uint64_t step = 0;
  for (index_t epoch = 0; epoch < 4; ++epoch) {
    batches.begin_epoch(epoch);
    for (index_t i = 0; i < batches.count(); ++i) {
      const auto batch = batches.batch(i);
      const auto logits = net.forward(batch.x, tape, Mode::train(random.split(step++)));
      dlogits.resize(logits.shape());
      ops::cross_entropy(logits, batch.labels, dlogits);
      net.zero_grad();
      net.backward(dlogits, tape, Want::params);
      optimizer.step(tape);
    }
    const double accuracy = train::evaluate(net, test_batches).accuracy();
    std::printf("epoch %d: test accuracy %.1f %%\n", int(epoch) + 1, 100 * accuracy);
  }
}

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("quickstart [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "quickstart: unknown option %s\n", argv[1]), 2;
  quickstart();
}
