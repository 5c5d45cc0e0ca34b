// What the page says beside its verdicts: facts, words, gains, blank maps, notes on claims, links.
#include "../../examples/experiment/report.hpp"

#include "support/catch.hpp"

#include <deque>

namespace test_page {

using namespace examples;

namespace {

/// What all images of a network have.
struct Numbers {
  double accuracy = 1, mass = 0.4, advantage = 0.1;
};

struct Maker {
  explicit Maker(std::string dataset = "fashion-mnist") : study{.dataset = std::move(dataset)} {}

  Study study;
  std::deque<io::Json> rows{}; // networks point to them

  /// A network of four images; `blank` of them are the first ones.
  void add(const Arm& arm, std::uint64_t seed, const Numbers& n, int blank = 0) {
    const bool longer = arm.training == how::equal_compute, photos = study.dataset == "cifar-10",
               plain = arm.training == how::plain;
    rows.push_back(io::Json::object(
        {{"net", photos ? "resnet20" : "mnist_cnn"},
         {"epochs", longer ? 12 : 6},
         {"train_images", 60000},
         {"test_images", 10000},
         {"packed_bytes", 1},
         {"bit_operations", 1},
         {"options",
          io::Json::object({{"alpha_quantile", photos && arm.bits == "w2a2" ? "0.95" : "0.999"}})},
         {"run", io::Json::object({{"forward_passes", plain ? 3000 : 6000}})}}));
    if (photos) rows.back()["options"]["protocol"] = "holdout";
    Network network{
        .bits = arm.bits, .training = arm.training, .variant = arm.variant, .seed = seed};
    const char* second = second_measure_of(study.dataset);
    for (const auto& [name, value] : {std::pair("accuracy", n.accuracy),
                                      {second, n.mass},
                                      {"masked_advantage", n.advantage},
                                      {"blank_maps", 0.0},
                                      {"blank_gradients", 0.0}}) {
      const bool varies = arm.bits != "fp32" && (name == second || name[0] == 'm');
      const double shift = varies ? 0.001 * (static_cast<double>(seed) - 2) : 0;
      network.evidence.numbers[name].assign(4, static_cast<float>(value + shift));
    }
    for (int i = 0; i < blank; ++i)
      for (const char* name : {"blank_maps", "blank_gradients"})
        network.evidence.numbers[name][static_cast<std::size_t>(i)] = 1;
    network.row = &rows.back();
    study.networks.push_back(std::move(network));
  }
  void fill(const Arm& arm, std::uint64_t seeds, const Numbers& n, int blank = 0) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) add(arm, seed, n, blank);
  }
};

const Arm plain{"fp32", how::plain}, guided{"fp32", how::guided}, control{"fp32", how::random_mask},
    longer{"fp32", how::equal_compute}, four{"w4a4", how::guided}, two{"w2a2", how::guided};

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

/// What an attribute is of each mean that a chart draws.
std::vector<double> of_means(const std::string& svg, const std::string& attribute) {
  std::vector<double> found;
  for (std::size_t at = svg.find("<circle"); at != svg.npos; at = svg.find("<circle", at + 1)) {
    const std::string circle = svg.substr(at, svg.find("/>", at) - at), name = attribute + "=\"";
    if (says(circle, "var(--page"))
      found.push_back(std::strtod(circle.c_str() + circle.find(name) + name.size(), nullptr));
  }
  return found;
}

/// The notes on the claims of that name, in a row.
std::string notes(Maker& m, const std::string& id, const std::vector<io::Json>& choice = {}) {
  std::vector<Claim> claims = decide_claims(m.study);
  add_notes(claims, m.study, choice);
  std::string all;
  for (const Claim& c : claims)
    if (c.question.id == id) all += c.question.note;
  return all;
}

/// The second stage of a choice: a recipe whose maps are those of plain training, 0.4, in fp32, and
/// `mean` in w4a4.
std::vector<io::Json> stage_2(double mean) {
  std::vector<io::Json> choice;
  for (const char* recipe : {"", "-lambda-1-detached-share-0.5-whole"})
    for (const int seed : {101, 102})
      for (const char* bits : {"fp32", "w4a4"})
        choice.push_back(io::Json::object(
            {{"variant", std::string("stage-2") + recipe},
             {"bits", bits},
             {"seed", seed},
             {"validation_accuracy", 0.9},
             {"second_measure",
              io::Json::object({{"name", "relevance_mass_on_ink"},
                                {"mean", *recipe && *bits == 'w' ? mean : 0.4}})}}));
  return choice;
}

} // namespace

TEST_CASE("the facts name the epochs of equal compute, and what was tested on", "[experiment]") {
  Maker m;
  m.fill(plain, 3, {});
  CHECK(says(detail::facts_of(m.study),
             "(`mnist_cnn`, 6 epochs, 60,000 training and 10,000 test images) on"));
  m.fill(longer, 1, {});
  CHECK(says(detail::facts_of(m.study), "test images; those of equal compute 12 epochs) on"));
  CHECK(detail::protocol_text(m.study).empty());
  Maker photos("cifar-10");
  photos.fill(plain, 1, {});
  CHECK(says(detail::protocol_text(photos.study), "the official test images are not used"));
}

TEST_CASE("words are explained where there are such networks", "[experiment]") {
  Maker m;
  m.fill(plain, 3, {});
  CHECK_FALSE(says(detail::terms_of(m.study), "forward passes"));
  m.fill(guided, 3, {});
  CHECK(says(detail::terms_of(m.study), "Guided training costs 2.0 times the forward passes"));
  m.fill(control, 3, {});
  CHECK(says(detail::terms_of(m.study),
             "Guided and random-mask training cost 2.0 times the forward "
             "passes of plain training; this set has no control"));
  for (const char* word : {"w4a2", "layerwise", "equal compute"})
    CHECK_FALSE(says(detail::terms_of(m.study), word));
  m.fill(longer, 1, {});
  for (const char* bits : {"w4a2", "w2a4", "layerwise-4-2"}) m.fill({bits, how::plain}, 1, {});
  for (const char* word : {"w4a2", "w2a4", "layerwise-4-2", "equal compute"})
    CHECK(says(detail::terms_of(m.study), word));
  CHECK_FALSE(says(detail::terms_of(m.study), "has no control"));
}

TEST_CASE("equal compute has a colour and a name of its own in charts", "[experiment]") {
  Maker m;
  for (const Arm& arm : {plain, guided, control, longer}) m.fill(arm, 3, {});
  const GlanceChart glance = glance_chart(m.study, "masked_advantage");
  REQUIRE(glance.legend.size() == 4);
  CHECK(glance.legend[3] == std::pair<std::string, std::string>("longer", longer_color));
  CHECK(glance.points[3].name == "fp32");
  const IntervalChart bits = bits_chart(m.study, "accuracy", "%", 100);
  REQUIRE(bits.series.size() == 4);
  CHECK(bits.series[3].color == longer_color);
}

TEST_CASE("charts have more above, and more lost at the right", "[experiment]") {
  const auto level = [](double v) { return Level{{v, v, v, 1, 0, 3, 0}, {v}}; };
  IntervalChart bars{.categories = {"one", "two"}};
  bars.series.push_back({"mean", plain_color, {level(1), level(2)}});
  const auto heights = of_means(to_svg(bars), "cy");
  REQUIRE(heights.size() == 2);
  CHECK(heights[1] < heights[0]);
  GlanceChart glance;
  glance.points = {{"few", plain_color, {1}, {3}}, {"many", guided_color, {2}, {4}}};
  const auto x = of_means(to_svg(glance), "cx"), y = of_means(to_svg(glance), "cy");
  REQUIRE(x.size() == 2);
  CHECK(x[0] < x[1]);
  CHECK(y[1] < y[0]);
}

TEST_CASE("gains are over plain networks of the same bits", "[experiment]") {
  Maker m;
  m.fill(plain, 3, {.mass = 0.4});
  m.fill({"w4a4", how::plain}, 3, {.mass = 0.3});
  m.fill(guided, 3, {.mass = 0.5});
  m.fill(four, 3, {.mass = 0.35});
  m.fill({"w2a2", how::guided}, 3, {.mass = 0.35}); // nothing to compare with
  const Table t = gains_table(m.study);
  REQUIRE(t.rows.size() == 2);
  CHECK(t.rows[0][0].text == "fp32, guided");
  CHECK(t.rows[0][3].text == "+0.100");
  CHECK(t.rows[1][3].text == "+0.050");
}

TEST_CASE("C1 says where there is no gain that could have an origin", "[experiment]") {
  const auto note = [](double mass, double advantage, const std::vector<io::Json>& choice = {}) {
    Maker m;
    m.fill(plain, 3, {});
    m.fill(guided, 3, {.mass = mass, .advantage = advantage});
    m.fill(control, 3, {});
    return notes(m, "C1", choice);
  };
  CHECK_FALSE(says(note(0.5, 0.2), "no gain"));
  CHECK(says(note(0.4, 0.2), "no gain over plain networks is shown in mass on ink)"));
  CHECK(says(note(0.3, 0.05), "shown in mass on ink and masked-accuracy advantage)"));
  const std::vector<io::Json> choice = stage_2(0.3);
  CHECK(says(note(0.5, 0.2, choice), "on validation images the recipe gained nothing"));
  const Table t = choice_table(choice, 2);
  CHECK(t.head[2] == "mass on ink gained");
  CHECK(t.rows[0][2].text == "\u22120.0500");
  CHECK(t.rows[0][2].small == "fp32 alone +0.0000");
}

TEST_CASE("claims about maps say where a random map would do better", "[experiment]") {
  const auto note = [](double mean) {
    Maker m;
    m.fill(guided, 3, {.advantage = mean});
    m.fill(two, 3, {.advantage = -0.1});
    return notes(m, "A3");
  };
  CHECK(says(note(0.1), "below 0 is the advantage of w2a2, guided: a random map would do better"));
  CHECK(says(note(-0.2), "of w2a2, guided and of fp32, guided: a random map"));
}

TEST_CASE("the recipe's gain on validation images is said", "[experiment]") {
  Maker m;
  m.fill(plain, 3, {});
  const Setting setting{.chosen_with = "lenet5", .choice = stage_2(0.424)};
  CHECK(says(detail::recipe_text(m.study, setting), "There it gained 0.012 in mass on ink."));
}

TEST_CASE("claims say what a set does otherwise", "[experiment]") {
  Maker photos("cifar-10"), digits("mnist"), clothes;
  for (Maker* m : {&photos, &digits, &clothes})
    for (const Arm& arm : {plain, guided, four, two}) m->fill(arm, 3, {});
  CHECK(notes(photos, "A2") == "(clips start at other quantiles: 99.9 % in w4a4, 95.0 % in w2a2)");
  CHECK(says(notes(photos, "A4"), "95.0 % in w2a2"));
  CHECK(notes(photos, "A1").empty());
  CHECK(notes(clothes, "A2").empty());
  CHECK(says(notes(photos, "B3"), "no ground truth"));
  CHECK(notes(clothes, "B3").empty());
  CHECK(says(notes(digits, "B1"), "a loss of 0.5 points, more than this margin"));
  CHECK(notes(clothes, "B1").empty());
}

TEST_CASE("differences stand beside what they are without blank maps", "[experiment]") {
  Maker m;
  m.fill(plain, 3, {.mass = 0.4});
  m.fill(four, 3, {.mass = 0.5}, 1);
  for (Network& n : m.study.networks)
    if (n.bits == "w4a4") n.evidence.numbers["relevance_mass_on_ink"][0] -= 0.4f;
  const auto claims = decide_claims(m.study);
  const auto b3 = std::find_if(claims.begin(), claims.end(),
                               [](const Claim& c) { return c.question.id == "B3"; });
  REQUIRE(b3 != claims.end());
  CHECK(b3->parts[0].found.seeds.mean == Approx(0).margin(1e-6));
  REQUIRE(b3->parts[0].without_blank);
  CHECK(b3->parts[0].without_blank->mean == Approx(0.1));
  CHECK(says(part_cell(b3->parts[0]).small, "; without blank maps +0.100 [+0.098"));
  CHECK(says(direction_text(claims), "B3, w4a4, guided \u2212 fp32, plain: mass on ink is open, "
                                     "without them better."));
  Maker none;
  none.fill(plain, 3, {});
  none.fill(four, 3, {});
  REQUIRE_FALSE(decide_claims(none.study).empty());
  for (const Claim& c : decide_claims(none.study))
    for (const Part& part : c.parts) CHECK_FALSE(part.without_blank);
  CHECK(direction_text(decide_claims(none.study)).empty());
}

TEST_CASE("seeds that all differ by the same say so", "[experiment]") {
  const auto small_text = [](const Maker& m) { // of the first claim A1
    for (const Claim& c : decide_claims(m.study))
      if (c.question.id == "A1") return found_cell(c).small;
    throw std::runtime_error("no claim A1");
  };
  Maker m;
  m.fill(guided, 3, {});
  m.fill(two, 3, {.accuracy = 0.75});
  CHECK(says(small_text(m), "no spread between seeds"));
  Maker same;
  same.fill(guided, 3, {});
  same.fill(two, 3, {});
  CHECK_FALSE(says(small_text(same), "no spread"));
}

TEST_CASE("images with blank gradients have an accuracy of their own", "[experiment]") {
  Maker m;
  m.fill(plain, 1, {});
  m.fill(two, 2, {}, 1);
  for (Network& n : m.study.networks) n.evidence.numbers["accuracy"][3] = 0;
  const Table t = blank_table(m.study);
  REQUIRE(t.rows.size() == 2);
  CHECK(t.rows[0][3].text == "-");
  CHECK(t.rows[1][2].text == "25.00");
  CHECK(t.rows[1][3].text == "100.00");
  CHECK(t.rows[1][3].small == "2 of 2");
  CHECK(t.rows[1][4].text == "66.67");
  CHECK(t.rows[1][4].small == "4 of 6");
}

TEST_CASE("cures are judged by maps, too", "[experiment]") {
  Maker m;
  m.fill(two, 3, {.mass = 0.4});
  m.fill({"w2a2", how::guided, "", cure::late_clips}, 3, {.mass = 0.3});
  const Table t = variant_table(m.study, 37);
  CHECK(t.head[6] == "mass on ink");
  CHECK(t.rows.at(0)[7].text == "\u22120.100");
  CHECK(says(t.caption, "With 3 seeds a verdict, as the first test in Holm's order, needs a mean "
                        "difference of about 16 standard deviations."));
}

TEST_CASE("networks beside the plan do not stand for one that it lacks", "[experiment]") {
  const std::vector<Cell> cells = make_cells(make_plan("mnist", "smoke"));
  std::vector<io::Json> rows;
  for (std::size_t i = 1; i < cells.size(); ++i)
    rows.push_back(io::Json::object({{"cell", cells[i].key()}}));
  for (const char* other : {"mnist/lenet5/w2a2/plain/seed-2", "mnist/lenet5/w4a4/plain/seed-1"})
    rows.push_back(io::Json::object({{"cell", other}}));
  Study study{.dataset = "mnist"};
  CHECK(count_missing(study, cells) == cells.size());
  for (const io::Json& row : rows) study.networks.push_back({.row = &row});
  CHECK(study.networks.size() > cells.size());
  CHECK(count_missing(study, cells) == 1);
}

TEST_CASE("texts may have links, beside brackets of intervals", "[experiment]") {
  CHECK(detail::html_text("a [1, 2] [docs](../x.md), [3, 4] **b**") ==
        "a [1, 2] <a href=\"../x.md\">docs</a>, [3, 4] <strong>b</strong>");
  CHECK(detail::html_text("[1, 2] (three)") == "[1, 2] (three)");
  CHECK(anchor_of("Do they look elsewhere?") == "do-they-look-elsewhere");
  CHECK(anchor_of("Size, speed, errors") == "size-speed-errors");
}

} // namespace test_page
