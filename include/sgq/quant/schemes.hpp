// sgq/quant/schemes.hpp -- the weight quantisers by name.
//
// To add one, write its header, with a constructor from the number of bits (at least 2, 4 and 8),
// and a row here. One that only your program needs takes no row: hand it to nn::quantize(), and a
// row of your own to nn::load_model().
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/quant/dorefa.hpp"
#include "sgq/quant/lsq.hpp"
#include "sgq/quant/sawb.hpp"
#include "sgq/quant/symmetric.hpp"

#include <memory>

namespace sgq::quant {

template <class T>
struct WeightScheme {
  std::string_view name; ///< what the quantiser's name() says
  std::unique_ptr<const WeightQuantizer<T>> (*make)(int bits);
  std::string_view about{};
};

/// Makes a quantiser from its bits and the fixed options of a scheme.
template <class T, class Quantizer, auto... options>
std::unique_ptr<const WeightQuantizer<T>> make_scheme(int bits) {
  return std::make_unique<Quantizer>(bits, options...);
}

template <class T>
inline constexpr WeightScheme<T> weight_schemes[] = {
    {"dorefa", make_scheme<T, Dorefa<T>>, "for nets with batch norm after every quantised layer"},
    {"dorefa-rescaled", make_scheme<T, Dorefa<T>, DorefaScale::rescaled>,
     "DoReFa times rms(w)/rms(w_q)"},
    {"sawb", make_scheme<T, Sawb<T>>, "SAWB+, the default: the gradient passes everywhere"},
    {"sawb-clipped", make_scheme<T, Sawb<T>, SawbGradient::clipped>,
     "SAWB: no gradient outside +-alpha_w"},
    {"sawb-no-zero", make_scheme<T, Sawb<T>, SawbGradient::everywhere, SawbGrid::no_zero>,
     "SAWB+ on 2^k levels at all bits"},
    {"sawb-zero-aligned", make_scheme<T, Sawb<T>, SawbGradient::everywhere, SawbGrid::zero_aligned>,
     "SAWB+ on 2^k - 1 levels at all bits"},
    {"sawb-clipped-no-zero", make_scheme<T, Sawb<T>, SawbGradient::clipped, SawbGrid::no_zero>,
     "SAWB on 2^k levels at all bits"},
    {"sawb-clipped-zero-aligned",
     make_scheme<T, Sawb<T>, SawbGradient::clipped, SawbGrid::zero_aligned>,
     "SAWB on 2^k - 1 levels at all bits"},
    {"lsq", make_scheme<T, Lsq<T>>, "a learned step"},
    {"symmetric", make_scheme<T, Symmetric<T>>, "max|w|: what 8-bit first and last layers have"},
};

/// The quantiser of that scheme on its default grid. Throws value_error on any other name, and on
/// bits that the scheme does not have.
template <class T>
std::unique_ptr<const WeightQuantizer<T>> make_weight_quantizer(std::string_view scheme, int bits) {
  return choose("weight quantiser", weight_schemes<T>, scheme).make(bits);
}

} // namespace sgq::quant
