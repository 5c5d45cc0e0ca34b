// Chapter 2: one convolution, five ways. Weights and pixels are small integers, so every sum is
// exact in float and all results must be equal.
#include "columns.hpp"

#include "sgq/sgq.hpp"

#include <chrono>
#include <cstdio>

using namespace sgq;
using namespace sgq::kernels;

/// Milliseconds, the best of seven.
template <class Run>
double time_of(Run run) {
  double best = 1e9;
  for (int i = 0; i < 7; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    best = std::min(best, 1e3 * time.count());
  }
  return best;
}

int main() {
  set_num_threads(1);
  const ConvGeometry g{1, 32, 28, 28, 64, 3, 3, 1, 1}; // 32 -> 64 channels of 28 x 28, 3 x 3
  Tensor<float> x({g.in_size()}), w({g.out_channels, g.filter_size()}), y({g.out_size()}), columns,
      copies, truth;
  for (index_t i = 0; i < x.size(); ++i) x[i] = float(Random(1).below(i, 16));
  for (index_t i = 0; i < w.size(); ++i) w[i] = float(Random(2).below(i, 15)) - 7;

  const auto show = [&](const char* name, const Tensor<float>& built, auto&& run) {
    const double best = time_of(run);
    if (truth.empty()) truth = y;
    std::printf("%-24s builds %6ld numbers, %7.3f ms, %s\n", name, long(built.size()), best,
                std::equal(y.begin(), y.end(), truth.begin()) ? "equal" : "different");
  };
  show("textbook loops", {},
       [&] { naive::conv2d_forward<float, float, float>(g, {x.data()}, w.data(), y.data()); });
  show("im2col, plain product", columns, [&] {
    learn::im2col(g, x.data(), columns);
    learn::multiply(g, w.data(), columns.data(), learn::straight(g), y.data());
  });
  show("windows, plain product", copies, [&] {
    learn::shifted_copies(g, x.data(), copies);
    learn::multiply(g, w.data(), copies.data(), learn::windows(g), y.data());
  });
  show("im2col, fast product", columns, [&] {
    learn::im2col(g, x.data(), columns);
    Gemm<float> p{};
    p.m = g.out_channels, p.n = g.out_plane(), p.k = g.filter_size();
    p.a = w.data(), p.lda = p.k;
    p.b = columns.data(), p.c = y.data(), p.ldb = p.ldc = p.n;
    gemm(p);
  });
  show("the library", copies,
       [&] { conv2d_forward<float, float>(g, {x.data()}, w.data(), y.data()); });
}
