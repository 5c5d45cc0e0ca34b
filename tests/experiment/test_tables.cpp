#include "../../examples/experiment/drift_tables.hpp"

#include "support/catch.hpp"

#include <deque>

namespace test_tables {

using namespace examples;

namespace {

struct Maker {
  Study study{};
  std::deque<io::Json> rows{}; // cells point to them

  CellNumbers& add(const std::string& bits, bool guided, std::uint64_t seed) {
    rows.push_back(io::Json::object({{"zero_share_of_gradients", 0.25}}));
    CellNumbers cell{.dataset = "mnist", .bits = bits, .guided = guided, .seed = seed};
    cell.values["accuracy"] = {1, 1, 0, 1};
    cell.values["masked_accuracy"] = {.5, .25, .5, .75};
    cell.values["blank_maps"] = {0, 1, 0, 0};
    cell.row = &rows.back();
    study.cells.push_back(std::move(cell));
    return study.cells.back();
  }
};

std::vector<std::string> first_column(const Table& t) {
  std::vector<std::string> names;
  for (const auto& row : t.rows) names.push_back(row.front().text);
  return names;
}

} // namespace

TEST_CASE("every policy that was run is shown, from many bits to few", "[experiment]") {
  Maker m;
  for (const char* bits : {"w2a2", "w3a3", "fp32", "w4a4"}) m.add(bits, bits[1] != '4', 1);
  CHECK(bits_of(m.study, "mnist") == std::vector<std::string>{"fp32", "w4a4", "w2a2", "w3a3"});
  CHECK(bits_of(m.study, "cifar-10").empty());
  CHECK(first_column(accuracy_table(m.study, "mnist")) == bits_of(m.study, "mnist"));
}

TEST_CASE("a measure is shown if any network has it", "[experiment]") {
  Maker m; // without plain fp32, as one shard may be
  m.add("w4a4", true, 1);
  const Table explanations = explanation_table(m.study, "mnist");
  REQUIRE(explanations.rows.size() == 1);
  CHECK(explanations.head == std::vector<std::string>{"MNIST", "masked accuracy (low)",
                                                      "blank maps, share", "zero gradients, %"});
  CHECK(explanations.rows[0][1].text == "0.500");
  CHECK(explanations.rows[0][2].text == "0.250");
  CHECK(explanations.rows[0][3].text == "25.0");
  CHECK(explanations.caption.find("MNIST, 4 test images") != std::string::npos);
  CHECK(accuracy_table(m.study, "mnist").caption.find("% of 4 images, one seed") !=
        std::string::npos);
}

TEST_CASE("a duration has the unit that fits", "[experiment]") {
  CHECK(duration_text(0.3) == "0 s");
  CHECK(duration_text(38.2) == "38 s");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(59.6) == "1 min");
  CHECK(duration_text(12 * 60 + 20) == "12 min");
  CHECK(duration_text(59.6 * 60) == "1.0 h");
  CHECK(duration_text(1.3 * 3600) == "1.3 h");
}

TEST_CASE("without a second seed there is no between-seed baseline", "[experiment]") {
  Maker m;
  m.add("fp32", false, 1).values["floor.spearman"] = {.1, .1, .1, .1};
  m.add("w4a4", false, 1).values["spearman"] = {.8, .7, .8, .9};
  const Table one = drift_table(m.study, "mnist");
  CHECK(first_column(one) == std::vector<std::string>{"w4a4, plain", "random weights, plain"});
  CHECK(one.head.back() == "top-10 % IoU");
  CHECK(drift_chart(m.study, "mnist").categories.size() == 2);

  m.study.cells[0].values["spearman"] = {.6, .6, .7, .7}; // with other seeds
  const Table two = drift_table(m.study, "mnist");
  CHECK(first_column(two) == std::vector<std::string>{"fp32, other seeds, plain", "w4a4, plain",
                                                      "random weights, plain"});
  CHECK(two.head.back() == "drift?");
  CHECK(two.rows[1].back().text == "less than between seeds");
  CHECK(drift_chart(m.study, "mnist").categories.size() == 3);
}

} // namespace test_tables
