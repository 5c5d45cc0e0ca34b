// sgq/train/evaluate.hpp -- loss and accuracy of a net on a data set, in evaluation mode.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"
#include "sgq/ops/loss.hpp"
#include "sgq/train/forward.hpp"
#include "sgq/train/meters.hpp"
#include "sgq/train/nonfinite.hpp"

namespace sgq::train {

/// Loss and accuracy on one batch.
template <class T>
Meter evaluate_batch(const nn::Net<T>& net, nn::Tape<T>& tape, const data::Batch<T>& batch) {
  const View<const T> z = forward(net, batch, tape, nn::Mode::eval());
  const T loss = ops::cross_entropy<T>(z, batch.labels);
  check_loss(loss, net, tape); // a NaN has a largest logit, too: class 0
  Meter meter;
  meter.add(static_cast<double>(loss), ops::count_correct<T>(z, batch.labels), batch.size());
  return meter;
}

/// Throws value_error where accuracy on these batches would say nothing of the net: its weights or
/// clips have no first values, a number is not finite, or the images are augmented.
template <class T>
void check_evaluation(const nn::Net<T>& net, const data::Batches<T>& batches) {
  if (batches.options().augment.any())
    throw value_error(describe("evaluate", "images as they are in the set", "augmented ones",
                               "make Batches of their own, without .augment"));
  net.check_initialized("evaluate");
  net.check_finite("evaluate");
}

/// Runs every batch once. The tape's memory is reused from call to call. Throws what
/// check_evaluation() throws.
template <class T>
Meter evaluate(const nn::Net<T>& net, nn::Tape<T>& tape, data::Batches<T>& batches) {
  check_evaluation(net, batches);
  Meter meter;
  for (index_t i = 0; i < batches.count(); ++i)
    meter.add(evaluate_batch(net, tape, batches.batch(i)));
  return meter;
}

template <class T>
Meter evaluate(const nn::Net<T>& net, data::Batches<T>& batches) {
  nn::Tape<T> tape;
  return evaluate(net, tape, batches);
}

} // namespace sgq::train
