// Images to explain, and the classes to explain them for, as a command line names them.
#pragma once

#include "command_line.hpp"
#include "data_folder.hpp"

#include "sgq/data/load.hpp"
#include "sgq/io/npy.hpp"
#include "sgq/saliency/metrics/localization.hpp"
#include "sgq/saliency/net_function.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace examples {

namespace data = sgq::data;
namespace io = sgq::io;
namespace saliency = sgq::saliency;
using sgq::describe;
using sgq::QuantParams;
using sgq::Shape;
using sgq::Tensor;
using sgq::View;

/// Images to explain: pixel codes, or network input as it was given.
struct Images {
  std::string set{};                  ///< the data set they are from, "" for a file
  std::string source{};               ///< the same as data::load() takes it: a name or a folder
  bool on_black = false;              ///< its background is black
  Tensor<std::uint8_t> codes{};       ///< [N,C,H,W]; empty where x was given
  Tensor<float> x{};                  ///< [N,C,H,W]; empty where codes were given
  std::vector<index_t> numbers{};     ///< which of the set's; empty for a file
  std::vector<std::uint8_t> labels{}; ///< the true classes; empty where nobody knows
  std::vector<std::string> class_names{};
  Tensor<std::uint8_t> evidence{}; ///< [N,1,H,W], where it is known

  Shape shape() const { return x.empty() ? codes.shape() : x.shape(); }
  index_t size() const { return shape()[0]; }

  Tensor<float> input(const QuantParams& grid) const {
    Tensor<float> given(shape());
    if (x.empty())
      data::normalize<float>(codes, grid, given);
    else
      given.copy_from(x);
    return given;
  }
  Tensor<std::uint8_t> pixels(const QuantParams& grid) const {
    Tensor<std::uint8_t> given(shape());
    if (x.empty())
      given.copy_from(codes);
    else
      data::to_codes<float>(x, grid, given);
    return given;
  }
  std::string class_name(index_t c) const {
    const auto k = static_cast<std::size_t>(c);
    return k < class_names.size() ? class_names[k] : sgq::to_text(c);
  }
};

/// The parts of "a,b,c".
inline std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

/// "0,3,10-12" -> 0 3 10 11 12. Throws usage_error on anything else, or a number above `highest`.
inline std::vector<index_t> parse_numbers(const std::string& option, const std::string& text,
                                          index_t highest) {
  std::vector<index_t> numbers;
  for (const std::string& part : split_list(text)) {
    index_t first = -1, last = -1;
    const char *begin = part.data(), *end = begin + part.size();
    auto read = std::from_chars(begin, end, first);
    last = first;
    if (read.ec == std::errc{} && read.ptr != end && *read.ptr == '-')
      read = std::from_chars(read.ptr + 1, end, last);
    if (read.ec != std::errc{} || read.ptr != end || first < 0 || last < first || last > highest)
      throw usage_error(describe(option, "numbers up to " + sgq::to_text(highest) + ", as 0,3,5-9",
                                 "'" + part + "'"));
    for (index_t i = first; i <= last; ++i) numbers.push_back(i);
  }
  return numbers;
}

/// --images
inline void add_images_option(CommandLine& line, std::string* images) {
  line.text("--images", images, "FILE.npy|SET:0,1,5-9",
            "uint8 pixel codes or float32 network input [N,C,H,W]; or images of a test set, each "
            "once, whose SET may be the path of a folder");
}

/// --data
inline void add_data_option(CommandLine& line, std::string* folder) {
  line.text("--data", folder, "DIR",
            "where the set is, in DIR/SET or DIR (default: data, here or in the source tree)");
}

/// The images of a data set, or of a part of it; data::load() finds the set by `source`.
inline Images images_of(std::string source, data::Dataset part) {
  Images images;
  images.source = std::move(source);
  images.set = std::move(part.name);
  images.on_black = part.on_black;
  images.codes = std::move(part.images);
  images.labels = std::move(part.labels);
  images.class_names = std::move(part.class_names);
  images.evidence = std::move(part.evidence);
  return images;
}

/// True if --targets lists several classes: an image may then come again, for another one.
inline bool lists_classes(const std::string& targets) {
  return targets.find(',') != std::string::npos;
}

/// Throws usage_error on a number that comes twice with the same of `classes`, if there are any:
/// measures take images as independent.
inline void check_distinct(const std::vector<index_t>& numbers,
                           const std::vector<std::uint8_t>& classes = {}) {
  std::set<std::pair<index_t, int>> seen;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (!seen.emplace(numbers[i], classes.empty() ? 0 : classes[i]).second)
      throw usage_error(describe(
          "--images", "each image once" + std::string(classes.empty() ? "" : " for a class"),
          sgq::to_text(numbers[i]) + " again"));
}

/// FILE.npy: uint8 pixel codes or float32 network input, [N,C,H,W]; or SET:NUMBERS, images of the
/// test set of that name or in that folder, each once unless they `may_repeat`. Throws usage_error
/// or io_error.
inline Images load_images(const std::string& text, const std::string& folder,
                          bool may_repeat = false) {
  if (text.ends_with(".npy")) {
    Images images;
    const std::string bytes = io::read_file(text), type = io::npy_type(bytes, text);
    if (type == "<f4")
      images.x = io::parse_npy<float>(bytes, text);
    else if (type == "|u1")
      images.codes = io::parse_npy<std::uint8_t>(bytes, text);
    else
      throw sgq::io_error(describe(text, "uint8 pixel codes or float32 network input", type));
    const Shape shape = images.shape();
    if (shape.rank() != 4 || shape.size() == 0)
      throw sgq::io_error(describe(text, "images [N, C, H, W]", shape.str()));
    return images;
  }
  const std::size_t colon = text.rfind(':'); // a path may have one, too
  const std::string set = text.substr(0, colon);
  if (colon == text.npos || !(sgq::find_row(data::datasets, set) || data::is_folder(set)))
    throw usage_error(describe("--images",
                               "FILE.npy, or SET:0,1,5-9 of " +
                                   sgq::one_of(sgq::names_of(data::datasets)) +
                                   ", or the path of a folder for SET",
                               "'" + text + "'"));
  const data::Dataset test = data::load(set, data_folder(folder, set), data::Split::test);
  const auto chosen = parse_numbers("--images", text.substr(colon + 1), test.size() - 1);
  if (!may_repeat) check_distinct(chosen);
  Images images = images_of(set, data::subset(test, chosen));
  images.numbers = chosen;
  return images;
}

/// The pixels that ought to matter.
struct Marked {
  std::string what{};           ///< "evidence" where it is known, "ink" on grey sets on black
  Tensor<std::uint8_t> masks{}; ///< [N,1,H,W], 1 at these; empty where nobody knows
};

inline Marked marked_pixels(const Images& images) {
  Marked marked;
  if (!images.evidence.empty()) {
    marked.what = "evidence";
    marked.masks.copy_from(images.evidence);
  } else if (images.on_black && images.codes.shape()[1] == 1) {
    marked.what = "ink";
    marked.masks = saliency::bright_mask(images.codes);
  }
  return marked;
}

/// The classes to explain, one per image: "true" labels, "predicted" ones, "auto" for the first that
/// are known, or a list (one class serves all images). Throws usage_error.
inline std::vector<std::uint8_t> choose_targets(const std::string& text, const Images& images,
                                                View<const float> logits) {
  const bool labelled = !images.labels.empty();
  if (text == "true" && !labelled)
    throw usage_error("--targets: the true classes of these images are not known");
  if (text == "true" || (text == "auto" && labelled)) return images.labels;
  if (text == "predicted" || text == "auto") return saliency::predictions(logits);
  const auto given = parse_numbers("--targets", text, logits.shape()[1] - 1);
  std::vector<std::uint8_t> classes(given.begin(), given.end());
  if (classes.size() == 1) classes.resize(static_cast<std::size_t>(images.size()), classes[0]);
  if (static_cast<index_t>(classes.size()) != images.size())
    throw usage_error(describe("--targets", "one class, or " + sgq::to_text(images.size()),
                               sgq::to_text(classes.size())));
  check_distinct(images.numbers, classes);
  return classes;
}

} // namespace examples
