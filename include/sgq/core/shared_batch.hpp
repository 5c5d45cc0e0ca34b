// sgq/core/shared_batch.hpp -- a batch whose images several processes compute together.
//
// In data-parallel training (distributed/data_parallel.hpp) each of R ranks has some images of a
// batch: whole blocks of 8 (core/parallel.hpp), those of one rank after those of the rank before.
// What concerns one image is computed as ever. A number that depends on the whole batch needs the
// other ranks, and there the code says
//
//     whole_batch(n)                  the images of the whole batch, n of them being here
//     gather_images(rows, n, width)   rows of numbers, one per image: those of all images
//
// and adds them up in the order of one process. Without a shared batch these functions return what
// they were given, so one process runs the same code. Gradients of weights are too large to gather
// for every block: each rank adds up one slice of them (kernels/conv/weight_blocks.hpp) or computes
// some rows (nn/linear.hpp).
//
// The last batch of an epoch may have fewer blocks than there are ranks. A rank without images then
// computes the first one, so that it takes part in every exchange, and contributes nothing.
#pragma once

#include "sgq/core/function_ref.hpp"
#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"

#include <cstddef>
#include <utility>

namespace sgq {

/// Some of a row of things: first, first + 1, .. end - 1.
struct Part {
  index_t first = 0, end = 0;
  constexpr index_t size() const { return end - first; }
};

/// Part i of n things, cut into parts whose sizes differ by one at most.
constexpr Part cut(index_t n, index_t i, index_t parts) {
  return {n * i / parts, n * (i + 1) / parts};
}

/// The images of one rank in a batch that `ranks` share: whole blocks, or none.
constexpr Part images_of_rank(index_t images, index_t rank, index_t ranks) {
  const Part blocks = cut(blocks_of(images, block_images), rank, ranks);
  return {std::min(images, blocks.first * block_images),
          std::min(images, blocks.end * block_images)};
}

/// The batch of a step, and how its ranks exchange bytes. All ranks make the same exchanges in the
/// same order.
class SharedBatch {
public:
  virtual ~SharedBatch() = default;
  SharedBatch(const SharedBatch&) = delete;
  SharedBatch& operator=(const SharedBatch&) = delete;

  /// What the passes of the calling thread compute; null where its batches are whole.
  static SharedBatch* current() { return of_thread(); }

  /// While it lives, the passes of the calling thread compute this batch; null: whole batches.
  class Use {
  public:
    explicit Use(SharedBatch* batch) : outer_(std::exchange(of_thread(), batch)) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { of_thread() = outer_; }

  private:
    SharedBatch* outer_;
  };

  index_t rank() const { return rank_; }
  index_t ranks() const { return ranks_; }
  index_t images() const { return images_; } ///< of all ranks
  index_t blocks() const { return blocks_of(images_, block_images); }
  Part blocks_of_rank(index_t rank) const { return cut(blocks(), rank, ranks_); }

  /// Throws value_error unless a pass has as many images as this rank.
  void check(index_t images) const {
    const index_t own = std::max<index_t>(1, images_of_rank(images_, rank_, ranks_).size());
    if (images != own)
      throw value_error(describe("images of a pass in a step that ranks share", to_text(own),
                                 to_text(images), "evaluate and explain outside the step"));
  }

  /// A number of bytes for each rank.
  using Bytes = function_ref<index_t(index_t rank)>;

  /// all = the bytes of rank 0, of rank 1, ..; `own` may lie at its place in `all`.
  virtual void all_gather(const std::byte* own, std::byte* all, Bytes from) = 0;
  /// Sends the bytes for rank 0, for rank 1, .., and receives those from rank 0, from rank 1, ...
  virtual void all_to_all(const std::byte* own, Bytes to, std::byte* received, Bytes from) = 0;

protected:
  SharedBatch(index_t rank, index_t ranks) : rank_(rank), ranks_(ranks) {}
  void set_images(index_t images) { images_ = images; }

private:
  static SharedBatch*& of_thread() {
    thread_local SharedBatch* batch = nullptr;
    return batch;
  }

  index_t rank_, ranks_, images_ = 0;
};

/// The images of the whole batch, where a pass has `images` of it.
inline index_t whole_batch(index_t images) {
  const SharedBatch* const batch = SharedBatch::current();
  if (!batch) return images;
  batch->check(images);
  return batch->images();
}

/// The part of n things that this process computes for all: all of them where batches are whole.
inline Part own_part(index_t n) {
  const SharedBatch* const batch = SharedBatch::current();
  return batch ? cut(n, batch->rank(), batch->ranks()) : Part{0, n};
}

/// Completes n rows of `width` numbers. This process has written those of own_part(n).
template <class X>
void gather_parts(X* rows, index_t n, index_t width) {
  SharedBatch* const batch = SharedBatch::current();
  if (!batch) return;
  const auto bytes = [&](index_t rank) {
    return cut(n, rank, batch->ranks()).size() * width * index_t{sizeof(X)};
  };
  batch->all_gather(reinterpret_cast<const std::byte*>(rows + own_part(n).first * width),
                    reinterpret_cast<std::byte*>(rows), bytes);
}

/// Rows of `width` numbers, one per image: those of the whole batch, in the scratch arena, or the
/// same rows where the batch is whole.
template <class X>
const X* gather_images(const X* rows, index_t images, index_t width) {
  SharedBatch* const batch = SharedBatch::current();
  if (!batch) return rows;
  X* const all = scratch().take<X>(whole_batch(images) * width);
  const auto bytes = [&](index_t rank) {
    return images_of_rank(batch->images(), rank, batch->ranks()).size() * width *
           index_t{sizeof(X)};
  };
  batch->all_gather(reinterpret_cast<const std::byte*>(rows), reinterpret_cast<std::byte*>(all),
                    bytes);
  return all;
}

/// of_image(n) of every image of the whole batch, in order, in the scratch arena.
template <class F>
const double* numbers_of_images(index_t images, F&& of_image) {
  double* const own = scratch().take<double>(images);
  for (index_t n = 0; n < images; ++n) own[n] = of_image(n);
  return gather_images(own, images, 1);
}

/// Of a batch that ranks share, `Width` numbers per plane of the whole batch, [N][C][Width], in the
/// scratch arena: write(n, c, to) makes those of one plane. Null where the batch is whole: the
/// caller then makes each when it needs it, while the plane is in the cache.
template <index_t Width, class F>
const double* gather_planes(index_t images, index_t channels, const F& write) {
  if (!SharedBatch::current()) return nullptr;
  double* const own = scratch().take<double>(images * channels * Width);
  parallel_for(images, [&](index_t n) {
    for (index_t c = 0; c < channels; ++c) write(n, c, own + (n * channels + c) * Width);
  });
  return gather_images(own, images, channels * Width);
}

} // namespace sgq
