#include "sgq/data/cifar.hpp"

#include "fuzz.hpp"

using namespace sgq::data;

void fuzz_one(std::string_view bytes) {
  const fuzz::File file(bytes);
  const std::string paths[] = {file.path(), file.path()};
  fuzz::accepts([&] {
    const Dataset set = read_cifar10(paths);
    fuzz::require(set.size() == 2 * static_cast<sgq::index_t>(bytes.size()) / cifar10_record);
    check(set);
  });
}
