// The report: what was asked, the answer, and everything behind it. From rows and evidence alone,
// so it can be made again at any time, by the command that made the rows and --report.
#pragma once

#include "html.hpp"
#include "markdown.hpp"
#include "pictures.hpp"

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
  Table t{.caption = "% of each class's test images that are right on " + set_title(dataset) +
                     ", mean over seeds.",
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

/// One line a network and policy; the fastest measurement of its cells.
inline Table cost_table(const Study& study, const std::vector<std::string>& datasets) {
  Table t{.caption =
              "Bit operations: multiplications of an image, each times weight bits times input "
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
      const CellNumbers *one = nullptr, *real = nullptr;
      double evaluation = 0, integer = 0, equal = 1;
      for (const CellNumbers& c : study.cells) {
        if (c.dataset != set || !c.variant.empty() || c.guided) continue;
        if (c.bits == "fp32") real = &c;
        if (c.bits != bits) continue;
        one = &c;
        evaluation = std::fmax(evaluation, run_number(c, "evaluation_images_per_second"));
        integer = std::fmax(integer, run_number(c, "integer_images_per_second"));
        if (const io::Json* share = c.row->find("integer_logits_equal"))
          equal = std::min(equal, share->as_double());
      }
      if (!one || !real) continue;
      const std::string title = one->row->at("net").as_string() + " " + bits;
      if (std::find(nets.begin(), nets.end(), title) != nets.end()) continue; // of another set
      nets.push_back(title);
      const io::Json* file = one->row->find("integer_file_bytes");
      const auto number = [&](const CellNumbers& c, const char* what) {
        return c.row->at(what).as_double();
      };
      const auto times = [&](const char* what) {
        return number_of(number(*real, what) / number(*one, what), 1) + "\u00d7";
      };
      t.rows.push_back({{title},
                        {with_commas(number(*one, "parameters"))},
                        {with_commas(number(*one, "packed_bytes"))},
                        {times("packed_bytes")},
                        {file ? with_commas(file->as_double()) : "-"},
                        {with_commas(number(*one, "bit_operations"))},
                        {times("bit_operations")},
                        {with_commas(evaluation)},
                        {integer > 0 ? with_commas(integer) : "-"},
                        {integer > 0 ? number_of(100 * equal, equal < 1 ? 2 : 0) + " %" : "-"}});
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
          .head = {"cell", "right, %", "seconds", "weights", "command"},
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

/// `shown`: the sets in their order; all have cells.
inline Document make_report(const Study& study, const std::vector<Claim>& claims,
                            const std::vector<Shown>& shown, const Setting& setting) {
  std::vector<std::string> datasets;
  for (const Shown& s : shown) datasets.push_back(s.dataset);
  Document d{.title = "What few bits cost in accuracy and in explanations"};
  d.lead =
      "Two papers disagree. Paper A (arXiv 2411.05858) finds that quantising a network costs both "
      "accuracy and interpretability, more at fewer bits; paper B (arXiv 2412.03915) that guided "
      "and quantised networks keep their accuracy and become more efficient and more "
      "interpretable. Here both are put to seeded networks, several measures and intervals.";
  std::vector<std::string> titles;
  for (const std::string& set : datasets) titles.push_back(set_title(set));
  d.facts = sgq::to_text(study.cells.size()) + " networks on " + join(titles, " and ") +
            "; scale " + setting.scale + "; brackets are 95 % intervals over seeds and images";
  d.answers = make_answers(study, claims, datasets);
  const auto add = [&](Figure figure) {
    if (!figure.drawings.empty()) d.blocks.push_back(std::move(figure));
  };
  if (!setting.missing.empty())
    d.blocks.push_back(Text{"**Unfinished:** networks of this grid that are left out, because they "
                            "are not made yet or lack what they are compared with: " +
                            sgq::to_text(setting.missing.size()) + "."});
  if (setting.scale == "smoke")
    d.blocks.push_back(
        Text{"This is the smoke scale: small networks, few images, moments of training. It shows "
             "that everything runs, and what the report looks like; it is no evidence."});

  d.blocks.push_back(Heading{"The claims, one by one"});
  d.blocks.push_back(claims_table(claims));

  d.blocks.push_back(Heading{"Accuracy against bits"});
  add(bits_figure(study, datasets, "accuracy", "test accuracy, %", 100,
                  "Test accuracy from many bits to few. Dots are means over seeds, whiskers 95 % "
                  "intervals over seeds and images, rings single seeds. The scales do not begin at "
                  "zero."));
  for (const std::string& set : datasets) d.blocks.push_back(accuracy_table(study, set));

  d.blocks.push_back(Heading{"Explanations against bits"});
  add(bits_figure(study, datasets, "masked_accuracy", "masked-accuracy area, lower is better", 1,
                  "Accuracy while the pixels that a map ranks highest are replaced by background, "
                  "as an area over 0 to 90 % of them: a good map takes away what matters first."));
  add(bits_figure(study, datasets, "relevance_mass_on_evidence",
                  "relevance mass on the evidence, higher is better", 1,
                  "The built-in set knows which pixels its class is written in: the share of the "
                  "map that lies on them."));
  for (const std::string& set : datasets) d.blocks.push_back(explanation_table(study, set));

  d.blocks.push_back(Heading{"Do quantised networks look elsewhere?"});
  const bool bands = std::any_of(datasets.begin(), datasets.end(),
                                 [&](const std::string& set) { return has_band(study, set); });
  Figure drifts{.caption =
                    "How alike the maps are to those of the fp32 network of the same seed. " +
                    std::string(bands ? "The shaded band is how alike two fp32 networks from "
                                        "different seeds are: a dot inside it is no drift. "
                                      : "") +
                    "Random weights are the floor."};
  for (const std::string& set : datasets)
    drifts.drawings.push_back({"drift-" + set, to_svg(drift_chart(study, set))});
  add(std::move(drifts));
  for (const std::string& set : datasets) d.blocks.push_back(drift_table(study, set));

  d.blocks.push_back(Heading{"What the networks look at"});
  for (const Shown& s : shown) d.blocks.push_back(map_table(study, s));
  d.blocks.push_back(Heading{"Where maps moved most"});
  for (const Shown& s : shown)
    if (MapTable t = worst_table(study, s); !t.columns.empty()) d.blocks.push_back(std::move(t));

  d.blocks.push_back(Heading{"The clips"});
  for (const std::string& set : datasets) add(alpha_figure(study, set));
  d.blocks.push_back(Heading{"Class by class"});
  for (const Shown& s : shown)
    d.blocks.push_back(detail::class_table(study, s.dataset, s.class_names));
  d.blocks.push_back(Heading{"What it costs to run them"});
  d.blocks.push_back(detail::cost_table(study, datasets));
  if (Table t = detail::ablation_table(study); !t.rows.empty()) {
    d.blocks.push_back(Heading{"Ways of guiding"});
    d.blocks.push_back(std::move(t));
  }
  detail::add_making(d, study, datasets, setting);
  return d;
}

} // namespace examples
