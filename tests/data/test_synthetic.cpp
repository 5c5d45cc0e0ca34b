#include "sgq/data/synthetic.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/gradients.hpp"

namespace test_synthetic {

using namespace sgq;
using namespace sgq::data;

namespace {

/// FNV-1a, 64 bits.
std::uint64_t checksum(const Dataset& set) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3u; };
  for (auto byte : set.images) add(byte);
  for (auto byte : set.evidence) add(byte);
  for (auto byte : set.labels) add(byte);
  return hash;
}

struct Painted {
  std::array<std::uint8_t, 784> image, evidence;
};

Painted paint_one(const Random& random, int label) {
  Painted p;
  data::detail::paint_image(random, label, p.image.data(), p.evidence.data());
  return p;
}

} // namespace

TEST_CASE("The synthetic set is the same bytes everywhere", "[data]") {
  CHECK(checksum(synthetic(200, 1, Split::train)) == 0xf9735973d276ba43u);
  CHECK(checksum(synthetic(200, 1, Split::test)) == 0x508b13dcd7638f73u);
  CHECK(same_for_any_thread_count(
      [] { return std::vector<std::uint64_t>{checksum(synthetic(100, 7, Split::test))}; }));
}

TEST_CASE("Seeds and splits differ, a shorter set is a prefix", "[data]") {
  const Dataset set = synthetic(95, 3, Split::train);
  const Dataset prefix = slice(set, 0, 37);
  CHECK(checksum(prefix) == checksum(synthetic(37, 3, Split::train)));
  CHECK(checksum(set) != checksum(synthetic(95, 4, Split::train)));
  CHECK(checksum(set) != checksum(synthetic(95, 3, Split::test)));
  CHECK_NOTHROW(check(set));
  std::array<int, 10> count{};
  for (auto label : set.labels) ++count[label];
  for (int c : count) CHECK((c == 9 || c == 10)); // ten in a row hold each class once
  CHECK_SAYS(synthetic(0, 1, Split::train), value_error, "synthetic images", "got 0");
}

TEST_CASE("The class is written in the evidence and nowhere else", "[data]") {
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Random random(11, i);
    std::array<Painted, 10> as;
    for (int c = 0; c < 10; ++c) as[static_cast<std::size_t>(c)] = paint_one(random, c);
    for (const Painted& a : as)
      for (const Painted& b : as)
        for (std::size_t k = 0; k < 784; ++k)
          if (!a.evidence[k] && !b.evidence[k]) REQUIRE(a.image[k] == b.image[k]);
  }
}

TEST_CASE("Evidence is there, is bright, and is a small part of the image", "[data]") {
  const Dataset set = synthetic(500, 5, Split::train);
  double on = 0, off = 0;
  index_t marked = 0, bright_outside = 0;
  for (index_t n = 0; n < set.size(); ++n) {
    index_t area = 0;
    for (index_t k = n * 784; k < (n + 1) * 784; ++k) {
      REQUIRE(set.evidence[k] <= 1);
      area += set.evidence[k];
      (set.evidence[k] ? on : off) += set.images[k];
      bright_outside += !set.evidence[k] && set.images[k] > 180;
    }
    REQUIRE(area >= 20);
    REQUIRE(area <= 784 / 2);
    marked += area;
  }
  const auto pixels = static_cast<double>(set.images.size());
  const double share = static_cast<double>(marked) / pixels;
  CHECK(share > 0.10);
  CHECK(share < 0.20);
  CHECK(on / static_cast<double>(marked) > 3 * off / (pixels - static_cast<double>(marked)));
  // Decoys: a good number of pixels as bright as a digit lie elsewhere.
  CHECK(static_cast<double>(bright_outside) / static_cast<double>(set.size()) > 10);
}

} // namespace test_synthetic
