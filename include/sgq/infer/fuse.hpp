// sgq/infer/fuse.hpp -- the steps of a real-valued net in inference: layers, and convolutions that
// have taken in what follows them; and which values can share memory.
#pragma once

#include "sgq/infer/arena_plan.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/nn/weights.hpp"

#include <cmath>
#include <optional>

namespace sgq::infer {

template <class T>
struct FusedStep {
  nn::ValueId value = 0;            ///< of the net, that the step computes
  const nn::Layer<T>* layer = {};   ///< the first layer of the step
  std::vector<nn::ValueId> inputs;  ///< of a fused convolution: x, and r where there is one
  bool linear = false;              ///< a fully connected layer
  bool aliases = false;             ///< may hand on the memory of its inputs instead of its own
  std::optional<nn::Window> conv{}; ///< of a fused convolution
  Tensor<T> weight{}, bias{};       ///< w' and b' of it
  bool relu = false;
  std::size_t slot = 0; ///< where its value goes

  bool joins() const { return conv && inputs.size() == 2; }
};

namespace detail {

/// What the engine knows of a layer: it fuses a few operations and runs all others as they are.
template <class T>
struct Operation final : nn::Lowering<T> {
  const nn::Weights<T>* weights = {};
  const nn::Parameter<T>* bias = {};
  std::optional<nn::Window> conv{};
  std::optional<nn::NormParams<T>> norm{};
  bool adds = false, rectifies = false;
  bool linear = false;
  bool aliases = true; ///< unless the operation is known to write numbers of its own

  explicit Operation(const nn::Layer<T>& layer) { layer.lower(*this); }

  void other() override {}
  void input(const QuantParams&) override { aliases = false; }
  void convolve(const nn::Weights<T>& w, const nn::Parameter<T>& b,
                const nn::Window& window) override {
    weights = &w, bias = &b, conv = window, aliases = false;
  }
  void fully_connect(const nn::Weights<T>&, const nn::Parameter<T>&) override {
    linear = true, aliases = false;
  }
  void normalize(const nn::NormParams<T>& params) override { norm = params; }
  void add() override { adds = true; }
  void relu() override { rectifies = true, aliases = false; }
  void max_pool(const nn::Window&) override { aliases = false; }
  void average_pool(const nn::Window&) override { aliases = false; }
  void global_average_pool() override { aliases = false; }
  void shortcut(index_t) override { aliases = false; }
};

/// For each value, the layers that read it.
template <class T>
std::vector<std::vector<nn::ValueId>> readers_of(const nn::Net<T>& net) {
  std::vector<std::vector<nn::ValueId>> readers(net.nodes().size());
  for (nn::ValueId i = 0; i < net.nodes().size(); ++i)
    for (nn::ValueId v : net.nodes()[i].inputs) readers[v].push_back(i);
  return readers;
}

/// w' and b' of a convolution and the batch norm after it, if there is one.
template <class T>
void fold(const Operation<T>& conv, const std::optional<nn::NormParams<T>>& norm,
          FusedStep<T>& step) {
  const View<const T> w = conv.weights->parameter().value();
  step.weight.resize(w.shape());
  std::copy(w.begin(), w.end(), step.weight.begin());
  const bool biased = !conv.bias->empty();
  if (!biased && !norm) return;
  const index_t channels = w.shape()[0], filter = w.shape().stride();
  step.bias.resize({channels});
  for (index_t o = 0; o < channels; ++o) {
    const double b = biased ? static_cast<double>(conv.bias->value()[o]) : 0;
    step.bias[o] = static_cast<T>(b);
    if (!norm) continue;
    const double gain = static_cast<double>(norm->gamma[o]) /
                        std::sqrt(static_cast<double>(norm->var[o]) + norm->eps);
    step.bias[o] = static_cast<T>((b - static_cast<double>(norm->mean[o])) * gain +
                                  static_cast<double>(norm->beta[o]));
    for (index_t k = o * filter; k < (o + 1) * filter; ++k)
      step.weight[k] = static_cast<T>(static_cast<double>(w[k]) * gain);
  }
}

/// Fuses a convolution with the batch norm, addition and ReLU after it, as far as each is the
/// only reader of the value before.
template <class T>
void fuse_readers(const nn::Net<T>& net, const std::vector<Operation<T>>& operations,
                  const std::vector<std::vector<nn::ValueId>>& readers, FusedStep<T>& step,
                  std::vector<bool>& taken) {
  const Operation<T>& conv = operations[step.value];
  const auto reader = [&] { return readers[step.value][0]; };
  const auto next = [&]() -> const Operation<T>* { // what reads the value, if that is one layer
    return readers[step.value].size() == 1 ? &operations[reader()] : nullptr;
  };
  const auto take = [&] {
    step.value = reader();
    taken[step.value] = true;
  };
  std::optional<nn::NormParams<T>> norm;
  if (const auto* n = next(); n && n->norm) norm = n->norm, take();
  fold(conv, norm, step);
  if (const auto* n = next(); n && n->adds && net.nodes()[reader()].inputs[0] == step.value) {
    step.inputs.push_back(net.nodes()[reader()].inputs[1]);
    take();
  }
  if (const auto* n = next(); n && n->rectifies) {
    take();
    step.relu = true;
  }
}

/// Throws value_error if a layer has quantised weights or hands on codes.
template <class T>
void check_real(const nn::Net<T>& net) {
  for (const auto& node : net.nodes())
    if (const std::string precision = node.layer->precision(); !precision.empty())
      throw value_error(describe("float engine", "a net of real numbers",
                                 "layer '" + node.name + "', " + precision,
                                 "export_integer and Engine run a quantised net"));
}

} // namespace detail

/// The steps of a net, in order. A fused step stands where the last of its layers stood, when all
/// that it reads is there. Throws value_error on a quantised net.
template <class T>
std::vector<FusedStep<T>> fuse(const nn::Net<T>& net) {
  detail::check_real(net);
  const auto& nodes = net.nodes();
  const auto readers = detail::readers_of(net);
  std::vector<detail::Operation<T>> operations;
  for (const auto& node : nodes) operations.emplace_back(*node.layer);
  std::vector<FusedStep<T>> steps(nodes.size()); // by value; no layer where it was taken in
  std::vector<bool> taken(nodes.size(), false);
  for (nn::ValueId i = 0; i < nodes.size(); ++i) {
    if (taken[i]) continue;
    FusedStep<T> step{.value = i,
                      .layer = nodes[i].layer.get(),
                      .inputs = nodes[i].inputs,
                      .linear = operations[i].linear,
                      .aliases = operations[i].aliases,
                      .conv = operations[i].conv};
    if (step.conv) detail::fuse_readers(net, operations, readers, step, taken);
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
  std::vector<std::size_t> made(values, Lifetime::none); // the step that makes a value
  std::vector<std::size_t> last(values, 0);              // the last step that reads it
  for (std::size_t s = steps.size(); s-- > 0;) {
    made[steps[s].value] = s;
    std::size_t& own = last[steps[s].value];
    own = std::max(own, s + 1 == steps.size() ? steps.size() : s);
    for (nn::ValueId v : steps[s].inputs) // an alias lives as long as what it stands for is read
      last[v] = std::max(last[v], steps[s].aliases ? own : s);
  }
  const auto memory_of = [&](nn::ValueId v) { // an alias has none of its own
    while (steps[made[v]].aliases) v = steps[made[v]].inputs[0];
    return v;
  };
  std::vector<Lifetime> lives;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    lives.push_back({.size = 1, .first = s, .last = last[steps[s].value]});
    if (steps[s].joins() && memory_of(steps[s].inputs[1]) != memory_of(steps[s].inputs[0]))
      lives.back().in_place_of = made[steps[s].inputs[1]]; // the sum takes the residual's place
  }
  const ArenaPlan places = plan_arena(lives);
  for (std::size_t s = 0; s < steps.size(); ++s)
    steps[s].slot = static_cast<std::size_t>(places.offsets[s]);
  return static_cast<std::size_t>(places.size);
}

} // namespace sgq::infer
