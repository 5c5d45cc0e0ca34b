#include "sgq/core/error.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <type_traits>

namespace test_error {

using namespace sgq;

TEST_CASE("describe: what, expected, got, and a hint where there is one", "[core]") {
  CHECK(describe("conv2d", "3 input channels", "1") == "conv2d: expected 3 input channels, got 1");
  CHECK(describe("conv2d", "3 input channels", "1", "grey images have 1") ==
        "conv2d: expected 3 input channels, got 1 (hint: grey images have 1)");
}

TEST_CASE("every error is an sgq::error, and that a std::runtime_error", "[core]") {
  STATIC_REQUIRE(std::is_base_of_v<std::runtime_error, error>);
  STATIC_REQUIRE(std::is_base_of_v<error, shape_error>);
  STATIC_REQUIRE(std::is_base_of_v<error, io_error>);
  STATIC_REQUIRE(std::is_base_of_v<error, value_error>);
  CHECK(message_of<error>([] { throw value_error("bits"); }) == "bits");
}

TEST_CASE("a message quotes no control character and stays short", "[core]") {
  CHECK(describe("a\xc2\x9b"
                 "b\xc3\x9b",
                 "", "") == "a??b\xc3\x9b: expected , got ");
  const std::string said = describe("file 'a\x1b[2J'", "b", std::string(1 << 20, 'c'), "d\n");
  CHECK(said.find("file 'a?[2J': expected b, got ccc") == 0);
  CHECK(said.size() < 6000);
  CHECK(said.substr(said.size() - 14) == "c.. (hint: d?)");
  // 5000 bytes end within a character of two
  const std::string start(4999, 'a');
  CHECK(describe(start + "\xc3\xa4!", "", "") == start + "..: expected , got ");
  CHECK(describe(start + "b\xc3\xa4", "", "") == start + "b..: expected , got ");
}

} // namespace test_error
