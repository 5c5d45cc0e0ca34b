// sgq/kernels/gemm/gemm.hpp -- the matrix product C = op(A) op(B), with an epilogue.
//
// Two ways lead there: tiles of outer products (kernels/gemm/gemm_outer.hpp), and, for A B^T with a
// long sum and a small C, tiles of inner products (kernels/gemm/gemm_inner.hpp).
#pragma once

#include "sgq/kernels/gemm/gemm_inner.hpp"
#include "sgq/kernels/gemm/gemm_outer.hpp"

namespace sgq::kernels {

/// Solves a Gemm. The result does not depend on the number of threads. C must not overlap A or B.
template <class T>
void gemm(const Gemm<T>& g) {
  if (g.m == 0 || g.n == 0) return;
  if (detail::InnerGemm<T>::suits(g))
    detail::InnerGemm<T>(g).run();
  else
    detail::OuterGemm<T>(g).run();
}

} // namespace sgq::kernels
