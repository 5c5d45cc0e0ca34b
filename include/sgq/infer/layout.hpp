// sgq/infer/layout.hpp -- how the engine keeps a value: channels last, with the border that the
// layers after it will read, codes in one byte.
//
//     [image][pad + H + pad][pad + W + pad][C]
//
// Sums of codes that a byte cannot hold (average pooling) take four bytes and have no border.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/infer/arena_plan.hpp"
#include "sgq/infer/graph.hpp"

#include <cstring>

namespace sgq::infer {

struct Layout {
  index_t channels = 0, height = 0, width = 0, pad = 0;
  bool wide = false;   ///< int32 elements
  bool absent = false; ///< never stored: pooled before it is written

  index_t row() const { return (width + 2 * pad) * channels; }
  index_t image() const { return (height + 2 * pad) * row(); } ///< elements
  /// Bytes of an image, with room to read a little further than its end.
  index_t bytes() const { return absent ? 0 : round_up(image() * (wide ? 4 : 1) + 64, 64); }
  /// The first element of pixel (i, j).
  index_t at(index_t i, index_t j) const { return (pad + i) * row() + (pad + j) * channels; }
};

/// Layouts of all values; borders as wide as the widest padding among their readers.
inline std::vector<Layout> make_layouts(const Graph& graph) {
  std::vector<Layout> layouts;
  for (Value v = 0; v <= graph.last(); ++v) {
    const Shape& s = graph.shape(v);
    layouts.push_back({.channels = s[1], .height = s[2], .width = s[3]});
    layouts[v].wide = graph.max_code(v) > 255 || graph.max_code(v) == 0;
  }
  for (const Step& s : graph.steps) {
    Layout& in = layouts[s.input];
    if (!in.wide) in.pad = std::max(in.pad, s.pad);
  }
  return layouts;
}

/// Writes the border of an image of codes: the zero code of each channel, or 0 where zero is null.
inline void fill_border(const Layout& l, const std::uint8_t* zero, std::uint8_t* image) {
  if (l.pad == 0) return;
  const index_t row = l.row(), side = l.pad * l.channels;
  const auto fill = [&](std::uint8_t* at, index_t n) {
    if (!zero)
      std::memset(at, 0, static_cast<std::size_t>(n));
    else
      for (index_t i = 0; i < n; ++i) at[i] = zero[i % l.channels];
  };
  fill(image, l.pad * row);
  for (index_t i = 0; i < l.height; ++i) {
    std::uint8_t* line = image + (l.pad + i) * row;
    fill(line, side);
    fill(line + row - side, side);
  }
  fill(image + (l.pad + l.height) * row, l.pad * row);
}

/// Channel planes [C, H, W] to an image with its border, and back.
inline void to_channels_last(const Layout& l, const std::uint8_t* planes, const std::uint8_t* zero,
                             std::uint8_t* image) {
  for (index_t c = 0; c < l.channels; ++c)
    for (index_t i = 0; i < l.height; ++i)
      for (index_t j = 0; j < l.width; ++j) image[l.at(i, j) + c] = *planes++;
  fill_border(l, zero, image);
}

template <class X>
void to_planes(const Layout& l, const X* image, std::int32_t* planes) {
  for (index_t c = 0; c < l.channels; ++c)
    for (index_t i = 0; i < l.height; ++i)
      for (index_t j = 0; j < l.width; ++j)
        *planes++ = static_cast<std::int32_t>(image[l.at(i, j) + c]);
}

} // namespace sgq::infer
