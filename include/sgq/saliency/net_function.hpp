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
  /// The net must outlive the function. Calls throw value_error if its weights or clips have no
  /// values yet.
  explicit NetFunction(const nn::Net<float>& net) : net_(net) {}
  NetFunction(const nn::Net<float>&& temporary) = delete;

  void operator()(View<const float> x, View<float> logits) {
    const nn::Net<float>& net = net_.get_any_edition("net as a function");
    net.check_initialized("net as a function");
    const View<const float> z = net.forward(x, tape_);
    check_shape("logits", z.shape(), logits.shape());
    std::copy(z.begin(), z.end(), logits.begin());
  }

private:
  nn::NetHandle<float> net_;
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

/// The class of the largest logit in each row of [N, K]. Throws shape_error on another rank, and
/// value_error on logits that are not finite, and unless K is 1 to 256: classes are bytes, as
/// labels are.
inline std::vector<std::uint8_t> predictions(View<const float> logits) {
  if (logits.shape().rank() != 2)
    throw shape_error(describe("predictions", "logits [N, K]", logits.shape().str()));
  std::vector<std::uint8_t> classes;
  const index_t k = logits.shape()[1];
  if (k < 1 || k > 256) throw value_error(describe("predictions", "1 to 256 classes", to_text(k)));
  if (const index_t bad = ops::find_nonfinite(logits); bad >= 0)
    throw value_error(describe("predictions", "finite logits",
                               to_text(logits[bad]) + " for image " + to_text(bad / k)));
  for (index_t n = 0; n < logits.shape()[0]; ++n)
    classes.push_back(static_cast<std::uint8_t>(argmax(logits.data() + n * k, k)));
  return classes;
}

} // namespace sgq::saliency
