#include "../../examples/experiment/choose.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temp_dir.hpp"

#include <set>

namespace test_choose {

using namespace examples;

namespace {

io::Json row(const Cell& cell, double accuracy, double measure) {
  return io::Json::object(
      {{"cell", cell.key()},
       {"numerics", numerics_version},
       {"net", cell.net()},
       {"bits", cell.options.bits},
       {"seed", cell.options.seed},
       {"variant", cell.variant},
       {"epochs", cell.options.epochs},
       {"data", io::Json::object({{"limit", cell.options.limit}, {"validation", true}})},
       {"validation_accuracy", accuracy},
       {"second_measure", io::Json::object({{"mean", measure}})},
       {"run", io::Json::object({})}});
}

/// Rows of a stage in which each recipe loses and gains what it is told to.
template <class Made>
std::vector<io::Json> rows_of(int stage, const std::vector<GuidedRecipe>& recipes, Made made) {
  std::vector<io::Json> rows;
  for (const Cell& cell : choose_cells(make_plan("mnist", "choose"), stage, recipes)) {
    const std::string name = cell.variant.substr(std::min<std::size_t>(8, cell.variant.size()));
    const double seed = static_cast<double>(cell.options.seed);
    const auto [loss, gain] =
        name.empty() ? std::pair(0.0, 0.0) : made(parse_guided_recipe(name), cell);
    rows.push_back(row(cell, 0.98 + 1e-5 * seed - loss, 0.3 + 1e-3 * seed + gain));
  }
  return rows;
}

} // namespace

TEST_CASE("the candidates, each by its own name", "[experiment]") {
  std::set<std::string> names;
  for (const GuidedRecipe& r : guided_recipes()) {
    names.insert(r.name());
    CHECK(parse_guided_recipe(r.name()) == r);
  }
  CHECK(names.size() == 24);
  CHECK(names.count("lambda-0.3-detached-share-0.5-late") == 1);
  CHECK(GuidedRecipe().name() == "lambda-0.3-detached-share-0.5-late");
  CHECK_SAYS(parse_guided_recipe("lambda-2-detached-share-0.5-late"), sgq::io_error, "recipe",
             "got 'lambda-2-");
  TrainingOptions o;
  GuidedRecipe().apply(o);
  check_training_options(o);
  CHECK(o.rate == 0.25);
  CHECK(o.start == Approx(2.0 / 3));
}

TEST_CASE("two stages, on validation images, with seeds of their own", "[experiment]") {
  const Plan plan = make_plan("mnist", "choose");
  const auto first = choose_cells(plan, 1, guided_recipes());
  REQUIRE(first.size() == 25);
  for (const Cell& cell : first) {
    CHECK(cell.options.protocol == data::Protocol::validation);
    CHECK(cell.options.seed == 101);
    CHECK(cell.options.bits == "fp32");
    CHECK(cell.options.limit == 20000);
    CHECK(cell.options.epochs == 2);
  }
  CHECK(choose_cells(make_plan("cifar-10", "choose"), 1, {})[0].options.epochs == 5);
  const auto second = choose_cells(plan, 2, {guided_recipes()[0], guided_recipes()[7]});
  REQUIRE(second.size() == 2 * 2 * 3);
  for (const Cell& cell : second) {
    CHECK(cell.options.limit == 0);
    CHECK(cell.options.epochs == 6);
    CHECK((cell.options.seed == 101 || cell.options.seed == 102));
  }
}

TEST_CASE("the largest gain among those that lose at most half a point", "[experiment]") {
  const auto rows = rows_of(1, guided_recipes(), [](const GuidedRecipe& r, const Cell&) {
    if (!r.late) return std::pair(0.02, 0.5); // best maps, but accuracy is lost
    return std::pair(r.lambda == 0.1 ? 0.005 : 0.001, r.lambda == 0.1 ? 0.2 : 0.1 * r.share);
  });
  const auto scores = stage_scores(rows, 1);
  REQUIRE(scores.size() == 24);
  CHECK(scores[0].recipe.lambda == 0.1); // exactly half a point is allowed
  CHECK(scores[0].recipe.late);
  CHECK(scores[0].gain == Approx(0.2));
  CHECK_FALSE(scores.back().recipe.late);
  const auto best = finalists(rows);
  REQUIRE(best.size() == 2);
  CHECK(best[1].lambda == 0.1);
  CHECK(finalists({rows.begin(), rows.end() - 1}).empty()); // one of them is not made yet
}

TEST_CASE("where all lose more, the one that loses least", "[experiment]") {
  const GuidedRecipe a{.lambda = 0.1}, b{.lambda = 1};
  const auto rows = rows_of(2, {a, b}, [&](const GuidedRecipe& r, const Cell& cell) {
    const double more = cell.options.bits == "w4a4" ? 0.01 : 0; // the mean of both counts
    return std::pair((r == a ? 0.006 : 0.007) + more, r == a ? 0.1 : 0.3);
  });
  const auto scores = stage_scores(rows, 2);
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].loss == Approx(0.011));
  CHECK(chosen_recipe(rows) == a);
  CHECK_FALSE(chosen_recipe({rows.begin(), rows.end() - 1}));

  TempDir folder;
  std::filesystem::create_directories(folder / "mnist");
  Plan plan = make_plan("mnist", "full");
  CHECK_FALSE(read_choice(folder.path(), plan, true));
  io::write_file_atomically(folder.path() + "/mnist/results.jsonl", to_lines(rows));
  CHECK(read_choice(folder.path(), plan, true) == a);
  CHECK_FALSE(read_choice(folder.path(), make_plan("cifar-10", "full"), true));
  const auto refusal = [&](const Plan& wanted) {
    CHECK(read_choice(folder.path(), wanted, false) == a); // to try things out
    return message_of<sgq::io_error>([&] { read_choice(folder.path(), wanted, true); });
  };
  Plan longer = plan, wider = plan;
  longer.epochs = 7;
  wider.net = "lenet5";
  CHECK(contains(refusal(longer), "expected 7 epochs, got 6"));
  CHECK(contains(refusal(wider), "expected the net lenet5, got \"mnist_cnn\""));
  auto few = rows;
  for (io::Json& r : few) r["data"]["limit"] = 500;
  io::write_file_atomically(folder.path() + "/mnist/results.jsonl", to_lines(few));
  CHECK(contains(refusal(plan), "expected no --limit, got 500"));
  plan.limit = 400;
  CHECK(read_choice(folder.path(), plan, true) == a);
  few = rows;
  for (io::Json& r : few) r["data"]["validation"] = false;
  io::write_file_atomically(folder.path() + "/mnist/results.jsonl", to_lines(few));
  CHECK(contains(refusal(plan), "expected validation images"));
}

} // namespace test_choose
