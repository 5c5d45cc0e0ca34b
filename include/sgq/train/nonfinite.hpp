// sgq/train/nonfinite.hpp -- where a NaN or an infinity came from.
#pragma once

#include "sgq/nn/net.hpp"
#include "sgq/ops/finite.hpp"

#include <cmath>

namespace sgq::train {

namespace detail {
template <class T>
bool is_finite(const Signal<T>& s) {
  const auto all_finite = [](const T* x, const Shape& shape) {
    return !x || ops::find_nonfinite<T>({x, shape}) < 0;
  };
  return all_finite(s.real, s.shape) && all_finite(s.mul, {s.channels()}) &&
         all_finite(s.add, {s.channels()}) && std::isfinite(s.scale);
}
} // namespace detail

/// The name of the first layer whose output on the tape is not finite, in quotes; then, in
/// brackets, the layer's own parameters that are not. Empty if all outputs are finite.
template <class T>
std::string first_nonfinite_layer(const nn::Net<T>& net, const nn::Tape<T>& tape) {
  for (nn::ValueId i = 0; i < tape.size(); ++i) {
    if (detail::is_finite(tape[i].out)) continue;
    std::string text = "'" + net.nodes()[i].name + "'";
    std::vector<nn::NamedParameter<T>> own;
    net.nodes()[i].layer->collect(own);
    for (const auto& p : own)
      if (ops::find_nonfinite<T>(p.parameter->value()) >= 0)
        text += " (its " + p.name + " is not finite)";
    return text;
  }
  return {};
}

/// Throws value_error, naming the first layer at fault, unless the loss is finite. If every output
/// is finite, the logits are too large for the loss, and the last layer is named.
template <class T>
void check_loss(T loss, const nn::Net<T>& net, const nn::Tape<T>& tape) {
  if (std::isfinite(loss)) return;
  std::string layer = first_nonfinite_layer(net, tape);
  if (layer.empty()) layer = "'" + net.nodes().back().name + "', whose finite logits are too large";
  throw value_error(describe("loss", "a finite number", to_text(loss) + ", from layer " + layer,
                             "a lower learning rate often helps"));
}

} // namespace sgq::train
