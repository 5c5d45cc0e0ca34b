// sgq/kernels/int8/int8.hpp -- the integer kernels, each by the fastest path of the chosen
// instruction set.
#pragma once

#include "sgq/kernels/int8/estimates.hpp"
#include "sgq/kernels/int8/thresholds_avx2.hpp"
#include "sgq/kernels/int8/thresholds_avx512.hpp"
#include "sgq/kernels/int8/u8s8_dot_avx2.hpp"
#include "sgq/kernels/int8/u8s8_dot_neon.hpp"
#include "sgq/kernels/int8/u8s8_dot_vnni.hpp"
#include "sgq/kernels/int8/u8s8_dot_words.hpp"

namespace sgq::kernels {

inline void u8s8_dot(const U8s8Dot& d) {
#if SGQ_X86
  if (has_vnni()) return u8s8_dot_vnni(d);
  if (isa() != Isa::generic) return u8s8_dot_avx2(d); // AVX-512 without VNNI has no better one
#elif SGQ_ARM
  if (isa() == Isa::neon_i8mm) return u8s8_dot_i8mm(d);
  if (isa() == Isa::neon_dotprod) return u8s8_dot_dotprod(d);
  if (isa() == Isa::neon) return u8s8_dot_words(d);
#elif SGQ_WASM
  if (isa() == Isa::simd128) return u8s8_dot_words(d);
#endif
  u8s8_dot_generic(d);
}

/// True where that is faster than products of floats: not by plain loops, and on x86 without VNNI
/// not where pairs overflow 16 bits.
inline bool u8s8_dot_pays(std::int32_t pair_bound) {
  return isa() != Isa::generic && (!SGQ_X86 || has_vnni() || pair_bound <= INT16_MAX);
}

/// Codes of a row of positions; those of searched channels are unspecified.
inline void estimate_row(const ThresholdRow& row) {
#if SGQ_X86
  if (isa() == Isa::avx512) return estimate_row_avx512(row);
  if (isa() == Isa::avx2) return estimate_row_avx2(row);
#endif
  estimate_row_generic(&row);
}

/// Codes of a row of positions.
inline void threshold_row(const ThresholdRow& row) {
#if SGQ_X86
  if (isa() == Isa::avx512 && threshold_row_avx512(row)) return;
  if (isa() != Isa::generic && threshold_row_avx2(row)) return;
#endif
  for_isa<threshold_row_generic>(&row);
}

} // namespace sgq::kernels
