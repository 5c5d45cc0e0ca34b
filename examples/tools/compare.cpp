// compare -- do several networks look at the same pixels?
//
//     build/release/examples/compare
//         --models fp32=out/a/model.safetensors,w4a4=out/b/model.safetensors
//         --null out/another-seed/model.safetensors --images mnist:0-99 --out out/compare
//
// Explains the same images and classes through every model and says how alike each model's maps are
// to the first one's, beside two baselines: the first model trained from other seeds, and random
// weights. Where three or more other seeds are given, Student's t says whether maps have drifted:
// whether they are less alike than those of one further seed would be. OUT gets maps.png (a row per
// image, a column per model) and metrics.json.
#include "explaining.hpp"

#include "sgq/saliency/metrics/similarity.hpp"

#include <cmath>

using namespace examples;
using saliency::Values;

namespace {

struct Options {
  std::string models, other_seeds, images, data, targets = "auto", out = "out/compare";
  MethodOptions how;
  index_t rows = 8;
  int threads = 0;
};

/// One network, its maps of all images, and how alike they are to the first network's; both as they
/// are and as magnitudes.
struct Column {
  std::string name, path;
  nn::Model<float> model;
  double accuracy = 0; ///< NaN where labels are not known
  Tensor<float> maps_[2]{};
  Tensor<double> blank{}; ///< [N], 1 where this map or the first network's is exactly 0
  saliency::Similarity alike_[2]{};

  Tensor<float>& maps(Values v) { return maps_[v == Values::magnitude]; }
  const Tensor<float>& maps(Values v) const { return maps_[v == Values::magnitude]; }
  saliency::Similarity& alike(Values v) { return alike_[v == Values::magnitude]; }
  const saliency::Similarity& alike(Values v) const { return alike_[v == Values::magnitude]; }
};

using saliency::SimilarityMeasure, saliency::similarity_measures;

/// "NAME=FILE,.."; without a name, the file's folder is the name, or the file where none is given.
std::vector<Column> load_columns(const std::string& list) {
  std::vector<Column> columns;
  if (list.empty()) return columns;
  for (const std::string& part : split_list(list)) {
    const std::size_t equals = part.find('=');
    const std::string path = part.substr(equals + 1); // npos + 1 is 0
    std::string name = part.substr(0, equals);
    if (equals == part.npos) {
      const std::filesystem::path file(path), folder = file.parent_path().filename();
      name = (folder.empty() ? file.stem() : folder).string();
    }
    columns.push_back({name, path, load_explained(path)});
  }
  return columns;
}

/// Throws usage_error where a network of --null has another net or other bits than the first one:
/// what sets them apart would count as the noise of seeds. How they were trained is for the user.
void check_null(const Column& first, const std::vector<Column>& other_seeds) {
  for (const Column& c : other_seeds)
    if (c.model.name() != first.model.name() || c.model.bits() != first.model.bits())
      throw usage_error(describe("--null",
                                 "networks like the first of --models, " + model_text(first.model),
                                 c.path + ", " + model_text(c.model)));
}

/// The first model's net with random weights.
Column random_column(const Column& first, std::uint64_t seed, View<const float> x) {
  return {
      "random", "", {untrained(first.model.net, seed, x), first.model.metadata, first.model.input}};
}

/// Explains the images through one model and compares with the first.
void fill_in(Column& column, const Images& images, std::span<const std::uint8_t> targets,
             const Options& o, const Column& first) {
  const QuantParams& grid = column.model.input;
  const Tensor<float> x = images.input(grid);
  const saliency::MapMethod& method = o.how.method();
  saliency::Explainer explainer(column.model.net,
                                explainer_options(method, images, column.model, o.how, o.data));
  const auto a = method.make(explainer, x, targets, o.how.values);
  const auto said = saliency::predictions(saliency::logits_of(column.model.net, x));
  for (std::size_t n = 0; n < images.labels.size(); ++n)
    column.accuracy += said[n] == images.labels[n];
  column.accuracy /= static_cast<double>(images.labels.size()); // 0 / 0 is NaN
  for (const Values v : {Values::with_sign, Values::magnitude}) {
    column.maps(v) = saliency::to_maps(a, v);
    column.alike(v) = saliency::similarity(first.maps(v), column.maps(v), v);
  }
  const Tensor<double> of_first = saliency::blank_maps(first.maps(Values::magnitude));
  column.blank = saliency::blank_maps(column.maps(Values::magnitude));
  for (index_t n = 0; n < column.blank.size(); ++n)
    column.blank[n] = std::max(column.blank[n], of_first[n]);
}

/// A measure of several columns, each `copies` times: [S,N].
Tensor<double> stack(std::span<const Column> columns, const SimilarityMeasure& measure, Values v,
                     std::size_t copies = 1) {
  const index_t images = columns[0].maps(v).shape()[0];
  Tensor<double> all({static_cast<index_t>(columns.size() * copies), images});
  double* row = all.data();
  for (const Column& c : columns)
    for (std::size_t k = 0; k < copies; ++k, row += images)
      std::copy_n((c.alike(v).*measure.values).data(), images, row);
  return all;
}

/// A line of the table: one model, or all that make up a baseline.
struct Line {
  std::string name;
  std::span<const Column> columns, other_seeds; ///< other_seeds empty: no comparison with them

  double accuracy() const {
    double sum = 0;
    for (const Column& c : columns) sum += c.accuracy;
    return sum / static_cast<double>(columns.size());
  }
  index_t blank() const {
    index_t count = 0;
    for (const Column& c : columns) count += std::count(c.blank.begin(), c.blank.end(), 1.0);
    return count;
  }
  saliency::Estimate alike(const SimilarityMeasure& m, Values v) const {
    return saliency::bootstrap_mean(stack(columns, m, v));
  }
  /// The difference to each network of the between-seed baseline, paired by image.
  SeedDifference minus_other_seeds(const SimilarityMeasure& m, Values v) const {
    SeedDifference d =
        difference_of(stack(columns, m, v, other_seeds.size()), stack(other_seeds, m, v));
    predict(d.seeds);
    return d;
  }

private:
  /// The interval of the mean becomes that of one further network: all differences share this
  /// line's, so it has to lie outside the other seeds' spread, not only off their mean.
  static void predict(saliency::SeedEstimate& e) {
    if (e.seeds < saliency::fewest_seeds) return;
    const double n = static_cast<double>(e.seeds), wider = std::sqrt(n + 1);
    e.low = e.mean - wider * (e.mean - e.low);
    e.high = e.mean + wider * (e.high - e.mean);
    const double error = e.deviation * std::sqrt(1 + 1 / n);
    e.p = saliency::student_two_sided(e.mean == 0 ? 0 : e.mean / error, e.seeds - 1);
  }
};

/// What the table leaves out, and whether a model's maps have drifted.
void print_notes(const Line& line, Values v) {
  const index_t constant = line.alike(similarity_measures[0], v).excluded;
  if (constant > 0)
    std::printf("%s: left out, one of the two maps is constant: %d of %d, %d of them blank\n",
                line.name.c_str(), int(constant),
                int(line.columns.size()) * int(line.columns[0].blank.size()), int(line.blank()));
  if (line.other_seeds.empty()) return;
  const SeedDifference d = line.minus_other_seeds(similarity_measures[0], v);
  const saliency::SeedEstimate& e = d.seeds;
  const auto given = static_cast<index_t>(line.other_seeds.size());
  std::printf("%s - between-seed baseline: %s; %s\n", line.name.c_str(), text_of(d).c_str(),
              e.seeds < std::min(given, saliency::fewest_seeds) ? "no verdict: maps are constant"
              : e.seeds < saliency::fewest_seeds ? "no verdict below three other seeds"
              : e.high < 0                       ? "a drift"
                                                 : "no drift beyond that between seeds");
}

void print_table(const std::vector<Line>& lines, Values v) {
  std::size_t widest = 5;
  for (const Line& line : lines) widest = std::max(widest, line.name.size());
  const int w = static_cast<int>(widest);
  std::printf("%-*s accuracy", w, "");
  for (const SimilarityMeasure& m : similarity_measures)
    std::printf("  %-20s", std::string(m.title).c_str());
  std::printf("\n");
  for (const Line& line : lines) {
    char accuracy[16] = "-  ";
    if (!std::isnan(line.accuracy()))
      std::snprintf(accuracy, sizeof accuracy, "%.1f %%", 100 * line.accuracy());
    std::printf("%-*s  %7s", w, line.name.c_str(), accuracy);
    for (const SimilarityMeasure& m : similarity_measures)
      std::printf("  %-20s", text_of(line.alike(m, v)).c_str());
    std::printf("\n");
  }
  for (const Line& line : lines) print_notes(line, v);
}

io::Json table_json(const std::vector<Line>& lines, Values v) {
  io::Json table = io::Json::array();
  for (const Line& line : lines) {
    io::Json json = io::Json::object({{"model", line.name}});
    if (!std::isnan(line.accuracy())) json["accuracy"] = line.accuracy();
    json["blank"] = line.blank();
    for (const SimilarityMeasure& m : similarity_measures) {
      const std::string name(m.name);
      json[name] = to_json(line.alike(m, v));
      if (!line.other_seeds.empty())
        json[name + "_minus_null"] = to_json(line.minus_other_seeds(m, v));
    }
    table.push_back(std::move(json));
  }
  return table;
}

/// The similarity to the first column's map, below all maps but those of the first.
std::string caption_of(const Column& column, const Column& first, Values v, index_t n) {
  const double alike = column.alike(v).spearman[n];
  if (std::isnan(alike)) return "constant";
  char text[16] = "";
  if (&column != &first) std::snprintf(text, sizeof text, "%.2f", alike);
  return text;
}

/// A row per image; columns: the image, the models, another seed, random weights.
void write_picture(const Options& o, const Images& images, std::span<const std::uint8_t> targets,
                   const std::vector<const Column*>& columns) {
  const saliency::MapMethod& method = o.how.method();
  const index_t rows = std::min(o.rows, images.size());
  const Tensor<std::uint8_t> codes = images.pixels(columns[0]->model.input);
  const Tensor<std::uint8_t> pictures = saliency::to_rgb(codes.view().slice(0, rows));
  GridOptions grid{.title = std::string(method.title) + " of the " + o.how.score_of(method) +
                            " of the class at the left",
                   .note = "below each map: its Spearman correlation with the first"};
  grid.zoom = std::max(index_t{1}, 140 / pictures.shape()[2]);
  grid.columns.push_back("image");
  std::vector<std::vector<Tile>> tiles(static_cast<std::size_t>(rows));
  for (std::size_t n = 0; n < tiles.size(); ++n) {
    grid.rows.push_back(images.class_name(targets[n]));
    tiles[n].push_back(tile_of(pictures, static_cast<index_t>(n)));
  }
  for (const Column* c : columns) {
    grid.columns.push_back(c->name);
    const View<const float> maps = c->maps(method.values).view().slice(0, rows);
    const Tensor<std::uint8_t> drawn = draw_maps(method, maps);
    for (index_t n = 0; n < rows; ++n)
      tiles[static_cast<std::size_t>(n)].push_back(
          tile_of_map(drawn, maps, n, caption_of(*c, *columns[0], method.values, n)));
  }
  write_png(o.out + "/maps.png", compose_grid(tiles, grid));
}

void write_metrics(const Options& o, const Column& first, const Images& images,
                   std::span<const std::uint8_t> targets, const std::vector<Line>& lines) {
  io::Json json =
      io::Json::object({{"reference", first.path},
                        {"images", o.images},
                        {"count", targets.size()},
                        {"method", o.how.name},
                        {"score", o.how.score_of(o.how.method())},
                        {"targets", std::vector<std::uint8_t>(targets.begin(), targets.end())},
                        {"with_sign", table_json(lines, Values::with_sign)},
                        {"magnitude", table_json(lines, Values::magnitude)},
                        {"version", sgq::version}});
  if (!images.class_names.empty()) json["class_names"] = images.class_names;
  io::write_file_atomically(o.out + "/metrics.json", io::to_pretty_string(json));
}

void compare(const Options& o) {
  std::vector<Column> models = load_columns(o.models), other_seeds = load_columns(o.other_seeds);
  std::vector<std::string> seeds{models[0].path};
  for (const Column& c : other_seeds) seeds.push_back(c.path);
  check_null(models[0], other_seeds);
  check_different("--null, and the first of --models", seeds);
  Images images = load_images(o.images, o.data, lists_classes(o.targets));
  for (const auto* columns : {&models, &other_seeds})
    for (const Column& c : *columns) check_fits(images, c.model, c.path);
  make_out_folder(o.out);
  Column& first = models[0];
  images.class_names = class_names_of(images, first.model);
  const Tensor<float> x = images.input(first.model.input);
  const auto targets = choose_targets(o.targets, images, saliency::logits_of(first.model.net, x));
  std::vector<Column> random;
  for (std::uint64_t seed : {1001u, 1002u, 1003u}) random.push_back(random_column(first, seed, x));

  std::vector<const Column*> shown;
  for (auto* columns : {&models, &other_seeds, &random})
    for (Column& c : *columns) {
      fill_in(c, images, targets, o, first);
      if (columns != &random || &c == &random[0]) shown.push_back(&c);
    }
  std::vector<Line> lines;
  for (std::size_t m = 1; m < models.size(); ++m)
    lines.push_back({models[m].name, {&models[m], 1}, other_seeds});
  if (!other_seeds.empty()) lines.push_back({"between-seed baseline", other_seeds, {}});
  lines.push_back({"random-weights baseline", random, {}});

  std::printf("%s maps of %d images, compared with those of %s (%s)\n", o.how.name.c_str(),
              int(images.size()), first.name.c_str(), model_text(first.model).c_str());
  print_classes(images.class_names);
  print_table(lines, o.how.method().values);
  if (other_seeds.empty()) std::printf("without --null, drift cannot be told from seed noise\n");
  write_picture(o, images, targets, shown);
  write_metrics(o, first, images, targets, lines);
  std::printf("%s/maps.png\n", o.out.c_str());
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "compare", [&] {
    Options o;
    CommandLine line("compare", "whether several networks look at the same pixels");
    line.text("--models", &o.models, "NAME=FILE,..",
              "networks, each a model.safetensors; the first is what the others are compared with");
    line.text(
        "--null", &o.other_seeds, "FILE,..",
        "the between-seed baseline: the first network, trained from other seeds, three or more to "
        "decide");
    add_images_option(line, &o.images);
    add_data_option(line, &o.data);
    line.text("--targets", &o.targets, "auto|true|predicted|LIST",
              "the classes to explain; auto: the true ones if known, else the first model's");
    add_method_options(line, o.how);
    line.integer("--rows", &o.rows, {1, 1000}, "images in the picture, at most");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--out", &o.out, "DIR", "folder for maps.png and metrics.json");
    if (!line.parse(argc, argv)) return;
    if (o.models.empty()) throw usage_error("--models NAME=FILE,.. is needed");
    if (o.images.empty()) throw usage_error("--images is needed, as in --images mnist:0-99");
    check_method_options(o.how);
    sgq::set_num_threads(o.threads);
    compare(o);
  });
}
