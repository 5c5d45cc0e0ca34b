// sgq/data/idx.hpp -- the IDX files of MNIST and its relatives.
//
//     labels  00 00 08 01 | N         | N bytes
//     images  00 00 08 03 | N | H | W | N * H * W bytes
//
// Numbers are 32-bit, most significant byte first (Y. LeCun, C. Cortes, C. Burges, "The MNIST
// database of handwritten digits"). The header's counts and the file's size must agree exactly.
#pragma once

#include "sgq/data/dataset.hpp"
#include "sgq/data/file.hpp"

#include <cstdio>

namespace sgq::data {

namespace detail {

inline std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

/// Reads a header of `rank` extents and checks it against the size of the file; on return the
/// payload is next.
inline Shape read_idx_header(InputFile& file, int rank) {
  const std::uint32_t magic = 0x0800u + static_cast<std::uint32_t>(rank); // 08: unsigned bytes
  const std::uint32_t got = file.read_big_endian();
  if (got != magic)
    file.fail("the IDX magic number " + hex(magic) + (rank == 1 ? " (labels)" : " (images)"),
              hex(got) + (got >> 16 == 0x1f8bu ? ", a gzip file" : ""), 0);
  const index_t header = 4 + 4 * rank;
  if (file.size() < header)
    file.fail("a header of " + to_text(header) + " bytes", to_text(file.size()));
  constexpr auto most = static_cast<index_t>(max_file_bytes);
  index_t extents[3] = {1, 1, 1}, bytes = 1;
  for (int i = 0; i < rank; ++i) {
    const index_t extent = file.read_big_endian();
    if (extent == 0 || extent > most / bytes) // so the product cannot overflow
      file.fail("an extent of 1 or more, for at most " + to_text(most) + " bytes in all",
                to_text(extent), file.offset() - 4);
    extents[i] = extent;
    bytes *= extent;
  }
  if (bytes != file.size() - file.offset())
    file.fail(to_text(bytes) + " bytes of data after the header",
              to_text(file.size() - file.offset()));
  return rank == 1 ? Shape{extents[0]} : Shape{extents[0], 1, extents[1], extents[2]};
}

} // namespace detail

/// Images [N, 1, H, W]. Throws io_error.
inline Tensor<std::uint8_t> read_idx_images(const std::string& path, const std::string& hint = {}) {
  InputFile file(path, hint);
  Tensor<std::uint8_t> images;
  images.resize(detail::read_idx_header(file, 3));
  file.read(images.data(), images.size());
  return images;
}

/// N labels below `classes`. Throws io_error with the offset of the first label that is too large.
inline std::vector<std::uint8_t> read_idx_labels(const std::string& path, int classes,
                                                 const std::string& hint = {}) {
  InputFile file(path, hint);
  const index_t n = detail::read_idx_header(file, 1)[0], start = file.offset();
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(n));
  file.read(labels.data(), n);
  for (index_t i = 0; i < n; ++i)
    if (const int label = labels[static_cast<std::size_t>(i)]; label >= classes)
      file.fail("a label below " + to_text(classes), to_text(label), start + i);
  return labels;
}

/// An image file and its label file as one set. Throws io_error, also if their counts differ.
SGQ_COMPILE_ONCE Dataset read_idx(const std::string& images, const std::string& labels, int classes,
                                  const std::string& hint = {}) {
  Dataset set;
  set.images = read_idx_images(images, hint);
  set.labels = read_idx_labels(labels, classes, hint);
  set.classes = classes;
  if (set.images.shape()[0] != set.size())
    throw io_error(describe(labels + ": at byte 4",
                            to_text(set.images.shape()[0]) + " labels, one per image of " + images,
                            to_text(set.size()), hint));
  return set;
}

} // namespace sgq::data
