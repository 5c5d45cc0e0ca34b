// sgq/data/augment.hpp -- random crop and horizontal flip, on pixel codes.
//
// The image is padded by `pad` pixels on every side with the code of "zero" and a window of the
// old size is cut out of it, mirrored with probability 1/2 (He et al., "Deep Residual Learning for
// Image Recognition", 2015, 4.2). Offset and flip are a function of (seed, epoch, image index)
// only: the same for any batch size, order and thread count, and after a resume.
#pragma once

#include "sgq/data/normalize.hpp"

namespace sgq::data {

struct Augmentation {
  index_t pad = 0;   ///< crop offset is uniform in [-pad, pad], both ways
  bool flip = false; ///< mirror each image left to right with probability 1/2

  bool any() const { return pad > 0 || flip; }
};

/// Throws value_error unless the window can lie where random numbers put it.
inline void check_augmentation(const Augmentation& how) {
  constexpr index_t most = index_t{1} << 30;
  if (how.pad < 0 || how.pad > most)
    throw value_error(
        describe("augmentation: pad", "0 to " + to_text(most) + " pixels", to_text(how.pad)));
}

/// Where the window lies, relative to the unpadded image, and whether it is mirrored.
struct CropFlip {
  index_t dy = 0, dx = 0;
  bool flip = false;
};

inline CropFlip draw_crop_flip(const Augmentation& how, std::uint64_t seed, index_t epoch,
                               index_t image) {
  check_augmentation(how);
  const Random random = Random(seed, 0x63726f70u) // "crop"
                            .split(static_cast<std::uint64_t>(epoch))
                            .split(static_cast<std::uint64_t>(image));
  return {random.below(0, 2 * how.pad + 1) - how.pad, random.below(1, 2 * how.pad + 1) - how.pad,
          how.flip && random.below(2, 2) == 1};
}

/// One image [C,H,W] through a window: out(y, x) = in(y + dy, x + dx), or in(y + dy, W-1-x + dx) if
/// mirrored; zero_point[c] outside.
inline void crop_flip(const std::uint8_t* in, const Shape& shape, const CropFlip& window,
                      const QuantParams& norm, std::uint8_t* out) {
  const index_t channels = shape[1], height = shape[2], width = shape[3];
  // Columns [left, right) of the window lie within the image.
  const index_t left = std::clamp<index_t>(-window.dx, 0, width);
  const index_t right = std::clamp<index_t>(width - window.dx, left, width);
  for (index_t c = 0; c < channels; ++c) {
    const auto zero = static_cast<std::uint8_t>(norm.zero_point[static_cast<std::size_t>(c)]);
    for (index_t y = 0; y < height; ++y, out += width) {
      std::fill(out, out + width, zero);
      const index_t from = y + window.dy;
      if (from < 0 || from >= height || left == right) continue;
      std::copy_n(in + (c * height + from) * width + left + window.dx, right - left, out + left);
      if (window.flip) std::reverse(out, out + width);
    }
  }
}

} // namespace sgq::data
