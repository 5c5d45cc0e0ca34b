// sgq/train/check_grid.hpp -- images and net must mean the same by a pixel code.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"

namespace sgq::train {

/// Throws value_error where the images were made by another grid than the quantised net reads them
/// by: every pixel would come out shifted and stretched.
template <class T>
void check_grid(const nn::Net<T>& net, const data::Batch<T>& batch) {
  const PixelGrid& own = net.input().grid();
  if (own && batch.grid && own != *batch.grid)
    throw value_error(describe("images of a batch", "the pixel grid of the net's input", "another",
                               "give Batches the grid that quantize() got"));
}

} // namespace sgq::train
