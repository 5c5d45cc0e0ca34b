// Grey pictures of images and maps in a row, as SVG text. Pixels of one shade are one path, so that
// a picture of 28 x 28 takes a few kilobytes.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace learn {

struct Picture {
  std::string title;
  std::vector<float> pixels; ///< rows of `side`, any range; |pixel| is drawn, the largest black
};

inline std::string to_svg(const std::vector<Picture>& pictures, int side = 28) {
  constexpr int shades = 10, scale = 4, gap = 12, head = 18;
  const int width = static_cast<int>(pictures.size()) * (side * scale + gap) - gap;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                    std::to_string(width) + " " + std::to_string(side * scale + head) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n";
  int left = 0;
  for (const Picture& p : pictures) {
    float largest = 1e-30f;
    for (const float v : p.pixels) largest = std::max(largest, std::abs(v));
    svg += "<g transform=\"translate(" + std::to_string(left) + " " + std::to_string(head) +
           ") scale(" + std::to_string(scale) + ")\"><rect width=\"" + std::to_string(side) +
           "\" height=\"" + std::to_string(side) + "\" fill=\"#fff\"/>\n";
    for (int shade = 1; shade <= shades; ++shade) {
      std::string path;
      for (std::size_t i = 0; i < p.pixels.size(); ++i)
        if (std::lround(shades * std::abs(p.pixels[i]) / largest) == shade)
          path += "M" + std::to_string(static_cast<int>(i) % side) + " " +
                  std::to_string(static_cast<int>(i) / side) + "h1v1h-1z";
      const std::string grey = std::to_string(100 - 10 * shade) + "%";
      if (!path.empty())
        svg += "<path fill=\"rgb(" + grey + "," + grey + "," + grey + ")\" d=\"" + path + "\"/>\n";
    }
    svg += "</g>\n<text x=\"" + std::to_string(left) + "\" y=\"12\" fill=\"#777\">" + p.title +
           "</text>\n";
    left += side * scale + gap;
  }
  return svg + "</svg>\n";
}

} // namespace learn
