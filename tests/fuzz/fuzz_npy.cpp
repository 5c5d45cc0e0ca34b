#include "sgq/io/npy.hpp"

#include "fuzz.hpp"

using namespace sgq::io;

namespace {

// What was read is written as a file that reads back as the same.
template <class T>
void read_as(std::string_view bytes) {
  sgq::Tensor<T> tensor;
  if (!fuzz::accepts([&] { tensor = parse_npy<T>(bytes, "fuzz"); })) return;
  const std::string written = format_npy(tensor);
  fuzz::require(format_npy(parse_npy<T>(written, "again")) == written);
}

} // namespace

void fuzz_one(std::string_view bytes) {
  fuzz::accepts([&] { npy_type(bytes, "fuzz"); });
  read_as<float>(bytes);
  read_as<std::int64_t>(bytes);
  read_as<std::uint8_t>(bytes);
  read_as<bool>(bytes);
}
