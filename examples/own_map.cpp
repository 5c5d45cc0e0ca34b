// own_map -- an attribution map of your own: the Fisher information of the prediction about each
// pixel, sum over c of p_c (d log p_c / dx)^2. It asks what the whole prediction depends on, so the
// given classes do not matter.
//
// A map is a function from an Explainer, images and classes to an Attribution. It works for every
// net and every policy of bits.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

template <class T>
saliency::Attribution<T> fisher(saliency::Explainer<T>& explain, ConstView<T> x,
                                std::span<const std::uint8_t> classes) {
  saliency::Attribution<T> a{Tensor<T>(x.shape()), explain.label("Fisher information")};
  Tensor<T> logits;
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    logits.copy_from(explain.forward(xb));
    const index_t count = logits.shape()[1], features = xb.shape().stride();
    const View<T> sum = a.values.view().slice(first, xb.shape()[0]);
    for (index_t c = 0; c < count; ++c) {
      const std::vector<std::uint8_t> all(cb.size(), static_cast<std::uint8_t>(c));
      const View<const T> dx = explain.gradient(xb, all); // of the explainer's score, log p_c
      for (index_t i = 0; i < dx.size(); ++i) {
        const T* row = logits.data() + i / features * count;
        const T p = static_cast<T>(math::exp(saliency::log_probability(row, count, c)));
        sum[i] += p * dx[i] * dx[i];
      }
    }
  });
  a.zero_share = explain.zero_share();
  return a;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_map [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_map: unknown option %s\n", argv[1]), 2;
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1});
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  train::fit(net, batches, optimizer, {.epochs = 4});

  const auto batch = batches.batch(0);
  saliency::Explainer explain(net, {.target = saliency::Target::log_probability});
  const auto maps =
      saliency::to_maps(fisher(explain, batch.x, batch.labels), saliency::Values::magnitude);
  std::printf("Gini of the Fisher information: %.3f\n",
              saliency::bootstrap_mean(saliency::gini(maps)).mean);
}
