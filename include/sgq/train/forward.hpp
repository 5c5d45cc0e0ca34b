// sgq/train/forward.hpp -- a batch of a data set goes through a net.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"

namespace sgq::train {

/// Throws value_error if the batch was normalised with other quantisation parameters than those of
/// the net's input: every pixel would be shifted and scaled.
template <class T>
void check_normalization(const nn::Net<T>& net, const data::Batch<T>& batch) {
  const QuantParams& own = net.input().grid();
  if (own && batch.grid && own != *batch.grid)
    throw value_error(describe("images of a batch",
                               "the quantisation parameters of the net's input", "others",
                               "give Batches what was given to quantize()"));
}

/// Net::forward() of a batch. A net with a quantised input gets the pixel codes
/// directly, not by way of real numbers.
template <class T>
View<const T> forward(const nn::Net<T>& net, const data::Batch<T>& batch, nn::Tape<T>& tape,
                      const nn::Mode& mode) {
  check_normalization(net, batch);
  return net.input().grid() && batch.grid ? net.forward(batch.codes, tape, mode)
                                          : net.forward(batch.x, tape, mode);
}

} // namespace sgq::train
