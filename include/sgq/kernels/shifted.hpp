// sgq/kernels/shifted.hpp -- an image laid out so that a convolution can read it as a matrix.
//
// The column matrix of im2col has a row for every channel c and kernel tap (r, s), and a column for
// every output pixel (y, x); its element is the input at (y * step + r, x * step + s). Building it
// copies every pixel kernel_h * kernel_w times. Here each pixel is copied kernel_w times only: one
// copy of the plane for every s, cut to the output's width and padded, so that
//
//     row (c, r, s) of the column matrix = copy (c, s), from its row r on, read straight on
//
// because moving one row down moves every output pixel by one row. With step > 1 rows and columns
// are sorted by their remainder modulo step first; then the same holds. Micro-kernels read the rows
// through a table of offsets, so no further packing is needed.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/problem.hpp"

#include <algorithm>

namespace sgq::kernels {

/// Sizes of the copies of one image, or of a band of its rows.
struct ShiftedLayout {
  index_t in_h, in_w; ///< of the source plane
  index_t step;       ///< source pixels from one output to the next
  index_t first_col;  ///< source column of copy 0 at output column 0; negative in the padding
  index_t copies;     ///< one for each column of the kernel
  index_t phases;     ///< remainders of rows that occur
  index_t rows;       ///< of one phase
  index_t width;      ///< of a row, as of the output

  constexpr index_t copy_size() const { return phases * rows * width; }
  constexpr index_t channel_size() const { return copies * copy_size(); }

  /// Where row (c, r, s) of the column matrix begins.
  constexpr index_t offset(index_t c, index_t r, index_t s) const {
    return (c * copies + s) * copy_size() + (r % step * rows + r / step) * width;
  }
};

/// The layout for out_rows rows of output of a convolution.
constexpr ShiftedLayout shifted_layout(const ConvGeometry& g, index_t out_rows) {
  return {.in_h = g.in_h,
          .in_w = g.in_w,
          .step = g.stride,
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

template <class T, class X>
SGQ_INLINE void convert(const X* from, T zero, index_t n, T* to) {
  SGQ_SIMD
  for (index_t x = 0; x < n; ++x) to[x] = static_cast<T>(from[x]) - zero;
}

/// to[q][x] = from[q][col + x], 0 outside of from's w columns; from's rows are ld apart.
template <class T, class X>
SGQ_INLINE void shift_columns(const X* from, index_t ld, index_t w, index_t rows, index_t col,
                              T zero, index_t width, T* to) {
  const index_t lo = std::clamp<index_t>(-col, 0, width);
  const index_t hi = std::clamp<index_t>(w - col, lo, width);
  if (lo < hi && ld == width && rows > 0) // all rows in one stretch; the margins are mended below
    convert(from + col + lo, zero, rows * width - lo - (width - hi), to + lo);
  else
    for (index_t q = 0; q < rows; ++q)
      convert(from + q * ld + col + lo, zero, hi - lo, to + q * width + lo);
  clear_columns(rows, width, 0, lo, to);
  clear_columns(rows, width, hi, width, to);
}

/// to[f][x] = from[x * step + f]: a row sorted by the remainder of its columns.
template <class T, class X>
SGQ_INLINE void sort_row(const X* from, T zero, index_t n, index_t step, index_t apart, T* to) {
  if (step == 2) {
    SGQ_SIMD
    for (index_t x = 0; x < n / 2; ++x) {
      to[x] = static_cast<T>(from[2 * x]) - zero;
      to[apart + x] = static_cast<T>(from[2 * x + 1]) - zero;
    }
    if (n % 2) to[n / 2] = static_cast<T>(from[n - 1]) - zero;
  } else {
    for (index_t x = 0; x < n; ++x)
      to[x % step * apart + x / step] = static_cast<T>(from[x]) - zero;
  }
}

/// All copies of one plane; `sorted` has room for the rows of one phase.
template <class T, class X>
SGQ_INLINE void shift_plane(const ShiftedLayout& l, const X* plane, index_t first_row, T zero,
                            T* sorted, T* to) {
  const index_t part_w = (l.in_w + l.step - 1) / l.step, part = l.rows * part_w;
  for (index_t phase = 0; phase < l.phases; ++phase, to += l.rows * l.width) {
    // Rows of this phase that lie inside the plane.
    const index_t row = first_row + phase;
    const index_t top = std::clamp<index_t>((l.step - 1 - row) / l.step, 0, l.rows);
    const index_t bottom = std::clamp<index_t>((l.in_h - row + l.step - 1) / l.step, top, l.rows);
    const X* const inside = plane + (row + top * l.step) * l.in_w;
    if (l.step > 1)
      for (index_t q = 0; q < bottom - top; ++q)
        sort_row(inside + q * l.step * l.in_w, zero, l.in_w, l.step, part, sorted + q * part_w);
    for (index_t s = 0; s < l.copies; ++s) {
      T* const copy = to + s * l.copy_size();
      T* const out = copy + top * l.width;
      const index_t col = l.first_col + s;
      for (index_t x = 0; x < top * l.width; ++x) copy[x] = 0;
      if (l.step == 1) {
        shift_columns(inside, l.in_w, l.in_w, bottom - top, col, zero, l.width, out);
      } else {
        const index_t f = (col % l.step + l.step) % l.step;
        shift_columns(sorted + f * part, part_w, (l.in_w - f + l.step - 1) / l.step, bottom - top,
                      (col - f) / l.step, T{0}, l.width, out);
      }
      for (index_t x = bottom * l.width; x < l.rows * l.width; ++x) copy[x] = 0;
    }
  }
}

template <class T, class X>
SGQ_INLINE void shift_planes(const ShiftedLayout* l, const X* planes, const std::int32_t* zero,
                             index_t channels, index_t first_row, T* sorted, T* to) {
  for (index_t c = 0; c < channels; ++c, to += l->channel_size())
    shift_plane(*l, planes + c * l->in_h * l->in_w, first_row,
                zero ? static_cast<T>(zero[c]) : T{0}, sorted, to);
}

} // namespace detail

/// Writes the copies of some channels of an image; output row 0 begins at source row first_row.
template <class T, class X>
void shift_planes(const ShiftedLayout& layout, const X* planes, const std::int32_t* zero,
                  index_t channels, index_t first_row, T* to) {
  Arena::Scope scope(scratch());
  const index_t part = layout.rows * ((layout.in_w + layout.step - 1) / layout.step);
  T* const sorted = scratch().take<T>(layout.step > 1 ? layout.step * part : 0);
  for_isa<detail::shift_planes<T, X>>(&layout, planes, zero, channels, first_row, sorted, to);
}

} // namespace sgq::kernels
