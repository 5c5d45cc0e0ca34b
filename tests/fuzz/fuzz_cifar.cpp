#include "sgq/data/cifar.hpp"

#include "fuzz.hpp"

using namespace sgq::data;

void fuzz_one(std::string_view bytes) {
  const fuzz::File file(bytes);
  const std::string paths[] = {file.path(), file.path()};
  const auto bytes_of = [&](const Dataset& set, sgq::index_t labels) {
    check(set);
    return set.size() * (labels + cifar_pixels);
  };
  const auto all = 2 * static_cast<sgq::index_t>(bytes.size());
  fuzz::accepts([&] { fuzz::require(bytes_of(read_cifar10(paths), 1) == all); });
  fuzz::accepts([&] { fuzz::require(bytes_of(read_cifar100(paths), 2) == all); });
}
