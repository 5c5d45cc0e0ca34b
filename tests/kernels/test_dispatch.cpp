#include "sgq/kernels/simd/dispatch.hpp"
#include "sgq/kernels/simd/fused.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <iterator>

namespace test_dispatch {

using namespace sgq;
using namespace sgq::kernels;

namespace {

SGQ_INLINE void square_minus(const float* x, const float* y, float* result) {
  *result = *x * *x - *y;
}

// The same for registers, in one rounding where they fuse.
struct SquareMinus {
  template <int Bytes>
  SGQ_INLINE static void run(const float* x, const float* y, float* result) {
    *result = multiply_add<Bytes>(*x, *x, -*y);
  }
};

} // namespace

TEST_CASE("isa: the forced one is chosen", "[kernels]") {
  const char* forced = std::getenv("SGQ_ISA");
  if (forced && *forced)
    CHECK(std::string(name(isa())) == forced);
  else
    CHECK(isa() == choose_isa(nullptr));
  CHECK(supported(isa()));
}

TEST_CASE("for_registers: the machine code of the chosen instruction set runs", "[kernels]") {
  // 1 + 2^-12 squared is 1 + 2^-11 + 2^-24, and the last term is lost when it is rounded to float.
  // Volatile: Clang computes a product and sum of constants in one rounding, whatever the target.
  const volatile float one = 1;
  const float x = one + 0x1p-12f, y = one + 0x1p-11f;
  float result = -1;
  for_registers<SquareMinus>(&x, &y, &result);
  CHECK(result == (fuses_here() ? 0x1p-24f : 0.0f));
}

TEST_CASE("for_isa: passes values and pointers on", "[kernels]") {
  const float x = 3, y = 2;
  float result = 0;
  for_isa<square_minus>(&x, &y, &result);
  CHECK(result == 7);
}

TEST_CASE("isas: each has its own name, in the order of the enumeration", "[kernels]") {
  for (std::size_t i = 0; i < std::size(isas); ++i) {
    CHECK(static_cast<std::size_t>(isas[i].isa) == i);
    CHECK(std::string(name(isas[i].isa)) == isas[i].name);
  }
}

TEST_CASE("choose_isa: without a wish, the best that the machine has", "[kernels]") {
  for (const char* none : {static_cast<const char*>(nullptr), ""}) {
    const Isa best = choose_isa(none);
    CHECK(supported(best));
    for (Isa isa : {Isa::simd128, Isa::neon_i8mm, Isa::neon_dotprod, Isa::neon, Isa::avx512,
                    Isa::avx2, Isa::generic})
      if (supported(isa)) {
        CHECK(best == isa);
        break;
      }
  }
}

TEST_CASE("choose_isa: a wish is granted, or is an error", "[kernels]") {
  CHECK(choose_isa("generic") == Isa::generic);
  for (const NamedIsa& n : isas) {
    const auto choose = [&] { return choose_isa(n.name); };
    if (supported(n.isa))
      CHECK(choose() == n.isa);
    else
      CHECK(contains(message_of<value_error>(choose), "one that this machine has (generic"));
  }
  const std::string unknown = message_of<value_error>([] { choose_isa("sse9"); });
  CHECK(unknown.starts_with("SGQ_ISA: expected one that this machine has (generic"));
  CHECK(unknown.ends_with("), got sse9"));
  CHECK_SAYS(choose_isa("AVX2"), value_error, "SGQ_ISA", "got AVX2");
}

} // namespace test_dispatch
