// sgq/nn/linear.hpp -- fully connected layer, x [N, I] -> y [N, O].
//
//     y[n][o] = b[o] + sum over i of w[o][i] x[n][i]
//
// With quantised weights or coded input the sum is made of codes, as in nn/conv2d.hpp. The last
// layer of a quantised net also rounds its bias to a multiple of s_w s_x, so that its logits are
// integers times one scale:  y = (s_w s_x) (A + rint(b / (s_w s_x)));  the rounding passes
// gradients straight through.
//
// The sums of dW go over the whole batch. Where ranks share it, they gather x and dY, each computes
// some rows of dW, and the rows are gathered.
#pragma once

#include "sgq/kernels/gemm/gemm.hpp"
#include "sgq/kernels/gemm/gemm_codes.hpp"
#include "sgq/kernels/simd/decode.hpp"
#include "sgq/nn/layer.hpp"
#include "sgq/nn/weights.hpp"

#include <cmath>

namespace sgq::nn {

struct LinearOptions {
  index_t in = 1;  ///< features of the input
  index_t out = 1; ///< features of the output
  bool bias = true;
};

inline void fields(LinearOptions& o, Fields& f) {
  f("in", o.in);
  f("out", o.out);
  f("bias", o.bias);
}

template <class T>
class Linear final : public Layer<T> {
public:
  explicit Linear(const LinearOptions& options)
      : options_(check(options)), weights_({options.out, options.in}),
        bias_(options.bias ? Parameter<T>(ParameterGroup::bias, {options.out}) : Parameter<T>()) {}

  std::string_view kind() const override { return "linear"; }
  void save(Fields& f) const override { save_options(options_, f); }
  Gate gate() const override { return Gate::none; }
  Reads reads(std::size_t) const override { return Reads::materialised; }
  std::string precision() const override {
    return weights_.precision() + (weights_.integer_bias() ? ", integer bias" : "");
  }
  const LinearOptions& options() const { return options_; }
  using Layer<T>::weights;
  Weights<T>* weights() override { return &weights_; }
  Parameter<T>& bias() { return bias_; }
  const Parameter<T>& bias() const { return bias_; }

  void lower(Lowering<T>& lowering) const override { lowering.fully_connect(weights_, bias_); }

  Shape output_shape(std::span<const Shape> in) const override {
    const Shape& x = in[0];
    if (x.rank() != 2 || x[1] != options_.in)
      throw shape_error(describe("linear", "[N, " + to_text(options_.in) + "]", x.str(),
                                 x.rank() == 4 ? "put a Flatten layer before it" : ""));
    return {x[0], options_.out};
  }

  void forward(Inputs<T> in, Slot<T>& slot, const Mode& mode) const override {
    const Signal<T>& x = *in[0];
    const Shape shape{x.shape[0], options_.out};
    const double scale = x.scale * weights_.scale();
    double bound = weights_.accumulator_bound(x.max_code);
    Arena::Scope scope(scratch());
    const T* bias = bias_.empty() ? nullptr : bias_.value().data();
    const bool real = x.is_plain() && !weights_.quantized();
    const T* in_sum = real ? bias : nullptr; // what is added to the sum itself
    if (bias && weights_.integer_bias() && bound > 0) {
      in_sum = rounded_bias(scale, &bound);
      bias = nullptr;
    }
    check_accumulator(bound);
    if (!mode.training && !holds_integers_to<T>(bound)) {
      slot.acc.resize(shape);
      slot.out = Signal<T>{.shape = shape, .acc = slot.acc.data()};
      if (!sum_bytes(x, in_sum, slot.acc.data())) sum_integers(x, in_sum, slot.acc.data());
    } else {
      const View<T> y = slot.plain(shape);
      if (!holds_integers_to<T>(bound) || !sum_bytes(x, in_sum, y.data()))
        multiply(x, in_sum, y.data());
      if (real) return;
    }
    slot.out.scale = scale;
    slot.out.add = bias;
    if (slot.out.acc || holds_integers_to<T>(bound)) // else T has rounded the sums, in training
      slot.out.max_code = static_cast<index_t>(bound);
  }

  void backward(Inputs<T> in, const Slot<T>&, View<T> dy, Gradients<T> dx, bool want_params,
                const BackwardOptions&) override {
    const Signal<T>& x = *in[0];
    const index_t batch = x.shape[0], i = options_.in, o = options_.out;
    if (want_params) {
      if (!bias_.empty()) ops::add_channel_sums<T>(dy, bias_.grad());
      weights_.add_gradient([&](View<T> dw, T beta) { // dw [O, I] += dy^T [O, N] x [N, I]
        Arena::Scope scope(scratch());
        const kernels::Epilogue<T> epilogue{.scale = static_cast<T>(x.scale), .beta = beta};
        const Part rows = own_part(o);
        kernels::gemm(kernels::Gemm<T>{.m = rows.size(),
                                       .n = i,
                                       .k = whole_batch(batch),
                                       .a = gather_images(dy.data(), batch, o) + rows.first,
                                       .lda = o,
                                       .trans_a = true,
                                       .b = numbers(gather_images(x)),
                                       .ldb = i,
                                       .c = dw.data() + rows.first * i,
                                       .ldc = i,
                                       .epilogue = epilogue,
                                       .whole_m = o});
        gather_parts(dw.data(), o, i);
      });
    }
    if (!dx[0].empty()) // dx [N, I] = dy [N, O] w [O, I]
      kernels::gemm(kernels::Gemm<T>{.m = batch,
                                     .n = i,
                                     .k = o,
                                     .a = dy.data(),
                                     .lda = o,
                                     .b = weights_.operand(),
                                     .ldb = i,
                                     .c = dx[0].data(),
                                     .ldc = i,
                                     .epilogue = {.scale = static_cast<T>(weights_.scale())},
                                     .whole_m = whole_batch(batch)});
  }

  void collect(std::vector<NamedParameter<T>>& out) override {
    weights_.collect(out);
    if (!bias_.empty()) out.push_back({"bias", &bias_});
  }
  void parameters_changed(std::string_view name) override { weights_.quantize(name); }

private:
  static const LinearOptions& check(const LinearOptions& o) {
    if (o.in < 1 || o.out < 1)
      throw value_error(
          describe("linear", "features >= 1", "in " + to_text(o.in) + ", out " + to_text(o.out)));
    return o;
  }

  // rint(b / scale), from the scratch arena; widens the bound by the largest.
  const T* rounded_bias(double scale, double* bound) const {
    T* out = scratch().take<T>(options_.out);
    double largest = 0;
    for (index_t o = 0; o < options_.out; ++o) {
      const double b = std::rint(static_cast<double>(bias_.value()[o]) / scale);
      if (!std::isfinite(b))
        throw value_error(
            describe("linear, bias " + to_text(o), "a finite number", to_text(bias_.value()[o])));
      largest = std::max(largest, std::abs(b));
      out[o] = static_cast<T>(b);
    }
    *bound += largest;
    return out;
  }

  void multiply(const Signal<T>& x, const T* bias, T* y) const {
    kernels::gemm(kernels::Gemm<T>{.m = x.shape[0],
                                   .n = options_.out,
                                   .k = options_.in,
                                   .a = numbers(x),
                                   .lda = options_.in,
                                   .b = weights_.operand(),
                                   .ldb = options_.in,
                                   .trans_b = true,
                                   .c = y,
                                   .ldc = options_.out,
                                   .epilogue = {.col_bias = bias},
                                   .whole_m = whole_batch(x.shape[0])});
  }

  // The same from bytes times bytes, where the machine has such products; Y must hold the sums.
  template <class Y>
  bool sum_bytes(const Signal<T>& x, const T* bias, Y* y) const {
    if constexpr (std::is_same_v<T, float>) {
      const std::int32_t pair_bound = x.codes ? weights_.pair_bound(x.max_code) : 0;
      return pair_bound > 0 && kernels::gemm_codes(kernels::GemmCodes<Y>{
                                   x.shape[0], options_.out, options_.in, x.codes,
                                   weights_.operand(), bias, pair_bound, y});
    }
    return false;
  }

  void sum_integers(const Signal<T>& x, const T* bias, std::int32_t* y) const {
    const std::int32_t* w = weights_.integers(scratch());
    const index_t features = options_.in, outputs = options_.out;
    visit_integers(x, scratch(), [&]<class X>(const X* codes) {
      parallel_for(x.shape[0], [&](index_t n) {
        for (index_t o = 0; o < outputs; ++o) {
          std::int32_t sum = bias ? static_cast<std::int32_t>(bias[o]) : 0;
          SGQ_OMP(simd reduction(+ : sum)) // integers: any order gives the same sum
          for (index_t i = 0; i < features; ++i)
            sum += w[o * features + i] * static_cast<std::int32_t>(codes[n * features + i]);
          y[n * outputs + o] = sum;
        }
      });
    });
  }

  // The input's u as T: where it is, or decoded into the scratch arena. The gradient, and the
  // forward pass where gemm_codes() declines, are products of floats.
  static const T* numbers(const Signal<T>& x) {
    if (!x.codes) return x.real;
    T* const out = scratch().take<T>(x.shape.size());
    parallel_blocks(x.shape.size(), 1 << 15, [&](index_t begin, index_t end) {
      kernels::for_isa<kernels::decode_row<T>>(x.codes + begin, T{0}, end - begin, out + begin);
    });
    return out;
  }

  LinearOptions options_;
  Weights<T> weights_;
  Parameter<T> bias_;
};

} // namespace sgq::nn
