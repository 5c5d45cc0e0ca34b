// The tile of steps 3 to 7: a small part of C whose sums stay in registers, as wide as the machine
// has.
//
// It is written once, for any width and number of registers, and compiled three times: 8 x 32 for
// AVX-512, 4 x 24 for AVX2, and for any other machine the 4 x 8 of step 2.
#pragma once

#include "product.hpp"

#include "sgq/core/math.hpp"
#include "sgq/core/memory.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/microkernel.hpp"

namespace learn {

/// The operands of one tile: C = A B, or C += A B.
struct TileTask {
  index_t depth;
  const float *a, *b;
  float* c;
  index_t ldc;
  bool add;
  index_t lda = 0, ldb = 0; ///< distance of rows in A and B; not used where they are packed
};

/// Packed: A is [depth][Rows] and B is [depth][Vectors of Bytes]. A's values are asked for `Ahead`
/// steps before they are needed; step 7 tells why.
template <int Bytes, index_t Rows, index_t Vectors, bool Packed, index_t Ahead>
SGQ_INLINE void tile(const TileTask& t) {
  using Vector = typename sgq::kernels::Simd<float, Bytes>::type;
  using Loose = typename sgq::kernels::Simd<float, Bytes>::loose;
  constexpr index_t lanes = sgq::kernels::Simd<float, Bytes>::lanes;
  const float *a = t.a, *b = t.b;
  Vector sum[std::size_t(Rows)][std::size_t(Vectors)] = {};
  for (index_t p = 0; p < t.depth; ++p) {
    Vector row[std::size_t(Vectors)];
    SGQ_UNROLL
    for (index_t v = 0; v < Vectors; ++v) row[v] = *reinterpret_cast<const Loose*>(b + v * lanes);
    if (Ahead > 0) __builtin_prefetch(a + Ahead * Rows);
    SGQ_UNROLL
    for (index_t i = 0; i < Rows; ++i) {
      const float factor = Packed ? a[i] : a[i * t.lda];
      SGQ_UNROLL
      for (index_t v = 0; v < Vectors; ++v) sum[i][v] += factor * row[v];
    }
    a += Packed ? Rows : 1;
    b += Packed ? Vectors * lanes : t.ldb;
  }
  SGQ_UNROLL
  for (index_t i = 0; i < Rows; ++i) {
    SGQ_UNROLL
    for (index_t v = 0; v < Vectors; ++v) {
      Loose* const to = reinterpret_cast<Loose*>(t.c + i * t.ldc + v * lanes);
      *to = t.add ? *to + sum[i][v] : sum[i][v];
    }
  }
}

template <bool Packed, index_t Ahead>
void tile_any(const TileTask& t) {
  tile<16, 4, 2, Packed, Ahead>(t);
}
#if SGQ_X86
template <bool Packed, index_t Ahead>
[[SGQ_TARGET_AVX2]] void tile_avx2(const TileTask& t) {
  tile<32, 4, 3, Packed, Ahead>(t);
}
template <bool Packed, index_t Ahead>
[[SGQ_TARGET_AVX512]] void tile_avx512(const TileTask& t) {
  tile<64, 8, 2, Packed, Ahead>(t);
}
#endif

struct Tile {
  index_t rows, cols;
  void (*run)(const TileTask&);

  /// The same for a tile that is only height x width in C; the operands hold all of it.
  void run_part(index_t height, index_t width, TileTask t) const {
    if (height >= rows && width >= cols) return run(t);
    float sums[8 * 32];
    float* const c = t.c;
    const index_t ldc = t.ldc;
    const bool add = t.add;
    t.c = sums, t.ldc = cols, t.add = false;
    run(t);
    for (index_t i = 0; i < std::min(height, rows); ++i)
      for (index_t j = 0; j < std::min(width, cols); ++j)
        c[i * ldc + j] = sums[i * cols + j] + (add ? c[i * ldc + j] : 0);
  }
};

template <bool Packed, index_t Ahead = 0>
Tile best_tile() {
#if SGQ_X86
  using sgq::kernels::Isa;
  if (sgq::kernels::isa() == Isa::avx512) return {8, 32, tile_avx512<Packed, Ahead>};
  if (sgq::kernels::isa() == Isa::avx2) return {4, 24, tile_avx2<Packed, Ahead>};
#endif
  return {4, 8, tile_any<Packed, Ahead>};
}

/// The columns [j, x.n) or the rows [i, x.m) that fill no tile, for a part of the sum.
inline void edges(const Product& x, index_t m, index_t n, index_t p0, index_t p1) {
  for (index_t i = 0; i < x.m; ++i)
    for (index_t j = i < m ? n : 0; j < x.n; ++j) {
      float sum = p0 > 0 ? x.c[i * x.n + j] : 0;
      for (index_t p = p0; p < p1; ++p) sum += x.a[i * x.k + p] * x.b[p * x.n + j];
      x.c[i * x.n + j] = sum;
    }
}

/// panel[p][w] = from[w * along + p * deep] for `width` w; zeros from `count` on.
inline void pack(const float* from, index_t along, index_t deep, index_t depth, index_t count,
                 index_t width, float* panel) {
  for (index_t p = 0; p < depth; ++p, from += deep, panel += width)
    if (along == 1 && count >= width)
      std::copy_n(from, width, panel);
    else
      for (index_t w = 0; w < width; ++w) panel[w] = w < count ? from[w * along] : 0;
}

} // namespace learn
