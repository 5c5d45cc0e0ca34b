// sgq/kernels/conv/conv2d_forward_codes.hpp -- the forward product of a convolution of codes with
// small integer weights, by products of bytes.
//
// It works as conv2d_forward() does, with quads of channels instead of channels: an image's codes
// become planes of quads, these are copied and shifted, and tiles of kernels/int8/quad_product.hpp
// read the copies. There are a quarter as many planes and copies.
#pragma once

#include "sgq/kernels/conv/conv2d_forward.hpp"
#include "sgq/kernels/int8/quad_tiles.hpp"

namespace sgq::kernels {

namespace detail {

/// Panels of weights [rows][k] for tiles of mr rows, where w is [rows][channels][taps].
inline const std::uint32_t* pack_quads(const float* w, index_t rows, index_t channels, index_t taps,
                                       index_t mr) {
  const index_t k = blocks_of(channels, 4) * taps;
  std::uint32_t* const panels = scratch().take<std::uint32_t>(round_up(rows, mr) * k);
  Arena::Scope scope(scratch());
  std::uint32_t* const quads = scratch().take<std::uint32_t>(rows * k);
  for (index_t o = 0; o < rows; ++o)
    for_isa<make_quads<float>>(w + o * channels * taps, channels, taps, quads + o * k);
  Operand<std::uint32_t>{quads, k, 1}.pack(0, rows, 0, k, mr, panels);
  return panels;
}

/// The first m rows and n columns of C; x.c need not have room for more.
template <class Y>
void run_quad_tile(const QuadTile<Y>& tile, const QuadProduct<Y>& x, index_t m, index_t n) {
  const index_t vectors = 1 + (n > tile.lanes) + (n > 2 * tile.lanes);
  const auto run = tile.run[vectors - 1];
  if (m == tile.mr && n == vectors * tile.lanes) return run(x);
  alignas(64) Y whole[max_quad_tile];
  QuadProduct<Y> part = x;
  part.c = whole;
  part.ldc = tile.nr;
  run(part);
  for (index_t i = 0; i < m; ++i) std::copy_n(whole + i * tile.nr, n, x.c + i * x.ldc);
}

template <class Y>
void conv2d_forward_codes(const ConvGeometry& g, const std::uint8_t* x, const float* w,
                          std::int32_t pair_bound, const QuadTile<Y>& tile, Y* y,
                          EpilogueCallback after) {
  Arena::Scope scope(scratch());
  ConvGeometry quads = g;
  quads.in_channels = blocks_of(g.in_channels, 4);
  const index_t k = quads.filter_size(), m = g.out_channels;
  const index_t steps = INT16_MAX / std::max(pair_bound, 1);
  const std::uint32_t* const a = pack_quads(w, m, g.in_channels, g.taps(), tile.mr);
  const auto read = [&](index_t n) {
    std::uint32_t* const planes = scratch().take<std::uint32_t>(quads.in_size());
    for_isa<make_quads<std::uint8_t>>(x + n * g.in_size(), g.in_channels, g.in_plane(), planes);
    return planes;
  };
  const auto multiply = [&](const std::uint32_t* copies, const index_t* b_row, index_t pixels,
                            index_t at) {
    for (index_t j = 0; j < pixels; j += tile.nr)
      for (index_t i = 0; i < m; i += tile.mr)
        run_quad_tile(tile,
                      {.k = k,
                       .a = a + i * k,
                       .b = copies + j,
                       .b_row = b_row,
                       .c = y + at + i * g.out_plane() + j,
                       .ldc = g.out_plane(),
                       .steps = steps},
                      std::min(tile.mr, m - i), std::min(tile.nr, pixels - j));
  };
  for_each_band<std::uint32_t>(quads, tile.nr, read, multiply, after);
}

} // namespace detail

/// y = conv(x, w) for codes x and weights w that are integers within a byte, exactly if Y, float
/// or int32_t, holds every sum. pair_bound is at least the largest |x w + x' w'|. False, and
/// nothing is done, where conv2d_forward() serves better. Padding is the code 0. w: OIHW, x and y:
/// NCHW.
template <class Y>
bool conv2d_forward_codes(const ConvGeometry& g, const std::uint8_t* x, const float* w,
                          std::int32_t pair_bound, Y* y, EpilogueCallback after = {}) {
  const QuadTile<Y>* const tile = quad_tile<Y>(pair_bound);
  if (tile) detail::conv2d_forward_codes(g, x, w, pair_bound, *tile, y, after);
  return tile != nullptr;
}

} // namespace sgq::kernels
