// Pictures: a canvas of RGB bytes, a grid of labelled tiles, PNG files through stb_image_write.
//
//     write_png("maps.png", compose_grid(tiles, {.columns = {"fp32", "w2a2"}}));
#pragma once

#include "font.hpp"
#include "sgq/io/file.hpp"
#include "sgq/saliency/colormap.hpp"
#include "sgq/saliency/metrics/blank.hpp"

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

#include <string>
#include <vector>

namespace examples {

using sgq::index_t;
using sgq::Shape;
using sgq::Tensor;
using sgq::View;
using sgq::saliency::Rgb;

/// A picture [height, width, 3] to draw on. What falls outside is not drawn.
class Canvas {
public:
  Canvas(index_t width, index_t height, Rgb paper) : pixels_({height, width, 3}) {
    for (index_t y = 0; y < height; ++y)
      for (index_t x = 0; x < width; ++x) set(x, y, paper);
  }

  void set(index_t x, index_t y, Rgb c) {
    const index_t height = pixels_.shape()[0], width = pixels_.shape()[1];
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const index_t at = 3 * (y * width + x);
    pixels_[at] = c.r;
    pixels_[at + 1] = c.g;
    pixels_[at + 2] = c.b;
  }

  /// rgb [H,W,3] with its corner at (x, y), every pixel a square of `zoom`.
  void image(index_t x, index_t y, View<const std::uint8_t> rgb, index_t zoom) {
    const index_t height = rgb.shape()[0], width = rgb.shape()[1];
    for (index_t v = 0; v < zoom * height; ++v)
      for (index_t u = 0; u < zoom * width; ++u) {
        const std::uint8_t* p = rgb.data() + 3 * (v / zoom * width + u / zoom);
        set(x + u, y + v, {p[0], p[1], p[2]});
      }
  }

  void text(index_t x, index_t y, const std::string& line, index_t zoom, Rgb ink) {
    for (char c : line) {
      for (int v = 0; v < font::height * zoom; ++v)
        for (int u = 0; u < font::width * zoom; ++u)
          if (font::ink(c, u / static_cast<int>(zoom), v / static_cast<int>(zoom)))
            set(x + u, y + v, ink);
      x += (font::width + 1) * zoom;
    }
  }

  static index_t text_width(const std::string& line, index_t zoom) {
    return line.empty() ? 0 : (static_cast<index_t>(line.size()) * (font::width + 1) - 1) * zoom;
  }

  const Tensor<std::uint8_t>& pixels() const { return pixels_; }

private:
  Tensor<std::uint8_t> pixels_;
};

/// One picture of a grid, [H,W,3], and a line below it. An empty picture leaves its place empty.
struct Tile {
  Tensor<std::uint8_t> rgb{};
  std::string caption{};
};

struct GridOptions {
  std::string title{}, note{};        ///< above and below everything
  std::vector<std::string> columns{}; ///< heads
  std::vector<std::string> rows{};    ///< labels at the left
  index_t zoom = 0;                   ///< pixels a pixel; 0: tiles become about 112 wide
  index_t text_zoom = 2;
};

namespace detail {

/// Where things lie: every tile is as large as the largest, a column as wide as its widest text.
struct GridLayout {
  index_t zoom = 1, tile_width = 0, tile_height = 0; // of pictures, zoomed
  index_t gap = 0, line = 0;                         // between tiles; from one line to the next
  index_t top = 0, row = 0;                          // the first row; from one to the next
  std::vector<index_t> middle{};                     // of each column
  index_t width = 0, height = 0;                     // of the whole picture
  bool captions = false;                             // below any tile
};

/// The size of the tiles, and the widths of the columns' texts.
inline std::vector<index_t> measure_tiles(const std::vector<std::vector<Tile>>& tiles,
                                          const GridOptions& options, GridLayout& at) {
  std::vector<index_t> columns;
  const auto widen = [&](std::size_t column, const std::string& text) {
    if (columns.size() <= column) columns.resize(column + 1, 0);
    columns[column] = std::max(columns[column], Canvas::text_width(text, options.text_zoom));
  };
  for (std::size_t c = 0; c < options.columns.size(); ++c) widen(c, options.columns[c]);
  for (const auto& row : tiles)
    for (std::size_t c = 0; c < row.size(); ++c) {
      widen(c, row[c].caption);
      at.captions = at.captions || !row[c].caption.empty();
      if (row[c].rgb.empty()) continue;
      at.tile_height = std::max(at.tile_height, row[c].rgb.shape()[0]);
      at.tile_width = std::max(at.tile_width, row[c].rgb.shape()[1]);
    }
  at.zoom = options.zoom > 0 ? options.zoom
                             : std::max(index_t{1}, 112 / std::max(index_t{1}, at.tile_width));
  at.tile_width *= at.zoom;
  at.tile_height *= at.zoom;
  return columns;
}

inline GridLayout lay_out(const std::vector<std::vector<Tile>>& tiles, const GridOptions& options) {
  GridLayout at{};
  const auto width_of = [&](const std::string& s) {
    return Canvas::text_width(s, options.text_zoom);
  };
  at.gap = 4 * options.text_zoom;
  at.line = (font::height + 3) * options.text_zoom;
  const std::vector<index_t> columns = measure_tiles(tiles, options, at);
  index_t label = 0;
  for (const std::string& name : options.rows) label = std::max(label, width_of(name) + at.gap);
  index_t x = 2 * at.gap + label;
  for (index_t text : columns) {
    const index_t width = std::max(at.tile_width, text);
    at.middle.push_back(x + width / 2);
    x += width + at.gap;
  }
  const index_t widest = std::max(width_of(options.title), width_of(options.note));
  at.width = std::max(x, 2 * at.gap + widest + at.gap) + at.gap;
  at.row = at.tile_height + at.gap + (at.captions ? at.line : 0);
  at.top = 2 * at.gap + (options.title.empty() ? 0 : at.line + at.gap) +
           (options.columns.empty() ? 0 : at.line);
  at.height = at.top + static_cast<index_t>(tiles.size()) * at.row + at.gap +
              (options.note.empty() ? 0 : at.line);
  return at;
}

} // namespace detail

/// tiles[row][column] -> a picture [height, width, 3] on white.
inline Tensor<std::uint8_t> compose_grid(const std::vector<std::vector<Tile>>& tiles,
                                         const GridOptions& options) {
  const detail::GridLayout at = detail::lay_out(tiles, options);
  constexpr Rgb paper{255, 255, 255}, ink{34, 34, 34}, faint{110, 110, 110};
  const index_t text = options.text_zoom;
  Canvas canvas(at.width, at.height, paper);
  const auto centred = [&](std::size_t column, index_t y, const std::string& line, Rgb color) {
    canvas.text(at.middle[column] - Canvas::text_width(line, text) / 2, y, line, text, color);
  };
  canvas.text(2 * at.gap, 2 * at.gap, options.title, text, ink);
  for (std::size_t c = 0; c < options.columns.size(); ++c)
    centred(c, at.top - at.line, options.columns[c], ink);
  for (std::size_t r = 0; r < tiles.size(); ++r) {
    const index_t y = at.top + static_cast<index_t>(r) * at.row;
    if (r < options.rows.size())
      canvas.text(2 * at.gap, y + (at.tile_height - font::height * text) / 2, options.rows[r], text,
                  ink);
    for (std::size_t c = 0; c < tiles[r].size(); ++c) {
      const Tile& tile = tiles[r][c];
      if (!tile.rgb.empty()) canvas.image(at.middle[c] - at.tile_width / 2, y, tile.rgb, at.zoom);
      centred(c, y + at.tile_height + 2 * text, tile.caption, faint);
    }
  }
  canvas.text(2 * at.gap, at.height - at.line - at.gap / 2, options.note, text, faint);
  return canvas.pixels();
}

/// A tile of picture n of a batch [N,H,W,3].
inline Tile tile_of(View<const std::uint8_t> pictures, index_t n, std::string caption = {}) {
  const Shape& s = pictures.shape();
  Tile tile{Tensor<std::uint8_t>({s[1], s[2], s[3]}), std::move(caption)};
  std::copy_n(pictures.data() + n * s.stride(), s.stride(), tile.rgb.data());
  return tile;
}

/// A tile of map n of [N,H,W], which pictures [N,H,W,3] show. A map that is exactly 0 says so: as a
/// picture it would look like one that was left out, a plain grey photograph or a black panel.
inline Tile tile_of_map(View<const std::uint8_t> pictures, View<const float> maps, index_t n,
                        std::string caption = {}) {
  const index_t d = maps.shape().stride();
  if (!sgq::saliency::is_blank(maps.data() + n * d, d))
    return tile_of(pictures, n, std::move(caption));
  const index_t height = maps.shape()[1], width = maps.shape()[2];
  Canvas canvas(width, height, {238, 238, 238});
  index_t y = (height - 2 * font::height - 1) / 2;
  for (const char* word : {"all", "zero"}) {
    canvas.text((width - Canvas::text_width(word, 1)) / 2, y, word, 1, {110, 110, 110});
    y += font::height + 1;
  }
  return {canvas.pixels(), std::move(caption)};
}

/// The bytes of a PNG file of rgb [height, width, 3]; `name` is it in messages. Throws io_error.
inline std::string encode_png(View<const std::uint8_t> rgb, const std::string& name) {
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<char*>(data), static_cast<std::size_t>(size));
  };
  const int height = static_cast<int>(rgb.shape()[0]), width = static_cast<int>(rgb.shape()[1]);
  if (stbi_write_png_to_func(append, &bytes, width, height, 3, rgb.data(), 3 * width) == 0)
    throw sgq::io_error(sgq::describe(name, "a picture that PNG can hold", rgb.shape().str()));
  return bytes;
}

/// Writes rgb [height, width, 3]; an interrupted program leaves the old file or the new one. Throws
/// io_error.
inline void write_png(const std::string& path, View<const std::uint8_t> rgb) {
  sgq::io::write_file_atomically(path, encode_png(rgb, path));
}

} // namespace examples
