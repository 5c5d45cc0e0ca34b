// Chapter 5: seven maps of one image, and how much of each lies on the digit. With --svg FILE it
// draws them.
#include "digits.hpp"
#include "pictures.hpp"

#include <cstring>
#include <fstream>

using namespace learn;

int main(int argc, char** argv) {
  const Digits digits;
  nn::Net<float> net = lenet(digits);
  std::printf("LeNet, fp32: test accuracy %.1f %%\n\n", teach(net, digits));

  constexpr index_t images = 100, shown = 4;
  const Tensor<float> x = digits.images(images);
  saliency::Explainer explain(net, {.background = digits.background});
  std::vector<Picture> pictures{{"image", {}}};
  const std::uint8_t* const pixels = digits.test_set.images.data() + shown * 784;
  pictures[0].pixels.assign(pixels, pixels + 784);

  std::printf("map                    share on the digit: this image  mean of %d\n", int(images));
  for (const char* name : {"gradient", "gradient-x-input", "smoothgrad", "integrated-gradients",
                           "guided_backprop", "grad-cam", "occlusion"}) {
    const saliency::MapMethod& method = choose("map", saliency::map_methods, name);
    const auto a = method.make(explain, x, digits.labels(images), {});
    Tensor<float> maps = saliency::to_maps(a, method.values);
    for (float& v : maps) v = std::abs(v);
    const Tensor<double> mass =
        saliency::relevance_mass(maps, digits.evidence(images), saliency::Blank::as_uniform);
    double mean = 0;
    for (const double m : mass) mean += m / images;
    std::printf("%-22s %31.2f %12.2f\n", name, mass[shown], mean);
    pictures.push_back({name, {maps.data() + shown * 784, maps.data() + (shown + 1) * 784}});
  }
  double uniform = 0;
  for (const std::uint8_t e : digits.evidence(images)) uniform += e / (784.0 * images);
  std::printf("%-22s %44.2f\n", "a uniform map", uniform);
  if (argc == 3 && std::strcmp(argv[1], "--svg") == 0) std::ofstream(argv[2]) << to_svg(pictures);
}
