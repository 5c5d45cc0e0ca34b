// sgq/kernels/simd/decode.hpp -- one-byte codes to numbers, where a kernel is about to read them.
#pragma once

#include "sgq/core/shape.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <cstdint>

namespace sgq::kernels {

/// to = codes - zero, plane by plane; zero has one value per channel, or is null. For for_isa.
template <class T>
SGQ_INLINE void decode_planes(const std::uint8_t* codes, const std::int32_t* zero, index_t channels,
                              index_t plane, T* to) {
  for (index_t c = 0; c < channels; ++c) {
    const T z = zero ? static_cast<T>(zero[c]) : T{0};
    SGQ_SIMD
    for (index_t i = 0; i < plane; ++i)
      to[c * plane + i] = static_cast<T>(codes[c * plane + i]) - z;
  }
}

} // namespace sgq::kernels
