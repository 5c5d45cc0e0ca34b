// A leaky straight-through estimator, in maps alone: what may cure blank maps without training.
//
//     dS/dx = dS/dy (1[0 < x < alpha] + leak (1 - 1[0 < x < alpha]))
//
// PACT's gates stop gradients at 0 and at alpha. Where all of them are closed, a map is blank, yet
// the network sees something. Here a closed gate passes `leak` of the gradient. The forward pass is
// the network's own, to the bit.
#pragma once

#include "subject.hpp"

namespace examples {

inline constexpr float leak_of_maps = 0.01f;

/// PACT, with a backward pass for maps. It has no parameters: alpha stays as it is.
class LeakyPact final : public nn::Layer<float> {
public:
  LeakyPact(const nn::Pact<float>& pact, float leak)
      : pact_({.bits = pact.options().bits, .alpha = pact.alpha()}), leak_(leak) {}

  std::string_view kind() const override { return "leaky pact"; }
  std::string precision() const override { return pact_.precision(); }
  nn::Gate gate() const override { return pact_.gate(); }
  nn::Reads reads(std::size_t input) const override { return pact_.reads(input); }
  sgq::Shape output_shape(std::span<const sgq::Shape> in) const override {
    return pact_.output_shape(in);
  }
  void forward(nn::Inputs<float> in, nn::Slot<float>& slot, const nn::Mode& mode) const override {
    pact_.forward(in, slot, mode);
  }
  void backward(nn::Inputs<float> in, const nn::Slot<float>& slot, sgq::View<float> dy,
                nn::Gradients<float> dx, bool, const nn::BackwardOptions& options) override {
    if (dx[0].empty()) return;
    pact_.backward(in, slot, dy, dx, false, options);
    for (sgq::index_t i = 0; i < dy.size(); ++i) dx[0][i] += leak_ * (dy[i] - dx[0][i]);
  }

private:
  nn::Pact<float> pact_;
  float leak_;
};

/// Replaces every PACT of a net that is to be explained, not trained.
inline void make_leaky(nn::Net<float>& net, float leak = leak_of_maps) {
  for (nn::ValueId i = 1; i <= net.last(); ++i)
    if (const auto* pact = dynamic_cast<const nn::Pact<float>*>(&net.layer(i)))
      net.replace(i, std::make_unique<LeakyPact>(*pact, leak));
  net.quantize_weights();
}

} // namespace examples
