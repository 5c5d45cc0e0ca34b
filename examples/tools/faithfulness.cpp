// faithfulness -- are the maps of these networks better than the maps of those?
//
//     build/release/examples/faithfulness --a guided=out/g1/model.safetensors,out/g2/..
//         --b plain=out/p1/model.safetensors,out/p2/.. --images mnist:0-999 --out out/faithfulness
//
// Two groups of networks, the k-th of each trained from the same seed, explain the same images.
// For every measure: both means, and the difference paired by seed and image. Student's t
// over the seeds' differences decides, with Holm's correction for all measures; fewer than three
// seeds give no verdict. Beside it stands the bootstrap over images, which says nothing of other
// seeds. Blank maps count as uniform ones; where there are any, a second line leaves out the images
// on which a map of either group is blank.
#include "explaining.hpp"

using namespace examples;

namespace {

struct Options {
  std::string a, b, images, data, out;
  MethodOptions how;
  bool no_deletion = false;
  int threads = 0;
};

/// Networks of one kind, one per seed, and what was measured of them.
struct Group {
  std::string name;
  std::vector<std::string> paths{};
  std::vector<std::string> seeds{};     ///< of training, "" where the file does not say
  std::vector<std::string> measures{};  ///< names
  std::vector<Tensor<double>> values{}; ///< [S,N] per measure, the first being blank_maps
};

/// A measure of both groups, and its difference.
struct Comparison {
  saliency::Estimate a, b;
  SeedDifference difference;

  Comparison(View<const double> of_a, View<const double> of_b)
      : a(saliency::bootstrap_mean(of_a)), b(saliency::bootstrap_mean(of_b)),
        difference(difference_of(of_a, of_b)) {}

  /// p after Holm's correction for all measures.
  const char* verdict(double p) const {
    const saliency::SeedEstimate& e = difference.seeds;
    if (e.seeds < saliency::fewest_seeds) return "no verdict below three seeds";
    return !(p < 0.05) ? "not decided" : e.mean < 0 ? "lower" : "higher";
  }
  void print(const std::string& name, const char* end) const {
    std::printf("%-34s %-8.3f %-8.3f %s  %s\n", name.c_str(), a.mean, b.mean,
                text_of(difference).c_str(), end);
  }
  io::Json json(const Group& group_a, const Group& group_b) const {
    return io::Json::object({{group_a.name, to_json(a)},
                             {group_b.name, to_json(b)},
                             {"difference", to_json(difference)}});
  }
};

/// 1 where the map of either group is blank: only images with a map in both can be subtracted.
Tensor<double> either_blank(const Group& a, const Group& b) {
  Tensor<double> blank = a.values[0];
  for (index_t i = 0; i < blank.size(); ++i) blank[i] = std::max(blank[i], b.values[0][i]);
  return blank;
}

/// Throws usage_error on names under which numbers of metrics.json would replace each other.
void check_names(const Group& a, const Group& b) {
  if (a.name == b.name) throw usage_error(describe("--b", "another name than --a has", b.name));
  for (const Group* group : {&a, &b})
    for (const char* taken : {"difference", "adjusted_p", "verdict", "without_blank"})
      if (group->name == taken)
        throw usage_error(describe(group == &a ? "--a" : "--b", "a name for the networks",
                                   group->name, "metrics.json has numbers of that name"));
}

/// Pairs of two seeds differ by more than what is compared.
void warn_of_seeds(const Group& a, const Group& b) {
  for (std::size_t k = 0; k < a.seeds.size(); ++k)
    if (!a.seeds[k].empty() && !b.seeds[k].empty() && a.seeds[k] != b.seeds[k])
      std::printf(
          "warning: pair %d was trained from seeds %s and %s: list both in the same order\n",
          int(k) + 1, a.seeds[k].c_str(), b.seeds[k].c_str());
}

/// "NAME=FILE,FILE,.."
Group parse_group(const std::string& option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals == 0 || equals + 1 == text.size())
    throw usage_error(describe(option, "NAME=FILE,FILE,..", "'" + text + "'"));
  return {.name = text.substr(0, equals), .paths = split_list(text.substr(equals + 1))};
}

/// Every measure of one network, each [N].
std::vector<saliency::MapMeasure> measure(nn::Model<float>& model, const Images& images,
                                          const Options& o) {
  const Tensor<float> x = images.input(model.input);
  const saliency::MapMethod& method = o.how.method();
  saliency::Explainer explainer(model.net, explainer_options(method, images, model, o.how, o.data));
  const Tensor<float> maps =
      saliency::to_maps(method.make(explainer, x, images.labels, o.how.values), method.values);
  const Marked marked = marked_pixels(images);
  saliency::NetFunction f(model.net);
  const saliency::Classifier classifier(f, model.net.classes(),
                                        {.background = background_of(images, model)});
  std::vector<saliency::MapMeasure> all = saliency::measure_maps(
      {.maps = maps,
       .rank_by = method.values,
       .mask = marked.masks,
       .mask_name = marked.what,
       .model = &classifier,
       .x = x,
       .labels = images.labels,
       .grid = images.x.empty() ? model.input : QuantParams{}}, // ROAD is of codes
      [&](const saliency::MapMetric& metric) {
        return !(o.no_deletion && metric.reads == saliency::MapMetric::Reads::model);
      });
  const auto said = saliency::predictions(saliency::logits_of(model.net, x));
  Tensor<double> right({images.size()});
  for (index_t n = 0; n < images.size(); ++n)
    right[n] = said[static_cast<std::size_t>(n)] == images.labels[static_cast<std::size_t>(n)];
  all.push_back({"accuracy", std::move(right)});
  return all;
}

void fill_in(Group& group, const Images& images, const Options& o) {
  const auto seeds = static_cast<index_t>(group.paths.size());
  for (index_t s = 0; s < seeds; ++s) {
    const std::string& path = group.paths[static_cast<std::size_t>(s)];
    nn::Model<float> model = load_explained(path);
    check_fits(images, model, path);
    group.seeds.push_back(value_of(model.metadata, "seed"));
    const std::vector<saliency::MapMeasure> measured = measure(model, images, o);
    for (std::size_t m = 0; m < measured.size(); ++m) {
      if (s == 0) {
        group.measures.push_back(measured[m].name);
        group.values.emplace_back(Shape{seeds, images.size()});
      }
      std::copy(measured[m].values.begin(), measured[m].values.end(),
                group.values[m].data() + s * images.size());
    }
  }
}

/// Prints a line for each measure, and returns the same as JSON.
io::Json compare(const Group& a, const Group& b) {
  std::vector<Comparison> all;
  std::vector<double> p;
  for (std::size_t m = 0; m < a.measures.size(); ++m) {
    all.emplace_back(a.values[m], b.values[m]);
    p.push_back(all.back().difference.seeds.p);
  }
  p = saliency::holm(p);
  const Tensor<double> blank = either_blank(a, b);
  io::Json table = io::Json::object({});
  for (std::size_t m = 0; m < all.size(); ++m) {
    const Comparison& with = all[m];
    const Comparison without(saliency::without_blank(a.values[m], blank),
                             saliency::without_blank(b.values[m], blank));
    with.print(a.measures[m], with.verdict(p[m]));
    if (with.a.count + with.b.count > without.a.count + without.b.count && m > 0)
      without.print("  where neither map is blank", "");
    io::Json& json = table[a.measures[m]] = with.json(a, b);
    json["adjusted_p"] = p[m];
    json["verdict"] = with.verdict(p[m]);
    json["without_blank"] = without.json(a, b);
  }
  return table;
}

void run(const Options& o) {
  Group a = parse_group("--a", o.a), b = parse_group("--b", o.b);
  check_names(a, b);
  if (a.paths.size() != b.paths.size())
    throw usage_error(describe("--b", "as many networks as --a, " + sgq::to_text(a.paths.size()),
                               sgq::to_text(b.paths.size())));
  const Images images = load_images(o.images, o.data);
  if (images.labels.empty()) throw usage_error("--images: the true classes must be known");
  if (!o.out.empty()) make_out_folder(o.out);
  check_different("--a", a.paths);
  check_different("--b", b.paths);
  for (Group* group : {&a, &b}) fill_in(*group, images, o);
  warn_of_seeds(a, b);

  std::printf("%s maps of %d images, %d networks each\n%-34s %-8s %-8s %s - %s\n",
              o.how.name.c_str(), int(images.size()), int(a.paths.size()), "", a.name.c_str(),
              b.name.c_str(), a.name.c_str(), b.name.c_str());
  print_classes(images.class_names);
  const io::Json table = compare(a, b);
  if (o.out.empty()) return;
  io::write_file_atomically(o.out + "/metrics.json", io::to_pretty_string(io::Json::object(
                                                         {{"images", o.images},
                                                          {"count", images.size()},
                                                          {"class_names", images.class_names},
                                                          {"networks", a.paths.size()},
                                                          {"method", o.how.name},
                                                          {"measures", table},
                                                          {"version", sgq::version}})));
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "faithfulness", [&] {
    Options o;
    CommandLine line("faithfulness", "compares map quality of two groups of networks");
    line.text("--a", &o.a, "NAME=FILE,..", "networks, each a model.safetensors");
    line.text("--b", &o.b, "NAME=FILE,..", "as many others, in the same order of seeds");
    line.text("--images", &o.images, "SET:0,1,5-9",
              "images of a test set; SET may be the path of a folder");
    add_data_option(line, &o.data);
    add_method_options(line, o.how);
    line.flag("--no-deletion", &o.no_deletion,
              "leave out deletion and insertion, which take most of the time");
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--out", &o.out, "DIR", "folder for metrics.json; not written if not given");
    if (!line.parse(argc, argv)) return;
    for (const auto& [name, value] :
         {std::pair{"--a", &o.a}, {"--b", &o.b}, {"--images", &o.images}})
      if (value->empty()) throw usage_error(std::string(name) + " is needed");
    check_method_options(o.how);
    sgq::set_num_threads(o.threads);
    run(o);
  });
}
