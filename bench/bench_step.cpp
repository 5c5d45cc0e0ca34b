// bench_step -- images per second of one training step, for the nets and settings of the paper's
// experiments: plain and saliency-guided, fp32, 4 and 2 bits.
//
// The layers are those that a PyTorch user would write down for the comparison: first and last
// layer in fp32, DoReFa weights, PACT with alpha 8, no dropout; SGD with momentum 0.9, rate 1e-3;
// random images, the same in every step. A guided step runs two forward passes, printed as
// "passes", because the clean one also serves the saliency.
#include "bench_common.hpp"

#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"
#include "sgq/train/saliency_guided.hpp"
#include "sgq/train/sgd.hpp"

#include <atomic>
#include <new>

#include <sys/resource.h>

using namespace sgq;

namespace {

std::atomic<index_t> allocated{0}; // bytes, since the start

void* counted(std::size_t bytes, std::size_t alignment) {
  allocated += static_cast<index_t>(bytes);
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (void* p = std::aligned_alloc(alignment, std::max(rounded, alignment))) return p;
  throw std::bad_alloc();
}

} // namespace

// Every allocation of this program is counted, to show what a step allocates. Not inlined: GCC
// would see malloc's memory in one place and delete in another, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return counted(bytes, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

namespace {

constexpr std::string_view usage =
    "bench_step: one training step, one JSON object a line for each setting\n"
    "  --net NAME     mnist_cnn (batch 64), resnet20 (batch 128) or lenet5 (batch 50); default:\n"
    "                 mnist_cnn and resnet20\n"
    "  --bits N       32, 4 or 2; default: all\n"
    "  --guided N     0 or 1, saliency-guided training; default: both\n"
    "  --threads N    default: all cores\n"
    "  --rounds N     turns of about 30 ms, default 5; the figure is the median of all their "
    "steps\n"
    "  --steps N      takes N steps of each setting in counted_steps() and measures nothing: for\n"
    "                 programs that count instructions\n"
    "  --batch N      images in a batch, instead of those above\n"
    "  --help\n"
    "SGQ_ISA=NAME in the environment forces an instruction set.\n";

struct Setting {
  std::string net;
  int bits, guided;
  index_t batch;
};

/// A batch of random images with random labels.
struct RandomBatch {
  Tensor<float> x;
  std::vector<std::uint8_t> labels;

  RandomBatch(const Shape& shape) : x(shape), labels(static_cast<std::size_t>(shape[0])) {
    const Random random(0);
    for (index_t i = 0; i < x.size(); ++i) x[i] = random.uniform(i);
    for (std::size_t i = 0; i < labels.size(); ++i)
      labels[i] = static_cast<std::uint8_t>(random.split(1).below(static_cast<index_t>(i), 10));
  }
  data::Batch<float> view() { return {.x = x, .codes = {}, .labels = labels, .indices = {}}; }
};

nn::Net<float> make_net(const Setting& setting) {
  nn::Net<float> net = nn::make_model(setting.net, {.dropout = false});
  if (setting.bits == 32) return net;
  nn::QuantizeOptions options;
  options.bits = quant::parse_bit_policy(sgq::to_text(setting.bits), quant::FirstLast::fp32);
  options.weights = "dorefa";
  nn::quantize(net, options);
  for (nn::ValueId i : nn::pact_layers(net))
    static_cast<nn::Pact<float>&>(net.layer(i)).set_alpha(8);
  net.quantize_weights();
  return net;
}

/// What instructions.sh has counted. Two steps before it have allocated all there is.
template <class F>
[[gnu::noinline]] void counted_steps(int steps, const F& step) {
  for (int i = 0; i < steps; ++i) step();
}

void measure(const Setting& setting, const bench::Options& options) {
  nn::Net<float> net = make_net(setting);
  train::Sgd<float> optimizer(net, {.lr = 1e-3, .momentum = 0.9});
  RandomBatch images(net.input_shape().with_batch(setting.batch));
  const data::Batch<float> batch = images.view();
  nn::Tape<float> tape;
  train::GuidedStep<float> guided(net, optimizer, {.target = ops::Target::logit});
  const auto step = [&] {
    if (setting.guided)
      guided(batch, {});
    else
      train::train_step(net, tape, batch, optimizer);
  };
  step(), step();
  if (options.steps > 0) return counted_steps(options.steps, step);
  index_t before = allocated;
  step();
  const index_t bytes = allocated - before;
  const double seconds = bench::race({{"sgq", step}}, options.rounds)[0];
  rusage usage_now{};
  getrusage(RUSAGE_SELF, &usage_now);
  bench::Json()
      .add("bench", "step")
      .add("impl", "sgq")
      .add("net", setting.net)
      .add("batch", setting.batch)
      .add("bits", index_t{setting.bits})
      .add("guided", index_t{setting.guided})
      .add("passes", index_t{setting.guided ? 2 : 1})
      .add("threads", index_t{num_threads()})
      .add("isa", kernels::name(kernels::isa()))
      .add("images_per_second", static_cast<double>(setting.batch) / seconds)
      .add("bytes_allocated", bytes)
      .add("peak_rss_mib", static_cast<double>(usage_now.ru_maxrss) / 1024)
      .print();
}

} // namespace

int main(int argc, char** argv) {
  const bench::Options o =
      bench::parse(argc, argv, usage, "--net --bits --guided --threads --rounds --steps --batch");
  bool any = false;
  struct Usual {
    const char* net;
    index_t batch;
  };
  for (const auto& [net, batch] : {Usual{"mnist_cnn", 64}, {"resnet20", 128}, {"lenet5", 50}})
    for (int bits : {32, 4, 2})
      for (int guided : {0, 1}) {
        if (o.net != net && (!o.net.empty() || net == std::string_view("lenet5"))) continue;
        if ((o.bits >= 0 && o.bits != bits) || (o.guided >= 0 && o.guided != guided)) continue;
        any = true;
        measure({net, bits, guided, o.batch > 0 ? o.batch : batch}, o);
      }
  if (any) return 0;
  std::fprintf(stderr,
               "bench_step: expected --net mnist_cnn|resnet20|lenet5, --bits 32|4|2, --guided 0|1; "
               "see --help\n");
  return 2;
}
