// sgq/kernels/int8/u8s8_dot_words.hpp -- U8s8Dot by words of 16 bits (kernels/int8/words.hpp).
//
// Bytes become words as they are loaded. Neighbours are added up, so an output has two sums until
// the end, and half a panel is as much as registers allow: with two positions it takes 8 of the 16
// that WebAssembly finds on x86, with four 16 of NEON's 32.
#pragma once

#include "sgq/kernels/int8/u8s8_dot.hpp"
#include "sgq/kernels/int8/words.hpp"

#if SGQ_ARM || SGQ_WASM
namespace sgq::kernels {

/// P positions by the eight outputs from o on.
template <index_t P>
void u8s8_dot_tile_words(const U8s8Dot& d, index_t p, index_t o) {
  using Loose = Simd<std::int32_t, 16>::loose;
  Sums16 sum[std::size_t(P)][4];
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < 4; ++j) sum[i][j] = Sums16{};
  }
  const index_t step = d.x_step;
  const std::int8_t* w = d.w + o / byte_panel * d.panel_size() + o % byte_panel * 4;
  for (index_t a = 0; a < d.rows; ++a) {
    const std::uint8_t* x = d.x + p * step + a * d.x_row;
    for (index_t g = 0; g < d.groups; ++g, x += 4, w += 4 * byte_panel) {
      Words16 codes[std::size_t(P)];
      SGQ_UNROLL
      for (index_t i = 0; i < P; ++i) detail::load_four(x + i * step, codes[i]);
      SGQ_UNROLL
      for (index_t j = 0; j < 4; ++j) {
        Words16 weights;
        detail::load_eight(w + 8 * j, weights);
        SGQ_UNROLL
        for (index_t i = 0; i < P; ++i) detail::add_pairs(sum[i][j], codes[i], weights);
      }
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < P; ++i) {
    SGQ_UNROLL
    for (index_t h = 0; h < 2; ++h) {
      const Sums16 a = sum[i][2 * h], b = sum[i][2 * h + 1];
      *reinterpret_cast<Loose*>(d.sums + (p + i) * d.outputs() + o + 4 * h) =
          *reinterpret_cast<const Loose*>(d.start + o + 4 * h) +
          __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
    }
  }
}

/// Tiles of P positions, then of half as many for the rest.
template <index_t P>
void u8s8_dot_column_words(const U8s8Dot& d, index_t p, index_t o) {
  for (; p + P <= d.positions; p += P) u8s8_dot_tile_words<P>(d, p, o);
  if constexpr (P > 1)
    if (p < d.positions) u8s8_dot_column_words<P / 2>(d, p, o);
}

inline void u8s8_dot_words(const U8s8Dot& d) {
  for (index_t o = 0; o < d.used; o += 8) u8s8_dot_column_words<SGQ_ARM ? 4 : 2>(d, 0, o);
}

} // namespace sgq::kernels
#endif
