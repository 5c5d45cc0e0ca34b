// sgq/io/ppm.hpp -- pictures as files that image viewers open, in one call and without a library.
//
//     io::write_ppm("map.ppm", saliency::colorize(maps));        colours [N, H, W, 3]
//     io::write_ppm("image.ppm", saliency::to_rgb(codes));
//     io::write_pgm("digit.pgm", codes.view().reshape({28, 28})); grey levels [H, W]
//
// The formats are netpbm's binary ones, with 255 as the brightest level:
//
//     P6 \n WIDTH HEIGHT \n 255 \n      then a byte each of red, green and blue, row by row
//     P5 \n WIDTH HEIGHT \n 255 \n      then a byte per pixel
//
// Several coloured pictures of one size become one, one below the other.
#pragma once

#include "sgq/io/dtype.hpp"
#include "sgq/io/file.hpp"

#include <string>
#include <string_view>

namespace sgq::io {

namespace detail {
inline std::string format_netpbm(std::string_view what, std::string_view magic,
                                 View<const std::uint8_t> picture, int rank, index_t samples,
                                 std::string_view layout) {
  const Shape& s = picture.shape();
  const bool fits = s.rank() == rank || (samples > 1 && s.rank() == rank + 1);
  if (!fits || picture.empty() || (samples > 1 && s[s.rank() - 1] != samples))
    throw shape_error(describe(what, layout, s.str()));
  const index_t width = s[s.rank() - (samples > 1 ? 2 : 1)];
  const index_t height = picture.size() / (width * samples);
  return std::string(magic) + "\n" + to_text(width) + " " + to_text(height) + "\n255\n" +
         std::string(bytes_of(picture));
}
} // namespace detail

/// The bytes of a PPM file: colours [H, W, 3] or [N, H, W, 3]. Throws shape_error.
inline std::string format_ppm(View<const std::uint8_t> rgb) {
  return detail::format_netpbm("PPM", "P6", rgb, 3, 3, "colours [H, W, 3] or [N, H, W, 3]");
}

/// The bytes of a PGM file: grey levels [H, W]. Throws shape_error.
inline std::string format_pgm(View<const std::uint8_t> grey) {
  return detail::format_netpbm("PGM", "P5", grey, 2, 1, "grey levels [H, W]");
}

/// Writes the file as write_file_atomically() does.
inline void write_ppm(const std::string& path, View<const std::uint8_t> rgb) {
  write_file_atomically(path, format_ppm(rgb));
}
inline void write_pgm(const std::string& path, View<const std::uint8_t> grey) {
  write_file_atomically(path, format_pgm(grey));
}

} // namespace sgq::io
