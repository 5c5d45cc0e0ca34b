#include "sgq/core/shape.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_shape {

using namespace sgq;

TEST_CASE("Shape: extents and what follows from them", "[core]") {
  constexpr Shape nchw{64, 3, 32, 30};
  STATIC_REQUIRE(nchw.rank() == 4);
  STATIC_REQUIRE(nchw[1] == 3);
  STATIC_REQUIRE(nchw.size() == 64 * 3 * 32 * 30);
  STATIC_REQUIRE(nchw.stride() == 3 * 32 * 30);
  STATIC_REQUIRE(nchw.plane() == 32 * 30);
  CHECK(nchw.str() == "[64, 3, 32, 30]");

  const Shape features{64, 10};
  CHECK(features.size() == 640);
  CHECK(features.stride() == 10);
  CHECK(features.plane() == 1);

  const Shape scalar;
  CHECK(scalar.rank() == 0);
  CHECK(scalar.size() == 1);
  CHECK(scalar.stride() == 0);
  CHECK(scalar.str() == "[]");
}

TEST_CASE("Shape: an extent of zero", "[core]") {
  const Shape none{0, 3, 4, 4}, flat{2, 0, 4, 4};
  CHECK(none.size() == 0);
  CHECK(none.stride() == 0);
  CHECK(none.with_batch(5) == Shape{5, 3, 4, 4});
  CHECK(flat.size() == 0);
  CHECK(flat.stride() == 0);
}

TEST_CASE("Shape: equality looks at rank and extents", "[core]") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2, 3} != Shape{2, 3, 1});
  CHECK(Shape{} != Shape{1});
}

TEST_CASE("Shape: refuses what cannot be one", "[core]") {
  const auto make = [](std::initializer_list<index_t> extents) {
    return message_of<shape_error>([&] { Shape s(extents); });
  };
  CHECK(make({1, 1, 1, 1, 1}) == "shape: expected at most 4 extents, got 5");
  CHECK(make({3, -1}) == "shape: expected extents >= 0, got -1");
  const index_t big = index_t{1} << 31;
  CHECK(make({big, big}) == "");
  CHECK(contains(make({big, big, 2}), "2^62"));
  CHECK(contains(make({big, big, big, big}), "2^62"));
  // One zero does not excuse the others: planes and strides are products too.
  CHECK(contains(make({0, big, big, 2}), "2^62"));
  CHECK(contains(make({std::numeric_limits<index_t>::max()}), "2^62"));
}

TEST_CASE("check_shape: names both shapes", "[core]") {
  CHECK_NOTHROW(check_shape("relu", {2, 3}, {2, 3}));
  CHECK(message_of<shape_error>([] {
          check_shape("relu", {2, 3}, {2, 4}, "same as x");
        }) == "relu: expected [2, 3], got [2, 4] (hint: same as x)");
}

TEST_CASE("check_batch: any number of images but none, and a hint where a batch is missing",
          "[core]") {
  const Shape image{1, 3, 8, 8};
  CHECK_NOTHROW(check_batch("net", image, {5, 3, 8, 8}));
  CHECK(message_of<shape_error>([&] {
          check_batch("net", image, {3, 8, 8});
        }) == "net: expected [N, 3, 8, 8], got [3, 8, 8] (hint: one image is a batch of 1)");
  for (const Shape& bad : {Shape{}, Shape{0, 3, 8, 8}, Shape{1, 3, 8, 7}})
    CHECK(message_of<shape_error>([&] { check_batch("net", image, bad); }) ==
          "net: expected [N, 3, 8, 8], got " + bad.str());
}

TEST_CASE("Shape: another batch size is checked like the first", "[core]") {
  CHECK(Shape{1, 3}.with_batch(7) == Shape{7, 3});
  CHECK_SAYS((Shape{1, 3}.with_batch(-1)), shape_error, "extents >= 0", "got -1");
  CHECK_SAYS((Shape{1, index_t{1} << 40}.with_batch(index_t{1} << 40)), shape_error,
             "2^62 elements", "got [1099511627776, 1099511627776]");
  CHECK_SAYS(Shape{}.with_batch(5), shape_error, "a shape with extents", "got []");
}

} // namespace test_shape
