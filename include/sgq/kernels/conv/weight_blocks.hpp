// sgq/kernels/conv/weight_blocks.hpp -- how the sums of a weight gradient are cut over the batch.
//
// Each block of images (core/parallel.hpp) leaves its own dW; these are added in order. So the
// result depends neither on the threads nor on who computes which block. Where blocks are few, a
// task takes a part of the output channels only, which changes no sum.
//
// Where ranks share the batch, each computes its own blocks. dW is cut into as many slices: a rank
// receives its slice of every block, adds them in order, and the sums are gathered.
#pragma once

#include "sgq/core/shared_batch.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels::detail {

/// Some images and output channels of a weight gradient: the work of a task.
struct WeightTask {
  index_t first, end; ///< images
  index_t from, to;   ///< output channels
};

/// sums[b] = dW of block first + b, for `count` blocks of the images that are here.
template <class T, class F>
void compute_blocks(const ConvGeometry& g, index_t first, index_t count, T* sums,
                    const F& add_block) {
  constexpr index_t min_tasks = 4, min_channels = 8;
  const index_t blocks = blocks_of(g.batch, block_images), size = g.out_channels * g.filter_size();
  const index_t channels =
      round_up(blocks_of(g.out_channels, blocks_of(min_tasks, blocks)), min_channels);
  const index_t parts = blocks_of(g.out_channels, channels);
  parallel_for(count * parts, [&](index_t t) {
    const index_t n = (first + t / parts) * block_images, o = t % parts * channels;
    add_block(WeightTask{n, std::min(n + block_images, g.batch), o,
                         std::min(o + channels, g.out_channels)},
              sums + t / parts * size);
  });
}

/// One filter of dW from its sum.
template <class T>
void finish_filter(const ConvGeometry& g, bool taps_first, const Epilogue<T>& e, const T* sum,
                   T* dw) {
  const index_t k = g.filter_size();
  Arena::Scope scope(scratch());
  if (taps_first) {
    T* const turned = scratch().take<T>(k);
    Operand<T>{sum, g.in_channels, 1}.pack(0, g.taps(), 0, g.in_channels, g.taps(), turned);
    sum = turned;
  }
  finish(sum, k, 1, k, e, dw, k);
}

/// The sum of all blocks of the shared batch, in order, in the scratch arena; own[b] are those of
/// this rank, `size` numbers each.
template <class T>
const T* add_blocks_of_ranks(SharedBatch& batch, const T* own, index_t size) {
  const index_t ranks = batch.ranks(), blocks = batch.blocks(),
                own_blocks = batch.blocks_of_rank(batch.rank()).size(),
                slice = cut(size, batch.rank(), ranks).size();
  T* const sums = scratch().take<T>(size);
  Arena::Scope scope(scratch());
  T* const sent = scratch().take<T>(own_blocks * size); // [rank][block][slice of the rank]
  T* to = sent;
  for (index_t r = 0; r < ranks; ++r) {
    const Part part = cut(size, r, ranks);
    for (index_t b = 0; b < own_blocks; ++b, to += part.size())
      std::copy_n(own + b * size + part.first, part.size(), to);
  }
  T* const received = scratch().take<T>(blocks * slice); // [block][own slice]
  const auto bytes_to = [&](index_t r) {
    return own_blocks * cut(size, r, ranks).size() * index_t{sizeof(T)};
  };
  const auto bytes_from = [&](index_t r) {
    return batch.blocks_of_rank(r).size() * slice * index_t{sizeof(T)};
  };
  batch.all_to_all(reinterpret_cast<const std::byte*>(sent), bytes_to,
                   reinterpret_cast<std::byte*>(received), bytes_from);
  parallel_blocks(slice, 1 << 12, [&](index_t begin, index_t end) {
    for_isa<add_parts<T>>(received + begin, slice, blocks, end - begin);
  });
  const auto bytes_of = [&](index_t r) { return cut(size, r, ranks).size() * index_t{sizeof(T)}; };
  batch.all_gather(reinterpret_cast<const std::byte*>(received), reinterpret_cast<std::byte*>(sums),
                   bytes_of);
  return sums;
}

/// dw = epilogue of the sum of all blocks. add_block(task, c) computes some filters c[o] of one
/// block, as [input channel][tap], or [tap][input channel] where taps_first.
template <class T, class F>
void sum_blocks(const ConvGeometry& g, bool taps_first, const Epilogue<T>& e, T* dw,
                const F& add_block) {
  constexpr index_t max_slots = 16;
  Arena::Scope scope(scratch());
  const index_t blocks = blocks_of(g.batch, block_images), k = g.filter_size(),
                size = g.out_channels * k;
  if (SharedBatch* const batch = SharedBatch::current()) {
    batch->check(g.batch);
    const index_t own = batch->blocks_of_rank(batch->rank()).size();
    T* const sums = scratch().take<T>(own * size);
    compute_blocks(g, 0, own, sums, add_block);
    const T* const all = add_blocks_of_ranks(*batch, sums, size);
    parallel_for(g.out_channels,
                 [&](index_t o) { finish_filter(g, taps_first, e, all + o * k, dw + o * k); });
    return;
  }
  T* const sums = scratch().take<T>(std::min(blocks, max_slots) * size);
  for (index_t done = 0, slots = 0; done < blocks; done += slots) {
    // The first slot has the sum of the blocks before these.
    const index_t before = done > 0;
    slots = std::min(max_slots - before, blocks - done);
    compute_blocks(g, done, slots, sums + before * size, add_block);
    const bool last = done + slots == blocks;
    parallel_for(g.out_channels, [&](index_t o) {
      for_isa<add_parts<T>>(sums + o * k, size, before + slots, k);
      if (last) finish_filter(g, taps_first, e, sums + o * k, dw + o * k);
    });
  }
}

} // namespace sgq::kernels::detail
