// Exercise 2.3: the gradient of the input is a forward convolution itself: of dY, with the channels
// of the kernel exchanged, the kernel turned by 180 degrees, and a padding of kernel - 1 - pad.
#include "../columns.hpp"

#include "sgq/core/random.hpp"
#include "sgq/kernels/naive.hpp"

#include <cstdio>

using namespace learn;

int main() {
  int wrong = 0;
  for (const index_t pad : {0, 1, 2}) {
    const ConvGeometry g{1, 3, 8, 7, 5, 3, 3, 1, pad};
    const ConvGeometry back{1, 5, g.out_h(), g.out_w(), 3, 3, 3, 1, 2 - pad};
    sgq::Tensor<float> w({g.out_channels * g.filter_size()}), turned(w.shape()), dy({g.out_size()}),
        dx({g.in_size()}), truth({g.in_size()}), copies;
    for (index_t i = 0; i < w.size(); ++i) w[i] = float(sgq::Random(1).below(i, 15)) - 7;
    for (index_t i = 0; i < dy.size(); ++i) dy[i] = float(sgq::Random(2).below(i, 15)) - 7;
    for (index_t o = 0; o < 5; ++o)
      for (index_t c = 0; c < 3; ++c)
        for (index_t t = 0; t < 9; ++t) turned[(c * 5 + o) * 9 + 8 - t] = w[(o * 3 + c) * 9 + t];
    shifted_copies(back, dy.data(), copies);
    multiply(back, turned.data(), copies.data(), windows(back), dx.data());
    sgq::kernels::naive::conv2d_backward_input<double>(g, dy.data(), w.data(), truth.data());
    for (index_t i = 0; i < dx.size(); ++i) wrong += dx[i] != truth[i];
  }
  std::printf("%d of 504 gradients are wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
