#include "sgq/io/safetensors.hpp"

#include "fuzz.hpp"

using namespace sgq::io;

// What was read is written as a file that reads back as the same.
void fuzz_one(std::string_view bytes) {
  SafeTensors file;
  if (!fuzz::accepts([&] { file = parse_safetensors(bytes, "fuzz"); })) return;
  const std::string written = format_safetensors(file);
  fuzz::require(format_safetensors(parse_safetensors(written, "again")) == written);
  for (const auto& [name, tensor] : file.tensors()) {
    fuzz::accepts([&, n = name] { file.tensor<float>(n); });
    fuzz::accepts([&, n = name] { file.tensor<bool>(n); });
  }
}
