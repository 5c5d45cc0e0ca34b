// sgq/kernels/conv/conv2d_backward_weight.hpp -- the gradient of a convolution's weights.
//
//     dW[o][k] += sum over images and output pixels p of  dY[o][p]  X[k][p],     k = (c, r, s)
//
// Few outputs, a very long sum, and both operands contiguous along it: the case for inner-product
// tiles. X is read as windows into shifted copies of the image (kernels/conv/shifted.hpp).
//
//     tasks    parts of the batch, each with its own dW, added in order afterwards
//     blocks   of images, together about a thousand pixels: that many products are summed in
//              registers before the lanes are added up
//     chunks   of input channels, whose copies stay in L1
//     tiles    of output channels by kernel taps
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/conv/shifted.hpp"
#include "sgq/kernels/gemm/gemm_inner.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels {

namespace detail {

template <class T>
class WeightGradient {
public:
  WeightGradient(const ConvGeometry& g, const T* dy, const Planes<T>& x)
      : g_(g), dy_(dy), x_(x), tile_(tiles<T>().inner), layout_(shifted_layout(g, g.out_h())),
        length_(round_up(g.out_plane(), inner_lanes<T>)) {
    block_ = std::min(blocks_of(block_pixels, length_), g.batch);
    images_ = std::max(blocks_of(g.batch, max_parts), block_);
    chunk_ = std::max<index_t>(1, chunk_taps / g.taps());
    if (g.in_channels <= chunk_ + chunk_ / 2) chunk_ = g.in_channels;
  }

  void run(T* dw, T scale, T beta) {
    Arena::Scope scope(scratch());
    const index_t size = g_.out_channels * g_.filter_size();
    const index_t parts = blocks_of(g_.batch, images_);
    T* const sums = scratch().take<T>(parts * size);
    order_taps();
    parallel_for(parts, [&](index_t part) {
      T* const c = sums + part * size;
      std::fill_n(c, size, T{0});
      const index_t end = std::min(g_.batch, (part + 1) * images_);
      for (index_t n = part * images_; n < end; n += block_)
        add_block(n, std::min(block_, end - n), c);
    });
    reduce_split_k(sums, parts, 1, size, {.scale = scale, .beta = beta}, dw, size);
  }

private:
  /// The taps of a chunk by (channel, s, r): those of one tile then read the same copy, a row
  /// apart.
  void order_taps() {
    tap_row_ = scratch().take<index_t>(chunk_ * g_.taps());
    tap_column_ = scratch().take<index_t>(chunk_ * g_.taps());
    index_t t = 0;
    for (index_t c = 0; c < chunk_; ++c)
      for (index_t s = 0; s < g_.kernel_w; ++s)
        for (index_t r = 0; r < g_.kernel_h; ++r, ++t) {
          tap_row_[t] = layout_.offset(c, r, s);
          tap_column_[t] = (c * g_.kernel_h + r) * g_.kernel_w + s;
        }
  }

  static constexpr index_t max_parts = 16, block_pixels = 1024, chunk_taps = 18;

  /// Adds the products of some images.
  void add_block(index_t n, index_t images, T* c) const {
    Arena::Scope scope(scratch());
    InnerProduct<T> x{.parts = images,
                      .length = length_,
                      .a = rows_of(dy_ + n * g_.out_size(), images),
                      .lda = images * length_};
    T* const copies = scratch().take<T>(images * chunk_ * layout_.channel_size() + inner_lanes<T>);
    for (index_t first = 0; first < g_.in_channels; first += chunk_) {
      const index_t channels = std::min(chunk_, g_.in_channels - first);
      x.b = copies;
      x.b_part = channels * layout_.channel_size();
      for (index_t i = 0; i < images; ++i) {
        Arena::Scope image_scope(scratch());
        shift_planes(layout_, x_.read(g_, n + i, first, channels), channels, -g_.pad,
                     copies + i * x.b_part);
      }
      // The last vector of a row may end in the next copy, or here; dY is 0 there.
      std::fill_n(copies + images * x.b_part, inner_lanes<T>, T{0});
      add_chunk(x, channels * g_.taps(), c + first * g_.taps());
    }
  }

  /// dY as rows [o][image][pixel] of whole vectors, and a whole number of tiles of rows.
  const T* rows_of(const T* dy, index_t images) const {
    if (images == 1 && length_ == g_.out_plane() && g_.out_channels % tile_.mr == 0) return dy;
    const index_t row = images * length_, rows = round_up(g_.out_channels, tile_.mr);
    T* const a = scratch().take<T>(rows * row);
    for (index_t o = 0; o < g_.out_channels; ++o)
      for_isa<copy_rows<T, T>>(dy + o * g_.out_plane(), g_.out_size(), images, g_.out_plane(),
                               length_, a + o * row);
    std::fill(a + g_.out_channels * row, a + rows * row, T{0});
    return a;
  }

  /// All output channels by the taps of one chunk of input channels.
  void add_chunk(InnerProduct<T> x, index_t taps, T* c) const {
    const T* const a = x.a;
    T sums[max_inner];
    index_t last_rows[max_inner]; // of a tile that is not full: the last tap repeated
    x.sums = sums;
    for (index_t j = 0; j < tile_.nr; ++j)
      last_rows[j] = tap_row_[std::min(taps / tile_.nr * tile_.nr + j, taps - 1)];
    for (index_t i = 0; i < g_.out_channels; i += tile_.mr)
      for (index_t j = 0; j < taps; j += tile_.nr) {
        const index_t cols = std::min(tile_.nr, taps - j);
        x.a = a + i * x.lda;
        x.b_row = cols == tile_.nr ? tap_row_ + j : last_rows;
        tile_.run(x);
        for (index_t q = 0; q < std::min(tile_.mr, g_.out_channels - i); ++q)
          for (index_t t = 0; t < cols; ++t)
            c[(i + q) * g_.filter_size() + tap_column_[j + t]] += sums[q * tile_.nr + t];
      }
  }

  const ConvGeometry& g_;
  const T* dy_;
  Planes<T> x_;
  const InnerTile<T>& tile_;
  ShiftedLayout layout_;
  index_t length_;                 ///< output pixels of an image, rounded up to vectors
  index_t images_, block_, chunk_; ///< images of a part and of a block, channels of a chunk
  index_t *tap_row_ = nullptr, *tap_column_ = nullptr; ///< where a tap reads X, and stands in dW
};

} // namespace detail

/// dw = beta * dw + scale * gradient of the weights. dy: NCHW of the output, dw: OIHW. With beta 0,
/// dw may be uninitialised.
template <class T, class X>
void conv2d_backward_weight(const ConvGeometry& g, const T* dy, ConvInput<X> x, T* dw, T scale = 1,
                            T beta = 1) {
  detail::WeightGradient<T>(g, dy, x).run(dw, scale, beta);
}

} // namespace sgq::kernels
