// own_data -- train on images of your own.
//
//     own_data                          on a set that this program makes up
//     own_data images.npy labels.npy    uint8 [N, C, H, W] and [N], as numpy.save writes them
//
// A data set is pixel codes and labels in memory; where they come from is your affair.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;
using namespace sgq::nn;

namespace {

data::Dataset read_set(const std::string& images, const std::string& labels) {
  data::Dataset set;
  set.name = images;
  set.images = io::read_npy<std::uint8_t>(images);
  const auto classes = io::read_npy<std::uint8_t>(labels);
  set.labels.assign(classes.begin(), classes.end());
  for (const std::uint8_t label : set.labels) set.classes = std::max(set.classes, label + 1);
  data::check(set);                      // as many labels as images
  set.on_black = data::is_on_black(set); // what an empty pixel looks like
  return set;
}

/// Coloured noise with a bright square in one of four corners; the corner is the class.
data::Dataset make_set(index_t count) {
  data::Dataset set;
  set.name = "corners";
  set.images = Tensor<std::uint8_t>({count, 3, 16, 24});
  set.classes = 4;
  const Random random(1);
  for (index_t n = 0; n < count; ++n) {
    const index_t corner = n % 4, top = corner / 2 * 9, left = corner % 2 * 15;
    set.labels.push_back(static_cast<std::uint8_t>(corner));
    const Random noise = random.split(static_cast<std::uint64_t>(n));
    for (index_t i = 0; i < 3 * 16 * 24; ++i) {
      const index_t y = i / 24 % 16, x = i % 24;
      const bool inside = y >= top + 2 && y < top + 6 && x >= left + 2 && x < left + 6;
      set.images[n * 3 * 16 * 24 + i] =
          static_cast<std::uint8_t>(noise.below(i, 160) + (inside ? 60 : 0));
    }
  }
  return set;
}

void train_on(const data::Dataset& all) {
  const auto [train_set, test_set] = data::split_validation(all, 0.2, 1);
  const QuantParams grid = data::measure(train_set); // mean and deviation of its own pixels
  data::Batches<float> batches(train_set, grid, {.size = 20, .seed = 1});
  data::Batches<float> test_batches(test_set, grid, {.size = 100, .shuffle = false});

  Net<float> net({all.channels(), all.height(), all.width()});
  net.add("conv1", Conv2d<float>({.in = all.channels(), .out = 8, .kernel = 3, .pad = 1}));
  net.add("relu1", Relu<float>());
  net.add("pool1", MaxPool<float>({.kernel = 2}));
  net.add("flatten", Flatten<float>());
  const index_t features = net.nodes()[net.last()].shape.size();
  net.add("fc", Linear<float>({.in = features, .out = all.classes}));
  initialize(net, 1);

  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  train::fit(net, batches, optimizer, {.epochs = 5, .seed = 1});
  std::printf("%s: %d training images, %d classes, test accuracy %.1f %%\n", all.name.c_str(),
              int(train_set.size()), all.classes,
              100 * train::evaluate(net, test_batches).accuracy());
}

} // namespace

int main(int argc, char** argv) try {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") return std::puts("own_data [images.npy labels.npy] [--help]"), 0;
  if (argc == 1)
    train_on(make_set(800));
  else if (argc == 3)
    train_on(read_set(argv[1], argv[2]));
  else
    return std::fprintf(stderr, "own_data: not two files: %s\n", argv[1]), 2;
} catch (const std::exception& e) {
  return std::fprintf(stderr, "own_data: %s\n", e.what()), 1;
}
