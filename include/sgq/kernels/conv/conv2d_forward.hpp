// sgq/kernels/conv/conv2d_forward.hpp -- the forward product of a convolution.
//
//     Y[o][p] = sum over k = (c, r, s) of  W[o][k]  X[k][p]        for every image
//
// W is packed once. Each task then takes one image, or a band of its rows, and makes the shifted
// copies that stand for X in its own scratch memory. It goes through the output pixels in strips
// one tile wide, and within a strip through the output channels. Where a strip of X outgrows L1,
// the sum stops after a stretch of k and later resumes, so its order is still that of k. An
// EpilogueCallback lets batch norm read an image of Y while it is still in the cache.
#pragma once

#include "sgq/core/function_ref.hpp"
#include "sgq/core/math.hpp"
#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/conv/shifted.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"
#include "sgq/kernels/gemm/pack.hpp"

namespace sgq::kernels {

/// Called with n once image n of the result is complete, by the thread that completed it.
using EpilogueCallback = function_ref<void(index_t n)>;

namespace detail {

/// Rows of output that one task computes: the whole image, unless its copies would not fit L2.
inline index_t band_rows(index_t rows, index_t bytes_per_row) {
  constexpr index_t budget = 512 * 1024;
  return std::clamp<index_t>(budget / std::max<index_t>(bytes_per_row, 1),
                             std::min<index_t>(rows, 4), rows);
}

/// C[m][n] = A[m][k] X[k][n], A being packed and X given by the offsets of its rows. A strip of X
/// is taken in stretches of k, unless C's old values are still needed.
template <class T>
void multiply_strips(const T* a, index_t m, index_t n, OuterProduct<T> x, const Epilogue<T>& e) {
  const OuterTile<T>& tile = tiles<T>().outer;
  const index_t k = x.k; // may be 0: a phase of the input gradient that no tap reaches
  const index_t stretches = e.beta != 0 || k == 0 ? 1 : blocks_of(k, tile.k_strip);
  const index_t stretch = std::max<index_t>(1, blocks_of(k, stretches));
  const index_t* const b_row = x.b_row;
  const T* const b = x.b;
  T* const c = x.c;
  for (index_t j = 0; j < n; j += tile.nr)
    for (index_t p = 0; p == 0 || p < k; p += stretch) {
      const bool last = p + stretch >= k;
      x.k = std::min(stretch, k - p);
      x.b = b + j;
      x.b_row = b_row + p;
      x.resume = p > 0;
      for (index_t i = 0; i < m; i += tile.mr) {
        x.a = a + i * k + p * tile.mr;
        x.c = c + i * x.ldc + j;
        run_tile(tile, x, std::min(tile.mr, m - i), std::min(tile.nr, n - j),
                 last ? part_of(e, i, 0) : Epilogue<T>{});
      }
    }
}

/// Makes the shifted copies of every image, or of a band of its rows, and calls
///
///     multiply(copies, b_row, pixels, at)
///
/// where row k of X begins at copies[b_row[k]], and `pixels` pixels of Y begin at Y's element `at`.
/// read(n) gives the planes of image n, in_channels of them. `past` elements after the copies may
/// be read.
template <class P, class Read, class Multiply>
void for_each_band(const ConvGeometry& g, index_t past, const Read& read, const Multiply& multiply,
                   EpilogueCallback after) {
  const index_t k = g.filter_size(), out_w = g.out_w();
  const index_t row_bytes = g.in_channels * g.kernel_w * g.stride * out_w * index_t{sizeof(P)};
  const index_t rows = band_rows(g.out_h(), row_bytes);
  const ShiftedLayout layout = shifted_layout(g, rows);
  index_t* const b_row = scratch().take<index_t>(k);
  for (index_t i = 0; i < k; ++i)
    b_row[i] = layout.offset(i / g.taps(), i / g.kernel_w % g.kernel_h, i % g.kernel_w);

  const index_t bands = blocks_of(g.out_h(), rows);
  parallel_for(g.batch * bands, [&](index_t t) {
    const index_t n = t / bands, top = t % bands * rows;
    Arena::Scope task_scope(scratch());
    const index_t size = g.in_channels * layout.channel_size();
    P* const copies = scratch().take<P>(size + past); // the last strip reads past the end
    std::fill_n(copies + size, past, P{0});
    shift_planes(layout, read(n), g.in_channels, top * g.stride - g.pad, copies);
    multiply(copies, b_row, std::min(rows, g.out_h() - top) * out_w,
             n * g.out_size() + top * out_w);
    if (after && bands == 1) after(n);
  });
  if (after && bands > 1) parallel_for(g.batch, after);
}

template <class T>
void conv2d_forward(const ConvGeometry& g, const Planes<T>& x, const T* w, T* y,
                    const Epilogue<T>& epilogue, EpilogueCallback after) {
  Arena::Scope scope(scratch());
  const OuterTile<T>& tile = tiles<T>().outer;
  const index_t k = g.filter_size();
  T* const a = scratch().take<T>(round_up(g.out_channels, tile.mr) * k);
  Operand<T>{w, k, 1}.pack(0, g.out_channels, 0, k, tile.mr, a);
  const auto read = [&](index_t n) { return x.read(g, n, 0, g.in_channels); };
  const auto multiply = [&](const T* copies, const index_t* b_row, index_t pixels, index_t at) {
    multiply_strips(
        a, g.out_channels, pixels,
        {.k = k, .a = a, .b = copies, .b_row = b_row, .c = y + at, .ldc = g.out_plane()}, epilogue);
  };
  for_each_band<T>(g, tile.nr, read, multiply, after);
}

} // namespace detail

/// y = act(scale * conv(x, w) + beta * y + row_bias[output channel]); col_bias must be null.
/// x: NCHW, numbers or uint8_t codes; w: OIHW, y: NCHW.
template <class T, class X>
void conv2d_forward(const ConvGeometry& g, const X* x, const T* w, T* y,
                    const Epilogue<T>& epilogue = {}, EpilogueCallback after = {}) {
  detail::conv2d_forward<T>(g, Planes<T>(x), w, y, epilogue, after);
}

} // namespace sgq::kernels
