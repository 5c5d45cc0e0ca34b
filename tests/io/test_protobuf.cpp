#include "sgq/io/protobuf.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/protobuf_reader.hpp"

namespace test_protobuf {

using namespace sgq;
using io::ProtobufWriter;

namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const char* const digits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

template <class F>
std::string written(F&& f) {
  ProtobufWriter m;
  f(m);
  return hex(m.bytes());
}

} // namespace

TEST_CASE("protobuf: the encodings of Google's own guide", "[io]") {
  // protobuf.dev/programming-guides/encoding: Test1, Test2, Test3, the packed field of Test5.
  CHECK(written([](auto& m) { m.integer(1, 150); }) == "089601");
  CHECK(written([](auto& m) { m.text(2, "testing"); }) == "120774657374696e67");
  CHECK(written([](auto& m) {
          ProtobufWriter inner;
          inner.integer(1, 150);
          m.message(3, inner);
        }) == "1a03089601");
  CHECK(written([](auto& m) {
          m.integers(6, std::vector<index_t>{3, 270, 86942});
        }) == "3206038e029ea705");
}

TEST_CASE("protobuf: varints at the edges of a byte, negative numbers, floats", "[io]") {
  const auto number = [](std::int64_t value) {
    return written([&](auto& m) { m.integer(1, value); }).substr(2);
  };
  CHECK(number(0) == "00");
  CHECK(number(127) == "7f");
  CHECK(number(128) == "8001");
  CHECK(number(16383) == "ff7f");
  CHECK(number(16384) == "808001");
  CHECK(number(-1) == "ffffffffffffffffff01");
  CHECK(number(-2) == "feffffffffffffffff01"); // the guide's example
  CHECK(number(std::int64_t{1} << 62) == "808080808080808040");
  CHECK(written([](auto& m) { m.real(5, 1.0f); }) == "2d0000803f");
  CHECK(written([](auto& m) { m.real(1, -0.15625f); }) == "0d000020be");
  CHECK(written([](auto& m) { m.text(1, ""); }) == "0a00");
  CHECK(written([](auto& m) { m.text(1, std::string(300, 'a')); }).substr(0, 6) == "0aac02");
}

TEST_CASE("protobuf: keys of large fields; others are refused", "[io]") {
  CHECK(written([](auto& m) { m.integer(15, 1); }) == "7801");
  CHECK(written([](auto& m) { m.integer(16, 1); }) == "800101");
  CHECK(written([](auto& m) { m.integer((1 << 29) - 1, 0); }) == "f8ffffff0f00");
  ProtobufWriter m;
  for (int field : {0, -1, 1 << 29}) {
    CHECK_SAYS(m.integer(field, 1), value_error, "protobuf field", "got " + std::to_string(field));
    CHECK_SAYS(m.text(field, ""), value_error, "protobuf field", "got " + std::to_string(field));
    CHECK_SAYS(m.real(field, 1), value_error, "protobuf field", "got " + std::to_string(field));
  }
  CHECK(m.bytes().empty());
}

TEST_CASE("protobuf: the tests' reader reads all of it back, and sees damage", "[io]") {
  ProtobufWriter m, inner;
  inner.text(1, "a");
  m.integer(1, -7);
  m.real(2, 2.5f);
  m.message(3, inner);
  m.text(3, "");
  m.integers(4, std::vector<index_t>{-1, 5, 300});
  const ProtobufMessage read(m.bytes());
  CHECK(read.integer(1) == -7);
  CHECK(read.real(2) == 2.5f);
  CHECK(read.message(3).text(1) == "a");
  CHECK(read.all(3).size() == 2);
  CHECK(read.packed(4) == std::vector<std::int64_t>{-1, 5, 300});
  CHECK_THROWS(ProtobufMessage(m.bytes().substr(0, m.bytes().size() - 1)));
  CHECK_THROWS(ProtobufMessage("\x0b"));
}

TEST_CASE("protobuf: a message that readers would refuse is not written", "[io]") {
  ProtobufWriter m;
  m.integer(1, 1);
  // Too much alone, and with what is there. The bytes behind "x" are not read.
  for (const std::size_t size : {std::size_t{1} << 31, std::size_t{0x7fffffff} - 16})
    CHECK_SAYS(m.bytes(1, std::string_view("x", size)), value_error, "less than 2^31 bytes",
               "got 2 and " + to_text(size));
}

TEST_CASE("protobuf: strings are UTF-8, bytes are anything", "[io]") {
  ProtobufWriter m;
  CHECK_SAYS(m.text(1, "a\xff"), value_error, "string", "UTF-8");
  CHECK(m.bytes().empty());
  m.text(1, "\xc3\xa4");
  m.bytes(2, "\xff");
  CHECK(m.bytes() == "\x0a\x02\xc3\xa4\x12\x01\xff");
}

} // namespace test_protobuf
