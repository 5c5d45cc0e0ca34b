#include "../../examples/experiment/load_study.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

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

/// The row of a plain network, of so many bits and that seed.
io::Json trained(const std::string& bits, index_t seed) {
  const std::string name = bits + "/plain/seed-" + sgq::to_text(seed);
  return io::Json::object(
      {{"cell", "mnist/lenet5/" + name},
       {"dataset", "mnist"},
       {"net", "lenet5"},
       {"bits", bits},
       {"training", how::plain},
       {"seed", seed},
       {"files", io::Json::object({{"model.safetensors", "the sum of " + name}})}});
}

/// A study of these networks.
Study study_of(const std::vector<io::Json>& rows) {
  Study study{.dataset = "mnist"};
  for (const io::Json& row : rows)
    study.networks.push_back({.bits = row.at("bits").as_string(),
                              .training = how::plain,
                              .seed = static_cast<std::uint64_t>(row.at("seed").as_int()),
                              .row = &row});
  return study;
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

TEST_CASE("rows of drift wait for networks that have no measures", "[experiment]") {
  TempDir folder;
  std::vector<io::Json> all;
  for (index_t seed = 1; seed <= 3; ++seed)
    for (const char* bits : {"fp32", "w2a2"}) all.push_back(trained(bits, seed));
  int made = 0;
  const auto update = [&](const std::vector<io::Json>& shown,
                          const std::vector<io::Json>& results) {
    made = 0;
    return update_drift(folder.path(), study_of(shown), results, 4, [&](const io::Json& row) {
      ++made;
      return maps(37 + 2 * row.at("seed").as_int());
    });
  };
  const auto stored = [&] { return read_rows(folder / "drift.jsonl").rows; };
  const auto of_three = update(all, all);
  CHECK(made == 6);
  REQUIRE(of_three.size() == 1);
  CHECK(to_lines(stored()) == to_lines(of_three));

  const std::vector<io::Json> two(all.begin(), all.end() - 2), one(all.begin(), all.begin() + 2);
  CHECK(update(one, all).empty()); // nothing to compare
  CHECK(to_lines(stored()) == to_lines(of_three));
  const auto of_two = update(two, all);
  REQUIRE(of_two.size() == 1);
  CHECK(io::to_string(of_two[0].at("seeds")) == "[1,2]");
  CHECK(to_lines(stored()) == to_lines(of_two) + to_lines(of_three));

  CHECK(to_lines(update(all, all)) == to_lines(of_three));
  CHECK(made == 0);
  CHECK(to_lines(stored()) == to_lines(of_three)); // that of two has nothing to wait for
  CHECK(update(one, two).empty());                 // the third network is no longer of this folder
  CHECK(stored().empty());
}

} // namespace test_drift
