#include "sgq/quant/schemes.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

namespace test_schemes {

using namespace sgq;
using namespace sgq::quant;

TEST_CASE("weight schemes: name and parser are inverses", "[quant]") {
  for (WeightScheme scheme : all_weight_schemes) {
    CHECK(parse_weight_scheme(name(scheme)) == scheme);
    const auto quantizer = make_weight_quantizer<float>(scheme, 4);
    CHECK(quantizer->name() == name(scheme));
    CHECK(quantizer->bits() == 4);
    CHECK(quantizer->has_step() == (scheme == WeightScheme::lsq));
    CHECK(quantizer->needs_batch_norm() == (scheme == WeightScheme::dorefa));
  }
  CHECK(contains(message_of<value_error>([] { parse_weight_scheme("swab"); }), "'swab'"));
  CHECK_THROWS_AS(parse_weight_scheme(""), value_error);
}

TEST_CASE("weight schemes: default grids, and bits that do not exist", "[quant]") {
  CHECK(make_weight_quantizer<double>(WeightScheme::sawb, 2)->grid().levels == 4);
  CHECK(make_weight_quantizer<double>(WeightScheme::sawb, 4)->grid().levels == 15);
  CHECK(make_weight_quantizer<double>(WeightScheme::dorefa, 4)->grid().levels == 16);
  CHECK(make_weight_quantizer<double>(WeightScheme::lsq, 4)->grid().levels == 16);
  CHECK(make_weight_quantizer<double>(WeightScheme::dorefa, 1)->grid().levels == 2);
  for (WeightScheme scheme : all_weight_schemes)
    for (int bits : {0, 9, -1, 32})
      CHECK(contains(message_of<value_error>([&] { make_weight_quantizer<float>(scheme, bits); }),
                     "got " + std::to_string(bits)));
  CHECK_THROWS_AS(make_weight_quantizer<float>(WeightScheme::sawb, 1), value_error);
  CHECK_THROWS_AS(make_weight_quantizer<float>(WeightScheme::lsq, 1), value_error);
}

} // namespace test_schemes
