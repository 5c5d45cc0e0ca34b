// sgq/data/synthetic.hpp -- digits on clutter, made by a program, with the evidence known.
//
// Each image is 28 x 28 and one of ten classes. It is painted in layers: a dim ground, thin lines
// (clutter), dots and pieces of digits as bright as a digit (decoys), the digit itself, and noise
// over all. All layers but the digit are independent of the class, so only the digit's pixels
// tell it. They are the `evidence`, the ground truth for saliency maps. Digits move, slant,
// stretch and wobble, so no fixed template finds them.
//
// Everything is integer arithmetic on a grid of 1/256 pixel, and an image is a function of (seed,
// split, index): the same bytes on every machine and for every thread count.
#pragma once

#include "sgq/core/parallel.hpp"
#include "sgq/data/dataset.hpp"
#include "sgq/data/synthetic_glyphs.hpp"
#include "sgq/data/synthetic_pen.hpp"

namespace sgq::data {

namespace detail {

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
/// the digit. It lies near one of the four sides.
inline Coverage ink_decoy(Dice& dice, const Random& random) {
  Coverage ink;
  Hand hand = draw_hand(dice, random);
  int across = dice.between(0, 4 * pixel), along = dice.between(0, side * pixel);
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

/// The ground, thin lines and decoys: all that lies below the digit.
inline Canvas paint_clutter(const Random& random) {
  Dice dice(random);
  Canvas canvas;
  canvas.fill(static_cast<std::uint8_t>(dice.between(0, 40)));
  for (int lines = dice.between(1, 3); lines > 0; --lines) {
    Coverage ink;
    std::array<GridPoint, 3> points;
    for (GridPoint& p : points) p = {dice.between(0, side * pixel), dice.between(0, side * pixel)};
    ink_curve(ink, points, false, dice.between(90, 180));
    paint(canvas, ink, dice.between(50, 140));
  }
  for (int decoys = dice.between(2, 3); decoys > 0; --decoys) {
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
    if (cover < 40) cover = 0; // too faint to be seen, so no evidence
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
  paint(canvas, digit, dice.between(170, 255));
  add_noise(canvas, random.split(2), dice.between(8, 44));
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
SGQ_COMPILE_ONCE Dataset synthetic(index_t n, std::uint64_t seed, Split split) {
  if (n < 1) throw value_error(describe("synthetic images", "1 or more", to_text(n)));
  const Random random = Random(seed, 0x73796e74u).split(split == Split::train ? 0 : 1); // "synt"
  const Random classes = random.split(0), images = random.split(1);
  Dataset set;
  set.name = "synthetic";
  set.classes = 10;
  for (int c = 0; c < 10; ++c) set.class_names.push_back(to_text(c));
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
