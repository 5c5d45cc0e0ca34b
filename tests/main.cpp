// The test program's main(). SGQ_ISA=NAME makes it test one instruction set; on a machine that lacks
// it the run counts as skipped (exit code 77), not as passed.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include "sgq/kernels/simd/dispatch.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

/// LLVM's OpenMP does not give back what its threads had.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libomp";
}

int main(int argc, char** argv) {
  using namespace sgq::kernels;
  const char* forced = std::getenv("SGQ_ISA");
  for (const NamedIsa& n : isas)
    if (forced && std::string(forced) == n.name && !supported(n.isa)) {
      std::printf("skipped: this machine has no %s\n", forced);
      return 77;
    }
  // Not Catch's exit code, the number of failures: exactly 77 of them would count as skipped.
  return Catch::Session().run(argc, argv) == 0 ? 0 : 1;
}
