// sgq/kernels/conv2d_backward_weight.hpp -- the gradient of a convolution's weights.
//
//     dW[o][k] += sum over images and output pixels p of  dY[o][p]  X[k][p],     k = (c, r, s)
//
// Few outputs, a very long sum, and both operands contiguous along it: the case for inner-product
// tiles. X is read as windows into shifted copies of the image (kernels/shifted.hpp).
//
//     tasks    parts of the batch, each with its own dW, added in order afterwards
//     blocks   of images, together about a thousand pixels: that many products are summed in
//              registers before the lanes are added up
//     chunks   of input channels, whose copies stay in L1
//     tiles    of output channels by kernel taps
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/combine.hpp"
#include "sgq/kernels/gemm_inner.hpp"
#include "sgq/kernels/shifted.hpp"

namespace sgq::kernels {

namespace detail {

template <class T, class X>
class WeightGradient {
public:
  WeightGradient(const ConvGeometry& g, const T* dy, ConvInput<X> x)
      : g_(g), dy_(dy), x_(x), tile_(tiles<T>().inner), layout_(shifted_layout(g, g.out_h())),
        length_(round_up(g.out_plane(), tile_.lanes)),
        direct_(length_ == g.out_plane() && g.out_channels % tile_.mr == 0) {
    images_ = (g.batch + max_parts - 1) / max_parts;
    block_ = std::clamp<index_t>(block_pixels / length_, 1, images_);
    chunk_ = std::max<index_t>(1, chunk_taps / g.taps());
    if (g.in_channels <= chunk_ + chunk_ / 2) chunk_ = g.in_channels;
  }

  void run(T* dw, T scale) {
    Arena::Scope scope(scratch());
    const index_t size = g_.out_channels * g_.filter_size();
    const index_t parts = (g_.batch + images_ - 1) / images_;
    T* const sums = scratch().take<T>(parts * size);
    parallel_for(parts, [&](index_t part) {
      T* const c = sums + part * size;
      std::fill_n(c, size, T{0});
      const index_t end = std::min(g_.batch, (part + 1) * images_);
      for (index_t n = part * images_; n < end; n += block_)
        add_block(n, std::min(block_, end - n), c);
    });
    combine(sums, parts, 1, size, {.scale = scale, .beta = T{1}}, dw, size);
  }

private:
  static constexpr index_t max_parts = 16, block_pixels = 1024, chunk_taps = 18;

  /// Adds the products of some images.
  void add_block(index_t n, index_t images, T* c) const {
    Arena::Scope scope(scratch());
    const T* a = dy_ + n * g_.out_size();
    index_t lda = g_.out_plane(), a_part = g_.out_size();
    if (!direct_) {
      lda = length_;
      a_part = round_up(g_.out_channels, tile_.mr) * length_;
      a = padded_rows(a, images, a_part);
    }
    T* const copies = scratch().take<T>(images * chunk_ * layout_.channel_size() + tile_.lanes);
    for (index_t first = 0; first < g_.in_channels; first += chunk_) {
      const index_t channels = std::min(chunk_, g_.in_channels - first);
      const index_t b_part = channels * layout_.channel_size();
      for (index_t i = 0; i < images; ++i)
        shift_planes(layout_, x_.data + (n + i) * g_.in_size() + first * g_.in_plane(),
                     x_.zero ? x_.zero + first : nullptr, channels, -g_.pad, copies + i * b_part);
      // The last vector of a row may end in the next copy, or here; dY is 0 there.
      std::fill_n(copies + images * b_part, tile_.lanes, T{0});
      add_chunk({.parts = images,
                 .length = length_,
                 .a = a,
                 .lda = lda,
                 .a_part = a_part,
                 .b = copies,
                 .b_row = nullptr,
                 .b_part = b_part,
                 .sums = nullptr},
                channels * g_.taps(), c + first * g_.taps());
    }
  }

  /// Copies dY with rows of a full number of vectors, and a full number of rows.
  const T* padded_rows(const T* dy, index_t images, index_t part) const {
    T* const a = scratch().take<T>(images * part);
    for (index_t i = 0; i < images; ++i, dy += g_.out_size()) {
      for_isa<copy_rows<T, T>>(dy, g_.out_plane(), g_.out_channels, g_.out_plane(), length_,
                               a + i * part);
      std::fill(a + i * part + g_.out_channels * length_, a + (i + 1) * part, T{0});
    }
    return a;
  }

  /// All output channels by the taps of one chunk of input channels.
  void add_chunk(InnerProduct<T> x, index_t taps, T* c) const {
    const T* const a = x.a;
    alignas(64) T sums[max_inner * max_lanes] = {};
    index_t b_row[max_inner];
    x.sums = sums;
    x.b_row = b_row;
    for (index_t i = 0; i < g_.out_channels; i += tile_.mr)
      for (index_t j = 0; j < taps; j += tile_.nr) {
        const index_t cols = std::min(tile_.nr, taps - j);
        for (index_t q = 0; q < tile_.nr; ++q) b_row[q] = tap_offset(j + std::min(q, cols - 1));
        x.a = a + i * x.lda;
        tile_.run(x);
        for_isa<add_lanes<T>>(sums, tile_.lanes, tile_.nr, std::min(tile_.mr, g_.out_channels - i),
                              cols, c + i * g_.filter_size() + j, g_.filter_size());
      }
  }

  index_t tap_offset(index_t k) const {
    return layout_.offset(k / g_.taps(), k / g_.kernel_w % g_.kernel_h, k % g_.kernel_w);
  }

  const ConvGeometry& g_;
  const T* dy_;
  ConvInput<X> x_;
  const Tile<T, InnerProduct>& tile_;
  ShiftedLayout layout_;
  index_t length_; ///< output pixels of an image, rounded up to vectors
  bool direct_;    ///< dY can be read where it is
  index_t images_, block_, chunk_;
};

} // namespace detail

/// dw += scale * gradient of the weights. dy: NCHW of the output, dw: OIHW.
template <class T, class X>
void conv2d_backward_weight(const ConvGeometry& g, const T* dy, ConvInput<X> x, T* dw,
                            T scale = 1) {
  detail::WeightGradient<T, X>(g, dy, x).run(dw, scale);
}

} // namespace sgq::kernels
