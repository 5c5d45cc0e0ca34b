#include "sgq/core/function_ref.hpp"

#include "support/catch.hpp"

#include <utility>
#include <vector>

namespace test_function_ref {

using sgq::function_ref;

namespace {

struct Doubler {
  int operator()(int x) const { return 2 * x; }
};

template <class F>
constexpr bool binds = requires(F&& f) {
  function_ref<int(int)>(std::forward<F>(f));
};

} // namespace

TEST_CASE("a function_ref calls the object it was given", "[core]") {
  int calls = 0;
  auto count = [&calls](int x) { return x + ++calls; };
  const function_ref<int(int)> f = count;
  const function_ref<int(int)> copy = f;
  CHECK(f(10) == 11);
  CHECK(copy(10) == 12);
  CHECK(calls == 2);
  const Doubler doubler;
  CHECK(function_ref<int(int)>(doubler)(4) == 8);
  const function_ref<void(int)> no_result = count;
  no_result(0);
  CHECK(calls == 3);
}

TEST_CASE("a function_ref may refer to nothing, and is as cheap to copy as a pointer", "[core]") {
  CHECK_FALSE(function_ref<void()>());
  auto nothing = [] {};
  CHECK(function_ref<void()>(nothing));
  STATIC_REQUIRE(std::is_trivially_copyable_v<function_ref<void()>>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<function_ref<void()>>);
}

TEST_CASE("a function_ref refuses temporaries and other signatures", "[core]") {
  STATIC_REQUIRE(binds<Doubler&>);
  STATIC_REQUIRE(binds<const Doubler&>);
  STATIC_REQUIRE_FALSE(binds<Doubler>);
  STATIC_REQUIRE_FALSE(binds<const Doubler>);
  STATIC_REQUIRE_FALSE(binds<std::vector<int>&>);
}

} // namespace test_function_ref
