#include "../../examples/experiment/grid.hpp"

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <set>

namespace test_grid {

using namespace examples;

namespace {

std::vector<Cell> cells_of(const std::string& scale, const std::string& set) {
  return make_cells(make_plan(set, scale));
}

const std::vector<std::string> all_sets = {"mnist", "fashion-mnist", "cifar-10", "synthetic"};

/// The options that a command of cell.hpp sets, read by the options of the programs themselves.
TrainingOptions read_back(const std::string& command) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= command.size();) {
    const std::size_t end = std::min(command.find(' ', at), command.size());
    words.push_back(command.substr(at, end - at));
    at = end + 1;
  }
  const bool photos = words.front() == "cifar10";
  TrainingOptions o = recipe(photos ? "cifar-10" : "mnist");
  CommandLine line("", "");
  add_training_options(line, o, {"mnist", "fashion-mnist", "synthetic", "cifar-10"},
                       {"mnist_cnn", "lenet5", "resnet20", "vgg_small"});
  bool holdout = false, plain_images = false; // as in cifar10.cpp
  if (photos) {
    line.flag("--holdout", &holdout, "");
    line.flag("--no-augmentation", &plain_images, "");
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  line.parse(static_cast<int>(argv.size()), argv.data());
  if (holdout) o.protocol = data::Protocol::holdout;
  if (plain_images) o.augment = {};
  return o;
}

/// All that decides which weights come out.
nn::Metadata deciding(const TrainingOptions& o) {
  nn::Metadata all = deciding_options(o, {});
  all["net"] = o.net.empty() ? o.default_net : o.net;
  all["bits"] = o.bits;
  all["weights"] = o.weights;
  all["first_last"] = o.first_last;
  all["pact"] = o.pact;
  return all;
}

} // namespace

TEST_CASE("how many networks a scale has", "[experiment]") {
  CHECK(cells_of("smoke", "mnist").size() == 2 * 2);
  CHECK(cells_of("quick", "mnist").size() == 3 * 2 * 3 + 3);
  CHECK(cells_of("full", "mnist").size() ==
        3 * 2 * 5 + 3 * 2 * 3 + 5 + 3 + 2 * 3); // controls, cures
  CHECK(cells_of("full", "fashion-mnist").size() == 3 * 2 * 5 + 3 * 2 * 3 + 5 + 3 + 2 * 3 + 3);
  CHECK(cells_of("full", "cifar-10").size() == 3 * 2 * 5 + 5);
  CHECK(cells_of("full", "synthetic").size() == 3 * 2 * 5 + 5 + 3 + 2 * 3);
  CHECK(cells_of("choose", "mnist").empty());
}

TEST_CASE("photographs are held out where the set has the protocol", "[experiment]") {
  CHECK(make_plan("cifar-10", "full").protocol == data::Protocol::holdout);
  CHECK(make_plan("cifar-10", "paper").protocol == data::Protocol::standard);
  CHECK(make_plan("cifar-100", "full").protocol == data::Protocol::standard);
  CHECK(make_plan("mnist", "full").protocol == data::Protocol::standard);
}

TEST_CASE("every cell has its own name, and a command that makes it", "[experiment]") {
  std::set<std::string> names, commands;
  for (const std::string& set : all_sets)
    for (const Cell& cell : cells_of("full", set)) {
      const std::string command = training_command(cell.options);
      INFO(command);
      CHECK(names.insert(cell.key()).second);
      CHECK(commands.insert(command).second);
      CHECK(deciding(read_back(command)) == deciding(cell.options));
    }
}

TEST_CASE("the control differs from guided training in the ranking alone", "[experiment]") {
  Plan plan = make_plan("fashion-mnist", "full");
  plan.recipe = {.lambda = 0.1, .attached = true, .share = 0.3, .late = false};
  const Cell guided = make_cell(plan, "w4a4", how::guided, 2);
  const Cell control = make_cell(plan, "w4a4", how::random_mask, 2);
  nn::Metadata expected = deciding(guided.options);
  CHECK(expected.at("guided.lambda") == "0.1");
  CHECK(expected.at("guided.kl") == "attached");
  CHECK(expected.at("guided.share") == "0.3");
  CHECK(expected.at("guided.statistics") == "clean");
  expected["guided.rank"] = "random";
  CHECK(deciding(control.options) == expected);
  CHECK(control.key() == "fashion-mnist/mnist_cnn/w4a4/random-mask/seed-2");
}

TEST_CASE("plain training with the compute of guided training", "[experiment]") {
  Plan plan = make_plan("fashion-mnist", "full");
  const auto epochs = [&](const GuidedRecipe& recipe) {
    plan.recipe = recipe;
    const Cell cell = make_cell(plan, "fp32", how::equal_compute, 1);
    CHECK_FALSE(cell.options.guided);
    CHECK(cell.key() == "fashion-mnist/mnist_cnn/fp32/plain-equal-compute/seed-1");
    return cell.options.epochs;
  };
  CHECK(epochs({.attached = false, .late = false}) == 12); // 6 forward passes for 3
  CHECK(epochs({.attached = false, .late = true}) == 8);   // a third of the run
  CHECK(epochs({.attached = true, .late = false}) == 14);  // 7 for 3
  const Cell photos = make_cell(make_plan("cifar-10", "full"), "fp32", how::guided, 1);
  CHECK(relative_cost(photos.options, true) == Approx(2.0 / 3 + 7.0 / 9));
  const Cell control = make_cell(make_plan("cifar-10", "full"), "fp32", how::random_mask, 1);
  CHECK(relative_cost(control.options, true) == Approx(2.0 / 3 + 6.0 / 9));
}

TEST_CASE("what may cure blank maps stands beside the grid", "[experiment]") {
  std::vector<std::string> found;
  for (const Cell& cell : cells_of("full", "mnist")) {
    if (cell.variant.empty()) continue;
    found.push_back(cell.key());
    const bool late = cell.variant == cure::late_clips;
    CHECK(cell.options.pact == (late ? "paper" : "plus"));
    CHECK(cell.options.recipe.progressive == (late ? "fp32:0.5" : ""));
  }
  CHECK(found.size() == 2 * 3);
  CHECK(found.front() == "mnist/mnist_cnn/w2a2/guided/seed-1/pact-plus");
}

TEST_CASE("a row's command outlives the defaults that the experiment may change", "[experiment]") {
  Plan plan = make_plan("mnist", "full");
  plan.recipe = {.lambda = 1, .attached = true, .share = 0.5, .late = false};
  const std::string said = training_command(make_cell(plan, "w4a4", how::guided, 1).options);
  for (const char* part :
       {"--rank signed", "--share 0.5", "--lambda 1", "--fill uniform", "--target log-probability",
        "--kl attached", "--saliency-pass", "--statistics clean", "--start 0", "--rate 1",
        "--weights sawb", "--pact paper", "--alpha-quantile 0.999"})
    CHECK(said.find(part) != said.npos);
}

TEST_CASE("a command says whatever differs from the usual", "[experiment]") {
  const auto check = [](const std::string& dataset, auto change) {
    TrainingOptions o = recipe(dataset);
    o.bits = "w4a4";
    o.guided = true;
    const nn::Metadata usual = deciding(o);
    change(o);
    const std::string command = training_command(o);
    INFO(command);
    CHECK(deciding(o) != usual); // or the case says nothing
    CHECK(deciding(read_back(command)) == deciding(o));
  };
  for (const char* set : {"mnist", "cifar-10"}) {
    check(set, [](TrainingOptions& o) { o.bits = "layerwise-4-2"; });
    check(set, [](TrainingOptions& o) { o.weights = "lsq"; });
    check(set, [](TrainingOptions& o) { o.first_last = "same"; });
    check(set, [](TrainingOptions& o) { o.pact = "plus"; });
    check(set, [](TrainingOptions& o) { o.alpha = 6; });
    check(set, [](TrainingOptions& o) { o.alpha_lr = 0.1; });
    check(set, [](TrainingOptions& o) { o.alpha_decay = 0; });
    check(set, [](TrainingOptions& o) { o.alpha_quantile = 0.9; });
    check(set, [](TrainingOptions& o) { o.guided = false; });
    check(set, [](TrainingOptions& o) { o.authors = true; });
    check(set, [](TrainingOptions& o) { o.target = "logit"; });
    check(set, [](TrainingOptions& o) { o.saliency_pass = "separate"; });
    check(set, [](TrainingOptions& o) { o.statistics = "both"; });
    check(set, [](TrainingOptions& o) { o.rank = "random"; });
    check(set, [](TrainingOptions& o) { o.share = 0.3; });
    check(set, [](TrainingOptions& o) { o.lambda = 0.3; });
    check(set, [](TrainingOptions& o) { o.fill = "mean"; });
    check(set, [](TrainingOptions& o) { o.kl = "detached"; });
    check(set, [](TrainingOptions& o) { o.start = 0.5; });
    check(set, [](TrainingOptions& o) { o.ramp = 0.25; });
    check(set, [](TrainingOptions& o) { o.rate = 0.25; });
    check(set, [](TrainingOptions& o) { o.optimizer = "adadelta"; });
    check(set, [](TrainingOptions& o) { o.schedule = "step"; });
    check(set, [](TrainingOptions& o) { o.decay = 0.5; });
    check(set, [](TrainingOptions& o) { o.epochs = 7; });
    check(set, [](TrainingOptions& o) { o.batch = 7; });
    check(set, [](TrainingOptions& o) { o.lr = 0.3; });
    check(set, [](TrainingOptions& o) { o.limit = 100; });
    check(set, [](TrainingOptions& o) { o.seed = 12; });
    check(set, [](TrainingOptions& o) { o.protocol = data::Protocol::validation; });
    check(set, [](TrainingOptions& o) { o.recipe.progressive = "fp32:0.5,w8a8"; });
    check(set, [](TrainingOptions& o) { o.recipe.ema = 0.99; });
    check(set, [](TrainingOptions& o) { o.recipe.reestimate = true; });
    check(set, [](TrainingOptions& o) { o.recipe.teacher = "fp32.safetensors"; });
    check(set, [](TrainingOptions& o) {
      o.recipe.teacher = "fp32.safetensors";
      o.recipe.distil_weight = 0.5;
    });
    check(set, [](TrainingOptions& o) {
      o.recipe.teacher = "fp32.safetensors";
      o.recipe.temperature = 2;
    });
  }
  check("cifar-10", [](TrainingOptions& o) { o.protocol = data::Protocol::holdout; });
  check("cifar-10", [](TrainingOptions& o) { o.augment = {}; });
}

TEST_CASE("a protocol is read by its name, and by the one that it had before", "[experiment]") {
  const auto read = [](const char* name) { return protocol_of({{"protocol", name}}, "m"); };
  CHECK(read("holdout") == data::Protocol::holdout);
  CHECK(read("validation") == data::Protocol::validation);
  CHECK(read("tuning") == data::Protocol::validation);
  CHECK(protocol_of({{"dataset", "mnist"}}, "m") == data::Protocol::standard);
  CHECK_SAYS(read("test"), sgq::io_error, "m, protocol", "got 'test'");
}

TEST_CASE("with two-bit activations clips start low on photographs", "[experiment]") {
  for (const std::string& set : all_sets)
    for (const Cell& cell : cells_of("full", set)) {
      const TrainingOptions& o = cell.options;
      const bool two = o.bits == "w2a2" || o.bits == "w4a2" || o.bits == "layerwise-4-2";
      INFO(cell.key());
      CHECK(o.alpha_quantile == (o.dataset == "cifar-10" && two ? 0.95 : 0.999));
    }
  CHECK(detail::has_two_bit_activations("w4a4,conv2=w4a2"));
  CHECK_FALSE(detail::has_two_bit_activations("w2a8"));
}

TEST_CASE("PACT's recipe is that of the long scale, whatever the epochs", "[experiment]") {
  CHECK(cells_of("paper", "cifar-10").front().options.schedule == "step");
  Plan plan = make_plan("cifar-10", "full");
  plan.epochs = 200;
  CHECK(make_cells(plan).front().options.schedule == "one-cycle");
}

TEST_CASE("shards share the cells out", "[experiment]") {
  const std::vector<Cell> cells = cells_of("full", "fashion-mnist");
  for (const index_t n : {1, 2, 3, 7, 100}) {
    std::multiset<std::string> dealt, all;
    for (index_t part = 1; part <= n; ++part)
      for (const Cell& cell : take_shard(cells, {part, n})) dealt.insert(cell.key());
    for (const Cell& cell : cells) all.insert(cell.key());
    INFO(n);
    CHECK(dealt == all);
  }
  CHECK(parse_shard("2/3").part == 2);
  for (const char* bad : {"0/2", "3/2", "1", "1/2x", "", "/", "-1/2", "1/99999"})
    CHECK_THROWS_AS(parse_shard(bad), usage_error);
}

} // namespace test_grid
