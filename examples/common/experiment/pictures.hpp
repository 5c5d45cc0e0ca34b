// The report's maps: of some images through every network, those that moved most, and the clips'
// courses. Made from the files of the cells and the set's own images.
#pragma once

#include "charts.hpp"
#include "document.hpp"
#include "tables.hpp"

#include "../training_options.hpp"

namespace examples {

/// The explained images of a set, as the cells saw them.
struct Shown {
  std::string dataset{};
  Tensor<std::uint8_t> rgb{}; ///< [N,H,W,3]
  std::vector<std::uint8_t> labels{};
  std::vector<std::string> class_names{};
  std::uint64_t seed = 1; ///< of the networks whose maps are shown

  std::string class_of(std::size_t n) const { return class_names[labels[n]]; }
};

/// Loads them by what a row says of its data.
inline Shown load_shown(const Study& study, const std::string& dataset,
                        const std::string& data_folder_given) {
  const CellNumbers* cell = nullptr;
  for (const CellNumbers& c : study.cells)
    if (c.dataset == dataset && c.variant.empty() && (!cell || c.seed < cell->seed)) cell = &c;
  const io::Json& options = cell->row->at("options");
  TrainingOptions o{.dataset = dataset, .data = data_folder_given};
  o.limit = std::strtoll(options.at("limit").as_string().c_str(), nullptr, 10);
  if (const io::Json* protocol = options.find("protocol"))
    o.protocol = protocol->as_string() == "holdout" ? data::Protocol::holdout
                                                    : data::Protocol::tuning;
  const data::Dataset all = load_dataset(o, data::Split::test);
  const index_t count = std::min(cell->row->at("explained").as_int(), all.size());
  const data::Dataset part = data::slice(all, 0, count);
  Shown shown{.dataset = dataset, .labels = part.labels, .class_names = part.class_names,
              .seed = cell->seed};
  shown.rgb = saliency::to_rgb(part.images);
  return shown;
}

namespace detail {

/// The first image of each class.
inline std::vector<std::size_t> one_of_each(const Shown& shown, std::size_t most) {
  std::vector<std::size_t> chosen;
  for (std::size_t c = 0; c < shown.class_names.size() && chosen.size() < most; ++c)
    for (std::size_t n = 0; n < shown.labels.size(); ++n)
      if (shown.labels[n] == c) {
        chosen.push_back(n);
        break;
      }
  return chosen;
}

inline Tensor<std::uint8_t> drawn_maps(const std::string& out, const CellNumbers& cell) {
  return saliency::colorize(load_maps(out, *cell.row, 0));
}

inline double number_at(const CellNumbers& cell, const char* measure, std::size_t n) {
  const auto found = cell.values.find(measure);
  return found == cell.values.end() ? std::nan("") : found->second[n];
}

} // namespace detail

/// Rows: an image of each class. Columns: the image, then every policy, plain and guided.
inline MapTable map_table(const Study& study, const Shown& shown, const std::string& out) {
  const auto chosen = detail::one_of_each(shown, 10);
  MapTable t{.name = "maps-" + shown.dataset,
             .groups = {{"", 1}},
             .columns = {"image"},
             .tiles = std::vector<std::vector<Tile>>(chosen.size())};
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    t.rows.push_back(shown.class_of(chosen[r]));
    t.tiles[r].push_back(tile_of(shown.rgb, static_cast<index_t>(chosen[r])));
  }
  for (const bool guided : {false, true}) {
    t.groups.push_back({training_title(guided), 0});
    for (const std::string& bits : bits_of(study, shown.dataset)) {
      const CellNumbers* cell = study.find(shown.dataset, bits, guided, shown.seed);
      if (!cell) continue;
      t.columns.push_back(bits);
      ++t.groups.back().second;
      const Tensor<std::uint8_t> maps = detail::drawn_maps(out, *cell);
      for (std::size_t r = 0; r < chosen.size(); ++r) {
        char caption[24] = "";
        const double alike = detail::number_at(*cell, "spearman", chosen[r]);
        if (bits != "fp32" && !std::isnan(alike))
          std::snprintf(caption, sizeof caption, "%.2f", alike);
        const bool right = detail::number_at(*cell, "accuracy", chosen[r]) > 0;
        t.tiles[r].push_back(tile_of(maps, static_cast<index_t>(chosen[r]),
                                     std::string(caption) + (right ? "" : " wrong")));
      }
    }
  }
  t.caption = "Where networks trained from seed " + std::to_string(shown.seed) + " look on " +
              set_title(shown.dataset) +
              ": |gradient| of the true class's logit, each map on its own scale, bright is large. "
              "Below a map of a quantised network: its Spearman correlation with the fp32 map of "
              "the same training; \"wrong\" where the network errs. The first test image of each "
              "class, not a choice.";
  return t;
}

/// The images whose maps moved furthest when the network was quantised.
inline MapTable worst_table(const Study& study, const Shown& shown, const std::string& out) {
  struct Case {
    double alike;
    const CellNumbers* cell;
    std::size_t image;
  };
  std::vector<Case> cases;
  for (const CellNumbers& c : study.cells) {
    if (c.dataset != shown.dataset || !c.variant.empty() || c.seed != shown.seed ||
        c.bits == "fp32" || !study.find(c.dataset, "fp32", c.guided, c.seed))
      continue;
    for (std::size_t n = 0; n < shown.labels.size(); ++n)
      if (const double alike = detail::number_at(c, "spearman", n); !std::isnan(alike))
        cases.push_back({alike, &c, n});
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::pair(a.alike, a.image) < std::pair(b.alike, b.image);
  });
  std::vector<Case> worst; // of each image once
  for (const Case& c : cases)
    if (worst.size() < 8 && std::none_of(worst.begin(), worst.end(), [&](const Case& w) {
          return w.image == c.image;
        }))
      worst.push_back(c);

  MapTable t{.name = "worst-" + shown.dataset,
             .caption = "The lowest Spearman correlations between a quantised network's map and "
                        "that of the fp32 network of the same seed and training, " +
                        set_title(shown.dataset) + ".",
             .rows = {"image", "fp32", "quantised"},
             .tiles = std::vector<std::vector<Tile>>(3)};
  for (const Case& c : worst) {
    const auto n = static_cast<index_t>(c.image);
    t.columns.push_back(shown.class_of(c.image));
    const CellNumbers& real = *study.find(shown.dataset, "fp32", c.cell->guided, shown.seed);
    char caption[64];
    std::snprintf(caption, sizeof caption, "%s %s %.2f", c.cell->bits.c_str(),
                  training_title(c.cell->guided).c_str(), c.alike);
    t.tiles[0].push_back(tile_of(shown.rgb, n));
    t.tiles[1].push_back(tile_of(detail::drawn_maps(out, real), n));
    t.tiles[2].push_back(tile_of(detail::drawn_maps(out, *c.cell), n, caption));
  }
  return t;
}

/// How the clips of the first seed's networks moved, a chart a policy and training.
inline Figure alpha_figure(const Study& study, const std::string& dataset,
                           const std::string& out) {
  Figure figure{.caption = "PACT's clips during training on " + set_title(dataset) +
                           ", first layers dark, last ones light; the number at the end is what "
                           "the network ships with."};
  std::uint64_t seed = 0;
  for (const CellNumbers& c : study.cells)
    if (c.dataset == dataset && c.variant.empty()) seed = seed ? std::min(seed, c.seed) : c.seed;
  for (const char* bits : {"w4a4", "w2a2"})
    for (const bool guided : {false, true}) {
      const CellNumbers* cell = study.find(dataset, bits, guided, seed);
      if (!cell || cell->row->at("alphas").as_object().empty()) continue;
      const std::string folder = cell_folder(out, key_of(*cell->row));
      const auto table = io::parse_npy<float>(read_cell_file(folder, *cell->row, "alpha.npy"),
                                              folder + "/alpha.npy");
      const index_t rows = table.shape()[0], columns = table.shape()[1];
      const index_t stride = std::max<index_t>(1, rows / 120);
      LineChart chart{.title = std::string(bits) + ", " + training_title(guided),
                      .x_label = "training step", .y_label = "alpha"};
      index_t k = 0;
      for (const auto& [layer, value] : cell->row->at("alphas").as_object()) {
        LineChart::Line line{.name = layer};
        for (index_t r = 0; r < rows - 1; r += stride)
          line.points.emplace_back(static_cast<double>(r), table[r * columns + k]);
        line.points.emplace_back(static_cast<double>(rows - 1), value.as_double());
        chart.lines.push_back(std::move(line));
        ++k;
      }
      figure.drawings.push_back(
          {"alpha-" + dataset + "-" + bits + "-" + training_title(guided), to_small_svg(chart)});
    }
  return figure;
}

} // namespace examples
