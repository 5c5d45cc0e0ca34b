// sgq/nn/spec.hpp -- what a net is, in words: everything needed to build it again before its
// weights are loaded. Model files carry these pairs as metadata.
#pragma once

#include "sgq/nn/models.hpp"
#include "sgq/nn/quantize.hpp"

#include <array>
#include <map>
#include <span>

namespace sgq::nn {

struct ModelSpec {
  std::string net = "mnist_cnn";
  ModelOptions options{};
  QuantizeOptions quant{};
  /// The same net: seed, initialize and the first alphas do not count.
  bool operator==(const ModelSpec& other) const;
};

/// "w4a4, sawb weights, first and last 8bit"; "fp32". To be printed beside every result.
inline std::string policy_text(const QuantizeOptions& quant) {
  std::string text = quant::name(quant.bits);
  if (text == "fp32") return text;
  text.append(", ").append(quant.weights).append(" weights, first and last ");
  text.append(quant::name(quant.bits.first_last));
  if (quant.gradient == quant::PactGradient::plus) text += ", PACT+";
  return text;
}

using Metadata = std::map<std::string, std::string>;

namespace detail {
template <class Number>
Number parse_number(std::string_view key, std::string_view text) {
  Number value{};
  if (!read_number(text, value))
    throw value_error(describe("model metadata '" + std::string(key) + "'", "a number",
                               "'" + std::string(text) + "'"));
  return value;
}

/// False for the first of two words, true for the second.
inline bool parse_either(std::string_view key, std::string_view text, std::string_view no,
                         std::string_view yes) {
  if (text != no && text != yes)
    throw value_error(describe("model metadata '" + std::string(key) + "'",
                               std::string(no) + " or " + std::string(yes),
                               "'" + std::string(text) + "'"));
  return text == yes;
}
} // namespace detail

namespace detail {
/// "33 12 7"
template <class Numbers>
std::string join_numbers(const Numbers& numbers) {
  std::string text;
  for (const auto n : numbers) text += (text.empty() ? "" : " ") + to_text(n);
  return text;
}

/// The numbers of such a text. Throws value_error, naming the pair.
template <class Number>
std::vector<Number> split_numbers(std::string_view key, std::string_view text) {
  std::vector<Number> numbers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    numbers.push_back(parse_number<Number>(key, text.substr(at, end - at)));
    at = end + 1;
  }
  return numbers;
}
} // namespace detail

/// The grid of a net's images, as two pairs: with them a file of a real-valued net says how its
/// input was normalised.
inline Metadata to_metadata(const QuantParams& input) {
  return {{"input_scale", to_text(input.scale)},
          {"input_zero", detail::join_numbers(input.zero_point)}};
}

/// The grid that such pairs state; none where they are missing. Throws value_error on bad ones.
inline QuantParams input_from_metadata(const Metadata& pairs) {
  QuantParams input;
  const auto scale = pairs.find("input_scale"), found = pairs.find("input_zero");
  if (scale == pairs.end() || found == pairs.end()) return input;
  input.scale = detail::parse_number<float>("input_scale", scale->second);
  input.zero_point = detail::split_numbers<std::int32_t>("input_zero", found->second);
  return input;
}

/// The names of a net's classes, as a pair: a name per line. Throws value_error on a name of
/// several lines.
inline Metadata to_metadata(std::span<const std::string> class_names) {
  std::string text;
  for (std::size_t i = 0; i < class_names.size(); ++i) {
    if (class_names[i].find('\n') != std::string::npos)
      throw value_error(describe("name of class " + to_text(i), "one line", "several"));
    text += (i == 0 ? "" : "\n") + class_names[i];
  }
  return {{"class_names", text}};
}

/// The names in such a pair; none where it is missing, or names another number of classes: a pair
/// of the user's own.
inline std::vector<std::string> class_names_from_metadata(const Metadata& pairs, index_t classes) {
  std::vector<std::string> names;
  const auto found = pairs.find("class_names");
  if (found == pairs.end()) return names;
  const std::string& text = found->second;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (static_cast<index_t>(names.size()) != classes) names.clear();
  return names;
}

/// The pairs of a spec. The seed of the initial weights is left out: the weights themselves follow.
SGQ_COMPILE_ONCE Metadata to_metadata(const ModelSpec& spec) {
  Metadata pairs{{"net", spec.net},
                 {"classes", to_text(spec.options.classes)},
                 {"width", to_text(spec.options.width)},
                 {"dropout", spec.options.dropout ? "1" : "0"},
                 {"bits", quant::name(spec.quant.bits)},
                 {"first_last", std::string(quant::name(spec.quant.bits.first_last))},
                 {"weights", spec.quant.weights},
                 {"pact_gradient", std::string(quant::name(spec.quant.gradient))}};
  pairs.merge(to_metadata(spec.quant.input));
  const auto* const model = find_row(models<float>, spec.net);
  const Shape& image = spec.options.image;
  if (image.rank() == 3 && !(model && image == model->image)) // else as published
    pairs["image_shape"] = detail::join_numbers(std::array{image[0], image[1], image[2]});
  return pairs;
}

/// The spec that such pairs state; others are ignored. Throws value_error naming what is missing or
/// bad.
SGQ_COMPILE_ONCE ModelSpec spec_from_metadata(const Metadata& pairs) {
  const auto get = [&](const char* key) -> const std::string& {
    const auto found = pairs.find(key);
    if (found == pairs.end())
      throw value_error(describe("model metadata", "an entry '" + std::string(key) + "'", "none",
                                 "the file was not written by sgq"));
    return found->second;
  };
  ModelSpec spec;
  spec.net = get("net");
  spec.options.classes = detail::parse_number<index_t>("classes", get("classes"));
  spec.options.width = detail::parse_number<index_t>("width", get("width"));
  spec.options.dropout = detail::parse_either("dropout", get("dropout"), "0", "1");
  spec.quant.bits =
      quant::parse_bit_policy(get("bits"), quant::parse_first_last(get("first_last")));
  spec.quant.weights =
      choose("weight quantiser", quant::weight_schemes<float>, get("weights")).name;
  spec.quant.gradient = quant::parse_pact_gradient(get("pact_gradient"));
  if (const auto image = pairs.find("image_shape"); image != pairs.end()) {
    const auto e = detail::split_numbers<index_t>("image_shape", image->second);
    constexpr index_t most = 1 << 28;
    bool fits = e.size() == 3;
    index_t numbers = 1;
    for (index_t n : e) { // no product overflows
      fits = fits && n >= 1 && n <= most / numbers;
      if (fits) numbers *= n;
    }
    if (!fits)
      throw value_error(describe("model metadata 'image_shape'",
                                 "three extents from 1 up, at most 2^28 numbers", image->second));
    spec.options.image = {e[0], e[1], e[2]};
  }
  get("input_scale"), get("input_zero");
  spec.quant.input = input_from_metadata(pairs);
  return spec;
}

inline bool ModelSpec::operator==(const ModelSpec& other) const {
  return to_metadata(*this) == to_metadata(other);
}

/// The net that a spec describes, with the initial weights of options.seed. Warnings of quantize()
/// are appended to *warnings, if given.
template <class T = float>
Net<T> build_model(const ModelSpec& spec, std::vector<std::string>* warnings = nullptr) {
  if (spec.options.classes < 1 || spec.options.classes > 256 || spec.options.width < 0 ||
      spec.options.width > 4096)
    throw value_error(
        describe("model", "1 to 256 classes and a width of 0 to 4096",
                 to_text(spec.options.classes) + " and " + to_text(spec.options.width)));
  if (spec.options.image.size() > 1 << 28)
    throw value_error(
        describe("model", "images of at most 2^28 numbers", spec.options.image.str()));
  Net<T> net = make_model<T>(spec.net, spec.options);
  auto found = quantize(net, spec.quant);
  if (warnings) warnings->insert(warnings->end(), found.begin(), found.end());
  return net;
}

} // namespace sgq::nn
