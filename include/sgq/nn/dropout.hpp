// sgq/nn/dropout.hpp -- dropout in training passes, nothing in evaluation.
//
// The mask lies on the tape, so the backward pass of the same tape uses the same one; it comes from
// Mode::train(random) and is the same for every thread count.
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/ops/dropout.hpp"

namespace sgq::nn {

template <class T>
class Dropout final : public Layer<T> {
public:
  /// p: the probability of a zero, in [0, 1): 0, or 2^-17 to 1 - 2^-16, since masks are drawn with
  /// 16 bits.
  explicit Dropout(double p) : p_(p) {
    if (!(p >= 0 && p <= 1 - 0x1p-16 && (p == 0 || p >= 0x1p-17)))
      throw value_error(
          describe("dropout", "0, or a probability from 2^-17 to 1 - 2^-16", to_text(p)));
  }

  std::string_view kind() const override { return "dropout"; }
  void save(Fields& f) const override {
    double p = p_;
    f("p", p);
  }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  bool backward_in_place() const override { return true; }
  void lower(Lowering<T>& lowering) const override { lowering.pass(); }
  double p() const { return p_; }

  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& x = *in[0];
    slot.out = x; // in evaluation the same numbers at the same place
    slot.training = mode.training && mode.dropout && p_ > 0;
    if (!slot.training) return;
    slot.bytes.resize(x.shape);
    ops::dropout_mask(p_, mode.random, slot.bytes);
    const double factor = 1 / (1 - p_);
    if (x.codes) {
      slot.codes.resize(x.shape);
      ops::mask<std::uint8_t>({x.codes, x.shape}, slot.bytes, 1, slot.codes);
      slot.out.codes = slot.codes.data();
      slot.out.scale = x.scale * factor;
    } else {
      slot.real.resize(x.shape);
      const bool plain = x.is_plain();
      ops::mask<T>({x.real, x.shape}, slot.bytes, plain ? static_cast<T>(factor) : T{1}, slot.real);
      slot.out.real = slot.real.data();
      if (!plain) slot.out.scale = x.scale * factor;
    }
  }

  void backward(Inputs<T>, const Slot<T>& slot, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    if (dx[0].empty()) return;
    if (slot.training)
      ops::mask<T>(dy, slot.bytes, static_cast<T>(1 / (1 - p_)), dx[0]);
    else if (dx[0].data() != dy.data())
      std::copy(dy.begin(), dy.end(), dx[0].begin());
  }

private:
  double p_;
};

} // namespace sgq::nn
