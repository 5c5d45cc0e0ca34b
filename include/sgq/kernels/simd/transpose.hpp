// sgq/kernels/simd/transpose.hpp -- small square matrices turned in registers.
#pragma once

#include "sgq/kernels/simd/microkernel.hpp"

namespace sgq::kernels {

/// A row of a matrix that transpose() turns: 4 floats or 2 doubles. Every machine has vectors of
/// 16 bytes, so these may be used at any instruction set.
template <class T>
using Vector16 = Simd<T, 16>;

namespace detail {

/// lo and hi = a's and b's elements in turns, those of the lower and of the upper half of every 16
/// bytes.
template <class T, int Bytes>
SGQ_INLINE void interleave(const typename Simd<T, Bytes>::type& a,
                           const typename Simd<T, Bytes>::type& b,
                           typename Simd<T, Bytes>::type& lo, typename Simd<T, Bytes>::type& hi) {
  if constexpr (sizeof(T) == 4 && Bytes == 16) {
    lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  } else if constexpr (sizeof(T) == 4) {
    lo = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
    hi = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  } else if constexpr (Bytes == 16) {
    lo = __builtin_shufflevector(a, b, 0, 2);
    hi = __builtin_shufflevector(a, b, 1, 3);
  } else {
    lo = __builtin_shufflevector(a, b, 0, 4, 2, 6);
    hi = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  }
}

} // namespace detail

/// to = a, then b.
template <class T>
SGQ_INLINE void join(const typename Vector16<T>::type& a, const typename Vector16<T>::type& b,
                     typename Simd<T, 32>::type& to) {
  if constexpr (sizeof(T) == 4)
    to = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  else
    to = __builtin_shufflevector(a, b, 0, 1, 2, 3);
}

/// rows[i][j] becomes rows[j][i], in every 16 bytes of vectors of 16 or 32.
template <class T, int Bytes = 16>
SGQ_INLINE void transpose(typename Simd<T, Bytes>::type* r) {
  if constexpr (sizeof(T) == 4) {
    typename Simd<T, Bytes>::type a, b, c, d;
    detail::interleave<T, Bytes>(r[0], r[2], a, b);
    detail::interleave<T, Bytes>(r[1], r[3], c, d);
    detail::interleave<T, Bytes>(a, c, r[0], r[1]);
    detail::interleave<T, Bytes>(b, d, r[2], r[3]);
  } else {
    const typename Simd<T, Bytes>::type a = r[0], b = r[1];
    detail::interleave<T, Bytes>(a, b, r[0], r[1]);
  }
}

} // namespace sgq::kernels
