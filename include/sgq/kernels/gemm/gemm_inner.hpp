// sgq/kernels/gemm/gemm_inner.hpp -- the matrix product A B^T from inner-product tiles.
//
// Rows of A and of B are contiguous along k, so vectors run along k in both and neither has to be
// transposed. Worth it where the sum is long and C is small, as in the forward product of a linear
// layer: then transposing B would cost more than it saves.
//
//     tasks    parts of k, each with its own C, added in order (kernels/gemm/split_k.hpp)
//     blocks   of k, short enough that a strip of B stays in L1, and A in L2 unless m is large
//     tiles    strips of nr rows of B, by tiles of mr rows of A
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels::detail {

/// dst[row][0 .. padded) = src[row][0 .. k), then zeros.
template <class T>
SGQ_INLINE void copy_rows(const T* src, index_t stride, index_t rows, index_t k, index_t padded,
                          T* dst) {
  for (index_t i = 0; i < rows; ++i, src += stride, dst += padded) {
    SGQ_SIMD
    for (index_t p = 0; p < k; ++p) dst[p] = src[p];
    for (index_t p = k; p < padded; ++p) dst[p] = 0;
  }
}

/// c[i][j] += sums[i][j] for the rows x cols upper left part of a tile, whose rows have nr sums.
template <class T>
void add_tile(const T* sums, index_t nr, index_t rows, index_t cols, T* c, index_t ldc) {
  for (index_t i = 0; i < rows; ++i)
    for (index_t j = 0; j < cols; ++j) c[i * ldc + j] += sums[i * nr + j];
}

template <class T>
class InnerGemm {
public:
  explicit InnerGemm(const Gemm<T>& g) : g_(g), tile_(tiles<T>().inner) {
    const index_t blocks = blocks_of(g.k, inner_block);
    depth_ = blocks_of(blocks, max_parts) * inner_block;
  }

  /// True where this path is the faster one.
  static bool suits(const Gemm<T>& g) {
    return !g.trans_a && g.trans_b && g.k >= 256 && std::min(g.deciding_m(), g.n) <= 192;
  }

  void run() {
    Arena::Scope scope(scratch());
    const index_t parts = blocks_of(g_.k, depth_);
    T* const sums = scratch().take<T>(parts * g_.m * g_.n);
    parallel_for(parts, [&](index_t part) {
      T* const c = sums + part * g_.m * g_.n;
      std::fill_n(c, g_.m * g_.n, T{0});
      for (index_t p = part * depth_; p < std::min(g_.k, (part + 1) * depth_); p += inner_block)
        run_block(p, std::min(inner_block, g_.k - p), c);
    });
    reduce_split_k(sums, parts, g_.m, g_.n, g_.epilogue, g_.c, g_.ldc);
  }

private:
  static constexpr index_t max_parts = 16;
  static constexpr index_t inner_block = 1024;

  /// nr rows of B: where they are, or copied if they are too few, or end in the middle of a vector.
  struct Strip {
    const T* data;
    index_t row[max_inner];
  };

  void read_strip(index_t j, index_t p, index_t k, index_t padded, T* copy, Strip& strip) const {
    const index_t cols = std::min(tile_.nr, g_.n - j);
    const T* const rows = g_.b + j * g_.ldb + p;
    const bool in_place = k == padded && cols == tile_.nr;
    strip.data = in_place ? rows : copy;
    if (!in_place) {
      for_isa<copy_rows<T>>(rows, g_.ldb, cols, k, padded, copy);
      std::fill_n(copy + cols * padded, (tile_.nr - cols) * padded, T{0});
    }
    for (index_t q = 0; q < tile_.nr; ++q) strip.row[q] = q * (in_place ? g_.ldb : padded);
  }

  /// Adds the products of one block of k to c.
  void run_block(index_t p, index_t k, T* c) const {
    Arena::Scope scope(scratch());
    const index_t padded = round_up(k, inner_lanes<T>), rows = round_up(g_.m, tile_.mr);
    T* const a = scratch().take<T>(rows * padded);
    T* const copy = scratch().take<T>(tile_.nr * padded);
    for_isa<copy_rows<T>>(g_.a + p, g_.lda, g_.m, k, padded, a);
    std::fill_n(a + g_.m * padded, (rows - g_.m) * padded, T{0});
    T sums[max_inner];
    Strip strip;
    for (index_t j = 0; j < g_.n; j += tile_.nr) {
      read_strip(j, p, k, padded, copy, strip);
      for (index_t i = 0; i < g_.m; i += tile_.mr) {
        tile_.run({.parts = 1,
                   .length = padded,
                   .a = a + i * padded,
                   .lda = padded,
                   .b = strip.data,
                   .b_row = strip.row,
                   .sums = sums});
        add_tile(sums, tile_.nr, std::min(tile_.mr, g_.m - i), std::min(tile_.nr, g_.n - j),
                 c + i * g_.n + j, g_.n);
      }
    }
  }

  const Gemm<T>& g_;
  const InnerTile<T>& tile_;
  index_t depth_; ///< of a part
};

} // namespace sgq::kernels::detail
