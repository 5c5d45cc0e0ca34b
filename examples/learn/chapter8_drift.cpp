// Chapter 8: one weight of a network is moved by one unit in its last place. How far apart are the
// two networks after n steps of the same training? With --svg FILE it draws the distance.
#include "../tools/line_chart.hpp"

#include "sgq/sgq.hpp"

#include <cstring>
#include <fstream>

using namespace sgq;

struct Run {
  explicit Run(const data::Dataset& set)
      : batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1}),
        net(nn::lenet5<float>({.seed = 1})), optimizer(net, {.lr = 2e-3}) {}
  void step(index_t i) {
    if (i % batches.count() == 0) batches.begin_epoch(i / batches.count());
    train::train_step(net, tape, batches.batch(i % batches.count()), optimizer);
  }
  data::Batches<float> batches;
  nn::Net<float> net;
  nn::Tape<float> tape;
  train::Adamw<float> optimizer;
};

// Largest difference between two weights, and how many differ at all.
double distance(Run& a, Run& b, index_t* different) {
  double largest = 0;
  *different = 0;
  for (std::size_t p = 0; p < a.net.parameters().size(); ++p) {
    const auto u = a.net.parameters()[p].parameter->value();
    const auto v = b.net.parameters()[p].parameter->value();
    for (index_t i = 0; i < u.size(); ++i) {
      *different += u[i] != v[i];
      largest = std::max(largest, std::abs(double(u[i]) - double(v[i])));
    }
  }
  return largest;
}

int main(int argc, char** argv) {
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  Run a(set), b(set);
  float& w = b.net.parameters()[0].parameter->edit()[0];
  w = std::nextafter(w, 1.0f);
  examples::LineChart chart{.title = "Two trainings that begin one bit apart",
                            .x_label = "steps",
                            .y_label = "equal decimal digits of all weights",
                            .lines = {{""}}};
  for (index_t i = 0, different; i <= 400; ++i) {
    const double d = distance(a, b, &different);
    chart.lines[0].points.emplace_back(double(i), std::max(0.0, -std::log10(d)));
    if (i == 0 || i == 1 || i == 10 || i == 100 || i == 400)
      std::printf("step %3ld: %5ld of 61706 weights differ, by up to %.0e\n", long(i),
                  long(different), d);
    a.step(i), b.step(i);
  }
  if (argc == 3 && !std::strcmp(argv[1], "--svg"))
    std::ofstream(argv[2]) << examples::to_svg(chart);
}
