// sgq/train/sgd.hpp -- stochastic gradient descent with momentum.
//
//     g += decay w                     (L2: part of the loss, as in PyTorch)
//     v  = momentum v + g
//     w -= lr v                        Nesterov: w -= lr (g + momentum v)
#pragma once

#include "sgq/train/optimizer.hpp"

namespace sgq::train {

struct SgdOptions {
  double lr = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  ParameterGroups groups{};
};

template <class T>
struct SgdRow {
  template <int Bytes>
  SGQ_INLINE static void run(Update<T> u, T momentum, T now, T past) {
    using kernels::multiply_add;
    T *w = u.value, *v = u.state(0);
    const T* grad = u.grad;
    SGQ_SIMD
    for (index_t i = 0; i < u.n; ++i) {
      const T g = multiply_add<Bytes>(u.penalty, w[i], grad[i]);
      v[i] = multiply_add<Bytes>(momentum, v[i], g);
      w[i] = multiply_add<Bytes>(-u.lr, multiply_add<Bytes>(past, v[i], now * g), w[i]);
    }
  }
};

template <class T>
class Sgd final : public Optimizer<T> {
public:
  explicit Sgd(nn::Net<T>& net, const SgdOptions& options = {})
      : Optimizer<T>(net, options.lr, options.groups, DecayKind::coupled, {"momentum"}),
        momentum_(static_cast<T>(this->check("momentum", options.momentum, 1))),
        nesterov_(options.nesterov) {}

  std::string_view name() const override { return "sgd"; }

private:
  std::string own_settings() const override {
    return "momentum " + to_text(momentum_) + "\nNesterov " + (nesterov_ ? "yes\n" : "no\n");
  }
  void update(const Update<T>& u) const override {
    const T now = nesterov_ ? T{1} : T{0}, past = nesterov_ ? momentum_ : T{1};
    kernels::for_registers<SgdRow<T>>(u, momentum_, now, past);
  }

  T momentum_;
  bool nesterov_;
};

} // namespace sgq::train
