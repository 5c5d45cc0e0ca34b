#include "../../examples/experiment/estimate.hpp"
#include "../../examples/experiment/measure_cell.hpp"

#include "support/catch.hpp"

#include <set>

namespace test_measuring {

using namespace examples;

TEST_CASE("every measure of maps is written with blank maps and without", "[experiment]") {
  // Of four images the last has a blank map; the others point at one of 64 positions each.
  Tensor<float> maps({4, 8, 8});
  Tensor<std::uint8_t> evidence({4, 8, 8});
  for (index_t n = 0; n < 4; ++n) {
    if (n < 3) maps[n * 64 + 5] = 1;
    for (index_t i = 0; i < 16; ++i) evidence[n * 64 + i] = 1; // a quarter
  }
  const io::Json json = to_json(saliency::measure_maps({.maps = maps, .mask = evidence}));
  CHECK(json.at("blank_maps").at("mean").as_double() == 0.25);
  const auto both = [&](const char* name, double with, double without) {
    INFO(name);
    const io::Json& m = json.at(name);
    CHECK(m.at("mean").as_double() == Approx(with));
    CHECK(m.at("count").as_int() == 4);
    CHECK(m.at("blank").as_int() == 1);
    CHECK(m.at("without_blank").at("mean").as_double() == Approx(without));
    CHECK(m.at("without_blank").at("count").as_int() == 3);
  };
  const double top = 1 - 1.0 / 64;
  both("gini", 0.75 * top, top);
  both("normalized_entropy", 0.25, 0);
  both("relevance_mass_on_evidence", (3 + 0.25) / 4, 1);
  both("pointing_at_evidence", (3 + 0.25) / 4, 1);
  CHECK(json.at("relevance_rank_on_evidence").at("without_blank").at("count").as_int() == 3);
}

TEST_CASE("explained images are spread over the set, and so are the first of them",
          "[experiment]") {
  CHECK(spread(11, 5, 5) == std::vector<index_t>{0, 2, 4, 6, 8}); // 0, 2.2, 4.4, 6.6, 8.8
  CHECK(spread(3, 5, 1) == std::vector<index_t>{0, 1, 2});
  CHECK(spread(0, 5, 1).empty());
  const std::vector<index_t> images = spread(10000, 500, 100);
  for (std::size_t i = 0; i < 100; ++i) CHECK(images[i] == static_cast<index_t>(100 * i));
  const std::set<index_t> all(images.begin(), images.end());
  CHECK(all.size() == 500);
  for (const index_t n : all) CHECK(n % 20 == 0);
}

TEST_CASE("the first image of each class is drawn, by its place in the test set", "[experiment]") {
  CHECK(one_of_each({2, 0, 2, 1, 0}, 3) == std::vector<index_t>{1, 3, 0});
  CHECK(one_of_each({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 12).size() == 10);
  const Tensor<float> maps({3, 2}, {0, 1, 2, 3, 4, 5});
  Evidence e;
  detail::keep_maps(maps, {2, 0}, {10, 20, 30}, e);
  CHECK(e.images == std::vector<std::int32_t>{30, 10});
  CHECK(std::vector<float>(e.maps.begin(), e.maps.end()) == std::vector<float>{4, 5, 0, 1});
}

TEST_CASE("a measure of fewer images takes their share of the blank ones", "[experiment]") {
  const saliency::MapMeasure few{"max_sensitivity", Tensor<double>({2}, {3, 5})};
  const Tensor<double> blank({4}, {0, 1, 1, 1});
  const io::Json json = to_json(few, blank);
  CHECK(json.at("blank").as_int() == 1);
  CHECK(json.at("mean").as_double() == 4);
  CHECK(json.at("without_blank").at("mean").as_double() == 3);
}

TEST_CASE("measuring takes as long as it took, else by a count of passes", "[experiment]") {
  const auto took = [](double s) {
    return io::Json::object({{"run", io::Json::object({{"measuring_seconds", s}})}});
  };
  const Measuring m{500, 100};
  CHECK(seconds_of_measuring(m, 10000, 1.0, {took(20), took(40)}) == 30);
  const double rest = 0.008 / sgq::num_threads(); // beside passes, an image
  CHECK(seconds_of_measuring(m, 10000, 0.5, {}) ==
        Approx(0.5 * (300 * 500 + 22 * 100 + 2 * 10000) + 500 * rest));
  CHECK(seconds_of_measuring(m, 60, 1.0, {}) == Approx(324 * 60 + 60 * rest)); // no more images
}

} // namespace test_measuring
