// sgq/kernels/conv/shifted.hpp -- an image laid out so that a convolution can read it as a matrix.
//
// The column matrix of im2col has a row for every channel c and kernel tap (r, s), and a column for
// every output pixel (y, x); its element is the input at (y * stride + r, x * stride + s). Building
// it copies every pixel kernel_h * kernel_w times. Here each pixel is copied kernel_w times only:
// one copy of the plane for every s, cut to the output's width and padded, so that
//
//     row (c, r, s) of the column matrix = copy (c, s), from its row r on, read straight on
//
// because moving one row down moves every output pixel by one row. With stride > 1 rows and columns
// are sorted by their remainder modulo stride first; then the same holds. Micro-kernels read the
// rows through a table of offsets, so no further packing is needed.
#pragma once

#include "sgq/core/math.hpp"
#include "sgq/core/memory.hpp"
#include "sgq/kernels/gemm/problem.hpp"
#include "sgq/kernels/simd/decode.hpp"
#include "sgq/kernels/simd/dispatch.hpp"

#include <algorithm>

namespace sgq::kernels {

/// Sizes of the copies of one image, or of a band of its rows.
struct ShiftedLayout {
  index_t in_h, in_w; ///< of the source plane
  index_t stride;     ///< source pixels from one output to the next
  index_t first_col;  ///< source column of copy 0 at output column 0; negative in the padding
  index_t copies;     ///< one for each column of the kernel
  index_t phases;     ///< remainders of rows that occur
  index_t rows;       ///< of one phase
  index_t width;      ///< of a row, as of the output

  constexpr index_t copy_size() const { return phases * rows * width; }
  constexpr index_t channel_size() const { return copies * copy_size(); }

  /// Where row (c, r, s) of the column matrix begins.
  constexpr index_t offset(index_t c, index_t r, index_t s) const {
    return (c * copies + s) * copy_size() + (r % stride * rows + r / stride) * width;
  }
};

/// The layout for out_rows rows of output of a convolution.
constexpr ShiftedLayout shifted_layout(const ConvGeometry& g, index_t out_rows) {
  return {.in_h = g.in_h,
          .in_w = g.in_w,
          .stride = g.stride,
          .first_col = -g.pad,
          .copies = g.kernel_w,
          .phases = std::min(g.stride, g.kernel_h),
          .rows = out_rows + (g.kernel_h - 1) / g.stride,
          .width = g.out_w()};
}

namespace detail {

/// Zeros in rows of `width`: in columns [lo, hi) of each.
template <class T>
SGQ_INLINE void clear_columns(index_t rows, index_t width, index_t lo, index_t hi, T* to) {
  for (index_t x = lo; x < hi; ++x)
    for (index_t q = 0; q < rows; ++q) to[q * width + x] = 0;
}

template <class T>
SGQ_INLINE void copy(const T* from, index_t n, T* to) {
  SGQ_SIMD
  for (index_t x = 0; x < n; ++x) to[x] = from[x];
}

/// to[q][x] = from[q][col + x], 0 outside of from's w columns; from's rows are ld apart.
template <class T>
SGQ_INLINE void shift_columns(const T* from, index_t ld, index_t w, index_t rows, index_t col,
                              index_t width, T* to) {
  const index_t lo = std::clamp<index_t>(-col, 0, width);
  const index_t hi = std::clamp<index_t>(w - col, lo, width);
  if (lo < hi && ld == width && rows > 0) // all rows in one stretch; the margins are mended below
    copy(from + col + lo, rows * width - lo - (width - hi), to + lo);
  else
    for (index_t q = 0; q < rows; ++q) copy(from + q * ld + col + lo, hi - lo, to + q * width + lo);
  clear_columns(rows, width, 0, lo, to);
  clear_columns(rows, width, hi, width, to);
}

/// to[f][x] = from[x * stride + f]: a row sorted by the remainder of its columns.
template <class T>
SGQ_INLINE void sort_row(const T* from, index_t n, index_t stride, index_t apart, T* to) {
  if (stride == 2) {
    SGQ_SIMD
    for (index_t x = 0; x < n / 2; ++x) {
      to[x] = from[2 * x];
      to[apart + x] = from[2 * x + 1];
    }
    if (n % 2) to[n / 2] = from[n - 1];
  } else {
    for (index_t x = 0; x < n; ++x) to[x % stride * apart + x / stride] = from[x];
  }
}

/// All copies of one plane; `sorted` has room for the rows of one phase.
template <class T>
SGQ_INLINE void shift_plane(const ShiftedLayout& l, const T* plane, index_t first_row, T* sorted,
                            T* to) {
  const index_t part_w = (l.in_w + l.stride - 1) / l.stride, part = l.rows * part_w;
  for (index_t phase = 0; phase < l.phases; ++phase, to += l.rows * l.width) {
    // Rows of this phase that lie inside the plane.
    const index_t row = first_row + phase;
    const index_t top = std::clamp<index_t>((l.stride - 1 - row) / l.stride, 0, l.rows);
    const index_t bottom =
        std::clamp<index_t>((l.in_h - row + l.stride - 1) / l.stride, top, l.rows);
    const T* const inside = plane + (row + top * l.stride) * l.in_w;
    if (l.stride > 1)
      for (index_t q = 0; q < bottom - top; ++q)
        sort_row(inside + q * l.stride * l.in_w, l.in_w, l.stride, part, sorted + q * part_w);
    for (index_t s = 0; s < l.copies; ++s) {
      T* const copy = to + s * l.copy_size();
      T* const out = copy + top * l.width;
      const index_t col = l.first_col + s;
      for (index_t x = 0; x < top * l.width; ++x) copy[x] = 0;
      if (l.stride == 1) {
        shift_columns(inside, l.in_w, l.in_w, bottom - top, col, l.width, out);
      } else {
        const index_t f = (col % l.stride + l.stride) % l.stride;
        shift_columns(sorted + f * part, part_w, (l.in_w - f + l.stride - 1) / l.stride,
                      bottom - top, (col - f) / l.stride, l.width, out);
      }
      for (index_t x = bottom * l.width; x < l.rows * l.width; ++x) copy[x] = 0;
    }
  }
}

template <class T>
SGQ_INLINE void shift_planes(const ShiftedLayout* l, const T* planes, index_t channels,
                             index_t first_row, T* sorted, T* to) {
  for (index_t c = 0; c < channels; ++c, to += l->channel_size())
    shift_plane(*l, planes + c * l->in_h * l->in_w, first_row, sorted, to);
}

} // namespace detail

/// Writes the copies of some channels of an image; output row 0 begins at source row first_row.
template <class T>
void shift_planes(const ShiftedLayout& layout, const T* planes, index_t channels, index_t first_row,
                  T* to) {
  Arena::Scope scope(scratch());
  const index_t part = layout.rows * (blocks_of(layout.in_w, layout.stride));
  T* const sorted = scratch().take<T>(layout.stride > 1 ? layout.stride * part : 0);
  for_isa<detail::shift_planes<T>>(&layout, planes, channels, first_row, sorted, to);
}

/// The planes of a batch: numbers, or codes that become numbers, image by image, when they are
/// read. So the kernels are compiled for one type of input.
template <class T>
class Planes {
public:
  Planes(const T* x) : real_(x) {}
  Planes(const std::uint8_t* x) : codes_(x) {}

  /// Channels [first, first + channels) of an image: where they are, or in the scratch arena.
  const T* read(const ConvGeometry& g, index_t image, index_t first, index_t channels) const {
    const index_t at = image * g.in_size() + first * g.in_plane();
    if (real_) return real_ + at;
    const index_t size = channels * g.in_plane();
    T* const out = scratch().take<T>(size);
    for_isa<decode_row<T>>(codes_ + at, T{0}, size, out);
    return out;
  }

private:
  const T* real_ = nullptr;
  const std::uint8_t* codes_ = nullptr;
};

} // namespace sgq::kernels
