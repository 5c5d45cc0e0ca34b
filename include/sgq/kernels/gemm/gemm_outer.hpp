// sgq/kernels/gemm/gemm_outer.hpp -- the matrix product from outer-product tiles.
//
// Five loops around a micro-kernel, after Goto and van de Geijn, "Anatomy of High-Performance
// Matrix Multiplication" (TOMS 2008), and BLIS:
//
//     loop 5   blocks of C: the tasks that are spread over threads
//     loop 4   blocks of k: what is packed at a time
//     loop 3   blocks of rows: the packed part of A that stays in L2 during
//     loop 2   panels of B; each stays in L1 during
//     loop 1   panels of A: one call of the micro-kernel
//
// The smaller operand is packed once, if several tasks need it; the other by the task that needs
// it. Rows of B that lie along memory take no pass of their own: the first panel of A reads them
// where they are and leaves them packed for the others, and where the sum is short, all panels read
// them there, a row of tiles at a time. Where C is small and the sum is long, tasks take a part of
// the sum each, and the parts are added in order. Every choice depends on the sizes only, so the
// result does not depend on the threads.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels::detail {

template <class T>
class OuterGemm {
public:
  explicit OuterGemm(const Gemm<T>& g)
      : g_(g), tile_(tiles<T>().outer),
        nr_(tile_.nr), a_{g.a, g.trans_a ? 1 : g.lda, g.trans_a ? g.lda : 1},
        b_{g.b, g.trans_b ? g.ldb : 1, g.trans_b ? 1 : g.ldb}, share_a_(g.deciding_m() <= g.n) {
    rows_ = share_a_ ? g.deciding_m() : round_up(mc / 2, tile_.mr);
    cols_ = !share_a_ ? g.n : g.n < 4 * wide_nc ? nc : wide_nc;
    const index_t blocks = std::max<index_t>(1, blocks_of(g.k, kc));
    const index_t tasks = blocks_of(g.deciding_m(), rows_) * blocks_of(g.n, cols_);
    const index_t parts = std::clamp<index_t>(min_tasks / tasks, 1, blocks);
    depth_ = blocks_of(blocks, parts) * kc;
    const Epilogue<T>& e = g.epilogue;
    const bool as_summed = e.scale == 1 && e.beta == 0 && !e.row_bias && !e.col_bias && !e.relu;
    stream_ = as_summed && depth_ >= g.k && g.k <= kc &&
              g.m * g.n * index_t{sizeof(T)} >= stream_bytes && aligned(g.c, g.ldc);
    // A streamed row must fill whole cache lines: a partial line costs a write of its own.
    constexpr index_t line = 64 / sizeof(T);
    if (stream_ && nr_ > line) nr_ = nr_ / line * line;
    // Short sums: what a task reads of B fits L1.
    if (in_place()) cols_ = std::min(cols_, kc * nr_ / std::max<index_t>(1, g.k));
    cols_ = round_up(cols_, nr_);
    share_ = share_a_ ? g.n > cols_ : g.m > rows_;
  }

  void run() {
    Arena::Scope scope(scratch());
    if (share_) pack_shared();
    index_t* const rows = scratch().take<index_t>(kc);
    for (index_t p = 0; p < kc; ++p) rows[p] = p * nr_;
    b_row_ = rows;
    const index_t parts = std::max<index_t>(1, blocks_of(g_.k, depth_));
    const bool partial = parts > 1 || (g_.epilogue.beta != 0 && g_.k > kc);
    T* const sums = partial ? scratch().take<T>(parts * g_.m * g_.n) : nullptr;
    const index_t across = blocks_of(g_.n, cols_), down = blocks_of(g_.m, rows_);
    parallel_for(parts * down * across, [&](index_t t) {
      const index_t part = t / (down * across), i = t / across % down * rows_,
                    j = t % across * cols_;
      const Task task{i,
                      std::min(g_.m, i + rows_),
                      j,
                      std::min(g_.n, j + cols_),
                      part * depth_,
                      std::min(g_.k, (part + 1) * depth_)};
      if (partial)
        run_task(task, sums + part * g_.m * g_.n, g_.n, {});
      else
        run_task(task, g_.c, g_.ldc, g_.epilogue);
      if (stream_) fence_streams();
    });
    if (partial) reduce_split_k(sums, parts, g_.m, g_.n, g_.epilogue, g_.c, g_.ldc);
  }

private:
  static constexpr index_t min_tasks = 8; ///< below this, the sum is cut into parts

  // Stream C past the caches when it exceeds most L2 caches: a cached store reads each line before
  // writing it. That halves the traffic; products with up to 128 terms became 1.2 to 1.4 times as
  // fast. Left-over rows are not streamed: they go through a buffer.
  static constexpr index_t stream_bytes = 4 << 20;

  static bool aligned(const T* c, index_t ldc) {
    return reinterpret_cast<std::uintptr_t>(c) % 64 == 0 && ldc * index_t{sizeof(T)} % 64 == 0;
  }

  /// B's rows are vectors already: the first panel of A reads them where they are.
  bool fresh_b() const { return share_a_ && !g_.trans_b; }

  /// Every panel of A, not only the first, reads B where it is: for sums of at most 32 terms,
  /// packing costs more than it saves.
  bool in_place() const { return fresh_b() && g_.n % tile_.lanes == 0 && g_.k <= 32; }

  /// The part of C and of k that a task computes.
  struct Task {
    index_t i0, i1, j0, j1, k0, k1;
  };

  /// All of the smaller operand: for each k block its panels, in order.
  void pack_shared() {
    const index_t width = share_a_ ? tile_.mr : nr_, extent = share_a_ ? g_.m : g_.n;
    shared_rows_ = round_up(extent, width);
    T* const packed = scratch().take<T>(shared_rows_ * g_.k);
    const index_t step = round_up(128, width), across = blocks_of(extent, step);
    const auto pack_part = [&](index_t t) {
      const index_t p = t / across * kc, w = t % across * step;
      const index_t k = std::min(kc, g_.k - p), n = std::min(step, extent - w);
      T* const to = packed + p * shared_rows_ + w * k;
      share_a_ ? a_.pack(w, n, p, k, width, to) : b_.pack(w, n, p, k, width, to);
    };
    parallel_for(across * blocks_of(g_.k, kc), pack_part);
    shared_ = packed;
  }

  /// The rows of A and the columns of B that a task multiplies, for one block of k, and where to.
  struct Block {
    index_t p, k;
    const T* a; ///< packed
    T* b;       ///< packed, or room for that
    T* c;
    index_t ldc;
    bool accumulate;
    const Epilogue<T>& e;
    const index_t* fresh; ///< rows of B where they are, and OuterProduct::ahead more
  };

  /// One task: loops 4 to 1. The sum over all of its k blocks is complete after the last one, and
  /// only then goes through the epilogue.
  void run_task(const Task& x, T* c, index_t ldc, const Epilogue<T>& e) const {
    Arena::Scope scope(scratch());
    const index_t m = x.i1 - x.i0, n = x.j1 - x.j0, depth = std::min(x.k1 - x.k0, kc);
    const bool pack_a = !share_a_ || !shared_, pack_b = share_a_ || !shared_;
    T* const a = pack_a ? scratch().take<T>(round_up(m, tile_.mr) * depth) : nullptr;
    T* const b = pack_b ? scratch().take<T>(round_up(n, nr_) * depth) : nullptr;
    index_t* const fresh = scratch().take<index_t>(depth + OuterProduct<T>::ahead);
    const Epilogue<T> none{};
    index_t p = x.k0;
    do {
      const index_t k = std::min(kc, x.k1 - p);
      T* const packed = shared_ + p * shared_rows_;
      if (pack_a) a_.pack(x.i0, m, p, k, tile_.mr, a);
      // If all panels of B fit L1 together, C is written along its rows.
      const bool short_sum = n * k <= (kc + k) * nr_;
      if (pack_b && !(short_sum ? in_place() : fresh_b())) b_.pack(x.j0, n, p, k, nr_, b);
      // Rows k and later are those of the next strip, nr_ columns further on: to be prefetched.
      for (index_t q = 0; q < depth + OuterProduct<T>::ahead; ++q)
        fresh[q] = q < k ? q * g_.ldb : k == 0 ? 0 : fresh[q - k] + nr_;
      const Block y{.p = p,
                    .k = k,
                    .a = pack_a ? a : packed,
                    .b = pack_b ? b : packed + x.j0 * k,
                    .c = c,
                    .ldc = ldc,
                    .accumulate = p > x.k0,
                    .e = p + k < x.k1 ? none : e,
                    .fresh = fresh};
      short_sum ? run_rows(x, y) : run_strips(x, y);
      p += k;
    } while (p < x.k1);
  }

  OuterProduct<T> tile_at(const Task& x, const Block& y, index_t i, index_t j) const {
    return {.k = y.k,
            .a = y.a + (i - x.i0) * y.k,
            .b = y.b + (j - x.j0) * y.k,
            .b_row = b_row_,
            .c = y.c + i * y.ldc + j,
            .ldc = y.ldc,
            .accumulate = y.accumulate,
            .stream = stream_,
            .b_step = y.k * nr_};
  }

  /// Makes a tile read B where it is.
  void read_fresh(const Block& y, index_t j, OuterProduct<T>& tile) const {
    tile.b = g_.b + y.p * g_.ldb + j;
    tile.b_row = y.fresh;
    tile.b_step = nr_;
    tile.fresh = true;
  }

  /// Loops 1 and 2 for a short sum: panels of A, each with all columns.
  void run_rows(const Task& x, const Block& y) const {
    for (index_t i = x.i0; i < x.i1; i += tile_.mr)
      for (index_t j = x.j0, cols; j < x.j1; j += cols) {
        cols = std::min(nr_, x.j1 - j);
        OuterProduct<T> tile = tile_at(x, y, i, j);
        if (in_place()) read_fresh(y, j, tile);
        tile.fresh = tile.fresh && i == x.i0;
        if (cols == nr_ && y.e.beta == 0) tile.tiles = (x.j1 - j) / nr_;
        run_tile(tile_, tile, std::min(tile_.mr, x.i1 - i), cols, part_of(y.e, i, j));
        cols *= tile.tiles;
      }
  }

  /// Loops 3 to 1: blocks of rows, panels of B, panels of A. The first panel of A packs B.
  void run_strips(const Task& x, const Block& y) const {
    constexpr index_t rows = mc / max_mr * max_mr;
    const bool fresh = fresh_b(), one_block = x.i1 - x.i0 <= rows;
    for (index_t ib = x.i0; ib < x.i1; ib += rows)
      for (index_t j = x.j0; j < x.j1; j += nr_) {
        const index_t cols = std::min(nr_, x.j1 - j);
        // A strip that no other block of rows needs stays where the last one was, in L1.
        T* const strip = y.b + (fresh && one_block ? 0 : (j - x.j0) * y.k);
        const bool copy = fresh && ib == x.i0 && tile_.is_whole(cols) && cols == nr_;
        if (fresh && ib == x.i0 && !copy) b_.pack(j, cols, y.p, y.k, nr_, strip);
        for (index_t i = ib; i < std::min(x.i1, ib + rows); i += tile_.mr) {
          OuterProduct<T> tile = tile_at(x, y, i, j);
          tile.b = strip;
          if (copy && i == ib) {
            read_fresh(y, j, tile);
            tile.copy = strip;
          }
          run_tile(tile_, tile, std::min(tile_.mr, x.i1 - i), cols, part_of(y.e, i, j));
        }
      }
  }

  const Gemm<T>& g_;
  const OuterTile<T>& tile_;
  index_t nr_; ///< of the tiles that are used
  Operand<T> a_, b_;
  bool share_a_;                ///< the operand that may be packed once for all tasks: A, else B
  bool share_;                  ///< it is packed once, because several tasks need it
  bool stream_ = false;         ///< C is written past the caches
  index_t rows_, cols_, depth_; ///< of a task
  T* shared_ = nullptr;         ///< that operand, packed
  index_t shared_rows_ = 0;
  const index_t* b_row_ = nullptr;
};

} // namespace sgq::kernels::detail
