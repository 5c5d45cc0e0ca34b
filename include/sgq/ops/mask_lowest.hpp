// sgq/ops/mask_lowest.hpp -- the masking step of saliency-guided training.
//
//     x, dx, x_masked [N,C,H,W]
//
//     s = mean over channels of dx (or of |dx|)        one score per position
//     x_masked = x with the floor(share H W) positions of lowest s replaced, in all channels;
//                of equal s, which ones is decided at random (select.hpp)
//
// Ismail, Corrada Bravo, Feizi, "Improving Deep Learning Interpretability by Saliency Guided
// Training", NeurIPS 2021, arXiv 2111.14338. Their text says "low gradient values"; their program
// ranks by the signed gradient, which is the default here.
#pragma once

#include "sgq/ops/fill.hpp"
#include "sgq/ops/select.hpp"

namespace sgq::ops {

struct MaskOptions {
  double share = 0.5;
  Values rank_by = Values::with_sign;
  FillOptions fill{};
};

/// Throws value_error on a NaN gradient or an option out of range, shape_error on shapes that
/// differ. x_masked may be x.
template <class T>
void mask_lowest(View<const T> x, View<const T> dx, const MaskOptions& options,
                 const Random& random, View<T> x_masked) {
  check_shape("mask_lowest: gradient", x.shape(), dx.shape());
  if (x.shape().rank() != 4)
    throw shape_error(describe("mask_lowest", "images [N, C, H, W]", x.shape().str()));
  const Shape positions{x.shape()[0], x.shape()[2], x.shape()[3]};
  Arena::Scope scope(scratch());
  const View<T> scores(scratch().take<T>(positions.size()), positions);
  const View<std::uint8_t> mask(scratch().take<std::uint8_t>(positions.size()), positions);
  channel_mean<T>(dx, options.rank_by, scores);
  select_lowest<T>(scores, share_count(options.share, positions.stride()), random.split(1), mask);
  fill_masked<T>(x, mask, options.fill, random, x_masked);
}

} // namespace sgq::ops
