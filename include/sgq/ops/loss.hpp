// sgq/ops/loss.hpp -- log-softmax, cross-entropy and Kullback-Leibler divergence on logits [N, K].
//
// All are averaged over the batch, the whole one where ranks share it (core/shared_batch.hpp).
// p = softmax(z), q = softmax(zt), d = z - zt:
//
//     CE(z, y)   = -log p_y                     dCE/dz_j  = p_j - 1[j = y]
//     KL(p || q) = sum_j p_j (log p_j - log q_j)
//                                               dKL/dz_j  = p_j (d_j - sum_i p_i d_i)
//                                               dKL/dzt_j = q_j - p_j
//
// A trained net is nearly certain of most images. There the formulas lose all digits if they are
// computed as written: in float, a 1 - p_y below 1e-6 becomes 0 or is 15 % off. So nothing here
// subtracts nearly equal numbers. log p of the largest logit is -log1p of the others' share,
// 1 - p_y is the sum of the other p_j, and differences of logarithms are built from differences
// of logits, which are exact. Rows are computed in double and rounded to T once. Where a product is
// added, std::fma says so, or each compiler would choose for itself: of float nets all bits are
// fixed, of double ones nearly all.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/core/math.hpp"
#include "sgq/core/shared_batch.hpp"
#include "sgq/core/tensor.hpp"

#include <cmath>
#include <cstdint>
#include <span>

namespace sgq::ops {

namespace detail {

/// Throws shape_error unless these are rows of at least one logit.
inline void check_logits(std::string_view what, const Shape& z) {
  if (z.rank() != 2 || z[1] < 1)
    throw shape_error(describe(what, "logits [N, K] of 1 or more classes", z.str()));
}

/// log p of one row of k logits.
template <class T>
void log_softmax_row(const T* z, index_t k, double* log_p) {
  const index_t top = argmax(z, k);
  const double largest = static_cast<double>(z[top]);
  double others = 0; // their share, in units of the largest
  for (index_t j = 0; j < k; ++j) {
    log_p[j] = static_cast<double>(z[j]) - largest; // at the top 0, or NaN for an infinite logit
    if (j != top) others += math::exp(log_p[j]);
  }
  const double shift = math::log1p(others);
  for (index_t j = 0; j < k; ++j) log_p[j] -= shift;
}

/// dS/dz of one row for S = log p_c: the others' sum at c, -p_j elsewhere. It is -dCE/dz as well.
inline void log_probability_gradient(const double* log_p, index_t k, index_t c, double* ds) {
  double others = 0;
  for (index_t j = 0; j < k; ++j) {
    if (j == c) continue;
    const double p = math::exp(log_p[j]);
    others += p;
    ds[j] = -p;
  }
  ds[c] = others;
}

/// exp(-r) - 1 + r, for |r| <= 1: by its series where the terms would cancel.
inline double exp_rest(double r) {
  if (std::abs(r) > 0.01) return math::expm1(-r) + r;
  double sum = 1.0 / 120 - r / 720;
  for (const double c : {1.0 / 24, 1.0 / 6, 1.0 / 2}) sum = std::fma(-r, sum, c);
  return r * r * sum;
}

/// What KL and its gradients need from a pair of rows. `top` is the largest logit of z.
struct LogRatios {
  double *log_p, *log_q;
  double* shift; ///< d_j - d_top, d = z - zt
  double* ratio; ///< log p_j - log q_j = shift_j + ratio_top
};

template <class T>
void log_ratios(const T* z, const T* zt, index_t k, const LogRatios& row) {
  log_softmax_row(z, k, row.log_p);
  log_softmax_row(zt, k, row.log_q);
  const index_t top = argmax(z, k);
  const auto difference = [&](index_t j) {
    return static_cast<double>(z[j]) - static_cast<double>(zt[j]);
  };
  double rise = 0; // sum q_j (exp(shift_j) - 1)
  for (index_t j = 0; j < k; ++j) {
    row.shift[j] = difference(j) - difference(top);
    const double d = row.shift[j], q = math::exp(row.log_q[j]);
    rise = d <= 1 ? std::fma(q, math::expm1(d), rise) : rise + (math::exp(row.log_q[j] + d) - q);
  }
  // p_top / q_top = 1 / (1 + rise), exact also where both are nearly 1; where the rise is nearly
  // -1, the two logarithms are far apart.
  const double at_top = rise > -0.5 ? -math::log1p(rise) : row.log_p[top] - row.log_q[top];
  for (index_t j = 0; j < k; ++j) row.ratio[j] = row.shift[j] + at_top;
}

/// KL of a row as a sum of terms that are all >= 0: p_j (exp(-r_j) - 1 + r_j), which add up to
/// sum p_j r_j because sum q_j = sum p_j.
inline double kl_of(const LogRatios& row, index_t k) {
  double kl = 0;
  for (index_t j = 0; j < k; ++j) {
    const double p = math::exp(row.log_p[j]), r = row.ratio[j];
    kl = std::abs(r) <= 1 ? std::fma(p, exp_rest(r), kl)
                          : kl + std::fma(p, r, math::exp(row.log_q[j]) - p);
  }
  return kl;
}

/// q_j - p_j, with the relative precision of r_j.
inline double q_minus_p(const LogRatios& row, index_t j) {
  const double r = row.ratio[j];
  return r >= 0 ? math::exp(row.log_p[j]) * math::expm1(-r)
                : -math::exp(row.log_q[j]) * math::expm1(r);
}

} // namespace detail

/// out = z - log sum exp(z), row by row; z and out [N, K], out may be z.
template <class T>
void log_softmax(View<const T> z, View<T> out) {
  detail::check_logits("log-softmax", z.shape());
  check_shape("log-softmax", z.shape(), out.shape());
  const index_t k = z.shape()[1];
  Arena::Scope scope(scratch());
  double* const log_p = scratch().take<double>(k);
  for (index_t n = 0; n < z.shape()[0]; ++n) {
    detail::log_softmax_row(z.data() + n * k, k, log_p);
    std::transform(log_p, log_p + k, out.data() + n * k,
                   [](double v) { return static_cast<T>(v); });
  }
}

/// Throws value_error on a label outside [0, classes), shape_error on a wrong count.
inline void check_labels(std::span<const std::uint8_t> labels, const Shape& logits) {
  detail::check_logits("labels", logits);
  if (static_cast<index_t>(labels.size()) != logits[0])
    throw shape_error(
        describe("labels", to_text(logits[0]) + " (the batch)", to_text(labels.size())));
  for (std::size_t n = 0; n < labels.size(); ++n)
    if (labels[n] >= logits[1])
      throw value_error(describe("label of image " + to_text(n),
                                 "less than " + to_text(logits[1]) + " classes",
                                 to_text(labels[n])));
}

/// Mean cross-entropy; dz, where not empty, is overwritten with its gradient.
template <class T>
T cross_entropy(View<const T> z, std::span<const std::uint8_t> labels,
                std::type_identity_t<View<T>> dz = {}) {
  check_labels(labels, z.shape());
  if (!dz.empty()) check_shape("cross-entropy gradient", z.shape(), dz.shape());
  const index_t whole = whole_batch(z.shape()[0]), k = z.shape()[1];
  const double share = 1.0 / static_cast<double>(whole);
  Arena::Scope scope(scratch());
  double* const log_p = scratch().take<double>(k);
  double* const ds = scratch().take<double>(k);
  const double* const of_image = numbers_of_images(z.shape()[0], [&](index_t n) {
    const index_t label = labels[static_cast<std::size_t>(n)];
    detail::log_softmax_row(z.data() + n * k, k, log_p);
    if (!dz.empty()) {
      detail::log_probability_gradient(log_p, k, label, ds);
      for (index_t j = 0; j < k; ++j) dz(n, j) = static_cast<T>(-share * ds[j]);
    }
    return log_p[label];
  });
  double loss = 0;
  for (index_t n = 0; n < whole; ++n) loss -= of_image[n];
  return static_cast<T>(share * loss);
}

/// weight * mean KL(softmax(z) || softmax(zt)). Adds its gradients to dz and to dzt, where those
/// are not empty; leave dz empty to treat p as a constant.
template <class T>
T kl_divergence(View<const T> z, ConstView<T> zt, std::type_identity_t<T> weight,
                std::type_identity_t<View<T>> dz, std::type_identity_t<View<T>> dzt) {
  detail::check_logits("KL divergence", z.shape());
  check_shape("KL divergence", z.shape(), zt.shape());
  if (!dz.empty()) check_shape("KL divergence: dz", z.shape(), dz.shape());
  if (!dzt.empty()) check_shape("KL divergence: dzt", z.shape(), dzt.shape());
  const index_t whole = whole_batch(z.shape()[0]), k = z.shape()[1];
  const double share = static_cast<double>(weight) / static_cast<double>(whole);
  Arena::Scope scope(scratch());
  const auto take = [&] { return scratch().take<double>(k); };
  const detail::LogRatios row{take(), take(), take(), take()};
  const double* const of_image = numbers_of_images(z.shape()[0], [&](index_t n) {
    detail::log_ratios(z.data() + n * k, zt.data() + n * k, k, row);
    const double kl = detail::kl_of(row, k);
    double mean_shift = 0; // sum_i p_i (d_i - d_top)
    for (index_t j = 0; j < k; ++j)
      mean_shift = std::fma(math::exp(row.log_p[j]), row.shift[j], mean_shift);
    for (index_t j = 0; j < k; ++j) {
      if (!dz.empty())
        dz(n, j) += static_cast<T>(share * math::exp(row.log_p[j]) * (row.shift[j] - mean_shift));
      if (!dzt.empty()) dzt(n, j) += static_cast<T>(share * detail::q_minus_p(row, j));
    }
    return kl;
  });
  double total = 0;
  for (index_t n = 0; n < whole; ++n) total += of_image[n];
  return static_cast<T>(share * total);
}

/// Which scalar S of an image's logits a saliency method explains: the logit of the class, or its
/// log-probability.
enum class Target { logit, log_probability };

/// ds overwritten with dS/dz of every row: 1[j = c] for the logit, 1[j = c] - p_j for the
/// log-probability. Rows are not averaged: each image has a gradient of its own.
template <class T>
void target_gradient(View<const T> z, std::span<const std::uint8_t> classes, Target target,
                     std::type_identity_t<View<T>> ds) {
  check_labels(classes, z.shape());
  check_shape("target gradient", z.shape(), ds.shape());
  const index_t k = z.shape()[1];
  if (k < 2 && target == Target::log_probability)
    throw value_error(describe("log-probability", "2 or more classes", to_text(k),
                               "of one class it is always 0: explain the logit"));
  Arena::Scope scope(scratch());
  double* const log_p = scratch().take<double>(k);
  double* const row = scratch().take<double>(k);
  for (index_t n = 0; n < z.shape()[0]; ++n) {
    const index_t c = classes[static_cast<std::size_t>(n)];
    if (target == Target::logit) {
      std::fill(row, row + k, 0.0);
      row[c] = 1;
    } else {
      detail::log_softmax_row(z.data() + n * k, k, log_p);
      detail::log_probability_gradient(log_p, k, c, row);
    }
    std::transform(row, row + k, ds.data() + n * k, [](double v) { return static_cast<T>(v); });
  }
}

/// log softmax(row)[c] of K logits, in double.
template <class T>
double log_probability(const T* row, index_t classes, index_t c) {
  Arena::Scope scope(scratch());
  double* const log_p = scratch().take<double>(classes);
  detail::log_softmax_row(row, classes, log_p);
  return log_p[c];
}

/// S of one row of logits, in double.
template <class T>
double target_score(const T* row, index_t classes, index_t c, Target target) {
  return target == Target::logit ? static_cast<double>(row[c]) : log_probability(row, classes, c);
}

/// The number of images whose largest logit (the first, on a tie) is at the label.
template <class T>
index_t count_correct(View<const T> z, std::span<const std::uint8_t> labels) {
  check_labels(labels, z.shape());
  const index_t k = z.shape()[1];
  Arena::Scope scope(scratch());
  const double* const of_image = numbers_of_images(z.shape()[0], [&](index_t n) {
    return argmax(z.data() + n * k, k) == labels[static_cast<std::size_t>(n)] ? 1.0 : 0.0;
  });
  return std::count(of_image, of_image + whole_batch(z.shape()[0]), 1.0);
}

} // namespace sgq::ops
