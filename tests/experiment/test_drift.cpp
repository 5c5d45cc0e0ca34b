#include "../../examples/experiment/drift.hpp"

#include "support/catch.hpp"

namespace test_drift {

using namespace examples;

namespace {

/// Four maps of 8 x 8 pixels without any order, but for one blank one.
Tensor<float> maps(index_t factor, index_t blank = -1) {
  Tensor<float> m({4, 8, 8});
  for (index_t i = 0; i < m.size(); ++i)
    m[i] = i / 64 == blank ? 0.0f : static_cast<float>((factor * i + i / 64) % 101);
  return m;
}

/// The mean Spearman correlation over some images.
double alike(const Tensor<float>& a, const Tensor<float>& b, std::initializer_list<index_t> of) {
  const Tensor<double> all = saliency::spearman(a, b, saliency::Values::magnitude);
  double sum = 0;
  for (const index_t n : of) sum += all[n];
  return sum / static_cast<double>(of.size());
}

} // namespace

TEST_CASE("drift compares both terms on the same images", "[experiment]") {
  const MapsBySeed few{{1, maps(37, 1)}, {2, maps(41)}}, real{{1, maps(43)}, {2, maps(47, 2)}};
  const io::Json cell =
      io::Json::object({{"dataset", "x"}, {"net", "x"}, {"bits", "w2a2"}, {"training", "plain"}});
  const io::Json row = drift_row(io::Json::object({}), cell, few, real);
  const auto at = [&](const io::Json& matrix, std::size_t i, std::size_t j) {
    return matrix.as_array()[i].as_array()[j].as_double();
  };
  const io::Json &quantised = row.at("similarity").at("spearman").at("quantised"),
                 &reference = row.at("similarity").at("spearman").at("reference");
  // q_1 has no map of image 1, f_2 none of image 2.
  CHECK(at(quantised, 0, 1) == Approx(alike(few.at(1), real.at(2), {0, 3})));
  CHECK(at(reference, 0, 1) == Approx(alike(real.at(1), real.at(2), {0, 3})));
  CHECK(at(quantised, 1, 0) == Approx(alike(few.at(2), real.at(1), {0, 1, 3})));
  CHECK(at(reference, 1, 0) == Approx(alike(real.at(2), real.at(1), {0, 1, 3})));
  CHECK(at(quantised, 0, 0) == Approx(alike(few.at(1), real.at(1), {0, 2, 3})));
  CHECK(at(reference, 0, 0) == Approx(1));
  const io::Json& left_out = row.at("left_out");
  CHECK(left_out == io::Json::array({io::Json::array({1, 2}), io::Json::array({1, 1})}));
  CHECK(row.at("images").as_int() == 4);
}

} // namespace test_drift
