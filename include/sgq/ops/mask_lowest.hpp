// sgq/ops/mask_lowest.hpp -- the masking step of saliency-guided training.
//
//     x, dx, x_masked [N,C,H,W]
//
//     s = mean over channels of dx (or of |dx|)        one score per position
//     x_masked = x with the floor(share H W) positions of lowest s replaced, in all channels
//
// Equal scores are common (5 to 45 % of the positions have a gradient of exactly 0), so ties are
// broken at random: by index, the top rows would go first. Ismail, Corrada Bravo,
// Feizi, "Improving Deep Learning Interpretability by Saliency Guided Training", NeurIPS 2021,
// arXiv 2111.14338. Their text says "low gradient values"; their program ranks by the signed
// gradient, which is the default here.
#pragma once

#include "sgq/ops/fill.hpp"
#include "sgq/ops/select.hpp"

namespace sgq::ops {

/// The order in which positions are masked.
enum class Rank {
  with_sign, ///< the most negative gradients first
  magnitude, ///< the smallest |gradient| first
  random     ///< any, without looking at the gradient: the control of an experiment
};

struct MaskOptions {
  double share = 0.5;
  Rank rank_by = Rank::with_sign;
  FillOptions fill{};
};

/// Throws value_error on a NaN gradient or an option out of range, shape_error on shapes that
/// differ. x_masked may be x. Rank::random does not read dx, which may then be empty. Ties and
/// fills are functions of `random`, the image's index in the global batch and the position.
template <class T>
void mask_lowest(View<const T> x, View<const T> dx, const MaskOptions& options,
                 const ImageRandom& random, View<T> x_masked) {
  if (x.shape().rank() != 4)
    throw shape_error(describe("mask_lowest", "images [N, C, H, W]", x.shape().str()));
  const Shape positions{x.shape()[0], x.shape()[2], x.shape()[3]};
  Arena::Scope scope(scratch());
  const View<T> scores(scratch().take<T>(positions.size()), positions);
  const View<std::uint8_t> mask(scratch().take<std::uint8_t>(positions.size()), positions);
  if (options.rank_by == Rank::random) {
    scores.fill(T{0}); // all are equal, so chance decides
  } else {
    check_shape("mask_lowest: gradient", x.shape(), dx.shape());
    const bool magnitude = options.rank_by == Rank::magnitude;
    channel_mean<T>(dx, magnitude ? Values::magnitude : Values::with_sign, scores);
  }
  lowest_k<T>(scores, share_count(options.share, positions.stride()), random.split(0), mask);
  fill_masked<T>(x, mask, options.fill, random.split(1), x_masked);
}

} // namespace sgq::ops
