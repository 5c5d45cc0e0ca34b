// sgq/config.hpp -- the compiler and what it offers, behind a handful of macros.
//
// Other headers use these macros instead of testing for an architecture. The few that test for a
// compiler, a system or OpenMP do so beside the one line that needs it. No type's size or alignment
// may depend on anything in this file, so translation units built with different flags have the
// same layouts. One program should still have one set of -m flags (docs/design.md).
#pragma once

// What cannot work is refused here in one sentence. Every header of sgq includes this one first,
// and the file below, which does not exist, ends the compilation before a hundred errors follow.
#if __cplusplus < 202002L
#define SGQ_REFUSED
#error "sgq needs C++20: compile with -std=c++20"
#endif
#if defined(__GNUC__) && !defined(__cpp_exceptions)
#define SGQ_REFUSED
#error "sgq reports errors by exceptions: compile without -fno-exceptions"
#endif
// -ffast-math, -Ofast and their parts. GCC defines all four, Clang the first two.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||           \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#define SGQ_REFUSED
#error "sgq tests for NaN and keeps the order of sums: compile without -ffast-math or its parts"
#endif
#if defined(__FLT_EVAL_METHOD__) &&                                                                \
    (__FLT_EVAL_METHOD__ < 0 || __FLT_EVAL_METHOD__ == 1 || __FLT_EVAL_METHOD__ == 2)
#define SGQ_REFUSED
#error "sgq needs sums rounded to their type: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif
#if defined(min) || defined(max)
#define SGQ_REFUSED
#error "sgq calls std::min and std::max: #undef the macros min and max, or define NOMINMAX"
#endif
#if defined(SGQ_REFUSED)
#include "sgq cannot be compiled so: see the error above"
#endif

#if defined(__GNUC__) && (defined(__x86_64__) || defined(_M_X64))
#define SGQ_X86 1
#else
#define SGQ_X86 0
#endif

// 64-bit ARM, which always has NEON.
#if defined(__GNUC__) && defined(__aarch64__) && !defined(__AARCH64EB__)
#define SGQ_ARM 1
#else
#define SGQ_ARM 0
#endif

// WebAssembly with registers of 16 bytes: -msimd128.
#if defined(__wasm_simd128__)
#define SGQ_WASM 1
#else
#define SGQ_WASM 0
#endif

// 1 where every function may use fused multiply-adds (kernels/simd/fused.hpp).
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) ||                                              \
    (defined(__FP_FAST_FMAF) && defined(__FP_FAST_FMA))
#define SGQ_FMA 1
#else
#define SGQ_FMA 0
#endif

// OpenMP pragmas go through these two macros; without -fopenmp they vanish and the code is serial.
#define SGQ_PRAGMA_(text) _Pragma(#text)
#if defined(_OPENMP)
#define SGQ_OMP(directive) SGQ_PRAGMA_(omp directive)
#else
#define SGQ_OMP(directive)
#endif

// Marks a loop whose iterations are independent, so that it is vectorised at plain -O2
// (GCC 12 vectorises hardly anything there on its own). Never on a floating-point reduction:
// that would let the vector width choose the order of the sum.
#if defined(__clang__) && !defined(_OPENMP)
#define SGQ_SIMD _Pragma("clang loop vectorize(assume_safety)")
#else
#define SGQ_SIMD SGQ_OMP(simd)
#endif

// Unrolls a loop of few, constant turns, so that the small arrays it indexes live in registers.
#if defined(__clang__)
#define SGQ_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define SGQ_UNROLL _Pragma("GCC unroll 32")
#else
#define SGQ_UNROLL
#endif

// In the place of `inline`, before a large function. As a template it costs nothing where it is not
// called, and sgq::compiled can hold it: its lists in sgq/compiled/ say that it is instantiated
// elsewhere. Not for functions that callers may want to pass on by name.
#define SGQ_COMPILE_ONCE template <int sgq_once = 0>

// A small loop body that must be compiled with the instruction set of its caller; see
// kernels/simd/dispatch.hpp. The second is for lambdas: [&](index_t i) SGQ_INLINE_LAMBDA { .. }
#if defined(__GNUC__)
#define SGQ_INLINE [[gnu::always_inline]] inline
#define SGQ_INLINE_LAMBDA __attribute__((always_inline))
#define SGQ_RESTRICT __restrict__
#else
#define SGQ_INLINE inline
#define SGQ_INLINE_LAMBDA
#define SGQ_RESTRICT
#endif
