// Whole nets against PyTorch: tests/golden/make_nets.py computed the numbers, in double.
//
// Weights and images come from an integer formula that both sides compute. Compared are the logits
// and all gradients of one training-mode pass, the losses of ten steps of SGD (momentum 0.9, decay
// of weights and alphas), and the logits in evaluation mode after them, which depend on the running
// statistics.
#include "sgq/io/safetensors.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/ops/loss.hpp"

#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace sgq;
using namespace sgq::nn;

namespace {

/// 32 mixed bits: element i of the sequence of that name. See mixed() in make_nets.py.
std::uint32_t mixed(const std::string& name, index_t i) {
  std::uint32_t seed = 2166136261u;
  for (char byte : name) seed = (seed ^ static_cast<std::uint32_t>(byte)) * 16777619u;
  std::uint32_t x = static_cast<std::uint32_t>(i) * 0x9E3779B9u + seed;
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  return x ^ x >> 16;
}

/// A multiple of 2^-24 in [-1/2, 1/2).
double number(const std::string& name, index_t i) {
  return (static_cast<double>(mixed(name, i) >> 8) - 0x1p23) * 0x1p-24;
}

double weight_scale(index_t fan_in) {
  double scale = 4;
  while (scale * scale * static_cast<double>(fan_in) > 24) scale /= 2;
  return scale;
}

template <class T>
void set_parameters(Net<T>& net) {
  for (const auto& [name, p] : net.parameters()) {
    const View<T> value = p->edit();
    for (index_t i = 0; i < value.size(); ++i) {
      const double r = number(name, i);
      if (p->role() == Role::weight)
        value[i] = static_cast<T>(weight_scale(p->shape().stride()) * r);
      if (p->role() == Role::bias) value[i] = static_cast<T>(r / 4);
      if (p->role() == Role::norm)
        value[i] = static_cast<T>(name.ends_with("weight") ? 1 + r / 2 : r / 2);
      if (p->role() == Role::clip) value[i] = 2;
    }
  }
  net.prepare();
}

/// The narrow net of that name, "mnist_cnn" or "resnet20_w4a4", as make_nets.py has it.
template <class T>
Net<T> golden_net(const std::string& name) {
  const std::size_t cut = name.find("_w");
  Net<T> net = make_model<T>(name.substr(0, cut), {.width = 4, .dropout = false});
  if (cut != name.npos) {
    PixelGrid grid{.scale = 0x1p-6f, .zero = {100, 128, 140}};
    grid.zero.resize(static_cast<std::size_t>(net.input_shape()[1]));
    quantize(net, {.bits = quant::parse_bit_policy(name.substr(cut + 1)), .input = grid});
  }
  set_parameters(net);
  return net;
}

template <class T>
struct Batch {
  Tensor<T> x;
  std::vector<std::uint8_t> labels;
};

template <class T>
Batch<T> batch(const Net<T>& net, index_t first, index_t count) {
  Batch<T> b;
  b.x.resize(net.input_shape().with_batch(count));
  const index_t start = first * b.x.shape().stride();
  for (index_t i = 0; i < b.x.size(); ++i) b.x[i] = static_cast<T>(4 * number("images", start + i));
  for (index_t i = 0; i < count; ++i)
    b.labels.push_back(static_cast<std::uint8_t>(mixed("labels", first + i) % 10));
  return b;
}

/// The largest difference as a share of the largest expected number.
template <class T>
double relative_error(View<const T> got, const Tensor<double>& expected) {
  REQUIRE(got.shape() == expected.shape());
  double error = 0, largest = 0;
  for (index_t i = 0; i < got.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(got[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  REQUIRE(largest > 0);
  return error / largest;
}

io::SafeTensors stored(const std::string& name) {
  return io::read_safetensors("tests/golden/nets/" + name + ".safetensors");
}

template <class T>
void check_gradients(const std::string& name, double tolerance) {
  const io::SafeTensors file = stored(name), file_dx = stored(name + "_dx");
  Net<T> net = golden_net<T>(name);
  const Batch<T> b = batch(net, 0, 3);
  Tape<T> tape;
  const View<const T> z = net.forward(b.x, tape, Mode::train());
  CHECK(relative_error(z, file.tensor<double>("logits")) < tolerance);

  Tensor<T> dz(z.shape());
  ops::cross_entropy<T>(z, b.labels, dz.view());
  net.zero_grad();
  const View<const T> dx = net.backward(dz, tape, Want::both);
  CHECK(relative_error(dx, file_dx.tensor<double>("dx")) < tolerance);
  std::size_t compared = 0;
  for (const auto& [parameter, p] : net.parameters()) {
    INFO(parameter);
    CHECK(relative_error(View<const T>(p->grad()), file.tensor<double>("grad." + parameter)) <
          tolerance);
    ++compared;
  }
  CHECK(compared + 3 == file.tensors().size()); // logits, losses and eval_logits beside them
  if (file_dx.find("dx_constant"))
    CHECK(relative_error(net.input_gradient(dz, tape), file_dx.tensor<double>("dx_constant")) <
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
      const bool decays = p.role() == Role::weight || p.role() == Role::clip;
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
  const io::SafeTensors file = stored(name);
  const Tensor<double> losses = file.tensor<double>("losses");
  Net<T> net = golden_net<T>(name);
  Sgd<T> sgd(net, static_cast<T>(std::stod(file.metadata.at("rate"))));
  Tape<T> tape;
  Tensor<T> dz;
  for (index_t step = 0; step < losses.size(); ++step) {
    const Batch<T> b = batch(net, 8 * step, 8);
    const View<const T> z = net.forward(b.x, tape, Mode::train());
    dz.resize(z.shape());
    INFO("step " << step);
    const T loss = ops::cross_entropy<T>(z, b.labels, dz.view());
    CHECK(std::abs(static_cast<double>(loss) / losses[step] - 1) < tolerance);
    net.zero_grad();
    net.backward(dz, tape, Want::params);
    net.update_statistics(tape);
    sgd.step();
    net.prepare();
  }
  CHECK(relative_error(net.forward(batch(net, 0, 3).x, tape), file.tensor<double>("eval_logits")) <
        tolerance);
}

} // namespace

TEST_CASE("logits and all gradients of a net equal PyTorch's", "[golden]") {
  for (const char* name : {"mnist_cnn", "resnet20"}) {
    INFO(name);
    check_gradients<double>(name, 1e-10);
    // 20 layers that each round at about eps sqrt(K), K <= 3072: 20 * 6e-8 * 55. No
    // pre-activation of these images is nearer to ReLU's kink than 5e-6.
    check_gradients<float>(name, 7e-5);
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
    check_gradients<double>(name, 1e-10);
  }
}

TEST_CASE("quantised nets: ten training losses equal PyTorch's", "[golden][quant]") {
  for (const char* name : {"mnist_cnn_w4a4", "mnist_cnn_w2a2", "resnet20_w4a4", "resnet20_w2a2"}) {
    INFO(name);
    check_training<double>(name, 1e-10);
  }
}
