// sgq/kernels/gemm/outer_sums.hpp -- the loop in which a network spends its life: OuterProduct for
// a tile of registers.
//
// Every step loads one row of b into a few registers, broadcasts a column of a, value by value, and
// multiplies and adds each pair. Each instruction set instantiates it with the
// rows and registers that its register file allows: as many sums as leave room for one row of b
// and one value of a.
#pragma once

#include "sgq/kernels/simd/fused.hpp"

namespace sgq::kernels {

/// Adds a[p][i] b[p][j] to the sums, p by p. Fresh: b comes from memory, see OuterProduct::copy.
template <int Bytes, index_t panel, bool Fresh, index_t Rows, index_t Vectors, class T>
SGQ_INLINE void
add_products(const OuterProduct<T>& x, const T* rows,
             typename Simd<T, Bytes>::type (&sum)[std::size_t(Rows)][std::size_t(Vectors)]) {
  using Loose = typename Simd<T, Bytes>::loose;
  const T* a = x.a;
  T* copy = x.copy;
  for (index_t p = 0; p < x.k; ++p, a += panel) {
    const auto row = reinterpret_cast<const Loose*>(rows + x.b_row[p]);
    typename Simd<T, Bytes>::type b[std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) b[j] = row[j];
    if constexpr (Fresh) {
      const T* const next = rows + x.b_row[p + OuterProduct<T>::ahead];
      __builtin_prefetch(next);
      if (Vectors * Bytes > 64) __builtin_prefetch(next + Simd<T, 64>::lanes);
      if (copy) {
        SGQ_UNROLL
        for (index_t j = 0; j < Vectors; ++j) reinterpret_cast<Loose*>(copy)[j] = b[j];
        copy += Vectors * Simd<T, Bytes>::lanes;
      }
    }
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j) add_product<Bytes>(sum[i][j], a[i], b[j]);
    }
  }
}

/// The sums of the first Rows of a tile's `panel` rows, Vectors of Bytes wide, before they are
/// stored.
template <int Bytes, index_t panel, index_t Rows, index_t Vectors, class T>
SGQ_INLINE void
outer_sums(const OuterProduct<T>& x, const T* b, const T* c,
           typename Simd<T, Bytes>::type (&sum)[std::size_t(Rows)][std::size_t(Vectors)]) {
  using Loose = typename Simd<T, Bytes>::loose;
  if (!x.stream) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      __builtin_prefetch(c + i * x.ldc, 1);
      if (Vectors * Bytes > 64) __builtin_prefetch(c + i * x.ldc + Simd<T, 64>::lanes, 1);
    }
  }
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) sum[i][j] = typename Simd<T, Bytes>::type{};
  }
  if (x.resume) {
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      if (i >= x.rows) continue;
      SGQ_UNROLL
      for (index_t j = 0; j < Vectors; ++j)
        sum[i][j] = reinterpret_cast<const Loose*>(c + i * x.ldc)[j];
    }
  }
  if (x.fresh)
    add_products<Bytes, panel, true, Rows, Vectors>(x, b, sum);
  else
    add_products<Bytes, panel, false, Rows, Vectors>(x, b, sum);
}

/// Stores them in C, or adds them to what is there, and finishes them if asked.
template <int Bytes, index_t Rows, index_t Vectors, class T>
SGQ_INLINE void
store_sums(const OuterProduct<T>& x, T* to,
           const typename Simd<T, Bytes>::type (&sum)[std::size_t(Rows)][std::size_t(Vectors)]) {
  using Loose = typename Simd<T, Bytes>::loose;
  const index_t rows = x.rows, ldc = x.ldc; // no store can change a copy
  const typename Simd<T, Bytes>::type zero{};
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    if (i >= rows) continue;
    const T bias = x.row_bias ? x.row_bias[i] : T{0};
    SGQ_UNROLL
    for (index_t j = 0; j < Vectors; ++j) {
      const auto c = reinterpret_cast<Loose*>(to + i * ldc) + j;
      typename Simd<T, Bytes>::type v = x.accumulate ? *c + sum[i][j] : sum[i][j];
      if (x.finishes) v += bias;
      if (x.relu) v = v < 0 ? zero : v; // keeps NaN
      *c = v;
    }
  }
}

/// On any machine, in registers of 16 bytes. Eight sums fit the 16 registers of SSE2: a tile of 4x8
/// (double: 4x4). 24 fit the 32 of NEON: 8x12 (8x6). Panels of A are as high as the tile.
template <class T, index_t panel, index_t Rows, index_t Vectors>
void outer_bytes16(const OuterProduct<T>& x) {
  const T* b = x.b;
  T* c = x.c;
  for (index_t t = x.tiles; t > 0; --t, b += x.b_step, c += Vectors * Simd<T, 16>::lanes) {
    typename Simd<T, 16>::type sum[std::size_t(Rows)][std::size_t(Vectors)];
    outer_sums<16, panel, Rows, Vectors>(x, b, c, sum);
    store_sums<16, Rows, Vectors>(x, c, sum);
  }
}

} // namespace sgq::kernels
