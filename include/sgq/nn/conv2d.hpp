// sgq/nn/conv2d.hpp -- two-dimensional convolution, x [N, C, H, W] -> y [N, O, OH, OW].
//
//     y[n][o][i][j] = bias[o] + sum over c, r, s of
//                     w[o][c][r][s] x[n][c][i stride + r - pad][j stride + s - pad]
//
// (a cross-correlation, as everywhere in the field). With quantised weights or coded input the sum
// is made of codes and the scales stay outside:  y = (s_w s_x) A + bias,  A = sum c_w c_x.  A is
// an exact integer as long as it fits the type it is summed in: 24 bits of a float, else int32.
#pragma once

#include "sgq/kernels/conv/conv2d.hpp"
#include "sgq/kernels/conv/conv2d_forward_codes.hpp"
#include "sgq/kernels/naive.hpp"
#include "sgq/nn/layer.hpp"
#include "sgq/nn/weights.hpp"
#include "sgq/ops/batch_norm.hpp"

#include <algorithm>

namespace sgq::nn {

/// A square kernel over all input channels: no groups, no dilation.
struct Conv2dOptions {
  index_t in = 1;     ///< channels of the input
  index_t out = 1;    ///< channels of the output
  index_t kernel = 3; ///< height and width, in pixels
  index_t stride = 1; ///< pixels from window to window, both ways
  index_t pad = 0;    ///< pixels of zeros on each of the four sides
  bool bias = true;
};

inline void fields(Conv2dOptions& o, Fields& f) {
  f("in", o.in);
  f("out", o.out);
  f("kernel", o.kernel);
  f("stride", o.stride);
  f("pad", o.pad);
  f("bias", o.bias);
}

/// What the kernels are told, for an input of shape x.
inline kernels::ConvGeometry conv_geometry(const Shape& x, index_t outputs, const Window& window) {
  return {.batch = x[0],
          .in_channels = x[1],
          .in_h = x[2],
          .in_w = x[3],
          .out_channels = outputs,
          .kernel_h = window.kernel_h,
          .kernel_w = window.kernel_w,
          .stride = window.stride,
          .pad = window.pad};
}

template <class T>
class Conv2d final : public Layer<T> {
public:
  explicit Conv2d(const Conv2dOptions& options)
      : options_(check(options)),
        weights_({options.out, options.in, options.kernel, options.kernel}),
        bias_(options.bias ? Parameter<T>(ParameterGroup::bias, {options.out}) : Parameter<T>()) {}

  std::string_view kind() const override { return "conv2d"; }
  void save(Fields& f) const override { save_options(options_, f); }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  std::string precision() const override { return weights_.precision(); }
  const Conv2dOptions& options() const { return options_; }
  using Layer<T>::weights;
  Weights<T>* weights() override { return &weights_; }
  Parameter<T>& bias() { return bias_; }
  const Parameter<T>& bias() const { return bias_; }

  Window window() const {
    return {options_.kernel, options_.kernel, options_.stride, options_.pad};
  }
  void lower(Lowering<T>& lowering) const override { lowering.convolve(weights_, bias_, window()); }

  Shape output_shape(std::span<const Shape> in) const override {
    const Shape& x = in[0];
    if (x.rank() != 4 || x[1] != options_.in)
      throw shape_error(describe("conv2d", "[N, " + to_text(options_.in) + ", H, W]", x.str(),
                                 "the number of input channels is option .in"));
    if (x[2] + 2 * options_.pad < options_.kernel || x[3] + 2 * options_.pad < options_.kernel)
      throw shape_error(describe(
          "conv2d", "an image no smaller than the kernel of " + to_text(options_.kernel), x.str()));
    const kernels::ConvGeometry g = geometry(x);
    return {x[0], options_.out, g.out_h(), g.out_w()};
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& x = *in[0];
    const kernels::ConvGeometry g = geometry(x.shape);
    const Shape shape{g.batch, g.out_channels, g.out_h(), g.out_w()};
    const T* bias = bias_.empty() ? nullptr : bias_.value().data();
    const double bound = weights_.accumulator_bound(x.max_code);
    check_accumulator(bound);
    if (!mode.training && !holds_integers_to<T>(bound)) {
      slot.acc.resize(shape);
      slot.out = Signal<T>{.shape = shape, .acc = slot.acc.data()};
      if (!sum_bytes(x, g, slot.acc.data())) sum_integers(x, g, slot.acc.data());
    } else {
      const View<T> y = slot.plain(shape);
      const bool real = x.is_plain() && !weights_.quantized(); // bias goes into the sum
      const kernels::Epilogue<T> epilogue{.row_bias = real ? bias : nullptr};
      ops::PlaneMoments<T> take_moments{y.data(), shape[1], shape.plane(), nullptr};
      kernels::EpilogueCallback after;
      if (mode.training && slot.wants_moments) {
        slot.moments.resize({shape[0], shape[1], 2});
        slot.out.moments = take_moments.to = slot.moments.data();
        after = take_moments;
      }
      if (!holds_integers_to<T>(bound) || !sum_bytes(x, g, y.data(), after))
        visit_input(x, [&](auto input) {
          kernels::conv2d_forward<T>(g, input, weights_.operand(), y.data(), epilogue, after);
        });
      if (real) return;
    }
    slot.out.scale = x.scale * weights_.scale();
    slot.out.add = bias;
    if (slot.out.acc || holds_integers_to<T>(bound)) // else T has rounded the sums, in training
      slot.out.max_code = static_cast<index_t>(bound);
  }

  void backward(Inputs<T> in, const Slot<T>&, View<T> dy, Gradients<T> dx, bool want_params,
                const BackwardOptions&) override {
    const Signal<T>& x = *in[0];
    const kernels::ConvGeometry g = geometry(x.shape);
    if (want_params) {
      if (!bias_.empty()) ops::add_channel_sums<T>(dy, bias_.grad());
      weights_.add_gradient([&](View<T> dw, T beta) {
        visit_input(x, [&](auto input) {
          kernels::conv2d_backward_weight<T>(g, dy.data(), input, dw.data(),
                                             static_cast<T>(x.scale), beta);
        });
      });
    }
    if (!dx[0].empty())
      kernels::conv2d_backward_input<T>(g, dy.data(), weights_.operand(), dx[0].data(),
                                        static_cast<T>(weights_.scale()));
  }

  void collect(std::vector<NamedParameter<T>>& out) override {
    weights_.collect(out);
    if (!bias_.empty()) out.push_back({"bias", &bias_});
  }
  void parameters_changed(std::string_view name) override { weights_.quantize(name); }

private:
  kernels::ConvGeometry geometry(const Shape& x) const {
    return conv_geometry(x, options_.out, window());
  }
  static const Conv2dOptions& check(const Conv2dOptions& o) {
    if (o.in < 1 || o.out < 1 || o.kernel < 1 || o.stride < 1 || o.pad < 0 ||
        std::max({o.kernel, o.stride, o.pad}) > 1 << 20) // no extent overflows
      throw value_error(describe(
          "conv2d", "channels >= 1, kernel and stride of 1 to 2^20, pad of 0 to 2^20",
          "in " + to_text(o.in) + ", out " + to_text(o.out) + ", kernel " + to_text(o.kernel) +
              ", stride " + to_text(o.stride) + ", pad " + to_text(o.pad)));
    return o;
  }

  // Computes the sums by byte products; false where the machine has none that pay. Y must hold the
  // sums.
  template <class Y>
  bool sum_bytes(const Signal<T>& x, const kernels::ConvGeometry& g, Y* y,
                 kernels::EpilogueCallback after = {}) const {
    if constexpr (std::is_same_v<T, float>) {
      const std::int32_t pair_bound = x.codes ? weights_.pair_bound(x.max_code) : 0;
      return pair_bound > 0 &&
             kernels::conv2d_forward_codes(g, x.codes, weights_.operand(), pair_bound, y, after);
    }
    return false;
  }

  // Sums that T cannot hold and that are not byte products are rare, so plain loops suffice.
  void sum_integers(const Signal<T>& x, const kernels::ConvGeometry& g, std::int32_t* y) const {
    Arena::Scope scope(scratch());
    const std::int32_t* w = weights_.integers(scratch());
    visit_integers(x, scratch(), [&]<class X>(const X* codes) {
      parallel_for(g.batch, [&](index_t n) {
        kernels::ConvGeometry image = g;
        image.batch = 1;
        kernels::naive::conv2d_forward<std::int32_t>(image, codes + n * g.in_size(), w,
                                                     y + n * g.out_size());
      });
    });
  }

  // Calls f with the input as the kernels take it.
  template <class F>
  static void visit_input(const Signal<T>& x, F&& f) {
    if (x.codes)
      f(x.codes);
    else
      f(x.real);
  }

  Conv2dOptions options_;
  Weights<T> weights_;
  Parameter<T> bias_;
};

} // namespace sgq::nn
