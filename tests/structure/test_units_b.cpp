// See test_units_a.cpp.
#include "sgq/sgq.hpp"

namespace test_units {

const void* address_in_other_unit();
const void* address_in_other_unit() {
  return &sgq::detail::thread_setting();
}

} // namespace test_units
