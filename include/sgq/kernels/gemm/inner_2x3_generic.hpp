// sgq/kernels/gemm/inner_2x3_generic.hpp -- InnerProduct on any machine, for a tile of 2x3, in four
// sweeps.
//
// Five loads feed six multiply-adds, in vectors of 16 bytes.
#pragma once

#include "sgq/kernels/gemm/inner_sweeps.hpp"

namespace sgq::kernels {

template <class T>
void inner_2x3_generic(const InnerProduct<T>& x) {
  inner_sweeps<16, 2, 3>(x);
}

} // namespace sgq::kernels
