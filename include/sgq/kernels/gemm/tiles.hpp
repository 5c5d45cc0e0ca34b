// sgq/kernels/gemm/tiles.hpp -- the one table of tile sizes, and which micro-kernel serves them.
#pragma once

#include "sgq/kernels/gemm/inner_4x6_avx512.hpp"
#include "sgq/kernels/gemm/inner_sweeps.hpp"
#include "sgq/kernels/gemm/outer_4x24_avx2.hpp"
#include "sgq/kernels/gemm/outer_8x32_avx512.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

namespace sgq::kernels {

/// An outer-product tile of C, mr rows by nr columns, and the micro-kernels that compute it or its
/// upper left part.
template <class T>
struct OuterTile {
  index_t mr, nr;
  index_t lanes; ///< of a register
  // A convolution reads a strip, nr wide, in stretches of k_strip rows: what a 32 KiB L1 holds
  // beside A. With AVX-512, 144 rows were slower in all layers but one (docs/lab-notes.md, note
  // 20), so there a strip is practically never cut.
  index_t k_strip;
  void (*run[3][3])(const OuterProduct<T>&); ///< [mr, mr / 2, mr / 4 rows][vectors, less 1]

  /// The smallest that has rows x cols; it touches whole vectors of C.
  auto kernel(index_t rows, index_t cols) const {
    return run[(rows <= mr / 2) + (rows <= mr / 4)][vectors(cols) - 1];
  }

  /// Registers for up to nr columns, at most three, as many as `run` has. Counted: a division would
  /// cost as much as a tile of a few terms.
  index_t vectors(index_t cols) const { return 1 + (cols > lanes) + (cols > 2 * lanes); }
  bool is_whole(index_t cols) const { return vectors(cols) * lanes == cols; }
};

/// An inner-product tile.
template <class T>
struct InnerTile {
  index_t mr, nr;
  void (*run)(const InnerProduct<T>&);
};

template <class T>
struct Tiles {
  OuterTile<T> outer;
  InnerTile<T> inner;
};

/// The tiles of the chosen instruction set.
template <class T>
const Tiles<T>& tiles() {
  static constexpr index_t s = sizeof(T);
  static constexpr Tiles<T> generic{
      .outer = {.mr = 4,
                .nr = 32 / s,
                .lanes = 16 / s,
                .k_strip = 256,
                .run = {{outer_bytes16<T, 4, 4, 1>, outer_bytes16<T, 4, 4, 2>},
                        {outer_bytes16<T, 4, 2, 1>, outer_bytes16<T, 4, 2, 2>},
                        {outer_bytes16<T, 4, 1, 1>, outer_bytes16<T, 4, 1, 2>}}},
      .inner = {.mr = 2, .nr = 3, .run = inner_bytes16<T, 2, 3>}};
#if SGQ_X86
  static constexpr Tiles<T> avx2{
      .outer =
          {.mr = 4,
           .nr = 96 / s,
           .lanes = 32 / s,
           .k_strip = 128,
           .run = {{outer_4x24_avx2<T, 4, 1>, outer_4x24_avx2<T, 4, 2>, outer_4x24_avx2<T, 4, 3>},
                   {outer_4x24_avx2<T, 2, 1>, outer_4x24_avx2<T, 2, 2>, outer_4x24_avx2<T, 2, 3>},
                   {outer_4x24_avx2<T, 1, 1>, outer_4x24_avx2<T, 1, 2>, outer_4x24_avx2<T, 1, 3>}}},
      .inner = {.mr = 4, .nr = 3, .run = inner_4x3_avx2<T>}};
  static constexpr Tiles<T> avx512{
      .outer = {.mr = 8,
                .nr = 128 / s,
                .lanes = 64 / s,
                .k_strip = 4096,
                .run = {{outer_8x32_avx512<T, 8, 1>, outer_8x32_avx512<T, 8, 2>},
                        {outer_8x32_avx512<T, 4, 1>, outer_8x32_avx512<T, 4, 2>},
                        {outer_8x32_avx512<T, 2, 1>, outer_8x32_avx512<T, 2, 2>}}},
      .inner = {.mr = 4, .nr = 6, .run = inner_4x6_avx512<T>}};
  if (isa() == Isa::avx512) return avx512;
  if (isa() == Isa::avx2) return avx2;
#elif SGQ_ARM
  static constexpr Tiles<T> neon{
      .outer = {.mr = 8,
                .nr = 48 / s,
                .lanes = 16 / s,
                .k_strip = 256,
                .run = {{outer_bytes16<T, 8, 8, 1>, outer_bytes16<T, 8, 8, 2>,
                         outer_bytes16<T, 8, 8, 3>},
                        {outer_bytes16<T, 8, 4, 1>, outer_bytes16<T, 8, 4, 2>,
                         outer_bytes16<T, 8, 4, 3>},
                        {outer_bytes16<T, 8, 2, 1>, outer_bytes16<T, 8, 2, 2>,
                         outer_bytes16<T, 8, 2, 3>}}},
      .inner = {.mr = 4, .nr = 6, .run = inner_bytes16<T, 4, 6>}};
  if (isa() != Isa::generic) return neon;
#endif
  return generic;
}

// Largest inner tile of any instruction set, for tiles on the stack.
inline constexpr index_t max_inner = 24;

// Blocks of a large product. kc rows of a packed panel of B (nr wide) and of A (mr wide) are used
// from L1: of floats, 12 to 28 KiB together, or 40 KiB with AVX-512, which an L1 of 48 KiB holds
// and one of 32 KiB does not. mc rows of A, kc deep, stay in L2 while panels of B pass by. A task
// takes nc columns of C, or wide_nc where there are plenty: long rows of B are read faster. The
// order of a sum depends on kc, so it is the same for any number of threads.
inline constexpr index_t kc = 256, mc = 256, nc = 128, wide_nc = 512;

} // namespace sgq::kernels
