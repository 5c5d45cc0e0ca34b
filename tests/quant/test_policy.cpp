#include "sgq/quant/policy.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_policy {

using namespace sgq;
using namespace sgq::quant;

namespace {

const std::vector<std::string> five = {"conv1", "conv2", "conv3", "conv4", "fc"};

std::string long_name(std::string_view text) {
  return name(parse_bit_policy(text));
}

std::vector<LayerPolicy> layers(std::string_view text, FirstLast first_last,
                                const std::vector<std::string>& names = five) {
  return resolve(parse_bit_policy(text, first_last), names);
}

/// "w4a4" of each layer, "s" for symmetric weights, "p" for a pixel input.
std::string summary(const std::vector<LayerPolicy>& layers) {
  std::string text;
  for (const LayerPolicy& l : layers)
    text += (text.empty() ? "" : " ") + name(Bits{l.weight_bits, l.activation_bits}) +
            (l.symmetric ? "s" : "") + (l.pixel_input ? "p" : "");
  return text;
}

} // namespace

TEST_CASE("bit policies: every form is read, and printed by its long name", "[quant]") {
  const std::pair<const char*, const char*> forms[] = {
      {"32", "fp32"},
      {"fp32", "fp32"},
      {"8", "w8a8"},
      {"w8a8", "w8a8"},
      {"4", "w4a4"},
      {"w4a4", "w4a4"},
      {"2", "w2a2"},
      {"w2a2", "w2a2"},
      {"w4a2", "w4a2"},
      {"w2a4", "w2a4"},
      {"1", "w1a1"},
      {"w32a4", "w32a4"},
      {"4/2", "layerwise-4-2"},
      {"layerwise-4-2", "layerwise-4-2"},
      {"w4a2/8", "layerwise-w4a2-8"},
      {"4/4", "w4a4"},
      {"w4a4,conv3=w2a8", "w4a4,conv3=w2a8"},
      {"4/2,fc=8,conv3=32", "layerwise-4-2,conv3=fp32,fc=w8a8"},
  };
  for (const auto& [text, expected] : forms) {
    CAPTURE(text);
    CHECK(long_name(text) == expected);
    CHECK(parse_bit_policy(expected) == parse_bit_policy(text));
  }
  CHECK(parse_bit_policy("w2a4").front == Bits{.weights = 2, .activations = 4});
  CHECK(parse_bit_policy("4/2").back == Bits{.weights = 2, .activations = 2});
  CHECK(parse_bit_policy("4", FirstLast::same).first_last == FirstLast::same);
}

TEST_CASE("bit policies: what is not one is an error that quotes it", "[quant]") {
  for (const char* text : {"0",
                           "9",
                           "-1",
                           "16",
                           "33",
                           "",
                           "w4",
                           "a4",
                           "w4a",
                           "wa",
                           "w0a4",
                           "w4a9",
                           "w4a-1",
                           "4/",
                           "/2",
                           "4/2/2",
                           "4/0",
                           "layerwise",
                           "layerwise-",
                           "layerwise-4",
                           "layerwise-4-",
                           "4bit",
                           "W4A4",
                           " 4",
                           "4 ",
                           "int8",
                           "w4a4x",
                           "999999999999",
                           "w4a4,conv1",
                           "w4a4,=4",
                           "w4a4,conv1=9",
                           "04",
                           "w04a4",
                           "w4a004",
                           "w4a4,", // nothing after a comma
                           "w4a4,conv1=2,"})
    CHECK_SAYS(parse_bit_policy(text), value_error, "bits", "got '" + std::string(text) + "'");
  CHECK_SAYS(parse_bit_policy("w4a4,conv1=2,conv1=8"), value_error, "once", "got 'conv1' twice");
  for (FirstLast f : {FirstLast::fp32, FirstLast::eight_bit, FirstLast::same})
    CHECK(parse_first_last(name(f)) == f);
  CHECK(name(FirstLast::eight_bit) == "8bit");
  CHECK(contains(message_of<value_error>([] { parse_first_last("8"); }), "'8'"));
}

TEST_CASE("bit policies: bits of each layer", "[quant]") {
  using F = FirstLast;
  CHECK(summary(layers("w4a2", F::eight_bit)) == "w8a2sp w4a2 w4a2 w4a2 w8a2s");
  CHECK(summary(layers("w4a2", F::fp32)) == "w32a2 w4a2 w4a2 w4a2 w32a2");
  CHECK(summary(layers("w4a2", F::same)) == "w4a2p w4a2 w4a2 w4a2 w4a2");
  CHECK(summary(layers("w32a4", F::eight_bit)) == "w32a4 w32a4 w32a4 w32a4 w32a4");
  for (F f : {F::eight_bit, F::fp32, F::same})
    CHECK(summary(layers("fp32", f)) == "fp32 fp32 fp32 fp32 fp32");
  // 3 body layers: ceil(3/2) = 2 at 4 bits. The first layer's PACT goes with them.
  CHECK(summary(layers("4/2", F::eight_bit)) == "w8a4sp w4a4 w4a4 w2a2 w8a2s");
  CHECK(summary(layers("4/2", F::same)) == "w4a4p w4a4 w4a4 w2a2 w2a2");
  const std::vector<std::string> six = {"a", "b", "c", "d", "e", "f"}, two = {"a", "b"},
                                 one = {"a"};
  CHECK(summary(layers("4/2", F::fp32, six)) == "w32a4 w4a4 w4a4 w2a2 w2a2 w32a2");
  CHECK(summary(layers("4/2", F::eight_bit, two)) == "w8a4sp w8a2s");
  CHECK(summary(layers("4", F::eight_bit, one)) == "w8a4sp");
  CHECK(resolve(parse_bit_policy("4"), {}).empty());
}

TEST_CASE("bit policies: a map in code, and names that do not exist", "[quant]") {
  BitPolicy policy = parse_bit_policy("4");
  policy.layers["conv3"] = {.weights = 2, .activations = 8};
  policy.layers["conv1"] = {.weights = 4, .activations = 2};
  CHECK(summary(resolve(policy, five)) == "w4a2p w4a4 w2a8 w4a4 w8a4s");
  CHECK(parse_bit_policy(name(policy)) == policy);
  policy.layers["conv1"] = {}; // fp32: then the input is not quantised either
  CHECK(summary(resolve(policy, five)) == "fp32 w4a4 w2a8 w4a4 w8a4s");

  policy.layers["conv9"] = {.weights = 4, .activations = 4};
  const std::string error = message_of<value_error>([&] { resolve(policy, five); });
  CHECK(contains(error, "'conv9'"));
  CHECK(contains(error, "conv1, conv2, conv3, conv4, fc"));

  for (int bits : {0, 9, -1, 31}) {
    BitPolicy bad = parse_bit_policy("4");
    bad.layers["conv2"] = {.weights = bits, .activations = 4};
    CHECK_SAYS(resolve(bad, five), value_error, "bits", "got " + std::to_string(bits));
    const BitPolicy worse{.front = {.weights = 4, .activations = bits}};
    CHECK_SAYS(resolve(worse, five), value_error, "bits", "got " + std::to_string(bits));
  }
}

} // namespace test_policy
