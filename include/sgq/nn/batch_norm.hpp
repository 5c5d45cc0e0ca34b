// sgq/nn/batch_norm.hpp -- batch normalisation over the channels of [N, C, H, W] or [N, C].
//
// Writes no tensor: its output is its input's numbers under another affine map (see
// ops/batch_norm.hpp). Running statistics move only when the training loop says so, by
// net.update_statistics(tape): of two passes in one step, the code shows which counts.
#pragma once

#include "sgq/nn/layer.hpp"
#include "sgq/ops/batch_norm.hpp"

#include <cmath>

namespace sgq::nn {

struct BatchNormOptions {
  index_t channels = 1;
  double eps = 1e-5;
  double momentum = 0.1; ///< share of the new batch in a running statistic
};

inline void fields(BatchNormOptions& o, Fields& f) {
  f("channels", o.channels);
  f("eps", o.eps);
  f("momentum", o.momentum);
}

template <class T>
class BatchNorm final : public Layer<T> {
public:
  explicit BatchNorm(const BatchNormOptions& options)
      : options_(check(options)), gamma_(ParameterGroup::norm, {options.channels}, T{1}),
        beta_(ParameterGroup::norm, {options.channels}), mean_({options.channels}),
        var_({options.channels}, T{1}) {}

  std::string_view kind() const override { return "batch_norm"; }
  void save(Fields& f) const override { save_options(options_, f); }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::affine; }
  bool normalizes() const override { return true; }
  bool mixes_images() const override { return true; }
  bool backward_in_place() const override { return true; }

  const BatchNormOptions& options() const { return options_; }
  Parameter<T>& gamma() { return gamma_; }
  Parameter<T>& beta() { return beta_; }
  const Parameter<T>& gamma() const { return gamma_; }
  const Parameter<T>& beta() const { return beta_; }
  const Tensor<T>& running_mean() const { return mean_; }
  const Tensor<T>& running_var() const { return var_; }

  Shape output_shape(std::span<const Shape> in) const override {
    const Shape& x = in[0];
    if (x.rank() < 2 || x[1] != options_.channels)
      throw shape_error(describe("batch norm", to_text(options_.channels) + " channels", x.str()));
    return x;
  }

  // Rows of slot.channel: what the activation applies, what backward needs, and the batch's
  // moments.
  enum Row { mul, add, mean, inv_std, gain, batch_mean, batch_var, row_count };

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& x = *in[0];
    const index_t channels = options_.channels;
    slot.channel.resize({row_count, channels});
    slot.training = mode.training;
    const auto at = [&](Row r) { return slot.channel.data() + r * channels; };
    if (mode.training) measure_batch(x, {at(batch_mean), {channels}}, {at(batch_var), {channels}});
    for (index_t c = 0; c < channels; ++c) {
      // Of x = s u + b: mu and var. All in double; mul and add are rounded to T once.
      const double s = x.mul ? static_cast<double>(x.mul[c]) : x.scale;
      const double b = static_cast<double>(x.add_at(c));
      double mu_u, spread; // mean of u, variance of x + eps
      if (mode.training) {
        mu_u = static_cast<double>(at(batch_mean)[c]);
        const double var_u = static_cast<double>(at(batch_var)[c]);
        spread = std::fma(s * s, var_u, options_.eps);
        at(batch_mean)[c] = static_cast<T>(std::fma(s, mu_u, b));
        at(batch_var)[c] = static_cast<T>(s * s * var_u);
      } else {
        mu_u = s != 0 ? (static_cast<double>(mean_[c]) - b) / s : 0; // s = 0: u does not matter
        spread = static_cast<double>(var_[c]) + options_.eps;
      }
      const double deviation = std::sqrt(spread);
      const double g = static_cast<double>(gamma_.value()[c]);
      at(mul)[c] = static_cast<T>(g * s / deviation);
      at(add)[c] =
          mode.training
              ? static_cast<T>(static_cast<double>(beta_.value()[c]) - g * s * mu_u / deviation)
              : static_cast<T>(g * (b - static_cast<double>(mean_[c])) / deviation +
                               static_cast<double>(beta_.value()[c]));
      at(mean)[c] = static_cast<T>(mu_u);
      at(inv_std)[c] = static_cast<T>(s / deviation);
      at(gain)[c] = static_cast<T>(g / deviation);
    }
    slot.out = x;
    slot.out.max_code = 0;
    slot.out.mul = at(mul);
    slot.out.add = at(add);
  }

  void backward(Inputs<T> in, const Slot<T>& slot, View<T> dy, Gradients<T> dx, bool want_params,
                const BackwardOptions& options) override {
    const index_t channels = options_.channels;
    const auto row = [&](Row r) {
      return View<const T>(slot.channel.data() + r * channels, {channels});
    };
    ops::batch_norm_backward<T>(*in[0], {row(mean), row(inv_std), row(gain)}, dy,
                                options.constant_statistics || !slot.training, dx[0],
                                want_params ? gamma_.grad() : View<T>(),
                                want_params ? beta_.grad() : View<T>());
  }

  /// running = (1 - m) running + m batch, m the share or the momentum; the variance is made
  /// unbiased, as everywhere.
  void update_statistics(const Slot<T>& slot, std::optional<double> share) override {
    const index_t channels = options_.channels;
    const Shape& x = slot.out.shape;
    const double count = static_cast<double>(whole_batch(x[0]) * x.plane());
    const T m = static_cast<T>(share.value_or(options_.momentum));
    const T unbias = static_cast<T>(count / (count - 1));
    if (m == 1) { // exactly, whatever was there
      mean_.fill(T{0});
      var_.fill(T{0});
    }
    for (index_t c = 0; c < channels; ++c) {
      mean_[c] = std::fma(m, slot.channel[batch_mean * channels + c] - mean_[c], mean_[c]);
      const T rise = std::fma(slot.channel[batch_var * channels + c], unbias, -var_[c]);
      var_[c] = std::fma(m, rise, var_[c]);
    }
  }

  void lower(Lowering<T>& lowering) const override {
    lowering.normalize({gamma_.value(), beta_.value(), mean_, var_, options_.eps});
  }

  void collect(std::vector<NamedParameter<T>>& out) override {
    out.push_back({"weight", &gamma_});
    out.push_back({"bias", &beta_});
  }
  void collect_buffers(std::vector<NamedBuffer<T>>& out) override {
    out.push_back({"running_mean", &mean_});
    out.push_back({"running_var", &var_});
  }

private:
  static void measure_batch(const Signal<T>& x, View<T> mean, View<T> var) {
    if (whole_batch(x.shape[0]) * x.shape.plane() < 2)
      throw value_error(describe("batch norm, in training", "2 or more values per channel",
                                 "1, of a batch of one image",
                                 "choose a batch size that leaves more than one image for the "
                                 "last batch"));
    ops::channel_moments<T>(x, mean, var);
  }

  static const BatchNormOptions& check(const BatchNormOptions& o) {
    if (o.channels < 1 || !(o.eps > 0) || !(o.momentum >= 0 && o.momentum <= 1))
      throw value_error(describe("batch norm", "channels >= 1, eps > 0, momentum in [0, 1]",
                                 "channels " + to_text(o.channels) + ", eps " + to_text(o.eps) +
                                     ", momentum " + to_text(o.momentum)));
    return o;
  }

  BatchNormOptions options_;
  Parameter<T> gamma_, beta_;
  Tensor<T> mean_, var_;
};

} // namespace sgq::nn
