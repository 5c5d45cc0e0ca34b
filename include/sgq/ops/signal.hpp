// sgq/ops/signal.hpp -- what flows from one layer to the next.
//
// A Signal stands for a real tensor v of shape [N, C, H, W] (or [N, F]) without always storing it:
//
//     v[n][c][p] = mul[c] * u[n][c][p] + add[c] + residual[n][c][p]
//
// where u is what lies in memory: real numbers, integer accumulators, or one-byte codes. So a
// quantised convolution hands on exact integers, batch norm only changes mul and add without
// touching the tensor, a residual addition only attaches its second operand, and the activation
// that follows evaluates the whole formula once. That one place decides every bit of a quantised
// network, and batch norm and addition cost no pass over memory in any.
//
// A layer that cannot read such a formula asks for a materialised signal: plain real numbers, or
// integer codes with one scale. Signals point into a tape; they own nothing.
#pragma once

#include "sgq/core/shared_batch.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cstdint>
#include <type_traits>

namespace sgq {

template <class T>
struct Signal {
  Shape shape{0};

  // u: exactly one of the three is set.
  const T* real = nullptr;             ///< real numbers, or integers that T holds exactly
  const std::int32_t* acc = nullptr;   ///< integer accumulators too large for T
  const std::uint8_t* codes = nullptr; ///< integer codes, one byte each

  double scale = 1;                 ///< mul, where it is the same for all channels
  const T* mul = nullptr;           ///< mul per channel; replaces scale
  const T* add = nullptr;           ///< add per channel, null for none
  index_t max_code = 0;             ///< bound on |u| if u is integer, else 0
  const Signal* residual = nullptr; ///< a materialised signal of the same shape, null for none

  /// Mean and sum of squared deviations of each plane of u (ops::PlaneMoments), if the layer that
  /// made u took them.
  const double* moments = nullptr;
  /// What PACT rounded to make these numbers, in a recorded pass; null for numbers of other layers.
  const Signal* preactivation = nullptr;

  /// Integer codes and one scale: what a quantised layer computes on.
  bool is_codes() const { return max_code > 0 && !acc && !mul && !add && !residual; }
  /// Plain numbers: v is u.
  bool is_plain() const { return real && scale == 1 && !mul && !add && !residual; }
  bool is_materialised() const { return is_plain() || is_codes(); }
  /// A layer may copy the signal x and then set other numbers: drops the pre-activation that came
  /// with the copy, unless the numbers are still those of x, perhaps in another shape.
  void drop_preactivation_of(const Signal& x) {
    const bool same = real == x.real && acc == x.acc && codes == x.codes && scale == x.scale &&
                      mul == x.mul && add == x.add && residual == x.residual;
    if (preactivation == x.preactivation && !same) preactivation = nullptr;
  }

  T mul_at(index_t c) const { return mul ? mul[c] : static_cast<T>(scale); }
  /// What multiplies the residual's numbers, in the precision of all scales.
  T residual_scale() const { return residual ? static_cast<T>(residual->scale) : T{0}; }
  T add_at(index_t c) const { return add ? add[c] : T{0}; }

  index_t batch() const { return shape[0]; }
  index_t channels() const { return shape[1]; }

  /// The plain numbers. Throws value_error unless is_plain().
  View<const T> view() const {
    if (!is_plain())
      throw value_error(describe("signal", "plain numbers", "codes, or numbers yet to be scaled",
                                 "ops::materialise() makes plain ones"));
    return {real, shape};
  }
};

/// A plain signal over a tensor.
template <class T>
Signal<T> plain_signal(View<const T> x) {
  Signal<T> s;
  s.shape = x.shape();
  s.real = x.data();
  return s;
}

/// A materialised signal for all images of the batch, where ranks share it: its numbers or codes in
/// the scratch arena; of its other fields only scale and max_code hold.
template <class T>
Signal<T> gather_images(const Signal<T>& x) {
  if (!SharedBatch::current()) return x;
  const index_t images = x.batch();
  Signal<T> all{
      .shape = x.shape.with_batch(whole_batch(images)), .scale = x.scale, .max_code = x.max_code};
  if (x.codes)
    all.codes = gather_images(x.codes, images, x.shape.stride());
  else
    all.real = gather_images(x.real, images, x.shape.stride());
  return all;
}

/// Calls f with the pointer to u, whichever type it has.
template <class T, class F>
void visit_storage(const Signal<T>& s, F&& f) {
  if (s.codes)
    f(s.codes);
  else if (s.acc)
    f(s.acc);
  else
    f(s.real);
}

namespace ops {

/// The n numbers u[at ..] of a signal as X: where they lie, or converted into the buffer. So a
/// kernel is compiled for one type of numbers, not for every type that a signal may have.
template <class X, class T>
const X* read_row(const Signal<T>& s, index_t at, index_t n, X* buffer) {
  if constexpr (std::is_same_v<X, T>)
    if (s.real) return s.real + at;
  visit_storage(s, [&](auto* u) {
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) buffer[i] = static_cast<X>(u[at + i]);
  });
  return buffer;
}

/// Calls f(u, r) with a row of a signal and of its residual, r null without one. Numbers of type T,
/// with a residual of numbers or codes, are read where they lie; other pairs come as doubles.
template <class T, class F>
void visit_row(const Signal<T>& s, index_t at, index_t n, F&& f) {
  const Signal<T>* const joined = s.residual;
  if (s.real && !joined) return f(s.real + at, static_cast<const T*>(nullptr));
  if (s.real && joined->codes) return f(s.real + at, joined->codes + at);
  if (s.real && joined->real) return f(s.real + at, joined->real + at);
  Arena::Scope scope(scratch());
  const double* const u = read_row(s, at, n, scratch().take<double>(n));
  f(u, joined ? read_row(*joined, at, n, scratch().take<double>(n)) : nullptr);
}

/// Writes the plain numbers of a signal, y = v. In double: products are exact on every instruction
/// set, and the result is rounded once. y may be u itself.
template <class T>
void materialise(const Signal<T>& s, View<T> y) {
  check_shape("materialise", s.shape, y.shape());
  const index_t plane = s.shape.plane(), channels = s.channels();
  const double r_scale = static_cast<double>(s.residual_scale());
  parallel_for(s.batch(), [&](index_t n) {
    Arena::Scope scope(scratch());
    double* const u_row = scratch().take<double>(plane);
    double* const r_row = scratch().take<double>(plane);
    for (index_t c = 0; c < channels; ++c) {
      const index_t at = (n * channels + c) * plane;
      const double m = static_cast<double>(s.mul_at(c)), t = static_cast<double>(s.add_at(c));
      const double* const u = read_row(s, at, plane, u_row);
      const double* const r = s.residual ? read_row(*s.residual, at, plane, r_row) : nullptr;
      for (index_t i = 0; i < plane; ++i) {
        const double v = u[i] * m + t;
        y[at + i] = static_cast<T>(r ? v + r[i] * r_scale : v);
      }
    }
  });
}

} // namespace ops
} // namespace sgq
