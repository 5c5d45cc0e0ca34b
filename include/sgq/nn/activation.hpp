// sgq/nn/activation.hpp -- the two rectifiers: ReLU, and PACT whose output is codes.
//
// An activation reads any signal, so the batch norm and the residual addition before it are
// evaluated here, in one sweep (ops/relu.hpp, ops/pact.hpp).
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/ops/pact.hpp"
#include "sgq/ops/relu.hpp"

#include <optional>

namespace sgq::nn {

template <class T>
class Relu final : public Layer<T> {
public:
  std::string_view kind() const override { return "relu"; }
  void save(Fields&) const override {}
  Gate gate() const override { return Gate::rectifier; }
  Reads reads(std::size_t) const override { return Reads::residual; }
  bool backward_in_place() const override { return true; }
  void lower(Lowering<T>& lowering) const override { lowering.relu(); }
  bool replaceable() const override { return true; }

  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode&) const override {
    ops::relu_forward<T>(*in[0], slot.plain(in[0]->shape));
  }
  void backward(Inputs<T>, const Slot<T>& slot, View<T> dy, Gradients<T> dx, bool,
                const BackwardOptions&) override {
    if (!dx[0].empty()) ops::relu_backward<T>(slot.real, dy, dx[0]);
  }
};

struct PactOptions {
  int bits = 4;
  std::optional<double> alpha{}; ///< initial value; unset, calibrate() must choose it
  quant::PactGradient gradient = quant::PactGradient::paper;
};

/// alpha is left out: it is a parameter, and those are stored as such.
inline void fields(PactOptions& o, Fields& f) {
  f("bits", o.bits);
  std::string gradient(name(o.gradient));
  f("gradient", gradient);
  o.gradient = quant::parse_pact_gradient(gradient);
}

/// y = code * alpha / n, with a learnable alpha (arXiv 1805.06085).
template <class T>
class Pact final : public Layer<T> {
public:
  explicit Pact(const PactOptions& options)
      : options_(options),
        alpha_(ParameterGroup::clip, {1}, static_cast<T>(quant::alpha_constant)) {
    quant::check_bits("PACT", options.bits);
    if (options.alpha) set_alpha(static_cast<T>(*options.alpha));
  }

  std::string_view kind() const override { return "pact"; }
  void save(Fields& f) const override { save_options(options_, f); }
  std::string precision() const override { return "pact, " + to_text(options_.bits) + " bits"; }
  Gate gate() const override { return Gate::rectifier; }
  Reads reads(std::size_t) const override { return Reads::residual; }
  bool backward_in_place() const override { return true; }
  void lower(Lowering<T>& lowering) const override { lowering.pact(alpha(), options_.bits); }
  Parameter<T>* clip() override { return &alpha_; }
  bool replaceable() const override { return true; }

  const PactOptions& options() const { return options_; }
  T alpha() const { return alpha_.value()[0]; }
  void set_alpha(T alpha) {
    quant::check_alpha(alpha);
    alpha_.edit()[0] = alpha;
  }

  Shape output_shape(std::span<const Shape> in) const override { return in[0]; }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& v = *in[0];
    slot.codes.resize(v.shape);
    View<std::uint8_t> regions;
    if (mode.recording && !plus()) slot.bytes.resize(v.shape), regions = slot.bytes;
    ops::pact_codes<T>(v, alpha(), options_.bits, slot.codes.view(), regions);
    slot.out = Signal<T>{.shape = v.shape,
                         .codes = slot.codes.data(),
                         .scale = static_cast<double>(quant::pact_scale(alpha(), options_.bits)),
                         .max_code = quant::max_code(options_.bits),
                         .preactivation = mode.recording ? &v : nullptr}; // else v may be gone soon
  }

  void backward(Inputs<T> in, const Slot<T>& slot, View<T> dy, Gradients<T> dx, bool want_params,
                const BackwardOptions&) override {
    const View<T> target = dx[0].empty() ? dy : dx[0];
    const T dalpha = plus() ? ops::pact_plus_codes_backward<T>(*in[0], alpha(), options_.bits, dy,
                                                               target, want_params)
                            : ops::pact_codes_backward<T>(slot.bytes, dy, target, want_params);
    if (want_params) alpha_.grad()[0] += dalpha;
  }

  void collect(std::vector<NamedParameter<T>>& out) override { out.push_back({"alpha", &alpha_}); }

  /// Brings an alpha that an optimiser step took below the floor back to it.
  void parameters_changed(std::string_view name) override {
    if (!std::isfinite(alpha()))
      throw value_error(describe("alpha of layer '" + std::string(name) + "'", "a finite number",
                                 to_text(alpha())));
    if (alpha() < static_cast<T>(quant::alpha_floor))
      alpha_.edit()[0] = static_cast<T>(quant::alpha_floor);
  }

private:
  bool plus() const { return options_.gradient == quant::PactGradient::plus; }

  PactOptions options_;
  Parameter<T> alpha_;
};

} // namespace sgq::nn
