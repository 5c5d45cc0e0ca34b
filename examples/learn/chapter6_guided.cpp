// Chapter 6: plain training, saliency-guided training, and its control, which hides random pixels:
// LeNet, the same eight epochs. Measured on 200 test images, map |dS/dx|.
#include "digits.hpp"

using namespace learn;

namespace {

constexpr index_t images = 200;

double mean(const Tensor<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v / static_cast<double>(values.size());
  return sum;
}

void print_row(const char* bits, const char* training, double accuracy, nn::Net<float>& net,
               const Digits& digits) {
  const Tensor<float> x = digits.images(images);
  saliency::Explainer explain(net);
  const auto maps = saliency::to_maps(saliency::gradient(explain, x, digits.labels(images)),
                                      saliency::Values::magnitude);
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, 10, {.background = digits.background});
  const double by_map = mean(saliency::masked_accuracy(model, x, digits.labels(images), maps).area);
  const double by_chance =
      mean(saliency::random_masked_accuracy(model, x, digits.labels(images)).area);
  std::printf(
      "%-5s %-12s %8.1f %% %13.3f %15.3f %9.3f %10.3f\n", bits, training, accuracy,
      mean(saliency::relevance_mass(maps, digits.evidence(images), saliency::Blank::as_uniform)),
      by_map, by_chance, by_chance - by_map);
}

} // namespace

int main() {
  const Digits digits;
  std::printf("                                               masked accuracy, area\n"
              "bits  training     accuracy   on the digit   by the map      random   advantage\n");
  for (const char* bits : {"fp32", "w2a2"}) {
    nn::Net<float> plain = lenet(digits, bits);
    const double accuracy = teach(plain, digits, 8);
    print_row(bits, "plain", accuracy, plain, digits);
    for (const ops::Rank rank : {ops::Rank::with_sign, ops::Rank::random}) {
      nn::Net<float> net = lenet(digits, bits);
      const auto guided = [&](nn::Net<float>& of, train::Optimizer<float>& optimizer) {
        return train::GuidedStep<float>(
            of, optimizer,
            {.mask = {.rank_by = rank, .fill = {.grid = digits.grid}}, .kl_attached = false});
      };
      const double reached = teach_by(guided, net, digits, 8);
      print_row(bits, rank == ops::Rank::random ? "random mask" : "guided", reached, net, digits);
    }
  }
}
