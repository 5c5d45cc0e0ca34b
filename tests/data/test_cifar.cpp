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

namespace {
/// n records of CIFAR-100: superclasses 0 1 .. 19 0 .., classes 99 98 ..
std::string cifar_100(int n) {
  const std::string all = pixels(n * 3072);
  std::string bytes;
  for (int i = 0; i < n; ++i) {
    bytes += static_cast<char>(i % 20);
    bytes += static_cast<char>(99 - i % 100);
    bytes += all.substr(static_cast<std::size_t>(i) * 3072, 3072);
  }
  return bytes;
}
} // namespace

TEST_CASE("CIFAR-100 records have two labels, and the second is the class", "[data]") {
  TempDir dir;
  write(dir / "train.bin", cifar_100(30));
  const std::vector<std::string> paths{dir / "train.bin"};
  const Dataset set = read_cifar100(paths);
  CHECK(set.classes == 100);
  CHECK(set.images.shape() == Shape{30, 3, 32, 32});
  for (int i = 0; i < 30; ++i) CHECK(set.labels.at(static_cast<std::size_t>(i)) == 99 - i);
  CHECK((std::string(set.images.begin(), set.images.end()) == pixels(30 * 3072)));
}

TEST_CASE("Damaged CIFAR-100 files are refused, and so are CIFAR-10's", "[data]") {
  TempDir dir;
  const std::string bad = dir / "bad.bin";
  const std::vector<std::string> paths{bad};
  const auto message = [&](const std::string& bytes) {
    write(bad, bytes);
    return message_of<io_error>([&] { read_cifar100(paths); });
  };
  CHECK(message(cifar_100(2)).empty());
  CHECK(contains(message(cifar_100(2) + "x"), bad + ": at byte 6148: expected records of 3074 "
                                                    "bytes to the end, got 1 bytes left over"));
  CHECK(contains(message(cifar(2)), "records of 3074 bytes"));
  std::string bytes = cifar_100(2);
  bytes[3074] = 20;
  CHECK(contains(message(bytes), "at byte 3074: expected a label below 20, got 20"));
  bytes[3074] = 19;
  bytes[3075] = 100;
  CHECK(contains(message(bytes), "at byte 3075: expected a label below 100, got 100"));
}

TEST_CASE("CIFAR-100's class names are in the order of the alphabet", "[data]") {
  CHECK(std::size(cifar100_classes) == 100);
  CHECK(std::is_sorted(std::begin(cifar100_classes), std::end(cifar100_classes)));
  CHECK(std::adjacent_find(std::begin(cifar100_classes), std::end(cifar100_classes)) ==
        std::end(cifar100_classes));
}

TEST_CASE("CIFAR without a file is refused", "[data]") {
  CHECK_SAYS(read_cifar10({}), io_error, "CIFAR", "one file or more", "got none");
  CHECK_SAYS(read_cifar100({}), io_error, "CIFAR", "one file or more", "got none");
}

} // namespace test_cifar
