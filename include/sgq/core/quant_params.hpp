// sgq/core/quant_params.hpp -- pixel codes and network input: x = scale (p - zero_point[c]), p in
// 0..255.
//
// The zero point of a channel is an integer, zero_point[c] = round(255 mean_c), and one scale
// 1 / (255 std) serves all channels (std is the mean of the channels' deviations). So zero padding
// is exactly the pixel code zero_point[c], and an 8-bit first layer can compute on the codes
// themselves:
//
//     sum w x = scale (sum w p - sum w zero)         p, zero integers
//
// A data set is normalised by its grid, the input layer of a quantised net turns numbers back into
// codes with it, and every fill or background of saliency is a code of it.
#pragma once

#include "sgq/core/error.hpp"
#include "sgq/core/shape.hpp"
#include "sgq/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sgq {

struct QuantParams {
  float scale = 1; ///< input units per code
  std::vector<std::int32_t>
      zero_point{}; ///< the code that means 0, per channel; empty: no grid at all

  explicit operator bool() const { return !zero_point.empty(); }
  index_t channels() const { return static_cast<index_t>(zero_point.size()); }

  /// The input that a code stands for; the difference is an exact integer, the product rounds once.
  template <class T>
  T value(index_t code, index_t channel) const {
    return static_cast<T>(scale) *
           static_cast<T>(code - zero_point[static_cast<std::size_t>(channel)]);
  }
  /// The nearest code, clipped to 0..255. x is finite.
  template <class T>
  index_t code(T x, index_t channel) const {
    const T p = std::rint(x / static_cast<T>(scale)) +
                static_cast<T>(zero_point[static_cast<std::size_t>(channel)]);
    return static_cast<index_t>(std::clamp(p, T{0}, T{255}));
  }

  bool operator==(const QuantParams&) const = default;
};

/// "scale 0.0127, zero points 33, 30, 31"
inline std::string to_text(const QuantParams& grid) {
  std::string text = "scale " + to_text(grid.scale);
  for (std::size_t i = 0; i < grid.zero_point.size(); ++i)
    text += (i ? ", " : ", zero points ") + to_text(grid.zero_point[i]);
  return text;
}

/// Throws value_error where x [N, C, H, W] lies more than four times the grid's width outside of
/// it, as pixels of 0..255 do that nobody normalised. What lies nearer is clipped: noise may be
/// large. Pixels of 0..1 are not noticed.
template <class T>
void check_normalized(std::string_view what, View<const T> x, const QuantParams& grid) {
  const index_t plane = x.shape().plane(), channels = x.shape()[1];
  for (index_t p = 0; p < x.shape()[0] * channels; ++p) {
    const T low = grid.value<T>(-1020, p % channels), high = grid.value<T>(1275, p % channels);
    for (index_t i = p * plane; i < (p + 1) * plane; ++i)
      if (!(x[i] >= low && x[i] <= high))
        throw value_error(describe(std::string(what) + ", normalised by " + to_text(grid),
                                   "numbers near " + to_text(grid.value<T>(0, p % channels)) +
                                       " to " + to_text(grid.value<T>(255, p % channels)),
                                   to_text(x[i]), "data::normalize() makes them from pixel codes"));
  }
}

/// Throws value_error unless there is a positive scale and, for each of `channels` channels, a zero
/// point in 0..255.
inline void check_quant_params(std::string_view what, const QuantParams& grid, index_t channels) {
  const auto fail = [&](const std::string& expected, const std::string& got) {
    throw value_error(describe(std::string(what) + ": pixel grid", expected, got));
  };
  if (!(grid.scale > 0 && std::isfinite(grid.scale))) fail("a positive scale", to_text(grid.scale));
  if (grid.channels() != channels)
    fail(to_text(channels) + (channels == 1 ? " zero point" : " zero points, one per channel"),
         to_text(grid.zero_point.size()));
  for (std::int32_t z : grid.zero_point)
    if (z < 0 || z > 255) fail("zero points in 0..255", to_text(z));
}

} // namespace sgq
