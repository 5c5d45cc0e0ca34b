// sgq/kernels/gemm/inner_sweeps.hpp -- InnerProduct where a register holds less than 64 bytes.
//
// A sum has 64 bytes of lanes on every instruction set, so that each adds in the same order.
// Smaller registers take them in sweeps: one through the operands for the first Bytes of every 64,
// one for the next, until all lanes have their sums. A sweep keeps as many sums as one vector each
// allows, and finds what the one before it read still in the cache.
#pragma once

#include "sgq/kernels/simd/fused.hpp"
#include "sgq/kernels/simd/horizontal_sum.hpp"

namespace sgq::kernels {

/// The sums of a tile of Rows x Cols, in vectors of Bytes.
template <int Bytes, index_t Rows, index_t Cols, class T>
SGQ_INLINE void inner_sweeps(const InnerProduct<T>& x) {
  using V = typename Simd<T, Bytes>::type;
  using Loose = typename Simd<T, Bytes>::loose;
  constexpr index_t lanes = inner_lanes<T>, width = Simd<T, Bytes>::lanes;
  constexpr index_t tile = (Rows * Cols + 3) / 4 * 4; // whole blocks for horizontal_sums
  alignas(64) T all[std::size_t(tile * lanes)];
  if constexpr (tile > Rows * Cols)
    for (index_t q = Rows * Cols * lanes; q < tile * lanes; ++q) all[q] = 0;
  for (index_t sweep = 0; sweep < lanes; sweep += width) {
    V sum[std::size_t(Rows)][std::size_t(Cols)] = {};
    const T *a = x.a + sweep, *b = x.b + x.b_row[0] + sweep;
    const T* const end = a + x.parts * x.length;
    const index_t jump = x.b_part - x.length;
    index_t row[std::size_t(Cols)];
    SGQ_UNROLL
    for (index_t j = 0; j < Cols; ++j) row[j] = x.b_row[j] - x.b_row[0];
    for (index_t left = x.length; a != end; a += lanes) {
      V bv[std::size_t(Cols)];
      SGQ_UNROLL
      for (index_t j = 0; j < Cols; ++j)
        bv[j] = *reinterpret_cast<const Loose*>(j == 0 ? b : b + row[j]);
      SGQ_UNROLL
      for (index_t i = 0; i < Rows; ++i) {
        const V av = *reinterpret_cast<const Loose*>(a + i * x.lda);
        SGQ_UNROLL
        for (index_t j = 0; j < Cols; ++j) add_product<Bytes>(sum[i][j], av, bv[j]);
      }
      left -= lanes;
      const index_t at_end = (left - 1) >> 63; // all ones where nothing is left of this part
      b += lanes + (jump & at_end);
      left += x.length & at_end;
    }
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Cols; ++j)
        *reinterpret_cast<V*>(all + (i * Cols + j) * lanes + sweep) = sum[i][j];
    }
  }
  T totals[std::size_t(tile)];
  horizontal_sums<lanes>(all, tile, totals);
  for (index_t t = 0; t < Rows * Cols; ++t) x.sums[t] = totals[t];
}

/// On any machine, in four sweeps. A tile of 2x3 fits 16 registers: five loads feed six
/// multiply-adds. One of 4x6 fits the 32 of NEON: ten feed 24.
template <class T, index_t Rows, index_t Cols>
void inner_bytes16(const InnerProduct<T>& x) {
  inner_sweeps<16, Rows, Cols>(x);
}

#if SGQ_X86
/// On AVX2, a tile of 4x3 in two sweeps: seven loads feed 12 multiply-adds; with three vectors of B
/// and one of A, all 16 registers.
template <class T>
[[SGQ_TARGET_AVX2]] void inner_4x3_avx2(const InnerProduct<T>& x) {
  inner_sweeps<32, 4, 3>(x);
}
#endif

} // namespace sgq::kernels
