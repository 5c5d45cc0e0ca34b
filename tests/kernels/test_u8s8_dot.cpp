// Every path of the byte products and of the thresholds against the textbook loops, at the extremes of
// what 8 and 16 bits hold.
#include "sgq/kernels/int8/int8.hpp"

#include "support/catch.hpp"
#include "support/gradients.hpp"

#include <vector>

namespace test_u8s8_dot {

using namespace sgq;
using namespace sgq::kernels;

namespace {

using Path = void (*)(const U8s8Dot&);

/// The paths of this machine beside the plain loops.
std::vector<Path> paths() {
  std::vector<Path> found = {u8s8_dot_generic};
#if SGQ_X86
  if (supported(Isa::avx2)) found.push_back(u8s8_dot_avx2);
  if (supported(Isa::avx512) && __builtin_cpu_supports("avx512vnni"))
    found.push_back(u8s8_dot_vnni);
#elif SGQ_ARM
  found.push_back(u8s8_dot_words);
  if (supported(Isa::neon_dotprod)) found.push_back(u8s8_dot_dotprod);
  if (supported(Isa::neon_i8mm)) found.push_back(u8s8_dot_i8mm);
#elif SGQ_WASM
  found.push_back(u8s8_dot_words);
#endif
  return found;
}

/// What the codes and weights of a problem are.
struct Numbers {
  int largest_code, largest_weight;
  bool extremes; ///< only 0 and the largest code, only the two largest weights
};

struct Problem {
  U8s8Dot d;
  Tensor<std::uint8_t> x;
  Tensor<std::int8_t> w;
  Tensor<std::int32_t> start, sums;
};

Problem make_problem(index_t positions, index_t rows, index_t groups, index_t panels,
                     const Numbers& n) {
  Problem p{};
  p.d.positions = positions;
  p.d.x_step = 3;
  p.d.x_row = 4 * groups + 5;
  p.d.rows = rows;
  p.d.groups = groups;
  p.d.panels = panels;
  p.x = random_integers<std::uint8_t>({positions * 3 + rows * p.d.x_row + 4}, 1, 0, n.largest_code);
  p.w = random_integers<std::int8_t>({panels * p.d.panel_size()}, 2, -n.largest_weight,
                                     n.largest_weight);
  if (n.extremes) {
    for (auto& x : p.x) x = static_cast<std::uint8_t>(x % 4 ? n.largest_code : 0);
    for (auto& w : p.w) w = static_cast<std::int8_t>(w < 0 ? -n.largest_weight : n.largest_weight);
    for (index_t i = 0; i < 64 && i < p.w.size(); ++i) p.w[i] = p.w[0]; // a whole group of one sign
    if (n.largest_weight == 127) p.w[5] = -128;
  }
  p.start = random_integers<std::int32_t>({p.d.outputs()}, 3, -100000, 100000);
  p.sums.resize({positions * p.d.outputs()});
  p.d.x = p.x.data(), p.d.w = p.w.data(), p.d.start = p.start.data(), p.d.sums = p.sums.data();
  p.d.used = p.d.outputs();
  p.d.pair_bound = 2 * n.largest_code * (n.largest_weight == 127 ? 128 : n.largest_weight);
  return p;
}

/// The sums by the definition, [positions][outputs].
std::vector<std::int64_t> expected(const Problem& p) {
  const U8s8Dot& d = p.d;
  std::vector<std::int64_t> sums;
  for (index_t i = 0; i < d.positions; ++i)
    for (index_t o = 0; o < d.outputs(); ++o) {
      std::int64_t sum = p.start[o];
      for (index_t a = 0; a < d.rows; ++a) {
        const std::uint8_t* x = d.x + i * d.x_step + a * d.x_row;
        const std::int8_t* w = d.w + o / 16 * d.panel_size() + a * d.groups * 64 + o % 16 * 4;
        for (index_t k = 0; k < 4 * d.groups; ++k) sum += x[k] * w[k / 4 * 64 + k % 4];
      }
      sums.push_back(sum);
    }
  return sums;
}

/// True if every path of this machine gives them.
bool all_paths_agree(const Problem& p) {
  const std::vector<std::int64_t> sums = expected(p);
  bool good = true;
  for (Path path : paths()) {
    std::fill(p.d.sums, p.d.sums + p.sums.size(), 0x5a5a5a5a);
    path(p.d);
    good = good && std::equal(sums.begin(), sums.end(), p.d.sums);
  }
  return good;
}

} // namespace

TEST_CASE("byte products: every path sums the same, for every size", "[kernels]") {
  for (index_t positions : {1, 2, 3, 7, 8, 17, 31})
    for (index_t panels : {1, 2, 3})
      for (index_t groups : {1, 5}) {
        const Problem p = make_problem(positions, 3, groups, panels, {15, 7, false});
        CHECK(all_paths_agree(p));
      }
}

TEST_CASE("byte products: outputs that are used are summed, whatever their number", "[kernels]") {
  for (index_t used : {1, 8, 9, 17, 26, 33}) {
    Problem p = make_problem(5, 2, 3, 3, {15, 7, false});
    p.d.used = used;
    const std::vector<std::int64_t> sums = expected(p);
    for (Path path : paths()) {
      std::fill(p.d.sums, p.d.sums + p.sums.size(), 0x5a5a5a5a);
      path(p.d);
      index_t wrong = 0;
      for (index_t i = 0; i < p.sums.size(); ++i)
        wrong += i % p.d.outputs() < used && p.d.sums[i] != sums[static_cast<std::size_t>(i)];
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("byte products: nothing saturates at the extremes of any bit mix", "[kernels]") {
  for (int code : {3, 15, 127, 128, 255})
    for (int weight : {1, 7, 8, 15, 127})
      for (bool extremes : {false, true}) {
        INFO("codes to " << code << ", weights to " << weight);
        const Problem p = make_problem(3, 2, 180, 2, {code, weight, extremes});
        CHECK(all_paths_agree(p));
      }
}

namespace {

constexpr index_t positions = 5, panels = 3, channels = 41, all = panels * 16;

/// Random tables of 3 panels, ascending.
PackedThresholds random_table(int bits, int residual_bits) {
  PackedThresholds t{.bits = bits, .panels = panels};
  const index_t n = t.count();
  t.flip = random_integers<std::int32_t>({all}, 2, -1, 0);
  t.values = random_integers<std::int32_t>({panels, n, 16}, 3, -2500 * 4, 2500 * 4);
  for (index_t v = 0; v < panels; ++v)
    for (index_t l = 0; l < 16; ++l) {
      std::vector<std::int32_t> column;
      for (index_t j = 0; j < n; ++j) column.push_back(t.values[(v * n + j) * 16 + l]);
      std::sort(column.begin(), column.end());
      for (index_t j = 0; j < n; ++j)
        t.values[(v * n + j) * 16 + l] = column[static_cast<std::size_t>(j)];
    }
  t.shift = 2;
  t.residual_bits = residual_bits;
  t.residual =
      random_integers<std::int32_t>({panels, index_t{1} << residual_bits, 16}, 4, -2000, 2000);
  return t;
}

/// The code of output o by counting.
int count_code(const PackedThresholds& t, index_t o, std::int32_t sum, std::uint8_t r) {
  const index_t rows = index_t{1} << t.residual_bits;
  std::int32_t z = sum ^ t.flip[o];
  if (t.residual_bits > 0) z = z * 4 + t.residual[(o / 16 * rows + r % rows) * 16 + o % 16];
  int code = 0;
  for (index_t j = 0; j < t.count(); ++j)
    code += z >= t.values[(o / 16 * t.count() + j) * 16 + o % 16];
  return code;
}

} // namespace

TEST_CASE("thresholds: every path finds the codes that counting finds", "[kernels]") {
  for (int bits : {1, 2, 3, 4, 5, 8})
    for (int residual_bits : {0, 1, 2, 3, 4, 8}) {
      INFO("bits " << bits << ", residual " << residual_bits);
      const PackedThresholds table = random_table(bits, residual_bits);
      const auto sums = random_integers<std::int32_t>({positions * (all + 16)}, 1, -3000, 3000);
      const auto r = random_integers<std::uint8_t>({positions * all + 16}, 5, 0, 255);
      Tensor<std::uint8_t> out({positions * 50}, 99);
      const ThresholdRow row{table,    positions, channels,   sums.data(), all + 16,
                             r.data(), all,       out.data(), 50};
      threshold_row_generic(&row);
      const Tensor<std::uint8_t> plain = out;
      for (index_t p = 0; p < positions; ++p)
        for (index_t o = 0; o < 50; ++o)
          REQUIRE(
              int(plain[p * 50 + o]) ==
              (o < channels ? count_code(table, o, sums[p * (all + 16) + o], r[p * all + o]) : 99));
#if SGQ_X86
      // Other tables than these are left to the generic row.
      const auto few = [](int b) { return b == 0 || b == 2 || b == 4; };
      const auto check = [&](bool ran, bool known) {
        CHECK(ran == known);
        if (ran) CHECK(std::equal(out.begin(), out.end(), plain.begin()));
      };
      out.fill(99);
      if (supported(Isa::avx2)) check(threshold_row_avx2(row), bits <= 4);
      out.fill(99);
      if (supported(Isa::avx512))
        check(threshold_row_avx512(row), (bits == 2 || bits == 4) && few(residual_bits));
#endif
    }
}

TEST_CASE("pooled sums have the largest of their windows' codes", "[kernels]") {
  const PackedThresholds table = random_table(4, 0);
  constexpr index_t width = 7, step = all + 16;
  for (index_t k : {1, 2, 3}) {
    const auto sums = random_integers<std::int32_t>({k * width * step}, 6, -3000, 3000);
    Tensor<std::int32_t> pooled(sums.shape());
    pool_sums(sums.data(), width, panels, step, k, table.flip.data(), pooled.data());
    for (index_t p = 0; p < width / k; ++p)
      for (index_t o = 0; o < all; ++o) {
        int expected = 0;
        for (index_t i = 0; i < k * k; ++i) {
          const index_t at = i / k * width + p * k + i % k;
          expected = std::max(expected, count_code(table, o, sums[at * step + o], 0));
        }
        REQUIRE(count_code(table, o, pooled[p * step + o], 0) == expected);
      }
  }
}

} // namespace test_u8s8_dot
