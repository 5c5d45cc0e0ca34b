// sgq/quant/lsq.hpp -- LSQ: the step between levels is a parameter and learns from its own error.
//
//     c = clip(rint(w/s), -Q_N, Q_P)         w_q = s c         Q_N = 2^(k-1), Q_P = 2^(k-1) - 1
//
//     dw_q/dw = 1 inside, 0 outside          inside: -Q_N < w/s < Q_P, strictly
//     dw_q/ds = rint(w/s) - w/s inside, -Q_N or Q_P outside, times g = 1/sqrt(N Q_P)
//
// N is the number of weights that share the step (the whole tensor). Start: s = 2 E|w|/sqrt(Q_P).
// Esser et al., "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153. Grid: all 2^k codes
// of a two's complement number; has a zero. Without the range mask, clipped weights drift on. A
// step that an optimiser drives below step_floor (or negative) is raised to step_floor.
#pragma once

#include "sgq/quant/moments.hpp"
#include "sgq/quant/rounding.hpp"
#include "sgq/quant/weight_quantizer.hpp"

#include <cmath>

namespace sgq::quant {

namespace detail {

template <class T, class Round>
SGQ_INLINE void lsq_encode_row(const T* w, index_t n, T step, T low, T high, T* codes) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    T c = w[i] / step;
    c = c < low ? low : c; // clipping first gives the same code, the bounds being integers
    c = c > high ? high : c;
    codes[i] = Round::apply(c);
  }
}

/// dw += dwq inside; *dstep = dL/ds of the row, before the gradient scale. The code c is rint(u)
/// inside and the bound outside, so that both cases of dw_q/ds are c - u 1[inside].
template <class T>
SGQ_INLINE void lsq_backward_row(const T* w, const T* c, const T* dwq, index_t n, T step, T low,
                                 T high, T* dw, double* dstep) {
  kernels::LaneSum sum;
  kernels::for_lanes(n, [&](index_t i, index_t l) SGQ_INLINE_LAMBDA {
    const T u = w[i] / step, inside = static_cast<T>((u > low) & (u < high));
    sum.lane[l] += static_cast<double>(c[i] - inside * u) * static_cast<double>(dwq[i]);
    dw[i] += inside * dwq[i];
  });
  *dstep = sum.total();
}

} // namespace detail

template <class T, class Round = round_nearest>
class Lsq final : public WeightQuantizer<T> {
public:
  static constexpr double step_floor = 1e-6;

  /// Throws value_error unless 2 <= bits <= 8 (1 bit has Q_P = 0).
  explicit Lsq(int bits) : bits_(bits) { check_bits("LSQ", bits, 2); }

  std::string name() const override { return "lsq"; }
  int bits() const override { return bits_; }
  QuantRange grid() const override { return QuantRange::twos_complement(bits_); }
  bool has_step() const override { return true; }
  T usable_step(T step) const override { return std::max(step, static_cast<T>(step_floor)); }

  T initial_step(View<const T> w) const override {
    const double s = 2 * moments(w, "lsq").mean_abs / std::sqrt(grid().quant_max);
    return usable_step(static_cast<T>(s));
  }

  void quantize(View<const T> w, T step, WeightCodes<T>& out,
                std::string_view layer) const override {
    moments(w, layer); // for its check of the weights
    if (!std::isfinite(step))
      throw value_error(describe("LSQ step of layer '" + std::string(layer) + "'",
                                 "a finite number", to_text(step)));
    out.scale = out.range = usable_step(step);
    out.codes.resize(w.shape());
    parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
      kernels::for_isa<detail::lsq_encode_row<T, Round>>(w.data() + begin, end - begin, out.scale,
                                                         low(), high(), out.codes.data() + begin);
    });
  }

  T backward(View<const T> w, T, const WeightCodes<T>& codes, View<const T> dwq,
             View<T> dw) const override {
    check_gradient(w, dwq, dw);
    const index_t blocks = blocks_of(w.size(), detail::weight_block);
    Arena::Scope scope(scratch());
    double* partial = scratch().take<double>(blocks);
    parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
      kernels::for_isa<detail::lsq_backward_row<T>>(
          w.data() + begin, codes.codes.data() + begin, dwq.data() + begin, end - begin,
          codes.scale, low(), high(), dw.data() + begin, partial + begin / detail::weight_block);
    });
    double dstep = 0;
    for (index_t b = 0; b < blocks; ++b) dstep += partial[b];
    return static_cast<T>(dstep / std::sqrt(static_cast<double>(w.size()) * grid().quant_max));
  }

private:
  T low() const { return static_cast<T>(grid().quant_min); }
  T high() const { return static_cast<T>(grid().quant_max); }

  int bits_;
};

} // namespace sgq::quant
