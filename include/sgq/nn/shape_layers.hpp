// sgq/nn/shape_layers.hpp -- layers that move numbers and compute nothing: flatten, the residual
// addition (whose sum is evaluated by the activation after it) and the option-A shortcut.
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/ops/reduce.hpp"
#include "sgq/ops/shortcut.hpp"

namespace sgq::nn {

/// [N, C, H, W] -> [N, C H W], the same memory.
template <class T>
class Flatten final : public Layer<T> {
public:
  std::string_view kind() const override { return "flatten"; }
  void save(Fields&) const override {}
  void lower(Lowering<T>& lowering) const override { lowering.pass(); }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  bool backward_in_place() const override { return true; }

  Shape output_shape(std::span<const Shape> in) const override {
    return {in[0][0], in[0].stride()};
  }
  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    slot.out = *in[0];
    slot.out.shape = {in[0]->shape[0], in[0]->shape.stride()};
  }
  void backward(Inputs<T>, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    if (!dx[0].empty() && dx[0].data() != dy.data()) std::copy(dy.begin(), dy.end(), dx[0].begin());
  }
};

/// a + r of two values of one shape: the end of a residual block. Hands on a with r attached.
template <class T>
class Add final : public Layer<T> {
public:
  std::string_view kind() const override { return "add"; }
  void save(Fields&) const override {}
  void lower(Lowering<T>& lowering) const override { lowering.add(); }
  Gate gate() const override { return Gate::none; }
  bool backward_in_place() const override { return true; }
  Reads reads(std::size_t input) const override {
    return input == 0 ? Reads::affine : Reads::materialised;
  }

  std::size_t input_count() const override { return 2; }
  Shape output_shape(std::span<const Shape> in) const override {
    check_shape("add", in[0], in[1], "a shortcut layer fits the second to the first");
    return in[0];
  }
  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    slot.out = *in[0];
    slot.out.residual = in[1];
  }
  void backward(Inputs<T>, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    for (const View<T>& d : dx)
      if (!d.empty() && d.data() != dy.data()) ops::copy_to<T>(dy, d);
  }
};

struct ShortcutOptions {
  index_t in = 1;
  index_t out = 1;
  index_t stride = 2;
};

inline void fields(ShortcutOptions& o, Fields& f) {
  f("in", o.in);
  f("out", o.out);
  f("stride", o.stride);
}

/// The parameter-free shortcut of option A (ops/shortcut.hpp).
template <class T>
class Shortcut final : public Layer<T> {
public:
  explicit Shortcut(const ShortcutOptions& options) : options_(options) {
    if (options.in < 1 || options.out < options.in || options.stride < 1 ||
        options.stride > 1 << 20)
      throw value_error(describe("shortcut", "1 <= in <= out and a stride of 1 to 2^20",
                                 "in " + to_text(options.in) + ", out " + to_text(options.out) +
                                     ", stride " + to_text(options.stride)));
  }

  std::string_view kind() const override { return "shortcut"; }
  void save(Fields& f) const override { save_options(options_, f); }
  void lower(Lowering<T>& lowering) const override { lowering.shortcut(options_.stride); }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  const ShortcutOptions& options() const { return options_; }

  Shape output_shape(std::span<const Shape> in) const override {
    const Shape& x = in[0];
    if (x.rank() != 4 || x[1] != options_.in)
      throw shape_error(describe("shortcut", "[N, " + to_text(options_.in) + ", H, W]", x.str()));
    const index_t s = options_.stride;
    return {x[0], options_.out, (x[2] + s - 1) / s, (x[3] + s - 1) / s};
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const Signal<T>& x = *in[0];
    const Shape shape = output_shape({&x.shape, 1});
    if (x.codes) {
      slot.codes.resize(shape);
      slot.out = x;
      slot.out.shape = shape;
      slot.out.codes = slot.codes.data();
      ops::shortcut_forward<std::uint8_t>({x.codes, x.shape}, options_.stride, slot.codes);
    } else {
      const View<T> y = slot.plain(shape);
      slot.out.scale = x.scale;
      slot.out.max_code = x.max_code;
      ops::shortcut_forward<T>({x.real, x.shape}, options_.stride, y);
    }
  }

  void backward(Inputs<T>, const Slot<T>&, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    if (!dx[0].empty()) ops::shortcut_backward<T>(dy, options_.stride, dx[0]);
  }

private:
  ShortcutOptions options_;
};

} // namespace sgq::nn
