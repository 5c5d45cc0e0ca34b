#include "../../examples/experiment/short_answer.hpp"

#include "support/catch.hpp"

#include <deque>

namespace test_claims {

using namespace examples;

namespace {

/// What all images of a network have; seeds add a little noise of their own.
struct Numbers {
  double accuracy = 0.95, mass = 0.4, advantage = 0.1, blank = 0;
};

struct Maker {
  Study study{.dataset = "mnist"};
  std::deque<io::Json> rows{}; // networks point to them

  void add(const Arm& arm, std::uint64_t seed, const Numbers& n) {
    const bool real = arm.bits == "fp32";
    rows.push_back(io::Json::object(
        {{"packed_bytes", real ? 3200 : 400}, {"bit_operations", real ? 64000 : 1000}}));
    Network network{
        .bits = arm.bits, .training = arm.training, .variant = arm.variant, .seed = seed};
    for (const auto& [name, value] : {std::pair("accuracy", n.accuracy),
                                      {"relevance_mass_on_ink", n.mass},
                                      {"masked_advantage", n.advantage},
                                      {"blank_maps", n.blank},
                                      {"blank_gradients", n.blank}})
      network.evidence.numbers[name].assign(4, static_cast<float>(value));
    network.row = &rows.back();
    study.networks.push_back(std::move(network));
  }

  /// Seeds 1.. of an arm; `spread` is the distance of two neighbouring seeds.
  void fill(const Arm& arm, std::uint64_t seeds, const Numbers& n, double spread = 0.001) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const double shift = spread * (static_cast<double>(seed) - 0.5 * double(seeds + 1));
      add(arm, seed, {n.accuracy + shift, n.mass + 2 * shift, n.advantage + 3 * shift, n.blank});
    }
  }

  Claim claim(const std::string& id, const std::string& text) const {
    for (const Claim& c : decide_claims(study))
      if (c.question.id == id && c.question.claim.find(text) != std::string::npos) return c;
    FAIL("no claim " << id << ": " << text);
    return {};
  }
  Verdict verdict(const std::string& id, const std::string& text) const {
    return claim(id, text).verdict;
  }
};

const Arm plain{"fp32", how::plain}, real{"fp32", how::guided}, four{"w4a4", how::guided},
    two{"w2a2", how::guided};

} // namespace

TEST_CASE("accuracy: Student's t over the seeds' differences", "[experiment]") {
  Maker m;
  m.fill(real, 5, {.accuracy = 0.95});
  m.fill(four, 5, {.accuracy = 0.93}, 0.002);
  const Claim c = m.claim("A1", "w4a4");
  // Differences -.02 + .001 (-2, -1, 0, 1, 2): s = .001 sqrt(2.5), t_.975 of 4 degrees is 2.7764.
  CHECK(c.parts[0].found.seeds.mean == Approx(-0.02).epsilon(1e-4));
  const double half = 2.77645 * 0.001 * std::sqrt(2.5) / std::sqrt(5.0);
  CHECK(c.parts[0].found.seeds.high == Approx(-0.02 + half).epsilon(1e-3));
  CHECK(c.verdict == Verdict::supported);
  CHECK(c.p_against == 1);
  m.fill(two, 5, {.accuracy = 0.9});
  CHECK(m.verdict("A2", "two bits") == Verdict::supported);

  Maker gain; // the claim's other side
  gain.fill(real, 5, {.accuracy = 0.93});
  gain.fill(four, 5, {.accuracy = 0.95}, 0.002);
  CHECK(gain.verdict("A1", "w4a4") == Verdict::refuted);
}

TEST_CASE("fewer than three common seeds: no verdict, the number alone", "[experiment]") {
  Maker m;
  m.fill(real, 5, {.accuracy = 0.95});
  m.fill(four, 2, {.accuracy = 0.5});
  const Claim c = m.claim("A1", "w4a4");
  CHECK(c.verdict == Verdict::none);
  CHECK(c.seeds() == 2);
  CHECK(c.parts[0].found.seeds.mean == Approx(-0.4485).epsilon(1e-4)); // paired
  CHECK(m.verdict("A3", "w4a4") == Verdict::none);

  Maker disjoint; // as many networks, but no seed in common
  for (std::uint64_t seed : {1u, 2u, 3u}) disjoint.add(real, seed, {});
  for (std::uint64_t seed : {4u, 5u, 6u}) disjoint.add(four, seed, {});
  CHECK(decide_claims(disjoint.study).empty());
  disjoint.add(four, 1, {});
  CHECK(disjoint.claim("A1", "w4a4").seeds() == 1);
}

TEST_CASE("claims without networks are not asked", "[experiment]") {
  Maker m;
  CHECK(decide_claims(m.study).empty());
  m.fill(plain, 3, {});
  CHECK(decide_claims(m.study).empty());
  m.fill(four, 3, {});
  std::vector<std::string> ids;
  for (const Claim& c : decide_claims(m.study)) ids.push_back(c.question.id);
  CHECK(ids == std::vector<std::string>{"B1", "B2", "B3"});
}

TEST_CASE("the rule for maps wants both measures", "[experiment]") {
  const auto verdict = [](double mass, double advantage) {
    Maker m;
    m.fill(plain, 5, {});
    m.fill(four, 5, {.mass = mass, .advantage = advantage}, 0.002);
    return m.verdict("B3", "w4a4");
  };
  CHECK(verdict(0.5, 0.2) == Verdict::supported);
  CHECK(verdict(0.3, 0.05) == Verdict::refuted);
  CHECK(verdict(0.5, 0.05) == Verdict::mixed);
  CHECK(verdict(0.5, 0.1) == Verdict::mixed); // better, and nothing to see
  CHECK(verdict(0.4, 0.1) == Verdict::undecided);
  CHECK(verdict(0.3, 0.1) == Verdict::undecided); // worse, and nothing to see
  CHECK(verdict(0.4, 0.05) == Verdict::undecided);
}

TEST_CASE("mixed says which part is better and which is worse", "[experiment]") {
  const auto words = [](double mass, double advantage) {
    Maker m;
    m.fill(plain, 5, {});
    m.fill(four, 5, {.mass = mass, .advantage = advantage}, 0.002);
    const Claim c = m.claim("B3", "w4a4");
    CHECK(c.verdict == Verdict::mixed);
    return verdict_cell(c).small;
  };
  CHECK(words(0.5, 0.05) == "mass on ink is better, masked-accuracy advantage is worse");
  CHECK(words(0.3, 0.2) == "mass on ink is worse, masked-accuracy advantage is better");
  CHECK(words(0.5, 0.1) == "mass on ink is better, masked-accuracy advantage is open");
  CHECK(words(0.4, 0.2) == "mass on ink is open, masked-accuracy advantage is better");
}

TEST_CASE("better maps are better, whichever way a claim goes", "[experiment]") {
  const auto verdict = [](double mass, double advantage) {
    Maker m;
    m.fill(real, 5, {});
    m.fill(four, 5, {.mass = mass, .advantage = advantage}, 0.002);
    return m.verdict("A3", "w4a4");
  };
  CHECK(verdict(0.5, 0.1) == Verdict::mixed);
  CHECK(verdict(0.3, 0.1) == Verdict::undecided);
}

TEST_CASE("a part that has numbers of too few seeds decides nothing", "[experiment]") {
  Maker m;
  m.fill(plain, 5, {});
  m.fill(four, 5, {.mass = 0.5, .advantage = 0.2}, 0.002);
  for (Network& n : m.study.networks)
    if (n.bits == "w4a4" && n.seed > 2)
      n.evidence.numbers["masked_advantage"].assign(4, std::nanf(""));
  const Claim c = m.claim("B3", "w4a4");
  CHECK(c.seeds() == 2);
  CHECK(c.tests() == 0);
  CHECK(c.verdict == Verdict::none);
}

TEST_CASE("a claim of worse maps is supported where both are worse", "[experiment]") {
  Maker m;
  m.fill(real, 5, {});
  m.fill(four, 5, {.mass = 0.3, .advantage = 0.05}, 0.002);
  m.fill(two, 5, {.mass = 0.5, .advantage = 0.3}, 0.002);
  CHECK(m.verdict("A3", "w4a4") == Verdict::supported);
  CHECK(m.verdict("A3", "w2a2") == Verdict::refuted);
  CHECK(m.verdict("A4", "two bits") == Verdict::refuted);
}

TEST_CASE("the larger p of both parts counts, in each direction", "[experiment]") {
  Maker m;
  m.fill(plain, 5, {});
  m.fill(four, 5, {.mass = 0.403, .advantage = 0.2}, 0.002);
  const Claim c = m.claim("B3", "w4a4");
  REQUIRE(c.parts.size() == 2);
  CHECK(c.p_for == std::max(c.parts[0].found.seeds.p, c.parts[1].found.seeds.p));
  CHECK(c.p_for == c.parts[0].found.seeds.p);
  CHECK(c.p_against == 1);
}

TEST_CASE("accuracy is kept to within the margin of the set", "[experiment]") {
  CHECK(kept_margin("mnist") == 0.003);
  CHECK(kept_margin("cifar-10") == 0.01);
  const auto verdict = [](double lost, double spread) {
    Maker m;
    m.fill(plain, 5, {.accuracy = 0.99});
    m.fill(four, 5, {.accuracy = 0.99 - lost}, spread);
    return m.verdict("B1", "w4a4");
  };
  CHECK(verdict(0.001, 0.0012) == Verdict::supported);
  CHECK(verdict(0.01, 0.0012) == Verdict::refuted);
  CHECK(verdict(0.003, 0.002) == Verdict::undecided);

  Maker m; // differences -.001 + .001 (-2, -1, 0, 1, 2); t_.95 of 4 degrees is 2.1318
  m.fill(plain, 5, {.accuracy = 0.99});
  m.fill(four, 5, {.accuracy = 0.989}, 0.002);
  const Claim c = m.claim("B1", "w4a4");
  CHECK(c.bound == Approx(-0.001 - 2.13185 * 0.001 * std::sqrt(2.5 / 5)).epsilon(1e-3));
  CHECK(c.p_for + c.p_against == Approx(1));
  CHECK(p_text(0.9997) == "p = 1.000");
  CHECK(p_text(0.0301) == "p = .030");
}

TEST_CASE("an open claim says how many seeds it would need", "[experiment]") {
  Maker m;
  m.fill(real, 5, {.accuracy = 0.95});
  m.fill(four, 5, {.accuracy = 0.949}, 0.003); // -.001, s = .00316
  const Claim c = m.claim("A1", "w4a4");
  CHECK(c.verdict == Verdict::undecided);
  REQUIRE(c.seeds_needed);
  // Of four tests the first needs p < .05 / 4: (z_.99375 + z_.8)^2 s^2 / mean^2 = 111.5, and a few
  // more for t.
  CHECK(*c.seeds_needed > 111);
  CHECK(*c.seeds_needed < 120);
}

TEST_CASE("more seeds do not decide a claim whose measures point opposite ways", "[experiment]") {
  Maker m;
  m.fill(plain, 5, {});
  m.fill(four, 5, {.mass = 0.3999, .advantage = 0.1001}, 0.003);
  const Claim c = m.claim("B3", "w4a4");
  CHECK(c.verdict == Verdict::undecided);
  CHECK_FALSE(c.seeds_needed);
  CHECK(verdict_cell(c).small.ends_with("; the measures point opposite ways"));
}

TEST_CASE("Holm's correction goes over all tests of the set", "[experiment]") {
  Maker m;
  m.fill(real, 5, {.accuracy = 0.95});
  m.fill(four, 5, {.accuracy = 0.947, .mass = 0.41, .advantage = 0.12}, 0.003);
  const auto claims = decide_claims(m.study);
  std::vector<double> p; // A1: one; A3: a direction each; E: one
  for (const Claim& c : claims) {
    if (c.question.rule == Rule::maps)
      p.insert(p.end(), {c.p_for, c.p_against});
    else
      p.push_back(std::min(c.p_for, c.p_against));
  }
  REQUIRE(p.size() == 4);
  std::sort(p.begin(), p.end());
  const Claim first = *std::min_element(claims.begin(), claims.end(), [](auto& a, auto& b) {
    return std::min(a.p_for, a.p_against) < std::min(b.p_for, b.p_against);
  });
  CHECK(std::min(first.corrected_for, first.corrected_against) == Approx(4 * p[0]));
}

TEST_CASE("a cure is compared with what it should cure", "[experiment]") {
  Maker m;
  m.fill(plain, 5, {});
  m.fill(real, 5, {});
  m.fill(two, 5, {.blank = 0.5});
  m.fill({"w2a2", how::guided, "", cure::pact_plus}, 3, {.blank = 0.1});
  m.fill({"w2a2", how::guided, "", cure::late_clips}, 3, {.blank = 0.9});
  const Claim cured = m.claim("E", "PACT+"), worse = m.claim("E", "late clips");
  CHECK(cured.seeds() == 3);
  CHECK(cured.parts[0].found.seeds.mean == Approx(-0.4));
  CHECK(cured.verdict == Verdict::supported);
  CHECK(worse.parts[0].found.seeds.mean == Approx(0.4));
  CHECK(worse.verdict == Verdict::refuted);
  CHECK(cured.parts[0].measure == "blank_gradients"); // of all test images
  CHECK(m.claim("A1", "w2a2").seeds() == 5);          // the grid is without variants
}

TEST_CASE("the tests of a set with all its networks", "[experiment]") {
  const auto tests = [](const std::string& dataset) {
    Maker m;
    m.study.dataset = dataset;
    for (const Condition& c : make_plan(dataset, "full").conditions)
      m.fill({c.bits, c.training, "", c.variant}, c.seeds, {});
    for (Network& n : m.study.networks) {
      auto& numbers = n.evidence.numbers;
      const std::string second = second_measure_of(dataset);
      numbers[second] = numbers["relevance_mass_on_ink"];
      for (const std::string& map : {std::string("smoothgrad."),
                                     std::string("integrated-gradients."), std::string("leaky.")})
        for (const std::string& measure :
             {second, std::string("masked_advantage"), std::string("blank_maps")})
          numbers[map + measure] = numbers[measure];
    }
    return number_of_tests(decide_claims(m.study)); // but for the four of drift
  };
  CHECK(tests("mnist") == 33);
  CHECK(tests("fashion-mnist") == 35);
  CHECK(tests("cifar-10") == 29);
  CHECK(tests("synthetic") == 33);
}

TEST_CASE("smaller and fewer operations are counted", "[experiment]") {
  Maker m;
  m.fill(plain, 1, {});
  m.fill(four, 1, {});
  const Claim c = m.claim("B2", "w4a4");
  CHECK(c.verdict == Verdict::supported); // one network says it
  CHECK(c.times_smaller == 8);
  CHECK(c.times_fewer_operations == 64);
}

TEST_CASE("the share of blank maps, and equal networks", "[experiment]") {
  Maker m;
  m.fill(real, 3, {});
  for (std::uint64_t seed : {1u, 2u, 3u})
    m.add(two, seed, {.blank = 0.1 + 0.001 * static_cast<double>(seed)});
  CHECK(m.verdict("E", "guided w2a2") == Verdict::supported);
  m.fill(four, 3, {}); // no blank map anywhere: a difference of 0 without any spread
  const Claim none = m.claim("E", "guided w4a4");
  CHECK(none.verdict == Verdict::undecided);
  CHECK_FALSE(none.seeds_needed);
  CHECK(claims_table({none}).rows[0][1].small == "the same in every network");
  const Table one_line = claims_table({none, none}, true);
  REQUIRE(one_line.rows.size() == 1);
  CHECK(one_line.rows[0][0].text == "E: blank maps, 2 claims");
  CHECK(one_line.caption.find("2 tests of this page, 2 of them about blank maps, though") !=
        std::string::npos);
  CHECK(claims_table({none}).caption.find("1 tests of this page;") != std::string::npos);
}

TEST_CASE("blank maps of other methods are compared on the explained images", "[experiment]") {
  Maker m;
  m.fill(two, 3, {.blank = 0.5});
  for (Network& n : m.study.networks) {
    n.evidence.numbers["integrated-gradients.blank_maps"].assign(4, 0.25f);
    n.evidence.numbers["blank_gradients"].assign(9, 1.0f);
  }
  const Claim c = m.claim("E", "integrated gradients");
  CHECK(c.parts[0].measure == "blank_maps");
  CHECK(c.parts[0].found.seeds.mean == Approx(-0.25));
}

TEST_CASE("rivals are other maps of plain networks", "[experiment]") {
  Maker m;
  m.fill(real, 5, {.mass = 0.5, .advantage = 0.2}, 0.002);
  m.fill(plain, 5, {});
  for (Network& n : m.study.networks)
    if (n.training == how::plain) {
      n.evidence.numbers["smoothgrad.relevance_mass_on_ink"].assign(4, 0.6f);
      n.evidence.numbers["smoothgrad.masked_advantage"].assign(4, 0.3f);
    }
  CHECK(m.verdict("C2", "SmoothGrad") == Verdict::refuted);
}

TEST_CASE("a map that is 0 on black has mass on ink by construction: the page says so",
          "[experiment]") {
  const auto note = [](const std::string& dataset) {
    for (const Question& q : detail::questions_of_rivals(dataset))
      if (q.claim.find("integrated gradients") != std::string::npos) return q.note;
    return std::string("no such question");
  };
  CHECK(note("mnist").find("exactly 0 on black") != std::string::npos);
  CHECK(note("fashion-mnist") == note("mnist"));
  CHECK(note("synthetic").find("brighter than most") != std::string::npos); // dim, not black
  CHECK(note("cifar-10").find("have a sign") != std::string::npos);
  const Claim c{.question = {.claim = "better", .rule = Rule::maps, .note = "but note"},
                .parts = std::vector<Part>(1)};
  CHECK(claims_table({c}).rows[0][0].small == "but note");
}

TEST_CASE("the short answer has a line for each verdict on a question", "[experiment]") {
  Maker m;
  m.fill(plain, 5, {});
  m.fill(four, 5, {.mass = 0.5, .advantage = 0.2});
  m.fill(two, 5, {.accuracy = 0.9, .mass = 0.5, .advantage = 0.05});
  const auto claims = decide_claims(m.study);
  CHECK(
      detail::verdict_lines(claims, "B") ==
      std::vector<std::string>{
          "**supported**: accuracy is kept, w4a4 (+0.00 [+0.00,\u00a0+0.00] points)",
          "**refuted**: accuracy is kept, w2a2 (\u22125.00 [\u22125.00,\u00a0\u22125.00] points)",
          "**supported**: smaller, fewer operations, w4a4 (8.0 times smaller), w2a2 (8.0 times "
          "smaller)",
          "**supported**: more interpretable, w4a4 (mass on ink +0.100; masked-accuracy advantage "
          "+0.100)",
          "**mixed**: more interpretable, w2a2 (mass on ink +0.100, better; masked-accuracy "
          "advantage \u22120.050, worse)"});
  const auto words = [](Verdict verdict, double p_for, double p_against) {
    return detail::verdict_words({.p_for = p_for, .p_against = p_against, .verdict = verdict});
  };
  CHECK(words(Verdict::undecided, 0.01, 1) == "**undecided**, leaning yes");
  CHECK(words(Verdict::undecided, 1, 0.01) == "**undecided**, leaning no");
  CHECK(words(Verdict::undecided, 0.1, 1) == "**undecided**");
  CHECK(words(Verdict::mixed, 0.01, 1) == "**mixed**");
  CHECK(detail::without_bits("two bits cost more accuracy than four").second.empty());
  CHECK(detail::without_bits("quantised networks look elsewhere, plain w4a4").second ==
        "plain w4a4");
}

TEST_CASE("drift is tested by the jackknife over seeds", "[experiment]") {
  const auto row = [](double quantised, std::size_t seeds, bool hole = false) {
    io::Json q = io::Json::array(), f = io::Json::array();
    for (std::size_t i = 0; i < seeds; ++i) {
      io::Json q_line = io::Json::array(), f_line = io::Json::array();
      for (std::size_t j = 0; j < seeds; ++j) {
        const double noise = 0.002 * static_cast<double>((3 * i + 5 * j) % 7);
        const bool none = i == j /* not read */ || (hole && i == 1 && j == 3);
        q_line.push_back(none ? io::Json() : io::Json(quantised + noise));
        f_line.push_back(i == j ? 1.0 : 0.7 + 0.001 * static_cast<double>((i * j) % 5));
      }
      q.push_back(std::move(q_line)), f.push_back(std::move(f_line));
    }
    const io::Json matrices = io::Json::object({{"quantised", q}, {"reference", f}});
    return io::Json::object({{"bits", "w2a2"},
                             {"training", "guided"},
                             {"similarity", io::Json::object({{"spearman", matrices}})}});
  };
  Maker m;
  m.study.drift = {row(0.5, 5)};
  CHECK(m.verdict("D", "guided w2a2") == Verdict::supported);
  CHECK(m.claim("D", "guided w2a2").parts[0].found.seeds.mean == Approx(-0.2).margin(0.01));
  m.study.drift = {row(0.9, 5)};
  CHECK(m.verdict("D", "guided w2a2") == Verdict::refuted);
  m.study.drift = {row(0.5, 2)};
  CHECK(m.verdict("D", "guided w2a2") == Verdict::none);
  // Where one pair of seeds has no image that neither map is blank on, there is nothing to test.
  m.study.drift = {row(0.5, 5), row(0.5, 5, true)};
  const std::vector<Claim> claims = decide_claims(m.study);
  CHECK(std::count_if(claims.begin(), claims.end(),
                      [](const Claim& c) { return c.question.rule == Rule::drift; }) == 1);
}

} // namespace test_claims
