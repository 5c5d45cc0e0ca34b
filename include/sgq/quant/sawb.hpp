// sgq/quant/sawb.hpp -- SAWB: a clip for the weights from their first two moments.
//
//     alpha_w = c1 sqrt(E[w^2]) - c2 E|w|        (max|w| where that is <= 0)
//
// c1 and c2 are fitted so that alpha_w is near the clip of least squared error for a range of
// distributions; weights are then clipped to +-alpha_w and rounded to an equally spaced grid (see
// quant/uniform.hpp). alpha_w carries no gradient. SAWB stops the gradient outside +-alpha_w;
// SAWB+, the default, passes it everywhere.
//
// Choi et al., "Bridging the Accuracy Gap for 2-bit Quantized Neural Networks (QNN)", 2018,
// arXiv 1807.06964; coefficients as in IBM's public fms-model-optimizer. They exist for 2 to 5 bits
// (not for every grid). Elsewhere alpha_w = max|w|: a fitted line extrapolated to 8 bits can be
// hundreds of times worse.
#pragma once

#include "sgq/quant/uniform.hpp"

#include <cmath>
#include <optional>

namespace sgq::quant {

enum class SawbGrid {
  standard,     ///< no zero at 2, 3 and 5 bits, zero-aligned at 4 and from 6 on
  no_zero,      ///< 2^k levels, odd codes
  zero_aligned, ///< 2^k - 1 levels
};

enum class SawbGradient {
  everywhere, ///< SAWB+
  clipped,    ///< SAWB: 0 outside +-alpha_w
};

/// The coefficients in thousandths. Integers times floats are exact products in double, so alpha_w
/// has the same bits with and without FMA.
struct SawbCoefficients {
  int c1, c2;
};

/// The table; empty where it has no entry.
constexpr std::optional<SawbCoefficients> sawb_coefficients(const QuantRange& grid) {
  switch (grid.levels) {
  case 3:
    return SawbCoefficients{2600, 1710};
  case 4:
    return SawbCoefficients{3120, 2064};
  case 8:
    return SawbCoefficients{7509, 6892};
  case 15:
    return SawbCoefficients{12035, 12030};
  case 16:
    return SawbCoefficients{12680, 12800};
  case 32:
    return SawbCoefficients{17740, 18640};
  default:
    return std::nullopt;
  }
}

template <class T, class Round = round_nearest>
class Sawb final : public WeightQuantizer<T> {
public:
  /// Throws value_error unless 2 <= bits <= 8.
  explicit Sawb(int bits, SawbGradient gradient = SawbGradient::everywhere,
                SawbGrid grid = SawbGrid::standard)
      : bits_(bits), gradient_(gradient), kind_(grid) {
    check_bits("SAWB", bits, 2);
    const bool standard_zero = bits == 4 || bits > 5;
    const bool zero = grid == SawbGrid::standard ? standard_zero : grid == SawbGrid::zero_aligned;
    grid_ = zero ? QuantRange::zero_aligned(bits) : QuantRange::odd(bits);
  }

  std::string name() const override {
    std::string text = gradient_ == SawbGradient::everywhere ? "sawb" : "sawb-clipped";
    if (kind_ == SawbGrid::no_zero) text += "-no-zero";
    if (kind_ == SawbGrid::zero_aligned) text += "-zero-aligned";
    return text;
  }
  int bits() const override { return bits_; }
  QuantRange grid() const override { return grid_; }

  /// alpha_w.
  double clip(const Moments& m) const {
    const auto c = sawb_coefficients(grid_);
    if (!c) return m.max_abs;
    const T rms = static_cast<T>(std::sqrt(m.mean_square)), mean = static_cast<T>(m.mean_abs);
    const double alpha =
        (c->c1 * static_cast<double>(rms) - c->c2 * static_cast<double>(mean)) / 1000;
    return alpha > 0 ? alpha : m.max_abs;
  }

  void quantize(View<const T> w, T, WeightCodes<T>& out, std::string_view layer) const override {
    const Moments m = moments(w, layer);
    if (m.max_abs == 0 && !grid_.has_zero) throw_all_zero(name(), layer);
    quantize_uniform<T, Round>(w, clip(m), grid_, out);
  }

  T backward(View<const T> w, T, const WeightCodes<T>& codes, View<const T> dwq,
             View<T> dw) const override {
    check_gradient(w, dwq, dw);
    if (gradient_ == SawbGradient::everywhere)
      add_gradient(dwq, dw);
    else
      add_gradient_within(w, codes.range, dwq, dw);
    return T(0);
  }

private:
  int bits_;
  SawbGradient gradient_;
  SawbGrid kind_;
  QuantRange grid_{};
};

} // namespace sgq::quant
