// sgq/kernels/naive.hpp -- the definitions as loops: what every fast kernel must agree with.
//
// Nothing here is fast. The sum of each output runs in order in the type Acc; with Acc = double it
// is the reference that a float kernel is measured against.
#pragma once

#include "sgq/kernels/gemm/problem.hpp"

#include <vector>

namespace sgq::kernels::naive {

/// The epilogue of one element, in the precision of the sum.
template <class T, class Acc>
void store(const Epilogue<T>& e, Acc sum, index_t row, index_t column, T& c) {
  Acc v = static_cast<Acc>(e.scale) * sum;
  if (e.beta != 0) v += static_cast<Acc>(e.beta) * static_cast<Acc>(c);
  if (e.row_bias) v += static_cast<Acc>(e.row_bias[row]);
  if (e.col_bias) v += static_cast<Acc>(e.col_bias[column]);
  c = static_cast<T>(e.relu && v < 0 ? Acc{0} : v);
}

/// See Gemm.
template <class Acc, class T>
void gemm(const Gemm<T>& g) {
  for (index_t i = 0; i < g.m; ++i)
    for (index_t j = 0; j < g.n; ++j) {
      Acc sum = 0;
      for (index_t k = 0; k < g.k; ++k)
        sum += static_cast<Acc>(g.a[g.trans_a ? k * g.lda + i : i * g.lda + k]) *
               static_cast<Acc>(g.b[g.trans_b ? j * g.ldb + k : k * g.ldb + j]);
      store(g.epilogue, sum, i, j, g.c[i * g.ldc + j]);
    }
}

/// Calls f(y index, w index, x index) for every product of the convolution, output
/// by output. Products with a padding pixel are 0 and left out.
template <class F>
void for_each_product(const ConvGeometry& g, F&& f) {
  const index_t oh = g.out_h(), ow = g.out_w();
  for (index_t n = 0; n < g.batch; ++n)
    for (index_t o = 0; o < g.out_channels; ++o)
      for (index_t y = 0; y < oh; ++y)
        for (index_t x = 0; x < ow; ++x)
          for (index_t c = 0; c < g.in_channels; ++c)
            for (index_t r = 0; r < g.kernel_h; ++r)
              for (index_t s = 0; s < g.kernel_w; ++s) {
                const index_t iy = y * g.stride + r - g.pad, ix = x * g.stride + s - g.pad;
                if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
                f(((n * g.out_channels + o) * oh + y) * ow + x,
                  ((o * g.in_channels + c) * g.kernel_h + r) * g.kernel_w + s,
                  ((n * g.in_channels + c) * g.in_h + iy) * g.in_w + ix);
              }
}

/// y[n][o] = act(scale * sum over c of w[o][c] * x[n][c] + ...), rows of the epilogue being output
/// channels; col_bias is not used.
template <class Acc, class T, class X>
void conv2d_forward(const ConvGeometry& g, const X* x, const T* w, T* y,
                    const Epilogue<T>& epilogue = {}) {
  const index_t size = g.batch * g.out_size();
  std::vector<Acc> sums(static_cast<std::size_t>(size));
  Acc* const sum = sums.data();
  for_each_product(g, [&](index_t yi, index_t wi, index_t xi) {
    sum[yi] += static_cast<Acc>(w[wi]) * static_cast<Acc>(x[xi]);
  });
  for (index_t i = 0; i < size; ++i)
    store(epilogue, sum[i], i / g.out_plane() % g.out_channels, 0, y[i]);
}

/// dx = scale * (sum over the outputs that read each input of dy * w). dx is overwritten.
template <class Acc, class T>
void conv2d_backward_input(const ConvGeometry& g, const T* dy, const T* w, T* dx, T scale = 1) {
  const index_t size = g.batch * g.in_size();
  std::vector<Acc> sums(static_cast<std::size_t>(size));
  Acc* const sum = sums.data();
  for_each_product(g, [&](index_t yi, index_t wi, index_t xi) {
    sum[xi] += static_cast<Acc>(dy[yi]) * static_cast<Acc>(w[wi]);
  });
  for (index_t i = 0; i < size; ++i) store({.scale = scale}, sum[i], 0, 0, dx[i]);
}

/// dw += scale * (sum over images and pixels of dy * x).
template <class Acc, class T, class X>
void conv2d_backward_weight(const ConvGeometry& g, const T* dy, const X* x, T* dw, T scale = 1) {
  const index_t size = g.out_channels * g.filter_size();
  std::vector<Acc> sums(static_cast<std::size_t>(size));
  Acc* const sum = sums.data();
  for_each_product(g, [&](index_t yi, index_t wi, index_t xi) {
    sum[wi] += static_cast<Acc>(dy[yi]) * static_cast<Acc>(x[xi]);
  });
  for (index_t i = 0; i < size; ++i) store({.scale = scale, .beta = T{1}}, sum[i], 0, 0, dw[i]);
}

} // namespace sgq::kernels::naive
