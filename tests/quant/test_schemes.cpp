#include "sgq/quant/schemes.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_schemes {

using namespace sgq;
using namespace sgq::quant;

TEST_CASE("weight schemes: a row makes the quantiser of its name", "[quant]") {
  for (const auto& scheme : weight_schemes<float>) {
    const auto quantizer = make_weight_quantizer<float>(scheme.name, 4);
    CHECK(quantizer->name() == scheme.name);
    CHECK(quantizer->bits() == 4);
    CHECK(quantizer->has_step() == (scheme.name == "lsq"));
    CHECK(quantizer->needs_batch_norm() == (scheme.name == "dorefa"));
    CHECK(!scheme.about.empty());
  }
  CHECK(names_of(weight_schemes<float>) == names_of(weight_schemes<double>));
  CHECK(contains(message_of<value_error>([] { make_weight_quantizer<float>("swab", 4); }),
                 "expected " + one_of(names_of(weight_schemes<float>)) + ", got 'swab'"));
  CHECK_SAYS(make_weight_quantizer<float>("", 4), value_error, "weight quantiser", "got ''");
}

TEST_CASE("weight schemes: default grids, and bits that do not exist", "[quant]") {
  CHECK(make_weight_quantizer<double>("sawb", 2)->grid().levels == 4);
  CHECK(make_weight_quantizer<double>("sawb", 4)->grid().levels == 15);
  CHECK(make_weight_quantizer<double>("sawb-no-zero", 4)->grid().levels == 16);
  CHECK(make_weight_quantizer<double>("sawb-zero-aligned", 2)->grid().levels == 3);
  CHECK(make_weight_quantizer<double>("dorefa", 4)->grid().levels == 16);
  CHECK(make_weight_quantizer<double>("lsq", 4)->grid().levels == 16);
  CHECK(make_weight_quantizer<double>("dorefa", 1)->grid().levels == 2);
  for (const std::string& scheme : names_of(weight_schemes<float>))
    for (int bits : {0, 9, -1, 32})
      CHECK(contains(message_of<value_error>([&] { make_weight_quantizer<float>(scheme, bits); }),
                     "got " + std::to_string(bits)));
  CHECK_SAYS(make_weight_quantizer<float>("sawb", 1), value_error, "SAWB: bits", "got 1");
  CHECK_SAYS(make_weight_quantizer<float>("lsq", 1), value_error, "LSQ: bits", "got 1");
}

} // namespace test_schemes
