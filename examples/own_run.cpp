// own_run -- a training run of your own that can be stopped and continued. Each epoch ends with a
// checkpoint; the program goes on from the one that it finds. The weights are the same bytes
// however often it stopped.
//
//     build/release/examples/own_run /tmp/run.safetensors 4
#include "sgq/sgq.hpp"

#include <cstdio>
#include <filesystem>

using namespace sgq;

namespace {

/// What decides the result: a checkpoint of a run with other options is refused.
const nn::Metadata options = {{"lr", "0.002"}, {"batch", "50"}, {"seed", "1"}};

class SaveEachEpoch final : public train::Callbacks {
public:
  SaveEachEpoch(std::string path, nn::Net<float>& net, train::Optimizer<float>& optimizer)
      : path_(std::move(path)), net_(&net), optimizer_(&optimizer) {}

  bool after_epoch(const train::TrainState& state, const train::Meter&) override {
    train::save_checkpoint(path_, *net_, *optimizer_, {.state = state, .options = options});
    return true;
  }

private:
  std::string path_;
  nn::Net<float>* net_;
  train::Optimizer<float>* optimizer_;
};

void run(const std::string& path, index_t epochs) {
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1});
  nn::Net<float> net = nn::lenet5<float>({.seed = 1});
  train::Adamw<float> optimizer(net, {.lr = 2e-3});

  train::TrainState state; // of a new run
  if (std::filesystem::exists(path))
    state = train::load_checkpoint(path, net, optimizer, options).state;
  const index_t found = state.epoch;
  SaveEachEpoch callbacks(path, net, optimizer);
  train::fit(net, batches, optimizer, {.epochs = epochs, .seed = 1}, state, &callbacks);

  std::printf("epochs found %d, trained %d: training accuracy %.2f %%, weights %.8s\n",
              static_cast<int>(found), static_cast<int>(epochs - found),
              100 * train::evaluate(net, batches).accuracy(), distributed::digest(net).c_str());
}

} // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") return std::puts("own_run [--help] | CHECKPOINT EPOCHS"), 0;
  index_t epochs = 0;
  if (argc != 3 || !read_number(argv[2], epochs) || epochs < 1)
    return std::fprintf(stderr, "own_run: expected CHECKPOINT EPOCHS, got '%s'\n",
                        argc > 1 ? argv[argc - 1] : ""),
           2;
  try {
    run(first, epochs);
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "own_run: %s\n", e.what()), 1;
  }
}
