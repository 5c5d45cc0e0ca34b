// own_layer -- a layer of your own in a net: PReLU, y = max(x, 0) + a min(x, 0), where every channel
// learns its slope a (He et al., arXiv 1502.01852).
//
// A layer owns its parameters. forward is const and writes to the slot that the tape keeps for it;
// backward reads the same slot. nn/layer.hpp says what else a layer may override.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <numeric>

using namespace sgq;
using namespace sgq::nn;

namespace {

template <class T>
class Prelu final : public Layer<T> {
public:
  explicit Prelu(index_t channels) : slope_(ParameterGroup::norm, {channels}, T(0.25)) {}

  std::string_view kind() const override { return "prelu"; }
  bool mixes_images() const override { return false; }
  Shape output_shape(std::span<const Shape> in) const override {
    if (in[0].rank() < 2 || in[0][1] != slope_.size())
      throw shape_error(describe("prelu", to_text(slope_.size()) + " channels", in[0].str()));
    return in[0];
  }
  void save(Fields& options) const override {
    index_t channels = slope_.size();
    options("channels", channels);
  }
  void collect(std::vector<NamedParameter<T>>& all) override { all.push_back({"slope", &slope_}); }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    const View<const T> x = in[0]->view();
    const View<T> y = slot.plain(x.shape());
    for (index_t i = 0; i < x.size(); ++i) y[i] = x[i] > 0 ? x[i] : slope(x, i) * x[i];
  }

  void backward(Inputs<T> in, const Slot<T>&, View<T> dy, Gradients<T> dx, bool want_params,
                const BackwardOptions&) override {
    const View<const T> x = in[0]->view();
    for (index_t i = 0; i < x.size(); ++i) {
      if (want_params && x[i] <= 0) slope_.grad()[channel(x, i)] += dy[i] * x[i];
      if (!dx[0].empty()) dx[0][i] = x[i] > 0 ? dy[i] : slope(x, i) * dy[i];
    }
  }

  View<const T> slopes() const { return slope_.value(); }

private:
  static index_t channel(View<const T> x, index_t i) {
    return i / x.shape().plane() % x.shape()[1];
  }
  T slope(View<const T> x, index_t i) const { return slope_.value()[channel(x, i)]; }

  Parameter<T> slope_;
};

/// What load_model needs to make the layer of a file again.
template <class T>
std::unique_ptr<Layer<T>> make_prelu(Fields& options) {
  index_t channels = 0;
  options("channels", channels);
  return std::make_unique<Prelu<T>>(channels);
}

/// The largest difference between the gradient of a slope and a central difference of the loss
/// L = sum y^2 / 2. A pass is needed after every write: gradients belong to the last one.
double gradient_error() {
  Net<double> net({4, 3, 3});
  net.add("prelu", Prelu<double>(4));
  Tensor<double> x({2, 4, 3, 3});
  for (index_t i = 0; i < x.size(); ++i) x[i] = Random(1).normal(i);
  Parameter<double>& slope = *net.parameters()[0].parameter;
  Tape<double> tape;
  const auto loss = [&] {
    const View<const double> y = net.forward(x.view(), tape);
    return std::inner_product(y.begin(), y.end(), y.begin(), 0.0) / 2;
  };
  Tensor<double> dy; // dL/dy = y
  dy.copy_from(net.forward(x.view(), tape, Mode::train(Random(1))));
  net.zero_grad();
  net.backward(dy, tape, Want::params);
  double error = 0;
  for (index_t c = 0; c < 4; ++c) {
    const double kept = slope.value()[c], h = 1e-4;
    slope.edit()[c] = kept + h;
    const double above = loss();
    slope.edit()[c] = kept - h;
    const double below = loss();
    slope.edit()[c] = kept;
    error = std::max(error, std::abs((above - below) / (2 * h) - slope.grad()[c]));
  }
  return error;
}

void train_with_own_layer() {
  const data::Dataset train_set = data::synthetic(2000, 1, data::Split::train);
  const data::Dataset test_set = data::synthetic(500, 1, data::Split::test);
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> batches(train_set, grid, {.size = 50, .seed = 1});
  data::Batches<float> test_batches(test_set, grid, {.size = 250, .shuffle = false});

  Net<float> net({1, 28, 28});
  net.add("conv1", Conv2d<float>({.in = 1, .out = 16, .kernel = 5}));
  const ValueId prelu = net.add("prelu1", Prelu<float>(16));
  net.add("pool1", MaxPool<float>({.kernel = 4}));
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 16 * 6 * 6, .out = 10}));
  initialize(net, 1);

  train::Adamw<float> optimizer(net, {.lr = 5e-3});
  train::fit(net, batches, optimizer, {.epochs = 3, .seed = 1});
  const auto slopes = dynamic_cast<const Prelu<float>&>(net.layer(prelu)).slopes();
  const auto [low, high] = std::minmax_element(slopes.begin(), slopes.end());
  std::printf("test accuracy %.1f %%, slopes from %.2f to %.2f, gradient error %.0e\n",
              100 * train::evaluate(net, test_batches).accuracy(), double(*low), double(*high),
              gradient_error());
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--help") return std::puts("own_layer [--help]"), 0;
  if (argc > 1) return std::fprintf(stderr, "own_layer: unknown option %s\n", argv[1]), 2;
  train_with_own_layer();
}
