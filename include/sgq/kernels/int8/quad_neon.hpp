// sgq/kernels/int8/quad_neon.hpp -- QuadProduct by the dot products of 64-bit ARM
// (kernels/int8/dots_neon.hpp), for a tile of 8x12: 24 registers of sums, two of weights and three
// of pixels, as in the float tile.
#pragma once

#include "sgq/kernels/int8/dots_neon.hpp"
#include "sgq/kernels/int8/quad_product.hpp"

#if SGQ_ARM
namespace sgq::kernels {

namespace detail {

/// One of four rows.
template <bool i8mm, int row, index_t Vectors>
SGQ_INLINE void add_quads(Sums16* sum, const Bytes16* codes, const Bytes16& weights) {
  SGQ_UNROLL
  for (index_t j = 0; j < Vectors; ++j) add_codes_by_weights<i8mm, row>(sum[j], codes[j], weights);
}

} // namespace detail

template <bool i8mm, class Y, index_t Vectors>
SGQ_INLINE void quad_8x12_neon(const QuadProduct<Y>& x) {
  using Loose = Simd<std::int8_t, 16>::loose;
  Sums16 sum[8][std::size_t(Vectors)], less[2] = {};
  SGQ_UNROLL
  for (index_t i = 0; i < 8; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] = Sums16{};
  }
  const std::uint32_t* a = x.a;
  for (index_t p = 0; p < x.k; ++p, a += 8) {
    const auto row = reinterpret_cast<const Loose*>(x.b + x.b_row[p]);
    Bytes16 codes[std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) {
      codes[j] = row[j];
      detail::offset<i8mm>(codes[j]);
    }
    SGQ_UNROLL
    for (index_t h = 0; h < 2; ++h) {
      const Bytes16 weights = reinterpret_cast<const Loose*>(a)[h];
      if constexpr (!i8mm) detail::subtract_weights(less[h], weights);
      detail::add_quads<i8mm, 0, Vectors>(sum[4 * h], codes, weights);
      detail::add_quads<i8mm, 1, Vectors>(sum[4 * h + 1], codes, weights);
      detail::add_quads<i8mm, 2, Vectors>(sum[4 * h + 2], codes, weights);
      detail::add_quads<i8mm, 3, Vectors>(sum[4 * h + 3], codes, weights);
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < 8; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] -= less[i / 4][i % 4];
  }
  detail::store_quads<Y, 8, Vectors>(x, sum);
}

template <class Y, index_t Vectors>
void quad_8x12_dotprod(const QuadProduct<Y>& x) {
  detail::run_dotprod<quad_8x12_neon<false, Y, Vectors>, const QuadProduct<Y>&>(x);
}
template <class Y, index_t Vectors>
void quad_8x12_i8mm(const QuadProduct<Y>& x) {
  detail::run_i8mm<quad_8x12_neon<true, Y, Vectors>, const QuadProduct<Y>&>(x);
}

} // namespace sgq::kernels
#endif
