// Prints what the page shows after so many steps of its training: the digest, and before it
// "separate" or "fused", the arithmetic (kernels/simd/fused.hpp).
//
//     page_digest [BITS [plain|guided [STEPS]]]        4 guided 20, as the page begins
#include "live_training.hpp"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  try {
    page::LiveOptions options;
    if (argc > 1) options.bits = std::atoi(argv[1]);
    if (argc > 2) options.guided = std::string_view(argv[2]) == "guided";
    const int steps = argc > 3 ? std::atoi(argv[3]) : 20;
    page::LiveTraining run(options);
    for (int i = 0; i < steps; ++i) run.step();
    std::printf("%s %s\n", page::arithmetic(), run.digest().c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "page_digest: %s\n", e.what());
    return 1;
  }
}
