// What the programs of chapters 4 to 7 share: the built-in digits, and LeNets that learn them.
#pragma once

#include "sgq/sgq.hpp"

#include <cstdio>

namespace learn {

using namespace sgq;

/// Digits on clutter, drawn by the library (data/synthetic.hpp): the digit's pixels are known.
struct Digits {
  data::Dataset train_set = data::synthetic(3000, 1, data::Split::train);
  data::Dataset test_set = data::synthetic(1000, 1, data::Split::test);
  QuantParams grid = data::normalization("synthetic");
  std::vector<float> background = data::background_values("synthetic", grid);

  /// The first n test images as network input, their labels, and the pixels of their digits.
  Tensor<float> images(index_t n) const {
    Tensor<float> x({n, 1, 28, 28});
    data::normalize<float>(test_set.images.view().slice(0, n), grid, x);
    return x;
  }
  std::span<const std::uint8_t> labels(index_t n) const {
    return std::span(test_set.labels).first(static_cast<std::size_t>(n));
  }
  View<const std::uint8_t> evidence(index_t n) const {
    return test_set.evidence.view().slice(0, n).reshape({n, 28, 28});
  }
};

/// Calibrates the clips that have no value yet, trains the net with AdamW, `step` per batch, and
/// returns its test accuracy in percent. make_step(net, optimizer) makes the step.
template <class MakeStep>
double teach_by(MakeStep make_step, nn::Net<float>& net, const Digits& digits, index_t epochs = 4) {
  data::Batches<float> batches(digits.train_set, digits.grid, {.size = 50, .seed = 1});
  data::Batches<float> tests(digits.test_set, digits.grid, {.size = 250, .shuffle = false});
  if (!nn::pact_layers(net).empty())
    nn::calibrate(net, batches.batch(0).x, 0.999, nn::Clips::missing);
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  auto step = make_step(net, optimizer);
  train::fit<float>(batches, {.epochs = epochs, .seed = 1, .schedule = {.kind = "cosine"}}, step);
  return 100 * train::evaluate(net, tests).accuracy();
}

/// The same by plain training.
inline double teach(nn::Net<float>& net, const Digits& digits, index_t epochs = 4) {
  nn::Tape<float> tape;
  const auto plain = [&](nn::Net<float>& of, train::Optimizer<float>& optimizer) {
    return [&](const data::Batch<float>& batch, const train::StepContext& at) {
      return train::train_step(of, tape, batch, optimizer, at);
    };
  };
  return teach_by(plain, net, digits, epochs);
}

/// A LeNet of that policy and seed, not trained.
inline nn::Net<float> lenet(const Digits& digits, std::string_view bits = "fp32",
                            std::uint64_t seed = 1) {
  nn::Net<float> net = nn::lenet5<float>({.seed = seed});
  if (bits != "fp32")
    nn::quantize(net, {.bits = quant::parse_bit_policy(bits), .input = digits.grid});
  return net;
}

} // namespace learn
