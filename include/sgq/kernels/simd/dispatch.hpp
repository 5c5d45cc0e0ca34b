// sgq/kernels/simd/dispatch.hpp -- which instruction set runs, chosen once, at run time.
//
// A program that includes sgq runs on any x86-64 (or other) machine; the few loops that matter
// exist three times in the binary: baseline, AVX2 + FMA, and AVX-512. SGQ_ISA=generic|avx2|avx512
// in the environment forces one, for tests and experiments.
//
// There are two ways to write such a loop. A GEMM micro-kernel is written by hand for its registers
// (kernels/gemm/). Everything element-wise is written once, as an SGQ_INLINE function over raw
// pointers with SGQ_SIMD on its loops, and run by
//
//     for_isa<add_row<float>>(x, y, n);
//
// An always-inline function takes on the instruction set of the function it is inlined into, so one
// plain body gives three machine codes. Inside such a body: no OpenMP region, no call that is not
// itself SGQ_INLINE and no lambda that is not SGQ_INLINE_LAMBDA, for those would be compiled for
// the baseline.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/error.hpp"

#include <cstdlib>
#include <string>

namespace sgq::kernels {

enum class Isa { generic, avx2, avx512 };

inline const char* name(Isa isa) {
  return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "generic";
}

/// True where this machine can run that instruction set.
inline bool supported(Isa isa) {
  if (isa == Isa::generic) return true;
#if SGQ_X86
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

/// The best instruction set of this machine, or the one that `forced` (the value of SGQ_ISA) names.
/// Throws value_error on an unknown name or one that the machine lacks.
inline Isa choose_isa(const char* forced) {
  if (forced && *forced) {
    for (Isa isa : {Isa::generic, Isa::avx2, Isa::avx512})
      if (std::string(forced) == name(isa)) {
        if (!supported(isa))
          throw value_error(describe("SGQ_ISA", "an instruction set of this machine", forced));
        return isa;
      }
    throw value_error(describe("SGQ_ISA", "generic, avx2 or avx512", forced));
  }
  return supported(Isa::avx512) ? Isa::avx512 : supported(Isa::avx2) ? Isa::avx2 : Isa::generic;
}

/// The instruction set that every kernel of this process uses.
inline Isa isa() {
  static const Isa chosen = choose_isa(std::getenv("SGQ_ISA"));
  return chosen;
}

#if SGQ_X86
#define SGQ_TARGET_AVX2 gnu::target("avx2,fma")
#if defined(__clang__)
#define SGQ_TARGET_AVX512 gnu::target("avx512f,avx512bw,avx512vl,avx512dq,fma")
#else // GCC would otherwise stay at half the register width
#define SGQ_TARGET_AVX512                                                                          \
  gnu::target("avx512f,avx512bw,avx512vl,avx512dq,fma,prefer-vector-width=512")
#endif

namespace detail {
template <auto Body, class... Args>
[[SGQ_TARGET_AVX2]] void run_avx2(Args... args) {
  Body(args...);
}
template <auto Body, class... Args>
[[SGQ_TARGET_AVX512]] void run_avx512(Args... args) {
  Body(args...);
}
} // namespace detail
#endif

/// Runs Body(args...), compiled for the chosen instruction set. Body is an SGQ_INLINE function that
/// takes plain values and pointers.
template <auto Body, class... Args>
void for_isa(Args... args) {
#if SGQ_X86
  if (isa() == Isa::avx512) return detail::run_avx512<Body>(args...);
  if (isa() == Isa::avx2) return detail::run_avx2<Body>(args...);
#endif
  Body(args...);
}

/// The same for a body that counts in registers: runs Body::run<Bytes>(args...), where Bytes is
/// what a register of the chosen instruction set holds. A vector that is wider than the registers
/// would live in memory and pass through it at every step of a sum.
template <class Body, class... Args>
void for_registers(Args... args) {
#if SGQ_X86
  if (isa() == Isa::avx512) return detail::run_avx512<Body::template run<64>>(args...);
  if (isa() == Isa::avx2) return detail::run_avx2<Body::template run<32>>(args...);
#endif
  Body::template run<16>(args...);
}

} // namespace sgq::kernels
