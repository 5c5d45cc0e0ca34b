// Chapter 1: two passes through one net, their activations on two tapes or in one place.
// L = |f(a) - f(b)|^2 / 2, as in saliency-guided training, where b is a with some pixels hidden.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <numeric>

using namespace sgq;
using namespace sgq::nn;
using Values = Tensor<double>;

Values difference(View<const double> p, View<const double> q) {
  Values d(p.shape());
  for (index_t i = 0; i < d.size(); ++i) d[i] = p[i] - q[i];
  return d;
}

double loss(const Net<double>& net, const Values& a, const Values& b) {
  Tape<double> on_a, on_b;
  const Values d = difference(net.forward(a, on_a), net.forward(b, on_b));
  return std::inner_product(d.begin(), d.end(), d.begin(), 0.0) / 2;
}

// dL/ds, where s is added to every weight of fc1. L's gradients at f(a) and f(b) are d and -d.
double gradient(Net<double>& net, const Values& a, Tape<double>& on_a, const Values& b,
                Tape<double>& on_b) {
  Values fa;
  fa.copy_from(net.forward(a, on_a)); // the tape may be used again
  Values d = difference(fa, net.forward(b, on_b));
  net.zero_grad();
  net.backward(d, on_a, Want::params);
  for (double& v : d) v = -v;
  net.backward(d, on_b, Want::params);
  const auto g = net.parameters()[0].parameter->grad();
  return std::accumulate(g.begin(), g.end(), 0.0);
}

int main() {
  Net<double> net({6});
  net.add("fc1", Linear<double>({.in = 6, .out = 8}));
  net.add("relu", Relu<double>());
  net.add("fc2", Linear<double>({.in = 8, .out = 3}));
  initialize(net, 1);
  Values a({1, 6}), b({1, 6});
  for (index_t i = 0; i < 6; ++i) a[i] = Random(2).normal(i), b[i] = i < 3 ? a[i] : 0.0;

  const double h = 1e-6;
  const auto shifted_loss = [&](double s) {
    for (double& w : net.parameters()[0].parameter->edit()) w += s;
    const double value = loss(net, a, b);
    for (double& w : net.parameters()[0].parameter->edit()) w -= s;
    return value;
  };
  const double slope = (shifted_loss(h) - shifted_loss(-h)) / (2 * h);
  Tape<double> one, two;
  std::printf("by differences                    %9.6f\n", slope);
  std::printf("each pass on a tape of its own    %9.6f\n", gradient(net, a, one, b, two));
  std::printf("both passes in the same memory    %9.6f\n", gradient(net, a, one, b, one));
}
