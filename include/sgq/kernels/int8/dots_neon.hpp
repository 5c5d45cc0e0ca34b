// sgq/kernels/int8/dots_neon.hpp -- the instructions of 64-bit ARM that multiply 16 pairs of bytes
// and add them, four by four, to four sums of 32 bits.
//
//     usdot, sudot   unsigned codes by signed weights         (neon-i8mm)
//     sdot           signed by signed: codes less 128         (neon-dotprod)
//
// Each takes four bytes of one operand for all lanes of the other. With sdot a sum lacks 128 times
// the sum of its weights, which a few more dots tell.
//
// They are written as assembler: Clang 14 has the intrinsics only where a whole file is compiled
// for them. run_dotprod and run_i8mm name the processor to both compilers.
#pragma once

#include "sgq/kernels/int8/words.hpp"

#if SGQ_ARM
#if defined(__clang__)
#define SGQ_TARGET_DOTPROD gnu::target("dotprod")
#define SGQ_TARGET_I8MM gnu::target("i8mm")
#else
#define SGQ_TARGET_DOTPROD gnu::target("arch=armv8.2-a+dotprod")
#define SGQ_TARGET_I8MM gnu::target("arch=armv8.2-a+i8mm")
#endif

namespace sgq::kernels::detail {

/// Body(args...), an SGQ_INLINE function, compiled for a processor with these instructions.
template <auto Body, class... Args>
[[SGQ_TARGET_DOTPROD]] void run_dotprod(Args... args) {
  Body(args...);
}
template <auto Body, class... Args>
[[SGQ_TARGET_I8MM]] void run_i8mm(Args... args) {
  Body(args...);
}

/// sum[l] += the four weights of lane l by the four codes of lane `lane`.
template <bool i8mm, int lane>
SGQ_INLINE void add_weights_by_codes(Sums16& sum, const Bytes16& weights, const Bytes16& codes) {
  if constexpr (i8mm)
    asm("sudot %0.4s, %1.16b, %2.4b[%3]" : "+w"(sum) : "w"(weights), "w"(codes), "i"(lane));
  else
    asm("sdot %0.4s, %1.16b, %2.4b[%3]" : "+w"(sum) : "w"(weights), "w"(codes), "i"(lane));
}

/// sum[l] += the four codes of lane l by the four weights of lane `lane`.
template <bool i8mm, int lane>
SGQ_INLINE void add_codes_by_weights(Sums16& sum, const Bytes16& codes, const Bytes16& weights) {
  if constexpr (i8mm)
    asm("usdot %0.4s, %1.16b, %2.4b[%3]" : "+w"(sum) : "w"(codes), "w"(weights), "i"(lane));
  else
    add_weights_by_codes<false, lane>(sum, codes, weights);
}

/// Codes as sdot reads them: x - 128.
template <bool i8mm>
SGQ_INLINE void offset(Bytes16& codes) {
  if constexpr (!i8mm) codes ^= static_cast<std::int8_t>(-128);
}

/// sum[l] -= 128 times the four weights of lane l.
SGQ_INLINE void subtract_weights(Sums16& sum, const Bytes16& weights) {
  add_weights_by_codes<false, 0>(sum, weights, Bytes16{} + static_cast<std::int8_t>(-128));
}

} // namespace sgq::kernels::detail
#endif
