// sgq/quant/calibrate.hpp -- the first alpha of a PACT layer, from its pre-activations.
//
// alpha starts at the 99.9 % quantile of the positive pre-activations of the first training batch,
// layer by layer in forward order. Of N positive values in ascending order v_1 <= .. <= v_N the
// p-quantile is v_ceil(p N): the least value that at least a share p of them does not exceed
// (definition 1 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996). It is one of
// the values, so no interpolation rounds, and selecting it takes linear time.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/quant/pact.hpp"

#include <algorithm>
#include <cmath>

namespace sgq::quant {

/// Throws value_error unless p is in (0, 1].
inline void check_quantile(double p) {
  if (!(p > 0.0 && p <= 1.0))
    throw value_error(describe("quantile", "a share in (0, 1]", to_text(p)));
}

/// The p-quantile, 0 < p <= 1, of the positive elements of x; 0 where there is none.
/// Throws value_error, which names the layer, on a NaN or an infinity.
template <class T>
T positive_quantile(View<const T> x, double p, std::string_view layer = "") {
  check_quantile(p);
  Arena::Scope scope(scratch());
  T* positive = scratch().take<T>(x.size());
  index_t n = 0;
  for (T v : x) {
    if (!std::isfinite(v))
      throw value_error(describe(
          "quantile" + (layer.empty() ? "" : " of the input of '" + std::string(layer) + "'"),
          "finite values", to_text(v)));
    if (v > T(0)) positive[n++] = v;
  }
  if (n == 0) return T(0);
  // The product may round above an integer (0.999 * 1000), hence the slack before ceil.
  const double rank = std::ceil(p * static_cast<double>(n) * (1.0 - 1e-12));
  const index_t k = std::clamp<index_t>(static_cast<index_t>(rank), 1, n) - 1;
  std::nth_element(positive, positive + k, positive + n);
  return positive[k];
}

/// The start of alpha for pre-activations x: the quantile, at least the least alpha; the paper's
/// constant 10 where no element is positive.
template <class T>
T calibrate_alpha(View<const T> x, double p = 0.999, std::string_view layer = "") {
  const T quantile = positive_quantile<T>(x, p, layer);
  if (quantile == T(0)) return static_cast<T>(alpha_constant);
  return std::max(quantile, static_cast<T>(alpha_floor));
}

} // namespace sgq::quant
