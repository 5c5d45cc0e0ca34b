// sgq/train/meters.hpp -- loss and accuracy over many batches, each image counted once.
#pragma once

#include "sgq/core/shape.hpp"

namespace sgq::train {

struct Meter {
  double loss_sum = 0; ///< over images
  index_t correct = 0;
  index_t images = 0;

  /// Adds a batch by its mean loss.
  void add(double mean_loss, index_t correct_images, index_t batch) {
    loss_sum += mean_loss * static_cast<double>(batch);
    correct += correct_images;
    images += batch;
  }

  void add(const Meter& other) {
    loss_sum += other.loss_sum;
    correct += other.correct;
    images += other.images;
  }

  /// Means over the images so far; 0 before the first.
  double loss() const { return images ? loss_sum / static_cast<double>(images) : 0; }
  double accuracy() const {
    return images ? static_cast<double>(correct) / static_cast<double>(images) : 0;
  }
  bool operator==(const Meter&) const = default;
};

} // namespace sgq::train
