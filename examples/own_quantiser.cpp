// own_quantiser -- a weight quantiser of your own: trained, saved, loaded, and run in integers.
//
// Ternary weights (Li and Liu, arXiv 1605.04711): -s, 0 or s. Weights below t = 0.7 E|w| become 0,
// and s is the mean |w| of the others. quant/weight_quantizer.hpp says what else there is.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

using namespace sgq;
using namespace sgq::nn;

namespace {

template <class T>
class Ternary final : public quant::WeightQuantizer<T> {
public:
  std::string name() const override { return "ternary"; }
  int bits() const override { return 2; }
  quant::QuantRange grid() const override { return quant::QuantRange::zero_aligned(2); } // -1 0 1

  void quantize(View<const T> w, T, quant::WeightCodes<T>& out,
                std::string_view layer) const override {
    const double t = 0.7 * quant::moments(w, layer).mean_abs; // refuses NaN
    double sum = 0, count = 0;
    out.codes.resize(w.shape());
    for (index_t i = 0; i < w.size(); ++i) {
      const double size = std::abs(static_cast<double>(w[i]));
      out.codes[i] = static_cast<T>(size <= t ? 0 : w[i] > 0 ? 1 : -1);
      if (size > t) sum += size, ++count;
    }
    out.scale = static_cast<T>(count > 0 ? sum / count : 1);
  }

  /// Straight through: as if the weights had not been quantised.
  T backward(View<const T>, T, const quant::WeightCodes<T>&, View<const T> dwq,
             View<T> dw) const override {
    for (index_t i = 0; i < dw.size(); ++i) dw[i] += dwq[i];
    return T(0);
  }
};

/// A model file stores the quantiser's name and bits. This makes it again; it has two bits only.
template <class T>
std::unique_ptr<const quant::WeightQuantizer<T>> make_ternary(int) {
  return std::make_unique<Ternary<T>>();
}

Net<float> save_and_load(Net<float>& net, const std::string& path) {
  save_model(path, net);
  return load_model<float>(path, {.quantizers = {{"ternary", make_ternary<float>}}}).net;
}

/// True if the net computes the same after a detour through a file.
bool survives_a_file(Net<float>& net, View<const float> x) {
  std::string folder = (std::filesystem::temp_directory_path() / "own_quantiser.XXXXXX").string();
  if (!mkdtemp(folder.data())) throw io_error(folder + ": cannot be made");
  const Net<float> loaded = save_and_load(net, folder + "/model.safetensors");
  std::filesystem::remove_all(folder);
  const Tensor<float> before = saliency::logits_of(net, x), after = saliency::logits_of(loaded, x);
  return std::equal(before.begin(), before.end(), after.begin());
}

/// True if an engine of integers gives the same logits. It needs no further code.
bool survives_export(const Net<float>& net, View<const float> x) {
  const infer::Engine engine(infer::export_integer(net));
  const Tensor<float> expected = saliency::logits_of(net, x);
  Tensor<float> logits(expected.shape());
  engine(x, logits);
  return std::equal(logits.begin(), logits.end(), expected.begin());
}

void train_with_own_quantiser() {
  const data::Dataset train_set = data::synthetic(3000, 1, data::Split::train);
  const data::Dataset test_set = data::synthetic(500, 1, data::Split::test);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(train_set, grid, {.size = 50, .seed = 1});
  data::Batches<float> test_batches(test_set, grid, {.size = 250, .shuffle = false});

  Net<float> net = build_model<float>({.net = "lenet5"});
  quantize(net, {.bits = quant::parse_bit_policy("w2a4"), .input = grid},
           [](const std::string&, int) { return std::make_shared<Ternary<float>>(); });
  calibrate(net, batches.batch(0).x);
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  train::fit(net, batches, optimizer, {.epochs = 4, .seed = 1});
  std::printf("test accuracy %.1f %%\n", 100 * train::evaluate(net, test_batches).accuracy());

  const View<const float> x = test_batches.batch(0).x;
  std::printf("the loaded net's logits are %s\n", survives_a_file(net, x) ? "the same" : "OTHERS");
  std::printf("the integer engine's logits are %s\n",
              survives_export(net, x) ? "the same" : "OTHERS");
}

} // namespace

int main(int argc, char** argv) try {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_quantiser [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_quantiser: unknown option %s\n", argv[1]), 2;
  train_with_own_quantiser();
} catch (const std::exception& e) {
  return std::fprintf(stderr, "own_quantiser: %s\n", e.what()), 1;
}
