// A training run that takes milliseconds: a narrow net on few synthetic images.
#pragma once

#include "sgq/data/load.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/train/fit.hpp"
#include "sgq/train/optimizers.hpp"
#include "support/threads.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace small_run {

using namespace sgq;

/// 50 images: with batches of 16 the last one of an epoch has 2.
inline const data::Dataset& images() {
  static const data::Dataset set = data::synthetic(50, 3, data::Split::train);
  return set;
}

inline data::Batches<float> batches() {
  return {images(),
          data::normalization("synthetic"),
          {.size = 16, .seed = 7, .augment = {.pad = 2, .flip = true}}};
}
inline constexpr index_t batches_per_epoch = 4;

/// The images as they are, as evaluation needs them.
inline data::Batches<float> plain_batches() {
  return {images(), data::normalization("synthetic"), {.size = 16}};
}

/// Convolution, batch norm, dropout, a residual addition: something of everything.
inline nn::Net<float> net() {
  using namespace nn;
  Net<float> net({1, 28, 28});
  net.add("conv1", Conv2d<float>({.in = 1, .out = 4, .kernel = 3, .stride = 2, .pad = 1}));
  net.add("bn1", BatchNorm<float>({.channels = 4}));
  const ValueId x = net.add("relu1", Relu<float>());
  net.add("conv2", Conv2d<float>({.in = 4, .out = 4, .kernel = 3, .pad = 1, .bias = false}));
  const ValueId y = net.add("bn2", BatchNorm<float>({.channels = 4}));
  net.add("add", Add<float>(), {y, x});
  net.add("relu2", Relu<float>());
  net.add("pool", MaxPool<float>({.kernel = 2}));
  net.add("dropout", Dropout<float>(0.25));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 4 * 7 * 7, .out = 10}));
  initialize(net, 5);
  return net;
}

/// All parameters and running statistics, as bytes.
inline std::string bytes(nn::Net<float>& net) {
  std::string all;
  const auto append = [&](View<const float> v) {
    all.append(reinterpret_cast<const char*>(v.data()),
               static_cast<std::size_t>(v.size()) * sizeof(float));
  };
  for (auto& p : net.parameters()) append(p.parameter->value());
  for (auto& b : net.buffers()) append(b.tensor->view());
  return all;
}

using ::Threads;

} // namespace small_run
