// sgq/quant/schemes.hpp -- the weight quantisers by name.
#pragma once

#include "sgq/quant/dorefa.hpp"
#include "sgq/quant/lsq.hpp"
#include "sgq/quant/sawb.hpp"
#include "sgq/quant/symmetric.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace sgq::quant {

enum class WeightScheme {
  dorefa,          ///< for nets with batch norm behind every quantised layer
  dorefa_rescaled, ///< DoReFa times rms(w)/rms(w_q)
  sawb,            ///< SAWB+, the default: the gradient passes everywhere
  sawb_clipped,    ///< SAWB: no gradient outside +-alpha_w
  lsq,             ///< a learned step
};

inline constexpr WeightScheme all_weight_schemes[] = {
    WeightScheme::dorefa, WeightScheme::dorefa_rescaled, WeightScheme::sawb,
    WeightScheme::sawb_clipped, WeightScheme::lsq};

/// "dorefa" | "dorefa-rescaled" | "sawb" | "sawb-clipped" | "lsq"
constexpr std::string_view name(WeightScheme scheme) {
  switch (scheme) {
  case WeightScheme::dorefa:
    return "dorefa";
  case WeightScheme::dorefa_rescaled:
    return "dorefa-rescaled";
  case WeightScheme::sawb:
    return "sawb";
  case WeightScheme::sawb_clipped:
    return "sawb-clipped";
  case WeightScheme::lsq:
    return "lsq";
  }
  return "";
}

/// The inverse. Throws value_error on any other text.
inline WeightScheme parse_weight_scheme(std::string_view text) {
  for (WeightScheme scheme : all_weight_schemes)
    if (text == name(scheme)) return scheme;
  throw value_error(describe("weight quantiser",
                             "dorefa, dorefa-rescaled, sawb, sawb-clipped or lsq",
                             "'" + std::string(text) + "'"));
}

/// The quantiser of that scheme on its default grid. Throws value_error on bits it does not have.
template <class T>
std::unique_ptr<const WeightQuantizer<T>> make_weight_quantizer(WeightScheme scheme, int bits) {
  switch (scheme) {
  case WeightScheme::dorefa:
    return std::make_unique<Dorefa<T>>(bits);
  case WeightScheme::dorefa_rescaled:
    return std::make_unique<Dorefa<T>>(bits, DorefaScale::rescaled);
  case WeightScheme::sawb:
    return std::make_unique<Sawb<T>>(bits);
  case WeightScheme::sawb_clipped:
    return std::make_unique<Sawb<T>>(bits, SawbGradient::clipped);
  case WeightScheme::lsq:
    return std::make_unique<Lsq<T>>(bits);
  }
  throw value_error(describe("weight quantiser", "a scheme", to_text(static_cast<int>(scheme))));
}

} // namespace sgq::quant
