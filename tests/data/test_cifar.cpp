#include "data/files.hpp"
#include "sgq/data/cifar.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace test_cifar {

using namespace sgq;
using namespace sgq::data;
using namespace data_files;

TEST_CASE("CIFAR-10 records come from several files in order", "[data]") {
  TempDir dir;
  write(dir / "a.bin", cifar(3, 1));
  write(dir / "b.bin", cifar(12, 2));
  const std::vector<std::string> paths{dir / "a.bin", dir / "b.bin"};
  const Dataset set = read_cifar10(paths);
  CHECK(set.images.shape() == Shape{15, 3, 32, 32});
  const std::vector<std::uint8_t> labels{0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1};
  CHECK(set.labels == labels);
  const std::string a = pixels(3 * 3072, 1), b = pixels(12 * 3072, 2);
  CHECK(std::string(set.images.begin(), set.images.end()) == a + b);
  // Planes are red, green, blue.
  CHECK(set.images(4, 2, 31, 30) == static_cast<std::uint8_t>(b[3072 + 2 * 1024 + 31 * 32 + 30]));
}

TEST_CASE("Damaged CIFAR-10 files are refused with their name and the offset", "[data]") {
  TempDir dir;
  write(dir / "good.bin", cifar(2));
  const std::string bad = dir / "bad.bin";
  const std::vector<std::string> paths{dir / "good.bin", bad};
  const auto message = [&] { return message_of<io_error>([&] { read_cifar10(paths, "fetch"); }); };

  CHECK(contains(message(), bad + ": at byte 0: expected a readable file"));
  write(bad, "");
  CHECK(contains(message(), bad + ": at byte 0: expected data, got an empty file (hint: fetch)"));
  write(bad, cifar(2).substr(0, 6000));
  CHECK(contains(message(), bad + ": at byte 3073: expected records of 3073 bytes to the end, got "
                                  "2927 bytes left over"));
  write(bad, cifar(2) + "x");
  CHECK(contains(message(), bad + ": at byte 6146: "));
  std::string bytes = cifar(2);
  bytes[3073] = '\xff';
  write(bad, bytes);
  CHECK(contains(message(), bad + ": at byte 3073: expected a label below 10, got 255"));
}

} // namespace test_cifar
