// sgq/kernels/conv/weight_outer.hpp -- the gradient of a convolution's weights, by outer products.
//
//     dW[o][r,s,c] += sum over images and output pixels p of  dY[o][p]  X[p][r,s,c]
//
// With the channels of a padded image last, the values that a row r of the kernel meets at a pixel,
// (s, c), lie side by side. So vectors run along them, the tiles of the forward product read them
// through a table of pixels, and values of dY, packed pixel by pixel, are broadcast: the image is
// copied once, not once per tap, and no lanes have to be added up.
//
//     stretches  of about 256 pixels, from some images or some rows of one: what a tile sums before
//                it adds to the sums of its block
//     strips     of (s, c), one tile wide, each by all output channels
//
// A sum's order depends on the batch and on the height and width of dY alone.
#pragma once

#include "sgq/kernels/conv/shifted.hpp"
#include "sgq/kernels/conv/weight_blocks.hpp"

namespace sgq::kernels::detail {

/// An image, padded, as [row][column][channel].
template <class T>
struct ChannelsLast {
  template <int Bytes>
  SGQ_INLINE static void run(const T* image, const ConvGeometry* g, T* to) {
    constexpr int wide = Bytes < 32 ? Bytes : 32;
    constexpr index_t strip = Simd<T, wide>::lanes;
    const index_t c = g->in_channels, edge = g->pad * c, pitch = g->in_w * c + 2 * edge;
    clear(to, g->pad * pitch + edge);
    to += g->pad * pitch + edge;
    for (index_t y = 1; y < g->in_h; ++y) clear(to + y * pitch - 2 * edge, 2 * edge);
    clear(to + g->in_h * pitch - 2 * edge, g->pad * pitch + edge);
    // A few channels at a time, so that each is read from its first row to its last.
    for (index_t first = 0; first < c; first += strip)
      for (index_t y = 0; y < g->in_h; ++y)
        transpose_rows<Bytes>(image + first * g->in_plane() + y * g->in_w, g->in_plane(),
                              c - first < strip ? c - first : strip, g->in_w,
                              to + y * pitch + first, c);
  }
  SGQ_INLINE static void clear(T* to, index_t n) {
    SGQ_SIMD
    for (index_t i = 0; i < n; ++i) to[i] = 0;
  }
};

template <class T>
class OuterWeightGradient {
public:
  /// Lives inside an Arena::Scope of the caller.
  OuterWeightGradient(const ConvGeometry& g, const T* dy, const Planes<T>& x)
      : g_(g), dy_(dy), x_(x), tile_(tiles<T>().outer),
        pitch_((g.in_w + 2 * g.pad) * g.in_channels), image_((g.in_h + 2 * g.pad) * pitch_),
        images_(std::clamp<index_t>(stretch_pixels / g.out_plane(), 1, block_images)),
        rows_(blocks_of(g.out_h(), blocks_of(g.out_plane(), stretch_pixels))),
        pixel_(scratch().take<index_t>(images_ * rows_ * g.out_w())) {
    index_t p = 0;
    for (index_t i = 0; i < images_; ++i)
      for (index_t y = 0; y < rows_; ++y)
        for (index_t col = 0; col < g.out_w(); ++col, ++p)
          pixel_[p] = i * image_ + g.stride * (y * pitch_ + col * g.in_channels);
  }

  void add_block(const WeightTask& task, T* c) const {
    for (index_t n = task.first; n < task.end; n += images_) {
      Arena::Scope scope(scratch());
      const index_t images = std::min(images_, task.end - n);
      const T* const x = channels_last(n, images);
      for (index_t top = 0; top < g_.out_h(); top += rows_)
        add_stretch(n, images, top, x + top * g_.stride * pitch_, task, c);
    }
  }

private:
  static constexpr index_t stretch_pixels = 256;

  const T* channels_last(index_t n, index_t images) const {
    const index_t size = images * image_;
    T* const to = scratch().take<T>(size + tile_.nr); // the last strip reads past the end
    std::fill_n(to + size, tile_.nr, T{0});
    for (index_t i = 0; i < images; ++i) {
      Arena::Scope scope(scratch());
      for_registers<ChannelsLast<T>>(x_.read(g_, n + i, 0, g_.in_channels), &g_, to + i * image_);
    }
    return to;
  }

  /// Adds the products of some rows of output, which read X from `x` on.
  void add_stretch(index_t n, index_t images, index_t top, const T* x, const WeightTask& task,
                   T* c) const {
    Arena::Scope scope(scratch());
    const index_t pixels = std::min(rows_, g_.out_h() - top) * g_.out_w(), k = images * pixels;
    T* const a = scratch().take<T>(round_up(task.to - task.from, tile_.mr) * k);
    for (index_t i = 0; i < images; ++i)
      for (index_t o = task.from; o < task.to; o += tile_.mr) {
        const Operand<T> dy{dy_ + (n + i) * g_.out_size() + o * g_.out_plane() + top * g_.out_w(),
                            g_.out_plane(), 1};
        dy.pack(0, std::min(tile_.mr, task.to - o), 0, pixels, tile_.mr,
                a + (o - task.from) * k + i * pixels * tile_.mr);
      }
    const index_t row = g_.kernel_w * g_.in_channels;
    for (index_t r = 0; r < g_.kernel_h; ++r)
      for (index_t j = 0; j < row; j += tile_.nr)
        for (index_t o = task.from; o < task.to; o += tile_.mr) {
          OuterProduct<T> x_dy{.k = k,
                               .a = a + (o - task.from) * k,
                               .b = x + r * pitch_ + j,
                               .b_row = pixel_,
                               .c = c + o * g_.filter_size() + r * row + j,
                               .ldc = g_.filter_size(),
                               .accumulate = n > task.first || top > 0};
          run_tile<T>(tile_, x_dy, std::min(tile_.mr, task.to - o), std::min(tile_.nr, row - j),
                      {});
        }
  }

  const ConvGeometry& g_;
  const T* dy_;
  Planes<T> x_;
  const OuterTile<T>& tile_;
  index_t pitch_, image_; ///< of the padded images
  index_t images_, rows_; ///< of a stretch
  index_t* pixel_;        ///< where a pixel of a stretch reads the images
};

} // namespace sgq::kernels::detail
