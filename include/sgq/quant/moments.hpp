// sgq/quant/moments.hpp -- E|w|, E[w^2] and max|w| of a weight tensor.
//
// Quantisers derive their scale from these, and a scale that moved in its last bit with the thread
// count or the instruction set would move codes. So sums run in double over the 16 lanes of
// kernels/simd/lane_sum.hpp, in blocks of a fixed size, and the square of a float is exact in
// double: with or without FMA there is one rounding per addition.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/lane_sum.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace sgq::quant {

struct Moments {
  double mean_abs = 0, mean_square = 0, max_abs = 0;
};

namespace detail {

/// Elements that one task of an element-wise loop over weights handles.
inline constexpr index_t weight_block = 8192;

template <class T>
SGQ_INLINE void moments_row(const T* w, index_t n, Moments* of_row) {
  kernels::LaneSum abs, square;
  double high[kernels::LaneSum::lanes] = {};
  kernels::for_lanes(n, [&](index_t i, index_t l) SGQ_INLINE_LAMBDA {
    const double x = static_cast<double>(w[i]), a = x < 0 ? -x : x;
    abs.lane[l] += a;
    square.lane[l] += x * x;
    high[l] = a > high[l] ? a : high[l];
  });
  *of_row = {abs.total(), square.total(), 0};
  for (double h : high) of_row->max_abs = h > of_row->max_abs ? h : of_row->max_abs;
}

} // namespace detail

/// "weights of layer 'conv2'"
inline std::string weights_of(std::string_view layer) {
  return "weights of layer '" + std::string(layer) + "'";
}

/// The moments of w, any shape. Throws value_error, naming the layer, on a NaN or an infinity, and
/// shape_error where there are no weights.
template <class T>
Moments moments(View<const T> w, std::string_view layer) {
  if (w.empty()) throw shape_error(describe(weights_of(layer), "one or more", w.shape().str()));
  const index_t blocks = blocks_of(w.size(), detail::weight_block);
  Arena::Scope scope(scratch());
  Moments* partial = scratch().take<Moments>(blocks);
  parallel_blocks(w.size(), detail::weight_block, [&](index_t begin, index_t end) {
    kernels::for_isa<detail::moments_row<T>>(w.data() + begin, end - begin,
                                             partial + begin / detail::weight_block);
  });
  Moments total;
  for (index_t b = 0; b < blocks; ++b) {
    total.mean_abs += partial[b].mean_abs;
    total.mean_square += partial[b].mean_square;
    total.max_abs = std::max(total.max_abs, partial[b].max_abs);
  }
  if (!std::isfinite(total.mean_abs))
    throw value_error(describe(weights_of(layer), "finite values", to_text(total.mean_abs),
                               "a NaN usually means that the learning rate is too high"));
  total.mean_abs /= static_cast<double>(w.size());
  total.mean_square /= static_cast<double>(w.size());
  return total;
}

/// The error of a grid without a zero on weights that are all zero.
[[noreturn]] inline void throw_all_zero(std::string_view quantizer, std::string_view layer) {
  throw value_error(describe(weights_of(layer), "a weight other than 0", "all zero",
                             std::string(quantizer) + " has no code for 0 here"));
}

} // namespace sgq::quant
