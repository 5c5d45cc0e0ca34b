// sgq/quant/symmetric.hpp -- 8-bit symmetric weights: the largest weight gets the largest code.
//
//     c = clip(rint(127 w / max|w|), -127, 127)      s_w = max|w|/127      dL/dw = dL/dw_q
//
// Used for the first and the last layer of a quantised net. Grid: zero-aligned, 2^k - 1 levels,
// so codes fit int8. All-zero weights give codes 0.
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
