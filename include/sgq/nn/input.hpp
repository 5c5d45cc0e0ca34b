// sgq/nn/input.hpp -- layer 0 of every net: takes the images in.
//
// In a real-valued net it copies them. In a net whose first layer is quantised it turns each number
// into its pixel code, x = s (p - z_c) with p in 0..255 and an integer zero point z_c per channel,
// and hands on the integers p - z_c with the one scale s:
//
//     p = clip(rint(x / s) + z_c, 0, 255)         gradient 1 everywhere
//
// Zero padding is then exactly the code z_c, and the first layer computes on integers like the
// others.
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/nn/layer.hpp"
#include "sgq/ops/finite.hpp"

#include <cmath>

namespace sgq::nn {

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

  /// Throws value_error on a NaN or an infinity, naming its place.
  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const View<const T> x = in[0]->view();
    if (const index_t bad = ops::find_nonfinite(x); bad >= 0)
      throw value_error(describe("net input", "finite numbers",
                                 to_text(x[bad]) + " at element " +
                                     to_text(bad % x.shape().stride()) + " of image " +
                                     to_text(bad / x.shape().stride())));
    const View<T> out = slot.plain(x.shape());
    if (!grid_) {
      std::copy(x.begin(), x.end(), out.begin());
      return;
    }
    const index_t channels = x.shape()[1], plane = x.shape().plane();
    check_quant_params("net input", grid_, channels);
    std::int32_t largest = 0;
    for (index_t c = 0; c < channels; ++c) {
      const std::int32_t z = grid_.zero_point[static_cast<std::size_t>(c)];
      largest = std::max({largest, z, 255 - z});
      for (index_t n = 0; n < x.shape()[0]; ++n) {
        const index_t at = (n * channels + c) * plane;
        quantize_row(x.data() + at, plane, static_cast<T>(z), out.data() + at);
      }
    }
    slot.out.scale = static_cast<double>(grid_.scale);
    slot.out.max_code = largest;
  }

  void backward(Inputs<T>, const Slot<T>&, View<T>, Gradients<T>, bool,
                const BackwardOptions&) override {}

private:
  // p - z = clip(rint(x/s), -z, 255 - z): the zero point is an integer, so it leaves the rint.
  void quantize_row(const T* x, index_t n, T z, T* out) const {
    const T s = static_cast<T>(grid_.scale);
    for (index_t i = 0; i < n; ++i) out[i] = std::clamp(std::rint(x[i] / s), -z, T{255} - z);
  }

  QuantParams grid_;
};

} // namespace sgq::nn
