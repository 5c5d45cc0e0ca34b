// sgq/infer/engine_steps.hpp -- the steps of the fast engine, each on a block of images.
//
// A step reads and writes values in the layout of infer/layout.hpp. Convolutions compute a row of
// output positions at a time: sums by kernels/int8/u8s8_dot.hpp, pooled if a pooling follows, then
// made codes by kernels/int8/thresholds.hpp, while they are in the L1 cache.
#pragma once

#include "sgq/infer/layout.hpp"
#include "sgq/infer/packed_thresholds.hpp"
#include "sgq/infer/packed_weights.hpp"
#include "sgq/kernels/int8/int8.hpp"

namespace sgq::infer {

/// A step made ready to run.
struct ReadyStep {
  const Step* step = nullptr;
  Value output = 0;  ///< the value it writes; that of the pooling, where one is fused
  index_t pool = 1;  ///< windows of pool x pool are pooled before the thresholds
  bool last = false; ///< writes the logits
  PackedWeights panels{};
  PackedThresholds thresholds{};
  std::vector<std::int32_t> codes{}; ///< of the weights, [O, I, KH, KW], where the input is wide
};

/// Where the values of a block of images lie, and how.
struct ImageBlock {
  const Layout* layouts;
  std::uint8_t* const* values; ///< image n of value v: values[v] + n * layouts[v].bytes()
  index_t images;
  std::int32_t* logits; ///< [images, classes]

  const std::uint8_t* image(Value v, index_t n) const { return values[v] + n * layouts[v].bytes(); }
  std::uint8_t* image(Value v, index_t n) { return values[v] + n * layouts[v].bytes(); }
};

namespace detail {

/// Sums [positions][16 panels] to codes at `out`, or to logits.
inline void finish_row(const ReadyStep& r, std::int32_t* sums, index_t positions,
                       const std::uint8_t* residual, index_t residual_step, std::uint8_t* out,
                       index_t out_step) {
  const Thresholds& exact = r.step->thresholds;
  const index_t channels = r.panels.outputs, stride = r.panels.stride();
  const kernels::ThresholdRow row{.table = r.thresholds,
                                  .positions = positions,
                                  .channels = channels,
                                  .sums = sums,
                                  .sums_step = stride,
                                  .r = residual,
                                  .r_step = residual_step,
                                  .out = out,
                                  .out_step = out_step};
  if (!r.thresholds.estimated()) return kernels::threshold_row(row);
  kernels::estimate_row(row);
  for (index_t c : r.thresholds.searched) // rare, so one at a time
    for (index_t p = 0; p < positions; ++p)
      out[p * out_step + c] = static_cast<std::uint8_t>(
          exact.code(c, sums[p * stride + c], exact.joins() ? residual[p * residual_step + c] : 0));
}

/// The sums of a row of positions whose windows begin at x, x + step, ..
inline void sum_row(const PackedWeights& p, const std::uint8_t* x, index_t step, index_t x_row,
                    index_t positions, std::int32_t* sums) {
  kernels::u8s8_dot({.positions = positions,
                     .x = x,
                     .x_step = step,
                     .x_row = x_row,
                     .rows = p.rows,
                     .groups = p.groups,
                     .panels = p.panels,
                     .w = p.weights.data(),
                     .start = p.start.data(),
                     .sums = sums,
                     .pair_bound = p.pair_bound,
                     .used = p.outputs + p.halved});
  if (p.halved)
    kernels::for_isa<join_halves>(sums, positions, p.stride(), p.bias.data(), p.outputs);
}

/// The same for row i of an image of wide numbers, by plain loops: such a layer follows an average
/// pooling and is small.
inline void sum_row_wide(const ReadyStep& r, const Layout& in, const std::int32_t* x, index_t i,
                         index_t positions, std::int32_t* sums) {
  const Step& s = *r.step;
  for (index_t j = 0; j < positions; ++j, sums += r.panels.stride()) {
    const std::int32_t* w = r.codes.data();
    for (index_t o = 0; o < r.panels.outputs; ++o) {
      std::int32_t sum = s.bias[static_cast<std::size_t>(o)];
      for (index_t c = 0; c < in.channels; ++c)
        for (index_t a = i * s.stride - s.pad; a < i * s.stride - s.pad + s.kernel_h; ++a)
          for (index_t b = j * s.stride - s.pad; b < j * s.stride - s.pad + s.kernel_w; ++b, ++w)
            if (0 <= a && a < in.height && 0 <= b && b < in.width) sum += *w * x[in.at(a, b) + c];
      sums[o] = sum;
    }
  }
}

/// One image, row by row.
inline void convolve_image(const ReadyStep& r, ImageBlock& b, index_t n, std::int32_t* sums) {
  const Step& s = *r.step;
  const Layout &in = b.layouts[s.input], &out = b.layouts[r.output];
  const Layout& side = b.layouts[s.residual];
  const index_t width = s.shape[3], stride = r.panels.stride();
  const std::uint8_t* x = b.image(s.input, n);
  std::uint8_t* y = b.image(r.output, n);
  for (index_t i = 0; i < out.height; ++i) {
    if (in.wide) sum_row_wide(r, in, reinterpret_cast<const std::int32_t*>(x), i, width, sums);
    for (index_t a = 0; a < r.pool && !in.wide; ++a)
      sum_row(r.panels, x + in.at((i * r.pool + a) * s.stride - s.pad, -s.pad),
              s.stride * in.channels, in.row(), width, sums + a * width * stride);
    if (r.pool > 1)
      kernels::for_isa<kernels::pool_sums>(static_cast<const std::int32_t*>(sums), width,
                                           r.thresholds.panels, stride, r.pool,
                                           r.thresholds.flip.data(), sums);
    const std::uint8_t* residual =
        s.thresholds.joins() ? b.image(s.residual, n) + side.at(i, 0) : nullptr;
    finish_row(r, sums, out.width, residual, side.channels, y + out.at(i, 0), out.channels);
  }
  fill_border(out, nullptr, y);
}

/// Layers with one position an image take the images for positions.
inline void convolve_block(const ReadyStep& r, ImageBlock& b, std::int32_t* sums) {
  const Step& s = *r.step;
  const Layout& in = b.layouts[s.input];
  const index_t stride = r.panels.stride();
  for (index_t n = 0; n < b.images && in.wide; ++n)
    sum_row_wide(r, in, reinterpret_cast<const std::int32_t*>(b.image(s.input, n)), 0, 1,
                 sums + n * stride);
  if (!in.wide)
    sum_row(r.panels, b.image(s.input, 0) + in.at(-s.pad, -s.pad), in.bytes(), in.row(), b.images,
            sums);
  if (r.last) {
    for (index_t n = 0; n < b.images; ++n)
      std::copy(sums + n * stride, sums + n * stride + r.panels.outputs,
                b.logits + n * r.panels.outputs);
    return;
  }
  const Layout &out = b.layouts[r.output], &side = b.layouts[s.residual];
  const std::uint8_t* residual =
      s.thresholds.joins() ? b.image(s.residual, 0) + side.at(0, 0) : nullptr;
  finish_row(r, sums, b.images, residual, side.bytes(), b.image(r.output, 0) + out.at(0, 0),
             out.bytes());
  for (index_t n = 0; n < b.images; ++n) fill_border(out, nullptr, b.image(r.output, n));
}

} // namespace detail

/// The int32 sums that a step needs room for, with blocks of `images`.
inline index_t sums_needed(const ReadyStep& r, index_t images) {
  const Shape& out = r.step->shape;
  return r.panels.stride() * (out.plane() == 1 ? images : out[3] * r.pool);
}

/// Runs a convolution on a block.
inline void run_convolution(const ReadyStep& r, ImageBlock& b, std::int32_t* sums) {
  if (r.step->shape.plane() == 1) return detail::convolve_block(r, b, sums);
  for (index_t n = 0; n < b.images; ++n) detail::convolve_image(r, b, n, sums);
}

} // namespace sgq::infer
