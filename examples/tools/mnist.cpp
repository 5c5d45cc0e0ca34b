// mnist -- trains a small CNN on MNIST, Fashion-MNIST or the built-in synthetic set.
//
//     data/fetch.sh mnist && build/release/examples/mnist --epochs 5 --out out/mnist
//     build/release/examples/mnist --bits w2a2 --guided --out out/mnist-w2a2-guided
//     build/release/examples/mnist --bits w4a4 --from-weights out/mnist/model.safetensors
//     build/release/examples/mnist --dataset my-drawings --out out/mine    # a folder: docs/own-data.md
//
// OUT/metrics.json has the result, OUT/model.safetensors the network, OUT/history.jsonl and
// OUT/training.svg the epochs, OUT/alpha.svg how the clips moved. A run that was killed goes on with
// --resume and ends with the same network, to the last bit. So does a run under `mpirun -n 4`, where
// built with MPI: docs/scaling.md.
#include "ranks.hpp"
#include "training.hpp"

int main(int argc, char** argv) {
  using namespace examples;
  const auto program = [&](distributed::Communicator* ranks) {
    TrainingOptions options = recipe("mnist");
    CommandLine line("mnist", "trains a small CNN on digits or clothes");
    add_training_options(line, options, sets_with_photographs(false), nn::models_for({1, 28, 28}));
    if (line.parse(argc, argv)) train_network(options, ranks);
  };
  return run_program(argv, "mnist", [&] { on_ranks("mnist", argc, argv, program); });
}
