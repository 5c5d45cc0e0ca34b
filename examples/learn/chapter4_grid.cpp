// Chapter 4: where should a grid of few levels end? The mean squared error of rounding 20,000
// normal weights of deviation 1, for every clip. With --svg FILE it draws the errors.
#include "sgq/sgq.hpp"

#include "../tools/line_chart.hpp"

#include <cstring>
#include <fstream>

using namespace sgq;

namespace {

/// The mean of (w - w_q)^2 on a grid that is stretched over +-clip.
double error_of(View<const double> w, double clip, const quant::QuantRange& grid) {
  Tensor<double> codes(w.shape());
  quant::encode_uniform<double>(w, clip, grid, codes);
  double sum = 0;
  for (index_t i = 0; i < w.size(); ++i) {
    const double away = w[i] - clip / grid.quant_max * codes[i];
    sum += away * away;
  }
  return sum / static_cast<double>(w.size());
}

} // namespace

int main(int argc, char** argv) {
  const Random random(1);
  Tensor<double> w({20000});
  for (index_t i = 0; i < w.size(); ++i) w[i] = random.normal(i);
  const quant::Moments moments = quant::moments<double>(w, "example");

  examples::LineChart chart{.title = "Rounding normal weights to k bits",
                            .x_label = "clip, in standard deviations",
                            .y_label = "-log10 of the mean squared error"};
  std::printf("bits  codes       best clip   error    SAWB's clip   error    max|w|   error\n");
  for (const int bits : {2, 3, 4, 8}) {
    const quant::Sawb<double> sawb(bits);
    const quant::QuantRange grid = sawb.grid();
    chart.lines.push_back({.name = std::to_string(bits) + " bits"});
    double best = 0, least = 1e9;
    for (double clip = 0.5; clip <= moments.max_abs; clip += 0.02) {
      const double error = error_of(w, clip, grid);
      if (error < least) least = error, best = clip;
      chart.lines.back().points.emplace_back(clip, -std::log10(error));
    }
    std::printf("%4d  %4d..%-4d %7.2f  %8.5f  %10.2f  %8.5f  %7.2f  %8.5f\n", bits, grid.quant_min,
                grid.quant_max, best, least, sawb.clip(moments),
                error_of(w, sawb.clip(moments), grid), moments.max_abs,
                error_of(w, moments.max_abs, grid));
  }
  if (argc == 3 && std::strcmp(argv[1], "--svg") == 0)
    std::ofstream(argv[2]) << examples::to_svg(chart);
}
