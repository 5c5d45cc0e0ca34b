// The picture that answers at a glance: a point per arm, what it loses to the right, what it gains
// upwards; seeds as dots, arrows from plain to guided.
#pragma once

#include "charts.hpp"

#include <cmath>
#include <limits>
#include <numeric>

namespace examples {

/// Every list has a number per seed.
struct GlanceChart {
  struct Point {
    std::string name{}, color{};
    std::vector<double> lost{}, gained{};
  };
  std::string title{}, x_label{}, y_label{};
  std::vector<Point> points{};
  std::vector<std::pair<std::size_t, std::size_t>> arrows{}; ///< between points
  std::vector<std::pair<std::string, std::string>> legend{}; ///< names of colours
};

namespace detail {

/// Points with what they lose and gain; see GlanceChart.
class GlanceDrawing : SmallChart {
public:
  explicit GlanceDrawing(const GlanceChart& chart)
      : SmallChart(388, range_of_values(chart, false), 1), x_range_(range_of_values(chart, true)),
        chart_(chart) {
    width = 400;
  }

  std::string run() {
    begin(chart_.title, chart_.y_label);
    legend(chart_.legend);
    for (double v = x_range_.low; v <= x_range_.high + x_range_.step / 2; v += x_range_.step)
      label(x_of(v), bottom + 18, "text-anchor=\"middle\" fill=\"var(--soft,#6a717b)\"",
            tick_text(v, x_range_.step));
    label((left + right_) / 2, bottom + 36, "text-anchor=\"middle\" fill=\"var(--soft,#6a717b)\"",
          chart_.x_label);
    for (const auto& [from, to] : chart_.arrows) arrow(chart_.points[from], chart_.points[to]);
    for (const GlanceChart::Point& p : chart_.points) draw(p);
    for (const GlanceChart::Point& p : chart_.points) name(p);
    return end();
  }

private:
  static ChartRange range_of_values(const GlanceChart& chart, bool across) {
    double low = 0, high = 0;
    for (const GlanceChart::Point& p : chart.points)
      for (const double v : across ? p.lost : p.gained) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
    if (high - low < 1e-9) low -= 0.5, high += 0.5;
    const double step = round_step(1.1 * (high - low), across ? 6 : 5);
    return {step * std::floor(low / step), step * std::ceil(high / step), step};
  }
  static double mean(const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  }
  double x_of(double v) const {
    return left + (right_ - left) * (v - x_range_.low) / (x_range_.high - x_range_.low);
  }

  /// Between the rims of two points.
  void arrow(const GlanceChart::Point& a, const GlanceChart::Point& b) {
    const double x = x_of(mean(a.lost)), y = y_of(mean(a.gained)), dx = x_of(mean(b.lost)) - x,
                 dy = y_of(mean(b.gained)) - y, length = std::hypot(dx, dy);
    if (length < 20) return;
    const double ux = dx / length, uy = dy / length, tip_x = x + dx - 8 * ux,
                 tip_y = y + dy - 8 * uy;
    put("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
        "stroke=\"var(--soft,#6a717b)\" stroke-width=\"1.2\"/>\n",
        x + 8 * ux, y + 8 * uy, tip_x, tip_y);
    put("<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fz\" fill=\"var(--soft,#6a717b)\"/>\n", tip_x,
        tip_y, tip_x - 7 * ux - 3 * uy, tip_y - 7 * uy + 3 * ux, tip_x - 7 * ux + 3 * uy,
        tip_y - 7 * uy - 3 * ux);
  }

  void draw(const GlanceChart::Point& p) {
    const char* color = p.color.c_str();
    if (p.lost.size() > 1)
      for (std::size_t s = 0; s < p.lost.size(); ++s)
        put("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2\" fill=\"%s\" opacity=\".45\"/>\n",
            x_of(p.lost[s]), y_of(p.gained[s]), color);
    put("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5.5\" fill=\"%s\" "
        "stroke=\"var(--page,#fff)\"/>\n",
        x_of(mean(p.lost)), y_of(mean(p.gained)), color);
  }

  struct Box {
    double x, y, width, height;

    bool meets(const Box& b) const {
      return x < b.x + b.width && b.x < x + width && y < b.y + b.height && b.y < y + height;
    }
  };

  /// Beside its point, above or below, where it covers least of other names, points and arrows.
  void name(const GlanceChart::Point& p) {
    const double x = x_of(mean(p.lost)), y = y_of(mean(p.gained)),
                 width = 7.1 * static_cast<double>(p.name.size());
    double least = std::numeric_limits<double>::infinity();
    Box best{};
    for (const double up : {-1.0, -15.0, 13.0}) // the baseline's distance to the point
      for (const double side : {9.0, -9.0 - width, -width / 2}) {
        if (up == -1.0 && side == -width / 2) continue; // on the point itself
        const Box box{x + side, y + up - 5, width, 11};
        const double cost = covers(box) + 0.1 * std::abs(up + 1) / 14;
        if (cost < least) least = cost, best = box;
      }
    names_.push_back(best);
    label(best.x, best.y + 9, ("fill=\"" + p.color + "\"").c_str(), p.name);
  }

  /// How much of the picture a name there would cover.
  double covers(const Box& box) const {
    double cost = box.x < left || box.x + box.width > right_ + 10 ? 10 : 0;
    for (const Box& other : names_) cost += 4 * box.meets(other);
    for (const GlanceChart::Point& p : chart_.points)
      cost += 4 * box.meets({x_of(mean(p.lost)) - 6, y_of(mean(p.gained)) - 6, 12, 12});
    for (const GlanceChart::Point& p : chart_.points)
      for (std::size_t s = 0; s < p.lost.size(); ++s)
        cost += 0.3 * box.meets({x_of(p.lost[s]) - 2, y_of(p.gained[s]) - 2, 4, 4});
    for (const auto& [from, to] : chart_.arrows) {
      const GlanceChart::Point &a = chart_.points[from], &b = chart_.points[to];
      for (double t = 0; t <= 1; t += 0.05)
        cost += 0.2 * box.meets({x_of(std::lerp(mean(a.lost), mean(b.lost), t)),
                                 y_of(std::lerp(mean(a.gained), mean(b.gained), t)), 1, 1});
    }
    return cost;
  }

  ChartRange x_range_;
  std::vector<Box> names_;
  const GlanceChart& chart_;
};

} // namespace detail

inline std::string to_svg(const GlanceChart& chart) {
  return detail::GlanceDrawing(chart).run();
}

} // namespace examples
