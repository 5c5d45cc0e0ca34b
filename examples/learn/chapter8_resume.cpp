// Chapter 8: guided training of a 4-bit network with one, two and three threads; interrupted and
// resumed; and resumed from its weights alone. Five digits stand for all bytes of the weights.
#include "sgq/sgq.hpp"

#include <cstdio>
#include <filesystem>

using namespace sgq;

struct Run {
  explicit Run(const data::Dataset& set)
      : batches(set, data::normalization("synthetic"), {.size = 50, .seed = 1}),
        net(nn::lenet5<float>({.seed = 1})) {
    nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"), .input = *batches.batch(0).grid});
    nn::calibrate(net, batches.batch(0).x);
    optimizer.emplace(net, train::AdamwOptions{.lr = 2e-3});
    step.emplace(net, *optimizer, train::GuidedOptions{});
  }
  void train(index_t from, index_t to) {
    for (index_t i = from; i < to; ++i)
      (*step)(batches.batch(i), {.random = Random(5).split(std::uint64_t(i))});
  }
  unsigned long digest() {
    io::Sha256 sha;
    for (const auto& p : net.parameters()) {
      const auto v = p.parameter->value();
      sha.update({reinterpret_cast<const char*>(v.data()), std::size_t(v.size()) * sizeof(float)});
    }
    return std::stoul(sha.hex().substr(0, 4), nullptr, 16);
  }
  data::Batches<float> batches;
  nn::Net<float> net;
  std::optional<train::Adamw<float>> optimizer;
  std::optional<train::GuidedStep<float>> step;
};

int main() {
  const data::Dataset set = data::synthetic(2000, 1, data::Split::train);
  const std::string file = std::filesystem::temp_directory_path() / "chapter8.safetensors";
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Run run(set);
    run.train(0, 40);
    std::printf("40 steps, %d thread%s      %05lu\n", threads, threads > 1 ? "s:" : ": ",
                run.digest());
  }
  Run first(set), second(set), third(set);
  first.train(0, 20);
  train::save_checkpoint(file, first.net, *first.optimizer, {.state = {.step = 20}});
  train::load_checkpoint(file, second.net, *second.optimizer, {});
  second.train(20, 40);
  std::printf("20 and 20, checkpoint:    %05lu\n", second.digest());
  nn::save_model(file, first.net);
  nn::load_weights(io::read_safetensors(file), third.net);
  third.train(20, 40);
  std::printf("20 and 20, weights only:  %05lu\n", third.digest());
  std::filesystem::remove(file);
}
