// What holds for every weight quantiser, whatever its scheme.
#include "sgq/quant/schemes.hpp"

#include "helpers.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <bit>
#include <limits>

namespace test_weight_quantizer {

using namespace sgq;
using namespace sgq::quant;
using test::gaussian;
using test::golden_tensor;
using test::quantized;
using test::same_bits;

namespace {

template <class T>
struct Case {
  std::string name;
  std::unique_ptr<const WeightQuantizer<T>> quantizer;
};

/// Every scheme, bit width and grid there is, under the names of the golden vectors.
template <class T, class Round = round_nearest>
std::vector<Case<T>> all_quantizers() {
  std::vector<Case<T>> all;
  const auto add = [&](std::string name, auto quantizer) {
    all.push_back({std::move(name), std::move(quantizer)});
  };
  for (int bits = 1; bits <= 8; ++bits) {
    const std::string k = "." + std::to_string(bits);
    add("dorefa" + k, std::make_unique<Dorefa<T, Round>>(bits));
    add("dorefa-rescaled" + k, std::make_unique<Dorefa<T, Round>>(bits, DorefaScale::rescaled));
    if (bits == 1) continue;
    for (SawbGrid grid : {SawbGrid::no_zero, SawbGrid::zero_aligned})
      for (SawbGradient gradient : {SawbGradient::everywhere, SawbGradient::clipped}) {
        auto sawb = std::make_unique<Sawb<T, Round>>(bits, gradient, grid);
        const std::string rule = gradient == SawbGradient::everywhere ? "sawb" : "sawb-clipped";
        const std::string name = rule + k + (sawb->grid().has_zero ? ".zero" : ".odd");
        add(name, std::move(sawb));
      }
    add("lsq" + k, std::make_unique<Lsq<T, Round>>(bits));
    add("symmetric" + k, std::make_unique<Symmetric<T, Round>>(bits));
  }
  return all;
}

} // namespace

TEST_CASE("codes lie on the documented grid, and all of it is used", "[quant]") {
  const Tensor<float> w = gaussian<float>({64, 3, 5, 5}, 0.1, 1);
  for (const auto& c : all_quantizers<float>()) {
    CAPTURE(c.name);
    const WeightCodes<float> out = quantized(*c.quantizer, w);
    CHECK(out.codes.shape() == w.shape());
    CHECK(out.scale > 0);
    const QuantRange grid = c.quantizer->grid();
    CHECK(test::codes_off_grid(out.codes, grid) == 0);
    std::vector<float> seen(out.codes.begin(), out.codes.end());
    std::sort(seen.begin(), seen.end());
    const auto levels = std::unique(seen.begin(), seen.end()) - seen.begin();
    CHECK(levels <= grid.levels);
    if (c.quantizer->bits() <= 3) CHECK(levels == grid.levels);
    if (!grid.has_zero) { // the k-bit form s = (c - 1)/2
      CHECK((grid.quant_max - 1) / 2 == (1 << (c.quantizer->bits() - 1)) - 1);
      CHECK((grid.quant_min - 1) / 2 == -(1 << (c.quantizer->bits() - 1)));
    }
  }
}

TEMPLATE_TEST_CASE("codes, scale and gradients as PyTorch's autograd has them", "[quant][golden]",
                   float, double) {
  using T = TestType;
  const Tensor<T> w = golden_tensor<T>("w"), dwq = golden_tensor<T>("dwq");
  // A gradient is a product of a few rounded factors of size 1; a scale too. sech2 is good to 1e-6
  // in float.
  const double tolerance = std::is_same_v<T, float> ? 3e-6 : 1e-13;
  int compared = 0;
  for (const auto& c : all_quantizers<T>()) {
    if (!golden::quant.contains(c.name + ".codes")) continue;
    CAPTURE(c.name);
    ++compared;
    const bool has_step = c.quantizer->has_step();
    const T step = has_step ? golden_tensor<T>(c.name + ".step")[0] : T(1);
    const double rounded =
        std::is_same_v<T, float> ? 1.2e-7 : 6e-8; // the file's step to float, too
    if (has_step) CHECK(c.quantizer->initial_step(w) == Approx(step).epsilon(rounded));
    WeightCodes<T> out;
    c.quantizer->quantize(w, step, out, c.name);
    const Tensor<T> codes = golden_tensor<T>(c.name + ".codes");
    CHECK(std::equal(out.codes.begin(), out.codes.end(), codes.begin()));
    CHECK(out.scale == Approx(golden_tensor<T>(c.name + ".scale")[0]).epsilon(tolerance));
    Tensor<T> dw(w.shape());
    const T dstep = c.quantizer->backward(w, step, out, dwq, dw);
    const Tensor<T> expected = golden_tensor<T>(c.name + ".dw");
    for (index_t i = 0; i < w.size(); ++i) REQUIRE(dw[i] == Approx(expected[i]).epsilon(tolerance));
    if (has_step)
      CHECK(dstep == Approx(golden_tensor<T>(c.name + ".dstep")[0]).epsilon(10 * tolerance));
    else
      CHECK(dstep == 0);
  }
  CHECK(compared == 8 + 20 + 1 + 3);
}

TEST_CASE("without rounding, straight-through gradients are true derivatives", "[quant]") {
  // Every weight moves alone, the detached statistics (M, alpha_w, rms, E|w|) being held.
  const Tensor<double> w = gaussian<double>({400}, 0.4, 2), dwq = gaussian<double>({400}, 1.0, 3);
  const double h = 1e-6;
  Tensor<double> up = w, down = w;
  for (index_t i = 0; i < w.size(); ++i) up[i] += h, down[i] -= h;
  for (const auto& c : all_quantizers<double, identity>()) {
    const bool everywhere = c.name.substr(0, 5) == "sawb."; // passes where the truth is 0
    CAPTURE(c.name);
    const double step = 0.9 / (1 << c.quantizer->bits());
    WeightCodes<double> out;
    c.quantizer->quantize(w, step, out, c.name);
    const auto values = [&](const Tensor<double>& at) {
      Tensor<double> v(at.shape());
      if (const auto* d = dynamic_cast<const Dorefa<double, identity>*>(c.quantizer.get()))
        d->encode(at, out.range, v);
      else if (c.quantizer->has_step()) {
        WeightCodes<double> moved;
        c.quantizer->quantize(at, step, moved, c.name);
        v = moved.codes;
      } else
        encode_uniform<double, identity>(at, out.range, c.quantizer->grid(), v);
      for (double& x : v) x *= out.scale;
      return v;
    };
    const Tensor<double> v_up = values(up), v_down = values(down);
    Tensor<double> dw(w.shape());
    c.quantizer->backward(w, step, out, dwq, dw);
    int inside = 0;
    for (index_t i = 0; i < w.size(); ++i) {
      const double slope = (v_up[i] - v_down[i]) / (2 * h);
      if (everywhere && std::abs(w[i]) > out.range - h) continue;
      if (std::abs(std::abs(w[i]) - out.range) < h) continue; // the kink itself
      inside += slope > 0;
      REQUIRE(dw[i] == Approx(dwq[i] * slope).epsilon(1e-7).margin(1e-8));
    }
    CHECK(inside > 100);
  }
}

TEST_CASE("gradients are added to what is there", "[quant]") {
  const Tensor<double> w = gaussian<double>({100}, 0.4, 4), dwq = gaussian<double>({100}, 1.0, 5);
  for (const auto& c : all_quantizers<double>()) {
    CAPTURE(c.name);
    const double step = c.quantizer->initial_step(w);
    const WeightCodes<double> out = quantized(*c.quantizer, w);
    Tensor<double> once(w.shape()), twice(w.shape());
    const double dstep = c.quantizer->backward(w, step, out, dwq, once);
    c.quantizer->backward(w, step, out, dwq, twice);
    CHECK(c.quantizer->backward(w, step, out, dwq, twice) == dstep);
    for (index_t i = 0; i < w.size(); ++i) REQUIRE(twice[i] == 2 * once[i]);
  }
}

TEST_CASE("codes, scale and gradients: the same bits for any thread count", "[quant]") {
  const Tensor<float> w = gaussian<float>({17011}, 0.05, 6), dwq = gaussian<float>({17011}, 1.0, 7);
  for (const auto& c : all_quantizers<float>()) {
    CAPTURE(c.name);
    const float step = c.quantizer->initial_step(w);
    WeightCodes<float> first;
    Tensor<float> first_dw;
    float first_dstep = 0;
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      const WeightCodes<float> out = quantized(*c.quantizer, w);
      Tensor<float> dw(w.shape());
      const float dstep = c.quantizer->backward(w, step, out, dwq, dw);
      if (threads == 1) {
        first = out, first_dw = dw, first_dstep = dstep;
        continue;
      }
      CHECK(same_bits(out.codes, first.codes));
      CHECK(out.scale == first.scale);
      CHECK(same_bits(dw, first_dw));
      CHECK(dstep == first_dstep);
    }
  }
  set_num_threads(0);
}

TEST_CASE("codes and scale: the same bits on every instruction set", "[quant]") {
  // The numbers were the same with GCC and Clang, -O0 to -O3 -march=native; a run of this test
  // under each SGQ_ISA compares with them.
  const Tensor<float> w = gaussian<float>({30011}, 0.05, 6);
  std::uint64_t hash = 14695981039346656037u; // FNV-1a
  const auto mix = [&](float v) {
    hash = (hash ^ std::bit_cast<std::uint32_t>(v)) * 1099511628211u;
  };
  for (const auto& c : all_quantizers<float>()) {
    const WeightCodes<float> out = quantized(*c.quantizer, w);
    for (float code : out.codes) mix(code);
    mix(out.scale);
  }
  CHECK(hash == 0xfbe3a1c3c55e3e45u);
}

TEST_CASE("all-zero weights give zeros where the grid has one, and an error elsewhere", "[quant]") {
  const Tensor<float> zeros({4, 3});
  for (const auto& c : all_quantizers<float>()) {
    CAPTURE(c.name);
    WeightCodes<float> out;
    const float step = c.quantizer->initial_step(zeros);
    const std::string error =
        message_of<value_error>([&] { c.quantizer->quantize(zeros, step, out, "conv2"); });
    if (c.quantizer->grid().has_zero) {
      CHECK(error.empty());
      for (float code : out.codes) CHECK(code == 0);
      CHECK(out.scale > 0);
    } else {
      CHECK(contains(error, "'conv2'"));
      CHECK(contains(error, "zero"));
    }
  }
}

TEST_CASE("constant weights come back as they are, but for plain DoReFa and LSQ", "[quant]") {
  // A mean of 50 numbers in 16 lanes rounds at most 20 times, 2.2e-15, and rms is off by half of
  // that. A difference of both multiplies it by up to 18, that of 0.005 |w| by 3700.
  const Tensor<double> w({50}, -0.37);
  const double plain = 1e-14, difference = 1e-13, small_difference = 1e-11;
  for (const auto& c : all_quantizers<double>()) {
    CAPTURE(c.name);
    const WeightCodes<double> out = quantized(*c.quantizer, w);
    const double value = out.scale * out.codes[7];
    if (c.name.substr(0, 7) == "dorefa." && c.quantizer->bits() > 1)
      CHECK(value == Approx(-1).epsilon(plain));
    else if (c.name == "sawb.2.zero" || c.name == "sawb-clipped.2.zero") // alpha_w = 0.89 |w|
      CHECK(value == Approx(-0.37 * (2.6 - 1.71)).epsilon(difference));
    else if (c.name == "sawb.4.zero" || c.name == "sawb-clipped.4.zero") // 0.005 |w|
      CHECK(value == Approx(-0.37 * (12.035 - 12.03)).epsilon(small_difference));
    else if (c.name == "sawb.2.odd" || c.name == "sawb-clipped.2.odd") // 1.056 |w|
      CHECK(value == Approx(-0.37 * (3.12 - 2.064)).epsilon(difference));
    else if (c.name == "sawb.3.odd" || c.name == "sawb-clipped.3.odd") // 0.617 |w|
      CHECK(value == Approx(-0.37 * (7.509 - 6.892)).epsilon(difference));
    else if (!c.quantizer->has_step()) // more bits: alpha_w is max|w|
      CHECK(value == Approx(-0.37).epsilon(plain));
  }
}

TEST_CASE("a NaN or infinite weight is an error that names the layer", "[quant]") {
  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const auto& c : all_quantizers<float>()) {
      CAPTURE(c.name, bad);
      Tensor<float> w = gaussian<float>({1000}, 1.0, 8);
      w[617] = bad;
      WeightCodes<float> out;
      CHECK(contains(
          message_of<value_error>([&] { c.quantizer->quantize(w, 0.1f, out, "layer3.conv1"); }),
          "'layer3.conv1'"));
    }
  WeightCodes<float> out;
  CHECK_SAYS(Sawb<float>(4).quantize(Tensor<float>({0}), 1, out, "x"), shape_error, "layer 'x'",
             "got [0]");
}

TEST_CASE("gradients of another shape are an error", "[quant]") {
  const Tensor<float> w = gaussian<float>({6}, 1.0, 9), other({5});
  Tensor<float> dw({6}), short_dw({5});
  for (const auto& c : all_quantizers<float>()) {
    CAPTURE(c.name);
    const WeightCodes<float> out = quantized(*c.quantizer, w);
    CHECK_SAYS(c.quantizer->backward(w, 1, out, other, dw), shape_error, "dwq", "got [5]");
    CHECK_SAYS(c.quantizer->backward(w, 1, out, w, short_dw), shape_error, "dw:", "got [5]");
  }
}

} // namespace test_weight_quantizer
