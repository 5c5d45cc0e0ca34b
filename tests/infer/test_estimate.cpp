// Codes by estimate against codes by search: every path, every accumulator that is near a threshold.
#include "sgq/infer/engine.hpp"
#include "sgq/infer/reference.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"

#include <algorithm>

namespace test_estimate {

using namespace infer_tests;
using namespace sgq::infer;

namespace {

/// The extremes, and what is near the thresholds of a channel for residual code r.
std::vector<std::int32_t> accumulators(const infer::detail::ChannelThresholds& exact, bool falling,
                                       index_t bound, index_t r) {
  std::vector<std::int32_t> found = {static_cast<std::int32_t>(-bound),
                                     static_cast<std::int32_t>(bound), 0};
  for (index_t j = 0; j < exact.codes; ++j)
    for (int near = -2; near <= 2; ++near) {
      const double a = (exact.row(r)[j] + near) * (falling ? -1 : 1);
      if (std::abs(a) <= exact.bound) found.push_back(static_cast<std::int32_t>(a));
    }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

using Path = void (*)(const kernels::ThresholdRow&);
void plain(const kernels::ThresholdRow& row) {
  kernels::estimate_row_generic(&row);
}

std::vector<Path> paths() {
  std::vector<Path> found = {plain};
#if SGQ_X86
  if (kernels::supported(kernels::Isa::avx2)) found.push_back(kernels::estimate_row_avx2);
  if (kernels::supported(kernels::Isa::avx512)) found.push_back(kernels::estimate_row_avx512);
#endif
  return found;
}

struct Outcome {
  index_t searched = 0; ///< channels without a proof
  int wrong = 0;        ///< codes of the others that are not those of the search, on any path
};

/// Of many residual codes, every seventh and the last ones are compared.
Outcome compare_codes(const Thresholds& t, index_t bound) {
  const PackedThresholds table = pack_thresholds(t, bound);
  REQUIRE(table.estimated());
  Outcome out{.searched = static_cast<index_t>(table.searched.size())};
  const index_t codes = t.joins() ? t.residual.shape()[1] : 1, width = table.panels * 16;
  for (index_t c = 0; c < t.channels(); ++c) {
    if (std::count(table.searched.begin(), table.searched.end(), c)) continue;
    const auto exact = infer::detail::channel_thresholds(t, c, bound);
    for (index_t r = 0; r<codes; r += codes> 20 && r + 7 < codes ? 7 : 1) {
      const auto a = accumulators(exact, t.falling[std::size_t(c)], bound, r);
      const index_t n = static_cast<index_t>(a.size());
      Tensor<std::int32_t> sums({n, width});
      Tensor<std::uint8_t> residual({n * width + 16}, static_cast<std::uint8_t>(r));
      std::vector<int> expected; // the search takes longer than the estimates
      for (index_t i = 0; i < n; ++i) {
        sums[i * width + c] = a[static_cast<std::size_t>(i)];
        expected.push_back(t.code(c, sums[i * width + c], static_cast<int>(r)));
      }
      for (Path path : paths()) {
        Tensor<std::uint8_t> got({n, t.channels()});
        path({.table = table,
              .positions = n,
              .channels = t.channels(),
              .sums = sums.data(),
              .sums_step = width,
              .r = residual.data(),
              .r_step = width,
              .out = got.data(),
              .out_step = t.channels()});
        for (index_t i = 0; i < n; ++i)
          out.wrong += got(i, c) != expected[static_cast<std::size_t>(i)];
      }
    }
  }
  return out;
}

/// Channels with 1 to 512 accumulators to a code, rising and falling by turns.
std::vector<quant::ChannelAffine> usual_channels(index_t count, double alpha, int bits) {
  const Random random(3);
  std::vector<quant::ChannelAffine> channels;
  for (index_t c = 0; c < count; ++c) {
    const double steps = std::exp2(9 * random.uniform(2 * c));
    const double m = alpha / quant::max_code(bits) / steps * (c % 2 ? -1 : 1);
    channels.push_back(
        {static_cast<float>(m), static_cast<float>(random.uniform(2 * c + 1) - 0.5)});
  }
  return channels;
}

} // namespace

TEST_CASE("estimates: proved for usual channels, and the codes of the search", "[infer]") {
  for (int bits : {5, 6, 8})
    for (double alpha : {0.37, 1.7, 6.0})
      for (index_t bound : {5000, 200000, 100000000}) {
        INFO(bits << " bits, alpha " << alpha << ", bound " << bound);
        const auto t = make_thresholds(usual_channels(37, alpha, bits), alpha, bits, bound);
        const Outcome out = compare_codes(t, bound);
        CHECK(out.searched == 0);
        CHECK(out.wrong == 0);
      }
}

TEST_CASE("estimates: residual codes of 8 bits", "[infer]") {
  for (double scale : {0.003, 0.0123, 0.2}) {
    INFO("scale " << scale);
    const auto t = make_thresholds(usual_channels(7, 2.3, 8), 2.3, 8, 300000,
                                   {static_cast<float>(scale), 255});
    const Outcome out = compare_codes(t, 300000);
    CHECK(out.searched == 0);
    CHECK(out.wrong == 0);
  }
  // Four bits are estimated where 32 bits do not hold their numbers.
  const auto t = make_thresholds(usual_channels(3, 2.3, 4), 2.3, 4, 10000000, {0.01f, 255});
  const Outcome four = compare_codes(t, 10000000);
  CHECK(four.searched < 3);
  CHECK(four.wrong == 0);
}

TEST_CASE("estimates: channels that are constant, saturated, steep or full of ties", "[infer]") {
  const std::vector<quant::ChannelAffine> channels = {
      {0.0f, 0.3f},   {0.0f, -1.0f},   {-0.0f, 100.0f}, {1e-9f, 0.2f},   {-1e-9f, 0.2f},
      {1e3f, 0.0f},   {-1e3f, 0.0f},   {3e-3f, -1e-9f}, {0.5f, 0.0f},    {-0.5f, 0.25f},
      {0.005f, 1.0f}, {-0.005f, 1.0f}, {0.005f, 1.6f},  {0.002f, -0.9f}, {0.7f, 0.7f}};
  for (const double alpha : {1.7, 255.0, 2.0})
    for (const index_t bound : {60, 300, 40000}) {
      INFO("alpha " << alpha << ", bound " << bound);
      const Outcome plain = compare_codes(make_thresholds(channels, alpha, 8, bound), bound);
      CHECK(plain.wrong == 0);
      CHECK(plain.searched < static_cast<index_t>(channels.size()));
      const auto joined = make_thresholds(channels, alpha, 8, bound, {0.01f, 255});
      const Outcome both = compare_codes(joined, bound);
      CHECK(both.wrong == 0);
      CHECK(both.searched < static_cast<index_t>(channels.size()));
    }
  const auto constant =
      make_thresholds(std::vector(channels.begin(), channels.begin() + 3), 1.7, 8, 1000);
  CHECK(compare_codes(constant, 1000).searched == 0);
}

TEST_CASE("estimates: thresholds that lie on no line have no proof", "[infer]") {
  const index_t bound = 100000;
  Thresholds t = make_thresholds(usual_channels(6, 1.7, 8), 1.7, 8, bound);
  for (index_t j = 0; j < 255; ++j) {
    t.values(0, j) = j * j - 1000;                        // ever wider steps
    t.values(1, j) = j < 128 ? 3 * j : 5 * j;             // two lines
    t.values(2, j) = j == 77 ? 775 : 10 * j;              // one out of place
    t.values(3, j) = j < 5 ? -bound : 700 + j;            // a gap behind codes that all have
    t.values(4, j) = 300 * j + (j == 254 ? 1 : 0) - 4000; // a line within half an accumulator
    t.values(5, j) = 300 * j - 4000;
  }
  const PackedThresholds table = pack_thresholds(t, bound);
  CHECK(table.searched == std::vector<index_t>{0, 1, 2, 3});
  CHECK(compare_codes(t, bound).wrong == 0);
}

TEST_CASE("estimates: an engine searches where there is no proof", "[infer]") {
  for (const char* name : {"resnet20", "lenet5"}) {
    const Case c{.net = name, .bits = "w8a8", .width = 3};
    const nn::Net<float> net = make_case(c);
    Graph graph = export_integer(net);
    index_t changed = 0;
    for (Step& s : graph.steps)
      if (s.op == Op::convolve && s.thresholds.bits == 8) {
        Tensor<std::int64_t>& values = s.thresholds.values;
        for (index_t j = 0; j < 255; ++j) // the upper half moves up
          if (j >= 128) values(0, j) += (values(0, 254) - values(0, 0)) / 5;
        const auto searched = pack_thresholds(s.thresholds, s.bound).searched;
        changed += std::count(searched.begin(), searched.end(), 0);
      }
    CHECK(changed > 1);
    const Tensor<std::uint8_t> pixels =
        codes_of(graph, test_images(net.input_shape(), graph.grid, 4));
    const auto expected = run_reference(graph, pixels);
    const Engine engine(graph);
    Tensor<std::int32_t> logits({4, graph.classes()});
    engine.run(pixels, logits);
    CHECK(std::equal(logits.begin(), logits.end(), expected.back().begin()));
  }
}

} // namespace test_estimate
