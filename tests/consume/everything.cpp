// A program that includes everything and uses the usual things: trains a quantised net, explains
// it, exports it. What a strict compiler says of templates it says here.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <limits>

using namespace sgq;

namespace {

const std::string file = "everything.safetensors";

template <class T>
nn::Net<T> quantised_net(const QuantParams& grid) {
  nn::Net<T> net({1, 28, 28});
  net.add("conv1", nn::Conv2d<T>({.in = 1, .out = 4, .kernel = 5}));
  net.add("bn1", nn::BatchNorm<T>({.channels = 4}));
  net.add("relu1", nn::Relu<T>());
  net.add("pool1", nn::MaxPool<T>({.kernel = 2}));
  net.add("conv2", nn::Conv2d<T>({.in = 4, .out = 8, .kernel = 3}));
  net.add("bn2", nn::BatchNorm<T>({.channels = 8}));
  net.add("relu2", nn::Relu<T>());
  net.add("pool2", nn::GlobalAvgPool<T>());
  net.add("drop", nn::Dropout<T>(0.1));
  net.add("flatten", nn::Flatten<T>());
  net.add("fc", nn::Linear<T>({.in = 8, .out = 10}));
  nn::initialize(net, 1);
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = grid});
  return net;
}

template <class T>
double train_net(nn::Net<T>& net, const data::Dataset& set, const QuantParams& grid,
                 std::string_view optimizer_name) {
  data::Batches<T> batches(set, grid, {.size = 16, .seed = 1, .augment = {.pad = 1, .flip = true}});
  nn::calibrate<T>(net, batches.batch(0).x);
  net.quantize_weights();
  const auto optimizer = train::make_optimizer<T>(optimizer_name, net, {.lr = 1e-3});
  train::fit<T>(net, batches, *optimizer, {.epochs = 1});
  train::GuidedStep<T> guided(net, *optimizer, {});
  train::fit<T>(batches, {.epochs = 1}, guided);
  train::WeightAverage<T> average(net, 0.9);
  train::Distillation<T> teacher(net);
  nn::Tape<T> tape;
  train::train_step(net, tape, batches.batch(0), *optimizer, {}, &teacher);
  average.update();
  train::save_checkpoint(file, net, *optimizer, {}, &average);
  train::load_checkpoint(file, net, *optimizer, {}, &average);
  train::change_bits<T>(net, {.bits = quant::parse_bit_policy("w2a2"), .input = grid},
                        batches.batch(0).x);
  data::Batches<T> plain(set, grid, {.size = 16});
  train::reestimate_statistics(net, plain);
  return train::evaluate(net, plain).accuracy();
}

template <class T>
double explain(nn::Net<T>& net, View<const T> x, std::span<const std::uint8_t> labels) {
  saliency::Explainer<T> explainer(net,
                                   {.background = {0}, .baselines = Tensor<float>({1, 1, 28, 28})});
  const auto plain = saliency::gradient<T>(explainer, x, labels);
  const auto product = saliency::gradient_x_input<T>(explainer, x, labels);
  const auto guided = saliency::guided_backprop<T>(explainer, x, labels);
  const auto smooth = saliency::smoothgrad<T>(explainer, x, labels, {.samples = 2});
  const auto path = saliency::integrated_gradients<T>(explainer, x, labels, {.steps = 2});
  const auto cam = saliency::grad_cam<T>(explainer, x, labels);
  const auto plus = saliency::grad_cam_plus_plus<T>(explainer, x, labels);
  const auto layer = saliency::layer_cam<T>(explainer, x, labels);
  const auto hires = saliency::hires_cam<T>(explainer, x, labels);
  const auto variance = saliency::vargrad<T>(explainer, x, labels, {.samples = 2});
  const auto expected = saliency::expected_gradients<T>(explainer, x, labels, {.samples = 2});
  double sum = 0;
  for (const auto* a : {&plain, &product, &guided, &smooth, &path, &cam, &plus, &layer, &hires,
                        &variance, &expected})
    for (T v : saliency::to_maps(*a, saliency::Values::magnitude)) sum += static_cast<double>(v);
  return sum;
}

double measure(const saliency::Classifier& model, View<const float> x,
               std::span<const std::uint8_t> labels) {
  const auto maps = saliency::to_maps(saliency::occlusion(model, x, labels, {.window = 14}),
                                      saliency::Values::magnitude);
  const auto other = saliency::to_maps(saliency::rise(model, x, labels, {.masks = 4}),
                                       saliency::Values::magnitude);
  const auto scores = saliency::similarity(maps, other, saliency::Values::magnitude);
  const auto curve =
      saliency::deletion(model, x, maps, {.steps = 4, .background = {.fill = ops::Fill::uniform}});
  const auto painted = saliency::colorize(maps);
  return saliency::bootstrap_mean(saliency::gini(maps)).mean +
         saliency::bootstrap_mean(scores.spearman).mean +
         saliency::bootstrap_mean(curve.area).mean + static_cast<double>(painted.size());
}

/// libc++ calls such a number out of range (core/text_stream.hpp).
bool reads_denormal() {
  constexpr double least = std::numeric_limits<double>::denorm_min();
  double read = 0;
  return read_number(to_text(least), read) && read == least;
}

} // namespace

int main() {
  if (!reads_denormal()) return std::fputs("a denormal number is not read\n", stderr), 1;
  const data::Dataset set = data::synthetic(32, 1, data::Split::train);
  const QuantParams grid = data::normalization("synthetic");
  nn::Net<float> net = quantised_net<float>(grid);
  nn::Net<double> doubles = quantised_net<double>(grid);
  double sum = train_net(net, set, grid, "adamw") + train_net(doubles, set, grid, "sgd");

  data::Batches<float> batches(set, grid, {.size = 8});
  data::Batches<double> double_batches(set, grid, {.size = 8});
  const auto batch = batches.batch(0);
  sum += explain<float>(net, batch.x, batch.labels);
  sum += explain<double>(doubles, double_batches.batch(0).x, double_batches.batch(0).labels);

  infer::save_integer(file, infer::export_integer(net));
  const infer::Engine engine(infer::load_integer(file), {.keep_values = true});
  const auto values = infer::run_reference(engine.graph(), batch.codes);
  nn::Tape<float> tape;
  net.forward(batch.x, tape);
  for (const auto& layer : infer::compare(engine.graph(), values, net, tape))
    if (layer.different != 0) return 1;
  sum += measure({engine, engine.graph().classes(), {.background = {0}}}, batch.x, batch.labels);

  infer::EngineFeatureMaps codes(engine.graph());
  saliency::NetFeatureMaps numbers(net);
  const saliency::Classifier model(engine, engine.graph().classes(), {.background = {0}});
  for (const saliency::FeatureMaps& features :
       {saliency::FeatureMaps(codes), saliency::FeatureMaps(numbers)})
    for (float v : saliency::score_cam(model, features, batch.x, batch.labels).values)
      sum += static_cast<double>(v);

  const nn::ModelSpec spec{.net = "lenet5"};
  nn::Net<float> real = nn::build_model(spec);
  nn::save_model(file, real, nn::to_metadata(spec));
  const nn::Model<float> loaded = nn::load_model(file);
  const infer::FloatEngine<float> float_engine(loaded.net);
  const infer::CSource c = infer::to_c(engine.graph(), {.name = "everything"});
  io::write_npy(file, batch.x);
  sum +=
      static_cast<double>(c.source.size()) + static_cast<double>(io::read_npy<float>(file).size());
  std::remove(file.c_str());
  if (!(sum > 0)) return std::fprintf(stderr, "the sum of everything is %g\n", sum), 1;
  std::puts("ok");
}
