// Pictures in netpbm's binary formats, byte by byte.
#include "sgq/io/ppm.hpp"

#include "sgq/saliency/colormap.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

namespace test_ppm {

using namespace sgq;
using namespace sgq::io;
using namespace std::string_literals;

TEST_CASE("a PPM file is its header and the colours", "[io]") {
  // Two rows of three pixels: red, green, blue; black, grey, white.
  const Tensor<std::uint8_t> rgb(
      {2, 3, 3}, {255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 128, 128, 128, 255, 255, 255});
  const std::string bytes = "P6\n3 2\n255\n"
                            "\xff\0\0\0\xff\0\0\0\xff"
                            "\0\0\0\x80\x80\x80\xff\xff\xff"s;
  CHECK(format_ppm(rgb) == bytes);
  const TempDir dir;
  write_ppm(dir / "a.ppm", rgb);
  CHECK(read_file(dir / "a.ppm") == bytes);
}

TEST_CASE("a PGM file is its header and the grey levels", "[io]") {
  const Tensor<std::uint8_t> grey({3, 2}, {0, 1, 10, 13, 254, 255});
  const std::string bytes = "P5\n2 3\n255\n\0\1\n\r\xfe\xff"s;
  CHECK(format_pgm(grey) == bytes);
  const TempDir dir;
  write_pgm(dir / "a.pgm", grey);
  CHECK(read_file(dir / "a.pgm") == bytes);
}

TEST_CASE("pictures of a batch stand one below the other", "[io]") {
  const Tensor<std::uint8_t> rgb({2, 2, 1, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(format_ppm(rgb) == "P6\n1 4\n255\n\1\2\3\4\5\6\7\x8\x9\xa\xb\xc");
}

TEST_CASE("a map is a file in one call", "[io]") {
  const Tensor<float> maps({1, 2, 4}, {0, 0.5f, 1, 0.25f, 0, 0, 0, 0});
  const std::string bytes = format_ppm(saliency::colorize(maps));
  CHECK(bytes.substr(0, 11) == "P6\n4 2\n255\n");
  CHECK(bytes.size() == 11 + 3 * 8);
}

TEST_CASE("what is no picture is refused", "[io][errors]") {
  const Tensor<std::uint8_t> codes({1, 3, 4, 5}), flat({12}), none({0, 4});
  CHECK(message_of<shape_error>([&] { format_ppm(codes); }) ==
        "PPM: expected colours [H, W, 3] or [N, H, W, 3], got [1, 3, 4, 5]");
  CHECK(message_of<shape_error>([&] { format_pgm(codes); }) ==
        "PGM: expected grey levels [H, W], got [1, 3, 4, 5]");
  CHECK_SAYS(format_pgm(flat), shape_error, "PGM", "[H, W]", "got [12]");
  CHECK_SAYS(format_pgm(Tensor<std::uint8_t>({4, 5, 3})), shape_error, "PGM", "[H, W]",
             "got [4, 5, 3]"); // colours
  CHECK_SAYS(format_pgm(none), shape_error, "PGM", "[H, W]", "got [0, 4]");
  CHECK_SAYS(write_pgm("/nowhere/a.pgm", Tensor<std::uint8_t>({2, 2})), io_error,
             "write '/nowhere/a.pgm'", "No such file");
}

} // namespace test_ppm
