// bench_scaling -- how many ranks a training step is worth: docs/scaling.md.
//
// Measures steps of one process in two batches, which gives the time per image a and the time f
// that no rank saves (optimiser, weight codes). With R ranks, the largest share having n images and
// receiving D bytes (distributed/traffic.hpp) in E exchanges, A of them all-to-all,
//
//     T(R) = f + a n + L ((E - A) ceil(log2 R) + A (R - 1)) + D / W
//     efficiency = T(1) / (R T(R))
//
// L is the latency of a message, W the bandwidth of a rank. A gather passes data on in log2 R
// rounds; an all-to-all sends R - 1 messages. Exchanges are not hidden behind computation.
#include "bench_common.hpp"

#include "sgq/distributed/traffic.hpp"
#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/train/saliency_guided.hpp"
#include "sgq/train/sgd.hpp"

#include <cmath>

using namespace sgq;

namespace {

constexpr std::string_view usage =
    "bench_scaling: predicted efficiency of ranks, one JSON object a line\n"
    "  --net NAME     resnet20 or vgg_small; default: both\n"
    "  --guided N     0: plain fp32, 1: saliency-guided w4a4; default: both\n"
    "  --threads N    of a rank; default: all cores\n"
    "  --batch N      images in a batch, default 128\n"
    "  --rounds N     turns of the measurement, default 5\n"
    "  --help\n";

struct Network {
  const char* name;
  double latency, bandwidth; ///< seconds, bytes per second
};
constexpr Network networks[] = {{"10 Gb/s, 30 us", 30e-6, 1.25e9}, {"200 Gb/s, 2 us", 2e-6, 25e9}};

/// A net in training: what it takes, and what it would exchange.
struct Workload {
  nn::Net<float> net;
  bool guided;
  nn::Tape<float> tape{};          ///< of a pass, for the traffic
  double fixed = 0, per_image = 0; ///< seconds
  index_t convolutions = 0;
};

Workload make_workload(const std::string& name, bool guided) {
  Workload w{.net = nn::make_model(name), .guided = guided};
  for (nn::ValueId i = 1; i <= w.net.last(); ++i)
    if (const auto* weights = w.net.layer(i).weights())
      w.convolutions += weights->shape().rank() == 4;
  if (!guided) return w;
  nn::quantize(w.net, {.bits = quant::parse_bit_policy("w4a4"),
                       .alpha = 4.0,
                       .input = {.scale = 0.02f, .zero_point = {120, 120, 120}}});
  return w;
}

void measure(Workload& w, int rounds) {
  constexpr index_t few = 16, many = 64;
  train::Sgd<float> optimizer(w.net, {.lr = 1e-3, .momentum = 0.9});
  train::GuidedStep<float> guided(w.net, optimizer, {});
  Tensor<float> x(w.net.input_shape().with_batch(many));
  for (index_t i = 0; i < x.size(); ++i) x[i] = Random(0).uniform(i);
  const std::vector<std::uint8_t> labels(many, 3);
  const auto step = [&](index_t n) {
    const data::Batch<float> batch{.x = View<const float>(x).slice(0, n),
                                   .codes = {},
                                   .labels = std::span(labels).first(std::size_t(n)),
                                   .indices = {}};
    if (w.guided)
      guided(batch, {});
    else
      train::train_step(w.net, w.tape, batch, optimizer);
  };
  const auto seconds =
      bench::race({{"few", [&] { step(few); }}, {"many", [&] { step(many); }}}, rounds);
  w.per_image = (seconds[1] - seconds[0]) / (many - few);
  w.fixed = std::max(0.0, seconds[0] - w.per_image * few);
  w.net.forward(View<const float>(x).slice(0, 1), w.tape, nn::Mode::train(Random(1)));
}

struct Prediction {
  double seconds;
  distributed::Traffic traffic; ///< the most that a rank receives
};

Prediction predict(const Workload& w, const Network& network, index_t batch, index_t ranks) {
  distributed::Traffic most;
  index_t images = 0;
  for (index_t r = 0; r < ranks; ++r) {
    const auto t = distributed::step_traffic(w.net, w.tape, w.guided, {batch, r, ranks});
    if (t.bytes >= most.bytes) most = t;
    images = std::max(images, images_of_rank(batch, r, ranks).size());
  }
  const index_t all_to_all = w.convolutions * (w.guided ? 2 : 1);
  const double messages =
      static_cast<double>(most.exchanges - all_to_all) * std::ceil(std::log2(double(ranks))) +
      static_cast<double>(all_to_all * (ranks - 1));
  return {w.fixed + w.per_image * static_cast<double>(images) + network.latency * messages +
              static_cast<double>(most.bytes) / network.bandwidth,
          most};
}

double efficiency(const Workload& w, const Network& network, index_t batch, index_t ranks) {
  return predict(w, network, batch, 1).seconds /
         (static_cast<double>(ranks) * predict(w, network, batch, ranks).seconds);
}

/// The smallest batch of whole blocks for all ranks at which they are used to 80 %; 0: none.
index_t pays_from(const Workload& w, const Network& network, index_t ranks) {
  for (index_t batch = block_images * ranks; batch <= 16384; batch += block_images * ranks)
    if (efficiency(w, network, batch, ranks) >= 0.8) return batch;
  return 0;
}

void report(const std::string& name, Workload& w, const bench::Options& o) {
  measure(w, o.rounds);
  const index_t batch = o.batch > 0 ? o.batch : 128;
  for (const Network& network : networks)
    for (index_t ranks = 1; ranks <= blocks_of(batch, block_images); ranks *= 2) {
      const Prediction at = predict(w, network, batch, ranks);
      bench::Json()
          .add("bench", "scaling")
          .add("net", name)
          .add("guided", index_t{w.guided})
          .add("batch", batch)
          .add("threads", index_t{num_threads()})
          .add("network", network.name)
          .add("ranks", ranks)
          .add("exchanges", at.traffic.exchanges)
          .add("megabytes", static_cast<double>(at.traffic.bytes) * 1e-6)
          .add("milliseconds", at.seconds * 1e3)
          .add("milliseconds_fixed", w.fixed * 1e3)
          .add("efficiency", efficiency(w, network, batch, ranks))
          .add("pays_from_batch", pays_from(w, network, ranks))
          .print();
    }
}

} // namespace

int main(int argc, char** argv) {
  const bench::Options o =
      bench::parse(argc, argv, usage, "--net --guided --threads --batch --rounds");
  bool any = false;
  for (const char* net : {"resnet20", "vgg_small"})
    for (int guided : {0, 1}) {
      if ((!o.net.empty() && o.net != net) || (o.guided >= 0 && o.guided != guided)) continue;
      any = true;
      Workload w = make_workload(net, guided == 1);
      report(net, w, o);
    }
  if (any) return 0;
  std::fprintf(stderr,
               "bench_scaling: expected --net resnet20|vgg_small, --guided 0|1; see --help\n");
  return 2;
}
