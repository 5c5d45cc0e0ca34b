// own_metric -- a measure of maps of your own: how many pixels a map's centre of mass lies away
// from that of the evidence.
//
// A metric gives one number per image, NaN where it is not defined. saliency::bootstrap_mean() adds the
// interval and counts what it left out.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

/// maps and masks [N,H,W] -> [N], in pixels.
Tensor<double> centre_distance(View<const float> maps, View<const std::uint8_t> masks) {
  saliency::check_maps("centre distance", maps);
  check_shape("centre distance", maps.shape(), masks.shape());
  const index_t d = maps.shape().stride(), width = maps.shape()[2];
  return saliency::per_image(maps.shape()[0], [&](index_t n) {
    double sum[2] = {}, y[2] = {}, x[2] = {}; // of the map, of the mask
    for (index_t i = 0; i < d; ++i) {
      const double mass[2] = {std::abs(double(maps[n * d + i])), double(masks[n * d + i])};
      for (int k = 0; k < 2; ++k) {
        sum[k] += mass[k];
        y[k] += mass[k] * double(i / width);
        x[k] += mass[k] * double(i % width);
      }
    }
    if (sum[0] == 0 || sum[1] == 0) return saliency::undefined; // a blank map, an empty mask
    return std::hypot(y[0] / sum[0] - y[1] / sum[1], x[0] / sum[0] - x[1] / sum[1]);
  });
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_metric [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_metric: unknown option %s\n", argv[1]), 2;
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(set, grid, {.size = 50, .seed = 1});
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  train::fit(net, batches, optimizer, {.epochs = 4});

  data::Batches<float> in_order(set, grid, {.size = 200, .shuffle = false});
  const auto batch = in_order.batch(0);
  saliency::Explainer explain(net);
  const auto maps = saliency::to_maps(saliency::gradient(explain, batch.x, batch.labels),
                                      saliency::Values::magnitude);
  const auto e = saliency::bootstrap_mean(
      centre_distance(maps, set.evidence.view().slice(0, 200).reshape(maps.shape())));
  std::printf("%.2f pixels [%.2f, %.2f], %d images\n", e.mean, e.low, e.high, int(e.count));
}
