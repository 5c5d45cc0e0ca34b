// Settings from outside that would change bits are noticed.
#include "sgq/kernels/simd/check_arithmetic.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <cfenv>

namespace test_check_arithmetic {

using namespace sgq;

namespace {

std::string said() {
  return message_of<value_error>([] { kernels::check_arithmetic("step"); });
}

} // namespace

TEST_CASE("arithmetic as it should be passes", "[kernels]") {
  CHECK(said().empty());
}

#if defined(FE_UPWARD) // not in WebAssembly
TEST_CASE("another rounding direction is refused", "[kernels][errors]") {
  for (int direction : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(direction);
    const std::string text = said();
    std::fesetround(FE_TONEAREST);
    CHECK(contains(text, "step: expected rounding to nearest, got another direction"));
  }
  CHECK(said().empty());
}
#endif

#if SGQ_ARM
TEST_CASE("flushing small numbers to 0 is refused", "[kernels][errors]") {
  std::uint64_t kept;
  asm volatile("mrs %0, fpcr" : "=r"(kept));
  asm volatile("msr fpcr, %0" : : "r"(kept | 1u << 24)); // FZ
  const std::string text = said();
  asm volatile("msr fpcr, %0" : : "r"(kept));
  CHECK(contains(text, "step: expected numbers below 1.2e-38 as they are, got 0"));
  CHECK(said().empty());
}
#elif SGQ_X86
TEST_CASE("flushing small numbers to 0 is refused", "[kernels][errors]") {
  const unsigned kept = _mm_getcsr();
  for (unsigned flags : {0x8000u, 0x0040u, 0x8040u}) { // FTZ, DAZ, both
    _mm_setcsr(kept | flags);
    const std::string text = said();
    _mm_setcsr(kept);
    CHECK(contains(text, "step: expected numbers below 1.2e-38 as they are, got 0"));
  }
  CHECK(said().empty());
}
#endif

} // namespace test_check_arithmetic
