// sgq/kernels/conv/weight_blocks.hpp -- how the sums of a weight gradient are cut over the batch.
//
// Each block of images (core/parallel.hpp) leaves its own dW; these are added in order. So the
// result depends neither on the threads nor on who computes which block. Where blocks are few, a
// task takes a part of the output channels only, which changes no sum.
#pragma once

#include "sgq/core/memory.hpp"
#include "sgq/core/parallel.hpp"
#include "sgq/kernels/gemm/epilogue.hpp"
#include "sgq/kernels/gemm/pack.hpp"
#include "sgq/kernels/gemm/split_k.hpp"

namespace sgq::kernels::detail {

/// Some images and output channels of a weight gradient: the work of a task.
struct WeightTask {
  index_t first, end; ///< images
  index_t from, to;   ///< output channels
};

/// dw = epilogue of the sum of all blocks. add_block(task, c) computes some filters c[o] of one
/// block, as [input channel][tap], or [tap][input channel] where taps_first.
template <class T, class F>
void sum_blocks(const ConvGeometry& g, bool taps_first, const Epilogue<T>& e, T* dw,
                const F& add_block) {
  constexpr index_t max_slots = 16, min_tasks = 4, min_channels = 8;
  Arena::Scope scope(scratch());
  const index_t blocks = blocks_of(g.batch, block_images), k = g.filter_size(),
                size = g.out_channels * k;
  const index_t channels =
      round_up(blocks_of(g.out_channels, blocks_of(min_tasks, blocks)), min_channels);
  const index_t parts = blocks_of(g.out_channels, channels);
  T* const sums = scratch().take<T>(std::min(blocks, max_slots) * size);
  for (index_t done = 0, slots = 0; done < blocks; done += slots) {
    // The first slot has the sum of the blocks before these.
    const index_t before = done > 0;
    slots = std::min(max_slots - before, blocks - done);
    parallel_for(slots * parts, [&](index_t t) {
      const index_t n = (done + t / parts) * block_images, o = t % parts * channels;
      add_block(WeightTask{n, std::min(n + block_images, g.batch), o,
                           std::min(o + channels, g.out_channels)},
                sums + (before + t / parts) * size);
    });
    const bool last = done + slots == blocks;
    parallel_for(g.out_channels, [&](index_t o) {
      T* row = sums + o * k;
      for_isa<add_parts<T>>(row, size, before + slots, k);
      if (!last) return;
      Arena::Scope row_scope(scratch());
      if (taps_first) {
        T* const turned = scratch().take<T>(k);
        Operand<T>{row, g.in_channels, 1}.pack(0, g.taps(), 0, g.in_channels, g.taps(), turned);
        row = turned;
      }
      finish(row, k, 1, k, e, dw + o * k, k);
    });
  }
}

} // namespace sgq::kernels::detail
