#include "sgq/kernels/simd/dispatch.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_dispatch {

using namespace sgq;
using namespace sgq::kernels;

namespace {

// x^2 - y. Where the compiler may fuse the two (AVX2 and AVX-512 code), x^2 is not rounded first.
SGQ_INLINE void square_minus(const float* x, const float* y, float* result) {
  *result = *x * *x - *y;
}

// 1 + 2^-12 squared is 1 + 2^-11 + 2^-24, and the last term is lost when it is rounded to float.
[[maybe_unused]] bool fuses() {
  const float x = 1 + 0x1p-12f, y = 1 + 0x1p-11f;
  float result = -1;
  for_isa<square_minus>(&x, &y, &result);
  REQUIRE((result == 0 || result == 0x1p-24f));
  return result != 0;
}

} // namespace

TEST_CASE("isa: the forced one is chosen", "[kernels]") {
  const char* forced = std::getenv("SGQ_ISA");
  if (forced && *forced)
    CHECK(std::string(name(isa())) == forced);
  else
    CHECK(isa() == choose_isa(nullptr));
  CHECK(supported(isa()));
}

// GCC fuses at -O2, as the builds without assertions have it. With -march=native all would fuse.
#if SGQ_X86 && !defined(__FMA__) && (defined(__clang__) || defined(NDEBUG))
TEST_CASE("for_isa: the machine code of the chosen instruction set runs", "[kernels]") {
  CHECK(fuses() == (isa() != Isa::generic));
}
#endif

TEST_CASE("for_isa: passes values and pointers on", "[kernels]") {
  const float x = 3, y = 2;
  float result = 0;
  for_isa<square_minus>(&x, &y, &result);
  CHECK(result == 7);
}

TEST_CASE("choose_isa: without a wish, the best that the machine has", "[kernels]") {
  for (const char* none : {static_cast<const char*>(nullptr), ""}) {
    const Isa best = choose_isa(none);
    CHECK(supported(best));
    if (supported(Isa::avx512))
      CHECK(best == Isa::avx512);
    else if (supported(Isa::avx2))
      CHECK(best == Isa::avx2);
    else
      CHECK(best == Isa::generic);
  }
}

TEST_CASE("choose_isa: a wish is granted, or is an error", "[kernels]") {
  CHECK(choose_isa("generic") == Isa::generic);
  for (Isa isa : {Isa::avx2, Isa::avx512}) {
    const auto choose = [&] { return choose_isa(name(isa)); };
    if (supported(isa))
      CHECK(choose() == isa);
    else
      CHECK(contains(message_of<value_error>(choose), "an instruction set of this machine"));
  }
  CHECK(message_of<value_error>([] { choose_isa("sse9"); }) ==
        "SGQ_ISA: expected generic, avx2 or avx512, got sse9");
  CHECK_THROWS_AS(choose_isa("AVX2"), value_error);
}

} // namespace test_dispatch
