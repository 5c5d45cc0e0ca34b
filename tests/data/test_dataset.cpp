#include "sgq/data/dataset.hpp"
#include "sgq/data/normalize.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <numeric>

namespace test_dataset {

using namespace sgq;
using namespace sgq::data;

namespace {

/// Image i is filled with code i, its label is i mod 10, its evidence mask i mod 2.
Dataset numbered(index_t n) {
  Dataset set;
  set.name = "numbered";
  set.classes = 10;
  set.images.resize({n, 2, 3, 4});
  set.evidence.resize({n, 1, 3, 4});
  for (index_t i = 0; i < n; ++i) {
    set.labels.push_back(static_cast<std::uint8_t>(i % 10));
    set.images.view().slice(i, 1).fill(static_cast<std::uint8_t>(i));
    set.evidence.view().slice(i, 1).fill(static_cast<std::uint8_t>(i % 2));
  }
  return set;
}

/// Which images of numbered() these are; -1 for one whose parts do not belong together.
std::vector<index_t> numbers_of(const Dataset& set) {
  std::vector<index_t> numbers;
  for (index_t i = 0; i < set.size(); ++i) {
    const index_t k = set.images(i, 0, 0, 0);
    bool whole = set.labels[static_cast<std::size_t>(i)] == k % 10;
    for (auto code : set.images.view().slice(i, 1)) whole = whole && code == k;
    for (auto mark : set.evidence.view().slice(i, 1)) whole = whole && mark == k % 2;
    numbers.push_back(whole ? k : -1);
  }
  return numbers;
}

} // namespace

TEST_CASE("A subset takes image, label and evidence together", "[data]") {
  const Dataset set = numbered(20);
  const std::vector<index_t> chosen{7, 0, 19, 7};
  const Dataset part = subset(set, chosen);
  CHECK(numbers_of(part) == chosen);
  CHECK(part.images.shape() == Shape{4, 2, 3, 4});
  CHECK(part.name == "numbered");
  CHECK(part.classes == 10);
  CHECK(numbers_of(slice(set, 5, 3)) == std::vector<index_t>{5, 6, 7});
  CHECK(slice(set, 20, 0).size() == 0);

  const std::vector<index_t> outside{0, 20}, negative{-1};
  CHECK(contains(message_of<value_error>([&] { subset(set, outside); }),
                 "expected indices below 20, got 20"));
  CHECK_SAYS(subset(set, negative), value_error, "subset of numbered", "got -1");
  constexpr index_t huge = index_t{1} << 62;
  for (const auto& at :
       {std::pair<index_t, index_t>{18, 3}, {-1, 2}, {0, -1}, {huge, huge}, {1, huge + (huge - 1)}})
    CHECK_SAYS(slice(set, at.first, at.second), value_error, "slice of numbered",
               "got " + to_text(at.first) + " + " + to_text(at.second));
}

TEST_CASE("A validation split is a partition that the seed decides", "[data]") {
  const Dataset set = numbered(101);
  const TrainValidation parts = split_validation(set, 0.2, 3);
  CHECK(parts.validation.size() == 20); // floor(20.2)
  CHECK(parts.train.size() == 81);
  std::vector<index_t> all = numbers_of(parts.train);
  CHECK(std::is_sorted(all.begin(), all.end()));
  const std::vector<index_t> held = numbers_of(parts.validation);
  CHECK(std::is_sorted(held.begin(), held.end()));
  all.insert(all.end(), held.begin(), held.end());
  std::sort(all.begin(), all.end());
  std::vector<index_t> expected(101);
  std::iota(expected.begin(), expected.end(), index_t{0});
  CHECK(all == expected);

  CHECK(numbers_of(split_validation(set, 0.2, 3).validation) == held);
  CHECK(numbers_of(split_validation(set, 0.2, 4).validation) != held);
  // By a Philox written in Python. Frozen: another draw is another numerics_version.
  CHECK(numbers_of(split_validation(numbered(20), 0.2, 3).validation) ==
        std::vector<index_t>{1, 5, 10, 17});
  for (double fraction : {0.0, 1.0, -0.5, 0.009, std::nan("")})
    CHECK_SAYS(split_validation(set, fraction, 1), value_error, "fraction",
               "got " + to_text(fraction));
}

TEST_CASE("A set whose parts do not belong together is found out", "[data]") {
  CHECK_NOTHROW(check(numbered(5)));
  Dataset set = numbered(5);
  set.labels.pop_back();
  CHECK_SAYS(check(set), shape_error, "images of numbered", "expected [4,", "got [5, 2, 3, 4]");
  set = numbered(5);
  set.evidence.resize({5, 2, 3, 4});
  CHECK_SAYS(check(set), shape_error, "evidence of numbered", "got [5, 2, 3, 4]");
  set = numbered(5);
  set.labels[3] = 10;
  CHECK(contains(message_of<value_error>([&] { check(set); }),
                 "label of image 3 of numbered: expected below 10, got 10"));
}

TEST_CASE("a set with fewer images or masks than labels is refused", "[data]") {
  const std::vector<index_t> last = {5};
  Dataset images = numbered(6), masks = numbered(6);
  images.images.resize({3, 2, 3, 4});
  masks.evidence.resize({3, 1, 3, 4});
  struct Bad {
    Dataset set;
    const char *what, *got;
  };
  for (const Bad& bad : {Bad{images, "images of numbered", "got [3, 2, 3, 4]"},
                         {masks, "evidence of numbered", "got [3, 1, 3, 4]"}}) {
    CHECK_SAYS(subset(bad.set, last), shape_error, bad.what, bad.got);
    CHECK_SAYS(slice(bad.set, 4, 2), shape_error, bad.what, bad.got);
    CHECK_SAYS(split_validation(bad.set, 0.5, 1), shape_error, bad.what, bad.got);
    CHECK_SAYS(measure(bad.set), shape_error, bad.what, bad.got);
  }
}

TEST_CASE("images with their channels last are refused, with a hint", "[data]") {
  data::Dataset set;
  set.images = Tensor<std::uint8_t>({2, 24, 16, 3});
  set.labels = {0, 1};
  const std::string said = message_of<shape_error>([&] { data::check(set); });
  CHECK(contains(said, "images of data set: expected [N, C, H, W], got [2, 24, 16, 3]"));
  CHECK(contains(said, "moveaxis"));
  set.images = Tensor<std::uint8_t>({2, 3, 24, 16});
  CHECK(contains(message_of<value_error>([&] { data::check(set); }), "Dataset::classes"));
  set.classes = 2;
  data::check(set);
}

} // namespace test_dataset
