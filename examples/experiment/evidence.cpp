// evidence -- does saliency-guided training look at the right pixels?
//
//     build/release/examples/evidence --out out/evidence
//
// Trains two networks on the built-in set, whose evidence is known: one plainly, one guided.
// Prints, for both, accuracy and how much of their gradient lies on the evidence, with intervals
// over the test images, and writes OUT/evidence.png: images, evidence, and both maps.
#include "../tools/model_options.hpp"
#include "../tools/png.hpp"

#include "sgq/sgq.hpp"

using namespace sgq;
using namespace examples;

namespace {

struct Options {
  index_t images = 6000, epochs = 4;
  std::uint64_t seed = 1;
  std::string bits = "fp32", out = "out/evidence";
  quant::BitPolicy policy{}; ///< what `bits` says
};

// Trains lenet5, plainly or guided, and returns it.
nn::Net<float> train_net(const Options& o, const data::Dataset& set, const QuantParams& grid,
                         bool guided) {
  nn::ModelSpec spec{.net = "lenet5", .options = {.seed = o.seed}};
  spec.quant.bits = o.policy;
  spec.quant.input = grid;
  nn::Net<float> net = nn::build_model(spec);
  data::Batches<float> batches(set, grid, {.size = 50, .seed = o.seed});
  if (!nn::pact_layers(net).empty()) nn::calibrate(net, batches.batch(0).x);
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  const train::FitOptions fit{
      .epochs = o.epochs, .seed = o.seed, .schedule = {.kind = "one-cycle"}};
  if (guided) {
    train::GuidedStep<float> step(net, optimizer, {.mask = {.fill = {.grid = grid}}});
    train::fit<float>(batches, fit, step);
  } else {
    train::fit(net, batches, optimizer, fit);
  }
  return net;
}

void print(const char* name, const saliency::Estimate& e) {
  std::printf("  %-28s %.3f  [%.3f, %.3f]\n", name, e.mean, e.low, e.high);
}

// Blank maps count as uniform ones; where there are any, the measure without them follows.
void print(const char* name, const saliency::MapEstimate& e) {
  print(name, e.with);
  if (e.blank > 0) print(("  without " + to_text(e.blank) + " blank maps").c_str(), e.without);
}

/// Trains and explains; prints accuracy and where the maps point. Returns the maps [N,H,W].
Tensor<float> train_and_judge(const Options& o, const data::Dataset& train_set,
                              const data::Dataset& test_set, bool guided) {
  const QuantParams grid = data::normalization("synthetic");
  data::Batches<float> test(test_set, grid, {.size = test_set.size(), .shuffle = false});
  const data::Batch<float> all = test.batch(0);
  nn::Net<float> net = train_net(o, train_set, grid, guided);
  saliency::Explainer explain(net);
  const auto a = saliency::gradient(explain, all.x, all.labels);
  Tensor<float> maps = saliency::to_maps(a, saliency::Values::magnitude);
  data::Batches<float> again(test_set, grid, {.size = 200, .shuffle = false});
  std::printf("%s, %s: accuracy %.1f %% of %d test images\n", guided ? "guided" : "plain",
              o.bits.c_str(), 100 * train::evaluate(net, again).accuracy(), int(test_set.size()));
  const auto masks = test_set.evidence.view().reshape(maps.shape());
  const Tensor<double> blank = saliency::blank_maps(maps);
  const auto mass = saliency::relevance_mass(maps, masks, saliency::Blank::as_uniform);
  print("relevance mass on evidence", saliency::map_estimate(mass, blank));
  print("pointing game", saliency::map_estimate(saliency::pointing_game(maps, masks), blank));
  return maps;
}

/// A column per digit: the image, its evidence, and the maps of both networks.
void write_picture(const std::string& path, const data::Dataset& test_set,
                   View<const float> plain_maps, View<const float> guided_maps) {
  std::vector<std::vector<Tile>> rows(4);
  const auto pictures = saliency::to_rgb(test_set.images);
  Tensor<float> evidence(plain_maps.shape());
  for (index_t i = 0; i < evidence.size(); ++i) evidence[i] = test_set.evidence[i];
  const auto truth = saliency::colorize(evidence);
  const auto plain = saliency::colorize(plain_maps), guided = saliency::colorize(guided_maps);
  for (index_t digit = 0; digit < 10; ++digit) {
    const auto found = std::find(test_set.labels.begin(), test_set.labels.end(), digit);
    const index_t n = found - test_set.labels.begin();
    rows[0].push_back(tile_of(pictures, n));
    rows[1].push_back(tile_of(truth, n));
    rows[2].push_back(tile_of_map(plain, plain_maps, n));
    rows[3].push_back(tile_of_map(guided, guided_maps, n));
  }
  write_png(path,
            compose_grid(rows, {.rows = {"image", "evidence", "plain", "guided"}, .zoom = 3}));
}

void compare(const Options& o) {
  const data::Dataset train_set = data::synthetic(o.images, o.seed, data::Split::train);
  const data::Dataset test_set = data::synthetic(1000, o.seed, data::Split::test);
  make_out_folder(o.out);
  const Tensor<float> plain = train_and_judge(o, train_set, test_set, false);
  const Tensor<float> guided = train_and_judge(o, train_set, test_set, true);
  const std::string path = o.out + "/evidence.png";
  write_picture(path, test_set, plain, guided);
  std::printf("%s\n", path.c_str());
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "evidence", [&] {
    Options o;
    int threads = 0;
    CommandLine line("evidence", "plain and guided training on digits whose evidence is known");
    line.integer("--images", &o.images, {50, 1000000}, "training images");
    line.integer("--epochs", &o.epochs, {1, 1000}, "passes over them");
    line.integer("--seed", &o.seed, {0, 1 << 30}, "of the set, the weights and the order");
    line.text("--bits", &o.bits, "POLICY", "fp32, w4a4, w2a2, layerwise-4-2, ..");
    line.integer("--threads", &threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--out", &o.out, "DIR", "takes evidence.png");
    if (!line.parse(argc, argv)) return;
    o.policy = parse_bits_option(o.bits);
    set_num_threads(threads);
    compare(o);
  });
}
