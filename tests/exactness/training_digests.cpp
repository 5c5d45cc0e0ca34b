// Trains small nets in every way that the library knows, a few steps each, and prints the SHA-256
// of their weights, of their maps and of their logits. Which processor, instruction set, compiler
// or flag is nobody's business: there are two texts, one with fused multiply-adds and one without
// (kernels/simd/fused.hpp), and training_digests.txt has both (training_digests.sh).
//
//     training_digests [THREADS]
#include "sgq/io/dtype.hpp"
#include "sgq/io/sha256.hpp"
#include "sgq/kernels/simd/fused.hpp"
#include "sgq/nn/spec.hpp"
#include "sgq/saliency/map_methods.hpp"
#include "sgq/train/average.hpp"
#include "sgq/train/distillation.hpp"
#include "sgq/train/optimizers.hpp"
#include "sgq/train/reestimate.hpp"
#include "sgq/train/saliency_guided.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

using namespace sgq;

namespace {

struct Case {
  const char *net, *bits, *weights, *optimizer;
  quant::PactGradient gradient;
  bool guided;
};

constexpr Case cases[] = {
    {"resnet20", "fp32", "sawb", "sgd", quant::PactGradient::paper, true},
    {"resnet20", "w4a4", "sawb", "sgd", quant::PactGradient::paper, false},
    {"resnet20", "w2a2", "dorefa", "adamw", quant::PactGradient::plus, true},
    {"mnist_cnn", "fp32", "sawb", "adamw", quant::PactGradient::paper, false},
    {"mnist_cnn", "w4a2", "lsq", "adadelta", quant::PactGradient::paper, true},
    {"mnist_cnn", "w4a4", "dorefa-rescaled", "sgd", quant::PactGradient::plus, false},
    {"lenet5", "fp32", "sawb", "adadelta", quant::PactGradient::paper, true},
    {"lenet5", "w8a8", "sawb-clipped", "adamw", quant::PactGradient::paper, false},
};
constexpr index_t images = 11, steps = 3; // no multiple of anything

void print(const Case& c, std::string_view what, const io::Sha256& digest) {
  std::printf("%s %s %s %s %s %.*s %s\n", kernels::fuses_here() ? "fused" : "separate", c.net,
              c.bits, c.weights, c.optimizer, static_cast<int>(what.size()), what.data(),
              digest.hex().c_str());
}

nn::Net<float> make_net(const Case& c, const QuantParams& grid) {
  nn::ModelSpec spec;
  spec.net = c.net;
  spec.options.seed = 3;
  nn::Net<float> net = nn::build_model(spec);
  nn::quantize(net, {.bits = quant::parse_bit_policy(c.bits),
                     .weights = c.weights,
                     .gradient = c.gradient,
                     .input = grid});
  return net;
}

/// The images, in every form that a step reads.
struct Images {
  QuantParams grid{.scale = 0.01f, .zero_point = {33, 100, 128}};
  data::Dataset set{.name = "noise", .classes = 10};
  Tensor<float> x;
  std::vector<index_t> indices;

  explicit Images(bool colour) {
    grid.zero_point.resize(colour ? 3 : 1);
    set.images = Tensor<std::uint8_t>(colour ? Shape{images, 3, 32, 32} : Shape{images, 1, 28, 28});
    x = Tensor<float>(set.images.shape());
    const index_t plane = x.shape().plane(), channels = x.shape()[1];
    const Random random(7);
    for (index_t i = 0; i < x.size(); ++i) {
      const std::uint32_t bits = random.bits(i);
      set.images[i] = static_cast<std::uint8_t>(bits & 256 ? bits & 255 : 0);
      x[i] = grid.value<float>(set.images[i], i / plane % channels);
    }
    for (index_t n = 0; n < images; ++n) {
      set.labels.push_back(static_cast<std::uint8_t>(n % 10));
      indices.push_back(n);
    }
  }
  data::Batch<float> batch() const {
    return {.x = x,
            .codes = set.images,
            .labels = set.labels,
            .indices = indices,
            .grid = &grid,
            .normalized = x.data()};
  }
};

/// How training goes beside the case: the options of a guided step, and the recipes of train/.
struct Way {
  const char* name;
  train::GuidedOptions options{};
  bool teacher = false, average = false, reestimate = false;
};

/// Trains a net for a few steps and prints what it has learned and what it says.
void train_net(const Case& c, const Images& data, const Way& way, nn::Net<float>& net) {
  const data::Batch<float> batch = data.batch();
  if (std::string_view(c.bits) != "fp32") nn::calibrate<float>(net, data.x);
  const auto optimizer =
      train::make_optimizer<float>(c.optimizer, net, {.lr = 0.01, .groups = train::decayed(0.01)});
  Case real = c;
  real.bits = "fp32";
  const nn::Net<float> twin = make_net(real, data.grid);
  std::optional<train::Distillation<float>> teacher;
  if (way.teacher) teacher.emplace(twin);
  std::optional<train::WeightAverage<float>> average;
  if (way.average) average.emplace(net, 0.5);
  train::GuidedStep<float> guided(net, *optimizer, way.options, teacher ? &*teacher : nullptr);
  nn::Tape<float> tape;
  for (index_t step = 0; step < steps; ++step) {
    const train::StepContext at{.random = Random(5).split(static_cast<std::uint64_t>(step))};
    if (c.guided)
      guided(batch, at);
    else
      train::train_step(net, tape, batch, *optimizer, at, teacher ? &*teacher : nullptr);
    if (average) average->update();
  }
  const train::WeightAverage<float>::Use averaged(average ? &*average : nullptr);
  if (way.reestimate) {
    data::Batches<float> batches(data.set, data.grid, {.size = 4, .shuffle = false});
    train::reestimate_statistics(net, batches);
  }
  io::Sha256 weights, logits;
  for (auto& p : net.parameters()) weights.update(io::bytes_of(p.parameter->value()));
  for (auto& b : net.buffers()) weights.update(io::bytes_of(*b.tensor));
  print(c, std::string(way.name) + "weights", weights);
  logits.update(io::bytes_of(net.forward(data.x, tape)));
  print(c, std::string(way.name) + "logits", logits);
}

void run(const Case& c) {
  const Images data(std::string_view(c.net) == "resnet20");
  nn::Net<float> net = make_net(c, data.grid);
  train_net(c, data, {.name = ""}, net);
  saliency::Explainer<float> explainer(
      net, {.background = std::vector<float>(1, 0.0f), .baselines = data.x});
  for (const saliency::MapMethod& method : saliency::map_methods) {
    io::Sha256 map;
    const auto some = View<const float>(data.x).slice(0, 1);
    map.update(io::bytes_of(
        method.make(explainer, some, std::span(data.set.labels).first(1), {3, 3, 5, 1}).values));
    print(c, method.name, map);
  }
}

/// The options of a guided step and the recipes, one at a time.
void run_ways() {
  const Case plain{"resnet20", "w4a4", "sawb", "sgd", quant::PactGradient::plus, false};
  const Case guided{"lenet5", "w4a4", "sawb", "sgd", quant::PactGradient::paper, true};
  const Case guided_bn{"resnet20", "w2a2", "sawb", "sgd", quant::PactGradient::plus, true};
  const Images colour(true), grey(false);
  const auto run_way = [&](const Case& c, const Way& way) {
    const Images& data = std::string_view(c.net) == "resnet20" ? colour : grey;
    nn::Net<float> net = make_net(c, data.grid);
    train_net(c, data, way, net);
  };
  run_way(plain, {.name = "teacher ", .teacher = true});
  run_way(plain, {.name = "average ", .average = true});
  run_way(plain, {.name = "average-reestimate ", .average = true, .reestimate = true});
  run_way(guided_bn, {.name = "teacher ", .teacher = true});
  run_way(guided_bn, {.name = "authors ", .options = train::GuidedOptions::authors()});
  run_way(guided,
          {.name = "authors ", .options = train::GuidedOptions::authors(ops::Target::logit)});
  run_way(guided, {.name = "detached ", .options = {.lambda = 0.3, .kl_attached = false}});
  for (const auto& [name, rank] :
       {std::pair("magnitude ", ops::Rank::magnitude), std::pair("random ", ops::Rank::random)})
    run_way(guided, {.name = name, .options = {.mask = {.share = 0.3, .rank_by = rank}}});
  for (const auto& [name, fill] :
       {std::pair("mean ", ops::Fill::mean), std::pair("blur ", ops::Fill::blur)})
    run_way(guided, {.name = name, .options = {.mask = {.fill = {.fill = fill}}}});
}

} // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1) set_num_threads(std::atoi(argv[1]));
    for (const Case& c : cases) run(c);
    run_ways();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "training_digests: %s\n", e.what());
    return 1;
  }
}
