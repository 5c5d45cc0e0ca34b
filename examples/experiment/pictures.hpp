// The report's maps: of some images through every network, those that moved most, and the clips'
// courses. Made from the cells' evidence and the set's own images.
#pragma once

#include "cell.hpp"
#include "charts.hpp"
#include "document.hpp"
#include "drift_tables.hpp"

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

/// Loads them by what a row says of its data. Throws io_error if they are not the ones it was made
/// with.
inline Shown load_shown(const io::Json& row, const std::string& data_folder_given) {
  const io::Json& options = row.at("options");
  TrainingOptions o{.dataset = row.at("dataset").as_string(), .data = data_folder_given};
  o.limit = std::strtoll(options.at("limit").as_string().c_str(), nullptr, 10);
  if (const io::Json* protocol = options.find("protocol"))
    o.protocol = parse_protocol(protocol->as_string());
  const data::Dataset all = load_dataset(o, data::Split::test);
  if (const std::string sum = dataset_sum(all), made = row.at("data").at("test_sha256").as_string();
      sum != made)
    throw sgq::io_error(describe(o.dataset + ", test set of the rows", "SHA-256 " + made, sum,
                                 "--data must name the data that the rows were made with"));
  const index_t count = std::min(row.at("explained").as_int(), all.size());
  const data::Dataset part = data::slice(all, 0, count);
  Shown shown{.dataset = o.dataset, .labels = part.labels, .class_names = part.class_names};
  shown.rgb = saliency::to_rgb(part.images);
  return shown;
}

/// The first image of each class, of ten classes at most.
inline std::vector<std::int32_t> one_of_each(const Shown& shown) {
  std::vector<std::int32_t> chosen;
  for (std::size_t c = 0; c < shown.class_names.size() && chosen.size() < 10; ++c)
    for (std::size_t n = 0; n < shown.labels.size(); ++n)
      if (shown.labels[n] == c) {
        chosen.push_back(static_cast<std::int32_t>(n));
        break;
      }
  return chosen;
}

namespace detail {

/// The drawn map of an image, which must be among them.
inline Tile map_tile(const DrawnMaps& drawn, std::int32_t image, std::string caption = {}) {
  const auto at = std::find(drawn.images.begin(), drawn.images.end(), image);
  if (at == drawn.images.end())
    throw sgq::io_error(describe("evidence", "the map of image " + sgq::to_text(image),
                                 sgq::to_text(drawn.images.size()) + " others"));
  const Shape& s = drawn.levels.shape();
  Tensor<float> map({1, s[1], s[2]});
  const std::uint8_t* level = drawn.levels.data() + (at - drawn.images.begin()) * s.stride();
  std::transform(level, level + s.stride(), map.begin(),
                 [](std::uint8_t v) { return static_cast<float>(v) / 255; });
  return tile_of_map(saliency::colorize(map, {.scale = 1}), map, 0, std::move(caption));
}

inline double number_at(const CellNumbers& cell, const char* measure, std::size_t n) {
  const auto found = cell.values.find(measure);
  return found == cell.values.end() ? std::nan("") : found->second[n];
}

} // namespace detail

/// Rows: an image of each class. Columns: the image, then every policy, plain and guided.
inline MapTable map_table(const Study& study, const Shown& shown) {
  const std::vector<std::int32_t> chosen = one_of_each(shown);
  MapTable t{.name = "maps-" + shown.dataset,
             .groups = {{"", 1}},
             .columns = {"image"},
             .tiles = std::vector<std::vector<Tile>>(chosen.size())};
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    t.rows.push_back(shown.class_of(static_cast<std::size_t>(chosen[r])));
    t.tiles[r].push_back(tile_of(shown.rgb, chosen[r]));
  }
  for (const bool guided : {false, true}) {
    t.groups.push_back({training_title(guided), 0});
    for (const std::string& bits : bits_of(study, shown.dataset)) {
      const CellNumbers* cell = study.find(shown.dataset, bits, guided, shown.seed);
      if (!cell) continue;
      t.columns.push_back(bits);
      ++t.groups.back().second;
      for (std::size_t r = 0; r < chosen.size(); ++r) {
        char caption[24] = "";
        const auto n = static_cast<std::size_t>(chosen[r]);
        const double alike = detail::number_at(*cell, "spearman", n);
        if (bits != "fp32" && !std::isnan(alike))
          std::snprintf(caption, sizeof caption, "%.2f", alike);
        const bool right = detail::number_at(*cell, "accuracy", n) > 0;
        t.tiles[r].push_back(detail::map_tile(cell->maps, chosen[r],
                                              std::string(caption) + (right ? "" : " wrong")));
      }
    }
  }
  t.caption = "Where networks trained from seed " + sgq::to_text(shown.seed) + " look on " +
              set_title(shown.dataset) +
              ": |gradient| of the true class's logit, each map on its own scale, bright is large. "
              "Below a map of a quantised network: its Spearman correlation with the fp32 map of "
              "the same training; \"wrong\" where the network errs. The first test image of each "
              "class, not a choice.";
  return t;
}

/// The images whose maps moved furthest when the network was quantised.
inline MapTable worst_table(const Study& study, const Shown& shown) {
  struct Case {
    double alike;
    const CellNumbers* cell;
    std::int32_t image;
  };
  std::vector<Case> cases;
  for (const CellNumbers& c : study.cells) {
    if (c.dataset != shown.dataset || !c.variant.empty() || c.seed != shown.seed ||
        c.bits == "fp32")
      continue;
    for (const std::int32_t n : c.moved.images)
      cases.push_back({detail::number_at(c, "spearman", static_cast<std::size_t>(n)), &c, n});
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::pair(a.alike, a.image) < std::pair(b.alike, b.image);
  });
  std::vector<Case> worst; // of each image once
  for (const Case& c : cases)
    if (worst.size() < 8 &&
        std::none_of(worst.begin(), worst.end(), [&](const Case& w) { return w.image == c.image; }))
      worst.push_back(c);

  MapTable t{.name = "worst-" + shown.dataset,
             .caption = "The lowest Spearman correlations between a quantised network's map and "
                        "that of the fp32 network of the same seed and training, " +
                        set_title(shown.dataset) + ".",
             .rows = {"image", "fp32", "quantised"},
             .tiles = std::vector<std::vector<Tile>>(3)};
  for (const Case& c : worst) {
    t.columns.push_back(shown.class_of(static_cast<std::size_t>(c.image)));
    char caption[64];
    std::snprintf(caption, sizeof caption, "%s %s %.2f", c.cell->bits.c_str(),
                  training_title(c.cell->guided).c_str(), c.alike);
    t.tiles[0].push_back(tile_of(shown.rgb, c.image));
    t.tiles[1].push_back(detail::map_tile(c.cell->moved_from, c.image));
    t.tiles[2].push_back(detail::map_tile(c.cell->moved, c.image, caption));
  }
  return t;
}

/// How the clips of the first seed's networks moved, a chart a policy and training.
inline Figure alpha_figure(const Study& study, const std::string& dataset) {
  Figure figure{.caption = "PACT's clips during training on " + set_title(dataset) +
                           ", first layers dark, last ones light; the number at the end is what "
                           "the network ships with."};
  std::uint64_t seed = 0;
  for (const CellNumbers& c : study.cells)
    if (c.dataset == dataset && c.variant.empty()) seed = seed ? std::min(seed, c.seed) : c.seed;
  for (const char* bits : {"w4a4", "w2a2"})
    for (const bool guided : {false, true}) {
      const CellNumbers* cell = study.find(dataset, bits, guided, seed);
      if (!cell || cell->clips.empty()) continue;
      const index_t points = cell->clips.shape()[0], columns = cell->clips.shape()[1];
      LineChart chart{.title = std::string(bits) + ", " + training_title(guided),
                      .x_label = "training step",
                      .y_label = "alpha"};
      index_t k = 1;
      for (const auto& [layer, value] : cell->row->at("alphas").as_object()) {
        LineChart::Line line{.name = layer};
        for (index_t r = 0; r < points; ++r)
          line.points.emplace_back(static_cast<double>(cell->clips[r * columns]),
                                   static_cast<double>(cell->clips[r * columns + k]));
        chart.lines.push_back(std::move(line));
        ++k;
      }
      figure.drawings.push_back(
          {"alpha-" + dataset + "-" + bits + "-" + training_title(guided), to_small_svg(chart)});
    }
  return figure;
}

} // namespace examples
