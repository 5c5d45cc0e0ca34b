// Exercise 2.1: windows for stride 2. Sort the rows and columns of the image by parity first; then
// every row of the column matrix is again one straight stretch. Against im2col with a stride.
#include "../columns.hpp"

#include <cstdio>

using namespace learn;

int main() {
  const ConvGeometry g{1, 2, 9, 10, 1, 3, 3, 2, 1};
  const index_t oh = g.out_h(), ow = g.out_w();
  sgq::Tensor<float> image({g.in_size()});
  for (index_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i + 1);

  // copy[c][s][parity][q][w] = image[c][2 q + parity - pad][2 w + s - pad]
  const index_t height = oh + (g.kernel_h - 1) / 2;
  sgq::Tensor<float> copies({g.in_channels * g.kernel_w * 2 * height * ow});
  float* to = copies.data();
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t s = 0; s < g.kernel_w; ++s)
      for (index_t parity = 0; parity < 2; ++parity)
        for (index_t q = 0; q < height; ++q)
          for (index_t w = 0; w < ow; ++w)
            *to++ = pixel(g, image.data(), c, 2 * q + parity - g.pad, 2 * w + s - g.pad);

  int wrong = 0, seen = 0;
  for (index_t c = 0; c < g.in_channels; ++c)
    for (index_t r = 0; r < g.kernel_h; ++r)
      for (index_t s = 0; s < g.kernel_w; ++s) {
        const index_t begin = (((c * g.kernel_w + s) * 2 + r % 2) * height + r / 2) * ow;
        for (index_t p = 0; p < oh * ow; ++p, ++seen)
          wrong += copies[begin + p] !=
                   pixel(g, image.data(), c, p / ow * 2 + r - g.pad, p % ow * 2 + s - g.pad);
      }
  std::printf("%d numbers of the column matrix, %d wrong; copies: %d\n", seen, wrong,
              static_cast<int>(copies.size()));
  return wrong == 0 && seen == 18 * 25 ? 0 : 1;
}
