#include "sgq/core/random.hpp"
#include "sgq/io/json.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <limits>

namespace test_json {

using namespace sgq;
using namespace sgq::io;

namespace {

std::string parse_error(std::string_view text, const JsonOptions& options = {}) {
  return message_of<io_error>([&] { parse_json(text, options); });
}

} // namespace

TEST_CASE("A value is built like a value of a script language", "[io]") {
  Json row;
  row["net"] = "resnet20";
  row["accuracy"] = 0.5;
  row["bits"] = Json::array({8, 4, nullptr});
  row["run"]["seconds"] = 12;
  row["run"]["guided"] = true;
  row["losses"].push_back(1.0f);
  row["names"] = std::vector<std::string>{"a", "b"};
  row["net"] = "lenet5"; // keeps its place
  row["list"] = Json::array();
  row["pair"] = Json::object({{"x", 1}, {"y", -1}});
  CHECK(to_string(row) ==
        R"({"net":"lenet5","accuracy":0.5,"bits":[8,4,null],"run":{"seconds":12,"guided":true},)"
        R"("losses":[1.0],"names":["a","b"],"list":[],"pair":{"x":1,"y":-1}})");
  CHECK(to_string(Json()) == "null");
  CHECK(to_string(Json::object()) == "{}");
  CHECK(to_string(Json(std::vector<bool>{true, false})) == "[true,false]");
}

TEST_CASE("A value is looked at with its kind checked", "[io]") {
  const Json json =
      parse_json(R"({"i": 7, "d": 1.5, "s": "text", "b": false, "a": [1], "n": null})");
  CHECK(json["i"].as_int() == 7);
  CHECK(json["i"].as_double() == 7.0);
  CHECK(json["d"].as_double() == 1.5);
  CHECK(json["s"].as_string() == "text");
  CHECK_FALSE(json["b"].as_bool());
  CHECK(json["a"].as_array().size() == 1);
  CHECK(json["n"].is_null());
  CHECK(json.as_object().size() == 6);
  CHECK(json.find("x") == nullptr);
  CHECK(json["i"].find("x") == nullptr);

  const auto says = [](auto&& f) { return message_of<value_error>(f); };
  CHECK(says([&] { json["d"].as_int(); }) == "json: expected an integer, got a number");
  CHECK(says([&] { json["i"].as_bool(); }) == "json: expected true or false, got an integer");
  CHECK(says([&] { json["s"].as_double(); }) == "json: expected a number, got a string");
  CHECK(says([&] { json["a"].as_string(); }) == "json: expected a string, got an array");
  CHECK(says([&] { json["n"].as_array(); }) == "json: expected an array, got null");
  CHECK(says([&] { json["b"].as_object(); }) == "json: expected an object, got true or false");
  CHECK(says([&] { json.at("x"); }) == "json: expected a member 'x', got an object");
  Json number = 1;
  CHECK(says([&] { number["x"] = 1; }) == "json: expected an object, got an integer");
  CHECK(says([&] { number.push_back(1); }) == "json: expected an array, got an integer");
  CHECK_SAYS(Json(std::uint64_t{1} << 63), value_error, "below 2^63", "got 9223372036854775808");
}

namespace {
template <class J>
concept has_element_0 = requires(J& json) {
  json[0];
};
} // namespace

TEST_CASE("Members may be made of members", "[io]") {
  static_assert(!has_element_0<Json> && !has_element_0<const Json>); // not the key at address 0
  Json row = Json::object(
      {{"accuracy", 0.5}, {"name", "a text that is too long for a buffer of its own"}});
  for (int i = 0; i < 40; ++i) row["copy" + to_text(i)] = row["name"]; // grows while it is read
  row["best"] = row["accuracy"];
  CHECK(row.at("best").as_double() == 0.5);
  CHECK(row.at("copy39") == row.at("name"));
}

TEST_CASE("Numbers read back as the same number", "[io]") {
  for (double x : {0.1, 1.0, -0.0, 1e300, 5e-324, 1.7976931348623157e308, 123456789012345680.0}) {
    const Json back = parse_json(to_string(x));
    CHECK(!back.is_int());
    CHECK(back.as_double() == x);
    CHECK(std::signbit(back.as_double()) == std::signbit(x));
  }
  const Random random(1);
  for (index_t i = 0; i < 2000; ++i) { // any bit pattern
    const std::uint64_t bits = std::uint64_t{random.bits(2 * i)} << 32 | random.bits(2 * i + 1);
    const auto x = std::bit_cast<double>(bits);
    if (std::isfinite(x))
      CHECK(std::bit_cast<std::uint64_t>(parse_json(to_string(x)).as_double()) == bits);
  }
  for (std::int64_t x :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()})
    CHECK(parse_json(to_string(x)).as_int() == x);

  CHECK(to_string(0.1) == "0.1");
  CHECK(to_string(100.0) == "100.0");
  CHECK(to_string(1e22) == "1e+22");
  CHECK(to_string(std::numeric_limits<double>::quiet_NaN()) == "null");
  CHECK(to_string(-std::numeric_limits<double>::infinity()) == "null");
  CHECK(parse_json("9223372036854775808").as_double() == 0x1p63); // too large for an integer
  CHECK(parse_json("-0").as_double() == 0.0);
  CHECK(std::signbit(parse_json("-0").as_double()));
  CHECK(parse_json("12e2").as_double() == 1200.0);
}

TEST_CASE("Strings are UTF-8 and escaped where JSON asks for it", "[io]") {
  const std::string nasty("\"\\/\b\f\n\r\t\0\x1f\x7f \xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80", 21);
  CHECK(to_string(nasty) == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f "
                            "\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80\"");
  CHECK(parse_json(to_string(nasty)).as_string() == nasty);
  CHECK(parse_json(R"("\u0041\u00e9\u4e16\uD83D\ude00\/")").as_string() ==
        "A\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80/");

  // Overlong forms, a surrogate, beyond U+10FFFF, lone and missing continuation bytes.
  for (const char* bad :
       {"\xc0\x80", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\x80", "\xc3", "\xe4\xb8", "\xf0\x9f\x98", "\xff"}) {
    CHECK(contains(parse_error('"' + std::string(bad) + '"'), "byte 1: expected UTF-8"));
    CHECK(contains(message_of<value_error>([&] { to_string(Json("ab" + std::string(bad))); }),
                   "a bad byte at 2"));
  }
}

TEST_CASE("Pretty text puts a member on a line and a flat array on one", "[io]") {
  Json json;
  json["a"] = 1;
  json["flat"] = Json::array({1, 2});
  json["none"] = Json::object();
  json["rows"] = Json::array({Json::array({1}), Json::object({{"b", nullptr}})});
  const std::string text = to_pretty_string(json);
  CHECK(text == R"({
  "a": 1,
  "flat": [1, 2],
  "none": {},
  "rows": [
    [1],
    {
      "b": null
    }
  ]
}
)");
  CHECK(parse_json(text) == json);
  CHECK_FALSE(parse_json(text) == Json(1));
}

TEST_CASE("A long text is cut between two characters", "[io]") {
  const auto cut = [](std::string_view text) { return sgq::io::detail::clip(text, 3); };
  CHECK(cut("abc") == "abc");
  CHECK(cut("abcd") == "abc..");
  CHECK(cut("\xc3\xa4\xc3\xa4") == "\xc3\xa4..");
  CHECK(cut("a\xc3\xa4\xc3\xa4") == "a\xc3\xa4..");
}

TEST_CASE("Text that is not JSON is an error with its place", "[io]") {
  CHECK(parse_error(R"({"a": 1, "b" 2})", {.name = "m.json", .offset = 8}) ==
        "m.json, byte 21: expected ':', got '2'");
  CHECK(parse_error("") == "json, byte 0: expected a value, got the end");
  CHECK(parse_error("[1, 2") == "json, byte 5: expected ',' or ']', got the end");
  CHECK(parse_error("{} {}") == "json, byte 3: expected the end of the text, got '{'");
  CHECK(parse_error(R"({"k": 1, "b": 2, "k": 3})") ==
        "json, byte 17: expected different keys, got k again");
  CHECK(parse_error(R"("\ud800x")") ==
        "json, byte 2: expected a pair of surrogates, got half of one");
  CHECK(parse_error("1e999") ==
        "json, byte 0: expected a number that a double can hold, got 1e999");
  CHECK(parse_error("\"a\nb\"") ==
        "json, byte 2: expected control characters as \\u00.., got byte value 10");

  for (const char* bad : {"nul",
                          "True",
                          "NaN",
                          "Infinity",
                          "-",
                          "+1",
                          "01",
                          "-01",
                          "1.",
                          ".5",
                          "1e",
                          "1e+",
                          "0x10",
                          "1 2",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{'a':1}",
                          "{\"a\"}",
                          "{1:2}",
                          "]",
                          "\"",
                          "\"\\",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\u12g4\"",
                          "\"\\u-123\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "\"\\ud800\\n\"",
                          "[1}",
                          "// c\n1",
                          "\xef\xbb\xbf"
                          "1",
                          "\f1"}) {
    INFO(bad);
    CHECK(contains(parse_error(bad), "expected"));
  }
  CHECK(contains(parse_error(std::string("1\0", 2)), "byte value 0"));
}

TEST_CASE("Depth, size and number of values are bounded", "[io]") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(parse_json(nested(64)).is_array());
  CHECK(contains(parse_error(nested(65)), "byte 64: expected at most 64 levels"));
  CHECK(contains(parse_error(std::string(1'000'000, '[')), "levels"));
  CHECK(parse_json("[1]", {.max_depth = 1}).is_array());
  CHECK(contains(parse_error("[1]", {.max_depth = 0}), "levels"));
  CHECK(contains(parse_error("[1]", {.max_bytes = 2}), "at most 2 bytes"));
  CHECK(parse_json("[1,2]", {.max_values = 3}).is_array());
  CHECK(contains(parse_error("[1,2]", {.max_values = 2}), "at most 2 values"));
}

TEST_CASE("JSON damaged at random is refused or means something", "[io]") {
  const std::string good = R"({"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":{}},"d":")"
                           "\xc3\xa9\"} ";
  const Random random(7);
  int refused = 0, taken = 0;
  for (index_t trial = 0; trial < 20'000; ++trial) {
    const Random draw = random.split(static_cast<std::uint64_t>(trial));
    std::string text = good;
    for (index_t i = 0; i <= draw.below(0, 3); ++i) {
      const auto at = static_cast<std::size_t>(draw.below(3 * i + 1, 60));
      const char c = draw.below(3 * i + 2, 2)
                         ? static_cast<char>(draw.bits(3 * i + 3) & 0xff)
                         : "{}[]\",:\\0123456789-+eE.tfnu"[draw.below(3 * i + 3, 27)];
      switch (draw.below(100 + i, 3)) {
      case 0:
        text[at] = c;
        break;
      case 1:
        text.insert(at, 1, c);
        break;
      default:
        text.erase(at, 1);
        text += c;
        break;
      }
    }
    try {
      const Json json = parse_json(text);
      CHECK(parse_json(to_string(json)) == json);
      CHECK(parse_json(to_pretty_string(json)) == json);
      ++taken;
    } catch (const io_error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(taken > 300);
}

} // namespace test_json
