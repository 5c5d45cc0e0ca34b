// sgq/kernels/tiles.hpp -- the one table of tile sizes, and which micro-kernel serves them.
#pragma once

#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/inner_2x3_generic.hpp"
#include "sgq/kernels/inner_3x3_avx2.hpp"
#include "sgq/kernels/inner_4x6_avx512.hpp"
#include "sgq/kernels/outer_4x8_generic.hpp"
#include "sgq/kernels/outer_6x16_avx2.hpp"
#include "sgq/kernels/outer_8x32_avx512.hpp"

namespace sgq::kernels {

/// A tile of C: mr rows by nr columns, and the micro-kernel that computes it.
template <class T, template <class> class Product>
struct Tile {
  index_t mr, nr;
  index_t lanes; ///< of a register
  void (*run)(const Product<T>&);
  void (*run_half)(const Product<T>&) = nullptr; ///< only the first mr / 2 rows
};

template <class T>
struct Tiles {
  Tile<T, OuterProduct> outer;
  Tile<T, InnerProduct> inner;
};

/// The tiles of the chosen instruction set.
template <class T>
const Tiles<T>& tiles() {
  static constexpr index_t s = sizeof(T);
  static constexpr Tiles<T> generic{
      {4, 32 / s, 16 / s, outer_4x8_generic<T, 4>, outer_4x8_generic<T, 2>},
      {2, 3, 16 / s, inner_2x3_generic<T>}};
#if SGQ_X86
  static constexpr Tiles<T> avx2{{6, 64 / s, 32 / s, outer_6x16_avx2<T, 6>, outer_6x16_avx2<T, 3>},
                                 {3, 3, 32 / s, inner_3x3_avx2<T>}};
  static constexpr Tiles<T> avx512{
      {8, 128 / s, 64 / s, outer_8x32_avx512<T, 8>, outer_8x32_avx512<T, 4>},
      {4, 6, 64 / s, inner_4x6_avx512<T>}};
  if (isa() == Isa::avx512) return avx512;
  if (isa() == Isa::avx2) return avx2;
#endif
  return generic;
}

// Largest tile of any instruction set, for tiles on the stack.
inline constexpr index_t max_mr = 8, max_nr = 32, max_inner = 24, max_lanes = 16;

// Blocks of a large product. k_block rows of a packed panel of B (nr wide) and of A (mr wide) fit
// the L1 cache together; m_block rows of A, k_block deep, stay in L2 while panels of B pass by. A
// task takes n_block columns of C, or wide_n_block where there are plenty: long rows of B are read
// faster. The order of a sum depends on k_block, so it is the same for any number of threads.
inline constexpr index_t k_block = 256, m_block = 256, n_block = 128, wide_n_block = 512;

} // namespace sgq::kernels
