// sgq/kernels/conv2d_backward_input.hpp -- the gradient of a convolution's input.
//
// An input row iy meets kernel row r at output row oy where iy = oy * stride + r - pad. Write
// iy = stride * q + f; then only the rows r = (f + pad) modulo stride take part, and
//
//     oy = q + (f + pad - r) / stride
//
// is q plus a constant. So for each phase (f of rows, f of columns) the input gradient is a plain
// convolution of dY with a part of the kernel, turned by 180 degrees; with stride 1 there is one
// phase. Nothing is scattered and no output is written twice. All phases read the same shifted
// copies of dY (kernels/shifted.hpp); with stride > 1 their results are interleaved at the end.
#pragma once

#include "sgq/kernels/conv2d_forward.hpp"

namespace sgq::kernels {

namespace detail {

constexpr index_t floor_div(index_t a, index_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/// One phase: the taps that take part, packed like A, and where each reads dY.
template <class T>
struct GradientPhase {
  index_t k;
  const T* a; ///< [panel][o, r, s][mr]
  const index_t* b_row;
};

template <class T>
struct InputGradient {
  const ConvGeometry& g;
  ShiftedLayout layout;
  index_t first_shift; ///< smallest (f + pad - r) / stride
  index_t rows, cols;  ///< of one phase's plane

  explicit InputGradient(const ConvGeometry& geometry) : g(geometry) {
    rows = (g.in_h + g.stride - 1) / g.stride;
    cols = (g.in_w + g.stride - 1) / g.stride;
    const index_t kernel = std::max(g.kernel_h, g.kernel_w);
    first_shift = -floor_div(kernel - 1 - g.pad, g.stride);
    const index_t shifts = floor_div(g.stride - 1 + g.pad, g.stride) - first_shift + 1;
    layout = {.in_h = g.out_h(),
              .in_w = g.out_w(),
              .step = 1,
              .first_col = first_shift,
              .copies = shifts,
              .phases = 1,
              .rows = rows + shifts - 1,
              .width = cols};
  }

  /// Collects phase (fy, fx): for every output channel o and tap (r, s) of the phase, column i of a
  /// panel is W[o][i][r][s].
  GradientPhase<T> phase(const T* w, index_t fy, index_t fx) const {
    const index_t mr = tiles<T>().outer.mr, first_r = (fy + g.pad) % g.stride,
                  first_s = (fx + g.pad) % g.stride;
    const auto count = [&](index_t size, index_t first) {
      return first < size ? (size - 1 - first) / g.stride + 1 : 0;
    };
    const index_t k = g.out_channels * count(g.kernel_h, first_r) * count(g.kernel_w, first_s);
    T* const a = scratch().take<T>(round_up(g.in_channels, mr) * k);
    index_t* const b_row = scratch().take<index_t>(k);
    index_t p = 0;
    for (index_t o = 0; o < g.out_channels; ++o)
      for (index_t r = first_r; r < g.kernel_h; r += g.stride)
        for (index_t s = first_s; s < g.kernel_w; s += g.stride, ++p) {
          b_row[p] = layout.offset(o, (fy + g.pad - r) / g.stride - first_shift,
                                   (fx + g.pad - s) / g.stride - first_shift);
          const T* const tap = w + o * g.filter_size() + r * g.kernel_w + s;
          for (index_t i = 0; i < round_up(g.in_channels, mr); ++i)
            a[(i / mr * k + p) * mr + i % mr] = i < g.in_channels ? tap[i * g.taps()] : T{0};
        }
    return {k, a, b_row};
  }
};

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

/// Puts the phases' planes[fy][fx][c][rows][cols] together into an image [c][h][w].
template <class T>
SGQ_INLINE void interleave(const T* planes, const ConvGeometry* g, index_t rows, index_t cols,
                           T* image) {
  const index_t apart = g->in_channels * rows * cols;
  for (index_t c = 0; c < g->in_channels; ++c)
    for (index_t y = 0; y < g->in_h; ++y)
      interleave_row(planes + y % g->stride * g->stride * apart + (c * rows + y / g->stride) * cols,
                     apart, g->stride, g->in_w, image + (c * g->in_h + y) * g->in_w);
}

} // namespace detail

/// dx = scale * gradient of the input. dx is overwritten. dy: NCHW of the output, w: OIHW.
template <class T>
void conv2d_backward_input(const ConvGeometry& g, const T* dy, const T* w, T* dx, T scale = 1) {
  Arena::Scope scope(scratch());
  const detail::InputGradient<T> plan(g);
  const index_t phases = g.stride * g.stride, plane = plan.rows * plan.cols;
  auto* const phase = scratch().take<detail::GradientPhase<T>>(phases);
  for (index_t f = 0; f < phases; ++f) phase[f] = plan.phase(w, f / g.stride, f % g.stride);

  const index_t nr = tiles<T>().outer.nr, size = g.out_channels * plan.layout.channel_size();
  parallel_for(g.batch, [&](index_t n) {
    Arena::Scope task_scope(scratch());
    T* const copies = scratch().take<T>(size + nr); // the last strip reads past the end
    std::fill_n(copies + size, nr, T{0});
    shift_planes(plan.layout, dy + n * g.out_size(), nullptr, g.out_channels, plan.first_shift,
                 copies);
    T* const image = dx + n * g.in_size();
    T* const planes = g.stride == 1 ? image : scratch().take<T>(phases * g.in_channels * plane);
    for (index_t f = 0; f < phases; ++f)
      detail::multiply_strips(phase[f].a, g.in_channels, plane,
                              {.k = phase[f].k,
                               .a = phase[f].a,
                               .b = copies,
                               .b_row = phase[f].b_row,
                               .c = planes + f * g.in_channels * plane,
                               .ldc = plane},
                              {.scale = scale});
    if (g.stride > 1) for_isa<detail::interleave<T>>(planes, &g, plan.rows, plan.cols, image);
  });
}

} // namespace sgq::kernels
