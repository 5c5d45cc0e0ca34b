// Exercise 5.3, solved: occlusion by hand. Windows of 7 x 7 that do not overlap: hide one, run the
// net, and note how far the logit of the class falls. The library's occlusion() must agree.
#include "../digits.hpp"

using namespace learn;

int main() {
  constexpr index_t images = 5, window = 7;
  const Digits digits;
  nn::Net<float> net = lenet(digits);
  teach(net, digits, 1);
  const Tensor<float> x = digits.images(images);
  const auto classes = digits.labels(images);
  const Tensor<float> before = saliency::logits_of(net, x);

  Tensor<float> own({images, 1, 28, 28});
  for (index_t top = 0; top < 28; top += window)
    for (index_t left = 0; left < 28; left += window) {
      Tensor<float> hidden = x;
      for (index_t n = 0; n < images; ++n)
        for (index_t k = 0; k < window * window; ++k)
          hidden(n, 0, top + k / window, left + k % window) = digits.background[0];
      const Tensor<float> after = saliency::logits_of(net, hidden);
      for (index_t n = 0; n < images; ++n)
        for (index_t k = 0; k < window * window; ++k) {
          const index_t c = classes[static_cast<std::size_t>(n)];
          own(n, 0, top + k / window, left + k % window) = before(n, c) - after(n, c);
        }
    }

  saliency::NetFunction f(net);
  const saliency::Classifier model(f, 10, {.background = digits.background});
  const auto a = saliency::occlusion(model, x, classes, {.window = window, .stride = window});
  double worst = 0;
  for (index_t i = 0; i < own.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(own[i] - a.values[i])));
  std::printf("largest difference from saliency::occlusion: %.1e\n", worst);
  return worst < 1e-5 ? 0 : 1;
}
