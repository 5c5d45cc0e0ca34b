// Chapter 5: integrated gradients add up to the score, if the net has real numbers. The error of
// that, in percent of |S(x) - S(black)|, the median of 50 images.
#include "digits.hpp"

using namespace learn;

namespace {

/// S of every image: the logit of its class.
std::vector<double> scores(nn::Net<float>& net, View<const float> x,
                           std::span<const std::uint8_t> classes) {
  const Tensor<float> z = saliency::logits_of(net, x);
  std::vector<double> s;
  for (std::size_t n = 0; n < classes.size(); ++n)
    s.push_back(static_cast<double>(z(static_cast<index_t>(n), classes[n])));
  return s;
}

} // namespace

int main() {
  constexpr index_t images = 50;
  const Digits digits;
  const Tensor<float> x = digits.images(images), black(x.shape(), digits.background[0]);
  std::printf("bits   accuracy   steps:    1      2      4      8     16     32     64\n");
  for (const char* bits : {"fp32", "w4a4", "w2a2"}) {
    nn::Net<float> net = lenet(digits, bits);
    std::printf("%-6s %6.1f %%         ", bits, teach(net, digits));
    const auto at_x = scores(net, x, digits.labels(images));
    const auto at_black = scores(net, black, digits.labels(images));
    saliency::Explainer explain(net, {.background = digits.background});
    for (index_t steps = 1; steps <= 64; steps *= 2) {
      const auto a =
          saliency::integrated_gradients(explain, x, digits.labels(images), {.steps = steps});
      std::vector<double> percent;
      for (std::size_t n = 0; n < a.completeness_error.size(); ++n)
        percent.push_back(100 * a.completeness_error[n] / std::abs(at_x[n] - at_black[n]));
      std::sort(percent.begin(), percent.end());
      std::printf(" %6.1f", percent[percent.size() / 2]);
    }
    std::printf("\n");
  }
}
