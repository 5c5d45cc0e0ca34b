// sgq/kernels/int8/words.hpp -- bytes multiplied as words of 16 bits, in registers of 16 bytes:
// where no instruction multiplies bytes, as on plain NEON and in WebAssembly.
//
// A code times a weight fits a word, |x w| <= 255 * 128; neighbours are added up in 32 bits.
#pragma once

#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

#include <cstdint>
#include <cstring>

#if SGQ_ARM
#include <arm_neon.h>
#elif SGQ_WASM
#include <wasm_simd128.h>
#endif

namespace sgq::kernels {

using Bytes16 = Simd<std::int8_t, 16>::type;
using Words16 = Simd<std::int16_t, 16>::type;
using Sums16 = Simd<std::int32_t, 16>::type;

#if SGQ_ARM || SGQ_WASM
namespace detail {

/// sum[l] += a[2 l] b[2 l] + a[2 l + 1] b[2 l + 1], of codes and weights.
SGQ_INLINE void add_pairs(Sums16& sum, const Words16& a, const Words16& b) {
#if SGQ_ARM
  sum = reinterpret_cast<Sums16>(
      vpadalq_s16(reinterpret_cast<int32x4_t>(sum), reinterpret_cast<int16x8_t>(a * b)));
#else
  sum += reinterpret_cast<Sums16>(
      wasm_i32x4_dot_i16x8(reinterpret_cast<v128_t>(a), reinterpret_cast<v128_t>(b)));
#endif
}

/// Four codes, twice.
SGQ_INLINE void load_four(const std::uint8_t* x, Words16& codes) {
#if SGQ_ARM
  std::uint32_t four;
  std::memcpy(&four, x, 4);
  codes = reinterpret_cast<Words16>(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))));
#else
  codes = reinterpret_cast<Words16>(wasm_u16x8_extend_low_u8x16(wasm_v128_load32_splat(x)));
#endif
}

/// Eight weights.
SGQ_INLINE void load_eight(const std::int8_t* w, Words16& weights) {
#if SGQ_ARM
  weights = reinterpret_cast<Words16>(vmovl_s8(vld1_s8(w)));
#else
  weights = reinterpret_cast<Words16>(wasm_i16x8_load8x8(w));
#endif
}

} // namespace detail
#endif

} // namespace sgq::kernels
