// sgq/kernels/simd/dispatch.hpp -- which instruction set runs, chosen once, at run time.
//
// A program that includes sgq runs on any x86-64, 64-bit ARM or other machine. The few loops that
// matter exist several times in the binary, for
//
//     x86-64         generic, avx2 (with FMA), avx512
//     64-bit ARM     generic, neon, neon-dotprod, neon-i8mm (the last two multiply bytes)
//     WebAssembly    generic, simd128 (where compiled with -msimd128)
//
// and SGQ_ISA=NAME in the environment forces one, for tests and experiments.
//
// There are two ways to write such a loop. A GEMM micro-kernel is written by hand for its registers
// (kernels/gemm/). Everything element-wise is written once, as an SGQ_INLINE function over raw
// pointers with SGQ_SIMD on its loops, and run by
//
//     for_isa<add_row<float>>(x, y, n);
//
// An always-inline function takes on the instruction set of the function it is inlined into, so one
// plain body gives several machine codes. Inside such a body: no OpenMP region, no call that is not
// itself SGQ_INLINE and no lambda that is not SGQ_INLINE_LAMBDA, for those would be compiled for
// the baseline.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/error.hpp"

#include <cstdlib>
#include <string>

#if SGQ_ARM && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace sgq::kernels {

enum class Isa { generic, avx2, avx512, neon, neon_dotprod, neon_i8mm, simd128 };

struct NamedIsa {
  Isa isa;
  const char* name;
};

/// All of them; of one processor, the better ones later.
inline constexpr NamedIsa isas[] = {{Isa::generic, "generic"},
                                    {Isa::avx2, "avx2"},
                                    {Isa::avx512, "avx512"},
                                    {Isa::neon, "neon"},
                                    {Isa::neon_dotprod, "neon-dotprod"},
                                    {Isa::neon_i8mm, "neon-i8mm"},
                                    {Isa::simd128, "simd128"}};

inline const char* name(Isa isa) {
  return isas[static_cast<int>(isa)].name;
}

namespace detail {

#if SGQ_ARM
/// True where Linux names a capability of the processor: a bit of AT_HWCAP (16) or AT_HWCAP2 (26).
inline bool has_capability([[maybe_unused]] unsigned long type,
                           [[maybe_unused]] unsigned long bit) {
#if defined(__linux__)
  return (getauxval(type) >> bit & 1) != 0;
#else
  return false;
#endif
}
#endif

} // namespace detail

/// True where this machine can run that instruction set.
inline bool supported(Isa isa) {
#if SGQ_X86
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
#elif SGQ_ARM
  if (isa == Isa::neon) return true;
  if (isa == Isa::neon_dotprod) return detail::has_capability(16, 20); // HWCAP_ASIMDDP
  if (isa == Isa::neon_i8mm) return detail::has_capability(26, 13);    // HWCAP2_I8MM
#elif SGQ_WASM
  if (isa == Isa::simd128) return true;
#endif
  return isa == Isa::generic;
}

/// The best instruction set of this machine, or the one that `forced` (the value of SGQ_ISA) names.
/// Throws value_error on an unknown name or one that the machine lacks.
inline Isa choose_isa(const char* forced) {
  Isa best = Isa::generic;
  std::string names;
  for (const NamedIsa& n : isas) {
    if (!supported(n.isa)) continue;
    if (forced && std::string(forced) == n.name) return n.isa;
    best = n.isa;
    names += (names.empty() ? "" : ", ") + std::string(n.name);
  }
  if (forced && *forced)
    throw value_error(describe("SGQ_ISA", "one that this machine has (" + names + ")", forced));
  return best;
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
