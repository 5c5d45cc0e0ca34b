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
// The smaller operand is packed once, for all tasks; the other by the task that needs it. Where C
// is small and the sum is long, tasks take a part of the sum each, and the parts are added in
// order. Every choice depends on the sizes only, so the result does not depend on the threads.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels::detail {

template <class T, class TA, class TB>
class OuterGemm {
public:
  explicit OuterGemm(const Gemm<T, TA, TB>& g)
      : g_(g), tile_(tiles<T>().outer),
        nr_(tile_.nr), a_{g.a, g.trans_a ? 1 : g.lda, g.trans_a ? g.lda : 1},
        b_{g.b, g.trans_b ? g.ldb : 1, g.trans_b ? 1 : g.ldb}, share_a_(g.m <= g.n) {
    rows_ = share_a_ ? g.m : round_up(mc / 2, tile_.mr);
    cols_ = !share_a_ ? g.n : g.n < 4 * wide_nc ? nc : wide_nc;
    const index_t blocks = std::max<index_t>(1, blocks_of(g.k, kc));
    const index_t tasks = blocks_of(g.m, rows_) * blocks_of(g.n, cols_);
    const index_t parts = std::clamp<index_t>(min_tasks / tasks, 1, blocks);
    depth_ = blocks_of(blocks, parts) * kc;
    // Skip packing B when m is small and B's rows are close together or few.
    direct_b_ = std::is_same_v<T, TB> && share_a_ && !g.trans_b && g.n % tile_.lanes == 0 &&
                g.m <= 64 && (g.ldb <= 1024 || g.k <= 16 || (g.k <= 64 && g.m <= 16));
    const Epilogue<T>& e = g.epilogue;
    const bool as_summed = e.scale == 1 && e.beta == 0 && !e.row_bias && !e.col_bias && !e.relu;
    stream_ = as_summed && depth_ >= g.k && g.k <= kc && g.m % tile_.mr == 0 &&
              g.m * g.n * index_t{sizeof(T)} >= stream_bytes && aligned(g.c, g.ldc);
    // A streamed row must fill whole cache lines: a partial line costs a write of its own.
    constexpr index_t line = 64 / sizeof(T);
    if (stream_ && nr_ > line) nr_ = nr_ / line * line;
    cols_ = round_up(cols_, nr_);
  }

  void run() {
    Arena::Scope scope(scratch());
    pack_shared();
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
    const index_t depth = std::min(g_.k, kc);
    index_t* const rows = scratch().take<index_t>(depth);
    for (index_t p = 0; p < depth; ++p) rows[p] = p * (direct_b_ ? g_.ldb : nr_);
    b_row_ = rows;
  }

  /// PackedOperand of one operand for one block of k; the one of row or column w begins at at(w).
  struct PackedOperand {
    const T* data;
    index_t first, step;
    const T* at(index_t w) const { return data + (w - first) * step; }
  };

  PackedOperand panels_of_a(const Task& x, index_t p, index_t k, T* buffer) const {
    if (share_a_) return {shared_ + p * shared_rows_, 0, k};
    a_.pack(x.i0, x.i1 - x.i0, p, k, tile_.mr, buffer);
    return {buffer, x.i0, k};
  }

  PackedOperand panels_of_b(const Task& x, index_t p, index_t k, T* buffer) const {
    if constexpr (std::is_same_v<T, TB>)
      if (direct_b_) return {g_.b + p * g_.ldb, 0, 1};
    if (!share_a_) return {shared_ + p * shared_rows_, 0, k};
    b_.pack(x.j0, x.j1 - x.j0, p, k, nr_, buffer);
    return {buffer, x.j0, k};
  }

  /// One task: loops 4 to 1. The sum over all of its k blocks is complete after the last one, and
  /// only then goes through the epilogue.
  void run_task(const Task& x, T* c, index_t ldc, const Epilogue<T>& e) const {
    Arena::Scope scope(scratch());
    const index_t own = share_a_ ? round_up(x.j1 - x.j0, nr_) : round_up(x.i1 - x.i0, tile_.mr);
    T* const buffer = scratch().take<T>(own * std::min(x.k1 - x.k0, kc));
    index_t p = x.k0;
    do {
      const index_t k = std::min(kc, x.k1 - p);
      const PackedOperand a = panels_of_a(x, p, k, buffer), b = panels_of_b(x, p, k, buffer);
      run_panels(x, k, a, b, c, ldc, p > x.k0, p + k < x.k1 ? Epilogue<T>{} : e);
      p += k;
    } while (p < x.k1);
  }

  /// Loops 3 to 1, for one block of k. If all panels of B fit L1 together, loops 1 and 2 are
  /// swapped, so that C is written along its rows.
  void run_panels(const Task& x, index_t k, const PackedOperand& a, const PackedOperand& b, T* c,
                  index_t ldc, bool accumulate, const Epilogue<T>& e) const {
    const bool short_sum = k * (x.j1 - x.j0) <= kc * nr_;
    const index_t rows = short_sum ? tile_.mr : mc / tile_.mr * tile_.mr;
    for (index_t ib = x.i0; ib < x.i1; ib += rows)
      for (index_t j = x.j0; j < x.j1; j += nr_)
        for (index_t i = ib; i < std::min(x.i1, ib + rows); i += tile_.mr)
          run_tile(tile_,
                   {.k = k,
                    .a = a.at(i),
                    .b = b.at(j),
                    .b_row = b_row_,
                    .c = c + i * ldc + j,
                    .ldc = ldc,
                    .accumulate = accumulate,
                    .stream = stream_},
                   std::min(tile_.mr, x.i1 - i), std::min(nr_, x.j1 - j), part_of(e, i, j));
  }

  const Gemm<T, TA, TB>& g_;
  const OuterTile<T>& tile_;
  index_t nr_; ///< of the tiles that are used
  Operand<TA> a_;
  Operand<TB> b_;
  bool share_a_;                ///< A is packed once for all tasks, else B
  bool direct_b_ = false;       ///< B is read where it is
  bool stream_ = false;         ///< C is written past the caches
  index_t rows_, cols_, depth_; ///< of a task
  const T* shared_ = nullptr;
  index_t shared_rows_ = 0;
  const index_t* b_row_ = nullptr;
};

} // namespace sgq::kernels::detail
