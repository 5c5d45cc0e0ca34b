#include "../../examples/experiment/leaky_clips.hpp"

#include "support/catch.hpp"

namespace test_leaky_clips {

using namespace examples;

namespace {

/// x [1,4] -> clip at 1 -> 3 hidden numbers -> clip at 0.5 -> 2 classes.
nn::Net<float> net() {
  nn::Net<float> n({4, 1, 1});
  n.add("clip1", nn::Pact<float>({.bits = 4, .alpha = 1}));
  n.add("flatten", nn::Flatten<float>());
  n.add("fc1", nn::Linear<float>({.in = 4, .out = 3}));
  n.add("clip2", nn::Pact<float>({.bits = 2, .alpha = 0.5}));
  n.add("fc2", nn::Linear<float>({.in = 3, .out = 2}));
  nn::initialize(n, 3);
  return n;
}

float weight(nn::Net<float>& n, nn::ValueId layer, index_t i) {
  return n.layer(layer).weights()->parameter().value()[i];
}

bool equal(const Tensor<float>& a, const Tensor<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

} // namespace

TEST_CASE("a closed gate passes a share of the gradient", "[experiment]") {
  nn::Net<float> own = net(), leaky = net();
  const float leak = 0.25f;
  make_leaky(leaky, leak);
  const Tensor<float> x({3, 4, 1, 1}, {-0.5f, 0.3f, 1.5f, 0.7f,  // below, inside, above, inside
                                       -1.0f, -2.0f, 3.0f, 2.0f, // all closed
                                       0.2f, 0.4f, 0.6f, 0.8f});
  CHECK(equal(saliency::logits_of(leaky, x.view()), saliency::logits_of(own, x.view())));
  const std::vector<std::uint8_t> classes{0, 1, 1};
  saliency::Explainer<float> explain(leaky);
  const auto found = saliency::gradient(explain, x.view(), classes).values;
  for (index_t n = 0; n < 3; ++n) {
    // The chain rule by hand, in double; the hidden numbers are of the rounded input.
    double hidden[3];
    for (index_t h = 0; h < 3; ++h) {
      hidden[h] = 0;
      for (index_t i = 0; i < 4; ++i)
        hidden[h] += double(weight(own, 3, h * 4 + i)) *
                     std::rint(std::clamp(double(x[n * 4 + i]), 0.0, 1.0) * 15) / 15;
    }
    for (index_t i = 0; i < 4; ++i) {
      double expected = 0;
      for (index_t h = 0; h < 3; ++h)
        expected += double(weight(own, 5, classes[std::size_t(n)] * 3 + h)) *
                    (0 < hidden[h] && hidden[h] < 0.5 ? 1 : leak) *
                    double(weight(own, 3, h * 4 + i));
      expected *= 0 < x[n * 4 + i] && x[n * 4 + i] < 1 ? 1 : leak;
      CHECK(double(found[n * 4 + i]) == Approx(expected).epsilon(1e-5));
      CHECK(found[n * 4 + i] != 0);
    }
  }
}

TEST_CASE("without a leak it is the straight-through gradient", "[experiment]") {
  nn::Net<float> own = net(), tight = net();
  make_leaky(tight, 0);
  const Tensor<float> x({1, 4, 1, 1}, {-0.5f, 0.3f, 1.5f, 0.7f});
  const std::vector<std::uint8_t> classes{1};
  saliency::Explainer<float> of_own(own), of_tight(tight);
  CHECK(equal(saliency::gradient(of_tight, x.view(), classes).values,
              saliency::gradient(of_own, x.view(), classes).values));
}

} // namespace test_leaky_clips
