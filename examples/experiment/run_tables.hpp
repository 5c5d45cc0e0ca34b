// The report's tables of single networks: per class, cost, ablations, how each was made.
#pragma once

#include "document.hpp"
#include "grid.hpp"
#include "tables.hpp"

namespace examples {

/// What the report says of the run, beside the rows.
struct Setting {
  std::string command{}, scale{};
  std::vector<std::string> missing{}; ///< cells of the plan that are not on the page
};

namespace detail {

inline double run_number(const CellNumbers& c, const char* what) {
  const io::Json* found = c.row->at("run").find(what);
  return found ? found->as_double() : std::nan("");
}

inline std::string with_commas(double v) {
  std::string text = number_of(v, 0);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

inline Table class_table(const Study& study, const std::string& dataset,
                         const std::vector<std::string>& class_names) {
  Table t{.caption = "Accuracy per class on " + set_title(dataset) + ", %, mean over seeds.",
          .head = {set_title(dataset)}};
  for (const std::string& name : class_names) t.rows.push_back({{name}});
  for (const bool guided : {false, true})
    for (const std::string& bits : bits_of(study, dataset)) {
      std::vector<double> right(class_names.size()), images = right;
      for (const CellNumbers& c : study.cells) {
        if (c.dataset != dataset || !c.variant.empty() || c.bits != bits || c.guided != guided)
          continue;
        for (std::size_t k = 0; k < class_names.size(); ++k) {
          right[k] += c.row->at("right_of_class").as_array().at(k).as_double();
          images[k] += c.row->at("images_of_class").as_array().at(k).as_double();
        }
      }
      if (std::all_of(images.begin(), images.end(), [](double n) { return n == 0; })) continue;
      t.head.push_back(bits + ", " + training_title(guided));
      for (std::size_t k = 0; k < class_names.size(); ++k)
        t.rows[k].push_back({number_of(100 * right[k] / images[k], 1)});
    }
  return t;
}

/// A network's cells of one policy, and the fastest measurements among them.
struct Cost {
  const CellNumbers *one = nullptr, *real = nullptr; ///< real: of the fp32 network
  double evaluation = 0, integer = 0, equal = 1;

  double number(const CellNumbers& c, const char* what) const {
    return c.row->at(what).as_double();
  }
  std::string count(const char* what) const { return with_commas(number(*one, what)); }
  std::string times(const char* what) const {
    return number_of(number(*real, what) / number(*one, what), 1) + "\u00d7";
  }
};

inline Cost cost_of(const Study& study, const std::string& dataset, const std::string& bits) {
  Cost cost;
  for (const CellNumbers& c : study.cells) {
    if (c.dataset != dataset || !c.variant.empty() || c.guided) continue;
    if (c.bits == "fp32") cost.real = &c;
    if (c.bits != bits) continue;
    cost.one = &c;
    cost.evaluation = std::fmax(cost.evaluation, run_number(c, "evaluation_images_per_second"));
    cost.integer = std::fmax(cost.integer, run_number(c, "integer_images_per_second"));
    if (const io::Json* share = c.row->find("integer_logits_equal"))
      cost.equal = std::min(cost.equal, share->as_double());
  }
  return cost;
}

/// One line per network and policy.
inline Table cost_table(const Study& study, const std::vector<std::string>& datasets) {
  Table t{.caption =
              "Bit operations: multiplications per image, each times weight bits times input "
              "bits (32 for fp32). Packed bytes are what any format needs, the integer file "
              "is what there is. Rates: the fastest measurement among the plain cells of a line, "
              "on the machine and threads named below; evaluation is the training library's "
              "forward pass on codes or floats, integer the engine that ships, whose logits equal "
              "those of evaluation in every bit where the last column says 100 %.",
          .head = {"network", "parameters", "packed bytes", "smaller", "integer file, bytes",
                   "bit operations", "fewer", "evaluation, images/s", "integer, images/s",
                   "equal logits"}};
  std::vector<std::string> nets;
  for (const std::string& set : datasets)
    for (const std::string& bits : bits_of(study, set)) {
      const Cost c = cost_of(study, set, bits);
      if (!c.one || !c.real) continue;
      const std::string title = c.one->row->at("net").as_string() + " " + bits;
      if (std::find(nets.begin(), nets.end(), title) != nets.end()) continue; // of another set
      nets.push_back(title);
      const std::string equal = number_of(100 * c.equal, c.equal < 1 ? 2 : 0) + " %";
      t.rows.push_back(
          {{title},
           {c.count("parameters")},
           {c.count("packed_bytes")},
           {c.times("packed_bytes")},
           {c.one->row->find("integer_file_bytes") ? c.count("integer_file_bytes") : "-"},
           {c.count("bit_operations")},
           {c.times("bit_operations")},
           {with_commas(c.evaluation)},
           {c.integer > 0 ? with_commas(c.integer) : "-"},
           {c.integer > 0 ? equal : "-"}});
    }
  return t;
}

inline TableCell summary_cell(const io::Json& row, const char* measure) {
  const io::Json* found = row.at("measures").find(measure);
  if (!found || found->at("mean").is_null()) return {"-"};
  const auto read = [&](const char* what) {
    return found->at(what).is_null() ? std::nan("") : found->at(what).as_double();
  };
  return {number_of(read("mean"), 3),
          interval_of({read("mean"), read("low"), read("high"), 0, 0}, ratio)};
}

inline Table ablation_table(const Study& study) {
  Table t{.caption = "Guided training on MNIST at w4a4, one seed; each line changes "
                     "one thing of the first. With one seed these are leads, not results: the "
                     "intervals are over images. The last line trains guided in fp32 first, then "
                     "quantised and plain, in as many epochs.",
          .head = {"changed", "epochs", "accuracy, %", "masked accuracy (low)",
                   "the same, random ranking", "mass on ink", "Gini", "max-sensitivity"}};
  for (const std::string& name : ablation_names)
    for (const CellNumbers& c : study.cells) {
      if (c.variant != name) continue;
      const io::Json& row = *c.row;
      t.rows.push_back({{name == ablation_names.front()
                             ? "nothing: signed rank, share 50 %, uniform fill, lambda 1"
                             : name},
                        {io::to_string(row.at("epochs"))},
                        {number_of(100 * row.at("test_accuracy").as_double(), 2)},
                        summary_cell(row, "masked_accuracy"),
                        summary_cell(row, "masked_accuracy_of_random_ranking"),
                        summary_cell(row, "relevance_mass_on_ink"),
                        summary_cell(row, "gini"),
                        summary_cell(row, "max_sensitivity")});
    }
  return t;
}

inline Table cell_table(const Study& study) {
  Table t{.caption = "Every cell: its accuracy, the SHA-256 of its weights, and the command that "
                     "trains them again",
          .head = {"cell", "accuracy, %", "seconds", "weights", "command"},
          .folded = true};
  for (const CellNumbers& c : study.cells)
    t.rows.push_back({{key_of(*c.row)},
                      {number_of(100 * c.row->at("test_accuracy").as_double(), 2)},
                      {number_of(run_number(c, "training_seconds"), 0)},
                      {c.row->at("files").at("model.safetensors").as_string().substr(0, 16)},
                      {"", "`" + c.row->at("command").as_string() + "`", "words"}});
  return t;
}

inline Table data_table(const Study& study, const std::vector<std::string>& datasets) {
  Table t{.caption = "The sets, and the SHA-256 of pixels and labels as they were used.",
          .head = {"set", "training images", "test images", "training, SHA-256", "test, SHA-256"}};
  for (const std::string& set : datasets)
    for (const CellNumbers& c : study.cells) {
      if (c.dataset != set || !c.variant.empty()) continue;
      const io::Json* protocol = c.row->at("options").find("protocol");
      t.rows.push_back(
          {{set + (protocol ? ", " + protocol->as_string() : "")},
           {io::to_string(c.row->at("train_images"))},
           {io::to_string(c.row->at("test_images"))},
           {"", "`" + c.row->at("data").at("train_sha256").as_string() + "`", "words"},
           {"", "`" + c.row->at("data").at("test_sha256").as_string() + "`", "words"}});
      break;
    }
  return t;
}

/// The different values that a member of `run` has among the rows, joined.
inline std::string run_values(const Study& study, const char* what) {
  std::vector<std::string> found;
  for (const CellNumbers& c : study.cells)
    if (const io::Json* v = c.row->at("run").find(what)) {
      const std::string text = v->is_string() ? v->as_string() : io::to_string(*v);
      if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(text);
    }
  return join(found, " and ");
}

inline void add_making(Document& d, const Study& study, const std::vector<std::string>& datasets,
                       const Setting& setting) {
  double seconds = 0;
  for (const CellNumbers& c : study.cells)
    seconds += run_number(c, "training_seconds") + run_number(c, "measuring_seconds");
  d.blocks.push_back(Heading{"How this was made"});
  d.blocks.push_back(Code{setting.command});
  d.blocks.push_back(Text{
      sgq::to_text(study.cells.size()) + " cells in " + duration_text(seconds) + " on " +
      run_values(study, "machine") + ", " + run_values(study, "isa") + " kernels, " +
      run_values(study, "threads") + " threads; sgq " + run_values(study, "version") + ", commit " +
      run_values(study, "commit") +
      ". The same command gives the same rows, to the last bit, on any number of threads, with "
      "AVX2 or AVX-512; with `--resume` it goes on after an interruption. First and last layer "
      "have 8-bit "
      "weights and their input is pixel codes; weights are quantised by SAWB, activations by "
      "PACT with clips calibrated on the first batch."});
  d.blocks.push_back(data_table(study, datasets));
  d.blocks.push_back(cell_table(study));
}

} // namespace detail

} // namespace examples
