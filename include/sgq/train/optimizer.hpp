// sgq/train/optimizer.hpp -- what every optimiser shares: parameters, groups, state, names.
//
// An optimiser is bound to a net when it is made and then moves its parameters, step by step:
//
//     Sgd<float> optimizer(net, {.lr = 0.1, .momentum = 0.9, .groups = decayed(5e-4)});
//     ...
//     net.backward(dlogits, tape, Want::params);
//     optimizer.step(tape, schedule(step, steps)); // lr times a factor >= 0
//
// step() is the one call that ends a training step: parameters, running statistics, weight codes.
//
// To add one, derive from Optimizer in a file of your own: name the tensors of state that each
// parameter needs, and override name() and update(), which sees a stretch of one parameter at a
// time. Names for checkpoints, groups and threads are dealt with here. Where it has settings beside
// the learning rate, own_settings() lists them, and a checkpoint is refused where they differ.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/kernels/simd/check_arithmetic.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/net.hpp"

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace sgq::train {

/// How parameters of one group are treated.
struct GroupOptions {
  double lr_scale = 1; ///< times the optimiser's learning rate
  double decay = 0;    ///< strength of the pull towards zero; see each optimiser
};

/// One setting for each nn::ParameterGroup.
struct ParameterGroups {
  GroupOptions weight{}, bias{}, norm{}, clip{};

  const GroupOptions& operator[](nn::ParameterGroup group) const {
    const std::array all = {&weight, &bias, &norm, &clip};
    return *all[static_cast<std::size_t>(group)];
  }
};

/// The usual decay: of weights and learned clips, not of biases and batch norm.
inline ParameterGroups decayed(double decay) {
  return {.weight = {.decay = decay}, .clip = {.decay = decay}};
}

/// A stretch of one parameter, as update() sees it.
template <class T>
struct Update {
  T* value;
  const T* grad;
  T* const* states; ///< of the whole parameter: see state()
  index_t first;    ///< where the stretch begins
  index_t n;
  T lr;      ///< of this step and group
  T penalty; ///< gradient += penalty * value: decay that is part of the loss
  T shrink;  ///< value -= shrink * value: decay beside the loss, shrink = lr * decay

  /// The stretch of the optimiser's tensor k.
  T* state(std::size_t k) const { return states[k] + first; }
};

/// When decay is part of the gradient (L2, "coupled"), and when it is applied to the value itself.
enum class DecayKind { coupled, decoupled };

template <class T>
class Optimizer {
public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  virtual std::string_view name() const = 0;

  /// Ends a training step: moves every parameter by its gradient and batch norm's running
  /// statistics towards those of the pass on the tape, then derives the weight codes. Statistics of
  /// other passes of the step move by net.update_statistics(). lr_factor is the schedule's factor.
  /// Throws value_error, and moves nothing, if the net is gone, has a new edition or the numbers of
  /// a weight average, if the tape holds no training pass made since the last step, or where the
  /// processor is set to compute otherwise than results rely on
  /// (kernels/simd/check_arithmetic.hpp).
  void step(const nn::Tape<T>& tape, double lr_factor = 1) {
    check("learning rate factor", lr_factor);
    kernels::check_arithmetic("optimizer step");
    nn::Net<T>& net = this->net();
    net.identity()->check_own_numbers("optimizer step");
    tape.check_backward("optimizer step", *net.identity(), net.version());
    if (const nn::GradientState state = net.identity()->gradients; state != nn::GradientState::made)
      throw value_error(
          describe("optimizer step", "gradients made since the last step",
                   state == nn::GradientState::used ? "those of the last step" : "none",
                   "call net.zero_grad() and net.backward() in every step"));
    net.update_statistics(tape);
    move_parameters(lr_factor);
    net.identity()->gradients = nn::GradientState::used;
    net.quantize_weights();
  }

  /// All that decides its steps, a line each: a resumed run must have the same.
  std::string settings() const {
    std::string text = "learning rate " + to_text(lr_) + "\n";
    text += kind_ == DecayKind::coupled ? "decay in the gradient\n" : "decay beside the gradient\n";
    for (int k = 0; k < nn::group_count; ++k) {
      const auto group = static_cast<nn::ParameterGroup>(k);
      text += std::string(nn::name(group)) + ": learning rate x " +
              to_text(groups_[group].lr_scale) + ", decay " + to_text(groups_[group].decay) + "\n";
    }
    return text + own_settings();
  }

  /// The net that the optimiser was made for. Throws value_error as step() does.
  nn::Net<T>& net() const { return net_.get("optimizer"); }

  /// Steps made so far.
  index_t steps() const { return steps_; }
  void set_steps(index_t steps) {
    if (steps < 0) throw value_error(describe("optimizer steps", "0 or more", to_text(steps)));
    steps_ = steps;
  }

  /// The tensors that a resumed run needs: "momentum.conv1.weight", ...
  std::vector<nn::NamedBuffer<T>> state() {
    std::vector<nn::NamedBuffer<T>> all;
    for (Entry& entry : entries_)
      for (std::size_t s = 0; s < state_names_.size(); ++s)
        all.push_back({state_names_[s] + "." + entry.name, &entry.state[s]});
    return all;
  }

protected:
  /// Binds the parameters of a net as it is now. Each gets a tensor of state, of its own shape and
  /// zero at first, for every name. Throws value_error on a learning rate, scale or decay that is
  /// negative or not finite.
  Optimizer(nn::Net<T>& net, double lr, const ParameterGroups& groups, DecayKind kind,
            std::vector<std::string> state_names)
      : net_(net), lr_(check("learning rate", lr)), groups_(groups), kind_(kind),
        state_names_(std::move(state_names)), states_(state_names_.size()) {
    for (int r = 0; r < nn::group_count; ++r) {
      const auto group = static_cast<nn::ParameterGroup>(r);
      check(std::string("learning rate scale of group ") + nn::name(group), groups[group].lr_scale);
      check(std::string("decay of group ") + nn::name(group), groups[group].decay);
    }
    for (auto& named : net.parameters()) {
      Entry entry{named.name, named.parameter, {}};
      for (std::size_t s = 0; s < state_names_.size(); ++s)
        entry.state.emplace_back(named.parameter->shape());
      entries_.push_back(std::move(entry));
    }
  }

  /// For settings(): those of a derived optimiser, such as "momentum 0.9", a line each.
  virtual std::string own_settings() const { return {}; }
  /// Called once per step, before the updates; steps() already counts this one: 1, 2, ..
  virtual void begin_step() {}
  /// Moves a stretch of a parameter and of its state. Apply both u.penalty and u.shrink: one of
  /// them is 0. Called from several threads; kernels::for_registers vectorises the loop (sgd.hpp).
  virtual void update(const Update<T>& u) const = 0;

  /// The value. Throws value_error unless it is finite and >= 0 and, if `below` is not 0, less than
  /// that even when rounded to a T: a decay rate of 1 never decays.
  static double check(std::string_view what, double value, double below = 0) {
    if (!(value >= 0) || !std::isfinite(value) ||
        (below > 0 && !(static_cast<T>(value) < static_cast<T>(below))))
      throw value_error(describe(
          what, below > 0 ? "a number in [0, " + to_text(below) + ")" : "a number >= 0",
          to_text(value),
          value >= 0 && value < below ? "rounded to the net's precision, it reaches the limit"
                                      : ""));
    return value;
  }

  /// The same, and not 0, not even as a T: updates divide by it.
  static double check_positive(std::string_view what, double value) {
    if (!(static_cast<T>(check(what, value)) > 0))
      throw value_error(describe(what, "a number > 0", to_text(value)));
    return value;
  }

private:
  struct Entry {
    std::string name;
    nn::Parameter<T>* parameter;
    std::vector<Tensor<T>> state;
  };

  void move_parameters(double lr_factor) {
    ++steps_;
    begin_step();
    for (Entry& entry : entries_) {
      const nn::ParameterGroup group = entry.parameter->group();
      const double lr = lr_ * lr_factor * groups_[group].lr_scale, decay = groups_[group].decay;
      // PACT defines the decay of a clip as a term of the loss: coupled in every optimiser.
      const bool coupled = kind_ == DecayKind::coupled || group == nn::ParameterGroup::clip;
      for (std::size_t k = 0; k < entry.state.size(); ++k) states_[k] = entry.state[k].data();
      Update<T> whole{.value = entry.parameter->edit().data(),
                      .grad = entry.parameter->grad().data(),
                      .states = states_.data(),
                      .first = 0,
                      .n = entry.parameter->size(),
                      .lr = static_cast<T>(lr),
                      .penalty = static_cast<T>(coupled ? decay : 0),
                      .shrink = static_cast<T>(coupled ? 0 : lr * decay)};
      parallel_blocks(whole.n, 1 << 14, [&](index_t begin, index_t end) {
        Update<T> part = whole;
        part.value += begin, part.grad += begin, part.first = begin, part.n = end - begin;
        update(part);
      });
    }
  }

  nn::NetHandle<T> net_;
  double lr_;
  ParameterGroups groups_;
  DecayKind kind_;
  std::vector<std::string> state_names_;
  std::vector<T*> states_; // of the parameter being updated
  std::vector<Entry> entries_;
  index_t steps_ = 0;
};

/// Throws value_error unless the optimiser moves this net as it is now.
template <class T>
void check_same_net(const nn::Net<T>& net, const Optimizer<T>& optimizer) {
  if (&optimizer.net() != &net)
    throw value_error(describe("optimizer", "one that was made for the net", "one of another net"));
}

} // namespace sgq::train
