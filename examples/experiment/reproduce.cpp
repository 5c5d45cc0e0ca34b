// reproduce -- what quantisation does to accuracy and to explanations: the whole experiment.
//
//     build/release/examples/reproduce --scale quick --out out/quick
//     build/release/examples/reproduce --scale full --out out/full --resume    # goes on
//
// Trains a grid of networks, {fp32, w4a4, w2a2, mixes} x {plain, guided} x seeds on every set,
// measures each, and decides the claims of two papers from the numbers. OUT gets results.jsonl (a
// row per network), evidence/ (the numbers of every image), report.html, report.md with figures/, and
// cells/ with every network and map, which may be deleted. A run that was killed goes on with
// --resume and ends with the same rows. With --shard i/n several processes or machines share the
// grid; when their folders are together, the same command with --resume and without --shard makes
// the report, and --report makes it from what there is. docs/experiment.md tells more.
#include "evidence.hpp"
#include "measure_cell.hpp"
#include "report.hpp"

#include <ctime>
#include <fstream>
#include <thread>

using namespace examples;

namespace {

struct Options {
  std::string paper = "all", scale = "quick", dataset = "", net = "", data = "",
              out = "out/reproduce", shard = "1/1", kl = "attached";
  std::uint64_t seeds = 0;
  index_t limit = 0, epochs = 0, checkpoint_seconds = 60;
  int threads = 0;
  bool resume = false, report = false;
};

/// The plan of the scale, with what the command line says otherwise.
Plan plan_of(const Options& o) {
  const auto named = o.dataset.empty() ? std::vector<std::string>{} : split_list(o.dataset);
  for (const std::string& set : named)
    if (!sgq::find_row(data::datasets, set))
      throw usage_error(describe(
          "--dataset", "a list of " + sgq::one_of(sgq::names_of(data::datasets)), "'" + set + "'"));
  std::vector<std::string> sets;
  for (const std::string& set : sets_of(o.paper, o.scale, named))
    if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(set);
  Plan plan = make_plan(o.scale, sets);
  plan.kl = o.kl;
  for (SetPlan& set : plan.sets) {
    const bool photos = has_photographs(set.dataset);
    if (!o.net.empty() && photos == (o.net == "resnet20" || o.net == "vgg_small")) set.net = o.net;
    if (o.limit > 0) set.limit = o.limit;
    if (o.epochs > 0) set.epochs = o.epochs;
    if (o.seeds > 0) set.seeds = o.seeds;
  }
  if (o.epochs > 0) plan.ablation_epochs = std::min(plan.ablation_epochs, o.epochs);
  return plan;
}

/// What was typed, without what may differ between equal runs.
std::string command_of(const Options& o) {
  std::string line = "reproduce --paper " + o.paper + " --scale " + o.scale;
  if (!o.dataset.empty()) line += " --dataset " + o.dataset;
  if (!o.net.empty()) line += " --net " + o.net;
  if (o.kl != "attached") line += " --kl " + o.kl;
  if (o.seeds > 0) line += " --seeds " + sgq::to_text(o.seeds);
  if (o.limit > 0) line += " --limit " + sgq::to_text(o.limit);
  if (o.epochs > 0) line += " --epochs " + sgq::to_text(o.epochs);
  return line;
}

/// The checked-out commit of the source tree, "-dirty" if files differ; "unknown" without git.
std::string commit() {
  const std::string source = std::filesystem::path(__FILE__).parent_path().string();
  if (source.find_first_of("'\\") != source.npos) return "unknown";
  std::string text;
  if (FILE* git = popen(("git -C '" + (source.empty() ? "." : source) +
                         "' describe --always --dirty --abbrev=12 --match ' ' 2>/dev/null")
                            .c_str(),
                        "r")) {
    char line[100] = "";
    if (std::fgets(line, sizeof line, git)) text = line;
    pclose(git);
  }
  text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
  return text.empty() ? "unknown" : text;
}

/// "Some processor, 2 cores"
std::string machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      model = line.substr(std::min(line.find(": ") + 2, line.size()));
      break;
    }
  return model + ", " + sgq::to_text(std::thread::hardware_concurrency()) + " cores";
}

std::string now() {
  const std::time_t t = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&t));
  return text;
}

/// Before anything is trained: the data are there and the folder can be written to.
void check_surroundings(const Options& o, const std::vector<Cell>& cells) {
  std::vector<std::string> seen;
  for (const Cell& cell : cells) {
    if (std::find(seen.begin(), seen.end(), cell.training.dataset) != seen.end()) continue;
    seen.push_back(cell.training.dataset);
    if (cell.training.dataset == "synthetic") continue; // has no files
    load_dataset(cell.training, data::Split::train);
    load_dataset(cell.training, data::Split::test);
  }
  make_out_folder(o.out + "/cells");
  io::write_file_atomically(o.out + "/cells/.writable", "");
  std::filesystem::remove(o.out + "/cells/.writable");
}

/// Before anything is trained, or shown: that the rows are of this scale, that what this run will
/// train on is what they were trained on, and that more can be written.
void check_rows(const Options& o, const std::vector<Cell>& cells, const Results& results) {
  for (const io::Json& row : results.rows()) {
    const io::Json* scale = row.at("run").find("scale");
    if (scale && !(*scale == io::Json(o.scale)))
      throw usage_error(describe("--out " + o.out, "rows of --scale " + o.scale,
                                 key_of(row) + " of --scale " + scale->as_string(),
                                 "say that, or use another --out"));
  }
  CellData loaded;
  std::vector<std::string> seen;
  for (const Cell& cell : cells) {
    const std::string& set = cell.training.dataset;
    if (results.rows().empty() || std::find(seen.begin(), seen.end(), set) != seen.end()) continue;
    seen.push_back(set);
    loaded.sets(cell.training);
    results.check_data(set, loaded.sums());
  }
  if (!o.report) io::check_writable(results.path());
}

std::string weights_of(const io::Json& row) {
  return row.at("files").at("model.safetensors").as_string().substr(0, 16);
}

void print_row(const io::Json& row, const std::string& count) {
  const auto mean = [&](const char* measure) {
    const io::Json& m = row.at("measures").at(measure).at("mean");
    return m.is_null() ? std::nan("") : m.as_double();
  };
  const double seconds = row.at("run").at("training_seconds").as_double() +
                         row.at("run").at("measuring_seconds").as_double();
  char text[200];
  std::snprintf(text, sizeof text, "%s %-50s accuracy %6.2f %%   masked %.3f (random %.3f)   %s",
                count.c_str(), key_of(row).c_str(), 100 * row.at("test_accuracy").as_double(),
                mean("masked_accuracy"), mean("masked_accuracy_of_random_ranking"),
                clock_text(seconds).c_str());
  Progress(1).line(text);
}

/// A planned cell as the study knows it.
CellNumbers numbers_of(const Cell& cell) {
  return {.dataset = cell.training.dataset,
          .bits = cell.training.bits,
          .guided = cell.training.guided,
          .seed = cell.training.seed,
          .variant = cell.variant};
}

/// Which cells of the plan have to be trained: those without a row; and, where neither evidence nor
/// the files that it is made of were kept, those that had been made already, or that one without
/// evidence is compared with.
std::vector<bool> what_to_make(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                               Results& results) {
  const std::vector<std::string> evident = cells_with_evidence(o.out, results.rows());
  std::vector<CellNumbers> numbers;
  std::vector<const io::Json*> rows;
  for (const Cell& cell : cells) {
    numbers.push_back(numbers_of(cell));
    rows.push_back(results.find(making_of(cell, plan.measuring)));
  }
  // Evidence counts once all that a cell is compared with is there, too.
  std::vector<bool> open(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    open[i] = std::find(evident.begin(), evident.end(), cells[i].key()) == evident.end();
    for (std::size_t k = 0; k < cells.size(); ++k)
      if (!rows[k] && is_reference(numbers[k], numbers[i])) open[i] = true;
  }
  std::vector<bool> wanted(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    bool needed = open[i];
    for (std::size_t k = 0; k < cells.size(); ++k)
      needed = needed || (open[k] && is_reference(numbers[i], numbers[k]));
    wanted[i] = !rows[i] || (needed && !has_cell_files(o.out, *rows[i]));
  }
  return wanted;
}

/// Trains and measures. A cell that has a row already must come out as it did.
void run_cells(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
               Results& results) {
  const std::string source = commit(), where = machine();
  CellData loaded;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Cell cell = cells[i];
    TrainingOptions& t = cell.training;
    t.out = cell_folder(o.out, cell.key());
    t.threads = o.threads;
    t.checkpoint_seconds = o.checkpoint_seconds;
    io::Json row = run_cell(cell, plan.measuring, o.resume, loaded);
    io::Json& run = row["run"];
    run["threads"] = sgq::num_threads();
    run["isa"] = std::string(sgq::kernels::name(sgq::kernels::isa()));
    run["machine"] = where;
    run["version"] = sgq::version;
    run["commit"] = source;
    run["scale"] = o.scale;
    run["finished"] = now();
    if (const io::Json* before = results.find(row)) {
      if (!same_result(*before, row)) {
        std::filesystem::remove_all(t.out); // what the row does not speak of
        throw sgq::io_error(describe(
            cell.key() + ", made again", "the row that is there, weights " + weights_of(*before),
            "another one, weights " + weights_of(row) + ", that differs in '" +
                difference(*before, row) + "'",
            "SGQ_ISA=generic rounds otherwise; delete the row if it is the one that errs"));
      }
    } else {
      results.add(row);
    }
    std::filesystem::remove(t.out + "/checkpoint.safetensors");
    std::filesystem::remove(t.out + "/first/checkpoint.safetensors");
    print_row(row, "[" + sgq::to_text(i + 1) + "/" + sgq::to_text(cells.size()) + "]");
  }
}

/// The sets of those rows that can be shown, in the report's order.
std::vector<Shown> load_sets(const std::string& out, const std::vector<io::Json>& rows,
                             const std::string& data_folder) {
  std::vector<Shown> sets;
  for (const std::string& set : sgq::names_of(data::datasets))
    for (const io::Json& row : rows)
      if (row.at("dataset").as_string() == set &&
          (std::filesystem::exists(evidence_path(out, key_of(row))) || has_cell_files(out, row))) {
        sets.push_back(load_shown(row, data_folder));
        break;
      }
  return sets;
}

/// The planned cells that are not on the page.
std::vector<std::string> missing_cells(const std::vector<Cell>& cells, const Study& study) {
  std::vector<std::string> missing;
  for (const Cell& cell : cells)
    if (std::none_of(study.cells.begin(), study.cells.end(),
                     [&](const CellNumbers& c) { return key_of(*c.row) == cell.key(); }))
      missing.push_back(cell.key());
  return missing;
}

/// Leaves the sets that have cells, and chooses the networks whose maps are shown.
void choose_seeds(std::vector<Shown>& sets, const Study& study) {
  std::erase_if(sets, [&](Shown& set) {
    const CellNumbers* first = nullptr;
    for (const CellNumbers& c : study.cells)
      if (c.dataset == set.dataset && c.variant.empty() && (!first || c.seed < first->seed))
        first = &c;
    if (first) set.seed = first->seed;
    return !first;
  });
}

void print_answers(const Document& report, const Setting& setting) {
  std::printf("\n");
  for (const Answer& answer : report.answers) {
    std::string text;
    const auto take = [&](const std::string& s) { text += s; };
    each_span(answer.text, take, take, take);
    std::printf("%s: %s\n\n", answer.label.c_str(), text.c_str());
  }
  if (!setting.missing.empty())
    std::printf("Not on the page, for want of a row, evidence, or maps to compare with: %s\n\n",
                join(setting.missing, ", ").c_str());
}

/// Evidence, drift, claims, report.html and report.md; and the rows, sorted, unless only --report
/// was asked: then another process may be adding to them.
void finish(const Options& o, const Plan& plan, const std::vector<Cell>& cells, Results& results) {
  for (const Cell& cell : cells) results.find(making_of(cell, plan.measuring)); // made otherwise?
  std::vector<Shown> sets = load_sets(o.out, results.rows(), o.data);
  DrawnImages drawn;
  for (const Shown& set : sets) drawn[set.dataset] = one_of_each(set);
  results.sort();
  Study study = load_study(o.out, results.rows(), drawn);
  if (study.cells.empty())
    throw sgq::io_error(describe(o.out, "evidence/ or cells/ that belong to its rows", "neither",
                                 "--resume makes them again"));
  add_derived(study);
  if (!o.report) results.write();

  const Setting setting{
      .command = command_of(o), .scale = o.scale, .missing = missing_cells(cells, study)};
  choose_seeds(sets, study);
  std::vector<std::string> datasets;
  for (const Shown& set : sets) datasets.push_back(set.dataset);
  const Document report = make_report(study, decide_claims(study, datasets), sets, setting);
  const std::string page = std::filesystem::absolute(o.out + "/report.html").lexically_normal();
  io::write_file_atomically(page, to_html(report));
  io::write_file_atomically(o.out + "/report.md", to_markdown(report, o.out));
  print_answers(report, setting);
  std::printf("%s\n", page.c_str());
}

/// --report: the page of what there is.
void report_only(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                 Results& results) {
  if (!parse_shard(o.shard).all())
    throw usage_error(describe("--report", "all of the grid, no --shard", o.shard));
  results.load(false);
  if (results.rows().empty())
    throw usage_error(describe("--report", "a folder with rows", o.out + " has none"));
  check_rows(o, {}, results);
  finish(o, plan, cells, results);
}

/// Trains this shard's cells, and makes the page if that is all of them.
void train_and_report(const Options& o, const Plan& plan, const std::vector<Cell>& cells,
                      Results& results) {
  const Shard shard = parse_shard(o.shard);
  const std::vector<Cell> mine = take_shard(cells, shard);
  if (o.resume || !shard.all()) results.load();
  const std::vector<bool> wanted = what_to_make(o, plan, cells, results);
  check_rows(o, mine, results);
  std::vector<Cell> to_make;
  for (const Cell& cell : mine)
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (wanted[i] && cells[i].key() == cell.key()) to_make.push_back(cell);
  std::printf("%s: %d of %d cells%s to make, %d threads; results go to %s\n", command_of(o).c_str(),
              int(to_make.size()), int(mine.size()), shard.all() ? "" : " of this shard",
              sgq::num_threads(), o.out.c_str());
  std::fflush(stdout);
  run_cells(o, plan, to_make, results);
  if (shard.all())
    finish(o, plan, cells, results);
  else
    std::printf("%s has this shard's rows\n", results.path().c_str());
}

void reproduce(const Options& o) {
  const Plan plan = plan_of(o);
  const Shard shard = parse_shard(o.shard);
  std::vector<Cell> cells = make_cells(plan);
  for (Cell& cell : cells) cell.training.data = o.data;
  sgq::set_num_threads(o.threads);

  const std::string shard_name =
      shard.all() ? "" : sgq::to_text(shard.part) + "-of-" + sgq::to_text(shard.of);
  Results results(o.out, shard_name, numerics_version);
  if (o.out.empty()) throw usage_error(describe("--out", "a folder", "nothing"));
  if (!o.resume && !o.report &&
      (shard.all() ? results.has_files() : std::filesystem::exists(results.path())))
    throw usage_error(
        describe("--out " + o.out, "a folder without results, or --resume", results.path()));
  if (o.report) return report_only(o, plan, cells, results);
  check_surroundings(o, take_shard(cells, shard));
  const Lock lock(o.out, shard_name);
  train_and_report(o, plan, cells, results);
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "reproduce", [&] {
    Options o;
    CommandLine line("reproduce", "what quantisation does to accuracy and to explanations");
    line.choice("--paper", &o.paper, {"a", "b", "all"},
                "whose sets, in full and paper: a MNIST and Fashion-MNIST, b MNIST and CIFAR-10");
    line.choice("--scale", &o.scale, scales,
                "how much: smoke under a minute, quick nine on two cores, full about ten hours");
    line.text("--dataset", &o.dataset, "SET,..",
              ("these sets instead: " + sgq::one_of(sgq::names_of(data::datasets))).c_str());
    line.text("--data", &o.data, "DIR",
              "where the sets are, in DIR/SET or DIR (default: data, here or in the source tree)");
    line.text("--out", &o.out, "DIR",
              "takes results.jsonl, evidence/, report.html, report.md, cells/");
    line.integer("--seeds", &o.seeds, {0, 1000},
                 "networks of a kind, 0 for as many as the scale has");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.flag("--resume", &o.resume, "go on with the results in --out, if there are any");
    line.flag("--report", &o.report,
              "train nothing: make the page from the rows and evidence in --out");
    line.text("--shard", &o.shard, "i/n", "run one of n equal parts of the cells only");
    line.choice(
        "--kl", &o.kl, {"attached", "detached"},
        "whether guided training's KL moves the clean prediction too, as its authors have it");
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
