// sgq/nn/lowering.hpp -- how a layer says what it computes in evaluation.
//
// Engines and exporters build something else from a net: integer steps, fused convolutions, a file.
// None of them asks a layer for its class. Each derives from Lowering and overrides the operations
// that it knows; each layer calls, in lower(), the one operation that it is:
//
//     for (const auto& node : net.nodes()) node.layer->lower(exporter);
//
// What a Lowering does not know ends in other(), and so does a layer without a lower() of its own:
// the integer export refuses it by name, the float engine runs its forward().
//
// The export takes scales from a recorded pass, so a layer with an integer form also hands on codes
// or sums (ops/signal.hpp), not plain numbers. A new operation is one function here, with a
// default, and one override per engine.
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/nn/parameter.hpp"

namespace sgq::nn {

template <class T>
class Weights;

/// What a convolution or a pooling looks at.
struct Window {
  index_t kernel_h = 1, kernel_w = 1, stride = 1, pad = 0;
};

/// Batch norm in evaluation, per channel: y = (x - mean) gamma / sqrt(var + eps) + beta.
template <class T>
struct NormParams {
  View<const T> gamma, beta, mean, var;
  double eps;
};

template <class T>
class Lowering {
public:
  virtual ~Lowering() = default;

  /// An operation that has no form here. The caller knows which layer it lowers.
  virtual void other() = 0;

  /// The image. Without parameters (params is false) it stays real numbers.
  virtual void input(const QuantParams& params) { static_cast<void>(params), other(); }
  /// y = w * x + bias, w [O, I, KH, KW]; bias [O] or empty.
  virtual void convolve(const Weights<T>& weights, const Parameter<T>& bias, const Window& window) {
    static_cast<void>(weights), static_cast<void>(bias), static_cast<void>(window), other();
  }
  /// y = w x + bias, w [O, I]; bias [O] or empty.
  virtual void fully_connect(const Weights<T>& weights, const Parameter<T>& bias) {
    static_cast<void>(weights), static_cast<void>(bias), other();
  }
  virtual void normalize(const NormParams<T>& params) { static_cast<void>(params), other(); }
  /// y = x0 + x1.
  virtual void add() { other(); }
  virtual void relu() { other(); }
  /// y = rint(clip(x, 0, alpha) n / alpha) alpha / n, n = 2^bits - 1.
  virtual void pact(T alpha, int bits) {
    static_cast<void>(alpha), static_cast<void>(bits), other();
  }
  virtual void max_pool(const Window& window) { static_cast<void>(window), other(); }
  virtual void average_pool(const Window& window) { static_cast<void>(window), other(); }
  /// The mean of every plane: [N, C, H, W] -> [N, C].
  virtual void global_average_pool() { other(); }
  /// Every stride-th row and column, new channels 0 (ops/shortcut.hpp).
  virtual void shortcut(index_t stride) { static_cast<void>(stride), other(); }
  /// The same numbers in the same order: flatten, dropout.
  virtual void pass() { other(); }
};

} // namespace sgq::nn
