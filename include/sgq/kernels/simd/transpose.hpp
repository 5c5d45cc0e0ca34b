// sgq/kernels/simd/transpose.hpp -- a small square matrix turned in registers.
#pragma once

#include "sgq/kernels/simd/microkernel.hpp"

namespace sgq::kernels {

/// A row of the matrix that transpose() turns: 4 floats or 2 doubles. Every machine has vectors of
/// 16 bytes, so this may be used at any instruction set.
template <class T>
using Vector16 = Simd<T, 16>;

/// rows[i][j] becomes rows[j][i].
template <class T>
SGQ_INLINE void transpose(typename Vector16<T>::type* r) {
  using V = typename Vector16<T>::type;
  if constexpr (Vector16<T>::lanes == 4) {
    // Interleave rows 0 and 2, 1 and 3; then the results in the same way.
    const V a = __builtin_shufflevector(r[0], r[2], 0, 4, 1, 5);
    const V b = __builtin_shufflevector(r[0], r[2], 2, 6, 3, 7);
    const V c = __builtin_shufflevector(r[1], r[3], 0, 4, 1, 5);
    const V d = __builtin_shufflevector(r[1], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    r[1] = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    r[2] = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    r[3] = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  } else {
    const V a = __builtin_shufflevector(r[0], r[1], 0, 2);
    r[1] = __builtin_shufflevector(r[0], r[1], 1, 3);
    r[0] = a;
  }
}

} // namespace sgq::kernels
