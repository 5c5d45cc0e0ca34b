// sgq/data/load.hpp -- a data set by its name.
//
//     mnist, fashion-mnist   train-images-idx3-ubyte and three more IDX files (data/idx.hpp)
//     cifar-10               data_batch_1.bin .. data_batch_5.bin, test_batch.bin, as they are or
//                            in cifar-10-batches-bin/ (data/cifar10.hpp)
//     synthetic              made on the spot (data/synthetic.hpp); needs no files
//
// Files are looked for in DIR/NAME/, then in DIR itself. A set that was asked for by name is never
// replaced by another one: what is not found is an error. data/fetch.sh puts the files there.
#pragma once

#include "sgq/data/cifar10.hpp"
#include "sgq/data/idx.hpp"
#include "sgq/data/synthetic.hpp"

#include <string_view>

namespace sgq::data {

/// What CIFAR-10's splits are made of. The held-out protocols use no test image: the first to
/// compare finished recipes, the second to choose one.
enum class Protocol {
  standard, ///< train on batches 1-5, test on the test batch
  holdout,  ///< train on batches 1-4, test on batch 5
  tuning    ///< train on batches 1-3, test on batch 4
};

/// The names that load() knows.
inline constexpr std::string_view dataset_names[] = {"mnist", "fashion-mnist", "cifar-10",
                                                     "synthetic"};

inline bool is_dataset_name(std::string_view name) {
  return std::find(std::begin(dataset_names), std::end(dataset_names), name) !=
         std::end(dataset_names);
}

namespace detail {

inline std::vector<std::string> class_names(std::string_view name) {
  if (name == "fashion-mnist")
    return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  if (name == "cifar-10")
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
}

/// The last part of a path: "data/mnist/" -> "mnist".
inline std::string_view last_part(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1); // npos + 1 is 0
}

/// The folder that holds `file`: DIR/NAME/, else DIR; each also with `inner` below it. DIR itself
/// does not count if it bears the name of another set, for MNIST and Fashion-MNIST name their files
/// alike. Throws io_error that lists the places.
inline std::string find_folder(std::string_view name, const std::string& dir,
                               const std::string& inner, const std::string& file,
                               const std::string& hint) {
  std::vector<std::string> places{dir + "/" + std::string(name)};
  const std::string_view here = last_part(dir);
  if (here == name || !is_dataset_name(here)) places.push_back(dir);
  std::string tried, packed;
  for (const std::string& place : places)
    for (const std::string& folder : {place, place + "/" + inner}) {
      if (file_exists(folder + "/" + file)) return folder;
      for (const std::string& archive : {file + ".gz", std::string(name) + "-binary.tar.gz"})
        if (file_exists(folder + "/" + archive)) packed = folder + "/" + archive;
      tried += (tried.empty() ? "" : " or ") + folder;
      if (inner.empty()) break;
    }
  throw io_error(describe(std::string(name), file + " in " + tried,
                          packed.empty() ? "no such file" : "only " + packed + ", still packed",
                          hint));
}

inline Dataset load_idx(std::string_view name, const std::string& dir, Split split,
                        const std::string& hint) {
  const std::string prefix = split == Split::train ? "train" : "t10k";
  const std::string images = prefix + "-images-idx3-ubyte", labels = prefix + "-labels-idx1-ubyte";
  const std::string folder = find_folder(name, dir, "", images, hint) + "/";
  Dataset set = read_idx(folder + images, folder + labels, 10, hint);
  if (set.height() != 28 || set.width() != 28)
    throw io_error(describe(folder + images + ": at byte 8", "images of 28 x 28 pixels",
                            to_text(set.height()) + " x " + to_text(set.width()), hint));
  return set;
}

inline Dataset load_cifar10(const std::string& dir, Split split, Protocol protocol,
                            const std::string& hint) {
  std::vector<std::string> files;
  const int held = protocol == Protocol::holdout ? 5 : protocol == Protocol::tuning ? 4 : 6;
  if (split == Split::train)
    for (int i = 1; i < held; ++i) files.push_back("data_batch_" + to_text(i) + ".bin");
  else
    files.push_back(held == 6 ? "test_batch.bin" : "data_batch_" + to_text(held) + ".bin");
  const std::string folder =
      find_folder("cifar-10", dir, "cifar-10-batches-bin", files.front(), hint);
  for (std::string& file : files) file = folder + "/" + file;
  return read_cifar10(files, hint);
}

} // namespace detail

/// Reads a set. Throws io_error if a file is missing or malformed, value_error on an unknown name
/// or a protocol other than standard for a set that is not cifar-10.
/// The synthetic set has 10,000 training and 2,000 test images of seed 1.
SGQ_COMPILE_ONCE Dataset load(std::string_view name, const std::string& dir, Split split,
                              Protocol protocol = Protocol::standard) {
  if (!is_dataset_name(name))
    throw value_error(
        describe("data set", "mnist, fashion-mnist, cifar-10 or synthetic", std::string(name)));
  if (protocol != Protocol::standard && name != "cifar-10")
    throw value_error(describe("held-out protocol", "the set cifar-10", std::string(name)));
  if (name == "synthetic") return synthetic(split == Split::train ? 10000 : 2000, 1, split);
  const std::string hint = "data/fetch.sh " + std::string(name) + " brings the files";
  Dataset set = name == "cifar-10" ? detail::load_cifar10(dir, split, protocol, hint)
                                   : detail::load_idx(name, dir, split, hint);
  set.name = name;
  set.class_names = detail::class_names(name);
  return set;
}

} // namespace sgq::data
