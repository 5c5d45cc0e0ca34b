// sgq/data/cifar.hpp -- the binary files of CIFAR-10 and CIFAR-100.
//
// A file is a row of records without a header: the labels, a byte each, then 3,072 bytes, the red,
// green and blue 32 x 32 planes, row by row (A. Krizhevsky, "Learning Multiple Layers of Features
// from Tiny Images", 2009). The number of records is the file's size over that of a record,
// whatever the file is called.
//
//     CIFAR-10     class                    10 classes
//     CIFAR-100    superclass, class        20 superclasses, which are passed over, 100 classes
#pragma once

#include "sgq/data/dataset.hpp"
#include "sgq/data/file.hpp"

#include <string_view>

namespace sgq::data {

inline constexpr index_t cifar_pixels = 3 * 32 * 32;

namespace detail {

/// How many values each label of a record can have; the last label is the class.
struct CifarFormat {
  int values[2];
  index_t labels;

  index_t record() const { return labels + cifar_pixels; }
  int classes() const { return values[labels - 1]; }
};
inline constexpr CifarFormat cifar10{{10, 0}, 1}, cifar100{{20, 100}, 2};

inline void read_cifar_file(InputFile& file, const CifarFormat& format, Dataset& set,
                            std::uint8_t* out) {
  while (file.offset() < file.size()) {
    std::uint8_t record[2 + cifar_pixels];
    file.read(record, format.record());
    for (index_t i = 0; i < format.labels; ++i)
      if (record[i] >= format.values[i])
        file.fail("a label below " + to_text(format.values[i]), to_text(record[i]),
                  file.offset() - format.record() + i);
    set.labels.push_back(record[format.labels - 1]);
    out = std::copy_n(record + format.labels, cifar_pixels, out);
  }
}

inline Dataset read_cifar(std::span<const std::string> paths, const CifarFormat& format,
                          const std::string& hint) {
  if (paths.empty()) throw io_error(describe("CIFAR", "one file or more", "none", hint));
  std::vector<InputFile> files;
  index_t n = 0;
  for (const std::string& path : paths) {
    const InputFile& file = files.emplace_back(path, hint);
    const index_t rest = file.size() % format.record();
    if (rest != 0)
      file.fail("records of " + to_text(format.record()) + " bytes to the end",
                to_text(rest) + " bytes left over", file.size() - rest);
    n += file.size() / format.record();
  }
  Dataset set;
  set.classes = format.classes();
  set.images.resize({n, 3, 32, 32});
  set.labels.reserve(static_cast<std::size_t>(n));
  for (InputFile& file : files)
    read_cifar_file(file, format, set, set.images.data() + set.size() * cifar_pixels);
  return set;
}

} // namespace detail

/// The records of CIFAR-10's files, one file after the other: images [N, 3, 32, 32] and labels
/// below 10. Throws io_error.
SGQ_COMPILE_ONCE Dataset read_cifar10(std::span<const std::string> paths,
                                      const std::string& hint = {}) {
  return detail::read_cifar(paths, detail::cifar10, hint);
}

/// The same of CIFAR-100's, with labels below 100.
SGQ_COMPILE_ONCE Dataset read_cifar100(std::span<const std::string> paths,
                                       const std::string& hint = {}) {
  return detail::read_cifar(paths, detail::cifar100, hint);
}

/// CIFAR-100's classes, as its fine_label_names.txt has them.
inline constexpr std::string_view cifar100_classes[] = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};

} // namespace sgq::data
