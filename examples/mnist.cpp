// mnist -- trains a small CNN on MNIST, Fashion-MNIST or the built-in synthetic set.
//
//     data/fetch.sh mnist && build/release/examples/mnist --epochs 5 --out out/mnist
//
// OUT/metrics.json has the result, OUT/model.safetensors the network. A run that was killed goes on
// with --resume and ends with the same network, to the last bit.
#include "common/training.hpp"

using namespace examples;

namespace {

TrainingOptions defaults() {
  TrainingOptions o;
  o.dataset = "mnist";
  o.net = "mnist_cnn";
  o.lr = 2e-3;
  o.decay = 0.01;
  return o;
}

void train_and_test(const TrainingOptions& o) {
  sgq::set_num_threads(o.threads);
  const data::Dataset train_set = load_dataset(o, data::Split::train);
  const data::Dataset test_set = load_dataset(o, data::Split::test);
  const sgq::PixelGrid grid = data::normalization(o.dataset);
  data::Batches<float> batches(train_set, grid, {.size = o.batch, .seed = o.seed});
  data::Batches<float> test_batches(test_set, grid, {.size = 200, .shuffle = false});

  nn::ModelSpec spec;
  spec.net = o.net;
  spec.options.seed = o.seed;
  spec.quant.input = grid;
  nn::Net<float> net = nn::build_model(spec);
  const auto optimizer = train::make_optimizer<float>(
      o.optimizer, net, {.lr = o.lr, .roles = train::decayed(o.decay)});

  std::printf("%s on %s: %d parameters, %d training images, %d threads\n", o.net.c_str(),
              o.dataset.c_str(), int(net.parameter_count()), int(train_set.size()),
              sgq::num_threads());
  Session session(o, net, *optimizer, batches, test_batches);
  const train::FitOptions fit_options{
      .epochs = o.epochs, .seed = o.seed, .schedule = {.kind = train::parse_schedule(o.schedule)}};
  train::fit(net, batches, *optimizer, fit_options, session.start(), &session);
  session.finish(spec);
}

} // namespace

int main(int argc, char** argv) {
  return run_program("mnist", [&] {
    TrainingOptions options = defaults();
    CommandLine line("mnist", "trains a small CNN on digits or clothes");
    add_training_options(line, options, {"mnist", "fashion-mnist", "synthetic"},
                         {"mnist_cnn", "lenet5"});
    if (line.parse(argc, argv)) train_and_test(options);
  });
}
