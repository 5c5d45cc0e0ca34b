// sgq/ops/loss.hpp -- log-softmax, cross-entropy and Kullback-Leibler divergence on logits [N, K].
//
// All are averaged over the batch and written with log-softmax, so that no exponential overflows
// and no logarithm sees a zero. p = softmax(z), q = softmax(zt):
//
//     CE(z, y)   = -log p_y                     dCE/dz_j  = p_j - 1[j = y]
//     KL(p || q) = sum_j p_j (log p_j - log q_j)
//                                               dKL/dz_j  = p_j (log p_j - log q_j - KL)
//                                               dKL/dzt_j = q_j - p_j
#pragma once

#include "sgq/core/tensor.hpp"

#include <cmath>
#include <cstdint>
#include <span>

namespace sgq::ops {

/// out = z - log sum exp(z), row by row; z and out [N, K], out may be z.
template <class T>
void log_softmax(View<const T> z, View<T> out) {
  check_shape("log-softmax", z.shape(), out.shape());
  const index_t k = z.shape()[1];
  for (index_t n = 0; n < z.shape()[0]; ++n) {
    const T* row = z.data() + n * k;
    const T largest = *std::max_element(row, row + k);
    T sum = 0;
    for (index_t j = 0; j < k; ++j) sum += std::exp(row[j] - largest);
    const T shift = largest + std::log(sum);
    for (index_t j = 0; j < k; ++j) out[n * k + j] = row[j] - shift;
  }
}

/// Throws value_error on a label outside [0, classes), shape_error on a wrong count.
inline void check_labels(std::span<const std::uint8_t> labels, const Shape& logits) {
  if (static_cast<index_t>(labels.size()) != logits[0])
    throw shape_error(
        describe("labels", to_text(logits[0]) + " (the batch)", to_text(labels.size())));
  for (std::uint8_t label : labels)
    if (label >= logits[1])
      throw value_error(
          describe("label", "less than " + to_text(logits[1]) + " classes", to_text(label)));
}

/// Mean cross-entropy; dz, where not empty, is overwritten with its gradient.
template <class T>
T cross_entropy(View<const T> z, std::span<const std::uint8_t> labels, View<T> dz = {}) {
  check_labels(labels, z.shape());
  const index_t batch = z.shape()[0], k = z.shape()[1];
  Arena::Scope scope(scratch());
  View<T> log_p(scratch().take<T>(z.size()), z.shape());
  log_softmax(z, log_p);
  T loss = 0;
  for (index_t n = 0; n < batch; ++n) loss -= log_p(n, labels[static_cast<std::size_t>(n)]);
  if (!dz.empty()) {
    check_shape("cross-entropy gradient", z.shape(), dz.shape());
    const T share = T{1} / static_cast<T>(batch);
    for (index_t n = 0; n < batch; ++n)
      for (index_t j = 0; j < k; ++j)
        dz(n, j) = share * (std::exp(log_p(n, j)) -
                            (j == labels[static_cast<std::size_t>(n)] ? T{1} : T{0}));
  }
  return loss / static_cast<T>(batch);
}

/// weight * mean KL(softmax(z) || softmax(zt)). Adds its gradients to dz and to dzt, where those
/// are not empty; leave dz empty to treat p as a constant.
template <class T>
T kl_divergence(View<const T> z, View<const T> zt, T weight, View<T> dz, View<T> dzt) {
  check_shape("KL divergence", z.shape(), zt.shape());
  const index_t batch = z.shape()[0], k = z.shape()[1];
  const T share = weight / static_cast<T>(batch);
  Arena::Scope scope(scratch());
  View<T> log_p(scratch().take<T>(z.size()), z.shape());
  View<T> log_q(scratch().take<T>(z.size()), z.shape());
  log_softmax(z, log_p);
  log_softmax(zt, log_q);
  T total = 0;
  for (index_t n = 0; n < batch; ++n) {
    T kl = 0;
    for (index_t j = 0; j < k; ++j) kl += std::exp(log_p(n, j)) * (log_p(n, j) - log_q(n, j));
    for (index_t j = 0; j < k; ++j) {
      const T p = std::exp(log_p(n, j));
      if (!dz.empty()) dz(n, j) += share * p * (log_p(n, j) - log_q(n, j) - kl);
      if (!dzt.empty()) dzt(n, j) += share * (std::exp(log_q(n, j)) - p);
    }
    total += kl;
  }
  return share * total;
}

/// Which scalar S of an image's logits a saliency method explains: the logit of the class, or its
/// log-probability.
enum class Target { logit, log_probability };

/// ds overwritten with dS/dz of every row: 1[j = c] for the logit, 1[j = c] - p_j for the
/// log-probability. Rows are not averaged: each image has a gradient of its own.
template <class T>
void target_gradient(View<const T> z, std::span<const std::uint8_t> classes, Target target,
                     View<T> ds) {
  check_labels(classes, z.shape());
  check_shape("target gradient", z.shape(), ds.shape());
  if (target == Target::logit)
    ds.fill(T{0});
  else {
    log_softmax(z, ds);
    for (T& v : ds) v = -std::exp(v);
  }
  for (index_t n = 0; n < z.shape()[0]; ++n) ds(n, classes[static_cast<std::size_t>(n)]) += T{1};
}

/// log softmax(row)[c] of K logits, in double.
template <class T>
double log_probability(const T* row, index_t classes, index_t c) {
  const double top = static_cast<double>(*std::max_element(row, row + classes));
  double sum = 0;
  for (index_t k = 0; k < classes; ++k) sum += std::exp(static_cast<double>(row[k]) - top);
  return static_cast<double>(row[c]) - top - std::log(sum);
}

/// S of one row of logits, in double.
template <class T>
double target_score(const T* row, index_t classes, index_t c, Target target) {
  return target == Target::logit ? static_cast<double>(row[c]) : log_probability(row, classes, c);
}

/// The number of rows whose largest logit (the first, on a tie) is at the label.
template <class T>
index_t count_correct(View<const T> z, std::span<const std::uint8_t> labels) {
  check_labels(labels, z.shape());
  const index_t k = z.shape()[1];
  index_t correct = 0;
  for (index_t n = 0; n < z.shape()[0]; ++n) {
    const T* row = z.data() + n * k;
    correct += std::max_element(row, row + k) - row == labels[static_cast<std::size_t>(n)];
  }
  return correct;
}

} // namespace sgq::ops
