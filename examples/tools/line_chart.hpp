// A line chart as SVG text: axes with round ticks, one line per series, its name at the right end in
// its own colour. It needs no script and no font file, so it can stand alone or inside a page.
#pragma once

#include "sgq/saliency/colormap.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace examples {

struct LineChart {
  struct Line {
    std::string name{};
    std::vector<std::pair<double, double>> points{};
    std::string color{}; ///< of CSS; "" for one of the colour map
    bool dashed = false;
  };
  std::string title{}, x_label{}, y_label{};
  std::vector<Line> lines{};
  /// The part of the colour map that is used; its palest fifth would vanish on white.
  double darkest = 0, lightest = 0.8;
};

namespace detail {

inline std::string escape_xml(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '<'   ? "&lt;"
           : c == '>' ? "&gt;"
           : c == '&' ? "&amp;"
           : c == '"' ? "&quot;"
                      : std::string(1, c);
  return out;
}

/// "%.4g"
inline std::string short_number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

/// A step of 1, 2 or 5 times a power of ten that cuts the range into at most `most` parts.
inline double round_step(double range, int most) {
  const double rough = range / most, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

/// The colour of line k: its own, or one of the sequential colour map.
inline std::string line_color(const LineChart& chart, std::size_t k) {
  if (!chart.lines[k].color.empty()) return chart.lines[k].color;
  const std::size_t n = chart.lines.size();
  const double width = chart.lightest - chart.darkest,
               at = n > 1 ? chart.darkest +
                                width * static_cast<double>(k) / static_cast<double>(n - 1)
                          : 0.3;
  const auto [r, g, b] = sgq::saliency::color(sgq::saliency::Palette::sequential, at);
  char text[16];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", r, g, b);
  return text;
}

/// How a line's stroke looks, as attributes.
inline std::string stroke_of(const LineChart& chart, std::size_t k) {
  return "stroke=\"" + line_color(chart, k) + "\"" +
         (chart.lines[k].dashed ? " stroke-dasharray=\"4 3\"" : "");
}

/// Moves label positions apart, so that neighbours are at least `gap` from each other, each as near
/// to where it was as the order allows, none above `highest`.
inline void spread(std::vector<std::pair<double, std::size_t>>& at, double gap, double highest) {
  std::sort(at.begin(), at.end());
  for (std::size_t i = 1; i < at.size(); ++i)
    at[i].first = std::max(at[i].first, at[i - 1].first + gap);
  double limit = highest;
  for (std::size_t i = at.size(); i-- > 0; limit = at[i].first - gap)
    at[i].first = std::min(at[i].first, limit);
}

/// Draws a chart of 720 x 400 units; y begins at 0.
class LineDrawing {
public:
  explicit LineDrawing(const LineChart& chart) : chart_(chart) {
    for (const auto& line : chart.lines)
      for (const auto& [x, y] : line.points)
        x_high_ = std::max(x_high_, x), y_high_ = std::max(y_high_, y);
    y_step_ = round_step(y_high_, 6);
    y_high_ = y_step_ * std::ceil(y_high_ / y_step_);
  }

  std::string run() {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
        "height=\"%g\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#333\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        width, height, width, height);
    label(left, 24, "font-size=\"15\" font-weight=\"600\"", chart_.title);
    axes();
    lines();
    return svg_ + "</svg>\n";
  }

private:
  static constexpr double width = 720, height = 400, left = 64, right = 590, top = 44, bottom = 348;

  double px(double x) const { return left + (right - left) * x / x_high_; }
  double py(double y) const { return bottom - (bottom - top) * y / y_high_; }

  template <class... Values>
  void put(const char* format, Values... values) {
    char text[512];
    std::snprintf(text, sizeof text, format, values...);
    svg_ += text;
  }
  void label(double x, double y, const char* more, const std::string& text) {
    put("<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    svg_ += escape_xml(text) + "</text>\n";
  }

  void axes() {
    for (double y = 0; y <= y_high_ * 1.0001; y += y_step_) {
      put("<line x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, right,
          py(y), py(y));
      label(left - 8, py(y) + 4, "text-anchor=\"end\"", short_number(y));
    }
    const double step = round_step(x_high_, 8);
    for (double x = 0; x <= x_high_ * 1.0001; x += step)
      label(px(x), bottom + 18, "text-anchor=\"middle\"", short_number(x));
    label((left + right) / 2, height - 12, "text-anchor=\"middle\"", chart_.x_label);
    label(14, top - 8, "", chart_.y_label);
  }

  void lines() {
    const std::size_t count = chart_.lines.size();
    std::vector<std::pair<double, std::size_t>> ends;
    for (std::size_t k = 0; k < count; ++k) {
      const auto& points = chart_.lines[k].points;
      if (points.empty()) continue;
      put("<polyline fill=\"none\" stroke-width=\"1.6\" %s points=\"",
          stroke_of(chart_, k).c_str());
      for (const auto& [x, y] : points) put("%.1f,%.1f ", px(x), py(y));
      svg_ += "\"/>\n";
      ends.emplace_back(py(points.back().second), k);
    }
    spread(ends, 14, bottom + 10);
    for (const auto& [y, k] : ends)
      label(right + 8, y + 4, ("fill=\"" + line_color(chart_, k) + "\"").c_str(),
            chart_.lines[k].name + "  " + short_number(chart_.lines[k].points.back().second));
  }

  const LineChart& chart_;
  double x_high_ = 1e-9, y_high_ = 1e-9, y_step_ = 1;
  std::string svg_;
};

} // namespace detail

inline std::string to_svg(const LineChart& chart) {
  return detail::LineDrawing(chart).run();
}

/// Charts one below the other, as one picture.
inline std::string stacked(const std::vector<std::string>& charts) {
  char head[160];
  const int width = 720, height = 400, all = height * static_cast<int>(charts.size());
  std::snprintf(head, sizeof head,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
                "height=\"%d\">\n",
                width, all, width, all);
  std::string svg = head;
  for (std::size_t k = 0; k < charts.size(); ++k)
    svg += "<g transform=\"translate(0 " + sgq::to_text(static_cast<int>(k) * height) + ")\">\n" +
           charts[k] + "</g>\n";
  return svg + "</svg>\n";
}

} // namespace examples
