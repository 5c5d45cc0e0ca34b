// The background is stated once, where an Explainer or a Classifier is made.
#include "sgq/data/normalize.hpp"
#include "sgq/saliency/integrated_gradients.hpp"
#include "sgq/saliency/metrics/deletion.hpp"
#include "sgq/saliency/metrics/infidelity.hpp"
#include "sgq/saliency/metrics/masked_accuracy.hpp"
#include "sgq/saliency/occlusion.hpp"
#include "sgq/saliency/rise.hpp"

#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

#include <vector>

namespace test_background {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

const std::vector<float> background{-0.5f, 0.25f};
const std::vector<std::uint8_t> labels{2, 0, 1};
const Tensor<float> x = random_tensor<float>({3, 2, 8, 8}, 7);
const Tensor<float> maps = random_tensor<float>({3, 8, 8}, 8);
const Tensor<float> phi = random_tensor<float>(x.shape(), 9);

/// Every map and metric that hides pixels, by the options' own values or by the model's.
std::vector<std::vector<double>> results(const ClassifierOptions& stated,
                                         const std::vector<float>& own) {
  LinearModel linear(3, 128, 1);
  const Classifier model(linear, 3, stated);
  const ops::FillOptions fill{.fill = ops::Fill::constant, .value = own};
  std::vector<std::vector<double>> all;
  const auto add = [&](const auto& tensor) { all.emplace_back(tensor.begin(), tensor.end()); };
  add(occlusion(model, x, labels, {.background = own}).values);
  add(rise(model, x, labels, {.masks = 10, .background = own}).values);
  add(masked_accuracy(model, x, labels, maps, {.background = fill}).correct);
  add(deletion(model, x, maps, {.background = fill}).area);
  add(insertion(model, x, maps, {.background = fill}).area);
  add(infidelity(model, x, labels, phi, {.background = fill}).plain);
  return all;
}

} // namespace

TEST_CASE("what a classifier states is the default of every map and metric", "[background]") {
  const auto stated = results({.background = background}, {});
  CHECK(stated == results({}, background));
  CHECK(stated == results({.background = {9}}, background)); // their own options go first
  const auto zero = results({.background = {0}}, {});
  for (std::size_t i = 0; i < zero.size(); ++i)
    if (i != 2) CHECK(zero[i] != stated[i]); // 2: whether ten predictions are right
}

TEST_CASE("what an explainer states is the background of integrated gradients", "[background]") {
  nn::Net<float> net = small_plain_net<float>();
  Explainer stated(net, {.background = background}), none(net);
  const auto a = integrated_gradients(stated, x, labels);
  const auto b = integrated_gradients(none, x, labels, {.background = background});
  CHECK(std::equal(a.values.begin(), a.values.end(), b.values.begin()));
  const auto zero = integrated_gradients(stated, x, labels, {.background = {0}});
  CHECK_FALSE(std::equal(a.values.begin(), a.values.end(), zero.values.begin()));
}

TEST_CASE("nobody guesses a background: 0 is grey on MNIST", "[background][errors]") {
  LinearModel linear(3, 128, 1);
  const Classifier model(linear, 3);
  nn::Net<float> net = small_plain_net<float>();
  Explainer explain(net);
  const std::string texts[] = {
      message_of<value_error>([&] { occlusion(model, x, labels); }),
      message_of<value_error>([&] { rise(model, x, labels); }),
      message_of<value_error>([&] { masked_accuracy(model, x, labels, maps); }),
      message_of<value_error>([&] { deletion(model, x, maps); }),
      message_of<value_error>([&] { insertion(model, x, maps); }),
      message_of<value_error>([&] { infidelity(model, x, labels, phi); }),
      message_of<value_error>([&] { integrated_gradients(explain, x, labels); })};
  for (const std::string& text : texts) {
    INFO(text);
    CHECK(contains(text, "one value, or one for each of 2 channels, got none"));
    CHECK(contains(text, "data::background_values"));
  }
  const Classifier three(linear, 3, {.background = {0, 0, 0}});
  CHECK(contains(message_of<value_error>([&] { deletion(three, x, maps); }), "got 3 values"));
  const Classifier endless(linear, 3, {.background = {0, INFINITY}});
  CHECK_SAYS(deletion(endless, x, maps), value_error, "deletion", "a finite background", "got inf");
  // A gaussian infidelity and a blurred background need none.
  CHECK_NOTHROW(
      infidelity(model, x, labels, phi, {.perturbation = Perturbation::gaussian, .samples = 2}));
  CHECK_NOTHROW(deletion(model, x, maps, {.background = {.fill = ops::Fill::blur}}));
}

} // namespace test_background
