// sgq/version.hpp -- the one place that states the version.
#pragma once

#define SGQ_VERSION_MAJOR 0
#define SGQ_VERSION_MINOR 2
#define SGQ_VERSION_PATCH 0

namespace sgq {

inline constexpr const char* version = "0.2.0";

/// Raised by every change that alters trained weights, maps or measures under the same options. Do
/// not put results of two versions into one table.
///
///     3   exp, log, tanh and cos of the library's own; in training and in maps the code, not the
///         compiler, says which products are fused with the sum that they join; gradients of
///         convolutions' weights, of biases and of clips are sums over blocks of 8 images
///     2   ties fall at random, in masks and rankings, and by the pre-activation in max pooling;
///         logits' gradients without cancellation; running statistics moved by the clean pass alone
inline constexpr int numerics_version = 3;

} // namespace sgq
