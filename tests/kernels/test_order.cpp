// The order in which products are added is part of what a kernel promises: the same bits for any
// number of threads, and on every instruction set that fuses multiplying and adding. Here that
// order is written down as plain loops over single numbers.
#include "sgq/kernels/conv/conv2d.hpp"
#include "sgq/kernels/gemm/gemm.hpp"

#include "problems.hpp"
#include "support/catch.hpp"

#include <array>

namespace test_order {

using namespace sgq;
using namespace sgq::kernels;
using namespace kernel_test;

namespace {

/// sum + a b, as the chosen instruction set rounds it.
float multiply_add(float a, float b, float sum) {
  return fuses_here() ? std::fma(a, b, sum) : kernels::multiply_add<16>(a, b, sum);
}

/// An inner product: number p goes to lane p modulo 16; four quarters are added, then four numbers.
class Lanes {
public:
  void add(index_t p, float a, float b) {
    float& lane = lane_[static_cast<std::size_t>(p % 16)];
    lane = multiply_add(a, b, lane);
  }
  float fold() const {
    std::array<float, 4> q{};
    for (std::size_t j = 0; j < 4; ++j)
      q[j] = ((lane_[j] + lane_[4 + j]) + lane_[8 + j]) + lane_[12 + j];
    return ((q[0] + q[1]) + q[2]) + q[3];
  }

private:
  std::array<float, 16> lane_{};
};

struct Case {
  ConvGeometry g;
  std::vector<float> x = reals<float>(g.batch * g.in_size(), 1),
                     w = reals<float>(g.out_channels * g.filter_size(), 2),
                     dy = reals<float>(g.batch * g.out_size(), 3);

  // Values at coordinates; 0 outside.
  float x_at(index_t n, index_t c, index_t y, index_t col) const {
    const bool inside = y >= 0 && y < g.in_h && col >= 0 && col < g.in_w;
    return inside
               ? x[static_cast<std::size_t>(((n * g.in_channels + c) * g.in_h + y) * g.in_w + col)]
               : 0;
  }
  float dy_at(index_t n, index_t o, index_t y, index_t col) const {
    const bool inside = y >= 0 && y < g.out_h() && col >= 0 && col < g.out_w();
    return inside ? dy[static_cast<std::size_t>(
                        ((n * g.out_channels + o) * g.out_h() + y) * g.out_w() + col)]
                  : 0;
  }
  float w_at(index_t o, index_t c, index_t r, index_t s) const {
    return w[static_cast<std::size_t>(((o * g.in_channels + c) * g.kernel_h + r) * g.kernel_w + s)];
  }

  /// Through input channels and taps, one product after the other.
  std::vector<float> forward() const {
    std::vector<float> y;
    for (index_t n = 0; n < g.batch; ++n)
      for (index_t o = 0; o < g.out_channels; ++o)
        for (index_t oy = 0; oy < g.out_h(); ++oy)
          for (index_t ox = 0; ox < g.out_w(); ++ox) {
            float sum = 0;
            for (index_t c = 0; c < g.in_channels; ++c)
              for (index_t r = 0; r < g.kernel_h; ++r)
                for (index_t s = 0; s < g.kernel_w; ++s)
                  sum = multiply_add(
                      w_at(o, c, r, s),
                      x_at(n, c, oy * g.stride + r - g.pad, ox * g.stride + s - g.pad), sum);
            y.push_back(sum);
          }
    return y;
  }

  /// Through output channels and taps, one product after the other.
  std::vector<float> input_gradient() const {
    std::vector<float> dx;
    for (index_t n = 0; n < g.batch; ++n)
      for (index_t c = 0; c < g.in_channels; ++c)
        for (index_t y = g.pad; y < g.in_h + g.pad; ++y)
          for (index_t col = g.pad; col < g.in_w + g.pad; ++col) {
            float sum = 0;
            for (index_t o = 0; o < g.out_channels; ++o)
              for (index_t r = 0; r < g.kernel_h; ++r)
                for (index_t s = 0; s < g.kernel_w; ++s)
                  if ((y - r) % g.stride == 0 && (col - s) % g.stride == 0 && y >= r && col >= s)
                    sum = multiply_add(w_at(o, c, r, s),
                                       dy_at(n, o, (y - r) / g.stride, (col - s) / g.stride), sum);
            dx.push_back(sum);
          }
    return dx;
  }

  /// Blocks of eight images; in each, stretches of some images or rows; then the blocks.
  std::vector<float> weight_gradient() const {
    std::vector<float> dw;
    for (index_t o = 0; o < g.out_channels; ++o)
      for (index_t c = 0; c < g.in_channels; ++c)
        for (index_t r = 0; r < g.kernel_h; ++r)
          for (index_t s = 0; s < g.kernel_w; ++s) {
            float total = 0;
            for (index_t first = 0; first < g.batch; first += 8) {
              const index_t end = std::min(g.batch, first + 8);
              const float sum = g.kernel_w * g.in_channels < 48 ? lanes_of(first, end, o, c, r, s)
                                                                : chains_of(first, end, o, c, r, s);
              total = first == 0 ? sum : total + sum;
            }
            dw.push_back(total);
          }
    return dw;
  }

private:
  /// The input that meets output pixel p at tap (r, s).
  float x_under(index_t n, index_t c, index_t p, index_t r, index_t s) const {
    return x_at(n, c, p / g.out_w() * g.stride + r - g.pad, p % g.out_w() * g.stride + s - g.pad);
  }
  float dy_of(index_t n, index_t o, index_t p) const {
    return dy_at(n, o, p / g.out_w(), p % g.out_w());
  }

  /// Thin filters: stretches of images of about 1,024 pixels, in lanes.
  float lanes_of(index_t first, index_t end, index_t o, index_t c, index_t r, index_t s) const {
    const index_t length = (g.out_plane() + 15) / 16 * 16;
    const index_t images = std::min<index_t>((1024 + length - 1) / length, 8);
    float sum = 0;
    for (index_t b = first; b < end; b += images) {
      Lanes lanes;
      for (index_t n = b; n < std::min(end, b + images); ++n)
        for (index_t p = 0; p < g.out_plane(); ++p)
          lanes.add(p, dy_of(n, o, p), x_under(n, c, p, r, s));
      sum += lanes.fold();
    }
    return sum;
  }

  /// All others: stretches of whole images of up to 256 pixels together, or of rows of one; in each
  /// one product after the other.
  float chains_of(index_t first, index_t end, index_t o, index_t c, index_t r, index_t s) const {
    const index_t images = std::clamp<index_t>(256 / g.out_plane(), 1, 8);
    const index_t cuts = (g.out_plane() + 255) / 256, rows = (g.out_h() + cuts - 1) / cuts;
    float sum = 0;
    for (index_t b = first; b < end; b += images)
      for (index_t top = 0; top < g.out_h(); top += rows) {
        float stretch = 0;
        for (index_t n = b; n < std::min(end, b + images); ++n)
          for (index_t p = top * g.out_w(); p < std::min(g.out_h(), top + rows) * g.out_w(); ++p)
            stretch = multiply_add(dy_of(n, o, p), x_under(n, c, p, r, s), stretch);
        sum = b == first && top == 0 ? stretch : sum + stretch;
      }
    return sum;
  }
};

// Sums longer than a strip's stretch of k (4,096 on AVX-512), planes that are no whole number of
// tiles, several blocks and stretches, more blocks than are kept at a time.
const ConvGeometry cases[] = {{2, 33, 9, 11, 19, 3, 3, 1, 1},  {3, 5, 12, 7, 6, 3, 3, 2, 1},
                              {1, 1, 28, 28, 32, 3, 3, 1, 0},  {37, 4, 8, 8, 5, 3, 3, 1, 1},
                              {1, 16, 32, 32, 16, 3, 3, 1, 1}, {2, 3, 7, 5, 9, 1, 5, 3, 2},
                              {1, 4100, 3, 3, 9, 1, 1, 1, 0},  {19, 16, 8, 8, 9, 3, 3, 1, 1},
                              {9, 20, 13, 11, 6, 5, 5, 2, 2},  {140, 1, 5, 5, 3, 3, 3, 1, 0},
                              {132, 16, 3, 3, 2, 3, 3, 1, 1},  {17, 64, 5, 7, 33, 1, 1, 2, 0}};

} // namespace

TEST_CASE("convolutions add in the order that is written down", "[kernels]") {
  for (const ConvGeometry& g : cases) {
    const Case c{g};
    INFO(g.batch << "x" << g.in_channels << "x" << g.in_h << "x" << g.in_w << " to "
                 << g.out_channels << " stride " << g.stride);
    const auto y = c.forward(), dx = c.input_gradient(), dw = c.weight_gradient();
    for_thread_counts([&](int) {
      std::vector<float> got(y.size());
      conv2d_forward<float>(g, c.x.data(), c.w.data(), got.data());
      CHECK(got == y);
      got.assign(dx.size(), -1);
      conv2d_backward_input(g, c.dy.data(), c.w.data(), got.data());
      CHECK(got == dx);
      got.assign(dw.size(), -1);
      conv2d_backward_weight<float>(g, c.dy.data(), c.x.data(), got.data(), 1, 0);
      CHECK(got == dw);
    });
  }
}

TEST_CASE("products along rows add in the order that is written down", "[kernels]") {
  const index_t m = 10, n = 23, k = 2500; // three blocks of 1,024, each a part of its own
  const auto a = reals<float>(m * k, 1), b = reals<float>(n * k, 2);
  std::vector<float> expected, got(static_cast<std::size_t>(m * n));
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j) {
      float total = 0;
      for (index_t p = 0; p < k; p += 1024) {
        Lanes lanes;
        for (index_t q = p; q < std::min(k, p + 1024); ++q)
          lanes.add(q, a[static_cast<std::size_t>(i * k + q)],
                    b[static_cast<std::size_t>(j * k + q)]);
        total = p == 0 ? lanes.fold() : total + lanes.fold();
      }
      expected.push_back(total);
    }
  for_thread_counts([&](int) {
    gemm(Gemm<float>{.m = m,
                     .n = n,
                     .k = k,
                     .a = a.data(),
                     .lda = k,
                     .b = b.data(),
                     .ldb = k,
                     .trans_b = true,
                     .c = got.data(),
                     .ldc = n});
    CHECK(got == expected);
  });
}

TEST_CASE("products of tiles add in the order that is written down", "[kernels]") {
  const index_t n = 2070; // long enough for the sum to stay in one part
  for (const auto& size : {std::pair<index_t, index_t>{9, 9}, {9, 32}, {20, 33}, {20, 300}}) {
    const index_t m = size.first, k = size.second;
    INFO(m << "x" << k);
    const auto a = reals<float>(m * k, 1), b = reals<float>(k * n, 2);
    std::vector<float> expected, got(static_cast<std::size_t>(m * n));
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j) {
        float total = 0;
        for (index_t p = 0; p < k; p += kc) { // blocks are summed by themselves
          float sum = 0;
          for (index_t q = p; q < std::min(k, p + kc); ++q)
            sum = multiply_add(a[static_cast<std::size_t>(i * k + q)],
                               b[static_cast<std::size_t>(q * n + j)], sum);
          total = p == 0 ? sum : total + sum;
        }
        expected.push_back(total);
      }
    for_thread_counts([&](int) {
      gemm(Gemm<float>{.m = m,
                       .n = n,
                       .k = k,
                       .a = a.data(),
                       .lda = k,
                       .b = b.data(),
                       .ldb = n,
                       .c = got.data(),
                       .ldc = n});
      CHECK(got == expected);
    });
  }
}

} // namespace test_order
