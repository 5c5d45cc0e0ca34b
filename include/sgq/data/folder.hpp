// sgq/data/folder.hpp -- a data set of one's own: a folder of NPY files, or of IDX files.
//
//     DIR/train.npy, test.npy                  uint8 [N, C, H, W], pixel codes
//     DIR/train_labels.npy, test_labels.npy    uint8 [N]
//     DIR/classes.txt                          the names of the classes, one per line; optional
//
//     DIR/train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, ..
//
// NPY files are read where there is one of the four, else IDX files (data/idx.hpp), which may have
// a dot before "idx", "test" for "t10k", and a prefix: "emnist-letters-train-images-idx3-ubyte".
//
// The training files say how many classes there are, which label is class 0, the grid and the
// background, for either split. Labels that begin at 1 are shifted: label 1 is class 0. They are
// not where classes.txt names one class more, which then has no training image. Without
// classes.txt every class up to the highest label must have one.
#pragma once

#include "sgq/data/idx.hpp"
#include "sgq/data/normalize.hpp"
#include "sgq/io/npy.hpp"

#include <cerrno>
#include <memory>

#include <dirent.h>

namespace sgq::data {

namespace detail {

/// The last part of a path: "data/mnist/" -> "mnist".
inline std::string_view last_part(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1); // npos + 1 is 0
}

/// The bytes of one file. The offsets are those of IDX files.
struct CodeFile {
  std::string path;
  Tensor<std::uint8_t> codes{};
  index_t shape_at = 4, codes_at = 8; ///< where the file says the shape; where labels begin

  [[noreturn]] void fail(index_t at, const std::string& expected, const std::string& got) const {
    throw io_error(describe(path + ": at byte " + to_text(at), expected, got));
  }
  /// About label i.
  [[noreturn]] void fail_label(index_t i, const std::string& expected) const {
    fail(codes_at + i, expected, to_text(codes[i]));
  }
};

/// Images and labels as the files of a split have them.
struct SplitFiles {
  CodeFile images, labels;
};

/// An NPY file of bytes in so many extents; `layout` is their text.
inline CodeFile read_npy_codes(const std::string& path, int rank, const std::string& layout) {
  const std::string bytes = io::read_file(path);
  Tensor<std::uint8_t> tensor = io::parse_npy<std::uint8_t>(bytes, path);
  const io::NpyHeader header(bytes, path);
  const Shape& s = tensor.shape();
  const bool last = rank == 4 && is_channels_last(s);
  if (s.rank() != rank || tensor.empty() || last)
    header.fail(header.shape_at, layout, s.str(),
                last                         ? "np.moveaxis(images, -1, 1) puts channels first"
                : rank == 4 && s.rank() == 3 ? "images[:, None] adds the channel of grey images"
                                             : "");
  return {path, std::move(tensor), static_cast<index_t>(header.shape_at),
          static_cast<index_t>(header.size)};
}

inline SplitFiles read_npy_part(const std::string& dir, Split split) {
  const std::string stem = dir + (split == Split::train ? "/train" : "/test");
  return {read_npy_codes(stem + ".npy", 4, "images [N, C, H, W]"),
          read_npy_codes(stem + "_labels.npy", 1, "labels [N]")};
}

/// The names in a folder, sorted. Throws io_error.
inline std::vector<std::string> names_in(const std::string& dir) {
  const std::unique_ptr<::DIR, int (*)(::DIR*)> folder(::opendir(dir.c_str()), &::closedir);
  if (!folder) throw io_error(describe(dir, "a readable folder", system_reason()));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const ::dirent* const entry = ::readdir(folder.get());
    if (!entry) break;
    names.emplace_back(entry->d_name);
  }
  if (errno != 0) throw io_error(describe(dir, "a readable folder", system_reason()));
  std::sort(names.begin(), names.end());
  return names;
}

/// True for "train-images-idx3-ubyte", "emnist-letters-train-images.idx3-ubyte" and the like.
inline bool is_idx_images(std::string_view name, Split split) {
  for (const std::string_view end : {"-images-idx3-ubyte", "-images.idx3-ubyte"}) {
    if (!name.ends_with(end)) continue;
    const std::string_view stem = name.substr(0, name.size() - end.size());
    const auto is = [&](std::string_view word) {
      return stem == word || stem.ends_with("-" + std::string(word));
    };
    return split == Split::train ? is("train") : is("t10k") || is("test");
  }
  return false;
}

/// The name of the file of images of a split. Throws io_error unless there is exactly one.
inline std::string find_idx_images(const std::string& dir, Split split) {
  std::string found, packed;
  for (const std::string& name : names_in(dir)) {
    if (is_idx_images(name, split)) {
      if (!found.empty())
        throw io_error(describe(dir, "the IDX files of one set", found + " and " + name));
      found = name;
    }
    if (name.ends_with(".gz") && is_idx_images(name.substr(0, name.size() - 3), split))
      packed = name;
  }
  const std::string idx =
      std::string(split == Split::train ? "train" : "t10k") + "-images-idx3-ubyte";
  if (found.empty())
    throw io_error(describe(dir,
                            "train.npy, train_labels.npy, test.npy and test_labels.npy, or " + idx +
                                " and its three companions",
                            packed.empty() ? "none" : "only " + packed + ", still packed"));
  return found;
}

inline SplitFiles read_idx_part(const std::string& dir, Split split) {
  const std::string images = find_idx_images(dir, split);
  std::string labels = images;
  labels.replace(labels.rfind("images"), 6, "labels");
  labels.replace(labels.rfind("idx3"), 4, "idx1");
  SplitFiles part{{dir + "/" + images}, {dir + "/" + labels}};
  part.images.codes = read_idx_images(part.images.path);
  const std::vector<std::uint8_t> row = read_idx_labels(part.labels.path, 256);
  part.labels.codes.resize({static_cast<index_t>(row.size())});
  std::copy(row.begin(), row.end(), part.labels.codes.begin());
  return part;
}

inline SplitFiles read_part(const std::string& dir, Split split) {
  bool npy = false;
  for (const char* file : {"train.npy", "train_labels.npy", "test.npy", "test_labels.npy"})
    npy = npy || file_exists(dir + "/" + file);
  SplitFiles part = npy ? read_npy_part(dir, split) : read_idx_part(dir, split);
  const index_t images = part.images.codes.shape()[0], labels = part.labels.codes.size();
  if (images != labels)
    part.labels.fail(part.labels.shape_at,
                     to_text(images) + " labels, one per image of " + part.images.path,
                     to_text(labels));
  return part;
}

/// The lines of classes.txt; none if there is no such file. Blank lines at the end do not count.
inline std::vector<std::string> read_class_names(const std::string& path) {
  std::vector<std::string> names;
  if (!file_exists(path)) return names;
  const std::string text = io::read_file(path);
  const std::size_t used = text.find_last_not_of(" \t\r\n") + 1;                // npos + 1 is 0
  for (std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0; at < used;) { // a byte order mark
    const std::size_t end = std::min(text.find('\n', at), used);
    std::string name = text.substr(at, end - at);
    if (name.ends_with('\r')) name.pop_back();
    const auto fail = [&](std::size_t i, const char* got) {
      throw io_error(describe(path + ": at byte " + to_text(at + i),
                              "the name of a class on every line, in UTF-8", got));
    };
    if (name.find_first_not_of(" \t") == name.npos) fail(0, "an empty line");
    if (std::find(names.begin(), names.end(), name) != names.end()) fail(0, "a name once more");
    if (names.size() == 256)
      throw io_error(describe(path, "at most 256 names, as labels are bytes", "more"));
    for (std::size_t i = 0; i < name.size();) {
      const std::size_t length = io::detail::utf8_length(std::string_view(name).substr(i));
      if (length == 0) fail(i, "other bytes");
      if (static_cast<unsigned char>(name[i]) < 32 || name[i] == 127)
        fail(i, "a control character");
      i += length;
    }
    names.push_back(std::move(name));
    at = end + 1;
  }
  if (names.empty()) throw io_error(describe(path + ": at byte 0", "names of classes", "none"));
  return names;
}

/// Without names, a class that no training image has is most likely a mistake in the labels.
inline void check_no_hole(const CodeFile& labels, int first, int last) {
  for (int label = first; label <= last; ++label)
    if (std::find(labels.codes.begin(), labels.codes.end(), label) == labels.codes.end())
      labels.fail(labels.codes_at,
                  "an image of each class from " + to_text(first) + " to " + to_text(last),
                  "none with the label " + to_text(label));
}

/// Fills in the classes of the set from its training labels and classes.txt.
inline void name_classes(Dataset& set, const CodeFile& labels, const std::string& names_path) {
  const auto [low, high] = std::minmax_element(labels.codes.begin(), labels.codes.end());
  const std::vector<std::string> names = read_class_names(names_path);
  const auto named = static_cast<int>(names.size());
  set.first_label = *low == 1 && named != *high + 1 ? 1 : 0;
  set.classes = *high - set.first_label + 1;
  if (set.classes < 2) labels.fail_label(0, "labels of two classes or more");
  if (named > set.classes)
    throw io_error(describe(
        names_path, "at most " + to_text(set.classes) + " names, one per class of " + labels.path,
        to_text(named)));
  const auto unnamed = std::find_if(labels.codes.begin(), labels.codes.end(),
                                    [&](int label) { return label - set.first_label >= named; });
  if (named > 0 && named < set.classes)
    labels.fail_label(unnamed - labels.codes.begin(),
                      "a label of one of the " + to_text(named) + " classes in " + names_path);
  set.class_names = names;
  if (names.empty()) check_no_hole(labels, set.first_label, *high);
  if (names.empty())
    for (int c = 0; c < set.classes; ++c) set.class_names.push_back(to_text(c + set.first_label));
}

/// Moves the images and labels of a split into the set.
inline void take_part(Dataset& set, SplitFiles part) {
  const int first = set.first_label, last = first + set.classes - 1;
  const Tensor<std::uint8_t>& labels = part.labels.codes;
  set.labels.clear();
  for (index_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < first || labels[i] > last)
      part.labels.fail_label(i, "a label from " + to_text(first) + " to " + to_text(last) +
                                    ", as in training");
    set.labels.push_back(static_cast<std::uint8_t>(labels[i] - first));
  }
  set.images = std::move(part.images.codes);
}

} // namespace detail

/// The set in a folder, named after it. Throws io_error, which names the file, the offset where one
/// is known, what was expected and what was got.
SGQ_COMPILE_ONCE Dataset load_folder(const std::string& dir, Split split) {
  if (!is_folder(dir)) throw io_error(describe(dir, "a folder with a data set", "none"));
  Dataset set;
  set.name = detail::last_part(dir);
  detail::SplitFiles train = detail::read_part(dir, Split::train);
  const std::string train_path = train.images.path;
  const Tensor<std::uint8_t>& pixels = train.images.codes;
  if (pixels.size() > 0 && *std::max_element(pixels.begin(), pixels.end()) <= 1)
    throw io_error(describe(train_path, "pixel codes from 0 to 255", "nothing above 1",
                            "multiply numbers in 0..1 by 255 before you round them"));
  detail::name_classes(set, train.labels, dir + "/classes.txt");
  detail::take_part(set, std::move(train));
  set.grid = measure(set);
  set.on_black = is_on_black(set);
  if (split == Split::train) return set;
  detail::SplitFiles test = detail::read_part(dir, Split::test);
  const Shape& got = test.images.codes.shape();
  const Shape expected = set.images.shape().with_batch(got[0]);
  if (got != expected)
    test.images.fail(test.images.shape_at, expected.str() + ", images as in " + train_path,
                     got.str());
  detail::take_part(set, std::move(test));
  return set;
}

} // namespace sgq::data
