// sgq/kernels/int8/vnni.hpp -- whether the machine has vpdpbusd, which multiplies bytes and adds
// the products, four by four, to sums of 32 bits: in registers of 64 bytes (AVX-512 VNNI) or of 32
// (AVX-VNNI).
#pragma once

#include "sgq/kernels/simd/dispatch.hpp"

#if SGQ_X86
#include <cpuid.h>

#if defined(__clang__)
#define SGQ_TARGET_VNNI gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")
#else
#define SGQ_TARGET_VNNI                                                                            \
  gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,prefer-vector-width=512")
#endif
#define SGQ_TARGET_AVX_VNNI gnu::target("avx2,avxvnni,fma")
#endif

namespace sgq::kernels {

/// True where this machine has it for registers of 64 bytes.
inline bool supports_vnni() {
#if SGQ_X86
  return supported(Isa::avx512) && __builtin_cpu_supports("avx512vnni");
#else
  return false;
#endif
}

/// True where this machine has it for registers of 32 bytes. Asks cpuid: Clang 14's
/// __builtin_cpu_supports() does not know AVX-VNNI.
inline bool supports_avx_vnni() {
#if SGQ_X86
  unsigned a = 0, b = 0, c = 0, d = 0;
  const auto leaf = [&](unsigned sub) { return __get_cpuid_count(7, sub, &a, &b, &c, &d) != 0; };
  return supported(Isa::avx2) && leaf(0) && a >= 1 && leaf(1) && (a >> 4 & 1);
#else
  return false;
#endif
}

/// The same where the chosen instruction set allows it.
inline bool has_vnni() {
  static const bool has = isa() == Isa::avx512 && supports_vnni();
  return has;
}
inline bool has_avx_vnni() {
  static const bool has = isa() != Isa::generic && supports_avx_vnni();
  return has;
}

} // namespace sgq::kernels
