// sgq/kernels/gemm/pack.hpp -- panels: an operand copied into the order in which a micro-kernel
// reads it.
//
// A panel holds `width` rows of A (or columns of B), k-major: panel[p][w]. Panels of one block
// follow each other; the last is filled up with zeros, so that micro-kernels know full tiles only.
// The code is the same for A and B: both are a matrix (w, p) with one of the strides equal to 1.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/transpose.hpp"

#include <algorithm>
#include <type_traits>

namespace sgq::kernels {

namespace detail {

/// dst[w0][p][w] = src[p * stride + w0 + w]: rows are copied in pieces of one panel's width.
template <class T>
SGQ_INLINE void pack_rows(const T* src, index_t stride, index_t extent, index_t k, index_t width,
                          T* dst) {
  constexpr index_t line = 64 / sizeof(T);
  for (index_t p = 0; p < k; ++p, src += stride)
    for (index_t w0 = 0; w0 < extent; w0 += width) {
      T* const to = dst + w0 * k + p * width;
      const T* const from = src + w0;
      const index_t count = extent - w0 < width ? extent - w0 : width;
      if (p + 4 < k)
        for (index_t w = 0; w < count; w += line) __builtin_prefetch(from + 4 * stride + w);
      index_t w = 0;
      for (; w + 8 <= count; w += 8) {
        SGQ_SIMD
        for (index_t q = 0; q < 8; ++q) to[w + q] = from[w + q];
      }
      for (; w < count; ++w) to[w] = from[w];
      for (; w < width; ++w) to[w] = 0;
    }
}

/// dst[p * ld + w] = src[w * stride + p] for as many w as Bytes hold. Prefetches the rows after.
template <int Bytes, class T>
SGQ_INLINE void transpose_strip(const T* src, index_t stride, index_t k, T* dst, index_t ld) {
  using Loose = typename Vector16<T>::loose;
  constexpr index_t lanes = Vector16<T>::lanes, rows = Simd<T, Bytes>::lanes;
  index_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    if (p % (64 / index_t{sizeof(T)}) == 0) {
      SGQ_UNROLL
      for (index_t w = 0; w < rows; ++w) __builtin_prefetch(src + (w + rows) * stride + p);
    }
    typename Simd<T, Bytes>::type turned[std::size_t(lanes)];
    SGQ_UNROLL
    for (index_t w = 0; w < lanes; ++w) {
      const typename Vector16<T>::type row = *reinterpret_cast<const Loose*>(src + w * stride + p);
      if constexpr (Bytes == 16) {
        turned[w] = row;
      } else {
        const typename Vector16<T>::type behind =
            *reinterpret_cast<const Loose*>(src + (w + lanes) * stride + p);
        join<T>(row, behind, turned[w]);
      }
    }
    transpose<T, Bytes>(turned);
    SGQ_UNROLL
    for (index_t w = 0; w < lanes; ++w)
      *reinterpret_cast<typename Simd<T, Bytes>::loose*>(dst + (p + w) * ld) = turned[w];
  }
  for (; p < k; ++p)
    for (index_t w = 0; w < rows; ++w) dst[p * ld + w] = src[w * stride + p];
}

/// dst[p * ld + w] = src[w * stride + p] for `count` w, strip by strip.
template <int Bytes, class T>
SGQ_INLINE void transpose_rows(const T* src, index_t stride, index_t count, index_t k, T* dst,
                               index_t ld) {
  constexpr int wide = Bytes < 32 ? Bytes : 32;
  index_t w = 0;
  for (; w + Simd<T, wide>::lanes <= count; w += Simd<T, wide>::lanes)
    transpose_strip<wide>(src + w * stride, stride, k, dst + w, ld);
  for (; w + Simd<T, 16>::lanes <= count; w += Simd<T, 16>::lanes)
    transpose_strip<16>(src + w * stride, stride, k, dst + w, ld);
  for (; w < count; ++w)
    for (index_t p = 0; p < k; ++p) dst[p * ld + w] = src[w * stride + p];
}

/// dst[w0][p][w] = src[(w0 + w) * stride + p]: panels of a matrix that has to be transposed.
template <class T>
struct PackColumns {
  template <int Bytes>
  SGQ_INLINE static void run(const T* src, index_t stride, index_t extent, index_t k, index_t width,
                             T* dst) {
    for (index_t w0 = 0; w0 < extent; w0 += width, dst += width * k) {
      const index_t count = extent - w0 < width ? extent - w0 : width;
      transpose_rows<Bytes>(src + w0 * stride, stride, count, k, dst, width);
      for (index_t w = count; w < width; ++w)
        for (index_t p = 0; p < k; ++p) dst[p * width + w] = 0;
    }
  }
};

} // namespace detail

/// A matrix whose element (w, p), p being summed over, stands at data[w * along + p * deep].
template <class T>
struct Operand {
  const T* data;
  index_t along, deep;

  /// Packs elements [w0, w0 + extent) x [p0, p0 + k) into round_up(extent, width) * k values.
  void pack(index_t w0, index_t extent, index_t p0, index_t k, index_t width, T* dst) const {
    const T* const from = data + w0 * along + p0 * deep;
    if (along == 1)
      for_isa<detail::pack_rows<T>>(from, deep, extent, k, width, dst);
    else
      for_registers<detail::PackColumns<T>>(from, along, extent, k, width, dst);
  }
};

} // namespace sgq::kernels
