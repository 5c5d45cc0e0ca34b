// Exercise 2.2: the gradient of the input by col2im, which adds every number of a column matrix to
// the pixel it was copied from. It is the transpose of im2col, so <im2col(x), y> = <x, col2im(y)>;
// and dX = col2im(W^T dY). Integers, so both hold exactly.
#include "../columns.hpp"

#include "sgq/core/random.hpp"
#include "sgq/kernels/naive.hpp"

#include <cstdio>

using namespace learn;

void col2im(const ConvGeometry& g, const float* columns, float* dx) {
  for (index_t i = 0; i < g.in_size(); ++i) dx[i] = 0;
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t r = 0; r < g.kernel_h; ++r)
      for (index_t s = 0; s < g.kernel_w; ++s)
        for (index_t h = 0; h < g.out_h(); ++h)
          for (index_t w = 0; w < g.out_w(); ++w, ++columns) {
            const index_t y = h + r - g.pad, x = w + s - g.pad;
            if (y >= 0 && y < g.in_h && x >= 0 && x < g.in_w)
              dx[(c * g.in_h + y) * g.in_w + x] += *columns;
          }
}

sgq::Tensor<float> integers(index_t n, std::uint64_t seed) {
  sgq::Tensor<float> t({n});
  for (index_t i = 0; i < n; ++i) t[i] = static_cast<float>(sgq::Random(seed).below(i, 15)) - 7;
  return t;
}

double dot(sgq::View<const float> a, sgq::View<const float> b) {
  double sum = 0;
  for (index_t i = 0; i < a.size(); ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

int main() {
  const ConvGeometry g{1, 3, 8, 7, 5, 3, 3, 1, 1};
  const index_t k = g.filter_size(), pixels = g.out_plane();
  const auto x = integers(g.in_size(), 1), y = integers(k * pixels, 2);
  sgq::Tensor<float> columns, back({g.in_size()});
  im2col(g, x.data(), columns);
  col2im(g, y.data(), back.data());
  const double left = dot(columns, y), right = dot(x, back);

  const auto w = integers(g.out_channels * k, 3), dy = integers(g.out_size(), 4);
  sgq::Tensor<float> turned({k * pixels}, 0), dx({g.in_size()}), truth({g.in_size()});
  for (index_t o = 0; o < g.out_channels; ++o)
    for (index_t i = 0; i < k; ++i)
      for (index_t p = 0; p < pixels; ++p)
        turned[i * pixels + p] += w[o * k + i] * dy[o * pixels + p];
  col2im(g, turned.data(), dx.data());
  sgq::kernels::naive::conv2d_backward_input<double>(g, dy.data(), w.data(), truth.data());
  const bool equal = std::equal(dx.begin(), dx.end(), truth.begin());
  std::printf("<im2col(x), y> = %.0f = %.0f; the gradient is %s\n", left, right,
              equal ? "equal" : "different");
  return left == right && left != 0 && equal ? 0 : 1;
}
