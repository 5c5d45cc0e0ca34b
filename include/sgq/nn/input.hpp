// sgq/nn/input.hpp -- layer 0 of every net: takes the images in.
//
// In a real-valued net it copies them. In a net whose first layer is quantised it turns each number
// into its pixel code, x = s (p - z_c) with p in 0..255 and an integer zero point z_c per channel,
// and hands on the integers p - z_c with the one scale s:
//
//     p = clip(rint(x / s) + z_c, 0, 255)         gradient 1 everywhere
//
// Zero padding is then exactly the code z_c, and the first layer computes on integers like the
// others. Such a net also takes the pixel codes p themselves.
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/kernels/simd/decode.hpp"
#include "sgq/nn/layer.hpp"
#include "sgq/ops/finite.hpp"
#include "sgq/quant/rounding.hpp"

#include <algorithm>

namespace sgq::nn {

namespace detail {
/// p - z = clip(rint(x / s), -z, 255 - z): z is an integer, so it can leave the rint.
template <class T>
SGQ_INLINE void quantize_row(const T* x, index_t n, T s, T z, T* out) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) {
    const T p = quant::round_nearest::apply(x[i] / s), low = -z, high = T{255} - z;
    out[i] = p < low ? low : p > high ? high : p;
  }
}

} // namespace detail

template <class T>
class Input final : public Layer<T> {
public:
  std::string_view kind() const override { return "input"; }
  Gate gate() const override { return Gate::none; }
  std::string precision() const override {
    if (!grid_) return {};
    std::string text = "pixel codes, scale " + to_text(grid_.scale) + ", zero";
    for (std::int32_t z : grid_.zero_point) text += " " + to_text(z);
    return text;
  }

  /// Quantises the images from now on. Throws value_error on a scale <= 0 or a code outside 0..255.
  void set_grid(QuantParams grid) {
    check_quant_params("net input", grid, grid.channels());
    grid_ = std::move(grid);
  }
  void clear_grid() { grid_ = {}; }
  const QuantParams& grid() const { return grid_; }

  void lower(Lowering<T>& lowering) const override { lowering.input(grid_); }

  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }

  /// Reads numbers or, where there are parameters, pixel codes. Throws value_error on a NaN or an
  /// infinity, naming its place, on numbers far outside of the grid, and on pixel codes without
  /// parameters.
  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const Signal<T>& x = *in[0];
    if (!x.codes) check_finite(x.view());
    const View<T> out = slot.plain(x.shape);
    if (!grid_) {
      if (x.codes)
        throw value_error(describe("net input", "numbers", "pixel codes",
                                   "quantize() gives the input its quantisation parameters"));
      std::copy(x.real, x.real + out.size(), out.begin());
      return;
    }
    const index_t channels = x.shape[1], plane = x.shape.plane();
    check_quant_params("net input", grid_, channels);
    if (!x.codes) check_normalized("net input", x.view(), grid_);
    parallel_for(x.shape[0] * channels, [&](index_t p) {
      const auto zero = static_cast<T>(grid_.zero_point[static_cast<std::size_t>(p % channels)]);
      T* const to = out.data() + p * plane;
      if (x.codes)
        kernels::for_isa<kernels::decode_row<T>>(x.codes + p * plane, zero, plane, to);
      else
        kernels::for_isa<detail::quantize_row<T>>(x.real + p * plane, plane,
                                                  static_cast<T>(grid_.scale), zero, to);
    });
    slot.out.scale = static_cast<double>(grid_.scale);
    for (std::int32_t z : grid_.zero_point)
      slot.out.max_code = std::max<index_t>({slot.out.max_code, z, 255 - z});
  }

  void backward(Inputs<T>, const Slot<T>&, View<T>, Gradients<T>, bool,
                const BackwardOptions&) override {}

private:
  static void check_finite(View<const T> x) {
    if (const index_t bad = ops::find_nonfinite(x); bad >= 0)
      throw value_error(describe("net input", "finite numbers",
                                 to_text(x[bad]) + " at element " +
                                     to_text(bad % x.shape().stride()) + " of image " +
                                     to_text(bad / x.shape().stride())));
  }

  QuantParams grid_;
};

} // namespace sgq::nn
