// allocate -- which layers should keep their bits?
//
//     build/release/examples/allocate --model out/fp32/model.safetensors --share 0.85
//         --out out/bits
//     build/release/examples/cifar10 --bits out/bits/by-maps.txt
//         --from-weights out/fp32/model.safetensors
//
// Lowers the weights of one layer at a time, measures on validation images how much the loss rises
// and the maps change, and gives each layer 2, 4 or 8 bits, so that the net is no larger than asked
// and as little as possible is lost: of accuracy, of maps, or of both ranks. Activations keep 4
// bits, first and last layer 8. Random allocations of the same size are the control.
//
// OUT gets a policy a file, by-loss.txt, by-maps.txt, by-both.txt, random-1.txt .., and
// allocation.json with the table.
#include "explaining.hpp"

#include "sgq/nn/cost.hpp"
#include "sgq/quant/allocate.hpp"
#include "sgq/train/bit_sensitivity.hpp"

#include <numeric>

using namespace examples;

namespace {

namespace quant = sgq::quant;
namespace train = sgq::train;
using sgq::index_t;

constexpr int kept = 8, lowered[] = {4, 2}; ///< bits of weights

struct Options {
  std::string model, dataset, data, out, weights = "sawb", cost = "bytes";
  double share = 0.85;
  index_t images = 2000, explained = 500, random = 5, draw = 1;
  MethodOptions how;
  int threads = 0;
};

/// The net, what it was measured on, and what its layers cost.
struct Task {
  nn::Model<float> model;
  data::Dataset calibration, validation;
  nn::NetCost cost; ///< of w4a4
  std::vector<train::BitSensitivity> sensitivities;
};

/// One way to choose.
struct Result {
  std::string name;
  quant::Allocation allocation;
  std::string policy;
};

index_t cost_of(const nn::LayerCost& layer, int bits, const Options& o) {
  nn::LayerCost at = layer;
  at.weight_bits = bits;
  return o.cost == "bytes" ? at.packed_bytes() : at.bit_operations();
}

Task load(const Options& o) {
  nn::Model<float> model = load_explained(o.model);
  if (model.bits() != "fp32")
    throw usage_error(describe("--model", "a real-valued network", model_text(model)));
  const std::string set = dataset_of(o.dataset, model, o.model);
  if (protocol_of(model.metadata, o.model) != data::Protocol::validation)
    std::printf("warning: the model was not trained with --validation: it may have seen the "
                "images that it is measured on\n");
  const auto part = [&](data::Split split, index_t images) { // drawn: sets may be sorted by class
    const data::Dataset all =
        data::load(set, data_folder(o.data, set), split, data::Protocol::validation);
    std::vector<index_t> order(static_cast<std::size_t>(all.size()));
    std::iota(order.begin(), order.end(), index_t{0});
    sgq::shuffle(order, sgq::Random(1, 0x64726177u)); // "draw"
    order.resize(static_cast<std::size_t>(std::min(images, all.size())));
    return data::subset(all, order);
  };
  data::Dataset calibration = part(data::Split::train, 200);
  data::Dataset validation = part(data::Split::test, o.images);
  check_fits(images_of(set, data::slice(validation, 0, 1)), model, o.model);
  warn_of_other_set(model, validation.name);
  return {std::move(model), std::move(calibration), std::move(validation), {}, {}};
}

/// Fills in costs and sensitivities.
void measure(Task& task, const Options& o) {
  nn::Net<float>& net = task.model.net;
  const QuantParams& grid = task.model.input;
  data::Batches<float> calibration(task.calibration, grid, {.size = 200, .shuffle = false});
  data::Batches<float> validation(task.validation, grid, {.size = 200, .shuffle = false});
  const View<const float> first = calibration.batch(0).x;

  nn::QuantizeOptions how;
  how.weights = o.weights;
  how.input = grid;
  how.bits = quant::parse_bit_policy("w4a4");
  nn::quantize(net, how);
  nn::calibrate(net, first);
  task.cost = nn::cost_of(net);
  how.bits = {};
  nn::quantize(net, how);

  const Images images =
      images_of(o.dataset.empty() ? task.validation.name : o.dataset,
                data::slice(task.validation, 0, std::min(o.explained, task.validation.size())));
  const Tensor<float> x = images.input(grid);
  const saliency::MapMethod& method = o.how.method();
  const saliency::ExplainerOptions options =
      explainer_options(method, images, task.model, o.how, o.data);
  const auto maps = [&](nn::Net<float>& lower) {
    saliency::Explainer explain(lower, options);
    return saliency::to_maps(method.make(explain, x, images.labels, o.how.values), method.values);
  };
  task.sensitivities = train::bit_sensitivities(net, how, lowered, first, validation, maps);
}

/// Average ranks, 1 for the least.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<double> r;
  for (double v : values) {
    double rank = 0.5;
    for (double other : values) rank += other < v ? 1 : other == v ? 0.5 : 0;
    r.push_back(rank);
  }
  return r;
}

using Choices = std::vector<std::vector<quant::WidthChoice>>;

/// What each layer of the body may have; `losses` in the order of the sensitivities.
Choices choices_of(const Task& task, const std::vector<double>& losses, const Options& o) {
  const std::size_t body = task.cost.layers.size() - 2, widths = std::size(lowered);
  Choices choices(body);
  for (std::size_t l = 0; l < body; ++l) {
    const nn::LayerCost& layer = task.cost.layers[l + 1];
    choices[l].push_back({kept, cost_of(layer, kept, o), 0});
    for (std::size_t w = 0; w < widths; ++w)
      choices[l].push_back({lowered[w], cost_of(layer, lowered[w], o), losses[l * widths + w]});
  }
  return choices;
}

/// What the body may cost, and what the rest does.
struct Budget {
  index_t body, rest;
};

Budget budget_of(const Task& task, const Options& o) {
  const index_t whole = o.cost == "bytes" ? task.cost.packed_bytes() : task.cost.bit_operations();
  index_t w4 = 0;
  for (std::size_t l = 1; l + 1 < task.cost.layers.size(); ++l)
    w4 += cost_of(task.cost.layers[l], 4, o);
  return {static_cast<index_t>(o.share * static_cast<double>(whole)) - (whole - w4), whole - w4};
}

/// Widths drawn evenly until they cost the budget, or up to 2 % of it less; where no draw of many
/// does, those that come closest.
quant::Allocation draw(const Choices& choices, index_t budget, const sgq::Random& random) {
  constexpr index_t draws = 20000;
  quant::Allocation closest; // the cheapest, until a draw costs more
  for (const std::vector<quant::WidthChoice>& widths : choices) {
    const auto least = std::min_element(widths.begin(), widths.end(),
                                        [](auto& a, auto& b) { return a.cost < b.cost; });
    closest.bits.push_back(least->bits);
    closest.cost += least->cost;
  }
  const auto layers = static_cast<index_t>(choices.size());
  for (index_t d = 0; d < draws && closest.cost < budget - budget / 50; ++d) {
    quant::Allocation a;
    for (index_t l = 0; l < layers; ++l) {
      const auto& widths = choices[static_cast<std::size_t>(l)];
      const index_t w = random.below(d * layers + l, static_cast<index_t>(widths.size()));
      a.bits.push_back(widths[static_cast<std::size_t>(w)].bits);
      a.cost += widths[static_cast<std::size_t>(w)].cost;
    }
    if (a.cost <= budget && a.cost > closest.cost) closest = a;
  }
  return closest;
}

Result name(std::string name, quant::Allocation allocation, const Task& task,
            const Budget& budget) {
  Result result{std::move(name), std::move(allocation), "w4a4"};
  for (std::size_t l = 0; l < result.allocation.bits.size(); ++l)
    if (const int bits = result.allocation.bits[l]; bits != 4)
      result.policy += "," + task.cost.layers[l + 1].name + "=w" + sgq::to_text(bits) + "a4";
  result.allocation.cost += budget.rest;
  return result;
}

std::vector<Result> choose_all(const Task& task, const Options& o) {
  std::vector<double> loss, maps, both;
  for (const train::BitSensitivity& s : task.sensitivities) {
    loss.push_back(s.loss);
    maps.push_back(s.maps);
  }
  const std::vector<double> a = ranks(loss), b = ranks(maps);
  for (std::size_t i = 0; i < a.size(); ++i) both.push_back(a[i] + b[i]);
  const Budget budget = budget_of(task, o);
  std::vector<Result> results;
  for (const auto& [by, losses] :
       {std::pair{"by-loss", &loss}, {"by-maps", &maps}, {"by-both", &both}})
    results.push_back(
        name(by, quant::allocate(choices_of(task, *losses, o), budget.body), task, budget));
  const sgq::Random random(static_cast<std::uint64_t>(o.draw), 0x616c6c6fu); // "allo"
  const Choices choices = choices_of(task, loss, o);
  for (index_t r = 0; r < o.random; ++r)
    results.push_back(name("random-" + sgq::to_text(r + 1),
                           draw(choices, budget.body, random.split(static_cast<std::uint64_t>(r))),
                           task, budget));
  return results;
}

void print(const Task& task, const std::vector<Result>& results, const Options& o) {
  std::printf("%s: rise of the loss on %d images and change of %s maps of %d where a layer's "
              "weights alone have fewer bits\n\n%-18s %9s",
              task.model.name().c_str(), int(task.validation.size()), o.how.name.c_str(),
              int(std::min(o.explained, task.validation.size())), "layer", "weights");
  for (int bits : lowered) std::printf("  loss, w%d  maps, w%d  lost", bits, bits);
  for (const Result& r : results) std::printf("  %s", r.name.c_str());
  std::printf("\n");
  const std::size_t widths = std::size(lowered);
  for (std::size_t l = 0; l + 2 < task.cost.layers.size(); ++l) {
    const nn::LayerCost& layer = task.cost.layers[l + 1];
    std::printf("%-18s %9d", layer.name.c_str(), int(layer.weights));
    for (std::size_t w = 0; w < widths; ++w) {
      const train::BitSensitivity& s = task.sensitivities[l * widths + w];
      std::printf("  %8.4f  %8.4f  %4d", s.loss, s.maps, int(s.lost));
    }
    for (const Result& r : results) std::printf("  %*d", int(r.name.size()), r.allocation.bits[l]);
    std::printf("\n");
  }
  std::printf("%-48s %30s", o.cost.c_str(), "");
  for (const Result& r : results)
    std::printf("  %*s", int(r.name.size()), sgq::to_text(r.allocation.cost).c_str());
  std::printf("\n");
}

void write(const Task& task, const std::vector<Result>& results, const Options& o) {
  // What an earlier run with more of them has left would pass for this one's.
  for (const auto& entry : std::filesystem::directory_iterator(o.out)) {
    index_t number = 0;
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".txt" && name.starts_with("random-") &&
        sgq::read_number(name.substr(7), number) && number > o.random)
      std::filesystem::remove(entry.path());
  }
  io::Json layers = io::Json::array({}), policies = io::Json::object({});
  for (const train::BitSensitivity& s : task.sensitivities)
    layers.push_back(io::Json::object({{"layer", s.layer},
                                       {"bits", s.bits},
                                       {"loss", s.loss},
                                       {"maps", s.maps},
                                       {"lost", s.lost},
                                       {"excluded", s.excluded}}));
  for (const Result& r : results) {
    policies[r.name] = io::Json::object(
        {{"policy", r.policy}, {o.cost, r.allocation.cost}, {"objective", r.allocation.loss}});
    io::write_file_atomically(o.out + "/" + r.name + ".txt", r.policy + "\n");
  }
  io::write_file_atomically(o.out + "/allocation.json",
                            io::to_pretty_string(io::Json::object(
                                {{"model", o.model},
                                 {"dataset", task.validation.name},
                                 {"weights", o.weights},
                                 {"cost", o.cost},
                                 {"share", o.share},
                                 {"method", o.how.name},
                                 {"score", o.how.score_of(o.how.method())},
                                 {"samples", o.how.values.samples},
                                 {"seed", o.how.values.seed},
                                 {"random_seed", o.draw},
                                 {"images", task.validation.size()},
                                 {"explained", std::min(o.explained, task.validation.size())},
                                 {"sensitivities", layers},
                                 {"allocations", policies},
                                 {"version", sgq::version}})));
}

} // namespace

int main(int argc, char** argv) {
  return run_program(argv, "allocate", [&] {
    Options o;
    CommandLine line("allocate", "gives each layer the bits that accuracy or maps need");
    line.text("--model", &o.model, "FILE", "a real-valued model.safetensors");
    line.choice_or_folder("--dataset", &o.dataset, sgq::names_of(data::datasets),
                          "what to measure on [what the model was trained on]; DIR: a set of your "
                          "own");
    line.number("--share", &o.share, "budget, as a fraction of the cost of w4a4");
    line.choice("--cost", &o.cost, {"bytes", "bit-operations"}, "what is limited");
    line.choice("--weights", &o.weights, sgq::names_of(quant::weight_schemes<float>),
                "how weights are quantised");
    line.integer("--images", &o.images, {1, 1 << 30}, "validation images for the loss");
    line.integer("--explained", &o.explained, {1, 1 << 30}, "how many of them get maps");
    line.integer("--random", &o.random, {0, 1000}, "random allocations");
    line.integer("--random-seed", &o.draw, {0, 1 << 30}, "their seed");
    add_data_option(line, &o.data);
    add_method_options(line, o.how);
    line.integer("--threads", &o.threads, {0, 1024}, "threads, 0 for one per core");
    line.text("--out", &o.out, "DIR", "folder for the policies and the table");
    if (!line.parse(argc, argv)) return;
    if (o.model.empty() || o.out.empty()) throw usage_error("--model and --out are needed");
    if (!(o.share > 0 && o.share <= 100))
      throw usage_error(describe("--share", "above 0, and at most 100", sgq::to_text(o.share)));
    check_method_options(o.how);
    sgq::set_num_threads(o.threads);
    Task task = load(o); // an error comes before any file
    make_out_folder(o.out);
    measure(task, o);
    const std::vector<Result> results = choose_all(task, o);
    print(task, results, o);
    write(task, results, o);
  });
}
