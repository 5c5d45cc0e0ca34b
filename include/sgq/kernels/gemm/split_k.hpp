// sgq/kernels/gemm/split_k.hpp -- adds the parts of a sum that different tasks have computed.
//
// Where C is small and the sum is long, the sum is cut into parts of a size that depends on the
// problem alone. Each part leaves its own copy of C; here they are added in order, so that the
// result is the same for any number of threads.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"

namespace sgq::kernels {

namespace detail {

/// sums[0][j] += sums[1][j], then += sums[2][j], ...; parts are `apart` values from each other.
template <class T>
SGQ_INLINE void add_parts(T* sums, index_t apart, index_t parts, index_t n) {
  for (index_t q = 1; q < parts; ++q) {
    const T* const part = sums + q * apart;
    SGQ_SIMD
    for (index_t j = 0; j < n; ++j) sums[j] += part[j];
  }
}

} // namespace detail

/// C = epilogue of the sum of parts[q][m][n] over q. The first part is overwritten.
template <class T>
void reduce_split_k(T* sums, index_t parts, index_t m, index_t n, const Epilogue<T>& e, T* c,
                    index_t ldc) {
  constexpr index_t step = 1024;
  const index_t across = blocks_of(n, step);
  parallel_for(m * across, [&](index_t t) {
    const index_t i = t / across, j = t % across * step, cols = std::min(step, n - j);
    T* const row = sums + i * n + j;
    for_isa<detail::add_parts<T>>(row, m * n, parts, cols);
    finish(row, n, 1, cols, part_of(e, i, j), c + i * ldc + j, ldc);
  });
}

} // namespace sgq::kernels
