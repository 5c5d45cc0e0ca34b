#include "sgq/core/table.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_table {

using namespace sgq;

namespace {

struct Row {
  std::string_view name;
  int value;
};
constexpr Row rows[] = {{"one", 1}, {"two", 2}, {"three", 3}};

} // namespace

TEST_CASE("a row is found by its name, in an array and in a vector", "[core]") {
  CHECK(choose("number", rows, "two").value == 2);
  CHECK(find_row(rows, "three")->value == 3);
  CHECK(find_row(rows, "four") == nullptr);
  const std::vector<Row> own{{"four", 4}};
  CHECK(find_row(own, "four")->value == 4);
  CHECK(find_row(std::vector<Row>{}, "four") == nullptr);
}

TEST_CASE("another name is an error that lists the table", "[core]") {
  CHECK(names_of(rows) == std::vector<std::string>{"one", "two", "three"});
  CHECK(message_of<value_error>([] { choose("number", rows, "tw"); }) ==
        "number: expected one, two or three, got 'tw'");
  CHECK(one_of({"one"}) == "one");
  CHECK(one_of({"one", "two"}) == "one or two");
}

} // namespace test_table
