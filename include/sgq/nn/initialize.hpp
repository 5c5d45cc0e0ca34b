// sgq/nn/initialize.hpp -- where training starts.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/nn/net.hpp"

#include <cmath>

namespace sgq::nn {

/// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers" (arXiv 1502.01852): weights are normal with
/// deviation sqrt(2 / fan_in), in the last layer, which no rectifier follows, sqrt(1 / fan_in).
/// Biases are 0. What else there is stays as it is (gamma, beta, alpha, LSQ's steps, running
/// statistics): for another run, build another net. Every weight layer draws from a stream of its
/// own, by its number among them, so the same seed gives equal layers in nets that differ in later
/// layers only. Throws value_error while the net has averaged weights (train::WeightAverage::Use).
template <class T>
void initialize(Net<T>& net, std::uint64_t seed) {
  net.identity()->check_own_numbers("initialize");
  Parameter<T>* last = nullptr;
  std::uint64_t layer = 0;
  const auto draw = [&](Parameter<T>& p, double gain, std::uint64_t stream) {
    const double deviation = std::sqrt(gain / static_cast<double>(p.shape().stride()));
    const Random random = Random(seed, 0x696e6974u).split(stream); // "init"
    const View<T> w = p.edit();
    parallel_blocks(w.size(), 1 << 12, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) w[i] = static_cast<T>(deviation * random.normal(i));
    });
  };
  for (auto& named : net.parameters()) {
    Parameter<T>& p = *named.parameter;
    if (p.group() == ParameterGroup::bias) p.edit().fill(T{0});
    if (p.group() != ParameterGroup::weight) continue;
    draw(p, 2.0, layer++);
    last = &p;
  }
  if (last) draw(*last, 1.0, layer - 1);
  net.quantize_weights();
}

} // namespace sgq::nn
