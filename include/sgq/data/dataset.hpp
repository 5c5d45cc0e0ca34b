// sgq/data/dataset.hpp -- images and labels in memory, as the 8-bit codes that the files hold.
//
//     images    [N, C, H, W]  pixel codes 0..255, channel planes row by row
//     labels    N             class numbers below `classes`
//     evidence  [N, 1, H, W]  1 at the pixels that show the class; empty if unknown
//
// Programs ask the set, whose files may have any shape and classes, for what belongs to it: the
// grid of its pixels, its background, the names of its classes. load() fills these in
// (data/load.hpp).
//
// Pixels stay integers until a batch is made (data/batches.hpp), because a quantised first layer,
// a fill and a background are all defined on codes (data/normalize.hpp).
#pragma once

#include "sgq/core/quant_params.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/tensor.hpp"
#include "sgq/io/dtype.hpp"
#include "sgq/io/sha256.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace sgq::data {

enum class Split { train, test };

namespace detail {
/// noexcept, or GCC 12 sees members destroyed that were never made (short strings take no memory).
inline std::string default_set_name() noexcept {
  return "data set";
}
} // namespace detail

struct Dataset {
  std::string name = detail::default_set_name(); ///< for messages
  Tensor<std::uint8_t> images{};
  std::vector<std::uint8_t> labels{};
  int classes = 0;
  std::vector<std::string> class_names{};
  Tensor<std::uint8_t> evidence{};
  QuantParams grid{};    ///< of the training pixels; none where nobody has measured them
  bool on_black = false; ///< drawn on black, which is its background; else the mean is
  int first_label = 0;   ///< what the files call class 0

  index_t size() const { return static_cast<index_t>(labels.size()); }
  index_t channels() const { return images.shape()[1]; }
  index_t height() const { return images.shape()[2]; }
  index_t width() const { return images.shape()[3]; }
};

namespace detail {
/// What describes a set, without its images.
inline Dataset described_as(const Dataset& set) {
  return {.name = set.name,
          .classes = set.classes,
          .class_names = set.class_names,
          .grid = set.grid,
          .on_black = set.on_black,
          .first_label = set.first_label};
}

inline void gather_rows(const Tensor<std::uint8_t>& from, std::span<const index_t> rows,
                        Tensor<std::uint8_t>& to) {
  if (from.empty()) return;
  const index_t stride = from.shape().stride();
  to.resize(from.shape().with_batch(static_cast<index_t>(rows.size())));
  std::uint8_t* out = to.data();
  for (index_t row : rows) {
    std::memcpy(out, from.data() + row * stride, static_cast<std::size_t>(stride));
    out += stride;
  }
}

/// True where images look like [N, H, W, C].
inline bool is_channels_last(const Shape& images) {
  return images.rank() == 4 && images[1] > 4 && images[2] > 4 && (images[3] == 1 || images[3] == 3);
}
} // namespace detail

/// Throws shape_error unless there are as many labels as images, and masks of the images' size, or
/// where images look like [N, H, W, C].
inline void check_shapes(const Dataset& set) {
  const Shape& shape = set.images.shape();
  if (detail::is_channels_last(shape))
    throw shape_error(describe("images of " + set.name, "[N, C, H, W]", shape.str(),
                               "np.moveaxis(images, -1, 1) puts channels first"));
  if (shape.rank() != 4 || shape[0] != set.size())
    throw shape_error(describe("images of " + set.name, "[" + to_text(set.size()) + ", C, H, W]",
                               shape.str(), "one image per label"));
  if (!set.evidence.empty())
    check_shape("evidence of " + set.name, Shape{shape[0], 1, shape[2], shape[3]},
                set.evidence.shape());
}

/// The same, and throws value_error unless every label is below `classes`.
inline void check(const Dataset& set) {
  check_shapes(set);
  for (std::size_t i = 0; i < set.labels.size(); ++i)
    if (set.labels[i] >= set.classes)
      throw value_error(
          describe("label of image " + to_text(i) + " of " + set.name,
                   "below " + to_text(set.classes), to_text(set.labels[i]),
                   set.classes == 0 ? "say how many there are: Dataset::classes" : ""));
}

/// The SHA-256 of a set's images and labels.
inline std::string digest(const Dataset& set) {
  const char* const labels = reinterpret_cast<const char*>(set.labels.data());
  return io::Sha256()
      .update(io::bytes_of(set.images.view()))
      .update({labels, set.labels.size()})
      .hex();
}

/// The images with these indices, in this order. Throws value_error on an index outside the set,
/// and what check_shapes() throws.
SGQ_COMPILE_ONCE Dataset subset(const Dataset& set, std::span<const index_t> indices) {
  check_shapes(set);
  Dataset part = detail::described_as(set);
  part.labels.reserve(indices.size());
  for (index_t i : indices) {
    if (i < 0 || i >= set.size())
      throw value_error(
          describe("subset of " + set.name, "indices below " + to_text(set.size()), to_text(i)));
    part.labels.push_back(set.labels[static_cast<std::size_t>(i)]);
  }
  detail::gather_rows(set.images, indices, part.images);
  detail::gather_rows(set.evidence, indices, part.evidence);
  return part;
}

/// Images [first, first + count). Throws value_error if they are not all there.
inline Dataset slice(const Dataset& set, index_t first, index_t count) {
  if (first < 0 || count < 0 || first > set.size() || count > set.size() - first)
    throw value_error(describe("slice of " + set.name, "images within " + to_text(set.size()),
                               to_text(first) + " + " + to_text(count)));
  std::vector<index_t> indices(static_cast<std::size_t>(count));
  for (index_t& i : indices) i = first++;
  return subset(set, indices);
}

/// Two disjoint parts that make up a training set.
struct TrainValidation {
  Dataset train, validation;
};

/// Sets aside floor(fraction * N) images, drawn by the seed; each part keeps the set's order.
/// Throws value_error unless both parts get at least one image.
SGQ_COMPILE_ONCE TrainValidation split_validation(const Dataset& set, double fraction,
                                                  std::uint64_t seed) {
  const index_t n = set.size();
  const bool valid = fraction > 0 && fraction < 1;
  const index_t held = valid ? static_cast<index_t>(fraction * static_cast<double>(n)) : 0;
  if (held == 0)
    throw value_error(describe("validation split of " + to_text(n) + " images",
                               "a fraction in (0, 1) that gives both parts an image",
                               to_text(fraction)));
  std::vector<index_t> order(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<index_t>(i);
  shuffle(order, Random(seed, 0x76616c69u)); // "vali"
  const auto cut = order.begin() + static_cast<std::ptrdiff_t>(held);
  std::sort(order.begin(), cut);
  std::sort(cut, order.end());
  const std::span<const index_t> all(order);
  const auto k = static_cast<std::size_t>(held);
  return {subset(set, all.subspan(k)), subset(set, all.first(k))};
}

} // namespace sgq::data
