// sgq/data/synthetic_glyphs.hpp -- how the digits of the synthetic set are written: pen strokes.
//
// A glyph lies in a box 16 wide and 24 high, y downwards. A stroke is a smooth curve through its
// points (Catmull and Rom, "A class of local interpolating splines", 1974); two points make a
// straight line, and a stroke that ends where it began is closed. Corners are where one stroke ends
// and the next begins.
#pragma once

#include "sgq/config.hpp"

#include <cstdint>
#include <span>

namespace sgq::data::detail {

struct GlyphPoint {
  std::int8_t x, y;
  constexpr bool operator==(const GlyphPoint&) const = default;
};

inline constexpr GlyphPoint glyph_centre{8, 12};

/// Marks the end of a stroke.
inline constexpr GlyphPoint pen_up{-1, -1};

inline constexpr GlyphPoint zero[] = {{8, 0},   {3, 4},   {1, 12}, {3, 20}, {8, 24},
                                      {13, 20}, {15, 12}, {13, 4}, {8, 0},  pen_up};
inline constexpr GlyphPoint one[] = {{8, 0}, {8, 24}, pen_up};
inline constexpr GlyphPoint one_with_flag[] = {{3, 5}, {9, 0}, pen_up, {9, 0}, {9, 24}, pen_up};
inline constexpr GlyphPoint one_with_foot[] = {{4, 5}, {8, 0},  pen_up,  {8, 0},   {8, 24},
                                               pen_up, {3, 24}, {8, 24}, {13, 24}, pen_up};
inline constexpr GlyphPoint two[] = {{2, 6},  {4, 1}, {9, 0},  {14, 4},  {13, 10}, {8, 17},
                                     {2, 24}, pen_up, {2, 24}, {15, 24}, pen_up};
inline constexpr GlyphPoint three[] = {{2, 3},  {7, 0},  {13, 3},  {12, 8},  {6, 11},
                                       pen_up,  {6, 11}, {13, 13}, {15, 18}, {12, 23},
                                       {6, 24}, {1, 21}, pen_up};
inline constexpr GlyphPoint four[] = {{11, 0}, {1, 16}, pen_up,   {1, 16}, {16, 16},
                                      pen_up,  {11, 0}, {11, 24}, pen_up};
inline constexpr GlyphPoint four_open[] = {{3, 0}, {2, 13}, pen_up,   {2, 13}, {15, 13},
                                           pen_up, {12, 3}, {12, 24}, pen_up};
inline constexpr GlyphPoint five[] = {{14, 0},  {4, 0},  pen_up,  {4, 0},   {3, 10},
                                      pen_up,   {3, 10}, {8, 8},  {13, 10}, {15, 16},
                                      {12, 22}, {7, 24}, {1, 21}, pen_up};
inline constexpr GlyphPoint six[] = {{12, 0},  {6, 5},   {2, 12}, {1, 18}, {4, 23}, {9, 24},
                                     {14, 20}, {13, 14}, {8, 12}, {1, 18}, pen_up};
inline constexpr GlyphPoint seven[] = {{1, 0}, {15, 0}, pen_up, {15, 0}, {9, 12}, {6, 24}, pen_up};
inline constexpr GlyphPoint seven_with_bar[] = {{1, 0},  {15, 0}, pen_up,  {15, 0},  {10, 12},
                                                {7, 24}, pen_up,  {5, 12}, {15, 12}, pen_up};
inline constexpr GlyphPoint eight[] = {{8, 11},  {3, 8},   {3, 3},  {8, 0},  {13, 3}, {13, 8},
                                       {8, 11},  pen_up,   {8, 11}, {2, 15}, {2, 21}, {8, 24},
                                       {14, 21}, {14, 15}, {8, 11}, pen_up};
inline constexpr GlyphPoint nine[] = {{14, 6}, {11, 1}, {6, 0},  {2, 4},   {3, 9},  {8, 12},
                                      {14, 6}, pen_up,  {14, 6}, {14, 14}, {9, 24}, pen_up};

struct DigitStyles {
  std::span<const GlyphPoint> style[3]; ///< drawn with equal chance
};

inline constexpr DigitStyles digit_styles[10] = {
    {{zero, zero, zero}},      {{one, one_with_flag, one_with_foot}},
    {{two, two, two}},         {{three, three, three}},
    {{four, four, four_open}}, {{five, five, five}},
    {{six, six, six}},         {{seven, seven, seven_with_bar}},
    {{eight, eight, eight}},   {{nine, nine, nine}},
};

} // namespace sgq::data::detail
