#include "sgq/core/named.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_named {

using namespace sgq;

namespace {

struct Row {
  std::string_view name;
  int value;
};
constexpr Row rows[] = {{"one", 1}, {"two", 2}, {"three", 3}};

} // namespace

TEST_CASE("a row is found by its name", "[core]") {
  STATIC_REQUIRE(find_named(rows, "two")->value == 2);
  CHECK(find_named(rows, "tw") == nullptr);
  CHECK(row_named("number", rows, "three").value == 3);
  CHECK(message_of<value_error>([] { row_named("number", rows, "four"); }) ==
        "number: expected one, two or three, got 'four'");
}

TEST_CASE("names are listed in the table's order", "[core]") {
  CHECK(names_of(rows) == std::vector<std::string>{"one", "two", "three"});
  CHECK(list_of(rows) == "one, two or three");
  CHECK(list_of(std::vector<Row>{{"one", 1}}) == "one");
  CHECK(list_of(std::vector<Row>{}).empty());
}

} // namespace test_named
