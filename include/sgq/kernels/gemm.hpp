// sgq/kernels/gemm.hpp -- the matrix product.
#pragma once

#include "sgq/kernels/naive.hpp"

namespace sgq::kernels {

/// Solves a Gemm. Results do not depend on the number of threads.
template <class T, class TA, class TB>
void gemm(const Gemm<T, TA, TB>& g) {
  naive::gemm<T>(g);
}

} // namespace sgq::kernels
