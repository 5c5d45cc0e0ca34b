// sgq/train/reestimate.hpp -- batch norm's running statistics, measured again after training.
//
// During training they follow a net that moves: they are averages over its past, and lag behind
// quick changes (few bits, high rates). Afterwards the net stands still, and they can be what they
// mean, the mean over batches of the batches' own moments (arXiv 1803.05407, 2105.07576):
//
//     mean = sum_k n_k mean_k / sum_k n_k        n_k images in batch k
//     var  = sum_k n_k var_k / sum_k n_k         var_k the unbiased variance of batch k
//
// Nothing else changes: no weight, no clip, no code.
#pragma once

#include "sgq/train/forward.hpp"

#include <algorithm>
#include <vector>

namespace sgq::train {

/// Replaces the running statistics by those of the batches of the epoch that `batches` is in. The
/// old ones do not matter; if it throws, they are kept. Passes are those of training but for
/// dropout, which evaluation does not have either. Throws value_error on a net without running
/// statistics, where weights or clips have no values yet, and on batches that evaluation refuses:
/// of augmented images, or of images normalised otherwise than those of training.
template <class T>
void reestimate_statistics(nn::Net<T>& net, data::Batches<T>& batches) {
  net.check_initialized("re-estimation of statistics");
  if (net.buffers().empty())
    throw value_error(describe("re-estimation of statistics", "a net with batch norm", "none"));
  if (batches.options().augment.any())
    throw value_error(describe("re-estimation of statistics", "images as they are in the set",
                               "augmented ones", "make Batches of their own, without .augment"));
  const std::vector<nn::NamedBuffer<T>> buffers = net.buffers();
  std::vector<Tensor<T>> before;
  for (const auto& buffer : buffers) before.push_back(*buffer.tensor);
  nn::Tape<T> tape;
  nn::Mode mode = nn::Mode::train(Random(0));
  mode.dropout = mode.recording = false;
  index_t images = 0;
  try {
    for (index_t i = 0; i < batches.count(); ++i) {
      const data::Batch<T> batch = batches.batch(i);
      check_normalization(net, batch, false);
      forward(net, batch, tape, mode);
      images += batch.size();
      net.update_statistics(tape, static_cast<double>(batch.size()) / static_cast<double>(images));
    }
  } catch (...) {
    for (std::size_t k = 0; k < buffers.size(); ++k)
      std::copy(before[k].begin(), before[k].end(), buffers[k].tensor->begin());
    throw;
  }
}

} // namespace sgq::train
