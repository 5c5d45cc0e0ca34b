// sgq/train/forward.hpp -- a batch of a data set goes through a net.
#pragma once

#include "sgq/data/batches.hpp"
#include "sgq/nn/net.hpp"

namespace sgq::train {

/// Throws value_error if the batch was normalised with other quantisation parameters than those of
/// the net's input, or in evaluation than those of the images that the net was trained on: every
/// pixel would be shifted and scaled. Training on other images is fine-tuning.
template <class T>
void check_normalization(const nn::Net<T>& net, const data::Batch<T>& batch, bool training) {
  const QuantParams &input = net.input().grid(), &trained_on = net.identity()->trained_on;
  if (!batch.grid) return;
  if (input && input != *batch.grid)
    throw value_error(describe("images of a batch, normalised by",
                               "those of the net's input, " + to_text(input), to_text(*batch.grid),
                               "give Batches what was given to quantize()"));
  if (!training && trained_on && trained_on != *batch.grid)
    throw value_error(describe("images of a batch, normalised by",
                               "those of the training images, " + to_text(trained_on),
                               to_text(*batch.grid),
                               input ? "train it on these first, or quantize() it with those"
                                     : "give Batches those of the training set"));
}

/// The end of a training step: the net has learned from images on the batch's grid.
template <class T>
void note_grid(nn::Net<T>& net, const data::Batch<T>& batch) {
  QuantParams& trained_on = net.identity()->trained_on;
  if (batch.grid && trained_on != *batch.grid) trained_on = *batch.grid;
}

/// Throws value_error if the batch is one rank's share and its other images are nowhere: the rank
/// would train a net of its own.
template <class T>
void check_share(const data::Batch<T>& batch) {
  if (batch.whole > 0 && whole_batch(batch.size()) != batch.whole)
    throw value_error(describe("a batch that ranks share, of " + to_text(batch.whole) + " images",
                               "a step that they share", "a pass of one rank",
                               "wrap the step by DataParallel::shared(step)"));
}

/// Net::forward() of a batch. A net with a quantised input gets the pixel codes directly, not by
/// way of real numbers, unless x has been replaced.
template <class T>
View<const T> forward(const nn::Net<T>& net, const data::Batch<T>& batch, nn::Tape<T>& tape,
                      const nn::Mode& mode) {
  check_share(batch);
  check_normalization(net, batch, mode.training);
  return net.input().grid() && batch.has_codes() ? net.forward(batch.codes, tape, mode)
                                                 : net.forward(batch.x, tape, mode);
}

} // namespace sgq::train
