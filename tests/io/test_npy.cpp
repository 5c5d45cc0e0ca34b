#include "golden/io.hpp"
#include "io/mutate.hpp"
#include "sgq/io/npy.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <cmath>

namespace test_npy {

using namespace sgq;
using namespace sgq::io;

namespace {

template <class T = float>
std::string refusal(const std::string& bytes) {
  return message_of<io_error>([&] { parse_npy<T>(bytes, "f"); });
}

/// A version 1.0 file with this header, however wrong, and so many bytes of data.
std::string raw_file(const std::string& header, std::size_t data = 0) {
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size() & 0xff) +
         static_cast<char>(header.size() >> 8) + header + std::string(data, 'd');
}

} // namespace

TEST_CASE("NPY files of numpy are read", "[io]") {
  for (const std::string& bytes : {golden::npy_f4, golden::npy_f4_v2}) {
    const auto f4 = parse_npy<float>(bytes, "f");
    CHECK(f4.shape() == Shape{2, 3});
    CHECK(f4[0] == 1.5f);
    CHECK(std::isnan(f4[2]));
    CHECK(f4[4] == 1e-40f);
    CHECK(f4[5] == 0.1f);
  }
  const auto f8 = parse_npy<double>(golden::npy_f8_scalar, "f");
  CHECK(f8.shape() == Shape{});
  CHECK(f8[0] == 0.1);
  CHECK(npy_type(golden::npy_u1, "f") == "|u1");
  CHECK(parse_npy<std::uint8_t>(golden::npy_u1, "f")[4] == 240);
  const auto i4 = parse_npy<std::int32_t>(golden::npy_i4, "f");
  CHECK(i4.shape() == Shape{2, 1, 2});
  CHECK(i4[3] == 2147483647);
  CHECK(parse_npy<std::int64_t>(golden::npy_i8, "f")[0] == INT64_MIN);
  const auto b1 = parse_npy<bool>(golden::npy_b1, "f");
  CHECK((b1[0] && !b1[1] && b1[2]));
  CHECK(parse_npy<float>(golden::npy_empty, "f").shape() == Shape{0, 3});
}

TEST_CASE("NPY files are written as numpy writes them", "[io]") {
  CHECK(format_npy(parse_npy<float>(golden::npy_f4, "f")) == golden::npy_f4);
  CHECK(format_npy(parse_npy<std::uint8_t>(golden::npy_u1, "f")) == golden::npy_u1);
  CHECK(format_npy(parse_npy<std::int32_t>(golden::npy_i4, "f")) == golden::npy_i4);
  CHECK(format_npy(parse_npy<bool>(golden::npy_b1, "f")) == golden::npy_b1);
  CHECK(format_npy(parse_npy<float>(golden::npy_empty, "f")) == golden::npy_empty);

  const TempDir dir;
  const Tensor<float> tensor({3, 2}, {1, 2, 3, 4, 5, 6});
  write_npy(dir / "x.npy", tensor.view().slice(1, 2));
  const auto back = read_npy<float>(dir / "x.npy");
  CHECK(back.shape() == Shape{2, 2});
  CHECK(back[0] == 3.0f);
  // The numbers begin on a 64-byte boundary, also where the header is longest.
  const std::string longest = format_npy(Tensor<float>({0, index_t{1} << 60, 1, 1}));
  CHECK(longest.size() % 64 == 0);
  CHECK(parse_npy<float>(longest, "f").shape() == Shape{0, index_t{1} << 60, 1, 1});
}

TEST_CASE("An NPY file of another kind is an error that says which", "[io]") {
  const std::string converts = " (hint: astype() of numpy converts)";
  CHECK(refusal<double>(golden::npy_f4) ==
        "f, byte 20: expected numbers of type <f8, got '<f4'" + converts);
  CHECK(refusal(golden::npy_fortran) ==
        "f, byte 44: expected C order, got Fortran order (hint: ascontiguousarray() converts)");
  CHECK(refusal(golden::npy_big_endian) ==
        "f, byte 20: expected numbers of type <f4, got '>f4'" + converts);
  CHECK(refusal(golden::npy_object) ==
        "f, byte 20: expected numbers of type <f4, got '|O'" + converts);
  CHECK(refusal(golden::npy_struct) == "f, byte 20: expected ', got [('a', '");
  CHECK(refusal(golden::npy_rank5) ==
        "f, byte 60: expected at most 4 extents, got [1, 1, 1, 1, 2]");
  std::string odd = golden::npy_b1;
  odd.back() = 2;
  CHECK(contains(refusal<bool>(odd), "bytes 0 and 1"));
}

TEST_CASE("A malformed NPY file is an error with place, expected and got", "[io]") {
  CHECK(refusal("") ==
        "f, byte 0: expected \\x93NUMPY, as an NPY file begins, got bytes of another kind of file");
  CHECK(contains(refusal("NUMPY"), "as an NPY file begins"));
  CHECK(contains(refusal("PK\x03\x04"), "an archive (.npz?): save each array by itself"));
  CHECK(refusal("\x93NUMPY") == "f, byte 6: expected version 1.0 or 2.0, got 0.0");
  CHECK(contains(refusal("\x93NUMPY\3"), "got 3.0"));
  CHECK(contains(refusal("\x93NUMPY\1"), "a header within the 7 bytes"));
  CHECK(refusal(golden::npy_f4.substr(0, 100)) ==
        "f, byte 8: expected a header within the 100 bytes of the file, got 118 bytes");
  CHECK(refusal(golden::npy_f4.substr(0, 151)) ==
        "f, byte 128: expected as many bytes as shape [2, 3] needs, got 23");
  CHECK(contains(refusal(golden::npy_f4 + "x"), "got 25"));
  std::string huge = golden::npy_f4_v2;
  for (std::size_t i = 8; i < 12; ++i) huge[i] = '\xff';
  CHECK(contains(refusal(huge), "got 4294967295 bytes"));

  const std::string start = "{'descr': '<f4', 'fortran_order': False, ";
  CHECK(refusal(raw_file(start + "'shape': (1,)}", 4)).empty()); // the comma may be absent
  for (const char* bad :
       {"", "}", "'shape': ()", "'shape': 1}", "'shape': (-1,)}", "'shape': (1", "'shape': (1.5,)}",
        "'shape': (99999999999999999999,)}", "'shape': ()} x", "'other': ()}",
        "'shape': (), 'shape': ()}", "'descr': '<f4'}", "'shape': ('a',)}", "'shape' ()}"})
    CHECK(contains(refusal(raw_file(start + bad, 4)), "f, byte "));
  CHECK(contains(refusal(raw_file("{'descr': '<f4")), "byte 24: expected ', got the end"));
  CHECK(contains(refusal(raw_file("{'fortran_order': 0")), "expected False"));
  CHECK(contains(refusal(raw_file(start + "'shape': (4294967296, 4294967296)}", 4)),
                 "as many bytes as shape [4294967296, 4294967296] needs"));
}

TEST_CASE("An NPY file damaged at random is refused or means something", "[io]") {
  int refused = 0, taken = 0;
  const std::string files[] = {golden::npy_f4, golden::npy_f4_v2, golden::npy_empty};
  for (std::uint64_t seed = 0; seed < 9000; ++seed) {
    try {
      const auto tensor = parse_npy<float>(mutate(files[seed % 3], seed), "f");
      const auto again = parse_npy<float>(format_npy(tensor), "f");
      CHECK(bytes_of(again) == bytes_of(tensor));
      ++taken;
    } catch (const io_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(taken > 300);
}

} // namespace test_npy
