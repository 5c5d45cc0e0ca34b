// sgq/ops/fill.hpp -- replaces marked positions of images: noise, a mean, a constant, a blur.
//
//     x, out [N,C,H,W]    mask [N,H,W], nonzero = replace, in all channels
//
//     uniform     min + (max - min) u, u in [0, 1), min and max of that image and channel
//     mean        the mean of that image and channel
//     constant    a value of the caller's, per channel
//     blur        the image under a Gaussian of `sigma` pixels, cut at 3 sigma; at the border the
//                 weights that fall inside are normalised
//
// Where images are pixel codes, x = scale (p - zero_point[c]), give that grid: uniform then draws
// integer codes in {p_min .. p_max} and every other fill is rounded to the nearest code, so that a
// quantised first layer sees nothing that it cannot represent.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/core/quant_params.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sgq::ops {

enum class Fill { uniform, mean, constant, blur };

struct FillOptions {
  Fill fill = Fill::uniform;
  std::vector<float> value{}; ///< of constant: one per channel, or one for all, in input units
  double sigma = 3;           ///< of blur, in pixels
  QuantParams grid{};
};

namespace detail {

/// Blurs one plane [H,W]: rows, then columns. `out` may not be `x`.
template <class T>
void blur_plane(const T* x, index_t height, index_t width, double sigma, T* out) {
  const auto radius = static_cast<index_t>(std::ceil(3 * sigma));
  Arena::Scope scope(scratch());
  double* weight = scratch().take<double>(radius + 1);
  double* rows = scratch().take<double>(height * width);
  for (index_t j = 0; j <= radius; ++j) {
    const double z = static_cast<double>(j) / sigma;
    weight[j] = math::exp(-z * z / 2);
  }
  // One line of n elements, `step` apart, around element i.
  const auto around = [&](const auto* line, index_t n, index_t step, index_t i) {
    double sum = 0, total = 0;
    for (index_t j = std::max(index_t{0}, i - radius); j <= std::min(n - 1, i + radius); ++j) {
      const double w = weight[std::abs(i - j)];
      sum = std::fma(w, static_cast<double>(line[j * step]), sum);
      total += w;
    }
    return sum / total;
  };
  for (index_t h = 0; h < height; ++h)
    for (index_t w = 0; w < width; ++w) rows[h * width + w] = around(x + h * width, width, 1, w);
  for (index_t h = 0; h < height; ++h)
    for (index_t w = 0; w < width; ++w)
      out[h * width + w] = static_cast<T>(around(rows + w, height, width, h));
}

/// Position i of the plane draws random.bits(channel * plane + i); a block gives four of them.
template <class T>
void fill_uniform(const T* x, const std::uint8_t* mask, index_t plane, index_t channel,
                  const QuantParams& grid, const Random& random, T* out) {
  const auto [lowest, highest] = std::minmax_element(x, x + plane);
  const T min = *lowest;
  const double range = static_cast<double>(*highest - *lowest);
  const index_t code = grid ? grid.code(min, channel) : 0;
  const index_t codes = grid ? grid.code(*highest, channel) - code + 1 : 0;
  const auto draw = [&](std::uint32_t bits) {
    if (!grid) // of floats, an exact product
      return static_cast<T>(static_cast<double>(min) + range * ((bits >> 8) * 0x1p-24));
    const std::uint64_t k = std::uint64_t{bits} * static_cast<std::uint64_t>(codes) >> 32;
    return grid.value<T>(code + static_cast<index_t>(k), channel);
  };
  for (index_t i = 0; i < plane;) {
    const index_t position = channel * plane + i;
    const auto words = random.four_bits(position / 4);
    for (auto k = static_cast<std::size_t>(position % 4); k < 4 && i < plane; ++k, ++i) {
      const T drawn = draw(words[k]); // drawn even if unused: a branch on the mask would cost more
      out[i] = mask[i] != 0 ? drawn : x[i];
    }
  }
}

/// One channel of one image; `random` belongs to the image. out may be x: before the first
/// write, x has been read except for the element being written.
template <class T>
void fill_plane(const T* x, const std::uint8_t* mask, const Shape& shape, index_t channel,
                const FillOptions& options, const Random& random, T* out) {
  const index_t plane = shape.plane();
  const QuantParams& grid = options.grid;
  const auto snap = [&](T v) { return grid ? grid.value<T>(grid.code(v, channel), channel) : v; };
  const auto replace = [&](const auto& value_at) {
    for (index_t i = 0; i < plane; ++i) out[i] = mask[i] != 0 ? value_at(i) : x[i];
  };
  switch (options.fill) {
  case Fill::uniform:
    return fill_uniform(x, mask, plane, channel, grid, random, out);
  case Fill::mean: {
    double sum = 0;
    for (index_t i = 0; i < plane; ++i) sum += static_cast<double>(x[i]);
    const T mean = snap(static_cast<T>(sum / static_cast<double>(plane)));
    return replace([&](index_t) { return mean; });
  }
  case Fill::constant: {
    const std::vector<float>& values = options.value;
    const T v = snap(static_cast<T>(values[static_cast<std::size_t>(channel) % values.size()]));
    return replace([&](index_t) { return v; });
  }
  case Fill::blur: {
    Arena::Scope scope(scratch());
    T* blurred = scratch().take<T>(plane);
    blur_plane(x, shape[2], shape[3], options.sigma, blurred);
    return replace([&](index_t i) { return snap(blurred[i]); });
  }
  }
}

inline void check_fill(const Shape& x, const FillOptions& options) {
  if (x.rank() != 4) throw shape_error(describe("fill", "images [N, C, H, W]", x.str()));
  const auto channels = static_cast<std::size_t>(x[1]);
  const std::size_t values = options.value.size();
  if (options.fill == Fill::constant && values != 1 && values != channels)
    throw value_error(describe("constant fill",
                               "one value, or one for each of " + to_text(channels) + " channels",
                               to_text(values)));
  for (float v : options.value)
    if (!std::isfinite(v))
      throw value_error(describe("constant fill", "finite values", to_text(v)));
  if (options.fill == Fill::blur && !(options.sigma > 0 && options.sigma < 1e6))
    throw value_error(describe("blur fill", "sigma > 0 and below 1e6", to_text(options.sigma)));
  if (options.grid) check_quant_params("fill", options.grid, x[1]);
}

} // namespace detail

/// Writes x with its marked positions replaced to out, which may be x itself. A random number
/// depends on `random`, the image's index in the global batch, the channel and the position only.
/// Throws shape_error or value_error where options or shapes do not fit.
template <class T>
void fill_masked(View<const T> x, View<const std::uint8_t> mask, const FillOptions& options,
                 const ImageRandom& random, View<T> out) {
  const Shape& s = x.shape();
  detail::check_fill(s, options);
  check_shape("fill: mask", {s[0], s[2], s[3]}, mask.shape());
  check_shape("fill: output", s, out.shape());
  const index_t channels = s[1], plane = s.plane();
  if (plane == 0) return;
  parallel_for(s[0], [&](index_t n) {
    const Random own = random(n);
    for (index_t c = 0; c < channels; ++c) {
      const index_t at = (n * channels + c) * plane;
      detail::fill_plane(x.data() + at, mask.data() + n * plane, s, c, options, own,
                         out.data() + at);
    }
  });
}

/// The same for every position of every image.
template <class T>
void fill_all(View<const T> x, const FillOptions& options, const ImageRandom& random, View<T> out) {
  detail::check_fill(x.shape(), options);
  Arena::Scope scope(scratch());
  const Shape mask_shape{x.shape()[0], x.shape()[2], x.shape()[3]};
  const View<std::uint8_t> all(scratch().take<std::uint8_t>(mask_shape.size()), mask_shape);
  all.fill(1);
  fill_masked<T>(x, all, options, random, out);
}

} // namespace sgq::ops
