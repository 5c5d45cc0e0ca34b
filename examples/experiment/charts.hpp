// The page's charts as SVG text, drawn small so that they can be read on a phone.
//
//     IntervalChart   means with their intervals: a column per category, a mark and a whisker per
//                     series, a ring for every seed
//     to_small_svg    a line chart of the same look
//
// Colours are the page's variables, which follow light and dark; alone, the pictures use the
// colours behind the comma.
#pragma once

#include "study.hpp"

#include "../tools/line_chart.hpp"

namespace examples {

/// Each kind of training keeps its colour and its side through all charts.
inline constexpr const char* plain_color = "var(--plain,#4a6785)";
inline constexpr const char* guided_color = "var(--guided,#c4561b)";
inline constexpr const char* control_color = "var(--control,#7d6a9b)";
inline constexpr const char* longer_color = "var(--longer,#4f8438)";

inline const char* color_of(const std::string& training) {
  return training == how::guided          ? guided_color
         : training == how::plain         ? plain_color
         : training == how::equal_compute ? longer_color
                                          : control_color;
}

/// Short enough for a legend.
inline std::string legend_of(const std::string& training) {
  return training == how::equal_compute ? "longer" : training;
}

struct IntervalChart {
  struct Series {
    std::string name{}, color{};
    std::vector<std::optional<Level>> values{}; ///< one per category
  };
  std::string title{}, y_label{};
  std::vector<std::string> categories{}; ///< '\n' breaks the line
  std::vector<Series> series{};
  double scale = 1; ///< 100 for percent
  bool with_zero = false;
};

namespace detail {

/// The range of everything drawn, with round ends.
struct ChartRange {
  double low = 0, high = 1, step = 0.2;
};

inline ChartRange range_of(const IntervalChart& chart) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  const auto see = [&](double v) {
    if (std::isnan(v)) return;
    low = std::min(low, chart.scale * v);
    high = std::max(high, chart.scale * v);
  };
  for (const auto& s : chart.series) {
    for (const auto& v : s.values) {
      if (!v) continue;
      for (double x : {v->seeds.mean, v->seeds.low, v->seeds.high}) see(x);
      for (double x : v->by_seed) see(x);
    }
  }
  if (!(low <= high)) return {};
  if (chart.with_zero) see(0);
  if (high - low < 1e-9 * std::max(1.0, std::abs(high))) low -= 0.5, high += 0.5;
  const double step = round_step(1.06 * (high - low), 5);
  return {step * std::floor(low / step), step * std::ceil(high / step), step};
}

/// Ticks with as many digits as their step needs.
inline std::string tick_text(double v, double step) {
  char text[32];
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  std::snprintf(text, sizeof text, "%.*f", digits, std::abs(v) < 1e-12 ? 0.0 : v);
  return text[0] == '-' ? "\u2212" + std::string(text + 1) : text;
}

/// What all small charts share: a title, a line that says what goes up, and a scale at the left.
class SmallChart {
protected:
  static constexpr double height = 272, left = 40, top = 50, bottom = 228;
  double width = 360;

  SmallChart(double right, const ChartRange& range, double scale)
      : right_(right), range_(range), scale_(scale) {}

  template <class... Values>
  void put(const char* format, Values... values) {
    char text[400];
    std::snprintf(text, sizeof text, format, values...);
    svg_ += text;
  }
  void label(double x, double y, const char* more, const std::string& text) {
    put("<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    svg_ += escape_xml(text) + "</text>\n";
  }
  double y_of(double v) const {
    return bottom - (bottom - top) * (scale_ * v - range_.low) / (range_.high - range_.low);
  }

  void begin(const std::string& title, const std::string& y_label) {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
        "height=\"%g\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11.5\" "
        "fill=\"var(--ink,#3d434b)\">\n",
        width, height, width, height);
    svg_ += "<title>" + escape_xml(title + ": " + y_label) + "</title>\n";
    const char* size = title.size() > 40 ? "12" : "13.5"; // a long one must fit, too
    label(
        2, 15,
        (std::string("font-size=\"") + size + "\" font-weight=\"600\" fill=\"var(--ink,#1c2026)\"")
            .c_str(),
        title);
    label(2, 33, "fill=\"var(--soft,#6a717b)\"", y_label);
    for (double v = range_.low; v <= range_.high + range_.step / 2; v += range_.step) {
      const double y = y_of(v / scale_);
      put("<line x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"var(--line,#e4e6ea)\"/>\n",
          left, right_, y, y);
      label(left - 6, y + 4, "text-anchor=\"end\" fill=\"var(--soft,#6a717b)\"",
            tick_text(v, range_.step));
    }
  }
  /// Names with their colours, at the right of the second line. A name's width is a guess, wide
  /// enough for most fonts; where there are many names, they stand closer.
  void legend(const std::vector<std::pair<std::string, std::string>>& entries) {
    const auto slot = [&](const std::string& name) {
      return 7.1 * static_cast<double>(name.size()) + (entries.size() > 3 ? 15 : 22);
    };
    double x = right_ + 10;
    for (const auto& [name, color] : entries) x -= slot(name);
    for (const auto& [name, color] : entries) {
      put("<circle cx=\"%.1f\" cy=\"29\" r=\"4\" fill=\"%s\"/>\n", x, color.c_str());
      label(x + 8, 33, "", name);
      x += slot(name);
    }
  }
  std::string end() { return std::move(svg_) + "</svg>\n"; }

  double right_;
  ChartRange range_;
  double scale_;
  std::string svg_;
};

class IntervalDrawing : SmallChart {
public:
  explicit IntervalDrawing(const IntervalChart& chart)
      : SmallChart(356, range_of(chart), chart.scale), chart_(chart) {}

  std::string run() {
    begin(chart_.title, chart_.y_label);
    std::vector<std::pair<std::string, std::string>> names;
    for (const auto& s : chart_.series) names.emplace_back(s.name, s.color);
    legend(names);
    for (std::size_t c = 0; c < chart_.categories.size(); ++c) {
      const std::string& text = chart_.categories[c];
      const std::size_t cut = text.find('\n');
      label(middle(c), bottom + 18, "text-anchor=\"middle\"", text.substr(0, cut));
      if (cut != text.npos)
        label(middle(c), bottom + 32, "text-anchor=\"middle\"", text.substr(cut + 1));
    }
    for (std::size_t s = 0; s < chart_.series.size(); ++s) draw_series(s);
    return end();
  }

private:
  double column() const {
    return (right_ - left) /
           static_cast<double>(std::max<std::size_t>(1, chart_.categories.size()));
  }
  double middle(std::size_t c) const { return left + column() * (static_cast<double>(c) + 0.5); }

  void draw_series(std::size_t s) {
    const auto& series = chart_.series[s];
    const char* color = series.color.c_str();
    const double count = static_cast<double>(chart_.series.size());
    const double shift =
        (static_cast<double>(s) - (count - 1) / 2) * std::min(15.0, column() / (count + 1));
    for (std::size_t c = 0; c < series.values.size(); ++c) {
      if (!series.values[c] || std::isnan(series.values[c]->seeds.mean)) continue;
      const Level& v = *series.values[c];
      const double x = middle(c) + shift;
      if (!std::isnan(v.seeds.low))
        put("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
            "stroke-width=\"1.8\" stroke-linecap=\"round\"/>\n",
            x, x, y_of(v.seeds.low), y_of(v.seeds.high), color);
      for (double one : v.by_seed)
        if (v.by_seed.size() > 1 && !std::isnan(one))
          put("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\" fill=\"none\" stroke=\"%s\" "
              "opacity=\".6\"/>\n",
              x + 5.5 * (s == 0 ? -1 : 1), y_of(one), color);
      put("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"var(--page,#fff)\"/>\n", x,
          y_of(v.seeds.mean), color);
    }
  }

  const IntervalChart& chart_;
};

/// Lines with their names at their ends, while there are few; lines that have colours of their own
/// in a legend.
class CourseDrawing : SmallChart {
public:
  explicit CourseDrawing(LineChart chart)
      : SmallChart(chart.lines.size() > most_names || has_colors(chart) ? 350 : 240, range(chart),
                   1),
        chart_(std::move(chart)) {
    chart_.darkest = 0.3, chart_.lightest = 0.75; // to be seen on a dark page, too
  }

  std::string run() {
    begin(chart_.title, chart_.y_label);
    double x_high = 1e-9;
    for (const auto& line : chart_.lines)
      for (const auto& point : line.points) x_high = std::max(x_high, point.first);
    const auto px = [&](double x) { return left + (right_ - left) * x / x_high; };
    const double step = round_step(x_high, 5);
    for (double x = 0; x <= x_high * 1.0001; x += step)
      label(px(x), bottom + 18, "text-anchor=\"middle\"", short_number(x));
    label((left + right_) / 2, bottom + 36, "text-anchor=\"middle\" fill=\"var(--soft,#6a717b)\"",
          chart_.x_label);
    std::vector<std::pair<double, std::size_t>> ends;
    for (std::size_t k = 0; k < chart_.lines.size(); ++k) {
      put("<polyline fill=\"none\" stroke-width=\"1.7\" %s points=\"",
          stroke_of(chart_, k).c_str());
      for (const auto& [x, y] : chart_.lines[k].points) put("%.1f,%.1f ", px(x), y_of(y));
      svg_ += "\"/>\n";
      ends.emplace_back(y_of(chart_.lines[k].points.back().second), k);
    }
    if (has_colors(chart_)) {
      std::vector<std::pair<std::string, std::string>> names;
      for (const auto& line : chart_.lines)
        if (!line.dashed) names.emplace_back(line.name, line.color);
      legend(names);
    }
    if (chart_.lines.size() > most_names || has_colors(chart_)) return end();
    spread(ends, 14, bottom);
    for (const auto& [y, k] : ends)
      label(right_ + 6, y + 4, ("fill=\"" + line_color(chart_, k) + "\"").c_str(),
            chart_.lines[k].name + " " + three_digits(chart_.lines[k].points.back().second));
    return end();
  }

private:
  static constexpr std::size_t most_names = 8;

  static bool has_colors(const LineChart& chart) {
    return !chart.lines.empty() && !chart.lines.front().color.empty();
  }
  static std::string three_digits(double v) {
    return tick_text(v, v == 0 ? 1 : std::pow(10.0, std::floor(std::log10(std::abs(v))) - 2));
  }

  static ChartRange range(const LineChart& chart) {
    double high = 1e-9;
    for (const auto& line : chart.lines)
      for (const auto& point : line.points) high = std::max(high, point.second);
    const double step = round_step(1.02 * high, 5);
    return {0, step * std::ceil(high / step), step};
  }

  LineChart chart_;
};

} // namespace detail

inline std::string to_svg(const IntervalChart& chart) {
  return detail::IntervalDrawing(chart).run();
}

/// A line chart of the same size and look.
inline std::string to_small_svg(const LineChart& chart) {
  return detail::CourseDrawing(chart).run();
}

} // namespace examples
