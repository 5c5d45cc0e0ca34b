// sgq/kernels/conv/conv2d_backward_input.hpp -- the gradient of a convolution's input.
//
// An input row iy meets kernel row r at output row oy where iy = oy * stride + r - pad. Write
// iy = stride * q + f; then only the rows r = (f + pad) modulo stride take part, and
//
//     oy = q + (f + pad - r) / stride
//
// is q plus a constant. So for each phase (f of rows, f of columns) the input gradient is a plain
// convolution of dY with a part of the kernel, turned by 180 degrees; with stride 1 there is one
// phase. Nothing is scattered and no output is written twice. All phases read the same shifted
// copies of dY (kernels/conv/shifted.hpp); with stride > 1 their results are interleaved at the
// end. As in the forward product, a task is one image or a band of its rows.
#pragma once

#include "sgq/kernels/conv/conv2d_forward.hpp"

namespace sgq::kernels {

namespace detail {

constexpr index_t floor_div(index_t a, index_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// dst[S*q + f] = planes[f][q]
template <class T>
SGQ_INLINE void interleave_row(const T* planes, index_t apart, index_t stride, index_t n, T* dst) {
  if (stride == 2) {
    SGQ_SIMD
    for (index_t q = 0; q < n / 2; ++q) {
      dst[2 * q] = planes[q];
      dst[2 * q + 1] = planes[apart + q];
    }
    if (n % 2) dst[n - 1] = planes[n / 2];
  } else {
    for (index_t x = 0; x < n; ++x) dst[x] = planes[x % stride * apart + x / stride];
  }
}

/// Puts planes[fy][fx][c][rows][cols] together: rows [top, bottom) of an image [c][in_h][in_w].
template <class T>
SGQ_INLINE void interleave(const T* planes, const ConvGeometry* g, index_t rows, index_t cols,
                           index_t top, index_t bottom, T* image) {
  const index_t s = g->stride, apart = g->in_channels * rows * cols;
  for (index_t c = 0; c < g->in_channels; ++c)
    for (index_t y = top; y < bottom; ++y)
      interleave_row(planes + y % s * s * apart + (c * rows + (y - top) / s) * cols, apart, s,
                     g->in_w, image + (c * g->in_h + y) * g->in_w);
}

template <class T>
class InputGradient {
public:
  /// Lives inside an Arena::Scope of the caller: the packed weights are in its scratch memory.
  InputGradient(const ConvGeometry& g, const T* w, T scale)
      : g_(g), scale_(scale), rows_(blocks_of(g.in_h, g.stride)),
        cols_(blocks_of(g.in_w, g.stride)) {
    first_shift_ = -floor_div(std::max(g.kernel_h, g.kernel_w) - 1 - g.pad, g.stride);
    const index_t shifts = floor_div(g.stride - 1 + g.pad, g.stride) - first_shift_ + 1;
    band_ = band_rows(rows_, g.out_channels * shifts * cols_ * index_t{sizeof(T)});
    layout_ = {.in_h = g.out_h(),
               .in_w = g.out_w(),
               .stride = 1,
               .first_col = first_shift_,
               .copies = shifts,
               .phases = 1,
               .rows = band_ + shifts - 1,
               .width = cols_};
    phases_ = scratch().take<Phase>(g.stride * g.stride);
    for (index_t f = 0; f < g.stride * g.stride; ++f)
      phases_[f] = collect(w, f / g.stride, f % g.stride);
  }

  void run(const T* dy, T* dx) const {
    const index_t bands = blocks_of(rows_, band_);
    parallel_for(g_.batch * bands, [&](index_t t) {
      const index_t n = t / bands, top = t % bands * band_;
      run_band(dy + n * g_.out_size(), top, std::min(band_, rows_ - top), dx + n * g_.in_size());
    });
  }

private:
  /// The taps that take part in one phase, packed like A, and where each reads dY.
  struct Phase {
    index_t k;
    const T* a; ///< [panel][o, r, s][mr]
    const index_t* b_row;
  };

  /// Phase (fy, fx): for every output channel o and tap (r, s) of it, column i of a panel is
  /// W[o][i][r][s].
  Phase collect(const T* w, index_t fy, index_t fx) const {
    const index_t mr = tiles<T>().outer.mr, padded = round_up(g_.in_channels, mr);
    const index_t first_r = (fy + g_.pad) % g_.stride, first_s = (fx + g_.pad) % g_.stride;
    const auto count = [&](index_t size, index_t first) {
      return first < size ? (size - 1 - first) / g_.stride + 1 : 0;
    };
    const index_t k = g_.out_channels * count(g_.kernel_h, first_r) * count(g_.kernel_w, first_s);
    T* const a = scratch().take<T>(padded * k);
    index_t* const b_row = scratch().take<index_t>(k);
    index_t p = 0;
    for (index_t o = 0; o < g_.out_channels; ++o)
      for (index_t r = first_r; r < g_.kernel_h; r += g_.stride)
        for (index_t s = first_s; s < g_.kernel_w; s += g_.stride, ++p) {
          b_row[p] = layout_.offset(o, (fy + g_.pad - r) / g_.stride - first_shift_,
                                    (fx + g_.pad - s) / g_.stride - first_shift_);
          const T* const tap = w + o * g_.filter_size() + r * g_.kernel_w + s;
          for (index_t i = 0; i < padded; ++i)
            a[(i / mr * k + p) * mr + i % mr] = i < g_.in_channels ? tap[i * g_.taps()] : T{0};
        }
    return {k, a, b_row};
  }

  /// Rows [top, top + rows) of every phase, for one image.
  void run_band(const T* dy, index_t top, index_t rows, T* dx) const {
    Arena::Scope scope(scratch());
    const index_t size = g_.out_channels * layout_.channel_size(), nr = tiles<T>().outer.nr;
    T* const copies = scratch().take<T>(size + nr); // the last strip reads past the end
    std::fill_n(copies + size, nr, T{0});
    shift_planes(layout_, dy, g_.out_channels, top + first_shift_, copies);

    const index_t phases = g_.stride * g_.stride, plane = rows * cols_;
    const bool in_place = g_.stride == 1;
    T* const planes =
        in_place ? dx + top * cols_ : scratch().take<T>(phases * g_.in_channels * plane);
    for (index_t f = 0; f < phases; ++f)
      multiply_strips(phases_[f].a, g_.in_channels, plane,
                      {.k = phases_[f].k,
                       .a = phases_[f].a,
                       .b = copies,
                       .b_row = phases_[f].b_row,
                       .c = planes + f * g_.in_channels * plane,
                       .ldc = in_place ? g_.in_plane() : plane},
                      {.scale = scale_});
    if (!in_place)
      for_isa<interleave<T>>(planes, &g_, rows, cols_, top * g_.stride,
                             std::min(g_.in_h, (top + rows) * g_.stride), dx);
  }

  const ConvGeometry& g_;
  T scale_;
  index_t rows_, cols_; ///< of one phase's plane
  index_t first_shift_; ///< the smallest (f + pad - r) / stride
  index_t band_;        ///< rows of a phase that one task computes
  ShiftedLayout layout_;
  Phase* phases_;
};

} // namespace detail

/// dx = scale * gradient of the input. dx is overwritten. dy: NCHW of the output, w: OIHW.
template <class T>
void conv2d_backward_input(const ConvGeometry& g, const T* dy, const T* w, T* dx, T scale = 1) {
  Arena::Scope scope(scratch());
  detail::InputGradient<T>(g, w, scale).run(dy, dx);
}

} // namespace sgq::kernels
