// sgq/train/check_grid.hpp -- batch and net must use the same pixel grid.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"

namespace sgq::train {

/// Throws value_error if the batch was normalised with another grid than the net's: every pixel
/// would be shifted and scaled.
template <class T>
void check_grid(const nn::Net<T>& net, const data::Batch<T>& batch) {
  const QuantParams& own = net.input().grid();
  if (own && batch.grid && own != *batch.grid)
    throw value_error(describe("images of a batch", "the pixel grid of the net's input", "another",
                               "give Batches the grid that was given to quantize()"));
}

} // namespace sgq::train
