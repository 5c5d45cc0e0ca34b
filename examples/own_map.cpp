// own_map -- an attribution map of your own: VarGrad, the variance of the gradient under noise
// (Adebayo et al., arXiv 1810.03292).
//
// A map is a function from an Explainer, images and classes to an Attribution. It works for every
// net and every policy of bits.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

template <class T>
saliency::Attribution<T> vargrad(saliency::Explainer<T>& explain, ConstView<T> x,
                                 std::span<const std::uint8_t> classes, index_t samples, T sigma) {
  saliency::Attribution<T> a{Tensor<T>(x.shape()), explain.label("VarGrad")};
  explain.each_batch(x, classes, [&](View<const T> xb, auto cb, index_t first) {
    Tensor<T> noisy(xb.shape()), mean(xb.shape());
    const View<T> variance = a.values.view().slice(first, xb.shape()[0]);
    for (index_t s = 0; s < samples; ++s) {
      const Random noise = Random(1).split(static_cast<std::uint64_t>(s));
      for (index_t i = 0; i < xb.size(); ++i)
        noisy[i] = xb[i] + sigma * static_cast<T>(noise.normal(first * xb.shape().stride() + i));
      const View<const T> dx = explain.gradient(noisy, cb);
      for (index_t i = 0; i < dx.size(); ++i) { // Welford's running mean and variance
        const T away = dx[i] - mean[i];
        mean[i] += away / static_cast<T>(s + 1);
        variance[i] += away * (dx[i] - mean[i]) / static_cast<T>(samples);
      }
    }
  });
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
  saliency::Explainer explain(net);
  const auto maps = saliency::to_maps(vargrad(explain, batch.x, batch.labels, 8, 0.2f),
                                      saliency::Values::magnitude);
  std::printf("Gini of VarGrad's maps: %.3f\n",
              saliency::bootstrap_mean(saliency::gini(maps)).mean);
}
