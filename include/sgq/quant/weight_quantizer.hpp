// sgq/quant/weight_quantizer.hpp -- the interface of everything that turns weights into integers.
//
// A quantiser maps a weight tensor w (any shape, one scale per tensor) to integer codes c and a
// scale s with w_q = s c, and maps dL/dw_q back to dL/dw by its straight-through rule. It is a
// stateless const object: layers share it, tests call it alone. To add one, derive from
// WeightQuantizer and hand it to nn::quantize(). name() goes into model files as
// part of a layer's precision, so two rules need two names.
//
//   scheme             levels at k bits      codes                  zero  scale
//   DoReFa             2^k                   odd, |c| <= n          no    1/n
//   DoReFa, rescaled   2^k                   odd, |c| <= n          no    rms(w)/rms(c)
//   SAWB, no zero      2^k                   odd, |c| <= n          no    alpha_w/n
//   SAWB, zero-aligned 2^k - 1               |c| <= 2^(k-1) - 1     yes   alpha_w/(2^(k-1) - 1)
//   LSQ                2^k                   -2^(k-1)..2^(k-1) - 1  yes   the learned step
//   symmetric          2^k - 1               |c| <= 2^(k-1) - 1     yes   max|w|/(2^(k-1) - 1)
//
// A grid without a zero has an even number of levels, at c = 2q - n for q in {0..n}: the odd codes
// do not fit k bits as they are, and are stored as q - 2^(k-1) = (c - 1)/2, which does.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/quant/bits.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace sgq::quant {

/// The integer codes that a quantiser can produce.
struct QuantRange {
  int levels;    ///< how many codes there are
  int quant_min; ///< the lowest
  int quant_max; ///< the highest
  bool has_zero; ///< false: odd codes only

  /// 2^k odd codes -n, -n + 2, .. n.
  static constexpr QuantRange odd(int bits) {
    return {1 << bits, -quant::max_code(bits), quant::max_code(bits), false};
  }
  /// 2^k - 1 codes around zero.
  static constexpr QuantRange zero_aligned(int bits) {
    const int high = quant::max_code(bits - 1);
    return {2 * high + 1, -high, high, true};
  }
  /// All 2^k codes of a two's complement number.
  static constexpr QuantRange twos_complement(int bits) {
    return {1 << bits, -(1 << (bits - 1)), quant::max_code(bits - 1), true};
  }

  constexpr bool operator==(const QuantRange&) const = default;
};

/// Quantised weights: w_q = scale * codes.
template <class T>
struct WeightCodes {
  Tensor<T> codes; ///< integers (real numbers under the identity policy), the shape of w
  T scale{};       ///< positive
  T range{};       ///< for the quantiser's own backward: M, alpha_w, max|w|; LSQ's step
};

/// *count = how many of n codes the grid does not have.
template <class T>
SGQ_INLINE void count_off_grid(const T* codes, index_t n, QuantRange grid, index_t* count) {
  const T low = static_cast<T>(grid.quant_min), high = static_cast<T>(grid.quant_max);
  const T shift = grid.has_zero ? T{0} : T{1}, per_level = grid.has_zero ? T{1} : T{0.5};
  T bad = 0; // exact in any order up to 2^24, where a float stays; only 0 or not matters
  SGQ_OMP(simd reduction(+ : bad))
  for (index_t i = 0; i < n; ++i) {
    const T c = codes[i], level = (c - shift) * per_level;
    bad += static_cast<T>(!((c >= low) & (c <= high) & (level == std::rint(level))));
  }
  *count = bad > 0 ? static_cast<index_t>(bad) : 0;
}

/// Throws shape_error unless the three have one shape.
template <class T>
void check_gradient(View<const T> w, View<const T> dwq, View<T> dw) {
  check_shape("weight quantiser: dwq", w.shape(), dwq.shape());
  check_shape("weight quantiser: dw", w.shape(), dw.shape());
}

template <class T>
class WeightQuantizer {
public:
  virtual ~WeightQuantizer() = default;

  virtual std::string name() const = 0; ///< "sawb", "dorefa", ..
  virtual int bits() const = 0;
  virtual QuantRange grid() const = 0;

  /// True where the layer's gain does not follow its weights (plain DoReFa: the largest |w_q| is
  /// always 1), so that only a layer followed by batch norm trains well.
  virtual bool needs_batch_norm() const { return false; }

  /// True where the scale is a learnable step (LSQ), which the layer owns as a parameter.
  virtual bool has_step() const { return false; }
  /// What a step is raised to where an optimiser has moved it too far; itself otherwise.
  virtual T usable_step(T step) const { return step; }
  /// The first value of that step; 1 without one.
  virtual T initial_step(View<const T>) const { return T(1); }

  /// Codes and scale of w; `step` is read only where has_step(). Throws value_error, naming
  /// `layer`, on a NaN or infinite weight or step, and on all-zero weights where the grid has no
  /// zero (elsewhere they give codes 0).
  virtual void quantize(View<const T> w, T step, WeightCodes<T>& out,
                        std::string_view layer) const = 0;

  /// dw += the straight-through gradient for dL/dw_q = dwq; returns dL/dstep (0 without a step).
  /// `codes` is what quantize made of the same w and step.
  virtual T backward(View<const T> w, T step, const WeightCodes<T>& codes, View<const T> dwq,
                     View<T> dw) const = 0;
};

} // namespace sgq::quant
