// Running statistics measured again: they are the means of the batches' moments, whatever they were
// before, and nothing else moves.
#include "sgq/train/reestimate.hpp"

#include "sgq/nn/quantize.hpp"
#include "sgq/train/evaluate.hpp"
#include "sgq/train/fit.hpp"
#include "sgq/train/sgd.hpp"

#include "small_run.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

namespace test_reestimate {

using namespace sgq;
using namespace sgq::train;

namespace {

/// Batch norm of the images themselves, so that its moments can be counted.
nn::Net<double> norm_of_images() {
  nn::Net<double> net({1, 28, 28});
  net.add("bn", nn::BatchNorm<double>({.channels = 1}));
  net.add("flatten", nn::Flatten<double>());
  net.add("fc", nn::Linear<double>({.in = 784, .out = 10}));
  nn::initialize(net, 1);
  return net;
}

void spoil(nn::Net<float>& net, float by) {
  for (auto& b : net.buffers())
    for (float& v : *b.tensor) v += by;
}

/// The small net at w4a4, trained for an epoch; dropout with this probability.
nn::Net<float> trained(double dropout) {
  nn::Net<float> net = small_run::net();
  net.replace(net.find("dropout"), std::make_unique<nn::Dropout<float>>(dropout));
  nn::quantize(net, {.bits = quant::parse_bit_policy("w4a4"),
                     .alpha = 2,
                     .input = data::normalization("synthetic")});
  Sgd<float> sgd(net, {.lr = 0.01});
  auto batches = small_run::batches();
  fit(net, batches, sgd, {.epochs = 1});
  return net;
}

} // namespace

TEST_CASE("statistics are the means of the batches' moments, by images", "[reestimate]") {
  data::Batches<double> batches(small_run::images(), data::normalization("synthetic"),
                                {.size = 16, .seed = 7});
  nn::Net<double> net = norm_of_images();
  double mean = 0, var = 0;
  for (index_t i = 0; i < batches.count(); ++i) { // 16, 16, 16 and 2 images
    const auto batch = batches.batch(i);
    double m = 0, squares = 0;
    const auto n = static_cast<double>(batch.x.size());
    for (const double v : batch.x) m += v / n;
    for (const double v : batch.x) squares += (v - m) * (v - m);
    mean += m * static_cast<double>(batch.size()) / 50;
    var += squares / (n - 1) * static_cast<double>(batch.size()) / 50;
  }
  reestimate_statistics(net, batches);
  const auto& bn = dynamic_cast<const nn::BatchNorm<double>&>(net.layer(1));
  CHECK(bn.running_mean()[0] == Approx(mean).epsilon(1e-12));
  CHECK(bn.running_var()[0] == Approx(var).epsilon(1e-12));
}

TEST_CASE("old statistics do not matter, and nothing else moves", "[reestimate]") {
  const small_run::Threads one(1);
  auto batches = small_run::plain_batches();
  nn::Net<float> a = trained(0.25), b = trained(0.25);
  REQUIRE((small_run::bytes(a) == small_run::bytes(b)));
  std::vector<std::uint64_t> versions;
  for (auto& p : a.parameters()) versions.push_back(p.parameter->version());
  spoil(b, 3);
  reestimate_statistics(a, batches);
  reestimate_statistics(b, batches);
  CHECK((small_run::bytes(a) == small_run::bytes(b)));
  std::size_t k = 0;
  for (auto& p : a.parameters()) CHECK(p.parameter->version() == versions[k++]);
  CHECK_NOTHROW(evaluate(a, batches)); // the codes are fresh

  nn::Net<float> c = trained(0.25);
  const std::string before = small_run::bytes(c);
  reestimate_statistics(c, batches);
  CHECK((small_run::bytes(c) != before)); // the running ones were others
}

TEST_CASE("dropout drops nothing while statistics are measured", "[reestimate]") {
  // Behind its dropout the net below has a batch norm, so a mask would show.
  const auto statistics = [](double p) {
    nn::Net<float> net({1, 28, 28});
    net.add("dropout", nn::Dropout<float>(p));
    net.add("bn", nn::BatchNorm<float>({.channels = 1}));
    net.add("flatten", nn::Flatten<float>());
    net.add("fc", nn::Linear<float>({.in = 784, .out = 10}));
    nn::initialize(net, 1);
    auto batches = small_run::plain_batches();
    reestimate_statistics(net, batches);
    return small_run::bytes(net);
  };
  CHECK((statistics(0.75) == statistics(0)));
}

TEST_CASE("statistics are the same for any number of threads", "[reestimate]") {
  CHECK(same_for_any_thread_count([] {
    nn::Net<float> net = small_run::net();
    auto batches = small_run::plain_batches();
    reestimate_statistics(net, batches);
    return small_run::bytes(net);
  }));
}

TEST_CASE("after one batch, evaluation sees that batch as training did", "[reestimate]") {
  // But for the unbiased variance of n = 50 x 14 x 14 numbers: behind bn1 all is 1/(2n) = 5e-5
  // smaller, behind bn2 twice that and shifted by as much. In five such nets of other weights,
  // logits were off by up to 2e-4 max(1, |z|); 2.5 times that is allowed.
  nn::Net<float> net = small_run::net();
  data::Batches<float> batches(small_run::images(), data::normalization("synthetic"),
                               {.size = 50, .shuffle = false});
  reestimate_statistics(net, batches);
  nn::Tape<float> tape;
  nn::Mode mode = nn::Mode::train(Random(0));
  mode.dropout = false;
  const auto batch = batches.batch(0);
  const auto z = net.forward(batch.x, tape, mode);
  Tensor<float> training(z.shape());
  std::copy(z.begin(), z.end(), training.begin());
  const auto evaluated = net.forward(batch.x, tape, nn::Mode::eval());
  for (index_t i = 0; i < evaluated.size(); ++i)
    CHECK(evaluated[i] == Approx(training[i]).epsilon(5e-4).margin(5e-4));
}

TEST_CASE("a net without statistics has none to measure", "[reestimate]") {
  nn::Net<float> net = nn::lenet5<float>();
  auto batches = small_run::plain_batches();
  CHECK(contains(message_of<value_error>([&] { reestimate_statistics(net, batches); }),
                 "expected a net with batch norm, got none"));
  nn::Net<float> empty({1, 28, 28});
  empty.add("bn", nn::BatchNorm<float>({.channels = 1}));
  empty.add("flatten", nn::Flatten<float>());
  empty.add("fc", nn::Linear<float>({.in = 784, .out = 10}));
  CHECK_SAYS(reestimate_statistics(empty, batches), value_error,
             "re-estimation of statistics: 'fc.weight'", "initialize");
}

TEST_CASE("statistics are not taken of images that evaluation refuses", "[reestimate]") {
  nn::Net<float> net = trained(0);
  const std::string before = small_run::bytes(net);
  const data::Dataset set = small_run::images();
  data::Batches<float> moved(set, data::normalization("synthetic"),
                             {.size = 16, .augment = {.pad = 2}});
  CHECK_SAYS(reestimate_statistics(net, moved), value_error, "images as they are in the set",
             "augmented");
  nn::Net<float> real = small_run::net();
  Sgd<float> sgd(real, {.lr = 0.01});
  auto batches = small_run::batches();
  fit(real, batches, sgd, {.epochs = 1});
  const std::string learned = small_run::bytes(real);
  data::Batches<float> others(set, data::normalization("mnist"), {.size = 16});
  CHECK_SAYS(reestimate_statistics(real, others), value_error, "those of the training images");
  CHECK((small_run::bytes(net) == before));
  CHECK((small_run::bytes(real) == learned));
}

TEST_CASE("statistics stay where a batch cannot be measured", "[reestimate]") {
  nn::Net<float> net({1, 28, 28});
  net.add("flatten", nn::Flatten<float>());
  net.add("fc1", nn::Linear<float>({.in = 784, .out = 4}));
  net.add("bn", nn::BatchNorm<float>({.channels = 4}));
  net.add("fc2", nn::Linear<float>({.in = 4, .out = 10}));
  nn::initialize(net, 1);
  spoil(net, 0.25f);
  const data::Dataset set = data::synthetic(33, 1, data::Split::train); // a last batch of one
  data::Batches<float> batches(set, data::normalization("synthetic"), {.size = 32});
  CHECK_SAYS(reestimate_statistics(net, batches), value_error, "2 or more values per channel");
  for (const auto& b : net.buffers())
    for (float v : *b.tensor) CHECK(v == (b.name == "bn.running_mean" ? 0.25f : 1.25f));
}

TEST_CASE("a share moves statistics by itself", "[reestimate]") {
  nn::Net<float> net = small_run::net();
  auto batches = small_run::batches();
  nn::Tape<float> tape;
  net.forward(batches.batch(0).x, tape, nn::Mode::train(Random(0)));
  const std::string before = small_run::bytes(net);
  net.update_statistics(tape, 0.0);
  CHECK((small_run::bytes(net) == before));
  for (const double bad : {-0.1, 1.1})
    CHECK(contains(message_of<value_error>([&] { net.update_statistics(tape, bad); }),
                   "a share in [0, 1]"));
}

} // namespace test_reestimate
