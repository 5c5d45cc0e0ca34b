// sgq/quant/dorefa.hpp -- DoReFa: weights squashed by tanh, divided by the largest, and rounded.
//
//     M = max|tanh w|    r = tanh(w)/(2M) + 1/2    q = rint(r n)    c = 2q - n    w_q = c/n
//
//     dw_q/dw = (1 - tanh^2 w)/M, M detached
//     k = 1: w_q = sign(w) E|w| with sign(0) = +1, E|w| detached, dw_q/dw = 1
//
// Zhou et al., "DoReFa-Net", 2016, arXiv 1606.06160. Grid: 2^k odd codes, no zero; w = 0 is a tie
// that goes to the even q = 2^(k-1), code +1. The largest |w_q| is always 1 whatever the weights'
// scale, so the layer's gain jumps unless batch norm follows. Rescaled DoReFa multiplies w_q by
// rms(w)/rms(w_q), detached, and keeps the gain.
//
// No tanh is evaluated per weight. tanh is monotone, so |c| >= 2i + 1 where |w| >= t_i =
// atanh(2i M/n): (n - 1)/2 comparisons give the exact code, the same on every machine. The backward
// needs only 1 - tanh^2 w = 4e/(1 + e)^2 with e = exp(-2|w|), which does not cancel.
#pragma once

#include "sgq/core/elementary.hpp"
#include "sgq/kernels/simd/bucketize.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/quant/uniform.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

namespace sgq::quant {

/// 1 - tanh^2 x. For float to 1e-6 (1 + |x|) of its value while that is above 1e-37, else below
/// 1e-37; for double to rounding.
template <int Bytes, class T>
SGQ_INLINE T sech2(T x) {
  const T a = x < T(0) ? -x : x;
  if constexpr (std::is_same_v<T, float>) {
    // exp(-2a) = 2^k 2^f with k = rint(y), y = -2a log2(e), |f| <= 1/2: the Taylor polynomial of
    // 2^f to the 7th power is good to 6e-9 there. k goes into the exponent bits.
    float y = a * -2.88539008f;
    y = y < -126.0f ? -126.0f : y;
    const float k = round_nearest::apply(y), z = (y - k) * 0.693147181f;
    float p = 1.0f / 5040;
    p = kernels::multiply_add<Bytes>(p, z, 1.0f / 720);
    p = kernels::multiply_add<Bytes>(p, z, 1.0f / 120);
    p = kernels::multiply_add<Bytes>(p, z, 1.0f / 24);
    p = kernels::multiply_add<Bytes>(p, z, 1.0f / 6);
    p = kernels::multiply_add<Bytes>(p, z, 0.5f);
    p = kernels::multiply_add<Bytes>(p, z, 1.0f);
    p = kernels::multiply_add<Bytes>(p, z, 1.0f);
    const float two_to_k = __builtin_bit_cast(float, (static_cast<std::int32_t>(k) + 127) << 23);
    const float e = p * two_to_k, b = 1.0f + e;
    return 4.0f * e / (b * b);
  } else {
    const T e = static_cast<T>(math::exp(-2 * static_cast<double>(a))), b = T(1) + e;
    return T(4) * e / (b * b);
  }
}

namespace detail {

/// Codes of weights from the 2^(k-1) - 1 positive thresholds t.
template <class T>
SGQ_INLINE void dorefa_encode_row(const T* w, index_t n, const T* t, int bits, T* codes) {
  using kernels::bucketize_block;
  T magnitude[bucketize_block];
  std::int32_t passed[bucketize_block];
  for (index_t start = 0; start < n; start += bucketize_block) {
    const index_t count = n - start < bucketize_block ? n - start : bucketize_block;
    const T* from = w + start;
    SGQ_SIMD
    for (index_t i = 0; i < count; ++i) magnitude[i] = from[i] < T(0) ? -from[i] : from[i];
    kernels::bucketize(magnitude, count, t, bits - 1, passed);
    SGQ_SIMD
    for (index_t i = 0; i < count; ++i) {
      const std::int32_t sign = 1 - 2 * static_cast<std::int32_t>(from[i] < T(0));
      codes[start + i] = static_cast<T>(sign * (2 * passed[i] + 1));
    }
  }
}

/// dw += dwq (1 - tanh^2 w) gain.
template <class T>
struct DorefaBackwardRow {
  template <int Bytes>
  SGQ_INLINE static void run(const T* w, const T* dwq, index_t n, T gain, T* dw) {
    using kernels::multiply_add;
    if constexpr (std::is_same_v<T, float>) {
      SGQ_SIMD
      for (index_t i = 0; i < n; ++i)
        dw[i] = multiply_add<Bytes>(dwq[i] * sech2<Bytes>(w[i]), gain, dw[i]);
    } else { // for gradient checks: math::exp does not vectorise
      for (index_t i = 0; i < n; ++i)
        dw[i] = multiply_add<Bytes>(dwq[i] * sech2<Bytes>(w[i]), gain, dw[i]);
    }
  }
};

} // namespace detail

enum class DorefaScale { plain, rescaled };

template <class T, class Round = round_nearest>
class Dorefa final : public WeightQuantizer<T> {
public:
  /// Throws value_error unless 1 <= bits <= 8.
  explicit Dorefa(int bits, DorefaScale scale = DorefaScale::plain) : bits_(bits), scale_(scale) {
    check_bits("DoReFa", bits);
  }

  std::string name() const override {
    return scale_ == DorefaScale::plain ? "dorefa" : "dorefa-rescaled";
  }
  int bits() const override { return bits_; }
  QuantRange grid() const override { return QuantRange::odd(bits_); }
  bool needs_batch_norm() const override { return scale_ == DorefaScale::plain && bits_ > 1; }

  void quantize(View<const T> w, T, WeightCodes<T>& out, std::string_view layer) const override {
    const Moments m = moments(w, layer);
    if (m.max_abs == 0) throw_all_zero(name(), layer);
    const double rms = std::sqrt(m.mean_square);
    const double size = scale_ == DorefaScale::plain ? m.mean_abs : rms;
    const double range = bits_ == 1 ? size : math::tanh(m.max_abs);
    out.range = static_cast<T>(range);
    out.codes.resize(w.shape());
    encode(w, range, out.codes);
    if (bits_ == 1)
      out.scale = out.range;
    else if (scale_ == DorefaScale::plain)
      out.scale = static_cast<T>(1.0 / max_code(bits_));
    else
      out.scale = static_cast<T>(rms / std::sqrt(moments<T>(out.codes, layer).mean_square));
  }

  /// Codes for a given M (at 1 bit: for a given scale), which WeightCodes::range holds rounded.
  void encode(View<const T> w, double m, View<T> codes) const {
    check_shape("weight codes", w.shape(), codes.shape());
    const int n = max_code(bits_);
    if constexpr (Round::rounds) {
      T t[127] = {};
      for (int i = 1; i <= n / 2; ++i) t[i - 1] = round_up(math::atanh(m * (2 * i) / n));
      parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
        kernels::for_isa<detail::dorefa_encode_row<T>>(
            w.data() + begin, end - begin, static_cast<const T*>(t), bits_, codes.data() + begin);
      });
    } else { // the smooth function behind it
      for (index_t i = 0; i < w.size(); ++i)
        codes[i] =
            static_cast<T>(bits_ == 1 ? w[i] / m : math::tanh(static_cast<double>(w[i])) / m * n);
    }
  }

  T backward(View<const T> w, T, const WeightCodes<T>& codes, View<const T> dwq,
             View<T> dw) const override {
    check_gradient(w, dwq, dw);
    if (bits_ == 1) {
      add_gradient(dwq, dw);
      return T(0);
    }
    const double n = max_code(bits_), rescale = static_cast<double>(codes.scale) * n; // rms/rms
    const T gain = static_cast<T>(rescale / static_cast<double>(codes.range));
    parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
      kernels::for_registers<detail::DorefaBackwardRow<T>>(w.data() + begin, dwq.data() + begin,
                                                           end - begin, gain, dw.data() + begin);
    });
    return T(0);
  }

private:
  /// The least T that is not below t: the first weight of the next level.
  static T round_up(double t) {
    const T nearest = static_cast<T>(t);
    return static_cast<double>(nearest) < t ? std::nextafter(nearest, std::numeric_limits<T>::max())
                                            : nearest;
  }

  int bits_;
  DorefaScale scale_;
};

} // namespace sgq::quant
