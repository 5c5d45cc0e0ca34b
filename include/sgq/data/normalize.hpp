// sgq/data/normalize.hpp -- codes to network input and back: x = scale (p - zero_point[c]).
//
// The formula is core/quant_params.hpp's. Here are also the grid that fits a set's own pixels and
// its background; those of the sets with a name are in data/load.hpp.
#pragma once

#include "sgq/config.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/core/quant_params.hpp"
#include "sgq/data/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace sgq::data {

/// The parameters that normalise a set by its own mean and deviation. Sums are integers, so only
/// the last step rounds. A set of one colour gets the scale 1 / 255. Throws value_error if the set
/// is empty, and what check_shapes() throws.
inline QuantParams measure(const Dataset& set) {
  if (set.size() == 0) throw value_error(describe("measure " + set.name, "images", "none"));
  check_shapes(set);
  const index_t plane = set.images.shape().plane(), channels = set.channels();
  const double count = static_cast<double>(set.size() * plane);
  QuantParams norm;
  double deviations = 0;
  for (index_t c = 0; c < channels; ++c) {
    std::uint64_t sum = 0, squares = 0;
    for (index_t n = 0; n < set.size(); ++n) {
      const std::uint8_t* p = set.images.data() + (n * channels + c) * plane;
      for (index_t i = 0; i < plane; ++i) {
        sum += p[i];
        squares += std::uint64_t{p[i]} * p[i];
      }
    }
    const double mean = static_cast<double>(sum) / count;
    const double variance = std::fma(-mean, mean, static_cast<double>(squares) / count);
    norm.zero_point.push_back(static_cast<std::int32_t>(std::lrint(mean)));
    deviations += std::sqrt(std::max(variance, 0.0));
  }
  const double std = deviations / static_cast<double>(channels);
  norm.scale = static_cast<float>(1 / (std > 0 ? std : 255.0));
  return norm;
}

/// True where more than half of the pixel codes are 0: a set of drawings, whose empty pixel is
/// black.
inline bool is_on_black(const Dataset& set) {
  const index_t zeros = std::count(set.images.begin(), set.images.end(), std::uint8_t{0});
  return 2 * zeros > set.images.size();
}

/// The background of a set, a value per channel in units of network input: black, or the mean (0).
/// Give it to Explainer or Classifier.
inline std::vector<float> background_values(const Dataset& set, const QuantParams& grid) {
  std::vector<float> values;
  for (index_t c = 0; c < grid.channels(); ++c)
    values.push_back(set.on_black ? grid.value<float>(0, c) : 0.0f);
  return values;
}

namespace detail {
inline void check_channels(std::string_view what, const Shape& shape, const QuantParams& norm) {
  if (shape.rank() != 4 || shape[1] != static_cast<index_t>(norm.zero_point.size()))
    throw shape_error(
        describe(what, "[N, " + to_text(norm.zero_point.size()) + ", H, W]", shape.str(),
                 norm ? "one zero point per channel"
                      : "the grid is empty; a file has one if fit() trained the net, or after "
                        "save_model(path, net, to_metadata(grid))"));
  check_quant_params(what, norm, shape[1]);
}
/// How many images one task makes; no result depends on it.
inline constexpr index_t images_per_task = 8;

/// One image of `plane` pixels a channel.
template <class T>
void normalize_image(const std::uint8_t* SGQ_RESTRICT codes, index_t plane, const QuantParams& norm,
                     T* SGQ_RESTRICT x) {
  const T scale = static_cast<T>(norm.scale);
  for (std::int32_t zero : norm.zero_point) {
    SGQ_SIMD
    for (index_t i = 0; i < plane; ++i) x[i] = scale * static_cast<T>(codes[i] - zero);
    codes += plane, x += plane;
  }
}
} // namespace detail

/// codes [N,C,H,W] -> x [N,C,H,W].
template <class T>
void normalize(View<const std::uint8_t> codes, const QuantParams& norm, View<T> x) {
  detail::check_channels("normalize", codes.shape(), norm);
  check_shape("normalize", codes.shape(), x.shape());
  const index_t stride = codes.shape().stride(), plane = codes.shape().plane();
  parallel_blocks(codes.shape()[0], detail::images_per_task, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n)
      detail::normalize_image(codes.data() + n * stride, plane, norm, x.data() + n * stride);
  });
}

/// x [N,C,H,W] -> the nearest codes, clip(rint(x / scale) + zero_point[c], 0, 255): the inverse of
/// normalize, defined for every x (NaN gives code 0).
template <class T>
void to_codes(View<const T> x, const QuantParams& norm, View<std::uint8_t> codes) {
  detail::check_channels("to_codes", x.shape(), norm);
  check_shape("to_codes", x.shape(), codes.shape());
  const index_t plane = x.shape().plane(), planes = x.shape()[0] * x.shape()[1];
  for (index_t k = 0; k < planes; ++k)
    for (index_t i = k * plane; i < (k + 1) * plane; ++i)
      codes[i] = static_cast<std::uint8_t>(std::isnan(x[i]) ? index_t{0}
                                                            : norm.code(x[i], k % x.shape()[1]));
}

/// `count` images of a training set in random order, or all of a smaller one, as network input
/// [M,C,H,W]: what expected gradients start from. Throws value_error if there are none.
inline Tensor<float> baseline_images(const Dataset& set, const QuantParams& norm,
                                     index_t count = 256, std::uint64_t seed = 0) {
  if (set.size() == 0) throw value_error(describe("baseline images", "images", "an empty set"));
  if (count < 1) throw value_error(describe("baseline images: count", "1 or more", to_text(count)));
  std::vector<index_t> order(static_cast<std::size_t>(set.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<index_t>(i);
  shuffle(order, Random(seed, 0x62617365u)); // "base"
  order.resize(static_cast<std::size_t>(std::min(count, set.size())));
  const Dataset part = subset(set, order);
  Tensor<float> x(part.images.shape());
  normalize<float>(part.images, norm, x);
  return x;
}

} // namespace sgq::data
