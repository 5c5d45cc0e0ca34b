// Chapter 5: a map needs a null. For five maps: how much lies on the digit in the trained net and
// in one of random weights; and how alike the maps are between the trained net, another seed, and
// random weights (Spearman's rank correlation of |map|). Then: what a ranking of pixels is worth.
#include "digits.hpp"

using namespace learn;

namespace {

constexpr index_t images = 100;

double mean(const Tensor<double>& values) {
  double sum = 0, count = 0; // an undefined value is NaN, which equals nothing
  for (const double v : values)
    if (v == v) sum += v, ++count;
  return sum / count;
}

Tensor<float> maps_of(nn::Net<float>& net, const Digits& digits, const char* name) {
  saliency::Explainer explain(net, {.background = digits.background});
  const saliency::MapMethod& method = choose("map", saliency::map_methods, name);
  Tensor<float> maps = saliency::to_maps(
      method.make(explain, digits.images(images), digits.labels(images), {}), method.values);
  for (float& v : maps) v = std::abs(v);
  return maps;
}

} // namespace

int main() {
  const Digits digits;
  nn::Net<float> net = lenet(digits, "fp32", 1), other = lenet(digits, "fp32", 2),
                 random = lenet(digits, "fp32", 3);
  teach(net, digits), teach(other, digits);
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, 10, {.background = digits.background});
  const Tensor<float> x = digits.images(images);

  std::printf("                       on the digit       alike with           masked accuracy,\n"
              "map                    trained  random    other seed  random   area\n");
  for (const char* name :
       {"gradient", "gradient-x-input", "smoothgrad", "guided_backprop", "grad-cam"}) {
    const auto a = maps_of(net, digits, name), b = maps_of(other, digits, name),
               c = maps_of(random, digits, name);
    const auto on_digit = [&](View<const float> maps) {
      return mean(saliency::relevance_mass(maps, digits.evidence(images)));
    };
    const auto alike = [&](View<const float> p, View<const float> q) {
      return mean(saliency::spearman(p, q, saliency::Values::magnitude));
    };
    std::printf("%-22s %7.2f %7.2f %13.2f %7.2f %6.2f\n", name, on_digit(a), on_digit(c),
                alike(a, b), alike(a, c),
                mean(saliency::masked_accuracy(model, x, digits.labels(images), a).area));
  }
  std::printf("%-22s %45.2f\n", "a random ranking",
              mean(saliency::random_masked_accuracy(model, x, digits.labels(images)).area));
}
