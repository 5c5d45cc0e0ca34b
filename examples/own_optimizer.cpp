// own_optimizer -- an optimiser of your own: Lion, which steps by the sign of a momentum
// (Chen et al., arXiv 2302.06675).
//
// Names for checkpoints, parameter groups and threads are dealt with in train/optimizer.hpp.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;
using namespace sgq::nn;

namespace {

template <class T>
class Lion final : public train::Optimizer<T> {
public:
  explicit Lion(Net<T>& net, double lr)
      : train::Optimizer<T>(net, lr, train::decayed(0.1), train::DecayKind::decoupled,
                            {"momentum"}) {}

  std::string_view name() const override { return "lion"; }

private:
  void update(const train::Update<T>& u) const override {
    T* m = u.state(0);
    for (index_t i = 0; i < u.n; ++i) {
      const T g = u.grad[i] + u.penalty * u.value[i]; // the penalty is that of PACT's clips
      const T mixed = T(0.9) * m[i] + T(0.1) * g;
      u.value[i] -= u.shrink * u.value[i] + u.lr * T((mixed > 0) - (mixed < 0));
      m[i] = T(0.99) * m[i] + T(0.01) * g;
    }
  }
};

/// A model is a function that returns a net.
Net<float> small_net(std::uint64_t seed) {
  Net<float> net({1, 28, 28});
  net.add("conv1", Conv2d<float>({.in = 1, .out = 16, .kernel = 5, .stride = 2}));
  net.add("relu1", Relu<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 16 * 12 * 12, .out = 10}));
  initialize(net, seed);
  return net;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_optimizer [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_optimizer: unknown option %s\n", argv[1]), 2;
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1});
  Net<float> net = small_net(1);
  Lion<float> optimizer(net, 3e-4);
  train::fit(net, batches, optimizer, {.epochs = 3});
  std::printf("training accuracy %.1f %%\n", 100 * train::evaluate(net, batches).accuracy());
}
