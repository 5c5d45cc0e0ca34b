// Trains the eight networks of the page on the built-in set, and writes them to one file
// (nets.hpp). It takes about a minute and needs no data.
//
//     make_nets OUT.safetensors
//
// Half of the training images are those of the set, half are their digits alone on black and of
// other sizes, as a hand draws them on the page. The real-valued network is trained first; those of
// 8, 4 and 2 bits start from it.
#include "nets.hpp"

#include "sgq/infer/export.hpp"
#include "sgq/infer/file.hpp"
#include "sgq/saliency/gradient.hpp"
#include "sgq/saliency/metrics/localization.hpp"
#include "sgq/train/adamw.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/fit.hpp"

#include <cstdio>
#include <numeric>

namespace {

using namespace page;
using sgq::Random, sgq::Tensor;
namespace data = sgq::data;
namespace train = sgq::train;

constexpr index_t side = 28, area = side * side;

/// Where the ink of an image is.
struct Box {
  index_t top = side, bottom = 0, left = side, right = 0;

  explicit Box(const std::uint8_t* ink) {
    for (index_t i = 0; i < area; ++i) {
      if (!ink[i]) continue;
      top = std::min(top, i / side), bottom = std::max(bottom, i / side);
      left = std::min(left, i % side), right = std::max(right, i % side);
    }
  }
  double size() const { return static_cast<double>(std::max(bottom - top, right - left) + 1); }
  double y() const { return static_cast<double>(top + bottom) / 2; }
  double x() const { return static_cast<double>(left + right) / 2; }
};

/// The ink of an image between its pixels; black outside.
double ink_at(const std::uint8_t* image, const std::uint8_t* ink, double y, double x) {
  const auto top = static_cast<index_t>(std::floor(y)), left = static_cast<index_t>(std::floor(x));
  double sum = 0;
  for (index_t i = top; i <= top + 1; ++i)
    for (index_t j = left; j <= left + 1; ++j)
      if (i >= 0 && i < side && j >= 0 && j < side && ink[i * side + j])
        sum += (1 - std::abs(y - static_cast<double>(i))) *
               (1 - std::abs(x - static_cast<double>(j))) *
               static_cast<double>(image[i * side + j]);
  return sum;
}

/// The digits alone, 14 to 25 pixels high and near the centre.
data::Dataset alone(const data::Dataset& set, std::uint64_t seed) {
  data::Dataset out = data::slice(set, 0, set.size());
  for (index_t n = 0; n < set.size(); ++n) {
    const Random random = Random(seed).split(static_cast<std::uint64_t>(n));
    const auto between = [&](index_t i, double low, double high) {
      return low + (high - low) * static_cast<double>(random.below(i, 1000)) / 1000;
    };
    const std::uint8_t* const image = set.images.data() + n * area;
    const std::uint8_t* const ink = set.evidence.data() + n * area;
    const Box box(ink);
    const double scale = between(0, 14, 25) / box.size();
    const double cy = between(1, 12, 15), cx = between(2, 12, 15);
    for (index_t i = 0; i < area; ++i) {
      const double y = (static_cast<double>(i / side) - cy) / scale + box.y();
      const double x = (static_cast<double>(i % side) - cx) / scale + box.x();
      out.images[n * area + i] =
          static_cast<std::uint8_t>(std::min(255.0, std::rint(ink_at(image, ink, y, x))));
      out.evidence[n * area + i] = out.images[n * area + i] > 127;
    }
  }
  return out;
}

data::Dataset joined(const data::Dataset& a, const data::Dataset& b) {
  data::Dataset all = data::slice(a, 0, a.size());
  all.images.resize(a.images.shape().with_batch(a.size() + b.size()));
  all.evidence.resize(all.images.shape());
  for (const data::Dataset* part : {&a, &b}) {
    const index_t first = part == &a ? 0 : a.size() * area;
    std::copy(part->images.begin(), part->images.end(), all.images.begin() + first);
    std::copy(part->evidence.begin(), part->evidence.end(), all.evidence.begin() + first);
  }
  all.labels.insert(all.labels.end(), b.labels.begin(), b.labels.end());
  return all;
}

/// The same network with the bits of `number`, not yet trained with them.
nn::Net<float> quantised(nn::Net<float>& real, int number, View<const float> first) {
  nn::Net<float> net = nn::lenet5<float>();
  const auto from = real.parameters(), to = net.parameters();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto value = from[i].parameter->value();
    std::copy(value.begin(), value.end(), to[i].parameter->edit().begin());
  }
  nn::quantize(net,
               {.bits = quant::parse_bit_policy(sgq::to_text(bits_of(number))), .input = grid()});
  nn::calibrate<float>(net, first);
  return net;
}

void fit(nn::Net<float>& net, data::Batches<float>& batches, bool guided, index_t epochs,
         double lr) {
  train::Adamw<float> optimizer(net, {.lr = lr});
  const train::FitOptions options{.epochs = epochs, .schedule = {.kind = "one-cycle"}};
  if (!guided) {
    train::fit(net, batches, optimizer, options);
    return;
  }
  train::GuidedStep<float> step(net, optimizer, guided_options());
  train::fit<float>(batches, options, step);
}

double accuracy(const nn::Net<float>& net, const data::Dataset& set) {
  data::Batches<float> batches(set, grid(), {.size = 250, .shuffle = false});
  return 100 * train::evaluate(net, batches).accuracy();
}

/// Of each image's largest gradients, as many as the digit has pixels: the share on the digit.
double on_ink(nn::Net<float>& net, const data::Dataset& set) {
  Tensor<float> x(set.images.shape());
  data::normalize<float>(set.images, grid(), x);
  sgq::saliency::Explainer<float> explain(net, {.background = background()});
  const Tensor<float> maps =
      to_maps(sgq::saliency::gradient<float>(explain, x, std::span(set.labels)),
              sgq::saliency::Values::magnitude);
  const auto shares = sgq::saliency::relevance_rank(maps, set.evidence);
  return 100 * std::accumulate(shares.begin(), shares.end(), 0.0) /
         static_cast<double>(shares.size());
}

/// Throws value_error unless the network in the file is this one: its integers, to the last one.
void check_stored(const io::SafeTensors& file, int number, nn::Net<float>& net) {
  if (bits_of(number) == quant::fp32_bits) return;
  const auto integers = [](const nn::Net<float>& n) {
    return io::format_safetensors(sgq::infer::to_file(sgq::infer::export_integer(n)));
  };
  if (integers(load_net(file, number)) != integers(net))
    throw sgq::value_error(sgq::describe(name_of(number), "the integers of the trained network",
                                         "others from the file"));
}

struct Sets {
  data::Dataset train, test, test_alone;
};

void add(io::SafeTensors& file, int number, nn::Net<float>& net, const Sets& sets) {
  add_net(file, number, net);
  check_stored(file, number, net);
  const double clutter = accuracy(net, sets.test), alone = accuracy(net, sets.test_alone);
  const double ink = on_ink(net, sets.test);
  const auto text = [](double x) { // one digit behind the point
    char digits[16];
    std::snprintf(digits, sizeof digits, "%.1f", x);
    return std::string(digits);
  };
  file.metadata["accuracy." + name_of(number)] = text(clutter);
  file.metadata["alone." + name_of(number)] = text(alone);
  file.metadata["ink." + name_of(number)] = text(ink);
  std::printf("%-10s accuracy %5.1f %%, digits alone %5.1f %%, gradients on the ink %4.1f %%\n",
              name_of(number).c_str(), clutter, alone, ink);
  std::fflush(stdout);
}

void make(const char* path) {
  const auto train_set = data::synthetic(6000, 1, data::Split::train);
  const auto test_set = data::synthetic(1000, 1, data::Split::test);
  const Sets sets{joined(train_set, alone(train_set, 1)), test_set, alone(test_set, 2)};
  data::Batches<float> batches(sets.train, grid(), {.size = 50, .seed = 1});
  io::SafeTensors file;
  for (int first : {0, 4}) { // plain, guided
    const bool guided = first > 0;
    nn::Net<float> real = nn::lenet5<float>({.seed = 1});
    fit(real, batches, guided, 6, 2e-3);
    add(file, first, real, sets);
    for (int number = first + 1; number < first + 4; ++number) {
      nn::Net<float> net = quantised(real, number, batches.batch(0).x);
      fit(net, batches, guided, 3, 1e-3);
      add(file, number, net, sets);
    }
  }
  io::write_safetensors(path, file);
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("make_nets OUT.safetensors\n", stderr), 2;
  try {
    make(argv[1]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make_nets: %s\n", e.what());
    return 1;
  }
}
