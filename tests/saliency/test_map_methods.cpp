// Every row of the tables: what all methods and all metrics have in common.
#include "sgq/saliency/map_methods.hpp"
#include "sgq/saliency/metrics/map_metrics.hpp"
#include "sgq/saliency/metrics/similarity.hpp"

#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/nets.hpp"

#include <cmath>
#include <set>

namespace test_map_methods {

using namespace sgq;
using namespace sgq::nn;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

constexpr index_t images = 5, side = 8;
const std::vector<std::uint8_t> classes{2, 0, 1, 1, 2};

Net<float> small_net() {
  Net<float> net({2, side, side});
  net.add("conv", Conv2d<float>({.in = 2, .out = 4, .kernel = 3}));
  net.add("relu", Relu<float>());
  net.add("flatten", Flatten<float>());
  net.add("fc", Linear<float>({.in = 4 * 6 * 6, .out = 3}));
  initialize(net, 1);
  return net;
}

Tensor<float> random_images() {
  return random_tensor<float>({images, 2, side, side}, 3);
}

template <class Rows>
void check_names(const Rows& rows) {
  std::set<std::string_view> names;
  for (const auto& row : rows) {
    INFO(std::string(row.name));
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.title.empty());
  }
}

} // namespace

TEST_CASE("names of maps and metrics are theirs alone", "[saliency]") {
  check_names(map_methods);
  check_names(map_metrics);
  check_names(similarity_measures);
  for (const MapMethod& m : map_methods) CHECK_FALSE(m.about.empty());
  for (const MapMetric& m : map_metrics) CHECK_FALSE(m.about.empty());
}

TEST_CASE("a net as a function says what the net says", "[saliency]") {
  Net<float> net = small_net();
  const Tensor<float> x = random_images();
  Tape<float> tape;
  const View<const float> z = net.forward(x, tape);
  Tensor<float> logits({images, 3});
  NetFunction f(net);
  f(x, logits);
  CHECK(std::equal(z.begin(), z.end(), logits.begin()));
  const Tensor<float> again = logits_of(net, x);
  CHECK(std::equal(z.begin(), z.end(), again.begin()));
  const auto said = predictions(logits);
  REQUIRE(said.size() == images);
  for (index_t n = 0; n < images; ++n)
    for (index_t k = 0; k < 3; ++k) CHECK(z(n, said[static_cast<std::size_t>(n)]) >= z(n, k));
  Tensor<float> narrow({images, 2});
  CHECK_SAYS(f(x, narrow), shape_error, "logits", "got [5, 2]");
}

TEST_CASE("every method makes a map of every image, the same twice", "[saliency]") {
  Net<float> net = small_net();
  const Tensor<float> x = random_images();
  Explainer<float> explain(net, {.background = {0.25f}, .baselines = x});
  const MapOptions few{.samples = 2, .steps = 2, .masks = 8};
  for (const MapMethod& method : map_methods) {
    INFO(std::string(method.name));
    const Tensor<float> maps = to_maps(method.make(explain, x, classes, few), method.values);
    CHECK(maps.shape() == Shape{images, side, side});
    for (const float v : maps) REQUIRE(std::isfinite(v));
    CHECK(std::any_of(maps.begin(), maps.end(), [](float v) { return v != 0; }));
    const bool signs = std::any_of(maps.begin(), maps.end(), [](float v) { return v < 0; });
    if (method.values == Values::magnitude || method.all_positive) CHECK_FALSE(signs);
    const Tensor<float> again = to_maps(method.make(explain, x, classes, few), method.values);
    CHECK(std::equal(maps.begin(), maps.end(), again.begin()));
  }
  CHECK(choose("map", map_methods, "rise").title == "RISE");
  CHECK(contains(message_of<value_error>([] { choose("map", map_methods, "lime"); }),
                 "occlusion or rise, got 'lime'"));
}

TEST_CASE("a method without a score of its own follows the target", "[saliency]") {
  Net<float> net = small_net();
  const Tensor<float> x = random_images();
  const MapOptions few{.samples = 2, .steps = 2, .masks = 8};
  for (const MapMethod& method : map_methods) {
    INFO(std::string(method.name));
    Tensor<float> maps[2];
    for (const Target target : {Target::logit, Target::log_probability}) {
      Explainer<float> explain(net, {.target = target, .background = {0}, .baselines = x});
      maps[target == Target::logit ? 0 : 1] = method.make(explain, x, classes, few).values;
    }
    const bool follows = !std::equal(maps[0].begin(), maps[0].end(), maps[1].begin());
    CHECK(follows == method.score.empty());
  }
}

TEST_CASE("a method reads the setting that it names, and no other", "[saliency]") {
  Net<float> net = small_net();
  const Tensor<float> x = random_images();
  const auto values = [&](const MapMethod& m, const MapOptions& o) {
    Explainer<float> explain(net, {.background = {0}, .baselines = x});
    return m.make(explain, x, classes, o).values;
  };
  const MapOptions few{.samples = 2, .steps = 2, .masks = 8, .seed = 0, .window = 2};
  const std::pair<std::string_view, MapOptions> others[] = {
      {"samples", {.samples = 3, .steps = 2, .masks = 8, .seed = 0, .window = 2}},
      {"steps", {.samples = 2, .steps = 3, .masks = 8, .seed = 0, .window = 2}},
      {"masks", {.samples = 2, .steps = 2, .masks = 9, .seed = 0, .window = 2}},
      {"window", {.samples = 2, .steps = 2, .masks = 8, .seed = 0, .window = 3}}};
  const auto same = [](const Tensor<float>& a, const Tensor<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin());
  };
  for (const MapMethod& m : map_methods) {
    INFO(std::string(m.name));
    const auto base = values(m, few);
    for (const auto& [setting, o] : others) {
      INFO(std::string(setting));
      CHECK(same(base, values(m, o)) != (m.reads == setting));
    }
    const bool draws = m.reads == "samples" || m.reads == "masks";
    MapOptions other_seed = few;
    other_seed.seed = 7;
    CHECK(same(base, values(m, other_seed)) != draws);
  }
}

TEST_CASE("a method says whether it needs baselines, and whether that is so", "[saliency]") {
  Net<float> net = small_net();
  const Tensor<float> x = random_images();
  Explainer<float> without(net, {.background = {0}});
  for (const MapMethod& m : map_methods) {
    INFO(std::string(m.name));
    const auto run = [&] { m.make(without, x, classes, {2, 2, 8}); };
    if (m.needs_baselines)
      CHECK(contains(message_of<value_error>(run), "data::baseline_images(training_set, grid)"));
    else
      CHECK_NOTHROW(run());
  }
}

TEST_CASE("what is measured is what the input has parts for", "[saliency]") {
  LinearModel linear(3, 2 * side * side, 4);
  const Classifier model(linear, 3, {.background = {0}});
  const QuantParams grid{0.5f, {100, 120}};
  Tensor<float> x = random_images();
  for (index_t i = 0; i < x.size(); ++i) {
    const index_t c = i / (side * side) % 2;
    x[i] = grid.value<float>(grid.code(x[i], c), c);
  }
  Tensor<float> maps = random_tensor<float>({images, side, side}, 9);
  std::fill(maps.end() - side * side, maps.end(), 0.0f); // the last one is blank
  Tensor<std::uint8_t> mask(maps.shape());
  for (index_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0;
  auto explainer = [](View<const float> of, View<float> out) {
    for (index_t i = 0; i < out.size(); ++i) out[i] = of[i];
  };
  const Explain explain = explainer;
  MapMetricInput in{.maps = maps};
  const auto names = [&] {
    std::vector<std::string> all;
    for (const MapMeasure& m : measure_maps(in)) {
      const index_t expected = m.name == "max_sensitivity" ? 2 : images;
      CHECK(m.values.shape() == Shape{expected});
      all.push_back(m.name);
    }
    return all;
  };
  CHECK(names() == std::vector<std::string>{"blank_maps", "gini", "normalized_entropy"});
  in.mask = mask;
  in.mask_name = "ink";
  CHECK(names().size() == 6);
  CHECK(names()[3] == "relevance_mass_on_ink");
  in.model = &model;
  in.x = x;
  CHECK(names().back() == "insertion");
  CHECK(names().size() == 8);
  in.labels = classes;
  CHECK(names().size() == 11);
  in.grid = grid;
  CHECK(names().size() == 12);
  in.explain = &explain;
  CHECK_SAYS(measure_maps(in), value_error, "measures of maps: disturbed", "got 0");
  in.disturbed = images + 1;
  CHECK_SAYS(measure_maps(in), value_error, "measures of maps: x", "the images that `explain`",
             "got " + to_text(images));
  in.disturbed = 2;
  CHECK_SAYS(measure_maps({.maps = maps, .explain = &explain, .disturbed = 2}), value_error,
             "measures of maps: x", "2 or more, got 0");
  CHECK(names().size() == std::size(map_metrics));
  const auto of_masks = measure_maps(
      in, [](const MapMetric& m) { return m.name.starts_with("masked_a"); }); // map, random, gain
  REQUIRE(of_masks.size() == 3);
  CHECK(of_masks[2].name == "masked_advantage");
  for (index_t n = 0; n < images; ++n)
    CHECK(of_masks[2].values[n] == of_masks[1].values[n] - of_masks[0].values[n]);

  for (const Values by : {Values::with_sign, Values::magnitude}) {
    in.rank_by = by;
    const std::pair<std::string_view, Tensor<double>> rows[] = {
        {"blank_maps", blank_maps(maps)},
        {"gini", gini(maps, Blank::as_uniform)},
        {"normalized_entropy", normalized_entropy(maps, Blank::as_uniform)},
        {"relevance_mass_on_", relevance_mass(maps, mask, Blank::as_uniform)},
        {"relevance_rank_on_", relevance_rank(maps, mask)},
        {"pointing_at_", pointing_game(maps, mask)},
        {"masked_accuracy", masked_accuracy(model, x, classes, maps, {.rank_by = by}).area},
        {"masked_accuracy_of_random_ranking", random_masked_accuracy(model, x, classes).area},
        {"masked_advantage", masked_advantage(model, x, classes, maps, {.rank_by = by})},
        {"road", road(model, x, classes, maps, {.grid = grid, .rank_by = by}).score},
        {"deletion", deletion(model, x, maps, {.rank_by = by}).area},
        {"insertion", insertion(model, x, maps, {.rank_by = by}).area},
        {"max_sensitivity", max_sensitivity(explain, x.view().slice(0, 2))}};
    CHECK(std::size(rows) == std::size(map_metrics));
    for (const auto& row : rows) {
      INFO(std::string(row.first));
      const auto kept = measure_maps(in, [&](const MapMetric& m) { return m.name == row.first; });
      REQUIRE(kept.size() == 1);
      CHECK(std::equal(kept[0].values.begin(), kept[0].values.end(), row.second.begin(),
                       row.second.end()));
    }
  }
}

TEST_CASE("an advantage is taken from curves that were measured just now", "[saliency]") {
  LinearModel linear(3, 2 * side * side, 4);
  index_t passes = 0;
  auto counting = [&](View<const float> x, View<float> out) {
    passes += x.shape()[0];
    linear(x, out);
  };
  const Classifier model(counting, 3, {.background = {0}});
  const Tensor<float> x = random_images(), maps({images, side, side}, 0.5f);
  const MapMetricInput in{.maps = maps, .model = &model, .x = x, .labels = classes};
  const auto passes_for = [&](auto keep) {
    passes = 0;
    measure_maps(in, keep);
    return passes;
  };
  const index_t curves = passes_for([](const MapMetric& m) {
    return m.name == "masked_accuracy" || m.name == "masked_accuracy_of_random_ranking";
  });
  CHECK(curves == 2 * 10 * images);
  CHECK(passes_for([](const MapMetric& m) { return m.name.starts_with("masked_a"); }) == curves);
  CHECK(passes_for([](const MapMetric& m) { return m.name == "masked_advantage"; }) == curves);
}

TEST_CASE("a measure's title says what its mask marks", "[saliency]") {
  CHECK(title_of_measure("relevance_mass_on_evidence") == "mass on evidence");
  CHECK(title_of_measure("masked_accuracy") == "masked accuracy");
  CHECK(title_of_measure("masked_accuracy_of_random_ranking") == "masked accuracy, random ranking");
  CHECK(title_of_measure("road") == "ROAD");
  CHECK(title_of_measure("accuracy") == "accuracy");
  CHECK(find_map_metric("pointing_at_ink")->better == 1);
  CHECK(find_map_metric("accuracy") == nullptr);
}

} // namespace test_map_methods
