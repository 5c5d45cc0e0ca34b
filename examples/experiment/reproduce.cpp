// reproduce -- what quantisation does to accuracy and to explanations: the whole experiment.
//
//     build/release/examples/reproduce --scale choose --dataset mnist --out docs/results/choose/mnist
//     build/release/examples/reproduce --scale full --dataset mnist --out docs/results/full/mnist
//
// A folder has one set. --scale choose picks the recipe of guided training on validation images;
// its rows are the table of the choice, which the long scales read. Those train a grid of networks,
// bits x {plain, guided, controls} x seeds, measure each, and make report.html and report.md.
//
//     results.jsonl, predictions/, networks/  of training (train_cell.hpp, tools/network_file.hpp)
//     measures.jsonl, evidence/               of measuring (measure_cell.hpp)
//     drift.jsonl                             of pairs of networks (drift.hpp)
//     cells/                                  every network; may be deleted
//
// A run that was killed goes on with --resume and ends with the same rows. With --shard i/n several
// processes or machines share the grid; when their folders are together, the same command without
// --shard goes on with all of it. docs/experiment.md tells more.
#include "../tools/network_file.hpp"

#include "choose.hpp"
#include "estimate.hpp"
#include "load_study.hpp"
#include "report.hpp"
#include "run_facts.hpp"
#include "shard_lock.hpp"
#include "train_cell.hpp"

using namespace examples;

namespace {

struct Options {
  std::string scale = "smoke", dataset = "synthetic", net = "", data = "", out = "", shard = "1/1",
              recipes = "", only = "all";
  std::uint64_t seeds = 0;
  index_t limit = 0, epochs = 0, checkpoint_seconds = 60;
  int threads = 0;
  bool resume = false, plan = false;

  bool chooses() const { return scale == "choose"; }
  bool does(const char* stage) const { return only == "all" || only == stage; }
};

/// OUT/networks/CELL.safetensors.
std::string network_path(const std::string& out, const std::string& key) {
  return out + "/networks/" + file_name_of(key) + ".safetensors";
}

/// The folder of the source tree.
std::filesystem::path docs_folder() {
  const auto here = std::filesystem::path(__FILE__).parent_path();
  return (here / "../../docs").lexically_normal();
}

/// Where the choices of recipes are: --recipes, else docs/results/choose of the source tree.
std::string choices_folder(const Options& o) {
  return o.recipes.empty() ? (docs_folder() / "results/choose").string() : o.recipes;
}

/// The plan of the scale, with what the command line says otherwise.
Plan plan_of(const Options& o) {
  Plan plan = make_plan(o.dataset, o.scale);
  plan.data = o.data;
  if (!o.net.empty()) plan.net = o.net;
  if (o.limit > 0) plan.limit = o.limit;
  if (o.epochs > 0) plan.epochs = o.epochs;
  if (o.seeds > 0)
    for (Condition& c : plan.conditions) c.seeds = o.seeds;
  if (o.chooses()) return plan;
  Plan whole = plan;
  if (o.scale == "paper") whole.epochs = make_plan(o.dataset, "choose").epochs; // chosen at that
  const bool strict = o.scale == "full" || o.scale == "paper";
  const auto chosen = read_choice(choices_folder(o), whole, strict);
  if (chosen) plan.recipe = *chosen;
  if (!chosen && !strict && !o.recipes.empty())
    std::printf("--recipes %s: no complete table for %s, so the recipe is the default, %s\n",
                o.recipes.c_str(), o.dataset.c_str(), plan.recipe.name().c_str());
  if (!chosen && strict)
    throw usage_error(describe("--scale " + o.scale,
                               "a recipe that was chosen: a complete table in " +
                                   choices_folder(o) + "/" + o.dataset,
                               "none", "--scale choose makes it"));
  return plan;
}

/// True if the choices are those of a source tree, which need not be named: the program's own, or
/// the equal ones of the clone that docs/results/experiment.sh is in.
bool takes_committed_choices(const Options& o) {
  const auto folder = std::filesystem::absolute(choices_folder(o)) / "";
  return folder.lexically_normal().generic_string().ends_with("/docs/results/choose/");
}

/// What was typed, without what may differ between equal runs.
std::string command_of(const Options& o) {
  std::string line = "reproduce --scale " + o.scale + " --dataset " + o.dataset;
  if (!o.net.empty()) line += " --net " + o.net;
  if (o.seeds > 0) line += " --seeds " + sgq::to_text(o.seeds);
  if (o.limit > 0) line += " --limit " + sgq::to_text(o.limit);
  if (o.epochs > 0) line += " --epochs " + sgq::to_text(o.epochs);
  if (!takes_committed_choices(o)) line += " --recipes " + o.recipes;
  return line;
}

/// Throws usage_error on rows of another scale, io_error where no more can be written.
void check_rows(const Options& o, const Results& results) {
  io::check_writable(results.path());
  for (const io::Json& row : results.rows())
    if (!(row.at("run").at("scale") == io::Json(o.scale)))
      throw usage_error(describe("--out " + o.out, "rows of --scale " + o.scale,
                                 key_of(row) + " of another one", "use another --out"));
}

/// Throws io_error where there is nothing for the stages after training, unless the shard is empty.
void check_trained(const Options& o, const std::vector<Cell>& cells, const Results& results) {
  const auto is_trained = [&](const Cell& cell) { return results.find(making_of(cell)); };
  if (o.does("train") || take_shard(cells, parse_shard(o.shard)).empty()) return;
  if (std::any_of(cells.begin(), cells.end(), is_trained)) return;
  throw sgq::io_error(describe("--only " + o.only + " in " + o.out, "networks that are trained",
                               "none", "--only train makes them"));
}

void print_row(const io::Json& row, const std::string& count) {
  const bool validation = row.find("validation_accuracy");
  const io::Json& accuracy = row.at(validation ? "validation_accuracy" : "test_accuracy");
  char measure[60] = "";
  if (const io::Json* second = row.find("second_measure"))
    std::snprintf(measure, sizeof measure, "%s %.4f  ", second->at("name").as_string().c_str(),
                  second->at("mean").as_double());
  char text[300];
  std::snprintf(text, sizeof text, "%s %-50s %s %6.2f %%  %s%s", count.c_str(), key_of(row).c_str(),
                validation ? "validation" : "test", 100 * accuracy.as_double(), measure,
                duration_text(row.at("run").at("training_seconds").as_double()).c_str());
  Progress(1).line(text);
}

/// A cell with the options of this run.
Cell in_run(const Options& o, Cell cell) {
  cell.options.out = cell_folder(o.out, cell.key());
  cell.options.threads = o.threads;
  cell.options.checkpoint_seconds = o.checkpoint_seconds;
  return cell;
}

/// What stays of a finished network when cells/ is gone.
void keep_files(const Options& o, const Cell& cell) {
  if (o.chooses()) return;
  const std::string &folder = cell.options.out, predictions = predictions_path(o.out, cell.key());
  std::filesystem::create_directories(o.out + "/predictions");
  io::write_file_atomically(predictions, io::read_file(folder + "/predictions.npy"));
  if (cell.options.bits == "fp32") return;
  nn::Model<float> model = nn::load_model(folder + "/model.safetensors");
  std::filesystem::create_directories(o.out + "/networks");
  save_network(network_path(o.out, cell.key()), model.net, model.metadata);
}

/// Trains those cells that have no row yet.
void train_cells(const Options& o, const std::vector<Cell>& cells, const Plan& plan,
                 Results& results, CellData& loaded) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Cell cell = in_run(o, cells[i]);
    if (results.find(making_of(cell))) continue;
    loaded.sets(cell.options);
    results.check_data(loaded.sums());
    results.check_arithmetic(sgq::kernels::fuses_here());
    io::Json row = train_cell(cell, plan.measuring.explained, o.resume, loaded);
    add_run_facts(row["run"], o.scale);
    keep_files(o, cell);
    results.add(row);
    std::filesystem::remove(checkpoint_file(cell.options)); // the row is safe
    print_row(row, "[" + sgq::to_text(i + 1) + "/" + sgq::to_text(cells.size()) + "]");
  }
}

/// How long it takes to measure those cells that have no row of measures yet.
void print_measuring_plan(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                          const Results& results, double pass, index_t test_images) {
  Results measures(o.out, parse_shard(o.shard).name(), numerics_version, "measures");
  measures.load(false);
  const auto is_left = [&](const Cell& cell) {
    const io::Json* trained = results.find(making_of(cell));
    if (!trained) return o.does("train");
    const bool measured =
        std::any_of(measures.rows().begin(), measures.rows().end(), [&](auto& row) {
          return is_made_so(row, measuring_of(cell, *trained, plan.measuring));
        });
    return !measured || !std::filesystem::exists(evidence_path(o.out, cell.key()));
  };
  const auto left = std::count_if(cells.begin(), cells.end(), is_left);
  const double each = seconds_of_measuring(plan.measuring, test_images, pass, measures.rows());
  std::printf("%d of %d networks to measure, about %s, by %s\n", int(left), int(cells.size()),
              duration_text(each * static_cast<double>(left)).c_str(),
              measures.rows().empty() ? "a rough count of passes" : "those that are measured");
}

/// A line for each cell that is left, and how long all of them take.
void print_training_plan(const Options& o, const std::vector<Cell>& cells, const Results& results,
                         double pass, CellData& loaded) {
  double seconds = 0;
  std::size_t left = 0;
  for (const Cell& cell : cells) {
    const bool done = results.find(making_of(cell));
    const index_t images = loaded.sets(cell.options).train.size();
    const double own = pass * forward_passes(cell, images);
    std::printf("%-70s %s\n", cell.key().c_str(), done ? "done" : duration_text(own).c_str());
    if (!done) ++left, seconds += own;
  }
  const std::string shard = parse_shard(o.shard).all() ? "" : " --shard " + o.shard;
  std::printf("%s: %d of %d networks left, about %s of training with %d threads\n",
              (command_of(o) + shard).c_str(), int(left), int(cells.size()),
              duration_text(seconds).c_str(), sgq::num_threads());
}

/// What is left of the stages and the shard that the command line asks for.
void print_plan(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                const Results& results, CellData& loaded) {
  const std::vector<Cell> mine = take_shard(cells, parse_shard(o.shard));
  const double pass = seconds_of_pass(cells.front().net(), results.rows());
  if (o.does("train")) print_training_plan(o, mine, results, pass, loaded);
  if (o.chooses() || !o.does("measure")) return; // the choice measures as it trains
  const index_t test_images = loaded.sets(cells.front().options).test.size();
  print_measuring_plan(o, plan, mine, results, pass, test_images);
}

void run(const Options& o, const Plan& plan, const std::vector<Cell>& cells, Results& results,
         CellData& loaded) {
  if (o.plan) return print_plan(o, plan, cells, results, loaded);
  train_cells(o, take_shard(cells, parse_shard(o.shard)), plan, results, loaded);
}

// ---- Measures -----------------------------------------------------------------------------------

/// Trains a cell again whose network is needed and gone. It must come out as it did, or nothing
/// outside cells/ is touched.
void make_again(const Options& o, const Cell& cell, const Plan& plan, const io::Json& before,
                CellData& loaded) {
  Progress(1).line(cell.key() + ": its network is gone, so it is trained again");
  const io::Json row = train_cell(cell, plan.measuring.explained, true, loaded);
  for (const char* name : {"files", "confusion", "test_accuracy"}) // later versions add members
    if (io::to_string(before.at(name)) != io::to_string(row.at(name))) {
      std::filesystem::remove_all(cell.options.out); // what the row does not speak of
      throw sgq::io_error(describe(cell.key() + ", made again", "the row that is there",
                                   "another one, that differs in '" + std::string(name) + "'",
                                   "if the row errs, delete the cell's rows in results.jsonl and "
                                   "measures.jsonl"));
    }
  keep_files(o, cell);
  std::filesystem::remove(checkpoint_file(cell.options));
}

/// The network of a row: its model file, else what is kept of it, else it is trained again.
nn::Model<float> network_of(const Options& o, const Plan& plan, const Cell& cell,
                            const io::Json& row, CellData& loaded) {
  const std::string folder = cell.options.out, kept = network_path(o.out, cell.key());
  if (!std::filesystem::exists(folder + "/model.safetensors")) {
    if (std::filesystem::exists(kept)) {
      nn::Model<float> model = load_network(kept);
      make_out_folder(folder);
      sgq::infer::save_integer(folder + "/integer.safetensors",
                               sgq::infer::export_integer(model.net));
      check_network_file(folder, row, "integer.safetensors", kept);
      return model;
    }
    make_again(o, cell, plan, row, loaded);
  }
  check_network_file(folder, row, "model.safetensors");
  return nn::load_model(folder + "/model.safetensors");
}

/// Measures those trained cells that have no row of measures, or no evidence, yet.
void measure_cells(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                   const Results& results, Results& measures, CellData& loaded) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Cell cell = in_run(o, cells[i]);
    const io::Json* trained = results.find(making_of(cell));
    if (!trained) continue;
    const io::Json* before = measures.find(measuring_of(cell, *trained, plan.measuring));
    if (before && std::filesystem::exists(evidence_path(o.out, cell.key()))) continue;
    const data::Dataset& test = loaded.sets(cell.options).test;
    results.check_data(loaded.sums());
    results.check_arithmetic(sgq::kernels::fuses_here());
    io::Json row = measure_cell(cell, *trained, network_of(o, plan, cell, *trained, loaded), test,
                                plan.measuring, o.out);
    add_run_facts(row["run"], o.scale);
    if (!before)
      measures.add(row);
    else if (!same_result(*before, row))
      throw sgq::io_error(describe(cell.key() + ", measured again", "the row that is there",
                                   "another one, in '" + difference(*before, row) + "'"));
    const io::Json& m = row.at("measures");
    char text[200];
    std::snprintf(text, sizeof text, "[%d/%d] %-50s %s %.3f  below random %+.3f  blank %.1f %%",
                  int(i) + 1, int(cells.size()), cell.key().c_str(), second_measure_of(o.dataset),
                  m.at(second_measure_of(o.dataset)).at("mean").as_double(),
                  m.at("masked_advantage").at("mean").as_double(),
                  100 * row.at("blank_gradients").as_double() / static_cast<double>(test.size()));
    Progress(1).line(text);
  }
}

/// Rows of another version are made again; where that cannot be, the run ends here.
void drop_old_measures(const Options& o, Results& measures) {
  const std::size_t removed = std::erase_if(measures.rows(), [](const io::Json& row) {
    return !(row.at("measures_version") == io::Json(measures_version));
  });
  if (removed == 0) return;
  const std::string expected = "measures of version " + sgq::to_text(measures_version);
  if (!o.does("measure"))
    throw usage_error(describe("--only " + o.only, expected, "older ones", "run --only measure"));
  if (!parse_shard(o.shard).all())
    throw usage_error(describe("--shard", expected, "older ones", "run once without --shard"));
  measures.write();
}

// ---- The page -----------------------------------------------------------------------------------

/// What the page says of this run.
Setting setting_of(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                   const Study& study) {
  Setting setting{.command = command_of(o),
                  .scale = o.scale,
                  .recipe = plan.recipe,
                  .missing = count_missing(study, cells),
                  .docs = std::filesystem::relative(docs_folder(), o.out)};
  Results choice(choices_folder(o) + "/" + o.dataset, "", numerics_version);
  choice.load(false);
  setting.choice = choice.rows();
  if (chosen_recipe(choice.rows()))
    setting.chosen_with = choice.rows().front().at("net").as_string();
  return setting;
}

/// report.html and report.md, from what there is.
void make_page(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
               const Results& results, const Results& measures, CellData& loaded) {
  const data::Dataset& test = loaded.sets(cells.front().options).test;
  results.check_data(loaded.sums());
  for (const Cell& cell : cells) results.find(making_of(cell)); // the plan's recipe is the rows'
  const Measuring& m = plan.measuring;
  Study study = load_study(o.out, o.dataset, results.rows(), measures.rows(), test.labels);
  if (study.networks.empty())
    throw sgq::io_error(describe(o.out, "networks that are trained and measured", "none"));
  const data::Dataset explained = data::subset(test, spread(test.size(), m.explained, m.disturbed));
  study.drift = update_drift(o.out, study, results.rows(), m.explained, [&](const io::Json& row) {
    for (const Cell& each : cells)
      if (each.key() == key_of(row)) {
        const Cell cell = in_run(o, each);
        results.check_arithmetic(sgq::kernels::fuses_here()); // where rows suffice, any will do
        Subject s(network_of(o, plan, cell, row, loaded), explained);
        return gradient_maps(s);
      }
    throw sgq::io_error(describe(key_of(row), "a cell of this plan", "none"));
  });
  const std::vector<Claim> claims = decide_claims(study);
  const Shown shown{saliency::to_rgb(test.images), test.labels, test.class_names};
  const Document report = make_report(study, claims, shown, setting_of(o, plan, cells, study));
  const std::string page = std::filesystem::absolute(o.out + "/report.html").lexically_normal();
  io::write_file_atomically(page, to_html(report));
  io::write_file_atomically(o.out + "/report.md", to_markdown(report, o.out));
  std::printf("\n");
  for (const Claim& c : claims)
    std::printf("%s: %-60s %s\n", c.question.id.c_str(), c.question.claim.c_str(), name(c.verdict));
  std::printf("%s\n", page.c_str());
}

// ---- The recipe ---------------------------------------------------------------------------------

void print_scores(const std::vector<Score>& scores, const char* title) {
  if (scores.empty()) return;
  std::printf("\n%s\n%-40s %10s %10s\n", title, "recipe", "lost, pts", "gained");
  for (const Score& s : scores)
    std::printf("%-40s %10.2f %+10.4f\n", s.recipe.name().c_str(), 100 * s.loss, s.gain);
}

/// Both stages of the choice. The second waits until the first has all its rows.
void choose(const Options& o, const Plan& plan, Results& results, CellData& loaded) {
  run(o, plan, choose_cells(plan, 1, guided_recipes()), results, loaded);
  if (!o.plan) results.load(false); // what other shards have finished meanwhile
  std::vector<GuidedRecipe> best = finalists(results.rows());
  print_scores(stage_scores(results.rows(), 1), "stage 1");
  if (best.empty() && !o.plan) {
    std::printf("stage 2 waits for the other shards' rows\n");
    return;
  }
  if (best.empty()) best = {guided_recipes()[0], guided_recipes()[1]}; // any two: --plan
  run(o, plan, choose_cells(plan, 2, best), results, loaded);
  print_scores(stage_scores(results.rows(), 2), "stage 2");
  if (const auto chosen = chosen_recipe(results.rows()))
    std::printf("\nchosen for %s: %s\n", o.dataset.c_str(), chosen->name().c_str());
}

/// All that --only asks for.
void run_stages(const Options& o, const Plan& plan, Results& results, CellData& loaded) {
  const Shard shard = parse_shard(o.shard);
  const std::vector<Cell> cells = make_cells(plan), mine = take_shard(cells, shard);
  check_trained(o, cells, results);
  Results measures(o.out, shard.name(), numerics_version, "measures");
  measures.load();
  if (o.only != "train") drop_old_measures(o, measures);
  if (o.does("train")) train_cells(o, mine, plan, results, loaded);
  if (o.does("measure")) measure_cells(o, plan, mine, results, measures, loaded);
  if (!shard.all()) return;
  for (Results* rows : {&results, &measures}) {
    rows->sort();
    if (!rows->rows().empty()) rows->write();
  }
  if (o.does("page")) make_page(o, plan, cells, results, measures, loaded);
}

/// Throws usage_error where an option would do nothing.
void check_options(const Options& o) {
  if (o.out.empty()) throw usage_error(describe("--out", "a folder", "nothing"));
  if (o.chooses() && (o.only != "all" || o.seeds > 0 || !o.recipes.empty()))
    throw usage_error("--only, --seeds and --recipes are settings of the other scales: choose "
                      "trains with two seeds, measures as it trains and makes the recipes");
  if (o.only == "page" && !parse_shard(o.shard).all())
    throw usage_error(describe("--only page", "no --shard", o.shard,
                               "the page is made when all shards are together"));
  if (o.only == "page" && o.plan)
    throw usage_error(describe("--plan", "--only train or measure, or all stages", "--only page",
                               "the page takes seconds"));
}

void reproduce(const Options& o) {
  check_options(o);
  sgq::set_num_threads(o.threads);
  const Plan plan = plan_of(o);
  const Shard shard = parse_shard(o.shard);
  Results results(o.out, shard.name(), numerics_version);
  CellData loaded;
  if (o.plan) {
    results.load(false);
    return o.chooses() ? choose(o, plan, results, loaded)
                       : print_plan(o, plan, make_cells(plan), results, loaded);
  }
  if (!o.resume && (shard.all() ? results.has_files() : std::filesystem::exists(results.path())))
    throw usage_error(
        describe("--out " + o.out, "a folder without results, or --resume", results.path()));
  // What fails here leaves no folder behind.
  if (!results.has_files() && !o.chooses()) check_trained(o, make_cells(plan), results);
  const Cell first = o.chooses() ? choose_cells(plan, 1, {}).front() // which read no test image
                                 : make_cell(plan, "fp32", how::plain, 1);
  loaded.sets(first.options);
  make_out_folder(o.out + "/cells");
  const Lock lock(o.out, shard.name());
  results.load();
  check_rows(o, results);
  if (!o.chooses()) return run_stages(o, plan, results, loaded);
  choose(o, plan, results, loaded);
  if (!shard.all()) return;
  results.sort();
  results.write();
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "reproduce", [&] {
    Options o;
    CommandLine line("reproduce", "what quantisation does to accuracy and to explanations");
    line.choice(
        "--scale", &o.scale, scales,
        "how much: smoke takes under a minute, quick about ten, full 20 minutes (built-in set) to "
        "many hours, paper longer; choose: the recipe of guided training, on validation images");
    line.choice("--dataset", &o.dataset, sgq::names_of(data::datasets), "one set");
    line.text("--data", &o.data, "DIR",
              "where the set is, in DIR/SET or DIR (default: data, here or in the source tree)");
    line.text("--out", &o.out, "DIR", "folder for the rows, the networks and the page (required)");
    line.text("--recipes", &o.recipes, "DIR",
              "the tables of --scale choose, DIR/SET/results.jsonl [docs/results/choose]");
    line.integer("--seeds", &o.seeds, {0, 100}, // those of the choice are 101 and 102
                 "networks of a kind, 0 for as many as the scale has");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.flag("--resume", &o.resume, "go on with the rows in --out, if there are any");
    line.flag(
        "--plan", &o.plan,
        "train nothing: print what is left of the stages and the shard, and how long it takes");
    line.choice("--only", &o.only, {"all", "train", "measure", "page"},
                "one stage: train networks, measure those that are trained, or make the page");
    line.text("--shard", &o.shard, "i/n", "run one of n equal parts of the networks only");
    line.section("To try things out");
    line.choice("--net", &o.net, sgq::names_of(sgq::nn::models<float>),
                "on the sets whose images it reads [that of the scale]");
    line.integer("--epochs", &o.epochs, {0, 100000}, "passes, 0 for those of the scale");
    line.integer("--limit", &o.limit, {0, index_t{1} << 31},
                 "the first N training and N test images only, 0 for those of the scale");
    line.integer("--checkpoint-every", &o.checkpoint_seconds, {0, 86400},
                 "seconds between checkpoints, 0: every step");
    if (line.parse(argc, argv)) reproduce(o);
  });
}
