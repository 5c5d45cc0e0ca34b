// classify -- a saved network on images of your own: the class of each, and how sure the net is.
//
//     build/release/examples/classify out/mnist/model.safetensors images.npy
//
// images.npy has pixel codes, uint8 [N, C, H, W], of the shape that the net was trained on.
#include "sgq/sgq.hpp"

#include <cmath>
#include <cstdio>

using namespace sgq;

namespace {

void classify(const std::string& file, const std::string& images) {
  const nn::Model<float> model = nn::load_model(file); // nothing but the file
  if (!model.input)
    throw value_error(
        describe(file, "the grid of its images", "none", "save the net with to_metadata(grid)"));
  const auto codes = io::read_npy<std::uint8_t>(images);
  Tensor<float> x(codes.shape());
  data::normalize<float>(codes, model.input, x); // as in training

  const Tensor<float> logits = saliency::logits_of(model.net, x);
  Tensor<float> log_p(logits.shape());
  ops::log_softmax<float>(logits, log_p);
  const std::vector<std::uint8_t> classes = saliency::predictions(logits);
  for (std::size_t n = 0; n < classes.size(); ++n) {
    const std::size_t c = classes[n];
    const std::string name = c < model.class_names.size() ? model.class_names[c] : to_text(c);
    const float p = std::exp(log_p(static_cast<index_t>(n), static_cast<index_t>(c)));
    std::printf("image %d: %s, probability %.3f\n", static_cast<int>(n), name.c_str(), p);
  }
}

} // namespace

int main(int argc, char** argv) try {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") return std::puts("classify [--help] | MODEL.safetensors IMAGES.npy"), 0;
  if (argc != 3)
    return std::fprintf(stderr, "classify: expected MODEL.safetensors IMAGES.npy, got '%s'\n",
                        first.c_str()),
           2;
  classify(argv[1], argv[2]);
} catch (const std::exception& e) {
  return std::fprintf(stderr, "classify: %s\n", e.what()), 1;
}
