// sgq/kernels/shifted.hpp -- an image laid out so that a convolution can read it as a matrix.
//
// The column matrix of im2col has a row for every channel c and kernel tap (r, s), and a column for
// every output pixel (y, x); its element is the input at (y * step + r, x * step + s). Building it
// copies every pixel kernel_h * kernel_w times. Here each pixel is copied kernel_w times only: one
// copy of the plane for every s, cut to the output's width and padded, so that
//
//     row (c, r, s) of the column matrix = copy (c, s), from its row r on, read straight on
//
// because moving one row down moves every output pixel by one row. With step > 1 the rows of a copy
// are sorted by their remainder modulo step first, then the same holds. Micro-kernels read the rows
// through a table of offsets, so no further packing is needed.
#pragma once

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

template <class T, class X>
SGQ_INLINE void shift_row(const X* from, index_t step, T zero, index_t n, T* to) {
  if (step == 1) {
    SGQ_SIMD
    for (index_t x = 0; x < n; ++x) to[x] = static_cast<T>(from[x]) - zero;
  } else if (step == 2) {
    SGQ_SIMD
    for (index_t x = 0; x < n; ++x) to[x] = static_cast<T>(from[2 * x]) - zero;
  } else {
    for (index_t x = 0; x < n; ++x) to[x] = static_cast<T>(from[step * x]) - zero;
  }
}

/// Columns [0, lo) and [hi, width) of `rows` rows are padding.
template <class T>
SGQ_INLINE void clear_margins(index_t rows, index_t width, index_t lo, index_t hi, T* to) {
  for (index_t q = 0; q < rows; ++q, to += width) {
    for (index_t x = 0; x < lo; ++x) to[x] = 0;
    for (index_t x = hi; x < width; ++x) to[x] = 0;
  }
}

/// One copy: rows first_row, first_row + 1, ... of a plane, from column `col` on.
template <class T, class X>
SGQ_INLINE void shift_copy(const ShiftedLayout& l, const X* plane, index_t first_row, index_t col,
                           T zero, T* to) {
  // The output columns that lie inside the plane, and in the same way the rows of a phase.
  const index_t lo = std::clamp<index_t>((l.step - 1 - col) / l.step, 0, l.width);
  const index_t hi = std::clamp<index_t>((l.in_w - col + l.step - 1) / l.step, lo, l.width);
  for (index_t phase = 0; phase < l.phases; ++phase) {
    const index_t row = first_row + phase;
    const index_t top = std::clamp<index_t>((l.step - 1 - row) / l.step, 0, l.rows);
    const index_t bottom = std::clamp<index_t>((l.in_h - row + l.step - 1) / l.step, top, l.rows);
    clear_margins(top, l.width, l.width, l.width, to);
    clear_margins(l.rows - bottom, l.width, l.width, l.width, to + bottom * l.width);
    T* const out = to + top * l.width;
    const X* const in = plane + (row + top * l.step) * l.in_w + col;
    if (l.step == 1 && l.width == l.in_w && lo < hi) { // all rows in one stretch
      const index_t n = (bottom - top) * l.width;
      if (bottom > top) shift_row(in + lo, 1, zero, n - lo - (l.width - hi), out + lo);
    } else {
      for (index_t q = 0; q < bottom - top; ++q)
        shift_row(in + q * l.step * l.in_w + lo * l.step, l.step, zero, hi - lo,
                  out + q * l.width + lo);
    }
    clear_margins(bottom - top, l.width, lo, hi, out);
    to += l.rows * l.width;
  }
}

template <class T, class X>
SGQ_INLINE void shift_planes(const ShiftedLayout* l, const X* planes, const std::int32_t* zero,
                             index_t channels, index_t first_row, T* to) {
  for (index_t c = 0; c < channels; ++c) {
    const T z = zero ? static_cast<T>(zero[c]) : T{0};
    for (index_t s = 0; s < l->copies; ++s, to += l->copy_size())
      shift_copy(*l, planes + c * l->in_h * l->in_w, first_row, l->first_col + s, z, to);
  }
}

} // namespace detail

/// Writes the copies of some channels of an image; output row 0 begins at source row first_row.
template <class T, class X>
void shift_planes(const ShiftedLayout& layout, const X* planes, const std::int32_t* zero,
                  index_t channels, index_t first_row, T* to) {
  for_isa<detail::shift_planes<T, X>>(&layout, planes, zero, channels, first_row, to);
}

} // namespace sgq::kernels
