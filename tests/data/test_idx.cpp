#include "data/files.hpp"
#include "io/mutate.hpp"
#include "sgq/data/idx.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

namespace test_idx {

using namespace sgq;
using namespace sgq::data;
using namespace data_files;

TEST_CASE("IDX files give images and labels", "[data]") {
  TempDir dir;
  write(dir / "images", idx_images(12, 5, 3));
  write(dir / "labels", idx_labels(12));
  const Dataset set = read_idx(dir / "images", dir / "labels", 10);
  CHECK(set.images.shape() == Shape{12, 1, 5, 3});
  const std::string codes = pixels(12 * 15);
  CHECK(std::equal(codes.begin(), codes.end(), set.images.begin(),
                   [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }));
  const std::vector<std::uint8_t> expected{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1};
  CHECK(set.labels == expected);
  CHECK(set.evidence.empty());
}

TEST_CASE("A damaged IDX file is refused with its name and the offset", "[data]") {
  TempDir dir;
  const std::string path = dir / "file";
  // What is in the file, whether it is read as images, and what the message says.
  const auto images = [](std::uint32_t n, std::uint32_t h, std::uint32_t w, int bytes) {
    return big_endian(0x803) + big_endian(n) + big_endian(h) + big_endian(w) + pixels(bytes);
  };
  struct Case {
    std::string bytes;
    bool image;
    const char* says;
  };
  const Case cases[] = {
      {"", true, "byte 0: expected data, got an empty file"},
      {"\1\2", true, "byte 0: expected 4 more bytes, got 2"},
      {idx_labels(5), true,
       "byte 0: expected the IDX magic number 0x00000803 (images), got 0x0000"
       "0801"},
      {idx_images(5), false, "byte 0: expected the IDX magic number 0x00000801 (labels)"},
      {"\x1f\x8b\x08\x08zzzzzz", true, "got 0x1f8b0808, a gzip file"},
      {idx_images(2).substr(0, 14), true, "byte 4: expected a header of 16 bytes, got 14"},
      {idx_images(2, 4, 4).substr(0, 47), true,
       "byte 16: expected 32 bytes of data after the "
       "header, got 31"},
      {idx_images(2, 4, 4) + "x", true, "expected 32 bytes of data after the header, got 33"},
      {idx_labels(9).substr(0, 16), false, "byte 8: expected 9 bytes of data"},
      {images(0, 28, 28, 0), true, "byte 4: expected an extent of 1 or more"},
      {images(1, 0, 28, 28), true, "byte 8: expected an extent of 1 or more"},
      {images(60000, 28, 28, 784), true,
       "byte 16: expected 47040000 bytes of data after the "
       "header, got 784"},
      {images(0xffffffff, 28, 28, 784), true,
       "byte 8: expected an extent of 1 or more, for at "
       "most 4294967296 bytes in all, got 28"},
      {images(2, 0x80000000, 0x80000000, 784), true, "byte 12: "}, // 2^63: no overflow
      {images(64, 0x04000000, 0x00100000, 784), true, "byte 12: "},
  };
  for (const Case& c : cases) {
    write(path, c.bytes);
    const std::string message = message_of<io_error>([&] {
      if (c.image)
        read_idx_images(path, "the hint");
      else
        read_idx_labels(path, 10, "the hint");
    });
    INFO(message);
    CHECK(contains(message, path + ": at "));
    CHECK(contains(message, c.says));
    CHECK(contains(message, "(hint: the hint)"));
  }
}

TEST_CASE("Labels and counts of IDX files are checked", "[data]") {
  TempDir dir;
  std::string bytes = idx_labels(20);
  bytes[8 + 13] = 10;
  write(dir / "labels", bytes);
  CHECK(contains(message_of<io_error>([&] { read_idx_labels(dir / "labels", 10); }),
                 "byte 21: expected a label below 10, got 10"));
  CHECK(read_idx_labels(dir / "labels", 11)[13] == 10);

  write(dir / "images", idx_images(19, 2, 2));
  write(dir / "labels", idx_labels(20));
  const std::string message =
      message_of<io_error>([&] { read_idx(dir / "images", dir / "labels", 10); });
  CHECK(contains(message, dir / "labels: at byte 4: expected 19 labels"));
  CHECK(contains(message, "got 20"));
}

TEST_CASE("What is not a file is an io_error too", "[data]") {
  TempDir dir;
  CHECK(contains(message_of<io_error>([&] { read_idx_images(dir / "none"); }),
                 "expected a readable file, got No such file or directory"));
  std::filesystem::create_directory(dir / "folder");
  CHECK(contains(message_of<io_error>([&] { read_idx_images(dir / "folder"); }),
                 "expected a regular file"));
  CHECK(contains(message_of<io_error>([&] { read_idx_images("/dev/null"); }), "got a device"));
  CHECK(contains(message_of<io_error>([&] { read_idx_images("/dev/zero"); }), "got a device"));
  const std::string pipe = dir / "pipe"; // nobody writes into it: must not wait
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  alarm(20);
  CHECK(contains(message_of<io_error>([&] { read_idx_images(pipe); }), "got a named pipe"));
  alarm(0);

  // 8 TB (ext4 has no file of 16) that take no room on the disk.
  constexpr std::uintmax_t size = std::uintmax_t{1} << 43;
  const std::string huge = dir / "huge";
  write(huge, idx_images(1, 1, 1));
  std::error_code error;
  std::filesystem::resize_file(huge, size, error);
  if (!error) CHECK_SAYS(read_idx_images(huge), io_error, "at most", "got " + to_text(size));
}

TEST_CASE("Random damage to IDX files gives an io_error or a valid set", "[data]") {
  TempDir dir;
  const std::string images = idx_images(10, 3, 3), labels = idx_labels(10);
  int refused = 0, accepted = 0;
  for (std::uint64_t round = 0; round < 600; ++round) {
    const bool of_labels = round % 2 != 0;
    write(dir / "images", of_labels ? images : mutate(images, round));
    write(dir / "labels", of_labels ? mutate(labels, round) : labels);
    try {
      const Dataset set = read_idx(dir / "images", dir / "labels", 10);
      REQUIRE_NOTHROW(check(set));
      REQUIRE(set.images.shape()[0] == 10);
      ++accepted;
    } catch (const io_error&) {
      ++refused;
    }
  }
  CHECK(refused > 200);
  CHECK(accepted > 50); // damaged pixels are still pixels
}

} // namespace test_idx
