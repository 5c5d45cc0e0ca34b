// sgq/kernels/int8/quad_words.hpp -- QuadProduct in WebAssembly, by words of 16 bits
// (kernels/int8/words.hpp), for a tile of 4x8.
//
// The even bytes of a quad become one vector of words, the odd bytes another. The two even products
// of a pixel are then neighbours, and so are its two odd ones, so each pixel has one sum.
//
// Plain NEON takes float tiles: their multiply-adds do as much per instruction.
#pragma once

#include "sgq/kernels/int8/quad_product.hpp"
#include "sgq/kernels/int8/words.hpp"

#if SGQ_WASM
namespace sgq::kernels {

namespace detail {

/// Row i of four, times even and odd words of all pixels.
template <int i, index_t Vectors>
SGQ_INLINE void add_quads(Sums16* sum, Words16 (*codes)[2], const Words16* weights) {
  SGQ_UNROLL
  for (int odd = 0; odd < 2; ++odd) {
    const Sums16 all = reinterpret_cast<Sums16>(weights[odd]);
    const Words16 one = reinterpret_cast<Words16>(__builtin_shufflevector(all, all, i, i, i, i));
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) add_pairs(sum[j], codes[j][odd], one);
  }
}

} // namespace detail

template <class Y, index_t Vectors>
void quad_4x8_words(const QuadProduct<Y>& x) {
  using Codes = Simd<std::uint16_t, 16>;
  Sums16 sum[4][std::size_t(Vectors)];
  SGQ_UNROLL
  for (index_t i = 0; i < 4; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] = Sums16{};
  }
  const std::uint32_t* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 4) {
    const auto row = reinterpret_cast<const Codes::loose*>(x.b + x.b_row[p]);
    Words16 codes[std::size_t(Vectors)][2];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) {
      const Codes::type both = row[j];
      codes[j][0] = reinterpret_cast<Words16>(both & 255);
      codes[j][1] = reinterpret_cast<Words16>(both >> 8);
    }
    const Words16 both = *reinterpret_cast<const Simd<std::int16_t, 16>::loose*>(a);
    const Words16 weights[2] = {(both << 8) >> 8, both >> 8};
    detail::add_quads<0, Vectors>(sum[0], codes, weights);
    detail::add_quads<1, Vectors>(sum[1], codes, weights);
    detail::add_quads<2, Vectors>(sum[2], codes, weights);
    detail::add_quads<3, Vectors>(sum[3], codes, weights);
  }
  detail::store_quads<Y, 4, Vectors>(x, sum);
}

} // namespace sgq::kernels
#endif
