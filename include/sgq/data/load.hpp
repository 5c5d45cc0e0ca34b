// sgq/data/load.hpp -- the data sets that have a name, and those in a folder of one's own.
//
//     mnist, fashion-mnist   train-images-idx3-ubyte and three more IDX files (data/idx.hpp)
//     cifar-10               data_batch_1.bin .. data_batch_5.bin, test_batch.bin, as they are or
//                            in cifar-10-batches-bin/ (data/cifar.hpp)
//     cifar-100              train.bin, test.bin, the same in cifar-100-binary/
//     synthetic              made on the spot (data/synthetic.hpp); needs no files
//     the path of a folder   NPY or IDX files of your own (data/folder.hpp)
//
//     Dataset set = load("mnist", "data", Split::train);
//     Explainer explain(net, {.background = background_values(set, set.grid)});
//
// Files are looked for in DIR/NAME/, then in DIR itself. A missing set is an error: no other
// set takes its place. data/fetch.sh puts the files there.
//
// To add a set with a name: a row of `datasets`, and a reader if its files are of a new format.
// Programs and tests read the table.
#pragma once

#include "sgq/core/table.hpp"
#include "sgq/data/cifar.hpp"
#include "sgq/data/folder.hpp"
#include "sgq/data/idx.hpp"
#include "sgq/data/normalize.hpp"
#include "sgq/data/synthetic.hpp"

#include <array>
#include <string_view>

namespace sgq::data {

/// What a set's splits consist of. `validation` and `holdout` use no test image: choose a recipe on
/// the former, compare finished ones on the latter.
enum class Protocol {
  standard,   ///< train on all training images, test on the test images
  validation, ///< train on the first 5/6 of the training images, test on the last 1/6 (MNIST:
              ///< 50,000 and 10,000); CIFAR-10: on batches 1-3 and on batch 4; the built-in set: on
              ///< its training images and on 2,000 images of another seed; a folder of one's
              ///< own: on 5/6 and 1/6 of the training images, drawn
  holdout     ///< CIFAR-10 only: train on batches 1-4, test on batch 5
};

/// How a set is read. A program that only asks for a row is not charged with the readers.
enum class Format { idx, cifar10, cifar100, synthetic };

/// What the library knows of a set.
struct DatasetInfo {
  std::string_view name, title, about; ///< of options and folders; of texts; in one line
  bool on_black; ///< drawn on black, which is its background; else the mean is
  index_t channels;
  std::array<std::int32_t, 3> zero_point; ///< the mean of the training pixels, per channel
  double deviation;                       ///< of p / 255, its mean over channels
  std::span<const std::string_view> class_names;
  Format format;
  bool has_holdout = false;
};

namespace detail {

inline constexpr std::string_view digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
inline constexpr std::string_view clothes[] = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                               "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                               "Bag",         "Ankle boot"};
inline constexpr std::string_view cifar10_classes[] = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

} // namespace detail

inline constexpr DatasetInfo datasets[] = {
    {.name = "mnist",
     .title = "MNIST",
     .about = "handwritten digits, grey, 28 x 28",
     .on_black = true,
     .channels = 1,
     .zero_point = {33},
     .deviation = 0.30811,
     .class_names = detail::digits,
     .format = Format::idx},
    {.name = "fashion-mnist",
     .title = "Fashion-MNIST",
     .about = "clothes, grey, 28 x 28",
     .on_black = true,
     .channels = 1,
     .zero_point = {73},
     .deviation = 0.35302,
     .class_names = detail::clothes,
     .format = Format::idx},
    {.name = "cifar-10",
     .title = "CIFAR-10",
     .about = "photographs, coloured, 32 x 32",
     .on_black = false,
     .channels = 3,
     .zero_point = {125, 123, 114},
     .deviation = (0.24703 + 0.24349 + 0.26159) / 3,
     .class_names = detail::cifar10_classes,
     .format = Format::cifar10,
     .has_holdout = true},
    {.name = "cifar-100",
     .title = "CIFAR-100",
     .about = "photographs of 100 classes, coloured, 32 x 32",
     .on_black = false,
     .channels = 3,
     .zero_point = {129, 124, 112},
     .deviation = (0.26733 + 0.25644 + 0.27615) / 3,
     .class_names = cifar100_classes,
     .format = Format::cifar100},
    {.name = "synthetic",
     .title = "the built-in set",
     .about = "digits on clutter, grey, 28 x 28, drawn by the library, with known evidence",
     .on_black = true,
     .channels = 1,
     .zero_point = {58},
     .deviation = 0.26167,
     .class_names = detail::digits,
     .format = Format::synthetic},
};

/// The row of that name. Throws value_error on another name.
inline const DatasetInfo& dataset_info(std::string_view name) {
  return choose("data set", datasets, name);
}

/// The fixed grid of a set, from its training pixels' mean and standard deviation. Throws
/// value_error on the name of none; see measure().
inline QuantParams normalization(std::string_view name) {
  const DatasetInfo& info = dataset_info(name);
  return {static_cast<float>(1 / (255 * info.deviation)),
          {info.zero_point.begin(), info.zero_point.begin() + info.channels}};
}

/// The background, one value per channel in input units: black on the drawn sets, the mean (0) on
/// photographs. Give it to Explainer or Classifier. Throws value_error on the name of none; see
/// background_values(set, grid).
inline std::vector<float> background_values(std::string_view name, const QuantParams& grid) {
  Dataset set;
  set.on_black = dataset_info(name).on_black;
  return background_values(set, grid);
}

namespace detail {

/// The set that a folder's name is: "FashionMNIST" is fashion-mnist, too, and so is the raw/ in it
/// (torchvision's layout). nullptr if it is none.
inline const DatasetInfo* set_of_folder(std::string_view dir) {
  const auto plain = [](std::string_view name) {
    std::string letters;
    for (const char c : name)
      if (c != '-' && c != '_')
        letters += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return letters;
  };
  std::string_view here = last_part(dir);
  if (here == "raw") here = last_part(dir.substr(0, dir.rfind("raw")));
  for (const DatasetInfo& info : datasets)
    if (plain(info.name) == plain(here)) return &info;
  return nullptr;
}

/// The folder that holds `file`: DIR/NAME/, else DIR; each also with `inner` below it. DIR itself
/// is skipped if it has the name of another set, since MNIST and Fashion-MNIST use the same file
/// names. Throws io_error that lists the places.
inline std::string find_folder(std::string_view name, const std::string& dir,
                               const std::string& inner, const std::string& file,
                               const std::string& hint) {
  const std::string root = dir.empty() ? "." : dir;
  std::vector<std::string> places{root + "/" + std::string(name)};
  const DatasetInfo* const here = set_of_folder(root);
  if (!here || here->name == name) places.push_back(root);
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

inline std::string how_to_fetch(std::string_view name) {
  return "data/fetch.sh " + std::string(name) + " brings the files";
}

inline Dataset load_idx(const DatasetInfo& info, const std::string& dir, Split split) {
  const std::string prefix = split == Split::train ? "train" : "t10k",
                    hint = how_to_fetch(info.name);
  const std::string images = prefix + "-images-idx3-ubyte", labels = prefix + "-labels-idx1-ubyte";
  const std::string folder = find_folder(info.name, dir, "", images, hint) + "/";
  Dataset set = read_idx(folder + images, folder + labels, 10, hint);
  if (set.height() != 28 || set.width() != 28)
    throw io_error(describe(folder + images + ": at byte 8", "images of 28 x 28 pixels",
                            to_text(set.height()) + " x " + to_text(set.width()), hint));
  return set;
}

inline Dataset load_cifar10(const DatasetInfo& info, const std::string& dir, Split split,
                            Protocol protocol) {
  std::vector<std::string> files;
  const int held = protocol == Protocol::holdout ? 5 : protocol == Protocol::validation ? 4 : 6;
  if (split == Split::train)
    for (int i = 1; i < held; ++i) files.push_back("data_batch_" + to_text(i) + ".bin");
  else
    files.push_back(held == 6 ? "test_batch.bin" : "data_batch_" + to_text(held) + ".bin");
  const std::string hint = how_to_fetch(info.name);
  const std::string folder =
      find_folder(info.name, dir, "cifar-10-batches-bin", files.front(), hint);
  for (std::string& file : files) file = folder + "/" + file;
  return read_cifar10(files, hint);
}

inline Dataset load_cifar100(const DatasetInfo& info, const std::string& dir, Split split) {
  const std::string file = split == Split::train ? "train.bin" : "test.bin",
                    hint = how_to_fetch(info.name),
                    path = find_folder(info.name, dir, "cifar-100-binary", file, hint) + "/" + file;
  return read_cifar100({&path, 1}, hint);
}

/// 10,000 training and 2,000 test images of seed 1; 2,000 of seed 2 for validation.
inline Dataset load_synthetic(Split split, Protocol protocol) {
  if (split == Split::train) return synthetic(10000, 1, split);
  return synthetic(2000, protocol == Protocol::validation ? 2 : 1, split);
}

/// The part of a set's training images that Protocol::validation trains on, or tests on.
inline Dataset validation_part(const Dataset& train, Split split) {
  const index_t held = train.size() / 6, kept = train.size() - held;
  if (held == 0)
    throw value_error(describe("validation split of " + train.name, "6 or more training images",
                               to_text(train.size())));
  return split == Split::train ? slice(train, 0, kept) : slice(train, kept, held);
}

/// A set in a folder. Its validation images are drawn, for its files may be sorted by class.
inline Dataset load_own(const std::string& path, Split split, Protocol protocol) {
  const bool validation = protocol == Protocol::validation;
  Dataset set = load_folder(path, validation ? Split::train : split);
  if (find_row(datasets, set.name)) set.name += "/"; // it is not the set of that name
  if (!validation) return set;
  TrainValidation parts = split_validation(set, 1.0 / 6, 1);
  return split == Split::train ? std::move(parts.train) : std::move(parts.validation);
}

} // namespace detail

/// Reads a set, by its name or the path of its folder; `dir` is where those with a name are looked
/// for. Throws io_error if a file is missing or malformed, value_error on an unknown name or the
/// protocol `holdout` for a set other than CIFAR-10.
SGQ_COMPILE_ONCE Dataset load(std::string_view name, const std::string& dir, Split split,
                              Protocol protocol = Protocol::standard) {
  const DatasetInfo* const info = find_row(datasets, name);
  const std::string path(name);
  if (!info && !is_folder(path))
    throw value_error(describe("data set", one_of(names_of(datasets)), "'" + path + "'",
                               "or the path of a folder with a set of your own"));
  if (protocol == Protocol::holdout && !(info && info->has_holdout))
    throw value_error(describe("held-out protocol", "the set cifar-10", path));
  const bool has_own =
      info && (info->format == Format::cifar10 || info->format == Format::synthetic);
  if (!info) return detail::load_own(path, split, protocol);
  if (protocol == Protocol::validation && !has_own)
    return detail::validation_part(load(name, dir, Split::train), split);
  Dataset set = info->format == Format::idx ? detail::load_idx(*info, dir, split)
                : info->format == Format::cifar10
                    ? detail::load_cifar10(*info, dir, split, protocol)
                : info->format == Format::cifar100 ? detail::load_cifar100(*info, dir, split)
                                                   : detail::load_synthetic(split, protocol);
  set.name = name;
  set.class_names.assign(info->class_names.begin(), info->class_names.end());
  set.grid = normalization(name);
  set.on_black = info->on_black;
  return set;
}

} // namespace sgq::data
