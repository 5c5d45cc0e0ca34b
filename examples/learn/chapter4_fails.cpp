// Chapter 4: a network that fails at two bits, and the one change that mends it. Two convolutions
// and two linear layers, no batch norm; four epochs on the built-in digits.
#include "digits.hpp"

using namespace learn;

namespace {

double root_mean_square(View<const float> values, double scale) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * static_cast<double>(v);
  return scale * std::sqrt(sum / static_cast<double>(values.size()));
}

/// rms(w_q) / rms(w) of a layer: how much louder it is than its weights.
double gain(nn::Net<float>& net, const char* layer) {
  const nn::Weights<float>& w = *net.layer(net.find(layer)).weights();
  if (!w.quantized()) return 1;
  return root_mean_square(w.codes().codes, static_cast<double>(w.codes().scale)) /
         root_mean_square(w.parameter().value(), 1);
}

struct Row {
  const char *bits, *weights, *first_last;
  std::optional<double> alpha; // where clips start; none: calibrated
};

} // namespace

int main() {
  const Digits digits;
  std::printf("bits   weights          first, last  first alpha  gain of conv2, fc1  accuracy\n");
  for (const Row& row : {Row{"w2a2", "dorefa", "8bit", 10.0},
                         {"w2a2", "sawb", "8bit", 10.0},
                         {"w2a2", "dorefa-rescaled", "8bit", 10.0},
                         {"w2a2", "dorefa", "8bit", {}},
                         {"w2a2", "sawb", "8bit", {}},
                         {"w2a2", "sawb", "same", {}},
                         {"w4a4", "sawb", "8bit", {}},
                         {"fp32", "", "", {}}}) {
    nn::Net<float> net = nn::mnist_cnn<float>({.seed = 1, .width = 8, .dropout = false});
    if (*row.weights)
      nn::quantize(
          net, {.bits = quant::parse_bit_policy(row.bits, quant::parse_first_last(row.first_last)),
                .weights = row.weights,
                .alpha = row.alpha,
                .input = digits.grid});
    const double conv2 = gain(net, "conv2"), fc1 = gain(net, "fc1");
    std::printf("%-6s %-16s %-12s %11s  %10.2f %7.2f  %8.1f %%\n", row.bits, row.weights,
                row.first_last,
                !*row.weights ? ""
                : row.alpha   ? "10"
                              : "calibrated",
                conv2, fc1, teach(net, digits));
  }
}
