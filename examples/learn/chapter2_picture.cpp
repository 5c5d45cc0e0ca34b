// Chapter 2: the column matrix of a 4 x 4 image under a 3 x 3 kernel, the three copies that stand
// for it, and what happens without the copies. With --svg FILE it draws the matrix and the copies.
#include "columns.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

using namespace learn;

std::string svg;

// A matrix of pixels 1 to 16 (0: padding), cells of 24 units; `marked` rows are framed.
void draw(const char* title, const float* v, index_t rows, index_t width, double left, double top,
          index_t marked, index_t count) {
  char text[256];
  const auto put = [&](const char* format, auto... values) {
    std::snprintf(text, sizeof text, format, values...);
    svg += text;
  };
  put("<text x=\"%g\" y=\"%g\">%s</text>\n", left, top - 8, title);
  for (index_t i = 0; i < rows * width; ++i) {
    const int number = static_cast<int>(v[i]);
    const double x = left + 24.0 * double(i % width), y = top + 24.0 * double(i / width);
    put("<rect x=\"%g\" y=\"%g\" width=\"23\" height=\"23\" fill=\"hsl(%d,60%%,%d%%)\"/>\n", x, y,
        (number + 3) / 4 * 80, number ? 90 - (number - 1) % 4 * 9 : 96);
    if (number) put("<text x=\"%g\" y=\"%g\" class=\"n\">%d</text>\n", x + 11.5, y + 16, number);
  }
  put("<rect x=\"%g\" y=\"%g\" width=\"%ld\" height=\"%ld\" class=\"f\"/>\n", left - 1,
      top - 1 + 24.0 * double(marked), long(24 * width + 1), long(24 * count));
}

int main(int argc, char** argv) {
  const ConvGeometry g{1, 1, 4, 4, 1, 3, 3, 1, 1};
  sgq::Tensor<float> image({16}), columns, copies;
  for (index_t i = 0; i < 16; ++i) image[i] = static_cast<float>(i + 1);
  im2col(g, image.data(), columns);
  shifted_copies(g, image.data(), copies);
  int wrong = 0, outside = 0; // a window straight into the image: pixel p + (r - 1) 4 + (s - 1)
  for (index_t i = 0; i < columns.size(); ++i) {
    const index_t k = i / 16, at = i % 16 + (k / 3 - 1) * 4 + (k % 3 - 1);
    outside += at < 0 || at > 15;
    wrong += at >= 0 && at < 16 && image[at] != columns[i];
  }
  std::printf("16 pixels; column matrix: %d numbers; three copies: %d\n", int(columns.size()),
              int(copies.size()));
  std::printf("windows into the image itself: %d numbers wrong, %d outside of it\n", wrong,
              outside);
  svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 290\" width=\"720\" "
        "height=\"290\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#333\">\n"
        "<style>.n{text-anchor:middle;font-size:11px}.f{fill:none;stroke:#c4561b}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  draw("column matrix: row (r, s), column = output pixel", columns.data(), 9, 16, 12, 40, 5, 1);
  for (index_t s = 0; s < 3; ++s)
    draw(("copy s = " + std::to_string(s)).c_str(), copies.data() + s * 24, 6, 4,
         420 + 100.0 * double(s), 40, 1, s == 2 ? 4 : 0);
  if (argc == 3 && !std::strcmp(argv[1], "--svg")) std::ofstream(argv[2]) << svg << "</svg>\n";
}
