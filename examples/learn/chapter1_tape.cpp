// Chapter 1: a network of 33 weights learns a disc, by the tape of tape.hpp.
#include "tape.hpp"

#include "sgq/core/random.hpp"

#include <cstdio>

using learn::Number, learn::Tape;

constexpr std::size_t hidden = 8;

// 2 inputs, 8 tanh, 1 output. w: for each hidden unit two weights, a bias and its outgoing weight.
Number score(const std::vector<Number>& w, double x, double y) {
  Number sum = w[4 * hidden];
  for (std::size_t i = 0; i < hidden; ++i)
    sum = sum + w[4 * i + 3] * tanh(w[4 * i] * x + w[4 * i + 1] * y + w[4 * i + 2]);
  return sum;
}

// Inside the disc: 1, outside: -1.
double target(double x, double y) {
  return x * x + y * y < 1 ? 1 : -1;
}

int main() {
  const sgq::Random random(1);
  std::vector<double> weights(4 * hidden + 1);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = random.normal(sgq::index_t(i));

  std::size_t notes = 0;
  for (int step = 0; step <= 300; ++step) {
    Tape tape; // one forward pass, one tape
    std::vector<Number> w;
    for (const double value : weights) w.push_back(tape.input(value));
    Number loss = 0;
    int correct = 0;
    for (sgq::index_t i = 0; i < 200; ++i) {
      const double x = 4 * random.split(7).uniform(2 * i) - 2;
      const double y = 4 * random.split(7).uniform(2 * i + 1) - 2;
      const Number s = score(w, x, y), miss = relu(1.0 - target(x, y) * s);
      loss = loss + miss * (1.0 / 200);
      correct += (s.value > 0) == (target(x, y) > 0);
    }
    const std::vector<double> g = tape.gradient(loss);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= 0.3 * g[w[i].at];
    notes = g.size();
    if (step % 100 == 0)
      std::printf("step %3d: loss %.3f, %d of 200 points right\n", step, loss.value, correct);
  }
  std::printf("%zu notes per step for the gradient of %zu weights\n", notes, weights.size());
}
