// sgq/saliency/colormap.hpp -- maps as pictures: two perceptual colour scales and overlays.
//
//     sequential   black - purple - red - orange - pale yellow    for magnitudes
//     diverging    blue - white - red, white is exactly 0         for signed maps
//
// Each ramp is a Bezier curve through OKLab (Ottosson, "A perceptual color space for image
// processing", 2020), walked at constant speed, so that equal steps of the map look equally large;
// lightness rises (or falls) all the way, so that the picture survives a grey print. The control
// points are this library's own, chosen within the sRGB gamut.
//
// A map is divided by its scale s, the given percentile of its |values| (nearest rank), and
// clipped: what exceeds it shows as the last colour. Where that percentile is 0 the largest |value|
// serves; a blank map, exactly 0, is the colour of 0 everywhere, and
// its overlay the plain image: say so beside it (metrics/blank.hpp finds them). Give `scale` to
// show several maps alike.
#pragma once

#include "sgq/saliency/metrics/per_image.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace sgq::saliency {

struct Rgb {
  std::uint8_t r, g, b;
  bool operator==(const Rgb&) const = default;
};

enum class Palette { sequential, diverging };

struct ColorOptions {
  Palette palette = Palette::sequential;
  double percentile = 99; ///< of |values|, that gets the last colour
  double scale = 0;       ///< the value of the last colour; 0: each map its own percentile
};

namespace detail {

struct OkLab {
  double l, a, b;
};

inline std::uint8_t srgb_byte(double linear) {
  const double x = std::clamp(linear, 0.0, 1.0);
  const double v = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * v));
}

inline Rgb to_srgb(const OkLab& c) {
  const auto cube = [](double x) { return x * x * x; };
  const double l = cube(c.l + 0.3963377774 * c.a + 0.2158037573 * c.b);
  const double m = cube(c.l - 0.1055613458 * c.a - 0.0638541728 * c.b);
  const double s = cube(c.l - 0.0894841775 * c.a - 1.2914855480 * c.b);
  return {srgb_byte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          srgb_byte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          srgb_byte(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

/// A control point by lightness, chroma and hue in degrees.
struct Lch {
  double lightness, chroma, hue;
};

/// The point t in [0, 1] of the Bezier curve, by repeated interpolation (de Casteljau).
inline OkLab bezier(std::span<const Lch> points, double t) {
  std::array<OkLab, 8> p{};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double h = points[i].hue * 0.017453292519943295;
    p[i] = {points[i].lightness, points[i].chroma * std::cos(h), points[i].chroma * std::sin(h)};
  }
  for (std::size_t n = points.size() - 1; n > 0; --n)
    for (std::size_t i = 0; i < n; ++i)
      p[i] = {p[i].l + t * (p[i + 1].l - p[i].l), p[i].a + t * (p[i + 1].a - p[i].a),
              p[i].b + t * (p[i + 1].b - p[i].b)};
  return p[0];
}

using Ramp = std::array<Rgb, 256>;

/// 256 colours at equal distances along the curve.
inline Ramp make_ramp(std::span<const Lch> points) {
  constexpr std::size_t steps = 4096;
  std::array<double, steps + 1> length{}; // of the curve up to each step
  OkLab last = bezier(points, 0);
  for (std::size_t i = 1; i <= steps; ++i) {
    const OkLab p = bezier(points, static_cast<double>(i) / steps);
    length[i] = length[i - 1] +
                std::sqrt((p.l - last.l) * (p.l - last.l) + (p.a - last.a) * (p.a - last.a) +
                          (p.b - last.b) * (p.b - last.b));
    last = p;
  }
  Ramp ramp{};
  std::size_t i = 0;
  for (std::size_t k = 0; k < ramp.size(); ++k) {
    while (length[i] < length[steps] * static_cast<double>(k) / 255) ++i;
    ramp[k] = to_srgb(bezier(points, static_cast<double>(i) / steps));
  }
  return ramp;
}

inline const Ramp& heat_ramp() {
  static constexpr Lch points[] = {{.12, .02, 290}, {.30, .22, 295}, {.47, .28, 5},
                                   {.70, .22, 42},  {.87, .12, 85},  {.98, .04, 105}};
  static const Ramp ramp = make_ramp(points);
  return ramp;
}
inline const Ramp& red_ramp() { // from white
  static constexpr Lch points[] = {{.97, 0, 0}, {.82, .12, 40}, {.60, .23, 28}, {.36, .14, 24}};
  static const Ramp ramp = make_ramp(points);
  return ramp;
}
inline const Ramp& blue_ramp() { // from white
  static constexpr Lch points[] = {{.97, 0, 0}, {.80, .13, 250}, {.58, .19, 258}, {.36, .14, 264}};
  static const Ramp ramp = make_ramp(points);
  return ramp;
}

} // namespace detail

/// The colour of v: sequential for v in [0, 1], diverging for v in [-1, 1]; clipped outside. Throws
/// value_error on a NaN.
inline Rgb color(Palette palette, double v) {
  if (std::isnan(v)) throw value_error(describe("colour", "a number", to_text(v)));
  const bool negative = v < 0;
  const double size = palette == Palette::sequential ? std::max(v, 0.0) : std::abs(v);
  const auto k = static_cast<std::size_t>(std::lround(255 * std::min(size, 1.0)));
  if (palette == Palette::sequential) return detail::heat_ramp()[k];
  return negative ? detail::blue_ramp()[k] : detail::red_ramp()[k];
}

/// The value that gets the last colour: the percentile of |map|, or its maximum where that is 0.
/// Throws value_error on a map that is empty or has a number that is not finite.
inline double color_scale(std::span<const float> map, double percentile) {
  if (map.empty()) throw value_error(describe("colour scale", "a map", "an empty one"));
  check_finite("colour scale", View<const float>(map.data(), {static_cast<index_t>(map.size())}));
  if (!(percentile > 0 && percentile <= 100))
    throw value_error(describe("colour scale", "a percentile in (0, 100]", to_text(percentile)));
  Arena::Scope scope(scratch());
  const auto d = static_cast<index_t>(map.size());
  float* a = scratch().take<float>(d);
  std::transform(map.begin(), map.end(), a, [](float v) { return std::abs(v); });
  const double rank = std::ceil(percentile / 100 * static_cast<double>(d) - 1e-9);
  const index_t k = std::max(index_t{1}, static_cast<index_t>(rank));
  std::nth_element(a, a + (k - 1), a + d);
  return static_cast<double>(a[k - 1] > 0 ? a[k - 1] : *std::max_element(a, a + d));
}

namespace detail {

// paint(n, position, v, rgb): v is the map at that position divided by its scale.
template <class Paint>
Tensor<std::uint8_t> paint_maps(View<const float> maps, const ColorOptions& options, Paint paint) {
  const Shape& s = maps.shape();
  if (s.rank() != 3) throw shape_error(describe("colours of maps", "[N, H, W]", s.str()));
  check_maps("colours of maps", maps);
  if (!(options.scale >= 0))
    throw value_error(describe("colour scale", "0 or more", to_text(options.scale)));
  const index_t d = s.stride();
  Tensor<std::uint8_t> rgb({s[0], s[1], s[2], 3});
  for (index_t n = 0; n < s[0]; ++n) {
    const std::span<const float> map(maps.data() + n * d, static_cast<std::size_t>(d));
    const double scale = options.scale > 0 ? options.scale : color_scale(map, options.percentile);
    for (index_t i = 0; i < d; ++i) {
      const double v = scale > 0 ? static_cast<double>(maps[n * d + i]) / scale : 0;
      const Rgb c = paint(n, i, v);
      const index_t at = 3 * (n * d + i);
      rgb[at] = c.r;
      rgb[at + 1] = c.g;
      rgb[at + 2] = c.b;
    }
  }
  return rgb;
}

} // namespace detail

/// maps [N,H,W] -> RGB bytes [N,H,W,3].
SGQ_COMPILE_ONCE Tensor<std::uint8_t> colorize(View<const float> maps,
                                               const ColorOptions& options = {}) {
  return detail::paint_maps(maps, options,
                            [&](index_t, index_t, double v) { return color(options.palette, v); });
}

/// Pixel codes [N,C,H,W] -> RGB bytes [N,H,W,3]: three channels are the colours, any other number
/// becomes the grey of its mean.
inline Tensor<std::uint8_t> to_rgb(View<const std::uint8_t> codes) {
  const Shape& s = codes.shape();
  if (s.rank() != 4 || s[1] < 1)
    throw shape_error(describe("picture", "pixel codes [N, C, H, W]", s.str()));
  const index_t plane = s.plane(), channels = s[1];
  Tensor<std::uint8_t> rgb({s[0], s[2], s[3], 3});
  for (index_t n = 0; n < s[0]; ++n)
    for (index_t i = 0; i < plane; ++i) {
      const std::uint8_t* pixel = codes.data() + n * channels * plane + i;
      index_t sum = 0;
      for (index_t c = 0; c < channels; ++c) sum += pixel[c * plane];
      for (index_t c = 0; c < 3; ++c)
        rgb[3 * (n * plane + i) + c] = static_cast<std::uint8_t>(
            channels == 3 ? pixel[c * plane] : (2 * sum + channels) / (2 * channels));
    }
  return rgb;
}

/// The map's colours over the image in dim grey (half the luma of Rec. 709, so that the palest
/// colour stands out from a white stroke): out = (1 - a) grey + a colour with a = strength |v|.
SGQ_COMPILE_ONCE Tensor<std::uint8_t> overlay(View<const std::uint8_t> codes,
                                              View<const float> maps,
                                              const ColorOptions& options = {},
                                              double strength = 0.85) {
  if (!(strength >= 0 && strength <= 1))
    throw value_error(describe("overlay: strength", "a number in [0, 1]", to_text(strength)));
  const Tensor<std::uint8_t> image = to_rgb(codes);
  const Shape& s = codes.shape();
  check_shape("overlay: maps", {s[0], s[2], s[3]}, maps.shape());
  const index_t plane = s.plane();
  return detail::paint_maps(maps, options, [&](index_t n, index_t i, double v) {
    const std::uint8_t* p = image.data() + 3 * (n * plane + i);
    const double grey = (0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]) / 2;
    const double size = options.palette == Palette::sequential ? std::max(v, 0.0) : std::abs(v);
    const double a = strength * std::min(size, 1.0);
    const Rgb c = color(options.palette, v);
    const auto mix = [&](std::uint8_t channel) {
      return static_cast<std::uint8_t>(std::lround((1 - a) * grey + a * channel));
    };
    return Rgb{mix(c.r), mix(c.g), mix(c.b)};
  });
}

} // namespace sgq::saliency
