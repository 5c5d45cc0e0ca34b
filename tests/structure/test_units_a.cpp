// Two translation units include everything and are linked into one program: a function that lacks
// `inline` would be defined twice.
#include "sgq/sgq.hpp"

#include "support/catch.hpp"

namespace test_units {

const void* address_in_other_unit();

TEST_CASE("two translation units share one library", "[structure]") {
  // One function, one static behind it, not a copy in each unit.
  CHECK(address_in_other_unit() == &sgq::detail::thread_setting());
}

} // namespace test_units
