// sgq/kernels/gemm/problem.hpp -- what the kernels compute: a matrix product, and a convolution.
//
// Plain descriptions, filled in with designated initialisers. kernels/naive.hpp solves them by the
// textbook loops, kernels/gemm/gemm.hpp and kernels/conv/conv2d.hpp fast. Sizes are trusted here:
// nn/ checks what users pass (Conv2d::output_shape, Linear::output_shape).
#pragma once

#include "sgq/core/shape.hpp"

namespace sgq::kernels {

/// What happens to a sum before it is stored at row i, column j:
///
///     c = act(scale * sum + beta * c_old + row_bias[i] + col_bias[j])
///
/// with act = max(., 0) or nothing. c_old is not read where beta is 0, so it may be uninitialised.
/// The sum is complete before it is scaled: integer sums below 2^24 (2^53 in double) stay exact.
template <class T>
struct Epilogue {
  T scale = 1;
  T beta = 0;
  const T* row_bias = nullptr; ///< one value per row; none where null
  const T* col_bias = nullptr; ///< one value per column; none where null
  bool relu = false;
};

/// C[m][n] = op(A)[m][k] op(B)[k][n], all row-major; op transposes where asked.
///
/// a: [m][lda], or [k][lda] where trans_a.   b: [k][ldb], or [n][ldb] where trans_b.   c: [m][ldc]
///
/// The order of a sum depends on m, n and k. If these m rows are some of a larger product, whole_m
/// is the m of that one, and they get its bits.
template <class T>
struct Gemm {
  index_t m, n, k;
  const T* a;
  index_t lda;
  bool trans_a = false;
  const T* b;
  index_t ldb;
  bool trans_b = false;
  T* c;
  index_t ldc;
  Epilogue<T> epilogue{};
  index_t whole_m = 0; ///< 0: m

  constexpr index_t deciding_m() const { return whole_m > 0 ? whole_m : m; }
};

/// Sizes of a convolution, the same for all three products. x: [batch][in_channels][in_h][in_w],
/// w: [out_channels][in_channels][kernel_h][kernel_w], y: [batch][out_channels][out_h][out_w].
struct ConvGeometry {
  index_t batch, in_channels, in_h, in_w, out_channels, kernel_h, kernel_w;
  index_t stride = 1;
  index_t pad = 0;

  constexpr index_t out_h() const { return (in_h + 2 * pad - kernel_h) / stride + 1; }
  constexpr index_t out_w() const { return (in_w + 2 * pad - kernel_w) / stride + 1; }
  constexpr index_t in_plane() const { return in_h * in_w; }
  constexpr index_t out_plane() const { return out_h() * out_w(); }
  constexpr index_t in_size() const { return in_channels * in_plane(); }    ///< of one image
  constexpr index_t out_size() const { return out_channels * out_plane(); } ///< of one image
  constexpr index_t taps() const { return kernel_h * kernel_w; }
  constexpr index_t filter_size() const { return in_channels * taps(); } ///< weights of one filter
  constexpr double flops() const {
    return 2.0 * static_cast<double>(batch * out_size()) * static_cast<double>(filter_size());
  }
};

} // namespace sgq::kernels
