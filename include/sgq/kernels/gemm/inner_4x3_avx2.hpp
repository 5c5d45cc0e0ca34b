// sgq/kernels/gemm/inner_4x3_avx2.hpp -- InnerProduct on AVX2, for a tile of 4x3, in two sweeps.
//
// Seven vector loads feed 12 multiply-adds; with three vectors of B and one of A, all 16 registers.
#pragma once

#include "sgq/kernels/gemm/inner_sweeps.hpp"

namespace sgq::kernels {

#if SGQ_X86
template <class T>
[[SGQ_TARGET_AVX2]] void inner_4x3_avx2(const InnerProduct<T>& x) {
  inner_sweeps<32, 4, 3>(x);
}
#endif

} // namespace sgq::kernels
