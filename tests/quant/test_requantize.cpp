#include "sgq/nn/batch_norm.hpp"
#include "sgq/ops/pact.hpp"
#include "sgq/quant/requantize.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_requantize {

using namespace sgq;
using namespace sgq::quant;
using test::same_bits;

namespace {

struct Channel {
  ChannelAffine f;
  float s_r;
  double alpha;
  int bits;
};

/// Channels of every kind whose codes vary over |A| <= bound.
Channel random_channel(std::uint64_t seed, index_t bound) {
  const Random random(seed);
  const float alpha = 0.01f + 4 * random.uniform(0);
  const float size = alpha / static_cast<float>(bound);
  const float sign = random.bits(1) % 2 ? 1.0f : -1.0f;
  const int widths[] = {1, 2, 4, 8};
  return {{sign * size * (0.1f + 4 * random.uniform(2)), alpha * (2 * random.uniform(3) - 0.5f)},
          alpha * random.uniform(4) / 15,
          static_cast<double>(alpha),
          widths[random.below(5, 4)]};
}

/// An accumulator within 8 of where the code changes: there any rounding too many shows.
std::int32_t near_boundary(const Channel& c, double r, const Random& random, index_t i,
                           index_t bound) {
  const double j = static_cast<double>(random.below(i + 100000, max_code(c.bits))) + 0.5;
  const double v = j * c.alpha / max_code(c.bits) - static_cast<double>(c.s_r) * r;
  const double a = std::rint((v - static_cast<double>(c.f.t)) / static_cast<double>(c.f.m)) +
                   static_cast<double>(random.below(i + 200000, 17) - 8);
  const double b = static_cast<double>(bound);
  return static_cast<std::int32_t>(std::clamp(a, -b, b));
}

/// The definition with each product fused into the addition behind it: rounded once.
double reference(double a, const Channel& c, double r) {
  double v = std::fma(a, static_cast<double>(c.f.m), static_cast<double>(c.f.t));
  v = std::fma(static_cast<double>(c.s_r), r, v);
  return std::rint(std::clamp(v, 0.0, c.alpha) * (max_code(c.bits) / c.alpha));
}

double requantize(double a, double m, double t, double alpha, double inverse_step) {
  return quant::requantize(a, m, t, 0, 0, alpha, inverse_step);
}
using quant::requantize;

template <auto Row, class... Args>
void run_on([[maybe_unused]] kernels::Isa isa, Args... args) {
#if SGQ_X86
  if (isa == kernels::Isa::avx512) return kernels::detail::run_avx512<Row>(args...);
  if (isa == kernels::Isa::avx2) return kernels::detail::run_avx2<Row>(args...);
#endif
  Row(args...);
}

} // namespace

TEST_CASE("requantize: scalar, rows on every instruction set and fused arithmetic agree",
          "[quant]") {
  constexpr index_t n = 1 << 12;
  std::vector<std::int32_t> a(n);
  std::vector<float> a_float(n);
  std::vector<std::uint8_t> r(n), q(n), expected(n), expected_r(n);
  std::uint64_t hash = 14695981039346656037u; // FNV-1a
  int reached = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    // Accumulators up to 2^24 are exact as floats; those of int32 up to 2^29.
    const index_t bound = seed % 3 == 0 ? accumulator_limit - 1 : index_t{1} << (8 + seed % 17);
    const Channel c = random_channel(seed, bound);
    const double inverse = inverse_step(c.alpha, c.bits);
    const Random random(seed, 1);
    std::uint8_t highest = 0;
    for (index_t i = 0; i < n; ++i) {
      const std::size_t k = static_cast<std::size_t>(i);
      a[k] = static_cast<std::int32_t>(random.below(i, 2 * bound + 1) - bound);
      r[k] = static_cast<std::uint8_t>(random.below(i + n, 16));
      if (i % 4 == 1) a[k] = near_boundary(c, 0, random, i, bound);
      if (i % 4 == 3) a[k] = near_boundary(c, r[k], random, i, bound);
      a_float[k] = static_cast<float>(a[k]);
      expected[k] = static_cast<std::uint8_t>(reference(a[k], c, 0));
      expected_r[k] = static_cast<std::uint8_t>(reference(a[k], c, r[k]));
      highest = std::max(highest, expected[k]);
      hash = (hash ^ expected[k] ^ (std::uint64_t{expected_r[k]} << 8)) * 1099511628211u;
      REQUIRE(requantize(a[k], c.f.m, c.f.t, c.alpha, inverse) == expected[k]);
      REQUIRE(requantize(a[k], c.f.m, c.f.t, c.s_r, r[k], c.alpha, inverse) == expected_r[k]);
    }
    reached += highest > 0;
    for (kernels::Isa isa : {kernels::Isa::generic, kernels::Isa::avx2, kernels::Isa::avx512}) {
      if (!kernels::supported(isa)) continue;
      CAPTURE(seed, kernels::name(isa));
      const ops::PactChannel channel{c.f.m, c.f.t, c.s_r, c.alpha, inverse, 1.0 / max_code(c.bits)};
      const std::uint8_t* const none = nullptr;
      std::uint8_t* const no_regions = nullptr;
      run_on<ops::pact_codes_row<std::int32_t, std::uint8_t>>(isa, a.data(), none, channel, n,
                                                              q.data(), no_regions);
      CHECK(q == expected);
      run_on<ops::pact_codes_row<std::int32_t, std::uint8_t>>(isa, a.data(), r.data(), channel, n,
                                                              q.data(), no_regions);
      CHECK(q == expected_r);
      if (bound > 1 << 24) continue;
      run_on<ops::pact_codes_row<float, std::uint8_t>>(isa, a_float.data(), none, channel, n,
                                                       q.data(), no_regions);
      CHECK(q == expected);
    }
  }
  CHECK(reached > 90);
  CHECK(hash == 0xb9fd592fa94474c9u); // the same from any compiler with any flags
}

TEST_CASE("requantize: closed forms, ties and both directions", "[quant]") {
  // alpha = 15 at 4 bits: n/alpha = 1. v = A/2 ties at odd A.
  const double one = inverse_step(15.0, 4);
  const auto code = [&](double a, float m, float t) { return requantize(a, m, t, 15.0, one); };
  const int halves[] = {0, 0, 1, 2, 2, 2, 3, 4, 4};
  for (int a = 0; a <= 8; ++a) {
    CHECK(code(a, 0.5f, 0) == halves[a]);
    CHECK(code(-a, -0.5f, 0) == halves[a]);
  }
  CHECK(code(-1, 0.5f, 0) == 0);
  CHECK(code(29, 0.5f, 0) == 14); // 14.5
  CHECK(code(30, 0.5f, 0) == 15);
  CHECK(code(1000, 0.5f, 0) == 15);
  CHECK(code(12345, 0, 7.5f) == 8);
  CHECK(requantize(2, 1, 0, 0.25f, 6, 15.0, one) == 4); // 2 + 1.5 = 3.5
}

TEST_CASE("requantize is PACT of the pre-activation", "[quant]") {
  const Tensor<float> x = test::gaussian<float>({500}, 1.0, 1);
  for (int bits : {1, 2, 4, 8}) {
    const double inverse = inverse_step(1.1f, bits);
    for (index_t i = 0; i < x.size(); ++i)
      REQUIRE(requantize(static_cast<double>(x[i]), 1, 0, static_cast<double>(1.1f), inverse) ==
              pact_code(x[i], 1.1f, inverse));
  }
}

TEST_CASE("requantize: bias and batch norm become m and t", "[quant]") {
  // v = gamma (s_w s_x A + b - mean) / sqrt(var + eps) + beta, every number of it exact
  const std::int32_t sum = 16;
  const float bias = 1;
  const Signal<float> sums{.shape = {1, 1}, .acc = &sum, .scale = 0.125, .add = &bias};
  nn::BatchNorm<float> norm({.channels = 1, .eps = 0.5});
  nn::Slot<float> slot;
  const Signal<float>* const in[] = {&sums};
  std::vector<nn::NamedParameter<float>> parameters;
  std::vector<nn::NamedBuffer<float>> buffers;
  norm.collect(parameters);
  norm.collect_buffers(buffers);
  parameters[0].parameter->edit()[0] = -3;
  parameters[1].parameter->edit()[0] = 10;
  (*buffers[0].tensor)[0] = 5;
  (*buffers[1].tensor)[0] = 3.5f;
  norm.forward(in, slot, nn::Mode::infer());
  CHECK(slot.out.mul_at(0) == -0.1875f); // -3 * 0.125 / 2
  CHECK(slot.out.add_at(0) == 16.0f);    // -3 (1 - 5) / 2 + 10
  CHECK(preactivation(16, -0.1875, 16) == -3 * (16 * 0.125 + 1 - 5) / 2 + 10);
  CHECK_NOTHROW(check_affine({-0.1875f, 16}));
  CHECK_SAYS(check_affine({std::numeric_limits<float>::quiet_NaN(), 0}), value_error,
             "scale and shift", "got nan and 0");
  CHECK_SAYS(check_affine({0, std::numeric_limits<float>::infinity()}), value_error,
             "scale and shift", "got 0 and inf");
}

TEST_CASE("requantize: PACT gives its codes, for whole tensors", "[quant]") {
  for (const Shape& shape : {Shape{3, 5, 7, 6}, Shape{4, 5, 1, 1}, Shape{9, 5}}) {
    Tensor<float> m({5}), t({5}), a_float(shape);
    for (index_t k = 0; k < 5; ++k) {
      const ChannelAffine f = random_channel(static_cast<std::uint64_t>(k), 1000).f;
      m[k] = f.m;
      t[k] = f.t;
    }
    Tensor<std::int32_t> a(shape);
    Tensor<std::uint8_t> r(shape), q(shape), q_float(shape), q_r(shape);
    const Random random(3);
    for (index_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<std::int32_t>(random.below(i, 2001) - 1000);
      a_float[i] = static_cast<float>(a[i]);
      r[i] = static_cast<std::uint8_t>(random.below(i + 10000, 16));
    }
    const float alpha = 1.75f, scale = 0.1f;
    const double exact_alpha = static_cast<double>(alpha), inverse = inverse_step(alpha, 4);
    const Signal<float> residual{
        .shape = shape, .codes = r.data(), .scale = static_cast<double>(scale), .max_code = 15};
    const Signal<float> sums{.shape = shape, .acc = a.data(), .mul = m.data(), .add = t.data()};
    const Signal<float> numbers{
        .shape = shape, .real = a_float.data(), .mul = m.data(), .add = t.data()};
    Signal<float> joined = sums;
    joined.residual = &residual;
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      ops::pact_codes(sums, alpha, 4, q.view());
      ops::pact_codes(numbers, alpha, 4, q_float.view());
      ops::pact_codes(joined, alpha, 4, q_r.view());
      CHECK(same_bits(q, q_float));
      for (index_t i = 0; i < a.size(); ++i) {
        const index_t k = i / shape.plane() % 5;
        REQUIRE(q[i] == requantize(a[i], m[k], t[k], exact_alpha, inverse));
        REQUIRE(q_r[i] == requantize(a[i], m[k], t[k], scale, r[i], exact_alpha, inverse));
      }
    }
    set_num_threads(0);
  }
}

} // namespace test_requantize
