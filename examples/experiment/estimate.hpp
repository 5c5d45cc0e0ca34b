// How long training and measuring take: forward passes, a backward pass counting as two, times the
// seconds of one.
#pragma once

#include "grid.hpp"
#include "results.hpp"

namespace examples {

/// Forward passes of one image in the whole run of a cell.
inline double forward_passes(const Cell& cell, index_t train_images) {
  const double images = static_cast<double>(cell.options.epochs * train_images);
  return images * 3 * relative_cost(cell.options, detail::has_batch_norm(cell.net()));
}

/// Seconds of a forward pass in training: by the rows that are there, else what one thread took on a
/// server of 2 GHz, divided by the threads of now.
inline double seconds_of_pass(const std::string& net, const std::vector<io::Json>& rows) {
  double seconds = 0, passes = 0;
  for (const io::Json& row : rows) {
    seconds += row.at("run").at("training_seconds").as_double();
    passes += row.at("run").at("forward_passes").as_double();
  }
  if (passes > 0) return seconds / passes;
  const double known = net == "lenet5" ? 2.3e-5 : net == "mnist_cnn" ? 2.45e-4 : 8.8e-4;
  return known / sgq::num_threads();
}

/// Seconds of measuring one network: the mean of the rows that are there; else a rough count of
/// passes, about 300 for an explained image (100 for integrated gradients, 60 for masked accuracy,
/// 66 for deletion and insertion, 50 for SmoothGrad, 20 for ROAD), 22 for max-sensitivity, and a
/// gradient of every test image; and what one thread took for rankings and imputation, 8 ms an
/// explained image.
inline double seconds_of_measuring(const Measuring& m, index_t test_images, double pass,
                                   const std::vector<io::Json>& measured) {
  double seconds = 0;
  for (const io::Json& row : measured) seconds += row.at("run").at("measuring_seconds").as_double();
  if (!measured.empty()) return seconds / static_cast<double>(measured.size());
  const index_t explained = std::min(m.explained, test_images),
                disturbed = std::min(m.disturbed, explained);
  return pass * static_cast<double>(300 * explained + 22 * disturbed + 2 * test_images) +
         0.008 * static_cast<double>(explained) / sgq::num_threads();
}

} // namespace examples
