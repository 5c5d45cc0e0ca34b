// sgq/kernels/conv/conv2d.hpp -- the three products of a convolution.
//
//     forward          Y[o][p]  = sum over (c, r, s) of  W[o][c, r, s]  X[c, r, s][p]
//     weight gradient  dW[o][c, r, s] += sum over p of  dY[o][p]  X[c, r, s][p]
//     input gradient   the forward product of dY with the kernel turned by 180 degrees
//
// p runs over output pixels; X is the column matrix of im2col, which never exists: micro-kernels
// read its rows as windows into shifted copies of the image (kernels/conv/shifted.hpp), or its
// columns as windows into an image whose channels come last (kernels/conv/weight_outer.hpp).
#pragma once

#include "sgq/kernels/conv/conv2d_backward_input.hpp"
#include "sgq/kernels/conv/conv2d_backward_weight.hpp"
#include "sgq/kernels/conv/conv2d_forward.hpp"
