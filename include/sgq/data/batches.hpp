// sgq/data/batches.hpp -- a data set as a sequence of normalised batches.
//
//     Batches<float> batches(train, normalization("mnist"), {.size = 64, .seed = seed});
//     for (index_t epoch = 0; epoch < epochs; ++epoch) {
//       batches.begin_epoch(epoch);
//       for (index_t i = 0; i < batches.count(); ++i) {
//         const auto batch = batches.batch(i); // x [B,C,H,W], labels, indices
//         ...
//
// The order of an epoch depends on (seed, epoch) only and any batch can be asked for at any time,
// so a resumed run goes on in the middle of an epoch. Buffers are reused: a batch is valid until
// the next call, and after the first one nothing is allocated.
//
// Where ranks train together, each makes its own images of a batch only (BatchOptions::share).
#pragma once

#include "sgq/core/hash.hpp"
#include "sgq/core/shared_batch.hpp"
#include "sgq/data/augment.hpp"

#include <numeric>

namespace sgq::data {

/// One of several ranks that share every batch.
struct Share {
  index_t rank = 0, ranks = 1;
};

struct BatchOptions {
  index_t size = 64;
  bool shuffle = true;
  std::uint64_t seed = 0;
  Augmentation augment{};
  Share share{}; ///< which images of a batch are made; DataParallel::share() says it
};

/// Views of a batch: valid until the next batch is asked for. The last one of an epoch may be
/// smaller.
template <class T>
struct Batch {
  View<const T> x;                ///< [B,C,H,W], normalised
  View<const std::uint8_t> codes; ///< [B,C,H,W], the same images as pixel codes
  std::span<const std::uint8_t> labels;
  std::span<const index_t> indices;  ///< which images of the set these are
  const QuantParams* grid = nullptr; ///< how x was made of codes; null: not known
  index_t first = 0;                 ///< where x begins in the batch that ranks share
  index_t whole = 0;                 ///< images of that batch; 0: x is the whole batch
  std::uint64_t source = 0; ///< of a shared batch: a hash of its images, labels and options
  /// The numbers that the codes stand for: x, unless you set another x. Null: codes are not used.
  const T* normalized = nullptr;
  index_t size() const { return static_cast<index_t>(labels.size()); }
  /// The codes and x are the same images.
  bool has_codes() const { return grid && x.data() == normalized && x.shape() == codes.shape(); }
};

template <class T>
class Batches {
public:
  /// Keeps a reference to the set, which must outlive it. Throws value_error on an empty set or a
  /// batch size below 1, on an augmentation or a normalisation that cannot be, or with more ranks
  /// than a batch has blocks; shape_error if the normalisation has another number of channels; and
  /// whatever check(set) finds. A batch larger than the set is the whole set.
  Batches(const Dataset& set, QuantParams norm, BatchOptions options)
      : set_(set), norm_(std::move(norm)), options_(options),
        order_(static_cast<std::size_t>(set.size())), images_(set.images.data()),
        shape_(set.images.shape()) {
    if (options_.size < 1)
      throw value_error(describe("batch size", "1 or more", to_text(options_.size)));
    if (set.size() == 0) throw value_error(describe("batches of " + set.name, "images", "none"));
    check(set);
    check_augmentation(options_.augment);
    options_.size = std::min(options_.size, set.size());
    check_share(options_.share, options_.size);
    detail::check_channels("batches of " + set.name, set.images.shape(), norm_);
    begin_epoch(0);
  }
  Batches(const Dataset&& temporary, QuantParams, BatchOptions) = delete;

  /// Draws the order of that epoch.
  void begin_epoch(index_t epoch) {
    epoch_ = epoch;
    std::iota(order_.begin(), order_.end(), index_t{0});
    if (options_.shuffle)
      shuffle(order_, Random(options_.seed, 0x6f726465u) // "orde"
                          .split(static_cast<std::uint64_t>(epoch)));
  }

  /// Batches in an epoch, the last partial one included.
  index_t count() const {
    if (set_.images.data() != images_ || set_.images.shape() != shape_ ||
        static_cast<std::size_t>(set_.size()) != order_.size())
      throw value_error(describe("batches of " + set_.name, "the set that they were made of",
                                 "one that has been moved or has changed since",
                                 "make Batches of the set where it stays"));
    return blocks_of(set_.size(), options_.size);
  }

  /// Makes batch i of the epoch, images in parallel; of one that ranks share, the images of this
  /// rank, or the first one where it has none.
  Batch<T> batch(index_t i) {
    if (i < 0 || i >= count())
      throw value_error(describe("batch", "a number below " + to_text(count()), to_text(i)));
    const index_t whole = std::min(options_.size, set_.size() - i * options_.size);
    Part own = images_of_rank(whole, options_.share.rank, options_.share.ranks);
    if (own.size() == 0) own = {0, 1};
    const index_t n = own.size();
    const std::span<const index_t> indices(order_.data() + i * options_.size + own.first,
                                           static_cast<std::size_t>(n));
    codes_.resize(set_.images.shape().with_batch(n));
    x_.resize(codes_.shape());
    labels_.resize(indices.size());
    for (std::size_t k = 0; k < indices.size(); ++k)
      labels_[k] = set_.labels[static_cast<std::size_t>(indices[k])];
    parallel_blocks(n, detail::images_per_task, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k) make_image(indices[static_cast<std::size_t>(k)], k);
    });
    return {x_,       codes_,    labels_, indices,
            &norm_,   own.first, whole,   source_of(i * options_.size, whole),
            x_.data()};
  }

  const Dataset& set() const { return set_; }
  const QuantParams& norm() const { return norm_; }
  const BatchOptions& options() const { return options_; }

private:
  static void check_share(const Share& share, index_t batch) {
    const index_t blocks = blocks_of(batch, block_images);
    if (share.rank < 0 || share.rank >= share.ranks || share.ranks > blocks)
      throw value_error(describe("ranks that share a batch of " + to_text(batch) + " images",
                                 "1 to " + to_text(blocks) + ", its blocks of 8 images",
                                 to_text(share.ranks), "fewer ranks, or a larger batch"));
  }

  /// Of the whole batch, which every rank can see: its images and labels, and what is done to them.
  std::uint64_t source_of(index_t first, index_t count) const {
    if (options_.share.ranks < 2) return 0;
    const std::int64_t options[] = {epoch_, static_cast<std::int64_t>(options_.seed),
                                    options_.augment.pad, options_.augment.flip};
    std::uint64_t hash = hash_of<std::int64_t>({options, {4}}, 0);
    hash = hash_of<float>({&norm_.scale, {1}}, hash);
    hash = hash_of<std::int32_t>(
        {norm_.zero_point.data(), {static_cast<index_t>(norm_.zero_point.size())}}, hash);
    const index_t image = set_.images.shape().stride();
    Arena::Scope scope(scratch());
    std::uint64_t* const of_image = scratch().take<std::uint64_t>(count);
    parallel_for(count, [&](index_t k) {
      const index_t at = order_[static_cast<std::size_t>(first + k)];
      of_image[k] = hash_of<std::uint8_t>({set_.images.data() + at * image, {image}},
                                          set_.labels[static_cast<std::size_t>(at)]);
    });
    return hash_of<std::uint64_t>({of_image, {count}}, hash);
  }

  void make_image(index_t image, index_t row) {
    const Shape& shape = set_.images.shape();
    const std::uint8_t* in = set_.images.data() + image * shape.stride();
    std::uint8_t* codes = codes_.data() + row * shape.stride();
    if (options_.augment.any())
      crop_flip(in, shape, draw_crop_flip(options_.augment, options_.seed, epoch_, image), norm_,
                codes);
    else
      std::copy(in, in + shape.stride(), codes);
    detail::normalize_image(codes, shape.plane(), norm_, x_.data() + row * shape.stride());
  }

  const Dataset& set_;
  QuantParams norm_;
  BatchOptions options_;
  index_t epoch_ = 0;
  std::vector<index_t> order_;
  const std::uint8_t* images_; // of the set, to notice that it has moved
  Shape shape_;                // or that other images lie in the same memory
  Tensor<std::uint8_t> codes_;
  Tensor<T> x_;
  std::vector<std::uint8_t> labels_;
};

} // namespace sgq::data
