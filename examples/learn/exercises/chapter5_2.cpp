// Exercise 5.2, solved: a map that is 0 everywhere knows nothing, so it must score like a random
// ranking. It does, because ties fall at random; in the order of their index it scores like a map
// that points at the top of the image.
#include "../digits.hpp"

using namespace learn;

namespace {

constexpr index_t images = 1000;

/// The mean difference of two areas per image, in standard errors.
double standard_errors(const Tensor<double>& a, const Tensor<double>& b) {
  double sum = 0, squares = 0;
  for (index_t n = 0; n < images; ++n) {
    const double d = a[n] - b[n];
    sum += d / images, squares += d * d / images;
  }
  return sum / std::sqrt((squares - sum * sum) / images);
}

} // namespace

int main() {
  const Digits digits;
  nn::Net<float> net = lenet(digits);
  teach(net, digits, 2);
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, 10, {.background = digits.background});
  const Tensor<float> x = digits.images(images), blank({images, 28, 28});
  Tensor<float> by_index(blank.shape());
  for (index_t i = 0; i < by_index.size(); ++i) by_index[i] = static_cast<float>(784 - i % 784);

  const auto labels = digits.labels(images);
  const auto random = saliency::random_masked_accuracy(model, x, labels).area;
  const double ties =
      standard_errors(saliency::masked_accuracy(model, x, labels, blank).area, random);
  const double index =
      standard_errors(saliency::masked_accuracy(model, x, labels, by_index).area, random);
  std::printf("from a random ranking, in standard errors: blank %.1f, by index %.1f\n", ties,
              index);
  return std::abs(ties) < 4 && std::abs(index) > 5 ? 0 : 1;
}
