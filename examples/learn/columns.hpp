// The input of a convolution with stride 1 as a matrix, written down or read through windows
// (docs/learn/2-convolution.md). Row k = (c, r, s): channel and place in the kernel. Column p = (h,
// w): an output pixel.
#pragma once

#include "sgq/core/tensor.hpp"
#include "sgq/kernels/gemm/problem.hpp"

#include <vector>

namespace learn {

using sgq::index_t;
using sgq::kernels::ConvGeometry;

/// image[c][h][w], and 0 in the padding.
inline float pixel(const ConvGeometry& g, const float* x, index_t c, index_t h, index_t w) {
  const bool inside = h >= 0 && h < g.in_h && w >= 0 && w < g.in_w;
  return inside ? x[(c * g.in_h + h) * g.in_w + w] : 0;
}

/// X[(c, r, s)][(h, w)] = image[c][h + r - pad][w + s - pad]
inline void im2col(const ConvGeometry& g, const float* x, sgq::Tensor<float>& columns) {
  columns.resize({g.filter_size(), g.out_plane()});
  float* to = columns.data();
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t r = 0; r < g.kernel_h; ++r)
      for (index_t s = 0; s < g.kernel_w; ++s)
        for (index_t h = 0; h < g.out_h(); ++h)
          for (index_t w = 0; w < g.out_w(); ++w)
            *to++ = pixel(g, x, c, h + r - g.pad, w + s - g.pad);
}

/// copy[c][s][h][w] = image[c][h - pad][w + s - pad]: as wide as the output, kernel_h - 1 rows more
inline void shifted_copies(const ConvGeometry& g, const float* x, sgq::Tensor<float>& copies) {
  const index_t height = g.out_h() + g.kernel_h - 1;
  copies.resize({g.in_channels, g.kernel_w, height, g.out_w()});
  float* to = copies.data();
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t s = 0; s < g.kernel_w; ++s)
      for (index_t h = 0; h < height; ++h)
        for (index_t w = 0; w < g.out_w(); ++w) *to++ = pixel(g, x, c, h - g.pad, w + s - g.pad);
}

/// Where row (c, r, s) of X begins in the copies: in copy (c, s), r rows down.
inline std::vector<index_t> windows(const ConvGeometry& g) {
  const index_t height = g.out_h() + g.kernel_h - 1;
  std::vector<index_t> row;
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t r = 0; r < g.kernel_h; ++r)
      for (index_t s = 0; s < g.kernel_w; ++s)
        row.push_back(((c * g.kernel_w + s) * height + r) * g.out_w());
  return row;
}

/// Where the rows of a matrix begin that is written down.
inline std::vector<index_t> straight(const ConvGeometry& g) {
  std::vector<index_t> row;
  for (index_t k = 0; k < g.filter_size(); ++k) row.push_back(k * g.out_plane());
  return row;
}

/// Y[o][p] = sum over k of W[o][k] X[k][p], where row k of X begins at x[row[k]].
inline void multiply(const ConvGeometry& g, const float* w, const float* x,
                     const std::vector<index_t>& row, float* y) {
  const index_t pixels = g.out_plane();
  for (index_t o = 0; o < g.out_channels; ++o, y += pixels) {
    for (index_t p = 0; p < pixels; ++p) y[p] = 0;
    for (const index_t begin : row) {
      const float weight = *w++;
      for (index_t p = 0; p < pixels; ++p) y[p] += weight * x[begin + p];
    }
  }
}

} // namespace learn
