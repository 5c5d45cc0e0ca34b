#include "sgq/core/error.hpp"
#include "sgq/core/random.hpp"
#include "sgq/core/text.hpp"
#include "sgq/core/text_stream.hpp"

#include "support/catch.hpp"

#include <cmath>

namespace test_text {

using namespace sgq;

TEST_CASE("numbers are written so that they read back") {
  CHECK(to_text(1.0000001) == "1.0000001");
  CHECK(to_text(1e-300) == "1e-300");
  CHECK(to_text(0.1f) == "0.1");
  CHECK(to_text(64) == "64");
  CHECK(to_text(std::uint8_t{200}) == "200");
  CHECK(to_text(std::nan("")) == "nan");
  CHECK(to_text(-INFINITY) == "-inf");
}

TEST_CASE("a text is one number or none") {
  double x = 7;
  CHECK(read_number("1.0000001", x));
  CHECK(x == 1.0000001);
  for (const char* bad : {"", "1 ", " 1", "1x", "--1", "1e", ".", "+1"}) {
    x = 7;
    CHECK_FALSE(read_number(bad, x));
  }
  index_t n = 0;
  CHECK(read_number("-12", n));
  CHECK(n == -12);
  CHECK_FALSE(read_number("1.5", n));
  CHECK_FALSE(read_number("99999999999999999999", n));
}

// What stands in where the standard library reads and writes no real numbers.
template <class Real, class Bits>
void check_stream(std::uint64_t seed) {
  const Random random(seed);
  for (index_t i = 0; i < 20000; ++i) {
    const auto bits =
        static_cast<Bits>(std::uint64_t{random.bits(2 * i)} << 32 | random.bits(2 * i + 1));
    const Real value = __builtin_bit_cast(Real, bits);
    if (!std::isfinite(value)) continue;
    const std::string text = detail::stream_to_text(value);
    Real mine{}, standard{};
    const char* const end = text.data() + text.size();
    const auto read = detail::stream_from_text(text.data(), end, mine);
    REQUIRE((read.ec == std::errc{} && read.ptr == end));
    REQUIRE(mine == value);
    REQUIRE(std::from_chars(text.data(), end, standard).ptr == end);
    REQUIRE(standard == value);
  }
}

TEST_CASE("the stream's numbers are those of charconv") {
  check_stream<double, std::uint64_t>(1);
  check_stream<float, std::uint32_t>(2);
  for (const char* text :
       {"1.5e3x", "-0.25", ".5", "5.", "1e", "e5", "-", "1e999", "12,5", "-5e-324"}) {
    const std::string_view given(text);
    double mine = 7, standard = 7;
    const char* const end = given.data() + given.size();
    const auto a = detail::stream_from_text(given.data(), end, mine);
    const auto b = std::from_chars(given.data(), end, standard);
    CHECK(a.ec == b.ec);
    CHECK(a.ptr == b.ptr);
    CHECK(mine == standard);
  }
}

} // namespace test_text
