// A project that uses sgq. It prints the version and whether OpenMP came with it.
#if defined(SGQ_COMPILED)
#include "sgq/sgq.hpp"
#else // what it uses: compiled often, it had better be short
#include "sgq/core/parallel.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/version.hpp"
#endif

#include <cstdio>

int main() {
  sgq::Tensor<float> x({64, 1, 28, 28}, 1.0f);
  sgq::parallel_for(x.shape()[0], [&](sgq::index_t n) { x.view().slice(n, 1).fill(0.0f); });
  for (float value : x)
    if (value != 0.0f) return 1;
#if defined(SGQ_COMPILED) // most of this stands in the library
  sgq::nn::Tape<float> tape;
  const auto net = sgq::nn::lenet5<float>();
  const auto logits = net.forward(x.view().slice(0, 2), tape);
  if (logits.size() != 20) return 1;
#endif
#if defined(_OPENMP)
  const char* openmp = "with OpenMP";
#else
  const char* openmp = "without OpenMP";
#endif
  std::printf("sgq %s %s\n", sgq::version, openmp);
}
