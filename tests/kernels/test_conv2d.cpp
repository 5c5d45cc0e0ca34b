#include "sgq/kernels/conv/conv2d.hpp"

#include "problems.hpp"
#include "support/catch.hpp"

namespace test_conv2d {

using namespace sgq;
using namespace sgq::kernels;
using namespace kernel_test;

namespace {

std::string str(const ConvGeometry& g) {
  const auto s = [](index_t n) { return std::to_string(n); };
  return s(g.batch) + "x" + s(g.in_channels) + "x" + s(g.in_h) + "x" + s(g.in_w) + " to " +
         s(g.out_channels) + ", kernel " + s(g.kernel_h) + "x" + s(g.kernel_w) + " stride " +
         s(g.stride) + " pad " + s(g.pad);
}

/// The operands of all three products of one convolution.
template <class T, class X>
struct Problem {
  ConvGeometry g;
  std::vector<X> x;
  std::vector<T> w, dy, row_bias;

  Problem(const ConvGeometry& geometry, bool exact) : g(geometry) {
    const auto fill = [&]<class V>(std::vector<V>& v, index_t n, std::uint64_t stream) {
      v = exact || !std::is_same_v<V, T> ? integers<V>(n, stream) : reals<V>(n, stream);
    };
    fill(x, g.batch * g.in_size(), 1);
    fill(w, g.out_channels * g.filter_size(), 2);
    fill(dy, g.batch * g.out_size(), 3);
    fill(row_bias, g.out_channels, 4);
  }

  template <class F>
  std::vector<T> run(index_t size, T initial, F&& f) const {
    std::vector<T> result(static_cast<std::size_t>(size), initial);
    f(result.data());
    return result;
  }
  std::vector<T> forward(const Epilogue<T>& e) const {
    return run(g.batch * g.out_size(), 3,
               [&](T* y) { conv2d_forward(g, x.data(), w.data(), y, e); });
  }
  std::vector<T> input_gradient(T scale) const {
    return run(g.batch * g.in_size(), 3,
               [&](T* dx) { conv2d_backward_input(g, dy.data(), w.data(), dx, scale); });
  }
  std::vector<T> weight_gradient(T scale) const {
    return run(g.out_channels * g.filter_size(), 3,
               [&](T* dw) { conv2d_backward_weight(g, dy.data(), x.data(), dw, scale); });
  }
  std::vector<T> naive_forward(const Epilogue<T>& e) const {
    return run(g.batch * g.out_size(), 3,
               [&](T* y) { naive::conv2d_forward<double>(g, x.data(), w.data(), y, e); });
  }
  std::vector<T> naive_input_gradient(T scale) const {
    return run(g.batch * g.in_size(), 3, [&](T* dx) {
      naive::conv2d_backward_input<double>(g, dy.data(), w.data(), dx, scale);
    });
  }
  std::vector<T> naive_weight_gradient(T scale) const {
    return run(g.out_channels * g.filter_size(), 3, [&](T* dw) {
      naive::conv2d_backward_weight<double>(g, dy.data(), x.data(), dw, scale);
    });
  }
};

template <class T, class X>
void check_exact(const ConvGeometry& g, int variant = 0) {
  const Problem<T, X> p(g, true);
  INFO(str(g) << " variant " << variant);
  const Epilogue<T> e{.scale = variant & 1 ? T(0.5) : T(1),
                      .beta = variant & 2 ? T(-1) : T(0),
                      .row_bias = variant & 4 ? p.row_bias.data() : nullptr,
                      .relu = (variant & 8) != 0};
  CHECK(max_difference(p.forward(e), p.naive_forward(e)) == 0);
  CHECK(max_difference(p.input_gradient(e.scale), p.naive_input_gradient(e.scale)) == 0);
  CHECK(max_difference(p.weight_gradient(e.scale), p.naive_weight_gradient(e.scale)) == 0);
}

} // namespace

TEST_CASE("conv2d: every image is announced once, when it is complete", "[kernels]") {
  for (const index_t size : {8, 120}) { // one task an image; several bands
    const ConvGeometry g{.batch = 3,
                         .in_channels = 16,
                         .in_h = size,
                         .in_w = size,
                         .out_channels = 2,
                         .kernel_h = 3,
                         .kernel_w = 3,
                         .pad = 1};
    const std::vector<float> x = integers<float>(g.batch * g.in_size(), 1),
                             w = integers<float>(g.out_channels * g.filter_size(), 2);
    std::vector<float> expected(static_cast<std::size_t>(g.batch * g.out_size())), y;
    naive::conv2d_forward<double>(g, x.data(), w.data(), expected.data());
    for_thread_counts([&](int) {
      y.assign(expected.size(), -1.0f);
      int calls[3] = {}, wrong[3] = {};
      auto look = [&](index_t n) {
        ++calls[n];
        for (index_t i = n * g.out_size(); i < (n + 1) * g.out_size(); ++i)
          wrong[n] += y[static_cast<std::size_t>(i)] != expected[static_cast<std::size_t>(i)];
      };
      conv2d_forward<float>(g, x.data(), w.data(), y.data(), {}, EpilogueCallback(look));
      for (int n = 0; n < 3; ++n) CHECK((calls[n] == 1 && wrong[n] == 0));
    });
  }
}

TEST_CASE("conv2d: equals the loops on integers, whatever the geometry", "[kernels]") {
  int variant = 0;
  for (index_t kernel_h : {1, 2, 3, 5})
    for (index_t kernel_w : {1, 2, 3, 5})
      for (index_t stride : {1, 2, 3})
        for (index_t pad : {0, 1, 2, 4})
          for (index_t size : {1, 4, 5, 8, 17}) {
            const ConvGeometry g{.batch = 2,
                                 .in_channels = 2,
                                 .in_h = size,
                                 .in_w = 21 - size,
                                 .out_channels = 3,
                                 .kernel_h = kernel_h,
                                 .kernel_w = kernel_w,
                                 .stride = stride,
                                 .pad = pad};
            if (g.in_h + 2 * pad < kernel_h || g.in_w + 2 * pad < kernel_w) continue;
            check_exact<float, float>(g, variant++ % 16);
          }
}

TEST_CASE("conv2d: equals the loops on integers, whatever the channels", "[kernels]") {
  for (index_t in : {1, 2, 3, 7, 8, 9})
    for (index_t out : {1, 3, 4, 5, 6, 8, 9, 17})
      for (index_t batch : {1, 3, 17, 20})
        check_exact<float, float>({.batch = batch,
                                   .in_channels = in,
                                   .in_h = 6,
                                   .in_w = 7,
                                   .out_channels = out,
                                   .kernel_h = 3,
                                   .kernel_w = 3,
                                   .pad = 1},
                                  static_cast<int>(in + out));
}

// Few and many input channels take different ways; batches are cut into blocks of eight images.
TEST_CASE("conv2d: weight gradients equal the loops on integers, and on any threads", "[kernels]") {
  const index_t batches[] = {1, 7, 8, 9, 17};
  int i = 0;
  for (index_t kernel : {1, 3, 5})
    for (index_t stride : {1, 2})
      for (index_t pad : {0, 1, 2})
        for (index_t in : {1, 3, 16, 33, 64}) {
          const ConvGeometry g{.batch = batches[(i + i / 5) % 5],
                               .in_channels = in,
                               .in_h = 5 + i % 3 * 2,
                               .in_w = 9 - i % 2 * 2,
                               .out_channels = i % 4 == 0 ? 16 : 3 + 2 * (i % 8),
                               .kernel_h = kernel,
                               .kernel_w = kernel,
                               .stride = stride,
                               .pad = pad};
          ++i;
          INFO(str(g));
          const Problem<float, float> exact(g, true), real(g, false);
          CHECK(max_difference(exact.weight_gradient(0.5f), exact.naive_weight_gradient(0.5f)) ==
                0);
          std::vector<float> dw;
          for_thread_counts([&](int threads) {
            if (threads == 1) dw = real.weight_gradient(1);
            CHECK(real.weight_gradient(1) == dw);
          });
          CHECK(max_difference(dw, real.naive_weight_gradient(1)) <=
                rounding_bound<float>(g.batch * g.out_plane()));
        }
}

TEST_CASE("conv2d: every layer shape of the two networks", "[kernels]") {
  const auto layer = [](index_t in, index_t size, index_t out, index_t stride, index_t pad) {
    return ConvGeometry{.batch = 1,
                        .in_channels = in,
                        .in_h = size,
                        .in_w = size,
                        .out_channels = out,
                        .kernel_h = 3,
                        .kernel_w = 3,
                        .stride = stride,
                        .pad = pad};
  };
  for (const ConvGeometry& g :
       {layer(1, 28, 32, 1, 0), layer(32, 26, 64, 1, 0), layer(3, 32, 16, 1, 1),
        layer(16, 32, 16, 1, 1), layer(16, 32, 32, 2, 1), layer(32, 16, 32, 1, 1),
        layer(32, 16, 64, 2, 1), layer(64, 8, 64, 1, 1)})
    check_exact<float, float>(g);
}

// 512 KiB of shifted copies at most: here all three products' images are cut.
TEST_CASE("conv2d: an image that is worked on in bands of rows", "[kernels]") {
  for (index_t stride : {1, 2})
    check_exact<float, float>({.batch = 1,
                               .in_channels = 12 * stride,
                               .in_h = 75,
                               .in_w = 121,
                               .out_channels = 17 * stride,
                               .kernel_h = 3,
                               .kernel_w = 3,
                               .stride = stride,
                               .pad = 1});
}

TEST_CASE("conv2d: codes, and doubles", "[kernels]") {
  int variant = 0;
  for (index_t stride : {1, 2})
    for (index_t pad : {0, 1, 2})
      for (index_t in : {1, 3, 9, 18}) {
        const ConvGeometry g{.batch = 3,
                             .in_channels = in,
                             .in_h = 9,
                             .in_w = 10,
                             .out_channels = 9,
                             .kernel_h = 3,
                             .kernel_w = 3,
                             .stride = stride,
                             .pad = pad};
        check_exact<float, std::uint8_t>(g, variant++);
        check_exact<double, double>(g, variant++);
        check_exact<double, std::uint8_t>(g, variant++);
      }
}

TEST_CASE("conv2d: rounds as little as a sum of products may", "[kernels]") {
  for (index_t stride : {1, 2}) {
    const ConvGeometry g{.batch = 18,
                         .in_channels = stride == 1 ? 6 : 18,
                         .in_h = 13,
                         .in_w = 14,
                         .out_channels = 10,
                         .kernel_h = 3,
                         .kernel_w = 3,
                         .stride = stride,
                         .pad = 1};
    const Problem<float, float> p(g, false);
    const double forward = max_difference(p.forward({}), p.naive_forward({})),
                 input = max_difference(p.input_gradient(1), p.naive_input_gradient(1)),
                 weight = max_difference(p.weight_gradient(1), p.naive_weight_gradient(1));
    CHECK(forward <= rounding_bound<float>(g.filter_size()));
    CHECK(input <= rounding_bound<float>(g.out_channels * g.taps()));
    CHECK(weight <= rounding_bound<float>(g.batch * g.out_plane()));
    CHECK(forward > 0); // else nothing was compared
    CHECK(input > 0);
    CHECK(weight > 0);
  }
}

TEST_CASE("conv2d: the same bits for any number of threads", "[kernels]") {
  for (index_t stride : {1, 2}) {
    const ConvGeometry g{.batch = 19,
                         .in_channels = stride == 1 ? 5 : 17,
                         .in_h = 14,
                         .in_w = 15,
                         .out_channels = 9,
                         .kernel_h = 3,
                         .kernel_w = 3,
                         .stride = stride,
                         .pad = 1};
    const Problem<float, float> p(g, false);
    std::vector<float> y, dx, dw;
    for_thread_counts([&](int threads) {
      if (threads == 1) {
        y = p.forward({});
        dx = p.input_gradient(1);
        dw = p.weight_gradient(1);
      } else {
        CHECK(p.forward({}) == y);
        CHECK(p.input_gradient(1) == dx);
        CHECK(p.weight_gradient(1) == dw);
      }
    });
  }
}

} // namespace test_conv2d
