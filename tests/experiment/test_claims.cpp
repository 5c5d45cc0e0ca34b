#include "../../examples/experiment/answers.hpp"

#include "support/catch.hpp"

namespace test_claims {

using namespace examples;

namespace {

constexpr index_t images = 200;

/// A study in which every image of a condition has the same value, but for a little noise that is
/// the same under all conditions and so falls out of paired differences, and one that is not.
struct Maker {
  Study study{};
  std::vector<io::Json> rows = std::vector<io::Json>(100);

  void add(const std::string& bits, bool guided, std::uint64_t seed, double accuracy, double area,
           double own_noise = 0) {
    CellNumbers cell{.dataset = "mnist", .bits = bits, .guided = guided, .seed = seed};
    const sgq::Random shared(7, 1), own(11 + study.cells.size(), 2);
    for (index_t n = 0; n < images; ++n) {
      const double noise = 0.2 * shared.uniform(n) + own_noise * (own.uniform(n) - 0.5);
      cell.values["accuracy"].push_back(accuracy + noise);
      cell.values["masked_accuracy"].push_back(area + noise);
      cell.values["masked_accuracy_of_random_ranking"].push_back(0.9 + noise);
    }
    const double bits_of_weights = bits == "fp32" ? 32 : 4;
    cell.row = &rows[study.cells.size()];
    *cell.row = io::Json::object({{"packed_bytes", 1000 * bits_of_weights},
                                  {"bit_operations", 1000 * bits_of_weights * bits_of_weights}});
    study.cells.push_back(std::move(cell));
  }

  /// fp32, w4a4, w2a2, guided, and plain fp32.
  void fill(std::uint64_t seeds, std::array<double, 3> accuracy, std::array<double, 3> area,
            double plain_accuracy, double plain_area, double own_noise = 0) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const char* bits[] = {"fp32", "w4a4", "w2a2"};
      for (std::size_t b = 0; b < 3; ++b) add(bits[b], true, seed, accuracy[b], area[b], own_noise);
      add("fp32", false, seed, plain_accuracy, plain_area, own_noise);
    }
    add_derived(study);
  }

  Claim claim(char paper, const std::string& what) const {
    for (const Claim& c : decide_claims(study, {"mnist"}))
      if (c.paper == paper && c.what == what) return c;
    FAIL("no claim " << what);
    return {};
  }
  Verdict verdict(char paper, const std::string& what) const { return claim(paper, what).verdict; }
};

} // namespace

TEST_CASE("a world in which paper A is right", "[experiment]") {
  Maker m;
  m.fill(3, {0.95, 0.93, 0.90}, {0.20, 0.25, 0.30}, 0.95, 0.22);
  CHECK(m.verdict('A', "quantisation costs accuracy") == Verdict::supported);
  CHECK(m.verdict('A', "fewer bits cost more accuracy") == Verdict::supported);
  CHECK(m.verdict('A', "quantisation costs interpretability") == Verdict::supported);
  CHECK(m.verdict('A', "fewer bits cost more interpretability") == Verdict::supported);
  CHECK(m.verdict('B', "accuracy is kept") == Verdict::not_supported);
  CHECK(m.verdict('B', "more interpretable") == Verdict::not_supported);

  const Claim loss = m.claim('A', "quantisation costs accuracy");
  CHECK(loss.found.estimate.mean == Approx(-0.035)); // the mean of -0.02 and -0.05
  CHECK(loss.found.seeds == 3);
  CHECK(loss.found.images == images);
}

TEST_CASE("a world in which paper B is right", "[experiment]") {
  Maker m;
  m.fill(2, {0.95, 0.95, 0.946}, {0.20, 0.15, 0.12}, 0.95, 0.40);
  CHECK(m.verdict('B', "accuracy is kept") == Verdict::supported); // 0.2 points lost of the one
  CHECK(m.verdict('B', "more interpretable") == Verdict::supported);
  CHECK(m.verdict('B', "more efficient") == Verdict::supported);
  CHECK(m.verdict('A', "quantisation costs interpretability") == Verdict::not_supported);
  CHECK(m.claim('B', "more efficient").times_smaller == Approx(8));
  CHECK(m.claim('B', "more efficient").times_fewer_operations == Approx(64));
}

TEST_CASE("noise decides nothing, and neither does one seed", "[experiment]") {
  Maker noisy;
  noisy.fill(3, {0.95, 0.95, 0.95}, {0.2, 0.2, 0.2}, 0.95, 0.2, 0.5);
  CHECK(noisy.verdict('A', "quantisation costs accuracy") == Verdict::undecided);
  CHECK(noisy.verdict('A', "quantisation costs interpretability") == Verdict::undecided);
  Maker one;
  one.fill(1, {0.95, 0.90, 0.85}, {0.2, 0.3, 0.4}, 0.95, 0.2);
  CHECK(one.verdict('A', "quantisation costs accuracy") == Verdict::undecided);
}

TEST_CASE("other measures of the same maps are asked too", "[experiment]") {
  Maker m;
  m.fill(2, {0.95, 0.95, 0.95}, {0.20, 0.25, 0.30}, 0.95, 0.2);
  const Claim claim = m.claim('A', "quantisation costs interpretability");
  REQUIRE(claim.others.size() == 1); // random ranking's area less the maps'
  CHECK(claim.others[0].verdict == Verdict::supported);
}

TEST_CASE("masked accuracy decides, or nothing does", "[experiment]") {
  Maker m;
  m.fill(2, {0.95, 0.95, 0.95}, {0.20, 0.25, 0.30}, 0.95, 0.2);
  for (CellNumbers& cell : m.study.cells) { // another measure of the same maps is there
    cell.values["deletion"] = cell.values.at("masked_accuracy");
    cell.values.erase("masked_accuracy");
  }
  for (const Claim& c : decide_claims(m.study, {"mnist"}))
    CHECK(c.what.find("interpretab") == std::string::npos);
}

TEST_CASE("seeds pair with themselves only", "[experiment]") {
  Maker m;
  m.fill(2, {0.95, 0.93, 0.90}, {0.2, 0.2, 0.2}, 0.95, 0.2);
  m.add("fp32", true, 9, 0.1, 0.9); // without a partner
  const auto c = contrast(m.study, "mnist", "accuracy", {{"w4a4"}, true}, {{"fp32"}, true});
  REQUIRE(c);
  CHECK(c->seeds == 2);
  CHECK(c->estimate.mean == Approx(-0.02));
  CHECK_FALSE(contrast(m.study, "mnist", "accuracy", {{"w4a4"}, false}, {{"fp32"}, true}));
  CHECK_FALSE(level(m.study, "cifar-10", "accuracy", {{"fp32"}, true}));
}

TEST_CASE("the answer says what the claims say", "[experiment]") {
  Maker m;
  m.fill(3, {0.95, 0.93, 0.90}, {0.20, 0.25, 0.30}, 0.95, 0.22);
  const auto answers = make_answers(m.study, decide_claims(m.study, {"mnist"}), {"mnist"});
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].text.find("quantisation costs accuracy is **supported** on MNIST (\u22123.50") !=
        std::string::npos);
  CHECK(answers[1].text.find("within one point is **not supported** on MNIST") !=
        std::string::npos);
}

TEST_CASE("a drift by one measure is none by another, and both are said", "[experiment]") {
  Maker m;
  m.fill(3, {0.9, 0.9, 0.9}, {0.2, 0.2, 0.2}, 0.9, 0.2);
  const sgq::Random noise(3, 5);
  for (CellNumbers& cell : m.study.cells)
    for (index_t n = 0; n < images; ++n) {
      const bool few = cell.bits == "w2a2";
      cell.values["spearman"].push_back(0.7 + 0.1 * (noise.uniform(n) - 0.5) * (few ? 1 : -1));
      cell.values["pearson"].push_back(0.6 - (few ? 0.1 : 0) + 0.01 * noise.uniform(n));
      cell.values["cosine"].push_back(0.6 + (few ? 0.1 : 0));
    } // ssim and top_10_iou were not measured
  const Condition two_bits{{"w2a2"}, true};
  CHECK(others_beyond_seeds(m.study, "mnist", two_bits) == std::vector<std::string>{"Pearson"});
  CHECK(others_beyond_seeds(m.study, "mnist", {{"w4a4"}, true}).empty());
  const std::string text = make_answers(m.study, {}, {"mnist"})[2].text;
  CHECK(text.ends_with("within the noise between seeds; by Pearson it is beyond that."));
}

TEST_CASE("a paper without comparable cells says of which sets it speaks", "[experiment]") {
  const Study nothing;
  const auto answers = make_answers(nothing, {}, {});
  CHECK(answers[0].text.find("Fashion-MNIST") != std::string::npos);
  CHECK(answers[1].text.find("CIFAR-10") != std::string::npos);
}

TEST_CASE("numbers as they are printed", "[experiment]") {
  CHECK(number_of(0.1234, 3) == "0.123");
  CHECK(number_of(-0.1234, 3, true) == "\u22120.123");
  CHECK(number_of(0.1234, 2, true) == "+0.12");
  CHECK(number_of(-0.0001, 2, true) == "+0.00");
  CHECK(number_of(-0.0001, 2) == "0.00");
  CHECK(number_of(std::nan(""), 2) == "-");
}

} // namespace test_claims
