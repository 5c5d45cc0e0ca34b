// bench_measures -- what ROAD costs beside the deletion curve: the first 500 test images of MNIST,
// mnist_cnn with random weights, one JSON object a line for each kind of map.
//
//     gradient    |dS/dx|: what is removed is scattered, and quick to impute
//     centre      nearness to the centre: what is removed is a disc or a frame, which takes more
//                 iterations
//
// Deletion has 32 steps. ROAD has 10 shares in both orders, imputation and noise included.
#include "bench_common.hpp"

#include "../examples/tools/data_folder.hpp"

#include "sgq/data/load.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/metrics/deletion.hpp"
#include "sgq/saliency/metrics/road.hpp"
#include "sgq/saliency/net_function.hpp"

using namespace sgq;

namespace {

constexpr std::string_view usage =
    "bench_measures: ROAD beside the deletion curve, one JSON object a line for each kind of map\n"
    "  --data DIR     the folder of the sets; default: data\n"
    "  --threads N    default: all cores\n"
    "  --rounds N     turns of each, default 5; the figure is the median\n"
    "  --help\n"
    "SGQ_ISA=generic|avx2|avx512 in the environment forces an instruction set.\n";

constexpr index_t images = 500;

/// The nearer to the centre, the more important.
Tensor<float> centred(const Shape& maps) {
  Tensor<float> map(maps);
  const index_t height = maps[1], width = maps[2];
  for (index_t i = 0; i < map.size(); ++i) {
    const index_t h = 2 * (i / width % height) + 1 - height, w = 2 * (i % width) + 1 - width;
    map[i] = 1 / static_cast<float>(1 + h * h + w * w);
  }
  return map;
}

void measure(const char* kind, const saliency::Classifier& model, View<const float> x,
             std::span<const std::uint8_t> labels, View<const float> maps, const QuantParams& grid,
             int rounds) {
  double deleted = 0, score = 0;
  const auto seconds = bench::race(
      {{"deletion", [&] { deleted = saliency::deletion(model, x, maps).area[0]; }},
       {"road", [&] { score = saliency::road(model, x, labels, maps, {.grid = grid}).score[0]; }}},
      rounds);
  bench::Json()
      .add("bench", "measures")
      .add("maps", kind)
      .add("images", images)
      .add("threads", index_t{num_threads()})
      .add("isa", kernels::name(kernels::isa()))
      .add("deletion_seconds", seconds[0])
      .add("road_seconds", seconds[1])
      .add("road_over_deletion", seconds[1] / seconds[0])
      .print();
}

} // namespace

int main(int argc, char** argv) try {
  const bench::Options o = bench::parse(argc, argv, usage, "--data --threads --rounds");
  const data::Dataset set = data::slice(
      data::load("mnist", examples::data_folder(o.data, "mnist"), data::Split::test), 0, images);
  const QuantParams grid = data::normalization("mnist");
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, grid, x);
  nn::Net<float> net = nn::make_model("mnist_cnn");
  saliency::NetFunction f(net);
  const saliency::Classifier model(f, net.classes(),
                                   {.background = data::background_values("mnist", grid)});
  saliency::Explainer<float> explain(net);
  const Tensor<float> maps =
      saliency::to_maps(saliency::gradient(explain, x, set.labels), saliency::Values::magnitude);
  measure("gradient", model, x, set.labels, maps, grid, o.rounds);
  measure("centre", model, x, set.labels, centred(maps.shape()), grid, o.rounds);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_measures: %s\n", e.what());
  return 1;
}
