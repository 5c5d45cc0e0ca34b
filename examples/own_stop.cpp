// own_stop -- a training run that ends by itself: when three epochs in a row were no better on images
// that were set aside. The best network is in a file.
#include "sgq/sgq.hpp"

#include <cstdio>

using namespace sgq;

namespace {

/// Keeps the best network, and stops when that was some epochs ago.
class StopEarly final : public train::Callbacks {
public:
  StopEarly(std::string path, nn::Net<float>& net, data::Batches<float>& validation)
      : path_(std::move(path)), net_(&net), validation_(&validation) {}

  bool after_epoch(const train::TrainState& state, const train::Meter&) override {
    const double accuracy = train::evaluate(*net_, *validation_).accuracy();
    if (accuracy > best_) {
      best_ = accuracy;
      best_epoch_ = state.epoch;
      nn::save_model(path_, *net_);
    }
    return state.epoch - best_epoch_ < 3;
  }

  double best() const { return best_; }
  index_t best_epoch() const { return best_epoch_; }

private:
  std::string path_;
  nn::Net<float>* net_;
  data::Batches<float>* validation_;
  double best_ = 0;
  index_t best_epoch_ = 0;
};

void run(const std::string& path) {
  const QuantParams grid = data::normalization("synthetic");
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  const data::TrainValidation parts = data::split_validation(set, 0.25, 1);
  data::Batches<float> batches(parts.train, grid, {.size = 50, .seed = 1});
  data::Batches<float> validation(parts.validation, grid, {.size = 250, .shuffle = false});
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  train::Adamw<float> optimizer(net, {.lr = 2e-3});
  StopEarly stop(path, net, validation);
  const train::TrainState end =
      train::fit(net, batches, optimizer, {.epochs = 40, .seed = 1}, {}, &stop);

  const nn::Model<float> best = nn::load_model(path);
  std::printf("stopped after epoch %d, best %d: validation accuracy %.2f %%, of the file %.2f %%\n",
              static_cast<int>(end.epoch), static_cast<int>(stop.best_epoch()), 100 * stop.best(),
              100 * train::evaluate(best.net, validation).accuracy());
}

} // namespace

int main(int argc, char** argv) try {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") return std::puts("own_stop [--help] | MODEL.safetensors"), 0;
  if (argc != 2 || first.starts_with("-"))
    return std::fprintf(stderr, "own_stop: expected MODEL.safetensors, got '%s'\n", first.c_str()),
           2;
  run(first);
} catch (const std::exception& e) {
  return std::fprintf(stderr, "own_stop: %s\n", e.what()), 1;
}
