// sgq/data/synthetic_pen.hpp -- drawing lines and curves on a small grey canvas, in integers.
//
// Points lie on a grid of 1/256 pixel. Strokes are first inked into a Coverage, where overlapping
// strokes count once, and the coverage is then painted in one grey code.
#pragma once

#include "sgq/config.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sgq::data::detail {

inline constexpr int side = 28, area = side * side;
inline constexpr int pixel = 256; ///< grid units per pixel

struct GridPoint {
  int x, y;
};

/// How much of each pixel is under ink, 0..256.
struct Coverage {
  std::array<std::uint16_t, area> of{};
};

/// Inks a straight piece of a stroke of the given half width; round ends, soft edges. Coverage is
/// a ramp in the squared distance d2 from the line: 256 up to half a pixel inside the edge, 0 from
/// half a pixel outside.
inline void ink_line(Coverage& ink, GridPoint a, GridPoint b, int half_width) {
  const int outer = half_width + pixel / 2, inner = std::max(half_width - pixel / 2, 0);
  const int outer2 = outer * outer, ramp = outer2 - inner * inner;
  const int dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  const auto first = [&](int p, int q) { return std::max((std::min(p, q) - outer) / pixel, 0); };
  const auto last = [&](int p, int q) {
    return std::min((std::max(p, q) + outer) / pixel, side - 1);
  };
  for (int y = first(a.y, b.y); y <= last(a.y, b.y); ++y)
    for (int x = first(a.x, b.x); x <= last(a.x, b.x); ++x) {
      const int px = x * pixel + pixel / 2 - a.x, py = y * pixel + pixel / 2 - a.y;
      const std::int64_t along = px * dx + py * dy; // a: 0, b: length2
      int d2 = px * px + py * py;
      if (along >= length2) {
        d2 = (px - dx) * (px - dx) + (py - dy) * (py - dy);
      } else if (along > 0) {
        d2 -= static_cast<int>(along * along / length2);
      }
      if (d2 >= outer2) continue;
      const int cover = std::min((outer2 - d2) * 256 / ramp, 256);
      auto& pixel_cover = ink.of[static_cast<std::size_t>(y * side + x)];
      pixel_cover = std::max(pixel_cover, static_cast<std::uint16_t>(cover));
    }
}

/// Inks a smooth curve through the points (Catmull-Rom, four lines to a span).
inline void ink_curve(Coverage& ink, std::span<const GridPoint> points, bool closed,
                      int half_width) {
  const int n = static_cast<int>(points.size());
  const auto at = [&](int i) { // beyond the ends: on around a closed curve, else the end itself
    if (i < 0) i = closed ? n - 2 : 0;
    if (i >= n) i = closed ? 1 : n - 1;
    return points[static_cast<std::size_t>(i)];
  };
  const auto blend = [](int p, int q, int r, int s, int t) { // t in quarters; q at 0, r at 4
    const int c1 = r - p, c2 = 2 * p - 5 * q + 4 * r - s, c3 = 3 * (q - r) + s - p;
    return q + (16 * c1 * t + 4 * c2 * t * t + c3 * t * t * t) / 128;
  };
  for (int i = 0; i + 1 < n; ++i) {
    const GridPoint p = at(i - 1), q = at(i), r = at(i + 1), s = at(i + 2);
    GridPoint from = q;
    for (int t = 1; t <= (n == 2 ? 1 : 4); ++t) {
      const GridPoint to =
          n == 2 ? r : GridPoint{blend(p.x, q.x, r.x, s.x, t), blend(p.y, q.y, r.y, s.y, t)};
      ink_line(ink, from, to, half_width);
      from = to;
    }
  }
}

using Canvas = std::array<std::uint8_t, area>;

inline void paint(Canvas& canvas, const Coverage& ink, int code) {
  for (std::size_t i = 0; i < canvas.size(); ++i)
    canvas[i] = static_cast<std::uint8_t>(canvas[i] + (code - canvas[i]) * ink.of[i] / 256);
}

} // namespace sgq::data::detail
