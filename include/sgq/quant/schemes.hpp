// sgq/quant/schemes.hpp -- the weight quantisers by name.
#pragma once

#include "sgq/quant/weight_quantizer.hpp"

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

/// "dorefa" | "dorefa-rescaled" | "sawb" | "sawb-clipped" | "lsq"
std::string name(WeightScheme scheme);
WeightScheme parse_weight_scheme(std::string_view text);

/// The quantiser of that scheme on its default grid. Throws value_error on bits it does not have.
template <class T>
std::unique_ptr<const WeightQuantizer<T>> make_weight_quantizer(WeightScheme scheme, int bits);

} // namespace sgq::quant
