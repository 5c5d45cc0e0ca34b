// The layers of float and double nets are compiled in test_nets.cpp, once for all tests of this
// folder.
#pragma once

#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#if !defined(SGQ_TESTS_COMPILE_LAYERS)
#define SGQ_TESTS_COMPILE_LAYERS extern
#endif

#define SGQ_TESTS_COMPILE_LAYERS_OF(T)                                                             \
  SGQ_TESTS_COMPILE_LAYERS template class sgq::nn::Conv2d<T>;                                      \
  SGQ_TESTS_COMPILE_LAYERS template class sgq::nn::Linear<T>;                                      \
  SGQ_TESTS_COMPILE_LAYERS template class sgq::nn::Pact<T>;                                        \
  SGQ_TESTS_COMPILE_LAYERS template class sgq::nn::Relu<T>;                                        \
  SGQ_TESTS_COMPILE_LAYERS template class sgq::nn::BatchNorm<T>;

SGQ_TESTS_COMPILE_LAYERS_OF(float)
SGQ_TESTS_COMPILE_LAYERS_OF(double)
