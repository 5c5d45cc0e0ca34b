// Whole nets against PyTorch: tests/golden/make_nets.py computed the numbers, in double.
//
// Compared are the logits and all gradients of one training-mode pass, the losses of ten steps of
// SGD (momentum 0.9, decay of weights and alphas), and the logits in evaluation mode after them,
// which depend on the running statistics.
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/ops/loss.hpp"

#include "golden/nets.hpp"

namespace test_golden {

using namespace golden;

namespace {

template <class T>
void check_gradients(const std::string& name, double tolerance) {
  const io::SafeTensors file = stored("nets/" + name), file_dx = stored("nets/" + name + "_dx");
  Net<T> net = golden_net<T>(name);
  const Batch<T> b = batch(net, 0, 3);
  Tape<T> tape;
  const View<const T> z = net.forward(b.x, tape, Mode::train(Random(0)));
  CHECK(relative_difference(z, file.tensor<double>("logits")) < tolerance);

  Tensor<T> dz(z.shape());
  ops::cross_entropy<T>(z, b.labels, dz.view());
  net.zero_grad();
  const View<const T> dx = net.backward(dz, tape, Want::both);
  CHECK(relative_difference(dx, file_dx.tensor<double>("dx")) < tolerance);
  std::size_t compared = 0;
  for (const auto& [parameter, p] : net.parameters()) {
    INFO(parameter);
    CHECK(relative_difference(p->grad(), file.tensor<double>("grad." + parameter)) < tolerance);
    ++compared;
  }
  CHECK(compared + 3 == file.tensors().size()); // logits, losses and eval_logits beside them
  const bool normalizes = name.starts_with("resnet20");
  REQUIRE((file_dx.find("dx_constant") != nullptr) == normalizes);
  if (normalizes)
    CHECK(relative_difference(net.input_gradient(dz, tape), file_dx.tensor<double>("dx_constant")) <
          tolerance);
}

/// SGD as PyTorch has it: v = 0.9 v + dw + decay w, w -= rate v.
template <class T>
class Sgd {
public:
  Sgd(Net<T>& net, T rate) : parameters_(net.parameters()), rate_(rate) {
    for (const auto& p : parameters_) velocity_.emplace_back(p.parameter->shape());
  }
  void step() {
    for (std::size_t k = 0; k < parameters_.size(); ++k) {
      Parameter<T>& p = *parameters_[k].parameter;
      const bool decays = p.group() == ParameterGroup::weight || p.group() == ParameterGroup::clip;
      const View<T> w = p.edit();
      for (index_t i = 0; i < w.size(); ++i) {
        T& v = velocity_[k][i];
        v = T(0.9) * v + p.grad()[i] + (decays ? T(1e-3) * w[i] : T(0));
        w[i] -= rate_ * v;
      }
    }
  }

private:
  std::vector<NamedParameter<T>> parameters_;
  T rate_;
  std::vector<Tensor<T>> velocity_;
};

template <class T>
void check_training(const std::string& name, double tolerance) {
  const io::SafeTensors file = stored("nets/" + name);
  const Tensor<double> losses = file.tensor<double>("losses");
  Net<T> net = golden_net<T>(name);
  Sgd<T> sgd(net, static_cast<T>(std::stod(file.metadata.at("rate"))));
  Tape<T> tape;
  Tensor<T> dz;
  for (index_t step = 0; step < losses.size(); ++step) {
    const Batch<T> b = batch(net, 8 * step, 8);
    const View<const T> z = net.forward(b.x, tape, Mode::train(Random(0)));
    dz.resize(z.shape());
    INFO("step " << step);
    const T loss = ops::cross_entropy<T>(z, b.labels, dz.view());
    CHECK(std::abs(static_cast<double>(loss) / losses[step] - 1) < tolerance);
    net.zero_grad();
    net.backward(dz, tape, Want::params);
    net.update_statistics(tape);
    sgd.step();
    net.quantize_weights();
  }
  CHECK(relative_difference(net.forward(batch(net, 0, 3).x, tape),
                            file.tensor<double>("eval_logits")) < tolerance);
}

constexpr double in_double = 2e-12; // 20 * 1.1e-16 * 55 as below, on both sides, and some room

} // namespace

TEST_CASE("logits and all gradients of a net equal PyTorch's", "[golden]") {
  for (const char* name : {"mnist_cnn", "resnet20"}) {
    INFO(name);
    // 20 layers that each round at about eps sqrt(K), K <= 3072: 20 * 6e-8 * 55. No
    // pre-activation of these images is nearer to ReLU's kink than 5e-6.
    check_gradients<float>(name, 7e-5);
    check_gradients<double>(name, in_double);
  }
}

TEST_CASE("ten training losses equal PyTorch's", "[golden]") {
  for (const char* name : {"mnist_cnn", "resnet20"}) {
    INFO(name);
    check_training<double>(name, 1e-10);
  }
  check_training<float>("mnist_cnn", 1e-4); // the residual net crosses a kink in its second step
}

TEST_CASE("quantised nets: logits and all gradients equal PyTorch's", "[golden][quant]") {
  for (const char* name : {"mnist_cnn_w4a4", "mnist_cnn_w2a2", "resnet20_w4a4", "resnet20_w2a2"}) {
    INFO(name);
    check_gradients<double>(name, in_double);
  }
}

TEST_CASE("quantised nets: ten training losses equal PyTorch's", "[golden][quant]") {
  for (const char* name : {"mnist_cnn_w4a4", "mnist_cnn_w2a2", "resnet20_w4a4", "resnet20_w2a2"}) {
    INFO(name);
    check_training<double>(name, 1e-10);
  }
}

} // namespace test_golden
