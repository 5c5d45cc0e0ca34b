// sgq/kernels/gemm/inner_4x6_avx512.hpp -- InnerProduct on AVX-512, for a tile of 4x6.
//
// Ten vector loads feed 24 multiply-adds; with the four vectors of A, 28 of the 32 registers. Parts
// may be as short as four vectors, and branches at their ends are mispredicted. So the step to the
// next part is computed without a branch, which makes such sums a fifth faster.
#pragma once

#include "sgq/kernels/simd/fused.hpp"
#include "sgq/kernels/simd/horizontal_sum.hpp"

namespace sgq::kernels {

#if SGQ_X86
template <class T>
[[SGQ_TARGET_AVX512]] void inner_4x6_avx512(const InnerProduct<T>& x) {
  using V = typename Simd<T, 64>::type;
  using Loose = typename Simd<T, 64>::loose;
  constexpr index_t lanes = Simd<T, 64>::lanes;
  V sum[4 * 6] = {};
  const T *a = x.a, *b = x.b + x.b_row[0];
  const T* const end = a + x.parts * x.length;
  const index_t jump = x.b_part - x.length;
  index_t row[6];
  SGQ_UNROLL
  for (index_t j = 0; j < 6; ++j) row[j] = x.b_row[j] - x.b_row[0];
  for (index_t left = x.length; a != end; a += lanes) {
    V av[4];
    SGQ_UNROLL
    for (index_t i = 0; i < 4; ++i) av[i] = *reinterpret_cast<const Loose*>(a + i * x.lda);
    SGQ_UNROLL
    for (index_t j = 0; j < 6; ++j) {
      const V bv = *reinterpret_cast<const Loose*>(j == 0 ? b : b + row[j]);
      SGQ_UNROLL
      for (index_t i = 0; i < 4; ++i) add_product<64>(sum[i * 6 + j], av[i], bv);
    }
    left -= lanes;
    const index_t at_end = (left - 1) >> 63; // all ones where nothing is left of this part
    b += lanes + (jump & at_end);
    left += x.length & at_end;
  }
  horizontal_sums_avx512<4 * 6>(sum, x.sums);
}
#endif

} // namespace sgq::kernels
