// sgq/train/adadelta.hpp -- steps in the units of the parameters (Zeiler, arXiv 1212.5701).
//
//     g += decay w                     (L2: part of the loss, as in PyTorch)
//     s  = rho s + (1 - rho) g^2
//     d  = g sqrt(u + eps) / sqrt(s + eps)
//     u  = rho u + (1 - rho) d^2
//     w -= lr d
#pragma once

#include "sgq/train/optimizer.hpp"
#include "sgq/train/square_root.hpp"

namespace sgq::train {

struct AdadeltaOptions {
  double lr = 1;
  double rho = 0.9;
  double eps = 1e-6;
  ParameterGroups groups{};
};

template <class T>
struct AdadeltaRow {
  template <int Bytes>
  SGQ_INLINE static void run(Update<T> u, T rho, T eps) {
    using kernels::multiply_add;
    T *w = u.value, *square = u.state(0), *moved = u.state(1);
    const T* grad = u.grad;
    SGQ_SIMD
    for (index_t i = 0; i < u.n; ++i) {
      const T g = multiply_add<Bytes>(u.penalty, w[i], grad[i]);
      square[i] = multiply_add<Bytes>(rho, square[i], (T{1} - rho) * g * g);
      const T d = g * square_root<Bytes>((moved[i] + eps) / (square[i] + eps));
      moved[i] = multiply_add<Bytes>(rho, moved[i], (T{1} - rho) * d * d);
      w[i] = multiply_add<Bytes>(-u.lr, d, w[i]);
    }
  }
};

template <class T>
class Adadelta final : public Optimizer<T> {
public:
  explicit Adadelta(nn::Net<T>& net, const AdadeltaOptions& options = {})
      : Optimizer<T>(net, options.lr, options.groups, DecayKind::coupled, {"square", "moved"}),
        rho_(static_cast<T>(this->check("rho", options.rho, 1))),
        eps_(static_cast<T>(this->check_positive("eps", options.eps))) {}

  std::string_view name() const override { return "adadelta"; }

private:
  std::string own_settings() const override {
    return "rho " + to_text(rho_) + "\neps " + to_text(eps_) + "\n";
  }
  void update(const Update<T>& u) const override {
    kernels::for_registers<AdadeltaRow<T>>(u, rho_, eps_);
  }

  T rho_, eps_;
};

} // namespace sgq::train
