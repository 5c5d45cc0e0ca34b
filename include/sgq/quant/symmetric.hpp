// sgq/quant/symmetric.hpp -- symmetric weights: the largest weight gets the largest code.
//
//     c = clip(rint(h w / max|w|), -h, h)      s_w = max|w|/h      dL/dw = dL/dw_q
//
// h = 2^(k-1) - 1, so 127 at 8 bits, which the first and the last layer of a quantised net have
// unless a policy says otherwise. Grid: zero-aligned, 2^k - 1 levels. All-zero weights give codes
// 0.
#pragma once

#include "sgq/quant/uniform.hpp"

namespace sgq::quant {

template <class T, class Round = round_nearest>
class Symmetric final : public WeightQuantizer<T> {
public:
  /// Throws value_error unless 2 <= bits <= 8.
  explicit Symmetric(int bits = 8) : bits_(bits) { check_bits("symmetric weights", bits, 2); }

  std::string name() const override { return "symmetric"; }
  int bits() const override { return bits_; }
  QuantRange grid() const override { return QuantRange::zero_aligned(bits_); }

  void quantize(View<const T> w, T, WeightCodes<T>& out, std::string_view layer) const override {
    quantize_uniform<T, Round>(w, moments(w, layer).max_abs, grid(), out);
  }

  T backward(View<const T> w, T, const WeightCodes<T>&, View<const T> dwq,
             View<T> dw) const override {
    check_gradient(w, dwq, dw);
    add_gradient(dwq, dw);
    return T(0);
  }

private:
  int bits_;
};

} // namespace sgq::quant
