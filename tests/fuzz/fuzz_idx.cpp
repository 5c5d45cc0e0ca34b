#include "sgq/data/idx.hpp"

#include "fuzz.hpp"

using namespace sgq::data;

// The same bytes as images and as labels. What was accepted has the size of its file.
void fuzz_one(std::string_view bytes) {
  const fuzz::File file(bytes);
  fuzz::accepts([&] {
    const auto images = read_idx_images(file.path());
    fuzz::require(images.size() == static_cast<sgq::index_t>(bytes.size()) - 16);
  });
  fuzz::accepts([&] {
    for (const std::uint8_t label : read_idx_labels(file.path(), 10)) fuzz::require(label < 10);
  });
  fuzz::accepts([&] { read_idx(file.path(), file.path(), 10); });
}
