// sgq/kernels/conv/weight_inner.hpp -- the gradient of few weights, by inner products.
//
//     dW[o][k] += sum over images and output pixels p of  dY[o][p]  X[k][p],     k = (c, r, s)
//
// With one or three input channels a filter has too few values for the lanes of a register, and
// turning dY round would take longer than the products. So vectors run along the pixels: both
// operands are contiguous there, X being read as windows into shifted copies of the image
// (kernels/conv/shifted.hpp). A stretch of some images, together about a thousand pixels, is summed
// in lanes, which are then added up.
#pragma once

#include "sgq/kernels/conv/shifted.hpp"
#include "sgq/kernels/conv/weight_blocks.hpp"
#include "sgq/kernels/gemm/gemm_inner.hpp"

namespace sgq::kernels::detail {

template <class T>
class InnerWeightGradient {
public:
  /// Lives inside an Arena::Scope of the caller.
  InnerWeightGradient(const ConvGeometry& g, const T* dy, const Planes<T>& x)
      : g_(g), dy_(dy), x_(x), tile_(tiles<T>().inner), layout_(shifted_layout(g, g.out_h())),
        length_(round_up(g.out_plane(), inner_lanes<T>)),
        images_(std::min(blocks_of(stretch_pixels, length_), block_images)) {
    // By (channel, s, r): the taps of one tile then read the same copy, a row apart.
    tap_row_ = scratch().take<index_t>(g.filter_size());
    tap_column_ = scratch().take<index_t>(g.filter_size());
    index_t t = 0;
    for (index_t c = 0; c < g.in_channels; ++c)
      for (index_t s = 0; s < g.kernel_w; ++s)
        for (index_t r = 0; r < g.kernel_h; ++r, ++t) {
          tap_row_[t] = layout_.offset(c, r, s);
          tap_column_[t] = (c * g.kernel_h + r) * g.kernel_w + s;
        }
  }

  void add_block(const WeightTask& task, T* c) const {
    std::fill(c + task.from * g_.filter_size(), c + task.to * g_.filter_size(), T{0});
    for (index_t n = task.first; n < task.end; n += images_)
      add_stretch(n, std::min(images_, task.end - n), task, c);
  }

private:
  static constexpr index_t stretch_pixels = 1024;

  void add_stretch(index_t n, index_t images, const WeightTask& task, T* c) const {
    Arena::Scope scope(scratch());
    const index_t size = g_.in_channels * layout_.channel_size();
    T* const copies = scratch().take<T>(images * size + inner_lanes<T>);
    for (index_t i = 0; i < images; ++i) {
      Arena::Scope image_scope(scratch());
      shift_planes(layout_, x_.read(g_, n + i, 0, g_.in_channels), g_.in_channels, -g_.pad,
                   copies + i * size);
    }
    // The last vector of a row may end in the next copy, or here; dY is 0 there.
    std::fill_n(copies + images * size, inner_lanes<T>, T{0});
    add_tiles({.parts = images,
               .length = length_,
               .a = rows_of(dy_ + n * g_.out_size(), images, task),
               .lda = images * length_,
               .b = copies,
               .b_part = size},
              task, c);
  }

  /// dY as rows [o][image][pixel] of whole vectors, and a whole number of tiles of rows.
  const T* rows_of(const T* dy, index_t images, const WeightTask& task) const {
    dy += task.from * g_.out_plane();
    const index_t row = images * length_, channels = task.to - task.from,
                  rows = round_up(channels, tile_.mr);
    if (images == 1 && length_ == g_.out_plane() && channels == rows) return dy;
    T* const a = scratch().take<T>(rows * row);
    for (index_t o = 0; o < channels; ++o)
      for_isa<copy_rows<T>>(dy + o * g_.out_plane(), g_.out_size(), images, g_.out_plane(), length_,
                            a + o * row);
    std::fill(a + channels * row, a + rows * row, T{0});
    return a;
  }

  void add_tiles(InnerProduct<T> x, const WeightTask& task, T* c) const {
    const index_t taps = g_.filter_size();
    const T* const a = x.a;
    T sums[max_inner];
    index_t last_rows[max_inner]; // of a tile that is not full: the last tap repeated
    x.sums = sums;
    for (index_t j = 0; j < tile_.nr; ++j)
      last_rows[j] = tap_row_[std::min(taps / tile_.nr * tile_.nr + j, taps - 1)];
    for (index_t i = task.from; i < task.to; i += tile_.mr)
      for (index_t j = 0; j < taps; j += tile_.nr) {
        const index_t cols = std::min(tile_.nr, taps - j);
        x.a = a + (i - task.from) * x.lda;
        x.b_row = cols == tile_.nr ? tap_row_ + j : last_rows;
        tile_.run(x);
        for (index_t q = 0; q < std::min(tile_.mr, task.to - i); ++q)
          for (index_t t = 0; t < cols; ++t)
            c[(i + q) * taps + tap_column_[j + t]] += sums[q * tile_.nr + t];
      }
  }

  const ConvGeometry& g_;
  const T* dy_;
  Planes<T> x_;
  const InnerTile<T>& tile_;
  ShiftedLayout layout_;
  index_t length_;                 ///< output pixels of an image, rounded up to vectors
  index_t images_;                 ///< of a stretch
  index_t *tap_row_, *tap_column_; ///< where a tap reads X, and stands in dW
};

} // namespace sgq::kernels::detail
