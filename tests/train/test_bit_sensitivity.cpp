// Sensitivities to fewer bits: against nets that are quantised by hand.
#include "sgq/saliency/gradient.hpp"
#include "sgq/train/bit_sensitivity.hpp"
#include "small_run.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

namespace test_bit_sensitivity {

using namespace sgq;

namespace {

/// A net, images to explain, and what goes into it.
struct Setting {
  nn::Net<float> net = small_run::net();
  QuantParams grid = data::normalization("synthetic");
  data::Batches<float> validation = small_run::plain_batches();
  Tensor<float> x;
  std::vector<std::uint8_t> classes;

  Setting() {
    net.add("relu3", nn::Relu<float>());
    net.add("fc2", nn::Linear<float>({.in = 10, .out = 10}));
    nn::initialize(net, 5);
    const auto batch = validation.batch(0);
    x.copy_from(batch.x);
    classes.assign(batch.labels.begin(), batch.labels.end());
  }
  Tensor<float> maps(nn::Net<float>& of) const {
    saliency::Explainer<float> explain(of);
    return saliency::to_maps(saliency::gradient<float>(explain, x.view(), classes),
                             saliency::Values::with_sign);
  }
  std::vector<train::BitSensitivity> measure(std::vector<int> widths) {
    return train::bit_sensitivities(net, {.weights = "sawb", .input = grid}, widths, x.view(),
                                    validation, [&](auto& of) { return maps(of); });
  }
  /// Loss and maps of the net quantised by a policy; it is real-valued again afterwards.
  std::pair<double, Tensor<float>> at(const std::string& policy) {
    nn::quantize(net, {.bits = quant::parse_bit_policy(policy), .input = grid});
    nn::calibrate(net, x.view());
    std::pair<double, Tensor<float>> result{train::evaluate(net, validation).loss(), maps(net)};
    nn::quantize(net, {});
    return result;
  }
};

} // namespace

TEST_CASE("sensitivities are what nets quantised by hand lose", "[bit_sensitivity]") {
  Setting s;
  const std::string before = small_run::bytes(s.net);
  const auto got = s.measure({4, 2});
  CHECK(s.net.precision().empty());
  CHECK(small_run::bytes(s.net) == before);

  const std::vector<std::string> layers{"conv2", "conv2", "fc", "fc"};
  REQUIRE(got.size() == layers.size());
  const auto [loss, maps] = s.at("w8a8");
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].layer == layers[i]);
    CHECK(got[i].bits == (i % 2 == 0 ? 4 : 2));
    const auto [lowered, after] = s.at("w8a8," + got[i].layer + "=w" + to_text(got[i].bits) + "a8");
    CHECK(got[i].loss == lowered - loss);
    double sum = 0;
    for (double c : saliency::cosine(maps, after, saliency::Values::with_sign)) sum += c;
    CHECK(got[i].maps == 1 - sum / static_cast<double>(s.x.shape()[0]));
    CHECK(got[i].lost == 0);
    CHECK(got[i].excluded == 0);
  }
  CHECK(got[1].maps > got[0].maps); // two bits change maps more than four
}

TEST_CASE("nothing is lost where nothing is lowered", "[bit_sensitivity]") {
  Setting s;
  for (const train::BitSensitivity& same : s.measure({8})) {
    CHECK(same.loss == 0);
    CHECK(std::abs(same.maps) < 1e-12); // a cosine of equal maps, rounded
  }
}

TEST_CASE("a map that goes blank is lost, one that was blank before says nothing",
          "[bit_sensitivity]") {
  train::BitSensitivity s{.layer = "l", .bits = 2};
  const Tensor<float> a({3, 1, 2}, {1, 2, 0, 0, 1, 3}), b({3, 1, 2}, {2, 4, 1, 2, 0, 0});
  train::detail::set_maps(s, a, b);
  CHECK(s.excluded == 1);
  CHECK(s.lost == 1);
  CHECK(std::abs(s.maps - 0.5) < 1e-12); // of two maps one is the same, one is gone
  const Tensor<float> blank({3, 1, 2});
  train::BitSensitivity none{.layer = "l", .bits = 2};
  CHECK(contains(message_of<value_error>([&] { train::detail::set_maps(none, blank, b); }),
                 "expected maps that are not constant, got none"));
}

TEST_CASE("a net is real-valued again where measuring fails", "[bit_sensitivity][errors]") {
  Setting s;
  const std::vector<int> widths{2};
  const auto fail = [](auto&) -> Tensor<float> { throw value_error("no maps"); };
  CHECK_SAYS(train::bit_sensitivities(s.net, {.weights = "sawb", .input = s.grid}, widths,
                                      s.x.view(), s.validation, fail),
             value_error, "no maps");
  CHECK(s.net.precision().empty());
}

TEST_CASE("sensitivities need a real-valued net with a body", "[bit_sensitivity][errors]") {
  Setting s;
  nn::quantize(s.net, {.bits = quant::parse_bit_policy("w4a4"), .alpha = 2, .input = s.grid});
  CHECK(contains(message_of<value_error>([&] { s.measure({2}); }),
                 "expected a real-valued net, got a quantised one"));
  s.net = nn::Net<float>({1, 28, 28});
  s.net.add("flatten", nn::Flatten<float>());
  s.net.add("fc", nn::Linear<float>({.in = 784, .out = 10}));
  CHECK(contains(message_of<value_error>([&] { s.measure({2}); }), "three layers with weights"));
}

} // namespace test_bit_sensitivity
