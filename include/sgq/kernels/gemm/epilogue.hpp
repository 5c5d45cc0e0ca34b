// sgq/kernels/gemm/epilogue.hpp -- from sums to the stored result, and from a micro-kernel to C.
#pragma once

#include "sgq/kernels/gemm/problem.hpp"
#include "sgq/kernels/gemm/tiles.hpp"
#include "sgq/kernels/simd/fused.hpp"

#include <algorithm>
#include <limits>

namespace sgq::kernels {

namespace detail {

/// One row of the epilogue; Old and Columns say whether c_old and col_bias take part.
template <int Bytes, bool Old, bool Columns, class T>
SGQ_INLINE void finish_row(const T* sums, index_t n, T scale, T beta, T row, const T* columns,
                           T lowest, T* c) {
  SGQ_SIMD
  for (index_t j = 0; j < n; ++j) {
    T v;
    if constexpr (Old)
      v = multiply_add<Bytes>(scale, sums[j], beta * c[j]) + row;
    else
      v = multiply_add<Bytes>(scale, sums[j], row);
    if constexpr (Columns) v += columns[j];
    c[j] = v < lowest ? lowest : v; // keeps NaN
  }
}

template <class T>
struct FinishRows {
  template <int Bytes>
  SGQ_INLINE static void run(const T* sums, index_t ld, index_t m, index_t n, const Epilogue<T>* e,
                             T* c, index_t ldc) {
    const T lowest = e->relu ? T{0} : -std::numeric_limits<T>::infinity();
    for (index_t i = 0; i < m; ++i, sums += ld, c += ldc) {
      const T row = e->row_bias ? e->row_bias[i] : T{0};
      if (e->beta != 0 && e->col_bias)
        finish_row<Bytes, true, true>(sums, n, e->scale, e->beta, row, e->col_bias, lowest, c);
      else if (e->beta != 0)
        finish_row<Bytes, true, false>(sums, n, e->scale, e->beta, row, e->col_bias, lowest, c);
      else if (e->col_bias)
        finish_row<Bytes, false, true>(sums, n, e->scale, e->beta, row, e->col_bias, lowest, c);
      else
        finish_row<Bytes, false, false>(sums, n, e->scale, e->beta, row, e->col_bias, lowest, c);
    }
  }
};

} // namespace detail

/// The epilogue as seen by the part of C that begins at row i, column j.
template <class T>
Epilogue<T> part_of(const Epilogue<T>& e, index_t i, index_t j) {
  // Field by field: copying a whole struct right after storing one of its fields stalls until that
  // store is done (store forwarding fails).
  // The binding names all fields, so adding one does not compile until it is added here.
  const auto& [scale, beta, row_bias, col_bias, relu] = e;
  return {scale, beta, row_bias ? row_bias + i : nullptr, col_bias ? col_bias + j : nullptr, relu};
}

/// Turns m x n sums into C. The sums may stand in C itself.
template <class T>
void finish(const T* sums, index_t ld, index_t m, index_t n, const Epilogue<T>& e, T* c,
            index_t ldc) {
  for_registers<detail::FinishRows<T>>(sums, ld, m, n, &e, c, ldc);
}

/// Runs a micro-kernel for the rows x cols upper left part of a tile, or of each of x.tiles, then
/// the epilogue. With beta != 0 there is one tile, and it must not accumulate or resume. Changes x
/// rather than copying it, for the reason that part_of() has.
template <class T>
void run_tile(const OuterTile<T>& tile, OuterProduct<T>& x, index_t rows, index_t cols,
              const Epilogue<T>& e) {
  const auto run = tile.kernel(rows, cols);
  x.rows = rows;
  if (tile.is_whole(cols) && e.beta == 0) {
    const bool plain = e.scale == 1 && !e.col_bias;
    x.finishes = plain && !x.stream && (e.row_bias || e.relu);
    x.relu = x.finishes && e.relu;
    x.row_bias = x.finishes ? e.row_bias : nullptr;
    run(x);
    if (!x.finishes && (!plain || e.row_bias || e.relu))
      finish(x.c, x.ldc, rows, x.tiles * cols, e, x.c, x.ldc);
    return;
  }
  x.finishes = x.relu = false;
  x.row_bias = nullptr;
  // Not cleared: the kernel writes all that finish() reads. Only a kernel that resumes old sums
  // reads them, as whole vectors.
  alignas(64) T whole[max_mr * max_nr];
  T* const c = x.c;
  const index_t ldc = x.ldc;
  if (x.accumulate || x.resume) {
    std::fill_n(whole, tile.mr * tile.nr, T{0});
    for (index_t i = 0; i < rows; ++i) std::copy_n(c + i * ldc, cols, whole + i * tile.nr);
  }
  x.c = whole;
  x.ldc = tile.nr;
  x.stream = false;
  run(x);
  x.c = c;
  x.ldc = ldc;
  finish(whole, tile.nr, rows, cols, e, c, ldc);
}

} // namespace sgq::kernels
