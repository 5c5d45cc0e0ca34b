// Products of codes: every tile of this machine, and what the layers call, against the textbook
// loops and against the float path, at the extremes of what bytes and 16 bits hold.
#include "sgq/kernels/conv/conv2d_forward_codes.hpp"
#include "sgq/kernels/gemm/gemm.hpp"
#include "sgq/kernels/gemm/gemm_codes.hpp"
#include "sgq/kernels/naive.hpp"

#include "problems.hpp"
#include "support/catch.hpp"
#include "support/gradients.hpp"

#include <string>
#include <vector>

namespace test_quads {

using namespace sgq;
using namespace sgq::kernels;
using namespace kernel_test;

namespace {

template <class Y>
struct NamedTile {
  const char* name;
  const QuadTile<Y>* tile;
};

/// The tiles that this machine runs, whichever instruction set is chosen.
template <class Y>
std::vector<NamedTile<Y>> tiles_here() {
  std::vector<NamedTile<Y>> found;
#if SGQ_X86
  if (supported(Isa::avx2)) found.push_back({"avx2", &avx2_quads<Y>});
  if (supports_avx_vnni()) found.push_back({"avx_vnni", &avx_vnni_quads<Y>});
  if (supports_vnni()) found.push_back({"vnni", &vnni_quads<Y>});
#elif SGQ_ARM
  if (supported(Isa::neon_dotprod)) found.push_back({"dotprod", &dotprod_quads<Y>});
  if (supported(Isa::neon_i8mm)) found.push_back({"i8mm", &i8mm_quads<Y>});
#elif SGQ_WASM
  found.push_back({"words", &words_quads<Y>});
#endif
  return found;
}

/// True where the chosen instruction set adds pairs of products in 16 bits.
bool pairs_in_16_bits() {
  return (isa() == Isa::avx2 || isa() == Isa::avx512) && !has_vnni() && !has_avx_vnni();
}

/// Codes are 0..code, weights -weight..weight, or one more below where that is the lowest byte.
struct Range {
  int code, weight;
  int lowest() const { return weight == 127 ? -128 : -weight; }
  std::int32_t pair_bound() const { return -2 * code * lowest(); }
};

struct Problem {
  ConvGeometry g;
  Range range;
  Tensor<std::uint8_t> x;
  Tensor<float> w;

  /// With `extremes`, codes are the least or the largest, and weights too.
  Problem(const ConvGeometry& geometry, const Range& r, bool extremes = false)
      : g(geometry), range(r) {
    x = random_integers<std::uint8_t>({g.batch * g.in_size()}, 1, 0, r.code);
    w = random_integers<float>({g.out_channels * g.filter_size()}, 2, r.lowest(), r.weight);
    if (!extremes) return;
    for (auto& v : x) v = static_cast<std::uint8_t>(v % 4 ? r.code : 0);
    for (auto& v : w) v = static_cast<float>(v < 0 ? r.lowest() : r.weight);
    for (index_t i = 0; i < g.filter_size(); ++i) {
      w[i] = static_cast<float>(r.lowest()); // a filter that sums all there is, below
      if (g.out_channels > 1) w[g.filter_size() + i] = static_cast<float>(r.weight); // and above
    }
    for (index_t i = 0; i < g.in_size(); ++i) x[i] = static_cast<std::uint8_t>(r.code);
  }

  std::vector<std::int32_t> naive() const {
    const std::vector<std::int32_t> weights(w.begin(), w.end());
    std::vector<std::int32_t> y(static_cast<std::size_t>(g.batch * g.out_size()));
    kernels::naive::conv2d_forward<std::int32_t>(g, x.data(), weights.data(), y.data());
    return y;
  }
  std::vector<float> by_float() const {
    std::vector<float> y(static_cast<std::size_t>(g.batch * g.out_size()), 7);
    conv2d_forward<float>(g, x.data(), w.data(), y.data());
    return y;
  }
  template <class Y>
  std::vector<Y> by(const QuadTile<Y>& tile) const {
    std::vector<Y> y(static_cast<std::size_t>(g.batch * g.out_size()), Y{7});
    kernels::detail::conv2d_forward_codes<Y>(g, x.data(), w.data(), range.pair_bound(), tile,
                                             y.data(), {});
    return y;
  }
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Every tile, and the one that a layer would take, against both references.
void check(const Problem& p) {
  const ConvGeometry& g = p.g;
  INFO(g.batch << "x" << g.in_channels << "x" << g.in_h << "x" << g.in_w << " to " << g.out_channels
               << ", kernel " << g.kernel_h << " stride " << g.stride << " pad " << g.pad
               << ", codes to " << p.range.code << ", weights to " << p.range.weight);
  const std::vector<std::int32_t> sums = p.naive();
  const std::vector<float> reals(sums.begin(), sums.end()); // rounded where 24 bits are too few
  std::int32_t largest = 0;
  for (std::int32_t s : sums) largest = std::max(largest, std::abs(s));
  if (largest < 1 << 24) CHECK(same_bits(p.by_float(), reals));
  for (const auto& [name, tile] : tiles_here<float>()) {
    INFO(name);
    if (!tile->narrow || p.range.pair_bound() <= INT16_MAX) CHECK(same_bits(p.by(*tile), reals));
  }
  for (const auto& [name, tile] : tiles_here<std::int32_t>()) {
    INFO(name);
    if (!tile->narrow || p.range.pair_bound() <= INT16_MAX) CHECK(p.by(*tile) == sums);
  }
  std::vector<float> y(sums.size(), 7);
  const bool ran = conv2d_forward_codes(g, p.x.data(), p.w.data(), p.range.pair_bound(), y.data());
  CHECK(ran == (isa() != Isa::generic && isa() != Isa::neon &&
                (p.range.pair_bound() <= INT16_MAX || !pairs_in_16_bits())));
  CHECK(same_bits(y, ran ? reals : std::vector<float>(sums.size(), 7)));
}

ConvGeometry square(index_t batch, index_t in, index_t size, index_t out, index_t kernel,
                    index_t stride, index_t pad) {
  return {.batch = batch,
          .in_channels = in,
          .in_h = size,
          .in_w = size + 2,
          .out_channels = out,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride = stride,
          .pad = pad};
}

constexpr Range two_bits{3, 3}, four_bits{15, 15}, eight_bits{255, 127};

} // namespace

TEST_CASE("quads: equal to the loops and to floats, whatever the geometry", "[kernels]") {
  const Range ranges[] = {two_bits, four_bits, eight_bits, {255, 7}};
  std::size_t turn = 0;
  for (index_t kernel : {1, 3, 5})
    for (index_t stride : {1, 2, 3})
      for (index_t pad : {0, 1, 2})
        for (index_t in : {1, 2, 3, 4, 5, 16, 33})
          for (index_t size : {5, 8, 17})
            check(Problem(square(1 + size % 3, in, size, 3 + in % 7, kernel, stride, pad),
                          ranges[turn++ % 4]));
}

TEST_CASE("quads: equal to the loops and to floats, whatever the channels", "[kernels]") {
  for (index_t in : {1, 2, 3, 4, 5, 16, 33, 64})
    for (index_t out : {1, 3, 4, 5, 8, 9, 16})
      for (const Range& range : {two_bits, four_bits, eight_bits})
        check(Problem(square(2, in, 7, out, 3, 1, 1), range));
}

TEST_CASE("quads: nothing saturates or wraps at the extremes of any bit mix", "[kernels]") {
  // 16 bits hold 72 steps of codes to 15 with weights of +-15, and one of 255 with 64.
  for (int code : {1, 3, 15, 127, 128, 255})
    for (int weight : {1, 3, 7, 15, 64, 127})
      check(Problem(square(1, 33, 9, 5, 3, 1, 1), {code, weight}, true));
  const std::int32_t largest = Range{255, 64}.pair_bound();
  CHECK(largest <= INT16_MAX);
  CHECK(2 * largest > INT16_MAX);
}

TEST_CASE("quads: sums that a float does not hold are exact in 32 bits", "[kernels]") {
  const Problem p(square(1, 520, 5, 5, 3, 1, 1), eight_bits, true);
  const std::vector<std::int32_t> sums = p.naive();
  CHECK(*std::min_element(sums.begin(), sums.end()) == -128 * 255 * 9 * 520);
  for (const auto& [name, tile] : tiles_here<std::int32_t>()) {
    INFO(name);
    if (!tile->narrow) CHECK(p.by(*tile) == sums);
  }
}

TEST_CASE("quads: no tile is larger than the buffer made for it", "[kernels]") {
  for (const NamedTile<float>& t : tiles_here<float>()) {
    INFO(t.name);
    CHECK(t.tile->mr * t.tile->nr <= max_quad_tile);
  }
}

TEST_CASE("quads: an image that is worked on in bands of rows", "[kernels]") {
  for (index_t stride : {1, 2})
    check(Problem({.batch = 2,
                   .in_channels = 46,
                   .in_h = 75,
                   .in_w = 121,
                   .out_channels = 9,
                   .kernel_h = 3,
                   .kernel_w = 3,
                   .stride = stride,
                   .pad = 1},
                  four_bits));
}

TEST_CASE("quads: every image is announced once, when it is complete", "[kernels]") {
  for (const index_t size : {8, 150}) { // one task an image; several bands
    const Problem p(square(3, 33, size, 2, 3, 1, 1), four_bits);
    const std::vector<float> expected = p.by_float();
    for (const auto& [name, tile] : tiles_here<float>())
      for_thread_counts([&, &tile = tile](int) {
        std::vector<float> y(expected.size(), -1.0f);
        int calls[3] = {}, wrong[3] = {};
        auto look = [&](index_t n) {
          ++calls[n];
          for (index_t i = n * p.g.out_size(); i < (n + 1) * p.g.out_size(); ++i)
            wrong[n] += y[static_cast<std::size_t>(i)] != expected[static_cast<std::size_t>(i)];
        };
        kernels::detail::conv2d_forward_codes<float>(p.g, p.x.data(), p.w.data(),
                                                     p.range.pair_bound(), *tile, y.data(),
                                                     EpilogueCallback(look));
        for (int n = 0; n < 3; ++n) CHECK((calls[n] == 1 && wrong[n] == 0));
      });
  }
}

namespace {

/// gemm_codes() of random numbers against the loops, and against gemm().
template <class Y>
void check_gemm(index_t m, index_t n, index_t k, const Range& r, bool with_start) {
  INFO(m << "x" << n << "x" << k << ", codes to " << r.code << ", weights to " << r.weight);
  const auto x = random_integers<std::uint8_t>({m * k}, 1, 0, r.code);
  const auto w = random_integers<float>({n * k}, 2, r.lowest(), r.weight);
  const auto start = random_integers<float>({n}, 3, -1000, 1000);
  const std::vector<float> reals(x.begin(), x.end());
  const float* const from = with_start ? start.data() : nullptr;
  std::vector<Y> y(static_cast<std::size_t>(m * n), Y{7});
  const bool ran =
      gemm_codes(GemmCodes<Y>{m, n, k, x.data(), w.data(), from, r.pair_bound(), y.data()});
  const bool narrow = (isa() == Isa::avx2 || isa() == Isa::avx512) && !has_vnni();
  CHECK(ran == (isa() != Isa::generic && m >= 8 && (r.pair_bound() <= INT16_MAX || !narrow)));
  if (!ran) {
    CHECK(y == std::vector<Y>(y.size(), Y{7}));
    return;
  }
  index_t wrong = 0;
  for (index_t i = 0; i < m; ++i)
    for (index_t o = 0; o < n; ++o) {
      std::int64_t sum = with_start ? static_cast<std::int64_t>(start[o]) : 0;
      for (index_t p = 0; p < k; ++p) sum += x[i * k + p] * static_cast<std::int64_t>(w[o * k + p]);
      wrong += y[static_cast<std::size_t>(i * n + o)] != static_cast<Y>(sum);
    }
  CHECK(wrong == 0);
  if constexpr (std::is_same_v<Y, float>) {
    std::vector<float> by_float(y.size());
    gemm(Gemm<float>{.m = m,
                     .n = n,
                     .k = k,
                     .a = reals.data(),
                     .lda = k,
                     .b = w.data(),
                     .ldb = k,
                     .trans_b = true,
                     .c = by_float.data(),
                     .ldc = n,
                     .epilogue = {.col_bias = from}});
    CHECK(same_bits(y, by_float));
  }
}

} // namespace

TEST_CASE("products of codes with weights: equal to the loops and to floats", "[kernels]") {
  for (index_t m : {1, 7, 8, 9, 64})
    for (index_t n : {1, 10, 16, 33})
      for (index_t k : {1, 3, 4, 37, 256})
        for (const Range& r : {two_bits, four_bits, eight_bits, Range{255, 64}}) {
          check_gemm<float>(m, n, k, r, k % 2 == 0);
          check_gemm<std::int32_t>(m, n, k, r, k % 2 == 1);
        }
  for_thread_counts([](int) { check_gemm<float>(17, 50, 1000, four_bits, true); });
}

} // namespace test_quads
