// A linear classifier on images, whose maps and scores are known in closed form:
// logits_k = sum_i weight(k, i) x_i + bias_k, summed in double.
#pragma once

#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"

namespace saliency_test {

struct LinearModel {
  sgq::Tensor<float> weight; // [K, C H W]
  sgq::Tensor<float> bias;   // [K]
  sgq::index_t calls = 0;

  LinearModel(sgq::index_t classes, sgq::index_t inputs, std::uint64_t seed)
      : weight({classes, inputs}), bias({classes}) {
    for (sgq::index_t i = 0; i < weight.size(); ++i)
      weight[i] = static_cast<float>(sgq::Random(seed).normal(i));
  }

  void operator()(sgq::View<const float> x, sgq::View<float> logits) {
    ++calls;
    const sgq::index_t d = weight.shape()[1];
    for (sgq::index_t n = 0; n < x.shape()[0]; ++n)
      for (sgq::index_t k = 0; k < bias.size(); ++k) {
        double sum = static_cast<double>(bias[k]);
        for (sgq::index_t i = 0; i < d; ++i)
          sum += static_cast<double>(weight(k, i)) * static_cast<double>(x[n * d + i]);
        logits(n, k) = static_cast<float>(sum);
      }
  }
};

} // namespace saliency_test
