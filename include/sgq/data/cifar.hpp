// sgq/data/cifar.hpp -- the binary files of CIFAR-10.
//
// A file is a row of records without a header: one label byte, then 3,072 bytes, the red, green and
// blue 32 x 32 planes, row by row (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
// Images", 2009). The number of records is the file's size over 3,073, whatever the file is called.
#pragma once

#include "sgq/data/dataset.hpp"
#include "sgq/data/file.hpp"

namespace sgq::data {

inline constexpr index_t cifar10_pixels = 3 * 32 * 32, cifar10_record = 1 + cifar10_pixels;

/// The records of these files, one file after the other: images [N, 3, 32, 32] and labels below
/// 10. Throws io_error.
SGQ_COMPILE_ONCE Dataset read_cifar10(std::span<const std::string> paths,
                                      const std::string& hint = {}) {
  std::vector<InputFile> files;
  index_t n = 0;
  for (const std::string& path : paths) {
    const InputFile& file = files.emplace_back(path, hint);
    const index_t rest = file.size() % cifar10_record;
    if (rest != 0)
      file.fail("records of " + to_text(cifar10_record) + " bytes to the end",
                to_text(rest) + " bytes left over", file.size() - rest);
    n += file.size() / cifar10_record;
  }
  Dataset set;
  set.classes = 10;
  set.images.resize({n, 3, 32, 32});
  set.labels.reserve(static_cast<std::size_t>(n));
  std::uint8_t* out = set.images.data();
  for (InputFile& file : files)
    while (file.offset() < file.size()) {
      std::uint8_t record[cifar10_record];
      file.read(record, cifar10_record);
      if (record[0] >= set.classes)
        file.fail("a label below 10", to_text(record[0]), file.offset() - cifar10_record);
      set.labels.push_back(record[0]);
      std::copy(record + 1, record + cifar10_record, out);
      out += cifar10_pixels;
    }
  return set;
}

} // namespace sgq::data
