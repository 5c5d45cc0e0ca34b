// cifar10 -- trains ResNet-20 or a small VGG on CIFAR-10.
//
//     data/fetch.sh cifar-10 && build/release/examples/cifar10 --holdout --epochs 6
//     build/release/examples/cifar10 --bits w4a4 --optimizer sgd --schedule step --lr 0.1
//         --decay 2e-4 --batch 128 --epochs 200          # PACT's own recipe
//     build/release/examples/cifar10 --dataset my-photographs --out out/mine  # docs/own-data.md
//
// Training images are shifted by up to 4 pixels and mirrored. With --holdout the fifth batch of
// training images is kept for the test, and with --validation, where a recipe is chosen, the fourth
// and nothing of the fifth: so neither touches the test set. Files are as in `mnist`.
#include "ranks.hpp"
#include "training.hpp"

int main(int argc, char** argv) {
  using namespace examples;
  const auto program = [&](distributed::Communicator* ranks) {
    TrainingOptions options = recipe("cifar-10");
    bool holdout = false, plain_images = false;
    CommandLine line("cifar10", "trains a residual network or a small VGG on small photographs");
    add_training_options(line, options, sets_with_photographs(true), nn::models_for({3, 32, 32}));
    line.section("CIFAR-10");
    line.flag("--holdout", &holdout, "train on batches 1-4, test on batch 5");
    line.flag("--no-augmentation", &plain_images, "neither shift nor mirror the training images");
    if (!line.parse(argc, argv)) return;
    if (holdout && options.protocol == data::Protocol::validation)
      throw usage_error("--holdout and --validation exclude each other");
    if (holdout) options.protocol = data::Protocol::holdout;
    if (plain_images) options.augment = {};
    train_network(options, ranks);
  };
  return run_program(argv, "cifar10", [&] { on_ranks("cifar10", argc, argv, program); });
}
