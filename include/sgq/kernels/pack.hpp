// sgq/kernels/pack.hpp -- panels: an operand copied into the order in which a micro-kernel reads
// it.
//
// A panel holds `width` rows of A (or columns of B), k-major: panel[p][w]. Panels of one block
// follow each other; the last is filled up with zeros, so that micro-kernels know full tiles only.
// The code is the same for A and B: both are a matrix (w, p) with one of the strides equal to 1.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/microkernel.hpp"

#include <algorithm>

namespace sgq::kernels {

constexpr index_t round_up(index_t n, index_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

namespace detail {

/// dst[w0][p][w] = src[p * stride + w0 + w]: rows are copied in pieces of one panel's width.
template <class T, class S>
SGQ_INLINE void pack_rows(const S* src, index_t stride, index_t extent, index_t k, index_t width,
                          T* dst) {
  for (index_t p = 0; p < k; ++p, src += stride)
    for (index_t w0 = 0; w0 < extent; w0 += width) {
      T* const to = dst + w0 * k + p * width;
      const S* const from = src + w0;
      const index_t count = extent - w0 < width ? extent - w0 : width;
      index_t w = 0;
      for (; w + 4 <= count; w += 4) {
        SGQ_SIMD
        for (index_t q = 0; q < 4; ++q) to[w + q] = static_cast<T>(from[w + q]);
      }
      for (; w < count; ++w) to[w] = static_cast<T>(from[w]);
      for (; w < width; ++w) to[w] = 0;
    }
}

/// dst[w0][p][w] = src[(w0 + w) * stride + p]: the transpose.
template <class T, class S>
SGQ_INLINE void pack_columns(const S* src, index_t stride, index_t extent, index_t k, index_t width,
                             T* dst) {
  for (index_t w0 = 0; w0 < extent; w0 += width)
    for (index_t w = 0; w < width; ++w) {
      T* const to = dst + w0 * k + w;
      if (w0 + w < extent) {
        const S* const from = src + (w0 + w) * stride;
        for (index_t p = 0; p < k; ++p) to[p * width] = static_cast<T>(from[p]);
      } else {
        for (index_t p = 0; p < k; ++p) to[p * width] = 0;
      }
    }
}

} // namespace detail

/// A matrix whose element (w, p), p being summed over, stands at data[w * along + p * deep].
template <class S>
struct Operand {
  const S* data;
  index_t along, deep;

  /// Packs elements [w0, w0 + extent) x [p0, p0 + k) into round_up(extent, width) * k values.
  template <class T>
  void pack(index_t w0, index_t extent, index_t p0, index_t k, index_t width, T* dst) const {
    const S* const from = data + w0 * along + p0 * deep;
    if (along == 1)
      for_isa<detail::pack_rows<T, S>>(from, deep, extent, k, width, dst);
    else
      for_isa<detail::pack_columns<T, S>>(from, along, extent, k, width, dst);
  }
};

} // namespace sgq::kernels
