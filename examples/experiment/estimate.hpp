// How long training takes: forward passes, a backward pass counting as two, times the seconds of one.
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

} // namespace examples
