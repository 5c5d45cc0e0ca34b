// sgq/data/synthetic.hpp -- digits on clutter, made by a program, with the evidence known.
//
// Each image is 28 x 28 and one of ten classes. It is painted in layers: a dim ground, thin lines
// and blobs (clutter), pieces of digits as bright as a digit (decoys), the digit itself, and noise
// over all. What is below and above the digit is drawn without looking at the class, so the class
// is written in the digit's pixels and nowhere else: those are `evidence`, the truth against which
// a saliency map can be judged. Digits move, slant, stretch and wobble, so no fixed template finds
// them.
//
// Everything is integer arithmetic on a grid of 1/256 pixel, and an image is a function of (seed,
// split, index): the same bytes on every machine and for every thread count.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/data/dataset.hpp"
#include "sgq/data/synthetic_glyphs.hpp"

namespace sgq::data {

namespace detail {

inline constexpr int side = 28, area = side * side;
inline constexpr int pixel = 256; ///< grid units per pixel

/// Draws numbers one after the other.
class Dice {
public:
  explicit Dice(const Random& random) : random_(random) {}
  int between(int low, int high) { // both included
    return low + static_cast<int>(random_.below(position_++, high - low + 1));
  }

private:
  Random random_;
  index_t position_ = 0;
};

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
      const int cover = std::min((outer2 - d2) * 16 / (ramp / 16), 256);
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

/// Where and how a glyph is written: centre, an affine map (grid units per glyph unit), a wobble of
/// each of its points, and the pen's half width.
struct Hand {
  GridPoint centre;
  int xx, xy, yx, yy, wobble, half_width;
  Random random;

  GridPoint place(GlyphPoint p) const {
    // The wobble belongs to the point, so strokes that meet stay joined.
    const index_t id = 2 * (p.y * 32 + p.x);
    const int x = p.x - glyph_centre.x, y = p.y - glyph_centre.y, w = 2 * wobble + 1;
    return {centre.x + xx * x + xy * y + static_cast<int>(random.below(id, w)) - wobble,
            centre.y + yx * x + yy * y + static_cast<int>(random.below(id + 1, w)) - wobble};
  }
};

inline Hand draw_hand(Dice& dice, const Random& random) {
  return {.centre = {14 * pixel + dice.between(-900, 900), 14 * pixel + dice.between(-640, 640)},
          .xx = dice.between(150, 220),
          .xy = dice.between(-56, 40),
          .yx = dice.between(-36, 36),
          .yy = dice.between(156, 212),
          .wobble = 130,
          .half_width = dice.between(190, 360),
          .random = random};
}

/// Inks all strokes of a glyph.
inline void ink_glyph(Coverage& ink, std::span<const GlyphPoint> glyph, const Hand& hand) {
  std::array<GridPoint, 16> points{};
  std::size_t n = 0, first = 0;
  for (std::size_t i = 0; i < glyph.size(); ++i) {
    if (!(glyph[i] == pen_up)) {
      points[n++] = hand.place(glyph[i]);
      continue;
    }
    const bool closed = glyph[first] == glyph[i - 1];
    ink_curve(ink, std::span(points).first(n), closed, hand.half_width);
    first = i + 1, n = 0;
  }
}

/// A decoy: a dot, or two or three neighbouring points of some digit's stroke, too little to tell
/// which digit it is of. It lies near one of the four sides.
inline Coverage ink_decoy(Dice& dice, const Random& random) {
  Coverage ink;
  Hand hand = draw_hand(dice, random);
  int across = dice.between(0, 5 * pixel), along = dice.between(0, side * pixel);
  if (dice.between(0, 1) == 1) across = side * pixel - across;
  hand.centre = dice.between(0, 1) == 1 ? GridPoint{along, across} : GridPoint{across, along};
  if (dice.between(0, 2) == 0) {
    ink_line(ink, hand.centre, hand.centre, dice.between(380, 600));
    return ink;
  }
  const std::span<const GlyphPoint> glyph = digit_styles[dice.between(0, 9)].style[0];
  std::size_t first = static_cast<std::size_t>(dice.between(0, static_cast<int>(glyph.size()) - 3));
  if (glyph[first] == pen_up || glyph[first + 1] == pen_up) first = 0;
  std::array<GridPoint, 3> points{};
  std::size_t n = 0;
  // ... the piece is written around the centre, not where the glyph has it.
  for (std::size_t i = first; i < first + 3 && !(glyph[i] == pen_up); ++i) {
    const GridPoint p = hand.place(glyph[i]), origin = hand.place(glyph[first + 1]);
    points[n++] = {hand.centre.x + p.x - origin.x, hand.centre.y + p.y - origin.y};
  }
  ink_curve(ink, std::span(points).first(n), false, hand.half_width);
  return ink;
}

using Canvas = std::array<std::uint8_t, area>;

inline void paint(Canvas& canvas, const Coverage& ink, int code) {
  for (std::size_t i = 0; i < canvas.size(); ++i)
    canvas[i] = static_cast<std::uint8_t>(canvas[i] + (code - canvas[i]) * ink.of[i] / 256);
}

/// The ground, thin lines, blobs and decoys: all that lies below the digit.
inline Canvas paint_clutter(const Random& random) {
  Dice dice(random);
  Canvas canvas;
  canvas.fill(static_cast<std::uint8_t>(dice.between(0, 48)));
  for (int lines = dice.between(2, 4); lines > 0; --lines) {
    Coverage ink;
    std::array<GridPoint, 3> points;
    for (GridPoint& p : points) p = {dice.between(0, side * pixel), dice.between(0, side * pixel)};
    ink_curve(ink, points, false, dice.between(90, 200));
    paint(canvas, ink, dice.between(50, 160));
  }
  for (int decoys = dice.between(2, 4); decoys > 0; --decoys) {
    const Coverage ink = ink_decoy(dice, random.split(static_cast<std::uint64_t>(decoys)));
    paint(canvas, ink, dice.between(150, 255));
  }
  return canvas;
}

/// The digit alone, as ink.
inline Coverage ink_digit(const Random& random, int label) {
  Dice dice(random);
  const Hand hand = draw_hand(dice, random.split(0));
  Coverage ink;
  ink_glyph(ink, digit_styles[label].style[dice.between(0, 2)], hand);
  for (auto& cover : ink.of)
    if (cover < 40) cover = 0; // no evidence that nobody can see
  return ink;
}

/// Noise with a triangular distribution on [-amplitude, amplitude].
inline void add_noise(Canvas& canvas, const Random& random, int amplitude) {
  for (std::size_t i = 0; i < canvas.size(); ++i) {
    const std::uint32_t word = random.bits(static_cast<index_t>(i / 2)) >> (16 * (i % 2));
    const int noise = static_cast<int>(word & 255) + static_cast<int>(word >> 8 & 255) - 255;
    canvas[i] = static_cast<std::uint8_t>(std::clamp(canvas[i] + noise * amplitude / 255, 0, 255));
  }
}

/// Paints an image of this class and its evidence mask (1 under the digit's ink).
inline void paint_image(const Random& random, int label, std::uint8_t* image,
                        std::uint8_t* evidence) {
  Canvas canvas = paint_clutter(random.split(0));
  const Coverage digit = ink_digit(random.split(1), label);
  Dice dice(random);
  paint(canvas, digit, dice.between(160, 255));
  add_noise(canvas, random.split(2), dice.between(10, 48));
  std::copy(canvas.begin(), canvas.end(), image);
  for (std::size_t i = 0; i < canvas.size(); ++i) evidence[i] = digit.of[i] > 0;
}

/// Ten images in a row hold each class once.
inline std::uint8_t label_of(const Random& random, index_t index) {
  std::array<std::uint8_t, 10> classes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  shuffle(classes, random.split(static_cast<std::uint64_t>(index / 10)));
  return classes[static_cast<std::size_t>(index % 10)];
}

} // namespace detail

/// n images of a seed; the first n of a longer set are the same. Train and test share no image.
/// Throws value_error if n < 1.
inline Dataset synthetic(index_t n, std::uint64_t seed, Split split) {
  if (n < 1) throw value_error(describe("synthetic images", "1 or more", std::to_string(n)));
  const Random random = Random(seed, 0x73796e74u).split(split == Split::train ? 0 : 1); // "synt"
  const Random classes = random.split(0), images = random.split(1);
  Dataset set;
  set.name = "synthetic";
  set.classes = 10;
  for (int c = 0; c < 10; ++c) set.class_names.push_back(std::to_string(c));
  set.images.resize({n, 1, detail::side, detail::side});
  set.evidence.resize(set.images.shape());
  set.labels.resize(static_cast<std::size_t>(n));
  parallel_blocks(n, 32, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const std::uint8_t label = detail::label_of(classes, i);
      set.labels[static_cast<std::size_t>(i)] = label;
      detail::paint_image(images.split(static_cast<std::uint64_t>(i)), label,
                          set.images.data() + i * detail::area,
                          set.evidence.data() + i * detail::area);
    }
  });
  return set;
}

} // namespace sgq::data
