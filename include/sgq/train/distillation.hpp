// sgq/train/distillation.hpp -- a term of the loss that asks for a teacher's probabilities.
//
// Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. With s
// the logits of the net that learns, t those of the teacher, a temperature T and a weight w, the
// loss becomes
//
//     L = L_before + w T^2 KL(softmax(t/T) || softmax(s/T)),  mean over the batch
//     dL/ds = dL_before/ds + (w T / batch) (softmax(s/T) - softmax(t/T))
//
// T^2 keeps the size of the gradient: that of a softened softmax shrinks by 1/T^2.
//
//     Distillation<float> teacher(fp32_net, {.weight = 1, .temperature = 4});
//     fit<float>(batches, options, [&](const auto& batch, const auto& at) {
//       return train_step(net, tape, batch, optimizer, at, &teacher);
//     });
//
// GuidedStep takes one, too: the term is then one of the clean logits.
#pragma once

#include "sgq/ops/loss.hpp"
#include "sgq/train/forward.hpp"

#include <algorithm>
#include <cmath>

namespace sgq::train {

struct DistillationOptions {
  double weight = 1;
  double temperature = 4;
};

/// Throws value_error on a weight that is negative and a temperature that is not positive, as the
/// numbers they are used as: 1e-50 is no float.
template <class T>
void check_distillation(const DistillationOptions& options) {
  const T weight = static_cast<T>(options.weight),
          temperature = static_cast<T>(options.temperature);
  if (!(weight >= 0) || !std::isfinite(weight))
    throw value_error(describe("distillation: weight", "a number >= 0", to_text(options.weight)));
  if (!(temperature > 0) || !std::isfinite(temperature))
    throw value_error(
        describe("distillation: temperature", "a number > 0", to_text(options.temperature)));
}

/// loss + w T^2 mean KL(softmax(t/T) || softmax(s/T)). Adds the term's gradient with respect to s
/// to ds. Both logits are [N, K]; throws shape_error if they differ, and value_error on options out
/// of range.
template <class T>
T add_distillation(T loss, View<const T> s, View<const T> t, const DistillationOptions& options,
                   View<T> ds) {
  check_distillation<T>(options);
  check_shape("distillation: the teacher's logits", s.shape(), t.shape());
  const T temperature = static_cast<T>(options.temperature);
  Arena::Scope scope(scratch());
  const auto soften = [&](View<const T> z) {
    const View<T> soft(scratch().take<T>(z.size()), z.shape());
    std::transform(z.begin(), z.end(), soft.begin(), [&](T v) { return v / temperature; });
    return View<const T>(soft);
  };
  const View<const T> soft_t = soften(t), soft_s = soften(s);
  // kl_divergence() adds w T / batch (q - p), its gradient with respect to s/T: the one wanted here
  // with respect to s.
  const T weight = static_cast<T>(options.weight * options.temperature);
  return std::fma(temperature, ops::kl_divergence<T>(soft_t, soft_s, weight, {}, ds), loss);
}

/// A teacher: a net in evaluation mode, which does not move.
template <class T>
class Distillation {
public:
  /// Keeps a reference to the teacher, which must outlive it. Throws value_error on options out of
  /// range.
  explicit Distillation(const nn::Net<T>& teacher, const DistillationOptions& options = {})
      : teacher_(teacher), options_(options) {
    check_distillation<T>(options);
  }
  Distillation(const nn::Net<T>&& temporary, const DistillationOptions& = {}) = delete;

  /// The teacher looks at the batch; see add_distillation(). Throws value_error if its weights or
  /// clips have no values yet.
  T add(T loss, View<const T> s, const data::Batch<T>& batch, View<T> ds) {
    const nn::Net<T>& teacher = teacher_.get_any_edition("distillation");
    teacher.check_initialized("distillation: the teacher");
    const View<const T> t = forward(teacher, batch, tape_, nn::Mode::infer());
    return add_distillation<T>(loss, s, t, options_, ds);
  }

private:
  nn::NetHandle<T> teacher_;
  DistillationOptions options_;
  nn::Tape<T> tape_;
};

} // namespace sgq::train
