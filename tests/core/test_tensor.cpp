#include "sgq/core/hash.hpp"
#include "sgq/core/tensor.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <set>
#include <type_traits>
#include <vector>

namespace test_tensor {

using namespace sgq;

namespace {

// 0, 1, 2, ..
template <class T>
Tensor<T> counting(const Shape& shape) {
  Tensor<T> t(shape);
  for (index_t i = 0; i < t.size(); ++i) t[i] = static_cast<T>(i);
  return t;
}

} // namespace

TEMPLATE_TEST_CASE("Tensor: zero-filled, aligned, NCHW", "[core]", float, double, std::uint8_t,
                   std::int8_t, std::int32_t) {
  Tensor<TestType> x({2, 3, 4, 5});
  CHECK(x.size() == 120);
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
  CHECK(std::all_of(x.begin(), x.end(), [](TestType v) { return v == 0; }));

  x = counting<TestType>({2, 3, 4, 5});
  CHECK(x(0, 0, 0, 1) == 1);
  CHECK(x(0, 0, 1, 0) == 5);
  CHECK(x(0, 1, 0, 0) == 20);
  CHECK(x(1, 0, 0, 0) == 60);
  CHECK(x(1, 2, 3, 4) == 119);
}

TEST_CASE("Tensor: made from values", "[core]") {
  const Tensor<float> x({2, 2}, {1, 2, 3, 4});
  CHECK(x(1, 0) == 3);
  CHECK(Tensor<float>({3}, 7.0f)[2] == 7);
  CHECK(message_of<shape_error>([] {
          Tensor<float>({2, 2}, {1, 2, 3});
        }) == "tensor of shape [2, 2]: expected 4 values, got 3");
}

TEST_CASE("Tensor: an empty one is usable", "[core]") {
  Tensor<float> none;
  CHECK(none.empty());
  CHECK(none.size() == 0);
  CHECK(none.span().empty());
  CHECK(none.begin() == none.end());
  const Tensor<float> copy = none;
  CHECK(copy.empty());
  none.resize({0, 3, 8, 8});
  none.fill(1);
  CHECK(none.empty());
}

TEST_CASE("Tensor: copies are deep, moves keep the memory", "[core]") {
  Tensor<float> a = counting<float>({2, 3});
  Tensor<float> b = a;
  b[0] = 100;
  CHECK(a[0] == 0);
  CHECK(b.shape() == a.shape());

  const float* memory = a.data();
  const Tensor<float> c = std::move(a);
  CHECK(c.data() == memory);
  CHECK(c(1, 2) == 5);

  b = *&b; // onto itself
  CHECK(b[0] == 100);
  b = c;
  CHECK(b[0] == 0);
}

TEST_CASE("Tensor: resize allocates only to grow", "[core]") {
  Tensor<float> x({64, 10});
  const float* memory = x.data();
  x.resize({17, 10}); // the last batch of an epoch
  CHECK(x.data() == memory);
  CHECK(x.size() == 170);
  x.resize({64, 10});
  CHECK(x.data() == memory);
  x.resize({64, 11});
  CHECK(x.size() == 704);
  x.copy_from(counting<float>({2, 2}));
  CHECK(x(1, 1) == 3);
}

TEST_CASE("Tensor: a size that no machine has is bad_alloc", "[core]") {
  Tensor<double> x;
  CHECK_THROWS_AS(x.resize({index_t{1} << 31, index_t{1} << 31}), std::bad_alloc);
  CHECK(x.empty()); // and the tensor is as it was
}

TEST_CASE("View: slices and reshapes without copying", "[core]") {
  Tensor<float> x = counting<float>({4, 3, 2});
  const View<float> middle = x.view().slice(1, 2);
  CHECK(middle.shape() == Shape{2, 3, 2});
  CHECK(middle[0] == 6);
  middle.fill(-1);
  CHECK(x[5] == 5);
  CHECK(x[6] == -1);
  CHECK(x[17] == -1);
  CHECK(x[18] == 18);

  CHECK(x.view().slice(4, 0).empty());
  CHECK(x.view().reshape({4, 6})(3, 5) == 23);
  CHECK(x.view().reshape({24}).data() == x.data());
}

TEST_CASE("View: refuses slices and shapes that do not fit", "[core]") {
  Tensor<float> x({4, 3});
  const auto slice = [&](index_t first, index_t count) {
    return message_of<shape_error>([&] { x.view().slice(first, count); });
  };
  CHECK(slice(3, 2) == "slice: expected rows within [4, 3], got 3 + 2");
  CHECK(slice(-1, 1) != "");
  CHECK(slice(0, -1) != "");
  CHECK(slice(5, 0) != "");
  CHECK(slice(1, std::numeric_limits<index_t>::max()) != "");
  CHECK(message_of<shape_error>([&] {
          x.view().reshape({5, 3});
        }) == "reshape: expected the size of [4, 3], got [5, 3]");
  CHECK_SAYS(View<float>(x.data(), Shape{}).slice(0, 1), shape_error, "slice", "got 0 + 1");
}

TEST_CASE("View: one that may write becomes one that only reads, never the reverse", "[core]") {
  STATIC_REQUIRE(std::is_convertible_v<View<float>, View<const float>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<View<const float>, View<float>>);
  STATIC_REQUIRE(std::is_convertible_v<Tensor<float>&, View<float>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<const Tensor<float>&, View<float>>);
}

TEST_CASE("a hash tells zeros of different number apart", "[core]") {
  const Tensor<float> one({1}), many({1000}), same({1000}), other({1000}, 1.0f);
  for (std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}}) {
    CHECK(hash_of(one.view(), seed) != hash_of(many.view(), seed));
    CHECK(hash_of(other.view(), seed) != hash_of(many.view(), seed));
    CHECK(hash_of(many.view(), seed) == hash_of(same.view(), seed));
  }
}

TEST_CASE("a hash tells apart where equal numbers are", "[core]") {
  Tensor<float> none({16}), one(none), swapped(none), next(none);
  one[0] = swapped[8] = next[1] = 1; // elements 0 and 8 share a lane, 1 is in another
  one[8] = swapped[0] = next[9] = 2;
  std::set<std::uint64_t> hashes;
  for (const Tensor<float>* x : {&none, &one, &swapped, &next})
    hashes.insert(hash_of(x->view(), 1));
  CHECK(hashes.size() == 4);
}

} // namespace test_tensor
