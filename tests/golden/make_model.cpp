// Wrote models/sgq-0.1.safetensors, built against sgq 0.1.0: a small quantised ResNet-20 with odd
// numbers everywhere. The pair "logits" holds what that version computed for one image.
#include "sgq/io/model.hpp"

using namespace sgq;

int main() {
  nn::ModelSpec spec{.net = "resnet20", .options = {.classes = 4, .width = 1}};
  spec.quant.bits = quant::parse_bit_policy("w4a4,layer2.0.conv1=w2a3");
  spec.quant.weights = quant::WeightScheme::lsq;
  spec.quant.gradient = quant::PactGradient::plus;
  spec.quant.input = {.scale = 0.015f, .zero_point = {125, 123, 114}};
  nn::Net<float> net = nn::build_model(spec);
  Tensor<float> x({1, 3, 32, 32});
  for (index_t i = 0; i < x.size(); ++i) x[i] = 0.015f * static_cast<float>(i * i % 191 - 95);
  nn::Tape<float> tape;
  nn::calibrate<float>(net, x);
  net.forward(x, tape, nn::Mode::train(Random(1)));
  net.update_statistics(tape);
  nn::Metadata pairs = nn::to_metadata(spec);
  for (float z : net.forward(x, tape)) pairs["logits"] += to_text(z) + " ";
  io::save_model("sgq-0.1.safetensors", net, pairs);
}
