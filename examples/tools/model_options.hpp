// --net and --bits, as they were typed, and what a model file says about them.
#pragma once

#include "command_line.hpp"

#include "sgq/nn/model_file.hpp"

#include <filesystem>

namespace examples {

namespace nn = sgq::nn;
namespace quant = sgq::quant;
using sgq::describe;

/// A policy as it was typed, or the first line of the file of that name, as `allocate` writes it.
/// Throws usage_error.
inline quant::BitPolicy parse_bits_option(const std::string& text,
                                          const std::string& first_last = "8bit") {
  const quant::FirstLast ends = quant::parse_first_last(first_last);
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(text, ignored);
  try {
    return quant::parse_bit_policy(text, ends);
  } catch (const sgq::value_error& e) {
    if (!is_file)
      throw usage_error("--bits: " + std::string(e.what()) + "; and there is no file of that name");
  }
  std::string policy = sgq::io::read_file(text);
  if (policy.starts_with("\xEF\xBB\xBF")) policy.erase(0, 3); // an editor's mark of UTF-8
  policy = policy.substr(0, policy.find_first_of("\r\n"));
  try {
    return quant::parse_bit_policy(policy, ends);
  } catch (const sgq::value_error& e) {
    throw usage_error("--bits: " + text + ": " + e.what());
  }
}

/// Throws usage_error where --net or --bits (empty: not given) say something else than the model
/// file at `path`.
inline void check_agrees(const std::string& path, const nn::Model<float>& model,
                         const std::string& net, const std::string& bits) {
  if (!net.empty() && net != model.name())
    throw usage_error(describe("--net", "that of " + path + ", " + model.name(), net));
  if (bits.empty()) return;
  const std::string given = quant::name(parse_bits_option(bits));
  const std::string stored = model.bits();
  if (given != stored)
    throw usage_error(describe("--bits", "those of " + path + ", " + stored, given));
}

} // namespace examples
