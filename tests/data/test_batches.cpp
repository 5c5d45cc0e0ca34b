#include "sgq/data/batches.hpp"
#include "sgq/data/load.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

#include <limits>
#include <map>

namespace test_batches {

using namespace sgq;
using namespace sgq::data;

namespace {

struct Epoch {
  std::vector<index_t> order;
  std::map<index_t, std::vector<float>> images; // by index in the set
  bool operator==(const Epoch&) const = default;
};

Epoch run_epoch(Batches<float>& batches, index_t epoch) {
  batches.begin_epoch(epoch);
  Epoch result;
  for (index_t i = 0; i < batches.count(); ++i) {
    const Batch<float> batch = batches.batch(i);
    for (index_t k = 0; k < batch.size(); ++k) {
      const index_t image = batch.indices[static_cast<std::size_t>(k)];
      REQUIRE(batch.labels[static_cast<std::size_t>(k)] ==
              batches.set().labels[static_cast<std::size_t>(image)]);
      const View<const float> x = batch.x.slice(k, 1);
      result.order.push_back(image);
      result.images[image].assign(x.begin(), x.end());
    }
  }
  return result;
}

} // namespace

TEST_CASE("An epoch holds each image once, normalised, the last batch short", "[data]") {
  const Dataset set = synthetic(103, 1, Split::train);
  const QuantParams grid = normalization("synthetic");
  Batches<float> batches(set, grid, {.size = 10, .seed = 5});
  CHECK(batches.count() == 11);
  const Epoch epoch = run_epoch(batches, 0);
  CHECK(epoch.order.size() == 103);
  CHECK(epoch.images.size() == 103);
  CHECK(batches.batch(10).size() == 3);
  CHECK(batches.batch(10).x.shape() == Shape{3, 1, 28, 28});
  for (const auto& [image, x] : epoch.images)
    for (std::size_t i = 0; i < x.size(); ++i)
      REQUIRE(x[i] == grid.value<float>(set.images[image * 784 + static_cast<index_t>(i)], 0));
  const Batch<float> batch = batches.batch(4);
  CHECK(std::equal(batch.codes.begin(), batch.codes.begin() + 784,
                   set.images.data() + batch.indices[0] * 784));
}

TEST_CASE("The order depends on seed and epoch alone", "[data]") {
  const Dataset set = synthetic(50, 1, Split::train);
  const QuantParams grid = normalization("synthetic");
  const auto order = [&](std::uint64_t seed, index_t epoch, index_t size) {
    Batches<float> batches(set, grid, {.size = size, .seed = seed});
    return run_epoch(batches, epoch).order;
  };
  const std::vector<index_t> first = order(1, 3, 7);
  CHECK(order(1, 3, 50) == first);
  CHECK(order(1, 4, 7) != first);
  CHECK(order(2, 3, 7) != first);

  Batches<float> batches(set, grid, {.size = 7, .seed = 1});
  run_epoch(batches, 9);
  CHECK(run_epoch(batches, 3).order == first); // a resumed run sees no other order
  Batches<float> plain(set, grid, {.size = 7, .shuffle = false});
  const std::vector<index_t> unshuffled = run_epoch(plain, 3).order;
  CHECK(std::is_sorted(unshuffled.begin(), unshuffled.end()));
}

TEST_CASE("Augmented images do not depend on batch size, order or threads", "[data]") {
  const Dataset set = synthetic(60, 1, Split::train);
  const auto epoch = [&](index_t size, bool shuffle) {
    Batches<float> batches(
        set, normalization("synthetic"),
        {.size = size, .shuffle = shuffle, .seed = 8, .augment = {.pad = 4, .flip = true}});
    return run_epoch(batches, 2);
  };
  const Epoch reference = epoch(60, false);
  CHECK(epoch(7, true).images == reference.images);
  CHECK(epoch(1, false).images == reference.images);
  CHECK(same_for_any_thread_count([&] { return epoch(16, true); }));
  Batches<float> plain(set, normalization("synthetic"), {.size = 60, .shuffle = false});
  CHECK(run_epoch(plain, 2).images != reference.images);
}

TEST_CASE("Batches reuse their memory", "[data]") {
  const Dataset set = synthetic(25, 1, Split::train);
  Batches<double> batches(set, normalization("synthetic"), {.size = 10});
  const Batch<double> first = batches.batch(0), last = batches.batch(2), again = batches.batch(1);
  CHECK(first.x.data() == last.x.data());
  CHECK(first.x.data() == again.x.data());
  CHECK(first.codes.data() == again.codes.data());
  CHECK(first.labels.data() == again.labels.data());
}

TEST_CASE("Batches refuse what cannot be batched", "[data]") {
  const Dataset set = synthetic(5, 1, Split::train), none;
  const QuantParams grid = normalization("synthetic");
  CHECK_SAYS(Batches<float>(set, grid, {.size = 0}), value_error, "batch size", "got 0");
  CHECK_SAYS(Batches<float>(none, grid, {}), value_error, "batches of", "images", "got none");
  CHECK_SAYS(Batches<float>(set, normalization("cifar-10"), {}), shape_error,
             "batches of synthetic", "[N, 3, H, W]", "got [5, 1, 28, 28]");
  Dataset broken = set;
  broken.labels[2] = 10;
  CHECK_SAYS(Batches<float>(broken, grid, {}), value_error, "label of image 2", "got 10");
  Batches<float> batches(set, grid, {.size = 2});
  for (index_t i : {-1, 3})
    CHECK(contains(message_of<value_error>([&] { batches.batch(i); }), "a number below 3"));
  broken = set;
  const std::uint8_t* const memory = broken.images.data();
  Batches<float> of_broken(broken, grid, {.size = 2});
  const Tensor<std::uint8_t> smaller({5, 1, 8, 8});
  broken.images = smaller; // as many images, in the same memory
  REQUIRE(broken.images.data() == memory);
  CHECK_SAYS(of_broken.batch(0), value_error, "the set that they were made of");
}

TEST_CASE("Augmentations, grids and sizes that cannot be are refused; a huge batch is the set",
          "[data]") {
  const Dataset set = synthetic(20, 1, Split::train);
  const QuantParams grid = normalization("synthetic");
  const auto refusal = [&](const QuantParams& norm, const BatchOptions& options) {
    return message_of<value_error>([&] { Batches<float>(set, norm, options); });
  };
  for (const index_t pad : {index_t{-1}, index_t{1} << 40})
    for (const bool flip : {false, true})
      CHECK(contains(refusal(grid, {.augment = {.pad = pad, .flip = flip}}), "augmentation: pad"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const QuantParams& broken :
       {QuantParams{0, {33}}, QuantParams{-1, {33}}, QuantParams{nan, {33}}, QuantParams{1, {300}}})
    CHECK(contains(refusal(broken, {}), "pixel grid"));
  Batches<float> all(set, grid, {.size = std::numeric_limits<index_t>::max()});
  CHECK(all.count() == 1);
  CHECK(all.batch(0).size() == 20);
}

} // namespace test_batches
