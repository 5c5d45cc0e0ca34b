// bench_infer -- images per second of inference, by engine.
//
// An engine is a function that makes a batch's runner; to add one, write such a function and name
// it in `engines`.
//
//     fp32    FloatEngine; its peer is ONNX Runtime on the fp32 model
//     int8    the integer engine, w8a8, from float input to float logits; its peer is ONNX Runtime
//             on the int8 model
//     int4    w4a4
//     int2    w2a2
//     4/2     layerwise-4-2
//
// Integer nets have 8-bit first and last layers and random weights: bits decide the speed, not the
// weights.
#include "bench_common.hpp"

#include "sgq/infer/engine.hpp"
#include "sgq/infer/export.hpp"
#include "sgq/infer/float_engine.hpp"

#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#include <memory>

#include <sys/resource.h>

using namespace sgq;

namespace {

constexpr std::string_view usage =
    "bench_infer: inference, one JSON object a line for each net and engine\n"
    "  --net NAME     mnist_cnn or lenet5 (batch 64) or resnet20 (batch 128); default: mnist_cnn "
    "and\n"
    "                 resnet20\n"
    "  --engine NAME  fp32, int8, int4, int2 or 4/2; default: all\n"
    "  --threads N    default: all cores\n"
    "  --rounds N     turns of about 30 ms, default 5; the figure is the median of all their runs\n"
    "  --help\n"
    "SGQ_ISA=NAME in the environment forces an instruction set.\n";

/// Computes the logits of the same random batch at every call.
using Runner = std::function<void()>;

Tensor<float> random_images(const Shape& shape) {
  Tensor<float> x(shape);
  const Random random(0);
  for (index_t i = 0; i < x.size(); ++i) x[i] = random.uniform(i);
  return x;
}

struct Fp32 {
  nn::Net<float> net;
  infer::FloatEngine<float> engine{net};
  Tensor<float> x{}, logits{};
};

Runner fp32_engine(const std::string& net, index_t batch) {
  const std::shared_ptr<Fp32> e(new Fp32{nn::make_model(net)});
  e->x = random_images(e->net.input_shape().with_batch(batch));
  e->logits.resize({batch, e->net.classes()});
  return [e] { e->engine(e->x, e->logits); };
}

struct Integer {
  infer::Engine engine;
  Tensor<float> x, logits;
};

Runner integer_engine(const std::string& name, index_t batch, const char* bits) {
  nn::Net<float> net = nn::make_model(name);
  const index_t channels = net.input_shape()[1];
  const QuantParams grid{1.0f / 255, std::vector<std::int32_t>(static_cast<std::size_t>(channels))};
  nn::quantize(net, {.bits = quant::parse_bit_policy(bits), .input = grid});
  const Tensor<float> x = random_images(net.input_shape().with_batch(batch));
  nn::calibrate<float>(net, x.view().slice(0, 8));
  net.quantize_weights();
  const std::shared_ptr<Integer> e(
      new Integer{infer::Engine(infer::export_integer(net)), x, Tensor<float>({batch, 10})});
  return [e] { e->engine(e->x, e->logits); };
}

struct Engine {
  const char *name, *bits; ///< bits null: real numbers
  Runner make(const std::string& net, index_t batch) const {
    return bits ? integer_engine(net, batch, bits) : fp32_engine(net, batch);
  }
};
constexpr Engine engines[] = {{"fp32", nullptr},
                              {"int8", "w8a8"},
                              {"int4", "w4a4"},
                              {"int2", "w2a2"},
                              {"4/2", "layerwise-4-2"}};

void measure(const std::string& net, const Engine& engine, int rounds) {
  const index_t batch = net == "resnet20" ? 128 : 64;
  const double seconds = bench::race({{"sgq", engine.make(net, batch)}}, rounds)[0];
  rusage usage_now{};
  getrusage(RUSAGE_SELF, &usage_now);
  bench::Json()
      .add("bench", "infer")
      .add("impl", "sgq")
      .add("net", net)
      .add("engine", engine.name)
      .add("batch", batch)
      .add("threads", index_t{num_threads()})
      .add("isa", kernels::name(kernels::isa()))
      .add("images_per_second", static_cast<double>(batch) / seconds)
      .add("peak_rss_mib", static_cast<double>(usage_now.ru_maxrss) / 1024)
      .print();
}

} // namespace

int main(int argc, char** argv) {
  const bench::Options o = bench::parse(argc, argv, usage, "--net --engine --threads --rounds");
  bool any = false;
  for (const char* net : {"mnist_cnn", "resnet20", "lenet5"})
    for (const Engine& engine : engines) {
      if (o.net != net && (!o.net.empty() || net == std::string_view("lenet5"))) continue;
      if ((!o.engine.empty() && o.engine != engine.name)) continue;
      any = true;
      measure(net, engine, o.rounds);
    }
  if (any) return 0;
  std::fprintf(
      stderr,
      "bench_infer: expected --net mnist_cnn|resnet20|lenet5, --engine fp32|int8|int4|int2|4/2; "
      "see --help\n");
  return 2;
}
