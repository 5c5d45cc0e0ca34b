// sgq/nn/weights.hpp -- the weight of a convolution or linear layer, quantised or not.
//
// Without a quantiser the layer computes on the weight itself. With one, quantize_weights() writes
// integer codes and one scale after each optimiser step; every tape reads those, and the gradient
// of the quantised weight goes straight through to the weight that is trained.
#pragma once

#include "sgq/nn/parameter.hpp"
#include "sgq/ops/reduce.hpp"
#include "sgq/ops/signal.hpp"
#include "sgq/quant/requantize.hpp"
#include "sgq/quant/weight_quantizer.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <string_view>
#include <vector>

namespace sgq::nn {

/// True if T holds every integer up to the bound: 24 bits of a float, 53 of a double.
template <class T>
constexpr bool holds_integers_to(double bound) {
  return bound <= static_cast<double>(std::uint64_t{1} << std::numeric_limits<T>::digits);
}

/// Throws value_error unless sums of codes up to the bound are exact, in int32 and on their way
/// through the requantiser.
inline void check_accumulator(double bound) {
  if (bound >= static_cast<double>(quant::accumulator_limit))
    throw value_error(describe("sums of codes", "below 2^29 in magnitude", to_text(bound),
                               "fewer inputs or bits, or an activation before the layer"));
}

/// Calls f with a pointer to the integers of a coded signal: its bytes, or int32 numbers that are
/// taken from the arena.
template <class T, class F>
void visit_integers(const Signal<T>& x, Arena& arena, F&& f) {
  if (x.codes) return f(x.codes);
  std::int32_t* integers = arena.take<std::int32_t>(x.shape.size());
  for (index_t i = 0; i < x.shape.size(); ++i) integers[i] = static_cast<std::int32_t>(x.real[i]);
  f(static_cast<const std::int32_t*>(integers));
}

template <class T>
class Weights {
public:
  explicit Weights(const Shape& shape) : weight_(ParameterGroup::weight, shape) {}

  Parameter<T>& parameter() { return weight_; }
  const Parameter<T>& parameter() const { return weight_; }
  const Shape& shape() const { return weight_.shape(); }

  /// Quantises from now on; null goes back to real weights.
  void set_quantizer(std::shared_ptr<const quant::WeightQuantizer<T>> quantizer) {
    quantizer_ = std::move(quantizer);
    step_ = quantizer_ && quantizer_->has_step()
                ? Parameter<T>(ParameterGroup::clip, {1}, quantizer_->initial_step(weight_.value()))
                : Parameter<T>();
    if (!step_.empty() && weight_.written())
      step_.edit(); // a first value that comes from chosen weights
    quantized_version_ = 0;
  }
  /// "sawb, 4 bits, codes -7..7"; empty without a quantiser.
  std::string precision() const {
    if (!quantizer_) return {};
    const quant::QuantRange grid = quantizer_->grid();
    return quantizer_->name() + ", " + to_text(quantizer_->bits()) + " bits, " +
           (grid.has_zero ? "codes " : "odd codes ") + to_text(grid.quant_min) + ".." +
           to_text(grid.quant_max);
  }
  /// Whether a linear layer rounds its bias to a multiple of s_w s_x wherever both sides are codes.
  void set_integer_bias(bool on) { integer_bias_ = on; }
  bool integer_bias() const { return integer_bias_; }
  const quant::WeightQuantizer<T>* quantizer() const { return quantizer_.get(); }
  bool quantized() const { return quantizer_ != nullptr; }

  void collect(std::vector<NamedParameter<T>>& out) {
    out.push_back({"weight", &weight_});
    if (!step_.empty()) out.push_back({"step", &step_});
  }

  /// Writes the codes, if any, and raises a step that is too small. Throws value_error, naming the
  /// layer, on weights that cannot be quantised.
  void quantize(std::string_view layer) {
    if (!quantizer_) return;
    quantizer_->quantize(weight_.value(), step(), codes_, layer);
    if (const T usable = quantizer_->usable_step(step()); !step_.empty() && usable != step())
      step_.edit()[0] = usable;
    check_grid(layer);
    largest_row_sum_ = largest_row_sum(layer);
    quantized_version_ = version();
  }

  /// What products are made of: codes (integers held as T), or the weight. Throws value_error on
  /// stale codes.
  const T* operand() const {
    if (!quantizer_) return weight_.value().data();
    check_fresh();
    return codes_.codes.data();
  }
  const quant::WeightCodes<T>& codes() const {
    check_fresh();
    return codes_;
  }
  /// value = scale * operand.
  double scale() const { return quantizer_ ? static_cast<double>(codes_.scale) : 1.0; }

  /// The largest sum of |codes| over one output, times the largest input code: the bound on an
  /// accumulator. 0 if either side is not integer.
  double accumulator_bound(index_t max_input_code) const {
    return quantizer_ ? largest_row_sum_ * static_cast<double>(max_input_code) : 0.0;
  }

  /// The bound on the sum of two products, which AVX2 adds in 16 bits first. 0 where some code does
  /// not fit a signed byte.
  std::int32_t pair_bound(index_t max_input_code) const {
    if (!quantizer_) return 0;
    const quant::QuantRange grid = quantizer_->grid();
    if (grid.quant_min < -128 || grid.quant_max > 127) return 0;
    return 2 * std::max(-grid.quant_min, grid.quant_max) * static_cast<int>(max_input_code);
  }

  /// The codes as integers, for sums that need more than T holds.
  const std::int32_t* integers(Arena& arena) const {
    std::int32_t* out = arena.take<std::int32_t>(weight_.size());
    const T* codes = operand();
    for (index_t i = 0; i < weight_.size(); ++i) out[i] = static_cast<std::int32_t>(codes[i]);
    return out;
  }

  /// Lets f(dw, beta) set dw = beta dw + the gradient of the operand's values; that gradient
  /// reaches the trained weight straight through the quantiser, if there is one.
  template <class F>
  void add_gradient(F&& f) {
    if (!quantizer_) return f(weight_.grad(), T{1});
    Arena::Scope scope(scratch());
    const View<T> dw(scratch().take<T>(weight_.size()), shape());
    f(dw, T{0});
    const T dstep = quantizer_->backward(weight_.value(), step(), codes_, dw, weight_.grad());
    if (!step_.empty()) step_.grad()[0] += dstep;
  }

private:
  // A user's quantiser may break its contract: checks shape, number of levels and scale.
  // largest_row_sum() checks the codes, on whose range packing and bounds rely.
  void check_grid(std::string_view layer) const {
    if (codes_.codes.shape() != shape())
      check_shape(quantizer_of(layer), shape(), codes_.codes.shape());
    const quant::QuantRange grid = quantizer_->grid();
    if (grid.levels > 1 << std::clamp(quantizer_->bits(), 0, 24))
      throw value_error(
          describe(quantizer_of(layer), "a grid of at most 2^bits levels",
                   to_text(grid.levels) + " levels at " + to_text(quantizer_->bits()) + " bits"));
    if (!(codes_.scale > 0) || !std::isfinite(codes_.scale))
      throw value_error(describe(quantizer_of(layer), "a positive scale", to_text(codes_.scale)));
  }
  std::string quantizer_of(std::string_view layer) const {
    return "layer '" + std::string(layer) + "', quantiser " + quantizer_->name();
  }

  T step() const { return step_.empty() ? T{1} : step_.value()[0]; }
  std::uint64_t version() const {
    return weight_.version() + (step_.empty() ? 0 : step_.version());
  }
  /// Also checks that all codes lie on the grid, while each row is in the cache.
  double largest_row_sum(std::string_view layer) const {
    Arena::Scope scope(scratch());
    const index_t rows = shape()[0], row = shape().stride();
    double* const sums = scratch().take<double>(rows);
    index_t* const bad = scratch().take<index_t>(rows);
    const quant::QuantRange grid = quantizer_->grid();
    parallel_for(rows, [&](index_t o) {
      const T* const codes = codes_.codes.data() + o * row;
      kernels::for_registers<ops::SumRow<T, true>>(codes, row, sums + o);
      kernels::for_isa<quant::count_off_grid<T>>(codes, row, grid, bad + o);
    });
    if (const index_t n = std::accumulate(bad, bad + rows, index_t{0}))
      throw value_error(describe(quantizer_of(layer),
                                 std::string(grid.has_zero ? "integer" : "odd") + " codes in " +
                                     to_text(grid.quant_min) + ".." + to_text(grid.quant_max),
                                 to_text(n) + " other codes"));
    return *std::max_element(sums, sums + rows);
  }
  void check_fresh() const {
    if (quantized_version_ != version())
      throw value_error(
          describe("weight codes", "codes made after the last change of the weights", "stale ones",
                   "call net.quantize_weights() after writing parameters; Optimizer::step() does"));
  }

  Parameter<T> weight_, step_;
  std::shared_ptr<const quant::WeightQuantizer<T>> quantizer_;
  quant::WeightCodes<T> codes_;
  double largest_row_sum_ = 0;
  std::uint64_t quantized_version_ = 0;
  bool integer_bias_ = false;
};

} // namespace sgq::nn
