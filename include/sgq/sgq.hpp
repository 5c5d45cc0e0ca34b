// sgq/sgq.hpp -- everything.
//
// Each header also works alone; a program that cares for its compile time includes what it uses.
#pragma once

#include "sgq/config.hpp"
#include "sgq/version.hpp"

#include "sgq/core/error.hpp"
#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/shape.hpp"
#include "sgq/core/tensor.hpp"

#include "sgq/kernels/conv2d.hpp"
#include "sgq/kernels/dispatch.hpp"
#include "sgq/kernels/gemm.hpp"
#include "sgq/kernels/naive.hpp"
#include "sgq/kernels/problem.hpp"

#include "sgq/quant/bits.hpp"
#include "sgq/quant/calibrate.hpp"
#include "sgq/quant/pact.hpp"
#include "sgq/quant/policy.hpp"
#include "sgq/quant/requantize.hpp"
#include "sgq/quant/rounding.hpp"
#include "sgq/quant/schemes.hpp"
#include "sgq/quant/weight_quantizer.hpp"

#include "sgq/data/augment.hpp"
#include "sgq/data/batches.hpp"
#include "sgq/data/cifar10.hpp"
#include "sgq/data/dataset.hpp"
#include "sgq/data/file.hpp"
#include "sgq/data/idx.hpp"
#include "sgq/data/load.hpp"
#include "sgq/data/normalize.hpp"
#include "sgq/data/synthetic.hpp"
#include "sgq/data/synthetic_glyphs.hpp"

#include "sgq/io/dtype.hpp"
#include "sgq/io/file.hpp"
#include "sgq/io/json.hpp"
#include "sgq/io/json_parse.hpp"
#include "sgq/io/json_value.hpp"
#include "sgq/io/json_write.hpp"
#include "sgq/io/safetensors.hpp"
#include "sgq/io/sha256.hpp"
#include "sgq/io/stored_tensors.hpp"
#include "sgq/io/utf8.hpp"
