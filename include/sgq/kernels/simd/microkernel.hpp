// sgq/kernels/simd/microkernel.hpp -- the two sums of products that everything else is cut into.
//
// A micro-kernel computes one small tile of C = A B whose accumulators fit into registers. There
// are two kinds, and which one suits depends on what is contiguous in memory:
//
//     outer   columns of B: a row of B is loaded as vectors, values of A are broadcast to it
//     inner   the summed index: vectors run along k in both A and B, nothing is transposed
//
// Both find the rows of B through a table of offsets. A packed panel has rows at equal distances; a
// convolution has rows that are windows into an image (kernels/conv/shifted.hpp), so that the
// column matrix of im2col is read without being built.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/shape.hpp"

namespace sgq::kernels {

// Largest outer tile of any instruction set, for tiles on the stack.
inline constexpr index_t max_mr = 8, max_nr = 32;

/// C[i][j] = sum over p of a[p * mr + i] * b[b_row[p] + j], for a tile of mr x nr; with accumulate,
/// C[i][j] += the same; with resume, the sum begins with C[i][j], so that a sum which is taken in
/// stretches of k has the bits of one that is not. C's rows are ldc apart.
///
/// `stream` writes C past the caches: a C that is larger than they are would be read from memory
/// only to be overwritten. Its rows must be aligned to 64 bytes; nothing accumulates; and the
/// caller runs fence_streams() before another thread may read C.
///
/// `rows` of the tile are read from C or written to it; where fewer than all, the rest of `a` is
/// zeros. `tiles` of them are computed side by side, b_step apart in b.
///
/// `fresh`: b is not packed and comes from memory, so the kernel prefetches. b_row then has `ahead`
/// further entries, the rows to prefetch. With `copy`, the kernel also packs b there.
///
/// `finishes` adds row_bias (0 where null) to what is stored, and cuts it at 0 for `relu`; it does
/// not stream.
template <class T>
struct OuterProduct {
  index_t k;
  const T* a;
  const T* b;
  const index_t* b_row;
  T* c;
  index_t ldc;
  bool accumulate = false;
  bool resume = false;
  bool stream = false;
  index_t rows = max_mr;
  index_t tiles = 1, b_step = 0;
  bool fresh = false;
  T* copy = nullptr;
  bool finishes = false, relu = false;
  const T* row_bias = nullptr;

  static constexpr index_t ahead = 32;
};

/// Makes this thread's streamed stores visible before anything that follows.
inline void fence_streams() {
#if SGQ_X86
  __builtin_ia32_sfence();
#endif
}

/// Lanes of an inner product: 64 bytes, one register of AVX-512, a few smaller ones elsewhere.
template <class T>
inline constexpr index_t inner_lanes = 64 / sizeof(T);

/// sums[i * nr + j] = sum over p of a[i * lda + p] * b[b_row[j] + p], for a tile of mr x nr. p runs
/// through `parts` stretches of `length` elements (a multiple of the lanes), one after the other
/// in A and b_part apart in B. Every instruction set has inner_lanes; lane l sums every p that is l
/// modulo the lanes. Then the lanes are added as kernels/simd/horizontal_sum.hpp tells.
template <class T>
struct InnerProduct {
  index_t parts, length;
  const T* a;
  index_t lda;
  const T* b = nullptr;
  const index_t* b_row = nullptr;
  index_t b_part = 0;
  T* sums = nullptr;
};

/// Vectors as a type, by the extensions of GCC and Clang: `c += a * b` on a whole register of
/// Bytes. The same source becomes AVX-512, AVX2, SSE or NEON. A vector wider than the registers of
/// the function it appears in is split up by the compiler, so wide ones belong in target functions
/// only, and no helper may take or return one. `loose` is a vector at any address.
template <class T, int Bytes>
struct Simd {
  static constexpr index_t lanes = Bytes / static_cast<int>(sizeof(T));
  typedef T type __attribute__((vector_size(Bytes)));
  typedef T loose __attribute__((vector_size(Bytes), aligned(alignof(T)), may_alias));
};

} // namespace sgq::kernels
