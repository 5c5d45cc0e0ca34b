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
