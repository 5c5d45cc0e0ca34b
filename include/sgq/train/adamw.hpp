// sgq/train/adamw.hpp -- Adam with decay beside the loss (arXiv 1412.6980, 1711.05101).
//
//     w -= lr decay w                  (decoupled; for clips instead  g += decay w)
//     m  = b1 m + (1 - b1) g
//     v  = b2 v + (1 - b2) g^2
//     w -= lr m^ / (sqrt(v^) + eps)    m^ = m / (1 - b1^t),  v^ = v / (1 - b2^t),  t = 1, 2, ..
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/train/optimizer.hpp"
#include "sgq/train/square_root.hpp"

namespace sgq::train {

struct AdamwOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  ParameterGroups groups{};
};

template <class T>
struct AdamwFactors {
  T beta1, beta2, eps;
  T mean_unbias, root_unbias; // 1 / (1 - b1^t),  1 / sqrt(1 - b2^t)
};

template <class T>
struct AdamwRow {
  template <int Bytes>
  SGQ_INLINE static void run(Update<T> u, AdamwFactors<T> f) {
    using kernels::multiply_add;
    T *w = u.value, *m = u.state(0), *v = u.state(1);
    const T* grad = u.grad;
    const T step = u.lr * f.mean_unbias;
    SGQ_SIMD
    for (index_t i = 0; i < u.n; ++i) {
      const T g = multiply_add<Bytes>(u.penalty, w[i], grad[i]);
      m[i] = multiply_add<Bytes>(f.beta1, m[i], (T{1} - f.beta1) * g);
      v[i] = multiply_add<Bytes>(f.beta2, v[i], (T{1} - f.beta2) * g * g);
      const T root = multiply_add<Bytes>(square_root<Bytes>(v[i]), f.root_unbias, f.eps);
      w[i] -= multiply_add<Bytes>(u.shrink, w[i], step * m[i] / root);
    }
  }
};

template <class T>
class Adamw final : public Optimizer<T> {
public:
  explicit Adamw(nn::Net<T>& net, const AdamwOptions& options = {})
      : Optimizer<T>(net, options.lr, options.groups, DecayKind::decoupled, {"mean", "square"}),
        options_(options) {
    this->check("beta1", options.beta1, 1);
    this->check("beta2", options.beta2, 1);
    this->check_positive("eps", options.eps);
  }

  std::string_view name() const override { return "adamw"; }

private:
  std::string own_settings() const override {
    return "beta1 " + to_text(options_.beta1) + "\nbeta2 " + to_text(options_.beta2) + "\neps " +
           to_text(options_.eps) + "\n";
  }
  void begin_step() override {
    const index_t t = this->steps();
    factors_ = {.beta1 = static_cast<T>(options_.beta1),
                .beta2 = static_cast<T>(options_.beta2),
                .eps = static_cast<T>(options_.eps),
                .mean_unbias = static_cast<T>(1 / (1 - math::power(options_.beta1, t))),
                .root_unbias = static_cast<T>(1 / std::sqrt(1 - math::power(options_.beta2, t)))};
  }
  void update(const Update<T>& u) const override {
    kernels::for_registers<AdamwRow<T>>(u, factors_);
  }

  AdamwOptions options_;
  AdamwFactors<T> factors_{};
};

} // namespace sgq::train
