// sgq/train/nonfinite.hpp -- where a NaN or an infinity came from.
#pragma once

#include "sgq/nn/net.hpp"
#include "sgq/ops/finite.hpp"

#include <algorithm>
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
/// brackets, the layer's own parameters that are not. Empty if all outputs are finite. Ranks that
/// share the batch ask together, and all learn of the first layer on any of their tapes.
template <class T>
std::string first_nonfinite_layer(const nn::Net<T>& net, const nn::Tape<T>& tape) {
  if (tape.size() == 0) return {};
  nn::ValueId own_first = 0;
  while (own_first < tape.size() && detail::is_finite(tape[own_first].out)) ++own_first;
  Arena::Scope scope(scratch());
  const auto of_image = [&](index_t) { return static_cast<double>(own_first); };
  const double* const all = numbers_of_images(tape.batch(), of_image);
  const double first = *std::min_element(all, all + whole_batch(tape.batch()));
  if (first == static_cast<double>(tape.size())) return {};
  const auto& node = net.nodes()[static_cast<nn::ValueId>(first)];
  std::string text = "'" + node.name + "'";
  std::vector<nn::NamedParameter<T>> own;
  node.layer->collect(own);
  for (const auto& p : own)
    if (ops::find_nonfinite<T>(p.parameter->value()) >= 0)
      text += " (its " + p.name + " is not finite)";
  return text;
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
