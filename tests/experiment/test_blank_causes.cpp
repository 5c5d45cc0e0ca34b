#include "../../examples/experiment/blank_causes.hpp"
#include "../../examples/experiment/blank_tables.hpp"

#include "support/catch.hpp"

namespace test_blank_causes {

using namespace examples;

namespace {

/// A rectifier on two images of 2 x 2 pixels, and two classes. The second image is dark: its pixels
/// are at or below the mean of the grid, 100.
/// A clip of 0 asks for a ReLU.
Subject subject(double clip) {
  const QuantParams grid{0.01f, {100}};
  nn::Net<float> net({1, 2, 2});
  if (clip > 0)
    net.add("act", nn::Pact<float>({.bits = 4, .alpha = clip}));
  else
    net.add("act", nn::Relu<float>());
  net.add("flatten", nn::Flatten<float>());
  net.add("fc", nn::Linear<float>({.in = 4, .out = 2}));
  nn::initialize(net, 1);
  data::Dataset set{.name = "two", .classes = 2, .class_names = {"a", "b"}, .grid = grid};
  set.images = Tensor<std::uint8_t>({2, 1, 2, 2});
  const std::uint8_t pixels[] = {90, 150, 200, 250, 100, 90, 80, 0};
  std::copy(std::begin(pixels), std::end(pixels), set.images.begin());
  set.labels = {0, 1};
  return Subject({std::move(net), {}, grid}, set, 2);
}

} // namespace

TEST_CASE("gates are counted, and images whose gradient ends there", "[experiment]") {
  Subject s = subject(0);
  const auto gates = measure_gates(s);
  REQUIRE(gates.size() == 1);
  CHECK(gates[0].layer == "act");
  // The second image's map is blank.
  const GateShares &blank = gates[0].blank, &others = gates[0].others;
  CHECK(blank.images == 1);
  CHECK(blank.at_zero == 1);
  CHECK(blank.inside == 0);
  CHECK(blank.at_alpha == 0);
  CHECK(blank.gone == 0); // the weights of the last layer are not 0
  CHECK(blank.gone_below == 1);
  CHECK(others.images == 1);
  CHECK(others.at_zero == 1.0 / 4);
  CHECK(others.inside == 3.0 / 4);
  CHECK(others.at_alpha == 0);
  CHECK(others.gone == 0);
  CHECK(others.gone_below == 0);
}

TEST_CASE("a clip closes gates from above", "[experiment]") {
  Subject s = subject(1.0); // 0.5 is inside; 1.0 and 1.5 are at the clip
  const auto gates = measure_gates(s);
  CHECK(gates[0].others.at_zero == 1.0 / 4);
  CHECK(gates[0].others.inside == 1.0 / 4);
  CHECK(gates[0].others.at_alpha == 2.0 / 4);
  Subject low = subject(0.25); // below all that is above 0
  const LayerGates closed = measure_gates(low)[0];
  CHECK(closed.blank.images == 2);
  CHECK(closed.blank.at_zero == 5.0 / 8);
  CHECK(closed.blank.at_alpha == 3.0 / 8);
  CHECK(closed.blank.gone_below == 1);
  CHECK(closed.others.images == 0);
  CHECK(std::isnan(closed.others.inside));
}

TEST_CASE("blank gradients are counted over all images of a set", "[experiment]") {
  Subject s = subject(0);
  data::Dataset two{.name = "two", .classes = 2, .class_names = {"a", "b"}, .grid = s.model.input};
  two.images.copy_from(s.images.codes);
  two.labels = s.images.labels;
  std::vector<index_t> order; // more than one part of 500
  for (index_t i = 0; i < 1201; ++i) order.push_back(i % 3 == 0);
  const auto blank = blank_gradients(s.model, data::subset(two, order));
  REQUIRE(blank.size() == 1201);
  for (std::size_t i = 0; i < blank.size(); ++i) CHECK(blank[i] == (i % 3 == 0));
}

TEST_CASE("the page pools gates over the images of all seeds", "[experiment]") {
  std::vector<LayerGates> one{{.layer = "act"}}, other = one;
  one[0].blank = {2, 0.5, 0.5, 0, 0, 1};
  one[0].others = {8, 0.25, 0.75, 0, 0, 0};
  other[0].blank = {6, 0.9, 0.1, 0, 0.5, 1};
  const double none = std::nan("");
  other[0].others = {0, none, none, none, none, none};
  const io::Json first = io::Json::object({{"gates", to_json(one)}}),
                 second = io::Json::object({{"gates", to_json(other)}});
  Study study;
  study.networks = {{.bits = "w2a2", .training = how::plain, .seed = 1, .measured = &first},
                    {.bits = "w2a2", .training = how::plain, .seed = 2, .measured = &second}};
  const Table t = gates_table(study, {"w2a2", how::plain});
  CHECK(t.caption ==
        "w2a2, plain: 8 of 16 explained images of all seeds have blank maps. Seen from "
        "the score, their gradient ends at act: gone above its gates for 37.5 %, below "
        "them for 100.0 %; 20.0 % of its units are inside, 75.0 % for the others.");
  CHECK_FALSE(t.folded);
  REQUIRE(t.rows.size() == 1);
  const auto& row = t.rows[0];
  CHECK(row[0].text == "act");
  CHECK(row[1].text == "80.0"); // (2 0.5 + 6 0.9) / 8
  CHECK(row[2].text == "20.0");
  CHECK(row[4].text == "37.5"); // 6 0.5 / 8
  CHECK(row[5].text == "100.0");
  CHECK(row[1].small == "others 25.0");
  one[0].blank = {0, none, none, none, none, none};
  const io::Json no_blank = io::Json::object({{"gates", to_json(one)}});
  study.networks = {{.bits = "w4a4", .training = how::plain, .seed = 1, .measured = &no_blank}};
  CHECK(gates_table(study, {"w4a4", how::plain}).rows.empty());
}

} // namespace test_blank_causes
