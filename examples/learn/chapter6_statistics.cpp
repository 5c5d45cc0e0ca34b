// Chapter 6: why batch norm's statistics must not see the masked images. A small net with batch
// norm, trained twice by guided steps that differ in one option; the weights come out the same.
#include "digits.hpp"

using namespace learn;

namespace {

/// Six convolutions, each with batch norm.
nn::Net<float> make_net() {
  nn::Net<float> net({1, 28, 28});
  index_t in = 1;
  for (index_t k = 0; k < 6; ++k) {
    const std::string n = std::to_string(k);
    const index_t out = index_t{8} << (k / 2), stride = k % 2 == 0 ? 2 : 1;
    net.add("conv" + n,
            nn::Conv2d<float>({.in = in, .out = out, .stride = stride, .pad = 1, .bias = false}));
    net.add("bn" + n, nn::BatchNorm<float>({.channels = out}));
    net.add("relu" + n, nn::Relu<float>());
    in = out;
  }
  net.add("pool", nn::GlobalAvgPool<float>());
  net.add("fc", nn::Linear<float>({.in = in, .out = 10}));
  nn::initialize(net, 1);
  return net;
}

bool same_parameters(nn::Net<float>& a, nn::Net<float>& b) {
  const auto p = a.parameters(), q = b.parameters();
  for (std::size_t i = 0; i < p.size(); ++i)
    for (index_t k = 0; k < p[i].parameter->size(); ++k)
      if (p[i].parameter->value()[k] != q[i].parameter->value()[k]) return false;
  return true;
}

} // namespace

int main() {
  const Digits digits;
  std::vector<nn::Net<float>> nets;
  for (const auto from : {train::StatisticsFrom::clean, train::StatisticsFrom::both}) {
    nets.push_back(make_net());
    const auto guided = [&](nn::Net<float>& net, train::Optimizer<float>& optimizer) {
      return train::GuidedStep<float>(
          net, optimizer,
          {.mask = {.fill = {.grid = digits.grid}}, .kl_attached = false, .statistics = from});
    };
    const double accuracy = teach_by(guided, nets.back(), digits);
    std::printf("statistics of %-18s test accuracy %.1f %%\n",
                from == train::StatisticsFrom::clean ? "clean images:" : "both:", accuracy);
  }
  std::printf("trained parameters: %s\n",
              same_parameters(nets[0], nets[1]) ? "equal" : "different");

  data::Batches<float> batches(digits.train_set, digits.grid, {.size = 50});
  data::Batches<float> tests(digits.test_set, digits.grid, {.size = 250, .shuffle = false});
  train::reestimate_statistics(nets[1], batches);
  std::printf("`both`, its statistics measured again on clean images: %.1f %%\n",
              100 * train::evaluate(nets[1], tests).accuracy());
}
