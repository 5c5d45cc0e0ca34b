// sgq/saliency/net_function.hpp -- a net as a function from a batch to logits.
//
//     NetFunction f(net);
//     Classifier model(f, net.classes(), {.background = data::background_values("mnist", grid)});
//     deletion(model, x, maps);
//
// Metrics and gradient-free maps take any such function; this is the one for a net. It runs in
// evaluation mode on a tape of its own.
#pragma once

#include "sgq/nn/net.hpp"
#include "sgq/saliency/callable.hpp"

namespace sgq::saliency {

class NetFunction {
public:
  /// The net must outlive the function.
  explicit NetFunction(const nn::Net<float>& net) : net_(net) {}

  void operator()(View<const float> x, View<float> logits) {
    const View<const float> z = net_.forward(x, tape_);
    check_shape("logits", z.shape(), logits.shape());
    std::copy(z.begin(), z.end(), logits.begin());
  }

private:
  const nn::Net<float>& net_;
  nn::Tape<float> tape_;
};

/// The logits [N, classes] of any number of images, made in batches.
inline Tensor<float> logits_of(const nn::Net<float>& net, View<const float> x) {
  NetFunction f(net);
  Tensor<float> logits({x.shape()[0], net.classes()});
  Classifier(f, net.classes()).each(x, [&](index_t n, const float* row) {
    std::copy(row, row + net.classes(), logits.data() + n * net.classes());
  });
  return logits;
}

/// The class of the largest logit in each row.
inline std::vector<std::uint8_t> predictions(View<const float> logits) {
  std::vector<std::uint8_t> classes;
  const index_t k = logits.shape()[1];
  for (index_t n = 0; n < logits.shape()[0]; ++n)
    classes.push_back(static_cast<std::uint8_t>(argmax(logits.data() + n * k, k)));
  return classes;
}

} // namespace sgq::saliency
