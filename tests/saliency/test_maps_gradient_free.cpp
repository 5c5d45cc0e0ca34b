// Occlusion, RISE and Score-CAM, which ask a model for logits and nothing else.
#include "sgq/data/normalize.hpp"
#include "sgq/saliency/net_function.hpp"
#include "sgq/saliency/occlusion.hpp"
#include "sgq/saliency/rise.hpp"
#include "sgq/saliency/score_cam.hpp"

#include "linear_model.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"
#include "support/nets.hpp"

#include <vector>

namespace test_maps_gradient_free {

using namespace sgq;
using namespace sgq::saliency;
using saliency_test::LinearModel;

namespace {

constexpr index_t channels = 2, height = 7, width = 9, plane = height * width;
const std::vector<std::uint8_t> classes{2, 0, 1};

Tensor<float> images() {
  return random_tensor<float>({3, channels, height, width}, 7);
}

/// Class 1 where the pixel (3, 5) is bright, else class 0: the evidence is one position.
struct OnePixel {
  static constexpr index_t row = 3, column = 5;
  void operator()(View<const float> x, View<float> logits) const {
    for (index_t n = 0; n < x.shape()[0]; ++n) {
      logits(n, 0) = 0;
      logits(n, 1) = 8 * (x(n, 0, row, column) - 0.5f);
    }
  }
};

index_t argmax_of(const Attribution<float>& a, index_t n) {
  const float* map = a.values.data() + n * plane;
  return std::max_element(map, map + plane) - map;
}

} // namespace

TEST_CASE("occlusion of a linear model, pixel by pixel, is w (x - background)", "[maps]") {
  LinearModel linear(3, channels * plane, 1);
  const Tensor<float> x = images();
  const auto a = occlusion(Classifier(linear, 3, {.batch = 2}), x, classes,
                           {.window = 1, .stride = 1, .background = {0.5f, -1}});
  CHECK(a.label == "occlusion");
  REQUIRE(a.values.shape() == Shape{3, 1, height, width});
  for (index_t n = 0; n < 3; ++n)
    for (index_t i = 0; i < plane; ++i) {
      const index_t k = classes[static_cast<std::size_t>(n)];
      const float expected = linear.weight(k, i) * (x[(n * channels) * plane + i] - 0.5f) +
                             linear.weight(k, plane + i) * (x[(n * channels + 1) * plane + i] + 1);
      CHECK(a.values[n * plane + i] == Approx(expected).margin(1e-5)); // logits near 20 in float
    }
}

TEST_CASE("occlusion: a position's value is the mean of the windows that cover it", "[maps]") {
  // Windows of 4 every 3 along 7 start at 0, 3; along 9 at 0, 3, 5. With weights and pixels of one,
  // and a background of 0, each window's fall is its 16 positions times 2 channels; so is every mean.
  LinearModel linear(3, channels * plane, 1);
  linear.weight.fill(1);
  Tensor<float> x({1, channels, height, width}, 1.0f);
  const std::vector<std::uint8_t> one{1};
  const OcclusionOptions options{.window = 4, .stride = 3};
  const Classifier model(linear, 3, {.background = {0}});
  for (float v : occlusion(model, x, one, options).values) CHECK(v == 32);
  CHECK(linear.calls == 1 + 2 * 3);
  // One pixel more at (0, 0): only the first window sees it.
  x[0] += 16;
  const auto a = occlusion(model, x, one, options);
  for (index_t i = 0; i < height; ++i)
    for (index_t j = 0; j < width; ++j) {
      const int down = 1 + (i == 3), across = (j <= 3) + (j >= 3 && j <= 6) + (j >= 5);
      const float share = i <= 3 && j <= 3 ? 1.0f / static_cast<float>(down * across) : 0;
      CHECK(a.values(0, 0, i, j) == Approx(32 + 16 * share));
    }
}

TEST_CASE("occlusion and RISE find planted evidence", "[maps]") {
  OnePixel pixel;
  const Classifier model(pixel, 2, {.background = {0}});
  Tensor<float> x({2, 1, height, width}, 1.0f);
  const std::vector<std::uint8_t> ones{1, 1}, zeros{0, 0};
  const index_t there = OnePixel::row * width + OnePixel::column;
  SECTION("occlusion: the logit falls by 8 where the window covers it, else by 0") {
    const auto a = occlusion(model, x, ones, {.window = 1, .stride = 1});
    for (index_t i = 0; i < 2 * plane; ++i) CHECK(a.values[i] == (i % plane == there ? 8.0f : 0));
  }
  SECTION("occlusion of the log-probability") {
    const auto a =
        occlusion(model, x, ones, {.window = 1, .stride = 1, .target = Target::log_probability});
    const double fall = std::log1p(std::exp(4.0)) - std::log1p(std::exp(-4.0));
    CHECK(a.values[there] == Approx(fall));
  }
  SECTION("RISE") {
    const auto a = rise(model, x, ones, {.masks = 400, .cells = 4});
    CHECK(a.label == "RISE");
    for (index_t n = 0; n < 2; ++n) CHECK(argmax_of(a, n) == there);
    // Of the class that the pixel speaks against, the map is lowest there.
    const auto against = rise(model, x, zeros, {.masks = 400, .cells = 4});
    CHECK(std::min_element(against.values.begin(), against.values.begin() + plane) -
              against.values.begin() ==
          there);
  }
}

TEST_CASE("RISE of a model that does not look is its probability times the mean mask", "[maps]") {
  auto constant = [](View<const float>, View<float> logits) { logits.fill(0); };
  const Tensor<float> x = images();
  const Classifier model(constant, 4, {.background = {0}});
  SECTION("masks that keep everything: 1/4 everywhere") {
    const auto a = rise(model, x, classes, {.masks = 3, .keep = 1});
    for (float v : a.values) CHECK(v == Approx(0.25));
  }
  SECTION("random masks have the mean `keep`") {
    const auto a = rise(model, x, classes, {.masks = 1000, .keep = 0.3});
    // A mask has a variance of at most .21; over 1000 masks a deviation of .0145, by keep .048.
    for (float v : a.values) CHECK(4 * v == Approx(1).margin(5 * 0.048));
    double sum = 0;
    for (float v : a.values) sum += static_cast<double>(4 * v);
    CHECK(sum / static_cast<double>(a.values.size()) == Approx(1).margin(0.05));
    // All images see the same masks.
    CHECK(std::equal(a.values.begin(), a.values.begin() + plane, a.values.begin() + plane));
  }
}

TEST_CASE("RISE masks are smooth, within 0 and 1, shifted at random, and made by the seed",
          "[maps]") {
  const RiseOptions options{.cells = 4};
  Tensor<float> mask({32, 32});
  bool differs_within_cell = false;
  for (std::uint64_t m = 0; m < 20; ++m) {
    saliency::detail::rise_mask(options, Random(m), mask);
    for (index_t i = 0; i < 32; ++i)
      for (index_t j = 0; j < 32; ++j) {
        REQUIRE((mask(i, j) >= 0 && mask(i, j) <= 1));
        // From one corner to the next, 8 pixels away, it changes by at most 1.
        if (j > 0) REQUIRE(std::abs(mask(i, j) - mask(i, j - 1)) <= 0.125f + 1e-5f);
        if (i > 0) REQUIRE(std::abs(mask(i, j) - mask(i - 1, j)) <= 0.125f + 1e-5f);
      }
    differs_within_cell = differs_within_cell || (mask(0, 0) > 0 && mask(0, 0) < 1);
  }
  CHECK(differs_within_cell); // without a shift, corner (0, 0) would be 0 or 1
  OnePixel pixel;
  const Tensor<float> x = random_tensor<float>({3, 1, height, width}, 2);
  const std::vector<std::uint8_t> ones{1, 1, 1};
  const auto run = [&](std::uint64_t seed, index_t batch) {
    const auto a = rise(Classifier(pixel, 2, {.background = {0}, .batch = batch}), x, ones,
                        {.masks = 10, .seed = seed});
    return std::vector<float>(a.values.begin(), a.values.end());
  };
  CHECK(run(1, 128) == run(1, 2));
  CHECK(run(1, 128) != run(2, 128));
}

TEST_CASE("RISE shows the background where a mask hides", "[maps]") {
  std::vector<float> seen;
  auto record = [&](View<const float> x, View<float> logits) {
    seen.insert(seen.end(), x.begin(), x.end());
    logits.fill(0);
  };
  const Tensor<float> x({1, 2, 4, 4}, 3.0f);
  const std::vector<std::uint8_t> one{0};
  rise(Classifier(record, 2), x, one, {.masks = 30, .cells = 2, .background = {-1, 5}});
  REQUIRE(seen.size() == 30 * 32);
  float low = 3, high = 3;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const bool first = i % 32 < 16; // 3 to -1 in the first channel, 3 to 5 in the second
    REQUIRE((first ? seen[i] <= 3 && seen[i] >= -1 : seen[i] >= 3 && seen[i] <= 5));
    low = std::min(low, seen[i]);
    high = std::max(high, seen[i]);
    // Both channels are hidden alike.
    if (first) REQUIRE((3 - seen[i]) / 4 == Approx((seen[i + 16] - 3) / 2).margin(1e-6));
  }
  CHECK(low == -1);
  CHECK(high == 5);
}

TEST_CASE("Score-CAM of a linear model and given feature maps", "[maps]") {
  // Maps as large as the image are their own masks, up to their range. The third is constant.
  LinearModel linear(3, channels * plane, 1);
  for (float& w : linear.weight) w /= 8; // no softmax decided by one map
  const Tensor<float> x = images(), a = random_tensor<float>({4, height, width}, 3);
  auto features = [&](View<const float> some, Tensor<float>& maps) {
    maps.resize({some.shape()[0], 4, height, width});
    for (index_t i = 0; i < maps.size(); ++i)
      maps[i] = i / plane % 4 == 2 ? 1e6f : a[i % (4 * plane)];
  };
  const std::vector<float> b{0.5f, -1};
  const auto map =
      score_cam(Classifier(linear, 3, {.background = b, .batch = 2}), features, x, classes);
  CHECK(map.label == "Score-CAM");
  REQUIRE(map.values.shape() == Shape{3, 1, height, width});
  for (index_t n = 0; n < 3; ++n) {
    double weights[4] = {}, all = 0;
    for (const index_t k : {0, 1, 3}) {
      const float* map_k = a.data() + k * plane;
      const auto [low, high] = std::minmax_element(map_k, map_k + plane);
      double score = 0;
      for (index_t i = 0; i < channels * plane; ++i) {
        const double mask = double(map_k[i % plane] - *low) / double(*high - *low);
        const double hidden = double(b[static_cast<std::size_t>(i / plane)]);
        const double shown = hidden + mask * (double(x[n * channels * plane + i]) - hidden);
        score += double(linear.weight(classes[static_cast<std::size_t>(n)], i)) * shown;
      }
      all += weights[k] = std::exp(score);
    }
    for (index_t i = 0; i < plane; ++i) {
      double sum = 0;
      for (const index_t k : {0, 1, 3}) sum += weights[k] / all * double(a[k * plane + i]);
      CHECK(map.values[n * plane + i] == Approx(std::max(sum, 0.0)).margin(1e-5));
    }
  }
}

TEST_CASE("Score-CAM shows pixel codes where it knows the grid", "[maps]") {
  LinearModel linear(3, channels * plane, 1);
  const QuantParams grid{0.125f, {100, 120}};
  index_t seen = 0;
  auto watching = [&](View<const float> in, View<float> logits) {
    for (index_t i = 0; i < in.size(); ++i) {
      const index_t c = i / plane % channels;
      CHECK(in[i] == grid.value<float>(grid.code(in[i], c), c));
    }
    seen += in.shape()[0];
    linear(in, logits);
  };
  const Classifier model(watching, 3, {.background = {0}});
  const Tensor<float> x = images(), a = random_tensor<float>({4, height, width}, 3);
  auto features = [&](View<const float> some, Tensor<float>& maps) {
    maps.resize({some.shape()[0], 4, height, width});
    for (index_t i = 0; i < maps.size(); ++i) maps[i] = a[i % (4 * plane)];
  };
  score_cam(model, features, x, classes, grid);
  CHECK(seen == 3 * 4);
  CHECK_SAYS(score_cam(model, features, x, classes, QuantParams{0.125f, {1}}), value_error,
             "Score-CAM", "2 zero points", "got 1");
}

TEST_CASE("Score-CAM: one map, none that is not constant, a factor", "[maps]") {
  LinearModel linear(3, channels * plane, 1);
  const Classifier model(linear, 3, {.background = {0}});
  const Tensor<float> x = images();
  float factor = 1;
  const auto of_maps = [&](std::initializer_list<float> row) { // of two maps [1,4] each
    auto features = [&](View<const float> some, Tensor<float>& maps) {
      maps.resize({some.shape()[0], 2, 1, 4});
      for (index_t i = 0; i < maps.size(); ++i) maps[i] = factor * row.begin()[i % 8];
    };
    return score_cam(model, features, x, classes).values;
  };
  SECTION("one: its weight is 1, what is below 0 is cut") {
    const Tensor<float> map = of_maps({-1, 0, 2, 3, 7, 7, 7, 7});
    for (index_t i = 0; i < 3 * height; ++i) {
      CHECK(map[i * width] == 0);
      CHECK(map[i * width + 4] == Approx(1)); // halfway from 0 to 2
      CHECK(map[i * width + 8] == Approx(3));
    }
  }
  SECTION("none: the map is blank, and nobody asks the model") {
    for (const float v : of_maps({4, 4, 4, 4, 0.1f, 0.1f, 0.1f, 0.1f})) CHECK(v == 0);
    CHECK(linear.calls == 0);
  }
  SECTION("a factor of all maps is one of the result") {
    const Tensor<float> one = of_maps({-1, 0, 2, 3, 1, 5, 0, 2});
    factor = 4;
    const Tensor<float> four = of_maps({-1, 0, 2, 3, 1, 5, 0, 2});
    for (index_t i = 0; i < one.size(); ++i) CHECK(four[i] == 4 * one[i]);
  }
}

namespace {

std::vector<float> score_cam_of_net(const nn::Net<float>& net, View<const float> x, index_t batch,
                                    std::string_view layer = {}) {
  NetFunction f(net);
  NetFeatureMaps features(net, layer);
  const Classifier model(f, net.classes(), {.background = {-0.5f}, .batch = batch});
  const auto a = score_cam(model, features, x, classes);
  return {a.values.begin(), a.values.end()};
}

} // namespace

TEST_CASE("Score-CAM of a net: the same for any batch and number of threads", "[maps]") {
  for (const char* name : small_net_names) {
    INFO(name);
    const nn::Net<float> net = small_net<float>(name);
    const Tensor<float> x = random_tensor<float>({3, 2, 8, 8}, 4);
    const auto map = score_cam_of_net(net, x, 128);
    CHECK(std::any_of(map.begin(), map.end(), [](float v) { return v > 0; }));
    for (const index_t batch : {1, 2, 5}) CHECK(score_cam_of_net(net, x, batch) == map);
    CHECK(same_for_any_thread_count([&] { return score_cam_of_net(net, x, 3); }));
    const std::string last = net.nodes()[last_feature_maps(net)].name;
    CHECK(score_cam_of_net(net, x, 128, last) == map);
    CHECK(score_cam_of_net(net, x, 128, "relu1") != map);
  }
}

TEST_CASE("a quantised net gives Score-CAM codes, and sees masked images as pixel codes",
          "[maps][quant]") {
  const nn::Net<float> net = small_net<float>("plain w4a4");
  const Tensor<float> x = random_tensor<float>({3, 2, 8, 8}, 4);
  Tensor<float> maps;
  NetFeatureMaps features(net);
  features(x, maps);
  CHECK(maps.shape() == Shape{3, 4, 6, 6});
  for (const float v : maps) REQUIRE((v >= 0 && v <= 15 && v == std::round(v)));
  CHECK(std::any_of(maps.begin(), maps.end(), [](float v) { return v > 1; }));

  const QuantParams& grid = net.input().grid();
  NetFunction of_net(net);
  auto rounded = [&](View<const float> shown, View<float> logits) {
    Tensor<std::uint8_t> codes(shown.shape());
    Tensor<float> again(shown.shape());
    data::to_codes<float>(shown, grid, codes);
    data::normalize<float>(codes, grid, again);
    of_net(again, logits);
  };
  const Classifier model(rounded, net.classes(), {.background = {-0.5f}});
  const auto a = score_cam(model, features, x, classes);
  CHECK(std::vector<float>(a.values.begin(), a.values.end()) == score_cam_of_net(net, x, 128));
}

TEST_CASE("what Score-CAM refuses", "[maps][errors]") {
  LinearModel linear(3, channels * plane, 1);
  const Classifier model(linear, 3, {.background = {0}}), bare(linear, 3),
      three(linear, 3, {.background = {0, 0, 0}});
  const Tensor<float> x = images();
  Shape shape{3, 2, 2, 2};
  float value = 1;
  auto features = [&](View<const float> some, Tensor<float>& maps) {
    maps = Tensor<float>(shape.rank() == 4 && shape[0] == 3 ? shape.with_batch(some.shape()[0])
                                                            : shape);
    for (index_t i = 0; i < maps.size(); ++i) maps[i] = static_cast<float>(i % 5);
    if (!maps.empty()) maps[maps.size() - 1] = value;
  };
  const auto says = [&](const Classifier& m, View<const float> in,
                        const std::vector<std::uint8_t>& c) {
    return message_of<error>([&] { score_cam(m, features, in, c); });
  };
  CHECK(contains(says(model, x.view().reshape({3, channels * plane}), classes), "[N, C, H, W]"));
  CHECK(contains(says(model, x, {0, 1}), "expected 3"));
  CHECK(contains(says(model, x, {0, 1, 3}), "less than 3 classes"));
  CHECK(contains(says(bare, x, classes), "Score-CAM: expected a background"));
  CHECK(contains(says(three, x, classes), "one for each of 2 channels"));
  for (const Shape& wrong : {Shape{2, 2, 2, 2}, Shape{3, 8}, Shape{3, 0, 2, 2}}) {
    shape = wrong;
    CHECK(contains(says(model, x, classes), "feature maps: expected [3, K, H, W], got"));
  }
  shape = {3, 2, 2, 2};
  value = std::nanf("");
  CHECK(contains(says(model, x, classes),
                 "feature maps: expected finite numbers, got nan for image 2"));
  const Tensor<float> none({0, channels, height, width});
  CHECK(score_cam(model, features, none, {}).values.empty());

  const nn::Net<float> net = small_plain_net<float>();
  CHECK(contains(message_of<value_error>([&] { NetFeatureMaps(net, "fc1"); }), "'fc1' [1, 7]"));
  CHECK(contains(message_of<value_error>([&] { NetFeatureMaps(net, "conv9"); }), "'conv9'"));
}

TEST_CASE("what occlusion and RISE refuse", "[maps][errors]") {
  LinearModel linear(3, channels * plane, 1);
  const Classifier model(linear, 3, {.background = {0}});
  const Tensor<float> x = images();
  const auto occludes = [&](View<const float> in, const std::vector<std::uint8_t>& c,
                            const OcclusionOptions& o) {
    return message_of<error>([&] { occlusion(model, in, c, o); });
  };
  const auto rises = [&](View<const float> in, const std::vector<std::uint8_t>& c,
                         const RiseOptions& o) {
    return message_of<error>([&] { rise(model, in, c, o); });
  };
  for (const auto& text : {occludes(x.view().reshape({3, channels * plane}), classes, {}),
                           rises(x.view().reshape({3, channels * plane}), classes, {})})
    CHECK(contains(text, "[N, C, H, W]"));
  for (const auto& text : {occludes(x, {0, 1}, {}), rises(x, {0, 1}, {})})
    CHECK(contains(text, "expected 3"));
  for (const auto& text : {occludes(x, {0, 1, 3}, {}), rises(x, {0, 1, 3}, {})})
    CHECK(contains(text, "less than 3 classes"));
  for (const OcclusionOptions& o :
       {OcclusionOptions{.window = 8}, {.window = 0}, {.stride = 0}, {.window = 2, .stride = 3}})
    CHECK(contains(occludes(x, classes, o), "stride <= window"));
  for (const RiseOptions& o : {RiseOptions{.masks = 0},
                               {.cells = 0},
                               {.cells = 1001},
                               {.keep = 0},
                               {.keep = 1.5},
                               {.keep = std::nan("")}})
    CHECK(contains(rises(x, classes, o), "masks >= 1"));
  CHECK(contains(occludes(x, classes, {.background = {0, 0, 0}}), "one for each of 2 channels"));
  CHECK(contains(rises(x, classes, {.background = {0, 0, 0}}), "one for each of 2 channels"));
  Tensor<float> bad = images();
  bad[4] = std::nanf("");
  CHECK(contains(occludes(bad, classes, {}), "finite"));
  CHECK(contains(rises(bad, classes, {}), "finite"));
  const Tensor<float> none({0, channels, height, width});
  CHECK(occlusion(model, none, {}).values.empty());
  CHECK(rise(model, none, {}, {.masks = 1}).values.empty());
}

} // namespace test_maps_gradient_free
