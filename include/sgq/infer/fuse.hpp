// sgq/infer/fuse.hpp -- the steps of a real-valued net in inference: layers, and convolutions that
// have taken in what follows them; and which values can share memory.
#pragma once

#include "sgq/nn/activation.hpp"
#include "sgq/nn/batch_norm.hpp"
#include "sgq/nn/conv2d.hpp"
#include "sgq/nn/linear.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/shape_layers.hpp"

namespace sgq::infer {

template <class T>
struct FusedStep {
  nn::ValueId value = 0;           ///< of the net, that the step computes
  const nn::Layer<T>* layer = {};  ///< the first layer of the step
  std::vector<nn::ValueId> inputs; ///< of a fused convolution: x, and r where there is one
  const nn::Conv2d<T>* conv = {};  ///< a fused convolution, or null
  Tensor<T> weight{}, bias{};      ///< w' and b' of it
  bool relu = false;
  std::size_t slot = 0; ///< where its value goes

  bool joins() const { return conv && inputs.size() == 2; }
};

namespace detail {

/// For each value, the layers that read it.
template <class T>
std::vector<std::vector<nn::ValueId>> readers_of(const nn::Net<T>& net) {
  std::vector<std::vector<nn::ValueId>> readers(net.nodes().size());
  for (nn::ValueId i = 0; i < net.nodes().size(); ++i)
    for (nn::ValueId v : net.nodes()[i].inputs) readers[v].push_back(i);
  return readers;
}

/// w' and b' of a convolution and the batch norm behind it, which may be null.
template <class T>
void fold(const nn::Conv2d<T>& conv, const nn::BatchNorm<T>* norm, FusedStep<T>& step) {
  const View<const T> w = conv.weights().parameter().value();
  step.weight.resize(w.shape());
  std::copy(w.begin(), w.end(), step.weight.begin());
  const bool biased = !conv.bias().empty();
  if (!biased && !norm) return;
  const index_t channels = w.shape()[0], filter = w.shape().stride();
  step.bias.resize({channels});
  for (index_t o = 0; o < channels; ++o) {
    const double b = biased ? static_cast<double>(conv.bias().value()[o]) : 0;
    step.bias[o] = static_cast<T>(b);
    if (!norm) continue;
    const double gain =
        static_cast<double>(norm->gamma().value()[o]) /
        std::sqrt(static_cast<double>(norm->running_var()[o]) + norm->options().eps);
    step.bias[o] = static_cast<T>((b - static_cast<double>(norm->running_mean()[o])) * gain +
                                  static_cast<double>(norm->beta().value()[o]));
    for (index_t k = o * filter; k < (o + 1) * filter; ++k)
      step.weight[k] = static_cast<T>(static_cast<double>(w[k]) * gain);
  }
}

/// Lets a convolution take in the batch norm, addition and ReLU behind it, as far as each is the
/// only reader of the value before.
template <class T>
void take_in_readers(const nn::Net<T>& net, const std::vector<std::vector<nn::ValueId>>& readers,
                     FusedStep<T>& step, std::vector<bool>& taken) {
  const auto reader = [&] { return readers[step.value][0]; };
  const auto next = [&]<class L>(const L*) -> const L* { // the reader, if there is one: an L
    if (readers[step.value].size() != 1) return nullptr;
    return dynamic_cast<const L*>(net.nodes()[reader()].layer.get());
  };
  const auto take = [&] {
    step.value = reader();
    taken[step.value] = true;
  };
  const auto* const norm = next(static_cast<const nn::BatchNorm<T>*>(nullptr));
  if (norm) take();
  fold(*step.conv, norm, step);
  if (next(static_cast<const nn::Add<T>*>(nullptr)) &&
      net.nodes()[reader()].inputs[0] == step.value) {
    step.inputs.push_back(net.nodes()[reader()].inputs[1]);
    take();
  }
  if (next(static_cast<const nn::Relu<T>*>(nullptr))) {
    take();
    step.relu = true;
  }
}

/// Throws value_error if layer i has quantised weights.
template <class T>
void check_real(const nn::Net<T>& net, nn::ValueId i) {
  const nn::Layer<T>* const layer = net.nodes()[i].layer.get();
  const auto* const conv = dynamic_cast<const nn::Conv2d<T>*>(layer);
  const auto* const linear = dynamic_cast<const nn::Linear<T>*>(layer);
  if ((conv && conv->weights().quantized()) || (linear && linear->weights().quantized()))
    throw value_error(describe("float engine", "a net of real numbers",
                               "quantised weights in layer '" + net.nodes()[i].name + "'",
                               "export_integer and Engine run such a net"));
}

/// True where a layer may hand on the memory of its inputs instead of its own.
template <class T>
bool may_alias(const nn::Layer<T>& layer) {
  for (std::string_view own :
       {"input", "conv2d", "linear", "relu", "max_pool", "avg_pool", "global_avg_pool", "shortcut"})
    if (layer.kind() == own) return false;
  return true;
}

} // namespace detail

/// The steps of a net, in order. A fused step stands where the last of its layers stood, when all
/// that it reads is there. Throws value_error on a quantised net.
template <class T>
std::vector<FusedStep<T>> fuse(const nn::Net<T>& net) {
  const auto& nodes = net.nodes();
  const auto readers = detail::readers_of(net);
  std::vector<FusedStep<T>> steps(nodes.size()); // by value; no layer where it was taken in
  std::vector<bool> taken(nodes.size(), false);
  for (nn::ValueId i = 0; i < nodes.size(); ++i) {
    if (taken[i]) continue;
    detail::check_real(net, i);
    FusedStep<T> step{.value = i, .layer = nodes[i].layer.get(), .inputs = nodes[i].inputs};
    step.conv = dynamic_cast<const nn::Conv2d<T>*>(step.layer);
    if (step.conv) detail::take_in_readers(net, readers, step, taken);
    const nn::ValueId value = step.value;
    steps[value] = std::move(step);
  }
  std::erase_if(steps, [](const FusedStep<T>& s) { return !s.layer; });
  return steps;
}

/// Gives every step a slot that no value in use occupies; returns how many there are.
template <class T>
std::size_t plan(std::vector<FusedStep<T>>& steps) {
  const std::size_t values = steps.back().value + 1;
  std::vector<std::size_t> last(values, 0); // the last step that reads a value
  for (std::size_t s = steps.size(); s-- > 0;) {
    std::size_t& own = last[steps[s].value];
    own = std::max(own, s);
    if (s + 1 == steps.size()) own = steps.size();
    for (nn::ValueId v : steps[s].inputs) // an alias lives as long as what it stands for is read
      last[v] = std::max(last[v], detail::may_alias(*steps[s].layer) ? own : s);
  }
  std::vector<nn::ValueId> holds; // of each slot: the value in it
  std::vector<std::size_t> slot_of(values, 0);
  for (std::size_t s = 0; s < steps.size(); ++s) {
    FusedStep<T>& step = steps[s];
    step.slot = 0;
    if (step.joins() && last[step.inputs[1]] == s && step.inputs[1] != step.inputs[0])
      step.slot = slot_of[step.inputs[1]]; // the sum takes the residual's place
    else
      while (step.slot < holds.size() && last[holds[step.slot]] >= s) ++step.slot;
    if (step.slot == holds.size()) holds.push_back(step.value);
    holds[step.slot] = step.value;
    slot_of[step.value] = step.slot;
  }
  return holds.size();
}

} // namespace sgq::infer
