// Chapter 1: how far can finite differences be trusted? Their error for every step width h, and
// what a kink does to them. With --svg FILE it draws the errors.
#include "tape.hpp"

#include "../tools/line_chart.hpp"

#include <cstring>
#include <fstream>

using learn::Number, learn::Tape;

template <class T>
T f(T x) {
  using learn::tanh, sgq::math::tanh;
  return x * tanh(x * x - x);
}

template <class F>
double second_order(F f, double x, double h) {
  return (f(x + h) - f(x - h)) / (2 * h);
}

template <class F>
double fourth_order(F f, double x, double h) {
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

int main(int argc, char** argv) {
  const double x = 1.5;
  Tape tape;
  const Number in = tape.input(x), out = f<Number>(in);
  const double exact = tape.gradient(out)[in.at];
  std::printf("f(x) = x tanh(x x - x), f'(1.5) = %.12f by the tape\n\n"
              "error of the difference quotient\n     h    second order   fourth order\n",
              exact);
  examples::LineChart chart{.title = "The error of a difference quotient, in double",
                            .x_label = "-log10 h",
                            .y_label = "correct digits",
                            .lines = {{"second order"}, {"fourth order"}}};
  for (int n = 1; n <= 48; ++n) {
    const double h = std::pow(10.0, -n / 4.0);
    const double two = std::abs(second_order(f<double>, x, h) - exact);
    const double four = std::abs(fourth_order(f<double>, x, h) - exact);
    if (n % 4 == 0) std::printf("  1e-%02d      %.0e          %.0e\n", n / 4, two, four);
    chart.lines[0].points.emplace_back(n / 4.0, -std::log10(two + 1e-16));
    chart.lines[1].points.emplace_back(n / 4.0, -std::log10(four + 1e-16));
  }

  const auto relu = [](double v) { return v > 0 ? v : 0.0; };
  std::printf("\nmax(x, 0) where the derivative is 1\n");
  for (const auto& [at, h] : {std::pair{2e-4, 1e-3}, {2e-4, 1e-4}, {2e-4, 1e-5}, {1.2e-3, 1e-3}})
    std::printf("  x = %.4f, h = %.0e: second order %.3f, fourth order %.3f\n", at, h,
                second_order(relu, at, h), fourth_order(relu, at, h));
  if (argc == 3 && std::strcmp(argv[1], "--svg") == 0)
    std::ofstream(argv[2]) << examples::to_svg(chart);
}
