// sgq/kernels/simd/decode.hpp -- one-byte codes to numbers, where a kernel is about to read them.
#pragma once

#include "sgq/core/shape.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cstdint>

namespace sgq::kernels {

/// to[0..n) = codes - zero. For for_isa.
template <class T>
SGQ_INLINE void decode_row(const std::uint8_t* codes, T zero, index_t n, T* to) {
  SGQ_SIMD
  for (index_t i = 0; i < n; ++i) to[i] = static_cast<T>(codes[i]) - zero;
}

} // namespace sgq::kernels
