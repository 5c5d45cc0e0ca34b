// sgq/kernels/int8/quad_product.hpp -- sums of products of bytes, pixels along the lanes: what
// kernels/simd/microkernel.hpp calls an outer product, of codes.
//
//     C[i][j] = sum over p < k, q < 4 of  a[p * mr + i][q] * b[b_row[p] + j][q]
//
// A quad is a word of 32 bits: four neighbouring channels of one pixel (unsigned codes, in b), or
// the weights that meet them (signed, in a). Where a float tile multiplies a vector of pixels by a
// broadcast weight and adds, here one instruction does so for four channels, and the tile keeps its
// shape. Planes of quads are laid out like any planes, so windows into an image are found in the
// same way, and C comes out as from a float tile, without a transpose.
//
// The sums are exact. Stored as floats they have the bits of float sums, if 24 bits hold them.
#pragma once

#include "sgq/kernels/gemm/pack.hpp"

#include <cstdint>

namespace sgq::kernels {

/// C holds Y, float or int32_t; its rows are ldc apart.
template <class Y>
struct QuadProduct {
  index_t k;
  const std::uint32_t* a;
  const std::uint32_t* b;
  const index_t* b_row;
  Y* c;
  index_t ldc;
  index_t steps; ///< quads whose sums 16 bits hold, for the tile that asks
};

/// A tile of C, mr rows by nr columns, and the micro-kernels that compute all of its rows, for one
/// to three vectors of columns.
template <class Y>
struct QuadTile {
  index_t mr, nr, lanes;
  bool narrow; ///< adds up pairs of products in 16 bits, so one pair at least must fit
  void (*run[3])(const QuadProduct<Y>&);
};

namespace detail {

/// quads[g][p] = what channels 4 g to 4 g + 3 of planes[channel][p] hold, as bytes: codes, or small
/// integers as floats. A channel that does not exist is 0.
template <class S>
SGQ_INLINE void make_quads(const S* planes, index_t channels, index_t plane, std::uint32_t* quads) {
  const auto byte = [](S v, std::uint32_t mask) SGQ_INLINE_LAMBDA {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(v)) & mask;
  };
  for (index_t c = 0; c < channels; c += 4, planes += 4 * plane, quads += plane) {
    const S* from[4];
    std::uint32_t mask[4];
    for (index_t q = 0; q < 4; ++q) {
      from[q] = planes + (c + q < channels ? q * plane : 0);
      mask[q] = c + q < channels ? 255 : 0;
    }
    SGQ_SIMD
    for (index_t p = 0; p < plane; ++p)
      quads[p] = byte(from[0][p], mask[0]) | byte(from[1][p], mask[1]) << 8 |
                 byte(from[2][p], mask[2]) << 16 | byte(from[3][p], mask[3]) << 24;
  }
}

/// C[i][j] = sum[i][j]; Sum is a vector of 32-bit integers.
template <class Y, index_t Rows, index_t Vectors, class Sum>
SGQ_INLINE void store_quads(const QuadProduct<Y>& x,
                            const Sum (&sum)[std::size_t(Rows)][std::size_t(Vectors)]) {
  constexpr int bytes = sizeof(Sum);
  typedef typename Simd<std::int32_t, bytes>::type Integers;
  typedef typename Simd<Y, bytes>::type Numbers;
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j)
      reinterpret_cast<typename Simd<Y, bytes>::loose*>(x.c + i * x.ldc)[j] =
          __builtin_convertvector(reinterpret_cast<Integers>(sum[i][j]), Numbers);
  }
}

} // namespace detail

} // namespace sgq::kernels
