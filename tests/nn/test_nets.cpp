// No test: the definitions that compiled_once.hpp promises.
#define SGQ_TESTS_COMPILE_LAYERS
#include "compiled_once.hpp"
