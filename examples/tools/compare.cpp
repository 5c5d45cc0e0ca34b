// compare -- do several networks look at the same pixels?
//
//     build/release/examples/compare --models
//     fp32=out/a/model.safetensors,w4a4=out/b/model.safetensors
//         --null out/another-seed/model.safetensors --images mnist:0-99 --out out/compare
//
// Explains the same images and classes through every model and says how alike each model's maps are
// to the first one's, beside two yardsticks: the null, the same number for the first model trained
// from another seed, and the floor, for random weights. A drift within the null's band is no drift.
// OUT gets maps.png (a row an image, a column a model) and metrics.json.
#include "explaining.hpp"

#include "sgq/saliency/metrics/blank.hpp"
#include "sgq/saliency/metrics/similarity.hpp"

#include <cmath>

using namespace examples;
using saliency::Values;

namespace {

struct Options {
  std::string models, null, images, data, targets = "auto", method = "gradient",
                                          out = "out/compare";
  MethodOptions how;
  index_t rows = 8;
  int threads = 0;
};

/// One network, its maps of all images, and how alike they are to the first network's; both as they
/// are and as magnitudes.
struct Column {
  std::string name, path;
  io::Model<float> model;
  double right = 0; ///< share of the images; NaN where labels are not known
  Tensor<float> maps_[2]{};
  Tensor<double> blank{}; ///< [N], 1 where this map or the first network's is exactly 0
  saliency::Similarity alike_[2]{};

  Tensor<float>& maps(Values v) { return maps_[v == Values::magnitude]; }
  const Tensor<float>& maps(Values v) const { return maps_[v == Values::magnitude]; }
  saliency::Similarity& alike(Values v) { return alike_[v == Values::magnitude]; }
  const saliency::Similarity& alike(Values v) const { return alike_[v == Values::magnitude]; }
};

struct Measure {
  const char* name;
  Tensor<double> saliency::Similarity::*values; ///< [N]
};
constexpr Measure measures[] = {{"spearman", &saliency::Similarity::spearman},
                                {"pearson", &saliency::Similarity::pearson},
                                {"cosine", &saliency::Similarity::cosine},
                                {"ssim", &saliency::Similarity::ssim},
                                {"top_10_iou", &saliency::Similarity::top_iou}};

/// "NAME=FILE,.."; without a name, the file's folder is the name.
std::vector<Column> load_columns(const std::string& list) {
  std::vector<Column> columns;
  if (list.empty()) return columns;
  for (const std::string& part : split_list(list)) {
    const std::size_t equals = part.find('=');
    const std::string path = part.substr(equals + 1); // npos + 1 is 0
    const std::string name = equals == part.npos
                                 ? std::filesystem::path(path).parent_path().filename().string()
                                 : part.substr(0, equals);
    columns.push_back({name, path, load_explained(path)});
  }
  return columns;
}

/// The first model's net with random weights.
Column random_column(const Column& first, std::uint64_t seed, View<const float> x) {
  nn::ModelSpec spec = first.model.spec;
  spec.options.seed = seed;
  return {"random", "", {untrained(spec, seed, x), spec, first.model.metadata}};
}

/// Explains the images through one model and compares with the first.
void fill_in(Column& column, const Images& images, std::span<const std::uint8_t> targets,
             const Options& o, const Column& first) {
  const QuantParams& grid = column.model.spec.quant.input;
  const Tensor<float> x = images.input(grid);
  const auto a = attribute(find_method(o.method), column.model.net, x, targets,
                           background_of(images, column.model), o.how);
  const auto said = predictions(logits_of(column.model.net, x));
  for (std::size_t n = 0; n < images.labels.size(); ++n)
    column.right += said[n] == images.labels[n];
  column.right /= static_cast<double>(images.labels.size()); // 0 / 0 is NaN
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
Tensor<double> stack(std::span<const Column> columns, const Measure& measure, Values v,
                     std::size_t copies = 1) {
  const index_t images = columns[0].maps(v).shape()[0];
  Tensor<double> all({static_cast<index_t>(columns.size() * copies), images});
  double* row = all.data();
  for (const Column& c : columns)
    for (std::size_t k = 0; k < copies; ++k, row += images)
      std::copy_n((c.alike(v).*measure.values).data(), images, row);
  return all;
}

/// A line of the table: one model, or all that make up a yardstick.
struct Line {
  std::string name;
  std::span<const Column> columns, null; ///< null empty: no comparison with it

  double right() const {
    double sum = 0;
    for (const Column& c : columns) sum += c.right;
    return sum / static_cast<double>(columns.size());
  }
  index_t blank() const {
    index_t count = 0;
    for (const Column& c : columns) count += std::count(c.blank.begin(), c.blank.end(), 1.0);
    return count;
  }
  saliency::Estimate alike(const Measure& m, Values v) const {
    return saliency::bootstrap_mean(stack(columns, m, v));
  }
  /// The mean difference to the null, paired by image.
  saliency::Estimate minus_null(const Measure& m, Values v) const {
    return saliency::bootstrap_difference(stack(columns, m, v, null.size()), stack(null, m, v));
  }
};

void print_table(const std::vector<Line>& lines, Values v) {
  std::size_t widest = 5;
  for (const Line& line : lines) widest = std::max(widest, line.name.size());
  const int w = static_cast<int>(widest);
  std::printf("%-*s    right", w, "");
  for (const Measure& m : measures) std::printf("  %-20s", m.name);
  std::printf("\n");
  for (const Line& line : lines) {
    char right[16] = "-  ";
    if (!std::isnan(line.right()))
      std::snprintf(right, sizeof right, "%.1f %%", 100 * line.right());
    std::printf("%-*s  %7s", w, line.name.c_str(), right);
    for (const Measure& m : measures) std::printf("  %-20s", text_of(line.alike(m, v)).c_str());
    std::printf("\n");
  }
  for (const Line& line : lines) {
    const index_t constant = line.alike(measures[0], v).excluded;
    if (constant > 0)
      std::printf("%s: left out, one of the two maps is constant: %d of %d, %d of them blank\n",
                  line.name.c_str(), int(constant),
                  int(line.columns.size()) * int(line.columns[0].blank.size()), int(line.blank()));
    if (line.null.empty()) continue;
    const saliency::Estimate e = line.minus_null(measures[0], v);
    std::printf("%s less the null: %s, %s\n", line.name.c_str(), text_of(e).c_str(),
                std::isnan(e.high) ? "not decided"
                : e.high < 0       ? "a drift"
                                   : "within the band");
  }
}

io::Json table_json(const std::vector<Line>& lines, Values v) {
  io::Json table = io::Json::array();
  for (const Line& line : lines) {
    io::Json json = io::Json::object({{"model", line.name}});
    if (!std::isnan(line.right())) json["right"] = line.right();
    json["blank"] = line.blank();
    for (const Measure& m : measures) {
      json[m.name] = to_json(line.alike(m, v));
      if (!line.null.empty())
        json[std::string(m.name) + "_minus_null"] = to_json(line.minus_null(m, v));
    }
    table.push_back(std::move(json));
  }
  return table;
}

/// A row an image; columns: the image, the models, another seed, random weights.
void write_picture(const Options& o, const Images& images, std::span<const std::uint8_t> targets,
                   const std::vector<const Column*>& columns) {
  const Method& method = find_method(o.method);
  const index_t rows = std::min(o.rows, images.size());
  const Tensor<std::uint8_t> codes = images.pixels(columns[0]->model.spec.quant.input);
  const Tensor<std::uint8_t> pictures = saliency::to_rgb(codes.view().slice(0, rows));
  GridOptions grid{.title = std::string(method.head) + " of the " + o.how.score +
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
    for (std::size_t n = 0; n < tiles.size(); ++n) {
      char caption[16] = "";
      const double alike = c->alike(method.values).spearman[static_cast<index_t>(n)];
      if (c != columns[0]) std::snprintf(caption, sizeof caption, "%.2f", alike);
      if (std::isnan(alike)) std::snprintf(caption, sizeof caption, "constant");
      tiles[n].push_back(tile_of_map(drawn, maps, static_cast<index_t>(n), caption));
    }
  }
  write_png(o.out + "/maps.png", compose_grid(tiles, grid));
}

void compare(const Options& o) {
  std::vector<Column> models = load_columns(o.models), null = load_columns(o.null), floor;
  const Images images = load_images(o.images, o.data);
  for (const auto* columns : {&models, &null})
    for (const Column& c : *columns) check_fits(images, c.model.net, c.path);
  make_out_folder(o.out);
  Column& first = models[0];
  const Tensor<float> x = images.input(first.model.spec.quant.input);
  const auto targets = choose_targets(o.targets, images, logits_of(first.model.net, x));
  for (std::uint64_t seed : {1001u, 1002u, 1003u}) floor.push_back(random_column(first, seed, x));

  std::vector<const Column*> shown;
  for (auto* columns : {&models, &null, &floor})
    for (Column& c : *columns) {
      fill_in(c, images, targets, o, first);
      if (columns != &floor || &c == &floor[0]) shown.push_back(&c);
    }
  std::vector<Line> lines;
  for (std::size_t m = 1; m < models.size(); ++m)
    lines.push_back({models[m].name, {&models[m], 1}, null});
  if (!null.empty()) lines.push_back({"null: another seed", null, {}});
  lines.push_back({"floor: random weights", floor, {}});

  std::printf("%s maps of %d images, compared with those of %s (%s)\n", o.method.c_str(),
              int(images.size()), first.name.c_str(), model_text(first.model.spec).c_str());
  print_table(lines, find_method(o.method).values);
  if (null.empty())
    std::printf("without --null, nobody can tell a drift from the noise between seeds\n");
  write_picture(o, images, targets, shown);
  io::write_file_atomically(
      o.out + "/metrics.json",
      io::to_pretty_string(io::Json::object({{"reference", first.path},
                                             {"images", o.images},
                                             {"count", images.size()},
                                             {"method", o.method},
                                             {"score", o.how.score},
                                             {"targets", targets},
                                             {"with_sign", table_json(lines, Values::with_sign)},
                                             {"magnitude", table_json(lines, Values::magnitude)},
                                             {"version", sgq::version}})));
  std::printf("%s/maps.png\n", o.out.c_str());
}

} // namespace

int main(int argc, char** argv) {
  return run_program("compare", [&] {
    Options o;
    CommandLine line("compare", "whether several networks look at the same pixels");
    line.text("--models", &o.models, "NAME=FILE,..",
              "networks, each a model.safetensors; the first is what the others are compared with");
    line.text("--null", &o.null, "FILE,..", "the first network, trained from other seeds");
    line.text("--images", &o.images, "FILE.npy|SET:0,1,5-9",
              "uint8 pixel codes or float32 network input [N,C,H,W]; or images of a test set");
    line.text("--data", &o.data, "DIR",
              "where the set is, in DIR/SET or DIR (default: data, here or in the source tree)");
    line.text("--targets", &o.targets, "auto|true|predicted|LIST",
              "the classes to explain; auto: the true ones if known, else the first model's");
    line.choice("--method", &o.method, method_names(), "how maps are made");
    add_method_options(line, o.how);
    line.integer("--rows", &o.rows, {1, 1000}, "images in the picture, at most");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one a core");
    line.text("--out", &o.out, "DIR", "takes maps.png and metrics.json");
    if (!line.parse(argc, argv)) return;
    if (o.models.empty()) throw usage_error("--models NAME=FILE,.. is needed");
    if (o.images.empty()) throw usage_error("--images is needed, as in --images mnist:0-99");
    sgq::set_num_threads(o.threads);
    compare(o);
  });
}
