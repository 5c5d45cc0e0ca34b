#include "sgq/core/tensor.hpp"
#include "sgq/kernels/gemm/gemm.hpp"

#include "problems.hpp"
#include "support/catch.hpp"
#include "support/raise_to.hpp"

namespace test_gemm {

using namespace sgq;
using namespace sgq::kernels;
using namespace kernel_test;

namespace {

struct Sizes {
  index_t m, n, k;
};

std::string str(const Sizes& s) {
  return std::to_string(s.m) + "x" + std::to_string(s.k) + "x" + std::to_string(s.n);
}

/// A product with gaps behind its rows, and the epilogue that `variant` picks.
template <class T>
struct Problem {
  Gemm<T> g;
  std::vector<T> a, b, c, row_bias, col_bias;

  Problem(const Sizes& s, bool trans_a, bool trans_b, int variant, bool exact) {
    const index_t lda = (trans_a ? s.m : s.k) + 3, ldb = (trans_b ? s.k : s.n) + 1, ldc = s.n + 2;
    const auto fill = [&](std::vector<T>& v, index_t n, std::uint64_t stream) {
      v = exact ? integers<T>(n, stream) : reals<T>(n, stream);
    };
    fill(a, (trans_a ? s.k : s.m) * lda, 1);
    fill(b, (trans_b ? s.n : s.k) * ldb, 2);
    fill(c, s.m * ldc, 3);
    fill(row_bias, s.m, 4);
    fill(col_bias, s.n, 5);
    g = {.m = s.m,
         .n = s.n,
         .k = s.k,
         .a = a.data(),
         .lda = lda,
         .trans_a = trans_a,
         .b = b.data(),
         .ldb = ldb,
         .trans_b = trans_b,
         .c = c.data(),
         .ldc = ldc};
    if (variant & 1) g.epilogue.beta = T(-1);
    if (variant & 2) g.epilogue.row_bias = row_bias.data();
    if (variant & 4) g.epilogue.col_bias = col_bias.data();
    if (variant & 8) g.epilogue.relu = true;
    if (variant & 16) g.epilogue.scale = T(0.5);
  }

  std::vector<T> fast() {
    std::vector<T> result = c;
    g.c = result.data();
    gemm(g);
    return result;
  }
  std::vector<T> naive() {
    std::vector<T> result = c;
    g.c = result.data();
    naive::gemm<double>(g);
    return result;
  }
  /// The same, of sums that are known.
  std::vector<T> finish(const std::vector<double>& sums) const {
    std::vector<T> result = c;
    for (index_t i = 0; i < g.m; ++i)
      for (index_t j = 0; j < g.n; ++j) {
        const auto at = static_cast<std::size_t>(i * g.ldc + j);
        naive::store(g.epilogue, sums[at], i, j, result[at]);
      }
    return result;
  }
};

/// Exact products of one size, every transpose, with epilogues that take turns.
template <class T>
void check_exact(const Sizes& s, int variant) {
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      Problem<T> p(s, ta, tb, variant, true);
      INFO(str(s) << " trans " << ta << tb << " variant " << variant);
      CHECK(max_difference(p.fast(), p.naive()) == 0);
      variant = (variant + 7) % 32;
    }
}

/// The same for float with two epilogues, and for double. The loops, which take most of
/// the time, run once: the integers are the same in both types, and so are their sums.
void check_both_types(const Sizes& s, int variant) {
  int turn = 0;
  for (bool ta : {false, true})
    for (bool tb : {false, true}) {
      INFO(str(s) << " trans " << ta << tb << " variant " << variant << " turn " << turn);
      const std::vector<double> sums = Problem<double>(s, ta, tb, 0, true).naive();
      for (int v : {(variant + turn) % 32, turn}) {
        Problem<float> p(s, ta, tb, v, true);
        CHECK(max_difference(p.fast(), p.finish(sums)) == 0);
      }
      Problem<double> p(s, ta, tb, (variant + 1 + turn) % 32, true);
      CHECK(max_difference(p.fast(), p.finish(sums)) == 0);
      turn += 7;
    }
}

// The sizes of every instruction set's tiles, one less and one more; the same for blocks.
const index_t edges[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33};

} // namespace

TEST_CASE("gemm: equals the loops on integers, around tile edges", "[kernels]") {
  int variant = 0;
  for (index_t m : edges)
    for (index_t n : edges)
      for (index_t k : {1, 2, 3, 4, 5, 16, 33}) check_exact<float>({m, n, k}, variant++ % 32);
}

TEST_CASE("gemm: equals the loops on integers, around block edges", "[kernels]") {
  int variant = 0;
  for (const Sizes& s : {Sizes{1, 1, 1000},
                         {7, 130, 257},
                         {130, 7, 511},
                         {129, 127, 255},
                         {300, 20, 256},
                         {20, 300, 513},
                         {5, 9, 5000},
                         {64, 10, 128},
                         {64, 40, 2048},
                         {200, 210, 300},
                         {1, 300, 40},
                         {300, 1, 40}}) {
    check_exact<float>(s, variant++);
    check_exact<float>(s, variant++ + 16);
  }
}

// Rows that are no whole tile, sums shorter and longer than those for which B is read in place.
TEST_CASE("gemm: equals the loops on integers, for few rows and short sums", "[kernels]") {
  int variant = 0;
  for (index_t m = 1; m <= 9; ++m)
    for (index_t k = 1; k <= 40; ++k)
      for (index_t n : {31, 48, 97, 160}) check_exact<float>({m, n, k}, variant++ % 32);
  for (index_t m : {1, 6, 9, 11, 17, 26})
    for (index_t k : {9, 16, 31, 32, 33, 64, 288, 600})
      for (index_t n : {511, 2112}) {
        check_both_types({m, n, k}, variant);
        variant += 2;
      }
}

TEST_CASE("gemm: all epilogues", "[kernels]") {
  for (int variant = 0; variant < 32; ++variant)
    for (const Sizes& s : {Sizes{13, 37, 5}, {16, 64, 9}, {9, 20, 600}, {9, 96, 32}})
      check_exact<float>(s, variant);
}

TEST_CASE("gemm: an empty sum still has an epilogue", "[kernels]") {
  for (int variant = 0; variant < 32; ++variant) check_exact<float>({9, 35, 0}, variant);
}

TEST_CASE("gemm: doubles", "[kernels]") {
  int variant = 0;
  for (const Sizes& s : {Sizes{1, 1, 1}, {9, 17, 5}, {33, 65, 129}, {12, 20, 700}}) {
    check_exact<double>(s, variant++);
  }
}

TEST_CASE("gemm: rounds as little as a sum of products may", "[kernels]") {
  for (const Sizes& s : {Sizes{20, 40, 30}, {40, 20, 3000}, {130, 140, 600}})
    for (int trans = 0; trans < 4; ++trans) {
      INFO(str(s) << " trans " << trans);
      Problem<float> f(s, trans & 1, trans & 2, 0, false);
      Problem<double> d(s, trans & 1, trans & 2, 0, false);
      const double error = max_difference(f.fast(), f.naive());
      CHECK(error <= rounding_bound<float>(s.k));
      CHECK(error > 0); // else nothing was compared
      CHECK(max_difference(d.fast(), d.naive()) <= rounding_bound<double>(s.k));
    }
}

TEST_CASE("gemm: the same bits for any number of threads", "[kernels]") {
  for (const Sizes& s : {Sizes{64, 128, 2000}, {300, 70, 90}, {24, 500, 600}, {33, 33, 5000}})
    for (int trans = 0; trans < 4; ++trans) {
      INFO(str(s) << " trans " << trans);
      Problem<float> p(s, trans & 1, trans & 2, 5, false);
      std::vector<float> one;
      for_thread_counts([&](int threads) {
        if (threads == 1)
          one = p.fast();
        else
          CHECK(p.fast() == one);
      });
    }
}

TEST_CASE("gemm: does not touch what lies between the rows of C, nor reads C without beta",
          "[kernels]") {
  Problem<float> p({9, 37, 50}, false, false, 0, true);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  p.c.assign(p.c.size(), nan);
  const std::vector<float> result = p.fast();
  for (index_t i = 0; i < p.g.m; ++i)
    for (index_t j = 0; j < p.g.ldc; ++j)
      CHECK(std::isnan(result[static_cast<std::size_t>(i * p.g.ldc + j)]) == (j >= p.g.n));
}

// Results of 4 MiB and more are written past the caches, if their rows are aligned.
TEST_CASE("gemm: a result larger than the caches equals the loops", "[kernels]") {
  const index_t m = 48, n = 22000, k = 9, ldc = n + 16; // n leaves half a tile over
  const std::vector<float> a = integers<float>(m * k, 1), b = integers<float>(n * k, 2);
  Tensor<float> fast({m * ldc}, -1.0f);
  std::vector<float> slow(static_cast<std::size_t>(m * ldc), -1.0f);
  REQUIRE(reinterpret_cast<std::uintptr_t>(fast.data()) % 64 == 0);
  for (const bool trans_b : {false, true}) {
    Gemm<float> g{.m = m,
                  .n = n,
                  .k = k,
                  .a = a.data(),
                  .lda = k,
                  .b = b.data(),
                  .ldb = trans_b ? k : n,
                  .trans_b = trans_b,
                  .c = slow.data(),
                  .ldc = ldc};
    naive::gemm<double>(g);
    for (const auto& [first, scale] : {std::pair{0, 1.0f}, {1, 1.0f}, {0, 2.0f}}) {
      g.epilogue.scale = scale;       // another path: nothing is streamed
      g.c = fast.data() + 15 * first; // aligned, or not
      const float factor = scale;
      for_thread_counts([&](int) {
        std::fill_n(fast.data(), fast.size(), -1.0f);
        gemm(g);
        double worst = 0;
        for (index_t i = 0; i < m - 1; ++i) // of the last row, what lies beyond n may not exist
          for (index_t j = 0; j < ldc; ++j)
            raise_to(worst, std::abs(double(g.c[i * ldc + j]) -
                                     double(slow[static_cast<std::size_t>(i * ldc + j)]) *
                                         (j < n ? double(factor) : 1)));
        CHECK(worst == 0);
      });
    }
  }
}

TEST_CASE("gemm: NaN and infinity come through the epilogue", "[kernels]") {
  const float inf = std::numeric_limits<float>::infinity();
  float a[] = {std::nanf(""), -inf, inf}, b[] = {1}, c[3];
  gemm(Gemm<float>{.m = 3,
                   .n = 1,
                   .k = 1,
                   .a = a,
                   .lda = 1,
                   .b = b,
                   .ldb = 1,
                   .c = c,
                   .ldc = 1,
                   .epilogue = {.relu = true}});
  CHECK(std::isnan(c[0]));
  CHECK(c[1] == 0);
  CHECK(c[2] == inf);
}

TEST_CASE("tiles: no tile is larger than the buffers made for it", "[kernels]") {
  CHECK(tiles<float>().outer.mr <= max_mr);
  CHECK(tiles<float>().outer.nr <= max_nr);
  CHECK(tiles<float>().inner.mr * tiles<float>().inner.nr <= max_inner);
  CHECK(tiles<double>().outer.mr <= max_mr);
  CHECK(tiles<double>().outer.nr <= max_nr);
  CHECK(tiles<double>().inner.mr * tiles<double>().inner.nr <= max_inner);
}

TEST_CASE("some rows of a product have the bits of the whole", "[kernels]") {
  // Sizes at which the way, or the cut of the sum, depends on m.
  struct Size {
    index_t m, n, k;
    bool trans_a, trans_b;
  };
  for (const Size& s : {Size{16, 72, 300, true, false}, Size{512, 256, 300, false, true},
                        Size{300, 40, 1000, false, false}, Size{130, 20, 2000, true, false}}) {
    const std::vector<float> a = reals<float>(s.m * s.k, 1), b = reals<float>(s.k * s.n, 2);
    const auto rows = [&](index_t first, index_t m) {
      std::vector<float> c(std::size_t(m * s.n));
      gemm(Gemm<float>{.m = m,
                       .n = s.n,
                       .k = s.k,
                       .a = a.data() + first * (s.trans_a ? 1 : s.k),
                       .lda = s.trans_a ? s.m : s.k,
                       .trans_a = s.trans_a,
                       .b = b.data(),
                       .ldb = s.trans_b ? s.k : s.n,
                       .trans_b = s.trans_b,
                       .c = c.data(),
                       .ldc = s.n,
                       .whole_m = s.m});
      return c;
    };
    std::vector<float> joined;
    for (index_t first = 0; first < s.m; first += 50) {
      const std::vector<float> part = rows(first, std::min<index_t>(50, s.m - first));
      joined.insert(joined.end(), part.begin(), part.end());
    }
    INFO(s.m << " " << s.n << " " << s.k);
    CHECK(joined == rows(0, s.m));
  }
}

} // namespace test_gemm
